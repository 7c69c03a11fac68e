"""Recording a member's agreement or its withdrawal, with what follows from it at once.

One transaction: the person's gate is closed, the event appended, waiting messages are purged or
reduced by a "no", held ones set free by the "yes" that completes them, and every step leaves its
entry. When this returns, no release that the event forbids can commit any more (invariant 2).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from consent.register import ConsentEvent
from gateway.audit.entries import EntryHead, Event, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange import referral
from gateway.exchange.arrivals import Arrival
from gateway.exchange.group import GroupTools
from gateway.exchange.recording import Person, bound_held, entry_of
from gateway.exchange.rules import RuleBook
from gateway.exchange.withdrawal import Scope, reduce_waiting
from gateway.pseudonyms.domains import Handles
from gateway.store.consents import (
    HeldMessage,
    NewConsent,
    append_consent,
    consent_by_id,
    held_with,
    lock_person,
    subject_of,
    write_released,
)
from gateway.store.groups import (
    VERWERKINGEN,
    Connection,
    GroupRows,
    Leaf,
    NewSubject,
    admit_subjects,
    append_leaves,
    begin_deciding,
    pass_gate,
    stored_consents,
    stored_keys,
)
from gateway.store.ids import new_id
from gateway.vault.boxes import CONTENT, DataKey, Nonces, Vault, WrappedKey
from gateway.vault.keys import epoch_of
from schemas.consents import ConsentReceipt, ConsentRecord, ConsentWithdrawal
from schemas.decisions import Permit
from schemas.referral import DecidedBy, Referral

MAX_TRIES = 3


class NotAPartyError(Exception):
    """The partner is no party to a flow of this purpose and recipient, or to this consent."""


class _Said(NamedTuple):
    """A decision about one person, whoever brings it."""

    scope: Scope
    given: bool
    decided_by: DecidedBy
    decided_at: datetime
    evidence: str | None
    supersedes: UUID | None


class Consents:
    """Records agreements; one instance serves the process."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        load_book: Callable[[Connection, int], Awaitable[RuleBook]],
        handles: Handles,
        tools: GroupTools,
    ) -> None:
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
        )

        async def work(connection: Connection, book: RuleBook) -> ConsentReceipt:
            _require_party(book, partner, said.scope)
            subject = await self._known_or_new(connection, handle)
            return await self._say(connection, book, subject, said, partner, trace)

        return await self._in_transaction(work)

    async def withdraw(
        self, partner: str, consent: UUID, withdrawal: ConsentWithdrawal, trace: Trace
    ) -> ConsentReceipt:
        """Withdraw what was recorded. Raises `NotAPartyError`, also where it does not exist."""

        async def work(connection: Connection, book: RuleBook) -> ConsentReceipt:
            earlier = await consent_by_id(connection, consent)
            if earlier is None:
                raise NotAPartyError("consent")
            scope = Scope(earlier.purpose, earlier.recipient, earlier.category)
            _require_party(book, partner, scope)
            now = self._tools.clock()
            said = _Said(scope, False, withdrawal.decided_by, now, None, consent)
            return await self._say(connection, book, earlier.subject, said, partner, trace)

        return await self._in_transaction(work)

    async def _in_transaction(
        self, work: Callable[[Connection, RuleBook], Awaitable[ConsentReceipt]]
    ) -> ConsentReceipt:
        for attempt in range(1, MAX_TRIES + 1):
            async with self._pool.acquire() as connection:
                try:
                    generation = await begin_deciding(connection)
                    receipt = await work(connection, await self._load_book(connection, generation))
                    await connection.execute("commit")
                except BaseException as error:
                    if not connection.is_closed():
                        await connection.execute("rollback")
                    # Two households that share members can wait for each other; one tries again.
                    if isinstance(error, asyncpg.DeadlockDetectedError) and attempt < MAX_TRIES:
                        continue
                    raise
                return receipt
        raise AssertionError("unreachable: the last try returns or raises")

    async def _known_or_new(self, connection: Connection, handle: bytes) -> UUID:
        subject = new_id()
        epoch = epoch_of(self._tools.clock())
        _, wrapped = self._tools.vault.new_key(subject, CONTENT, epoch)
        await admit_subjects(connection, {handle: NewSubject(subject, *wrapped)}, [])
        found = await subject_of(connection, handle)
        return subject if found is None else found

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
        if not await lock_person(connection, subject):
            raise NotAPartyError("consent")
        key = await _key_of(connection, subject, vault)
        consent_id = new_id()
        evidence = None
        if said.evidence is not None:
            bound = consent_id.bytes + b"bewijs"
            evidence = key.seal(said.evidence.encode(), bound, Nonces().take())
        await append_consent(
            connection,
            NewConsent(
                consent_id, subject, *said.scope, said.given, said.decided_by.value,
                said.decided_at, partner, evidence, said.supersedes,
            ),
        )  # fmt: skip
        entry_id, leaf = _consent_entry(key, subject, said, book, partner, trace, now)
        leaves = [leaf]
        if said.given:
            rows, freed = await self._free_held(connection, subject, book, now)
            rows.leaves[:0] = leaves
            await write_released(connection, rows, freed)
        else:
            leaves += await reduce_waiting(connection, subject, said.scope, book, vault, trace, now)
            await append_leaves(connection, VERWERKINGEN, leaves)
        return ConsentReceipt(consent_id=consent_id, entry_id=entry_id, recorded_at=now)

    async def _free_held(
        self, connection: Connection, subject: UUID, book: RuleBook, now: datetime
    ) -> tuple[GroupRows, list[tuple[UUID, datetime]]]:
        """Decide anew on what waits for this person; what may go now is queued."""
        rows = GroupRows()
        freed: list[tuple[UUID, datetime]] = []
        for held in await held_with(connection, subject):
            persons = await _members(connection, held, self._tools.vault)
            if persons is None:
                continue
            message = self._reopened(held, persons, now)
            own = GroupRows()
            verdict = referral.settle(
                message, persons, book, self._tools.routes, own, Nonces(), now.date()
            )
            if not isinstance(verdict.decision, Permit):
                continue
            rows.parts += own.parts
            for recipient, exchanges in own.mailbox.items():
                rows.mailbox.setdefault(recipient, []).extend(exchanges)
            _, leaf = entry_of(message.arrival, Event.DECISION, verdict, persons, book, now)
            rows.leaves.append(leaf)
            freed.append((held.exchange, now + verdict.keeps))
        return rows, freed

    def _reopened(
        self, held: HeldMessage, persons: list[Person], now: datetime
    ) -> referral.PseudonymisedReferral:
        owner = next(person for person in persons if person.id == held.owner)
        whole = owner.key.open(held.sealed, bound_held(held.exchange.bytes))
        arrival = Arrival(
            held.exchange, held.sender, b"", b"", "", now, Trace(new_id().hex, new_id().hex[16:]),
            (), 0,
        )  # fmt: skip
        translated = referral.TranslatedReferral(arrival, Referral.model_validate_json(whole))
        return referral.pseudonymise(translated, self._handles)


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


async def _members(connection: Connection, held: HeldMessage, vault: Vault) -> list[Person] | None:
    """The members of a held message behind the gate, in its order; None if one was erased."""
    await pass_gate(connection, held.subjects)
    ring = {
        stored.subject: Person(
            stored.subject,
            vault.unwrap(stored.subject, CONTENT, WrappedKey(stored.epoch, stored.wrapped)),
            stored.gate,
        )
        for stored in await stored_keys(connection, held.subjects)
    }
    for e in await stored_consents(connection, held.subjects):
        if e.subject in ring:
            ring[e.subject].consents.append(
                ConsentEvent(e.id, e.purpose, e.recipient, e.category, e.given, e.decided_at)
            )
    if any(subject not in ring for subject in held.subjects):
        return None
    return [ring[subject] for subject in held.subjects]


def _consent_entry(
    key: DataKey,
    subject: UUID,
    said: _Said,
    book: RuleBook,
    partner: str,
    trace: Trace,
    now: datetime,
) -> tuple[UUID, Leaf]:
    entry_id, millis = new_id(), int(now.timestamp() * 1000)
    entry = write_entry(
        EntryHead(entry_id, Event.CONSENT, trace, None, millis, millis),
        book.no_flow,
        [commitment(key, entry_id, subject)],
        {
            "category": said.scope.category,
            "given": said.given,
            "purpose": said.scope.purpose,
            "recipient": said.scope.recipient,
            "sender": partner,
        },
    )
    return entry_id, Leaf(leaf_hash(entry), entry, [subject])
