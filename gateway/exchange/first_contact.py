"""Nobody falls between two stools: a referral without a first contact in its term is signalled.

The term is the flow's (`eersteContactDagen` in the protocol), in calendar days, and begins when a
referral is put in its recipient's mailbox: one that nobody fetches has no contact either. A status
beyond `instroom` ends it. When it is over the sender and whoever coordinates (the recipient) find a
notice `nl.sluis.signaal` in their mailbox, again after a second and a third term, and then no more:
from there on it stands in the operators' list. The sender's names its own reference and nothing of
the casework, and goes only where the protocol has a status from that recipient to that sender, open
today. Who took over from one of them hears it in its place. Of a protected exchange nobody else
hears, and no figure counts it (invariant 14).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from consent.decide import closed_by
from consent.protocol import Flow
from consent.register import amsterdam_day
from gateway.audit.access import new_trace
from gateway.audit.entries import Trace
from gateway.exchange.deciding import LoadBook, deciding
from gateway.exchange.notices import Topic, Whom, add_notice, reference_of, whom_of
from gateway.exchange.repeating import Repeated
from gateway.exchange.rules import RuleBook
from gateway.exchange.successors import Carry
from gateway.store import first_contact as store
from gateway.store.first_contact import Overdue
from gateway.store.groups import Connection, pass_gate
from gateway.store.notices import (
    NoticeRows,
    restricted,
    with_mailbox,
    write_notice_heads,
    write_notices,
)
from gateway.telemetry import Telemetry
from gateway.vault.boxes import Vault
from schemas.casework import Signal, SignalRule
from schemas.fields import MessageKind
from schemas.notices import NoticeKind

EVERY_SECONDS = 60.0
AT_ONCE = 500
SIGNALS_MOST = 3
KEPT = timedelta(days=30)
"""How long it stays known that a contact was told of."""


class FirstContacts(Repeated):
    """Follows the mailboxes and signals what waits too long, for as long as it runs."""

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
        super().__init__("first-contact-waits", telemetry, every)
        self._pool = pool
        self._load_book = load_book
        self._vault = vault
        self._clock = clock
        self._at_once = at_once

    async def turn(self) -> bool:
        """A step of each kind; more follow at once while there is more to do."""
        has_more = await self.follow()
        return await self.signal() == self._at_once or has_more

    async def follow(self) -> bool:
        """Give the next referrals in one mailbox their term; whether there were any positions."""
        async with deciding(self._pool, self._load_book) as (connection, book):
            step = await store.follow(connection, self._at_once)
            if step is None:
                return False
            now = self._clock()
            # What was set free since it arrived has no moment of its own: it counts from now.
            due = {
                one.exchange: (one.since or now) + term
                for one in step.seen
                if (term := _term(book, one.flow)) is not None
            }
            await store.put_followed(connection, step, due)
        return True

    async def signal(self) -> int:
        """Tell of what is due; gives how many referrals were looked at."""
        now = self._clock()
        async with deciding(self._pool, self._load_book) as (connection, book):
            due = await store.lock_due(connection, now, self._at_once)
            there = await store.still_there(connection, [one.exchange for one in due])
            gone = [one.exchange for one in due if one.exchange not in there]
            await store.let_go(connection, gone, now)
            late = [one for one in due if one.exchange in there]
            await self._tell(connection, late, book, now)
            await store.put_signalled(connection, [(x.exchange, _next(x, book, now)) for x in late])
            await store.forget_ended(connection, now - KEPT, self._at_once)
            overdue = await store.count_signalled(connection)
        told = sum(not one.is_protected for one in late)
        self._telemetry.gauge("first_contacts_overdue", overdue)
        if told:
            self._telemetry.log("first-contact-overdue", count=told)
            self._telemetry.count("first_contact_signals", told)
        return len(due)

    async def _tell(
        self, connection: Connection, late: list[Overdue], book: RuleBook, now: datetime
    ) -> None:
        if not late:
            return
        whom = await whom_of(connection, [one.exchange for one in late], self._vault)
        subjects = {person.subject for persons in whom.values() for person in persons}
        await pass_gate(connection, sorted(subjects))
        barred = await restricted(connection, sorted(subjects))
        today = amsterdam_day(now)
        late = [_as_succeeded(one, book, today) for one in late]
        parties = {one.sender for one in late} | {one.recipient or "" for one in late}
        reachable = await with_mailbox(connection, parties)
        rows, trace = NoticeRows(), new_trace()
        for one in late:
            telling = _Telling(book, reachable, barred, trace, now)
            telling.of(rows, one, whom.get(one.exchange, []))
        await write_notices(connection, rows)
        await write_notice_heads(connection, rows)


def _as_succeeded(one: Overdue, book: RuleBook, today: date) -> Overdue:
    """With who took over from its parties in their place: else nobody might hear (ADR 0030)."""
    if one.is_protected or one.recipient is None:
        return one
    taken = book.successions
    sender = taken.of(one.sender, Carry.REFERENCES, today)
    return one._replace(sender=sender, recipient=taken.of(one.recipient, Carry.CASES, today))


class _Telling(NamedTuple):
    """What telling of an overdue referral takes."""

    book: RuleBook
    reachable: Collection[str]
    barred: Mapping[UUID, frozenset[str]]
    trace: Trace
    now: datetime

    def of(self, rows: NoticeRows, one: Overdue, whom: list[Whom]) -> None:
        """The notices to the sender and to the recipient, as far as each may have one."""
        flow, term = self.book.flows.get(one.flow or ""), _term(self.book, one.flow)
        recipient = one.recipient
        if flow is None or term is None or recipient is None or self._is_barred(flow.flow, whom):
            return
        days = term.days
        if self._may_sender_know(one, recipient):
            reference = reference_of(one.exchange, one.owner, one.sealed_reference, whom)
            self._add(rows, one, one.sender, reference, days, whom)
        if one.is_released and recipient in self.reachable:
            self._add(rows, one, recipient, None, days, whom)

    def _is_barred(self, flow: Flow, whom: list[Whom]) -> bool:
        """Nothing more of whoever restricted or objected (GDPR articles 18 and 21)."""
        return any(flow.purpose in self.barred.get(one.subject, ()) for one in whom)

    def _may_sender_know(self, one: Overdue, recipient: str) -> bool:
        """Where the protocol tells the sender how its referrals stand, today."""
        if one.sender not in self.reachable:
            return False
        back = self.book.table.find(recipient, MessageKind.STATUS, one.sender)
        if back is None:
            return False
        today = amsterdam_day(self.now)
        return closed_by(self.book.table, back, self.book.suspended, today) is None

    def _add(
        self,
        rows: NoticeRows,
        one: Overdue,
        to: str,
        reference: str | None,
        days: int,
        whom: list[Whom],
    ) -> None:
        told = Signal(
            rule=SignalRule.NO_FIRST_CONTACT,
            exchange_id=one.exchange,
            reference=reference,
            number=one.signals + 1,
            term_days=days,
        )
        topic = Topic(NoticeKind.SIGNAL, one.exchange, to, one.flow, is_protected=one.is_protected)
        add_notice(rows, topic, told, whom, self.book, self.trace, self.now, holder=one.owner)


def _term(book: RuleBook, flow: str | None) -> timedelta | None:
    compiled = book.flows.get(flow or "")
    if compiled is None or compiled.flow.first_contact_days is None:
        return None
    return timedelta(days=compiled.flow.first_contact_days)


def _next(one: Overdue, book: RuleBook, now: datetime) -> datetime | None:
    """When to signal again; never after the last time, nor where the protocol asks no contact."""
    term = _term(book, one.flow)
    return None if term is None or one.signals + 1 >= SIGNALS_MOST else now + term
