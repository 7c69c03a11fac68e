"""The demo's step with mail that is brought: the funder (SRA) is down a while, and comes back."""

from __future__ import annotations

import asyncio
import json
import time
from itertools import islice

from gateway.cli.evidence_story import command
from gateway.cli.output import amount
from gateway.cli.stage import Stage
from gateway.client import AsyncSluis, Event
from gateway.client.webhooks import keys_of
from gateway.sandbox.casework import DecideStatus
from gateway.sandbox.onward import FUNDER, account_of
from gateway.sandbox.receiver import Mailroom, Receiver
from schemas.casework import Accountability
from schemas.decisions import Outcome

EACH = 3
"""Accounts that are sent while the funder is up, and again while it is down."""
_PRIVATE = {"SLUIS_PUSH_PRIVATE": "true"}
_PATIENCE = 30.0
_TOLD = {"pseudoniem", "status", "gestartIn", "beeindigdIn"}


async def account(
    stage: Stage, casebook: AsyncSluis, received: list[Event], decide_status: DecideStatus
) -> None:
    """The casebook accounts for cases that ended; the funder has its mail brought, signed."""
    keys = keys_of(json.loads(await casebook.look("/.well-known/jwks.json", {})))
    mailroom = Mailroom(keys)
    with stage.step("The casebook accounts to SRA, which is brought its mail, and is down a while"):
        accounts = _accounts(stage, received, decide_status)
        async with Receiver(mailroom.take) as receiver:
            mailroom.url = receiver.url
            home = stage.home
            await command(home, "partner", "endpoint", FUNDER, receiver.url, environment=_PRIVATE)
            await _send(stage, casebook, accounts[:EACH])
            is_brought = await _until(mailroom, EACH)
            await receiver.stop()
            await _send(stage, casebook, accounts[EACH:])
            listed = await command(home, "push", "list")
            await receiver.start()
            # The pause after a failure grows; an operator who knows better need not wait for it.
            await command(home, "push", "start", FUNDER)
            is_caught_up = await _until(mailroom, len(accounts))
            await command(home, "partner", "endpoint", FUNDER, "--remove")
    places = [event.position for event in mailroom.stored]
    (lane,) = [one for one in listed["recipients"] if one["partner"] == FUNDER]
    stage.say(
        f"{amount(len(places))} accounts brought, {amount(EACH)} of them after it came back;"
        f" {amount(mailroom.refused)} were not genuine"
    )
    stage.say(f"while it was down: {lane['state']}, {amount(lane['waiting'])} waiting")
    claim = stage.claim
    claim(
        "SRA was brought its mail, each message with a signature that verifies",
        is_brought and not mailroom.refused,
    )
    claim("what was sent while SRA was down waited, and came when it was back", is_caught_up)
    claim("it came in order, each message once", places == sorted(set(places)))
    claim("an account names no person and no place", all(map(_is_coarse, mailroom.stored)))


def _accounts(
    stage: Stage, received: list[Event], decide_status: DecideStatus
) -> list[Accountability]:
    """Of cases that ended: what was done, for how many persons."""
    made = (
        account_of(event, decide_status, f"VA-{stage.stamp}-{number}")
        for number, event in enumerate(received)
        if event.is_referral
    )
    return list(islice((one for one in made if one is not None), 2 * EACH))


async def _send(stage: Stage, casebook: AsyncSluis, accounts: list[Accountability]) -> None:
    for one in accounts:
        answer = await casebook.account(one)
        if answer.decision is Outcome.ACCEPTED:
            stage.count("accounts", 1)


async def _until(mailroom: Mailroom, count: int) -> bool:
    """Whether so many messages came within a time that nobody should need."""
    deadline = time.monotonic() + _PATIENCE
    while len(mailroom.stored) < count and time.monotonic() < deadline:  # noqa: ASYNC110 - no event
        await asyncio.sleep(0.1)
    return len(mailroom.stored) == count


def _is_coarse(event: Event) -> bool:
    return set(event.data) <= _TOLD
