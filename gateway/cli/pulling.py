"""`sluis pull`: what stands in a partner's mailbox, to the screen, a pipe or a file.

Acknowledged is only what is safe: a page goes to disk (or down the pipe) first, and without a file
nothing is acknowledged unless asked. Pages are written as the bytes that came, so any number of
messages takes the memory of one page; only `--json` without `--out` holds them all.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from gateway.cli.failures import NOT_NOW, failure_of
from gateway.cli.output import Output, Steps, amount
from gateway.cli.sinks import Form, Sink
from gateway.cli.stopping import until_told
from gateway.client import AsyncSluis, Credentials, PageForm, SluisError

FOLLOWING_WAITS = 25
"""Seconds that the gateway holds a question while there is nothing new."""


@dataclass(slots=True)
class Pulled:
    """What was pulled so far."""

    messages: int = 0
    acknowledged: int = 0
    cursor: str | None = None
    by_type: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of one pull; `start` is the cursor to pull from, if not where it was left."""

    form: Form
    acknowledge: bool
    follow: bool
    every_seconds: float
    shows_progress: bool
    start: str | None = None


async def pull_mailbox(credentials: Credentials, wish: Wish, sink: Sink, output: Output) -> Pulled:
    """Pull until the mailbox has nothing more for now, or with `follow` until told to stop."""
    pulled = Pulled(cursor=wish.start)
    async with AsyncSluis(credentials) as client:
        with output.progress() as steps:
            if wish.follow:
                await until_told(_follow(client, wish, sink, pulled, steps, output))
            else:
                await _pull_once(client, wish, sink, pulled, steps, output)
            steps.end("Pulling", f"{amount(pulled.messages)} messages")
        sink.end()
        if wish.acknowledge and not sink.is_safe_by_page and pulled.cursor is not None:
            pulled.acknowledged = await client.acknowledge(pulled.cursor)
    return pulled


async def _follow(
    client: AsyncSluis, wish: Wish, sink: Sink, pulled: Pulled, steps: Steps, output: Output
) -> None:
    while True:
        before, begun = pulled.messages, time.monotonic()
        could = await _pull_once(client, wish, sink, pulled, steps, output, FOLLOWING_WAITS)
        # The gateway answers when there is something. Where it cannot, or is about to end and
        # holds nobody, we wait ourselves.
        is_held = pulled.messages > before or time.monotonic() - begun > 1
        if not (could and is_held):
            await asyncio.sleep(wish.every_seconds)


async def _pull_once(
    client: AsyncSluis,
    wish: Wish,
    sink: Sink,
    pulled: Pulled,
    steps: Steps,
    output: Output,
    wait: int = 0,
) -> bool:
    """Pull what there is; whether the gateway could be asked."""
    form = PageForm.STATUS_FILE if wish.form is Form.CSV else PageForm.LINES
    has_more = True
    while has_more:
        try:
            page = await client.raw_page(pulled.cursor, form=form, wait=wait)
        except SluisError as error:
            failure = failure_of(error)
            if not wish.follow or failure is None or failure.status != NOT_NOW:
                raise
            output.aside(f"{failure.message}; trying again")
            return False
        pulled.messages += sink.write(page, pulled.by_type)
        pulled.cursor, has_more = page.next_cursor, page.has_more
        if wish.acknowledge and sink.is_safe_by_page and page.lines():
            pulled.acknowledged += await client.acknowledge(page.next_cursor)
        if wish.shows_progress:
            steps.move("Pulling", 0, None, f"{amount(pulled.messages)} messages")
    return True
