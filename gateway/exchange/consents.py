"""Recording a member's agreement or its withdrawal, with what follows from it at once.

One transaction: the person's gate is closed, the event appended, waiting messages are purged or
reduced by a "no", held ones set free by the "yes" that completes them, and every step leaves its
entry. When this returns, no release that the event forbids can commit any more (invariant 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

import asyncpg

from gateway.audit.entries import EntryHead, Event, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange import narrowing
from gateway.exchange.deciding import LoadBook, NotAPartyError, in_transaction
from gateway.exchange.freeing import free_held
from gateway.exchange.persons import known_or_new
from gateway.exchange.recall import Scope
from gateway.exchange.rules import RuleBook
from gateway.exchange.tools import GroupTools
from gateway.exchange.withdrawal import take_back
from gateway.pseudonyms.domains import Handles
from gateway.store.consents import (
    NewConsent,
    append_consent,
    consent_by_id,
    held_together,
    lock_persons,
    write_released,
)
from gateway.store.groups import (
    Connection,
    ErasedMeanwhileError,
    Leaf,
    stored_keys,
)
from gateway.store.ids import new_id
from gateway.store.notices import Told, receipts_of, recorded_for, write_notice_heads
from gateway.vault.boxes import CONTENT, DataKey, Nonces, Vault, WrappedKey
from schemas.consents import ConsentReceipt, ConsentRecord, ConsentWithdrawal
from schemas.identifiers import Bsn
from schemas.notices import OpenRelease, RecallReport, ToldRecipient
from schemas.referral import DecidedBy, Manner


class _Said(NamedTuple):
    """A decision about one person, whoever brings it."""

    scope: Scope
    given: bool
    decided_by: DecidedBy
    decided_at: datetime
    evidence: str | None
    supersedes: UUID | None
    decider: Bsn | None = None
    valid_until: datetime | None = None
    manner: Manner | None = None
    evidence_hash: str | None = None


class Consents:
    """Records agreements; one instance serves the process."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        load_book: LoadBook,
        handles: Handles,
        tools: GroupTools,
        *,
        lapse_seconds: float = 10.0,
    ) -> None:
        """`lapse_seconds` is after how long a release can no longer be sent."""
        self._lapse_seconds = lapse_seconds
        self._pool = pool
        self._load_book = load_book
        self._handles = handles
        self._tools = tools

    async def record(self, partner: str, record: ConsentRecord, trace: Trace) -> ConsentReceipt:
        """Record a yes or no. Raises `NotAPartyError`."""
        handle = self._handles.of(record.bsn)
        said = _Said(
            Scope(record.purpose, record.recipient, record.category),
            record.given,
            record.decided_by,
            record.decided_at,
            record.evidence,
            None,
            record.decider,
            record.valid_until,
            record.manner,
            record.evidence_hash,
        )

        async def work(connection: Connection, book: RuleBook) -> ConsentReceipt:
            _require_party(book, partner, said.scope)
            subject = await known_or_new(connection, handle, self._tools)
            return await self._say(connection, book, subject, said, partner, trace)

        return await in_transaction(self._pool, self._load_book, work)

    async def withdraw(
        self, partner: str, consent: UUID, withdrawal: ConsentWithdrawal, trace: Trace
    ) -> ConsentReceipt:
        """Withdraw what was recorded. Raises `NotAPartyError`, also where it does not exist."""

        async def work(connection: Connection, book: RuleBook) -> ConsentReceipt:
            earlier = await consent_by_id(connection, consent)
            if earlier is None:
                raise NotAPartyError("consent")
            scope = Scope(earlier.purpose, earlier.recipient, earlier.category)
            # Who recorded it can always withdraw it, also where the protocol has moved on.
            if partner != earlier.recorded_for:
                _require_party(book, partner, scope)
            now = self._tools.clock()
            by, decider = withdrawal.decided_by, withdrawal.decider
            said = _Said(scope, False, by, now, None, consent, decider)
            return await self._say(connection, book, earlier.subject, said, partner, trace)

        return await in_transaction(self._pool, self._load_book, work)

    async def recalled(self, partner: str, consent: UUID) -> RecallReport:
        """How far the recall that followed on a decision is, for the partner that recorded it.

        Raises `NotAPartyError` for all others: that somebody withdrew is none of their business.
        """
        async with self._pool.acquire() as connection:
            if await recorded_for(connection, consent) != partner:
                raise NotAPartyError("consent")
            told = [
                ToldRecipient(
                    recipient=one.recipient,
                    exchange_id=one.about,
                    queued_at=one.queued_at,
                    released_at=one.released_at,
                    acknowledged_at=one.acknowledged_at,
                )
                for one in await receipts_of(connection, consent, partner)
            ]
        is_done = all(one.acknowledged_at is not None for one in told)
        return RecallReport(consent_id=consent, recipients=told, is_done=is_done)

    async def _say(
        self,
        connection: Connection,
        book: RuleBook,
        subject: UUID,
        said: _Said,
        partner: str,
        trace: Trace,
    ) -> ConsentReceipt:
        vault, now = self._tools.vault, self._tools.clock()
        decider = None
        if said.decider is not None:
            decider = await known_or_new(connection, self._handles.of(said.decider), self._tools)
        persons = {subject}
        if said.given:
            # All at once and in order: the members of one household often answer together.
            persons |= await held_together(connection, subject)
        if subject not in await lock_persons(connection, persons):
            if said.supersedes is None:
                raise ErasedMeanwhileError
            raise NotAPartyError("consent")
        key = await _key_of(connection, subject, vault)
        consent_id = new_id()
        evidence = None
        if said.evidence is not None:
            bound = consent_id.bytes + b"bewijs"
            evidence = key.seal(said.evidence.encode(), bound, Nonces().take())
        event = NewConsent(
            consent_id, subject, *said.scope, said.given, said.decided_by.value,
            said.decided_at, partner, evidence, said.supersedes, decider, said.valid_until,
            said.manner, said.evidence_hash,
        )  # fmt: skip
        late: list[Told] = []
        if said.given:
            await append_consent(connection, event)
            entry_id, leaf = _consent_entry(key, event, book, trace, now)
            rows, freed = await free_held(connection, subject, book, self._tools, trace, now)
            rows.leaves.insert(0, leaf)
            await write_released(connection, rows, freed)
        else:
            # On disk outside the database first: a crash from here on leaves a line too many.
            await self._tools.journal.write(await narrowing.said_no(connection, [event], now))
            entry_id, late = await record_no(
                connection, event, key, book, vault, trace, now, lapse_seconds=self._lapse_seconds
            )
        return ConsentReceipt(
            consent_id=consent_id,
            entry_id=entry_id,
            recorded_at=now,
            open_releases=self._told_of(late, partner),
        )

    def _told_of(self, late: list[Told], partner: str) -> list[OpenRelease]:
        """What came too late, of the partner's own exchanges: others' are none of its business."""
        lapse = timedelta(seconds=self._lapse_seconds)
        return [
            OpenRelease(
                exchange_id=one.exchange,
                recipient=one.recipient,
                released_at=one.released_at,
                lapses_at=one.released_at + lapse,
            )
            for one in late
            if one.released_at is not None and partner in (one.sender, one.recipient)
        ]


async def record_no(
    connection: Connection,
    event: NewConsent,
    key: DataKey,
    book: RuleBook,
    vault: Vault,
    trace: Trace,
    now: datetime,
    *,
    lapse_seconds: float,
    details: Mapping[str, object] = MappingProxyType({}),
) -> tuple[UUID, list[Told]]:
    """Record a refusal or withdrawal with all that follows; the caller holds the person's gate.

    `details` are further members of its entry. Gives the entry, and what it came too late for.
    """
    await append_consent(connection, event)
    entry_id, leaf = _consent_entry(key, event, book, trace, now, details)
    scope = Scope(event.purpose, event.recipient, event.category)
    taken = await take_back(
        connection, event.subject, scope, book, vault, trace, now,
        cause=event.id, lapse_seconds=lapse_seconds,
    )  # fmt: skip
    taken.notices.leaves[:0] = [leaf, *taken.leaves]
    await write_notice_heads(connection, taken.notices)
    return entry_id, taken.open


def _require_party(book: RuleBook, partner: str, scope: Scope) -> None:
    """A partner speaks for flows that it sends or receives, and for no other purpose."""
    for compiled in book.flows.values():
        flow = compiled.flow
        is_scope = (flow.purpose, flow.recipient) == (scope.purpose, scope.recipient)
        if is_scope and partner in (flow.sender, flow.recipient):
            return
    raise NotAPartyError("scope")


async def _key_of(connection: Connection, subject: UUID, vault: Vault) -> DataKey:
    (stored,) = await stored_keys(connection, [subject])
    return vault.unwrap(subject, CONTENT, WrappedKey(stored.epoch, stored.wrapped))


def _consent_entry(
    key: DataKey,
    event: NewConsent,
    book: RuleBook,
    trace: Trace,
    now: datetime,
    details: Mapping[str, object] = MappingProxyType({}),
) -> tuple[UUID, Leaf]:
    entry_id, millis = new_id(), int(now.timestamp() * 1000)
    entry = write_entry(
        EntryHead(entry_id, Event.CONSENT, trace, None, millis, millis),
        book.no_flow,
        [commitment(key, entry_id, event.subject)],
        {
            "category": event.category,
            "given": event.given,
            "purpose": event.purpose,
            "recipient": event.recipient,
            "sender": event.recorded_for,
            **details,
        },
    )
    return entry_id, Leaf(leaf_hash(entry), entry, [event.subject])
