"""On the day that somebody turns 12, 16 or 18, an earlier decision lapses to "ask again".

Decisions and releases see that by themselves, on the day itself. This pass, once a day, tells it to
whoever coordinates: an entry for each agreement that lapsed, and a notice to the recipient that was
handed something of the person. Birth dates are opened for this and stand nowhere in clear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, time
from uuid import UUID

import asyncpg

from consent.decide import asked_of
from consent.register import AMSTERDAM, amsterdam_day, standing
from gateway.audit.access import new_trace
from gateway.audit.entries import EntryHead, Event, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.deciding import LoadBook, deciding
from gateway.exchange.notices import Lapsed, ask_again
from gateway.exchange.persons import Person, read_persons
from gateway.exchange.repeating import Repeated
from gateway.exchange.rules import RuleBook
from gateway.store.consents import lock_persons
from gateway.store.daily import begin_step, end_step, persons_who_agreed, raise_gates
from gateway.store.groups import Connection, Leaf
from gateway.store.ids import new_id
from gateway.store.notices import NoticeRows, write_notice_heads, write_notices
from gateway.telemetry import Telemetry
from gateway.vault.boxes import Vault

PASS = "verjaardagen"  # noqa: S105  # a pass's name
EVERY_SECONDS = 300.0
AT_ONCE = 500


class Birthdays(Repeated):
    """Tells of agreements that lapsed with age, for as long as it runs."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        load_book: LoadBook,
        vault: Vault,
        clock: Callable[[], datetime],
        telemetry: Telemetry,
        *,
        at_once: int = AT_ONCE,
        every: float = EVERY_SECONDS,
    ) -> None:
        super().__init__("birthdays-wait", telemetry, every)
        self._pool = pool
        self._load_book = load_book
        self._vault = vault
        self._clock = clock
        self._at_once = at_once

    async def turn(self) -> bool:
        """A step; another follows at once until today is done."""
        return await self.step() is not None

    async def step(self) -> int | None:
        """Look at the next persons; gives how many agreements lapsed, None when today is done."""
        now = self._clock()
        today = amsterdam_day(now)
        async with deciding(self._pool, self._load_book) as (connection, book):
            begun = await begin_step(connection, PASS, today)
            if begun is None:
                return None
            subjects = await persons_who_agreed(connection, begun.after, self._at_once)
            before = datetime.combine(begun.since, time.max, AMSTERDAM)
            lapsed = await self._lapsed(connection, subjects, book, before, now)
            is_last = len(subjects) < self._at_once
            await end_step(connection, PASS, today, None if is_last else subjects[-1])
            await self._tell(connection, lapsed, book, now)
        return len(lapsed)

    async def _lapsed(
        self,
        connection: Connection,
        subjects: list[UUID],
        book: RuleBook,
        before: datetime,
        now: datetime,
    ) -> list[tuple[Person, Lapsed]]:
        """Of these persons, who turned 12, 16 or 18, and which agreements ended with that."""
        persons = await read_persons(connection, subjects, self._vault, skips_damaged=True)
        since, today = before.date(), amsterdam_day(now)
        turned = [
            person
            for person in persons.values()
            if (day := person.facts.next_birthday(since)) is not None and day <= today
        ]
        if not turned:
            return []
        ids = sorted(person.id for person in turned)
        await lock_persons(connection, ids)
        await raise_gates(connection, ids)
        # What was said since they were read, behind the gate.
        again = await read_persons(connection, ids, self._vault, skips_damaged=True)
        return [
            (person, one) for person in again.values() for one in _ended(person, book, before, now)
        ]

    async def _tell(
        self,
        connection: Connection,
        lapsed: list[tuple[Person, Lapsed]],
        book: RuleBook,
        now: datetime,
    ) -> None:
        if not lapsed:
            return
        trace = new_trace()
        rows = NoticeRows()
        rows.leaves += [_entry(person, one, book, trace, now) for person, one in lapsed]
        told = [one for _, one in lapsed]
        await ask_again(connection, rows, told, book, self._vault, trace, now)
        await write_notices(connection, rows)
        await write_notice_heads(connection, rows)


def _ended(person: Person, book: RuleBook, before: datetime, now: datetime) -> Iterator[Lapsed]:
    """The purposes and recipients to which the person's yes stood before, and does not now."""
    for purpose, recipient in sorted({(e.purpose, e.recipient) for e in person.consents}):
        flows = [
            compiled.flow
            for compiled in book.flows.values()
            if (compiled.flow.purpose, compiled.flow.recipient) == (purpose, recipient)
            and compiled.flow.locks.agreement.required
        ]
        for flow in flows:
            then = standing(person.consents, asked_of(flow, book.protocol, before), person.facts)
            today = standing(person.consents, asked_of(flow, book.protocol, now), person.facts)
            if then.given is True and today.given is not True:
                yield Lapsed(person.id, purpose, recipient)
                break


def _entry(person: Person, lapsed: Lapsed, book: RuleBook, trace: Trace, now: datetime) -> Leaf:
    entry_id, millis = new_id(), int(now.timestamp() * 1000)
    entry = write_entry(
        EntryHead(entry_id, Event.LAPSE, trace, None, millis, millis),
        book.no_flow,
        [commitment(person.key, entry_id, person.id)],
        {"purpose": lapsed.purpose, "reason": "leeftijd", "recipient": lapsed.recipient},
    )
    return Leaf(leaf_hash(entry), entry, [person.id])
