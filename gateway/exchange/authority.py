"""Recording who may decide for a person: authority, guardianship, death, with source and date.

One transaction: the person's gate is closed, the statement appended, every release decided before
looks again, and what was held for want of a known authority is decided anew. What a statement takes
away (holders that differ from another source's) therefore works at once (invariants 2 and 9).
"""

from __future__ import annotations

from uuid import UUID

import asyncpg

from gateway.audit.entries import EntryHead, Event, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange import narrowing
from gateway.exchange.deciding import LoadBook, NotAPartyError, in_transaction
from gateway.exchange.freeing import free_held
from gateway.exchange.persons import known_or_new, read_persons
from gateway.exchange.rules import RuleBook
from gateway.exchange.tools import GroupTools
from gateway.pseudonyms.domains import Handles
from gateway.store.consents import held_together, lock_persons, write_released
from gateway.store.groups import (
    Connection,
    ErasedMeanwhileError,
    GroupRows,
    Leaf,
    write_facts,
)
from gateway.store.ids import new_id
from schemas.consents import AuthorityReceipt, AuthorityRecord


class Authorities:
    """Records statements about authority; one instance serves the process."""

    def __init__(
        self, pool: asyncpg.Pool, load_book: LoadBook, handles: Handles, tools: GroupTools
    ) -> None:
        self._pool = pool
        self._load_book = load_book
        self._handles = handles
        self._tools = tools

    async def record(self, partner: str, record: AuthorityRecord, trace: Trace) -> AuthorityReceipt:
        """Record a statement. Raises `NotAPartyError` for who is in no flow that asks agreement."""

        async def work(connection: Connection, book: RuleBook) -> AuthorityReceipt:
            _require_party(book, partner)
            handle = self._handles.of(record.bsn)
            subject = await known_or_new(connection, handle, self._tools)
            # In one order, so that two statements about each other's children do not deadlock.
            named = sorted(self._handles.of(holder) for holder in record.holders)
            holders = [await known_or_new(connection, one, self._tools) for one in named]
            return await self._state(connection, book, subject, holders, record, partner, trace)

        return await in_transaction(self._pool, self._load_book, work)

    async def _state(
        self,
        connection: Connection,
        book: RuleBook,
        subject: UUID,
        holders: list[UUID],
        record: AuthorityRecord,
        partner: str,
        trace: Trace,
    ) -> AuthorityReceipt:
        now, statement, entry_id = self._tools.clock(), new_id(), new_id()
        whom = {subject} | await held_together(connection, subject)
        if subject not in await lock_persons(connection, whom):
            raise ErasedMeanwhileError
        person = (await read_persons(connection, [subject], self._tools.vault))[subject]
        # Holders that differ from another source's take away what was known: that must stay so.
        lines = await narrowing.stated(
            connection, statement, subject, record.kind, holders, record.source, record.as_of,
            partner, now,
        )  # fmt: skip
        await self._tools.journal.write(lines)
        facts = GroupRows()
        facts.facts[subject] = None
        facts.statements.append(
            (statement, subject, record.kind, holders, record.source, record.as_of, partner)
        )
        await write_facts(connection, facts)
        millis = int(now.timestamp() * 1000)
        entry = write_entry(
            EntryHead(entry_id, Event.AUTHORITY, trace, None, millis, millis),
            book.no_flow,
            [commitment(person.key, entry_id, subject)],
            {"kind": record.kind, "sender": partner, "source": record.source},
        )
        rows, freed = await free_held(connection, subject, book, self._tools, trace, now)
        rows.leaves.insert(0, Leaf(leaf_hash(entry), entry, [subject]))
        await write_released(connection, rows, freed)
        return AuthorityReceipt(statement_id=statement, entry_id=entry_id, recorded_at=now)


def _require_party(book: RuleBook, partner: str) -> None:
    for compiled in book.flows.values():
        flow = compiled.flow
        if flow.locks.agreement.required and partner in (flow.sender, flow.recipient):
            return
    raise NotAPartyError("authority")
