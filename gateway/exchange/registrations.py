"""The opening load: a recipient registers the persons whom it knows, so that doubles show at once.

One transaction a request, behind every person's gate: who was never met gets a row like anybody,
each new registration an entry with the person's commitment, and the answer is the pseudonym that
the recipient's own messages bear. A person who restricted or objected to the purpose is not
registered. Nothing leads from here to what is protected, whose persons have rows of their own
(invariant 14), and nobody but this recipient ever learns of a registration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple, assert_never
from uuid import UUID

import asyncpg

from consent.decide import Facts, decide
from consent.register import NOTHING_RECORDED, amsterdam_day
from gateway.audit.access import new_trace
from gateway.audit.entries import EntryHead, Event, RuleFacts, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange import narrowing
from gateway.exchange.again import Again
from gateway.exchange.deciding import LoadBook, in_transaction
from gateway.exchange.rules import CompiledFlow, RuleBook
from gateway.exchange.tools import GroupTools
from gateway.store.consents import lock_persons
from gateway.store.groups import (
    VERWERKINGEN,
    Connection,
    ErasedMeanwhileError,
    Leaf,
    NewSubject,
    admit_subjects,
    append_leaves,
    stored_keys,
)
from gateway.store.ids import new_id
from gateway.store.notices import restricted
from gateway.store.registrations import Known, NewRegistration, end, lock_known, register, standing
from gateway.vault.boxes import CONTENT, DataKey, Vault, WrappedKey
from gateway.vault.keys import epoch_of
from schemas.decisions import Hold, Permit, Refuse
from schemas.fields import MessageKind

FIELD = "registratie.burgerservicenummer"
ENDED = "beeindigd"


class Named(NamedTuple):
    """What a person is called by the recipient; None where they may not be registered."""

    pseudonym: str | None


class Registrations:
    """Records whom recipients know; one instance serves the process."""

    def __init__(self, pool: asyncpg.Pool, load_book: LoadBook, tools: GroupTools) -> None:
        self._pool = pool
        self._load_book = load_book
        self._tools = tools

    async def register(
        self, partner: str, handles: Sequence[bytes], trace: Trace
    ) -> list[Named] | Refuse:
        """Register the persons behind these handles, in order; or why the protocol admits none.

        A refusal leaves an entry too (invariant 5). Registering somebody again gives the same
        name and begins their term anew.
        """

        async def work(connection: Connection, book: RuleBook) -> list[Named] | Refuse:
            now = self._tools.clock()
            flow = _admitted(book, partner, amsterdam_day(now))
            if isinstance(flow, Refuse):
                leaf = _leaf(book.no_flow, partner, "geweigerd", None, trace, now, new_id())
                await append_leaves(connection, VERWERKINGEN, [leaf])
                return flow
            return await self._record(connection, flow, partner, handles, trace, now)

        return await in_transaction(self._pool, self._load_book, work)

    async def end(self, partner: str, handles: Sequence[bytes], trace: Trace) -> None:
        """Know these persons no longer; who was not known stays so. Always possible."""

        async def work(connection: Connection, book: RuleBook) -> None:
            now = self._tools.clock()
            found = await lock_known(connection, sorted(set(handles)))
            ended = await end(connection, partner, list(found.values()))
            # On disk outside the database first, as all that narrows (ADR 0019).
            await self._tools.journal.write(narrowing.ended(partner, ended, now))
            keys = await _keys(connection, sorted(ended), self._tools.vault)
            leaves = [
                _leaf(_facts(book, partner), partner, ENDED, (key, subject), trace, now, new_id())
                for subject, key in keys.items()
            ]
            if leaves:
                await append_leaves(connection, VERWERKINGEN, leaves)

        await in_transaction(self._pool, self._load_book, work)

    async def _record(
        self,
        connection: Connection,
        flow: CompiledFlow,
        partner: str,
        handles: Sequence[bytes],
        trace: Trace,
        now: datetime,
    ) -> list[Named]:
        known = await self._meet(connection, sorted(set(handles)), now)
        barred = await restricted(connection, list(known.values()))
        purpose = flow.flow.purpose
        admitted = sorted(one for one in known.values() if purpose not in barred.get(one, ()))
        rows = [NewRegistration(one, now, now + flow.unclaimed, new_id()) for one in admitted]
        new = await register(connection, partner, rows)
        keys = await _keys(connection, sorted(new), self._tools.vault)
        leaves = [
            _leaf(
                flow.facts, partner, "geregistreerd", (keys[row.subject], row.subject), trace, now,
                row.entry,
            )
            for row in rows
            if row.subject in new
        ]  # fmt: skip
        if leaves:
            await append_leaves(connection, VERWERKINGEN, leaves)
        may = set(admitted)
        return [
            Named(flow.domain.pseudonym(known[one]) if known[one] in may else None)
            for one in handles
        ]

    async def _meet(
        self, connection: Connection, handles: list[bytes], now: datetime
    ) -> dict[bytes, UUID]:
        """Everybody's row, locked at the gate; made for who had none.

        Asked alike of all: how long it takes must not tell whom the gateway met before.
        """
        epoch, new = epoch_of(now), {}
        for handle in handles:
            subject = new_id()
            _, wrapped = self._tools.vault.new_key(subject, CONTENT, epoch)
            new[handle] = NewSubject(subject, *wrapped)
        await admit_subjects(connection, new, [])
        known = await lock_known(connection, handles)
        if len(known) < len(handles):
            raise ErasedMeanwhileError
        return known


async def end_again(again: Again, act: narrowing.Ended) -> bool:
    """End registrations that a database which was put back still had; whether there were any."""
    connection, partner = again.connection, act.recipient
    left = await standing(connection, partner, act.registrations)
    if not left:
        return False
    await lock_persons(connection, left)
    await end(connection, partner, left)
    facts, now, trace = _facts(again.book, partner), again.tools.clock(), new_trace()
    leaves = [
        _leaf(
            facts, partner, ENDED, (key, subject), trace, now, new_id(),
            replays=str(act.registrations[subject]),
        )
        for subject, key in (await _keys(connection, left, again.tools.vault)).items()
    ]  # fmt: skip
    await append_leaves(connection, VERWERKINGEN, leaves)
    return True


async def that_count(
    connection: Connection,
    book: RuleBook,
    recipient: str,
    known: Mapping[UUID, Known],
    now: datetime,
) -> dict[UUID, Known]:
    """The same, of registrations those alone that could be made today; behind the gate.

    One rests on the flow that it was made by: where the protocol has it no more, or the person
    objected to its purpose since, it is told of no longer.
    """
    registered = [subject for subject, one in known.items() if one.is_registered]
    if not registered:
        return dict(known)
    flow = _admitted(book, recipient, amsterdam_day(now))
    may: set[UUID] = set()
    if not isinstance(flow, Refuse):
        barred = await restricted(connection, registered)
        may = {one for one in registered if flow.flow.purpose not in barred.get(one, ())}
    return {subject: one._replace(is_registered=subject in may) for subject, one in known.items()}


def _facts(book: RuleBook, partner: str) -> RuleFacts:
    """The partner's own flow of registrations, as entries name it; none where it is no more."""
    flow = book.table.find(partner, MessageKind.REGISTRATION, partner)
    return book.facts(None if flow is None else flow.id)


def _admitted(book: RuleBook, partner: str, today: date) -> CompiledFlow | Refuse:
    """The partner's own flow of registrations, where it is open; else why it is not."""
    flow = book.table.find(partner, MessageKind.REGISTRATION, partner)
    facts = Facts(None, frozenset({FIELD}), 0, [NOTHING_RECORDED])
    decision = decide(book.table, flow, facts, book.suspended, today)
    match decision:
        case Permit():
            return book.flows[decision.flow]
        case Refuse():
            return decision
        case Hold():
            return Refuse(decision.flow, decision.rule)
        case _:
            assert_never(decision)


async def _keys(
    connection: Connection, subjects: Sequence[UUID], vault: Vault
) -> dict[UUID, DataKey]:
    return {
        one.subject: vault.unwrap(one.subject, CONTENT, WrappedKey(one.epoch, one.wrapped))
        for one in await stored_keys(connection, subjects)
    }


def _leaf(
    facts: RuleFacts,
    partner: str,
    act: str,
    person: tuple[DataKey, UUID] | None,
    trace: Trace,
    now: datetime,
    entry_id: UUID,
    **details: str,
) -> Leaf:
    millis = int(now.timestamp() * 1000)
    entry = write_entry(
        EntryHead(entry_id, Event.REGISTRATION, trace, None, millis, millis),
        facts,
        [] if person is None else [commitment(person[0], entry_id, person[1])],
        {"act": act, "sender": partner, **details},
    )
    return Leaf(leaf_hash(entry), entry, [] if person is None else [person[1]])
