"""A recipient's side: pull in order, keep, acknowledge, and report back how the work goes.

Above all the casebook's; whoever gets an onward referral works its mailbox in the same way.

Acknowledged is only what is kept. What was pulled before and comes again (its acknowledgement was
lost) is known by its exchange and counted as a repeat. Positions are dense, so a gap or a position
given twice to different messages is a fault of the gateway: it is raised, and nothing of that page
is kept or acknowledged. Statuses follow after keeping: a casebook that stopped in between sends
the missing ones first, and repeats are recognised by their reference.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from gateway.client import AsyncSluis, Conflict, Event, Page, Refused, SluisError
from gateway.client.mailbox import MAX_PAGE
from gateway.sandbox.casework import DecideStatus
from gateway.sandbox.dossiers import Dossiers
from gateway.sandbox.obeying import obeyed
from gateway.sandbox.renaming import MAPPING, pairs_of, part_of
from schemas.casework import CaseStatus
from schemas.decisions import Outcome, Rule


class OutOfOrder(SluisError):  # noqa: N818 - named for the fact, as its kin in the client
    """The mailbox gave a gap, or one position for two messages."""


@dataclass(slots=True)
class Tally:
    """What was done so far."""

    pages: int = 0
    received: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    acknowledged: int = 0
    obeyed: int = 0
    statuses: Counter[CaseStatus] = field(default_factory=Counter)
    refused: Counter[Rule] = field(default_factory=Counter)
    handed_on: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    """Households referred onward, by recipient and outcome."""
    accounts: Counter[Outcome] = field(default_factory=Counter)
    """Cases that were accounted for, by outcome."""
    own: int = 0
    """Answers in the party's own format."""


Then = Callable[[AsyncSluis, Event, Tally], Awaitable[None]]
"""What follows on a referral after its statuses; done again after a crash, so it may repeat."""


async def nothing_more(_: AsyncSluis, __: Event, ___: Tally) -> None:
    """Statuses are all that follows."""


async def _at_once() -> None:
    """Nothing is waited for."""


async def work_mailbox(
    client: AsyncSluis,
    store: Dossiers,
    decide_status: DecideStatus,
    *,
    on_progress: Callable[[Tally], None] = lambda _: None,
    page_size: int = MAX_PAGE,
    concurrency: int = 8,
    then: Then = nothing_more,
    reports_late: bool = False,
    before: Callable[[], Awaitable[None]] = _at_once,
) -> Tally:
    """Work the mailbox until it has nothing more for now; at most `concurrency` statuses at once.

    `reports_late` leaves what comes in now to be reported on by the next call; `before` is waited
    for before each status. Raise `OutOfOrder`, and whatever the client raises; calling again goes
    on where it stopped.
    """
    tally, work = Tally(), _Work(client, store, decide_status, then, before, concurrency)
    await work.report_on(store.unreported(), tally)
    async for page in client.pages(size=page_size):
        fresh = _in_order(page, store)
        # To disk first: an acknowledged message is never given again.
        await asyncio.to_thread(store.keep, fresh)
        # Also of a page that comes again: a crash may have come between keeping and obeying.
        tally.obeyed += await asyncio.to_thread(_obey, page, store)
        await asyncio.to_thread(_rename, page, store)
        if page.events:
            tally.acknowledged += await client.acknowledge(page.next_cursor)
        tally.pages += 1
        tally.received.update(event.type for event in fresh)
        tally.repeats += len(page.events) - len(fresh)
        on_progress(tally)
        if reports_late:
            continue
        still = await asyncio.to_thread(store.kept, [e.id for e in fresh if e.is_referral])
        referrals = [event for event in still.values() if event.is_referral]
        await work.report_on(referrals, tally)
        on_progress(tally)
    return tally


def _obey(page: Page, store: Dossiers) -> int:
    """Do what recalls and corrections say, before they are acknowledged; how many changed a case.

    A notice comes after the message that it is about, so that message is kept by now.
    """
    notices = [notice for event in page.events if (notice := event.notice()) is not None]
    if not notices:
        return 0
    before = store.kept({notice.exchange_id for notice in notices})
    after, changed = dict(before), 0
    for notice in notices:
        event = after.get(notice.exchange_id)
        if event is None:
            continue
        after[notice.exchange_id] = obeyed(event, notice)
        changed += after[notice.exchange_id] != event
    if changed:
        store.replace({one: event for one, event in after.items() if event != before[one]})
    return changed


def _rename(page: Page, store: Dossiers) -> None:
    """Rename everything where a page closes a mapping between pseudonyms.

    Before it is acknowledged: of a page that comes again the part is dropped already, and all of it
    was done before.
    """
    for event in page.events:
        closing = part_of(event)
        if closing is None or not closing.is_closing:
            continue
        parts = {one.id: part for one in store.of_type(MAPPING) if (part := part_of(one))}
        if event.id in parts:
            store.rename(pairs_of(closing, list(parts.values())), parts.keys())


def _in_order(page: Page, store: Dossiers) -> list[Event]:
    """The messages of a page that are new, after a check that none is missing or doubled."""
    last, fresh = store.last_position, list[Event]()
    previous: int | None = None
    for event in page.events:
        if previous is not None and event.position != previous + 1:
            raise OutOfOrder(f"position {event.position} came after {previous}")
        previous = event.position
        if last is not None and event.position <= last:
            if not store.has(event.id):
                raise OutOfOrder(f"position {event.position} was another message before")
            continue
        if last is not None and not fresh and event.position != last + 1:
            raise OutOfOrder(f"position {event.position} came after {last}")
        if store.has(event.id):
            raise OutOfOrder(f"position {event.position} repeats an earlier exchange")
        fresh.append(event)
    return fresh


@dataclass(frozen=True, slots=True)
class _Work:
    """How one recipient reports on what it received."""

    client: AsyncSluis
    store: Dossiers
    decide_status: DecideStatus
    then: Then
    before: Callable[[], Awaitable[None]]
    concurrency: int

    async def report_on(self, referrals: Iterable[Event], tally: Tally) -> None:
        waiting = iter(referrals)
        # A page's worth at a time, so that what was reported is marked before much more is.
        while batch := list(islice(waiting, MAX_PAGE)):
            shared = iter(batch)
            workers = [
                asyncio.ensure_future(self._send_each(shared, tally))
                for _ in range(min(self.concurrency, len(batch)))
            ]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
            self.store.mark_reported(event.id for event in batch)

    async def _send_each(self, referrals: Iterator[Event], tally: Tally) -> None:
        for referral in referrals:
            for message in self.decide_status(referral):
                await self.before()
                try:
                    await self.client.send_status(message)
                except Refused as refused:
                    tally.refused[refused.answer.rule] += 1
                except Conflict:
                    tally.refused[Rule.REFERENCE_REUSED] += 1
                else:
                    tally.statuses[message.status] += 1
            await self.then(self.client, referral, tally)
