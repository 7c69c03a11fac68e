"""Doing again what a database that was put back has forgotten (`sluis recover`).

Each line of the journal is one transaction behind the same gate and on the same road as at first: a
withdrawal purges what waits and recalls what went, an erasure takes the person out of service, each
with its entry, which names what it does again. What is there already, by its id, is left alone; so
all of it can be done twice, or go on after a crash. It runs after every series was opened anew
(`audit/reopening.py`) and before anybody is served.

Whoever was registered after the backup is met again under the id that they had. A person whom
nobody knows and who was erased later is not met again only to be erased. Of a corrected message the
values are not in the journal: what waits of it goes, and its sender sends it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import assert_never
from uuid import UUID

import asyncpg

from gateway.audit.access import NOBODY, Act, Action, Actor, Target, access_leaf, new_trace
from gateway.audit.entries import EntryHead, Event, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.again import Again, moment_of
from gateway.exchange.consents import record_no
from gateway.exchange.correcting_again import correct_again
from gateway.exchange.deciding import LoadBook, in_transaction
from gateway.exchange.erasure import BACKUP_TERM, erase_person
from gateway.exchange.hiding import hide_place
from gateway.exchange.narrowing import (
    Corrected,
    Ended,
    Erased,
    KeysEnded,
    MadeSecret,
    Narrowing,
    NeverNotify,
    Resumed,
    SaidNo,
    Stated,
    Suspended,
    that_stand,
)
from gateway.exchange.notices import whom_of
from gateway.exchange.placing import hidden_of, hide
from gateway.exchange.proof import ALL_KEPT, Keeping
from gateway.exchange.registrations import end_again
from gateway.exchange.rules import RuleBook
from gateway.exchange.tools import GroupTools
from gateway.pseudonyms.domains import ProtectedHandles
from gateway.store import recovery
from gateway.store.consents import NewConsent, lock_persons, write_released
from gateway.store.corrections import corrected
from gateway.store.groups import (
    BESCHERMD,
    TOEGANG,
    VERWERKINGEN,
    Connection,
    ErasedMeanwhileError,
    GroupRows,
    Leaf,
    append_leaves,
    write_facts,
)
from gateway.store.ids import new_id
from gateway.store.protected import SafeContact, insert_contacts
from gateway.store.registrations import standing

Progress = Callable[[int, int], None]


class Recovery:
    """Does acts again; one instance serves one recovery."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        load_book: LoadBook,
        tools: GroupTools,
        *,
        lapse_seconds: float = 10.0,
        backup_term: timedelta = BACKUP_TERM,
        keeping: Keeping = ALL_KEPT,
        by: Actor = NOBODY,
    ) -> None:
        """`keeping` is what stays of the erased; what a decision took besides is in no line.

        `by` is who recovers, for what stands in the access log.
        """
        self._by = by
        self._backup_term = backup_term
        self._keeping = keeping
        self._pool = pool
        self._load_book = load_book
        self._tools = tools
        self._lapse_seconds = lapse_seconds
        self._gone: frozenset[UUID] = frozenset()

    async def replay(
        self, acts: Sequence[Narrowing], progress: Progress | None = None
    ) -> Counter[str]:
        """Do these acts again, in order; gives how many of each kind were not done yet."""
        acts = that_stand(acts)
        self._gone = frozenset(act.subject for act in acts if isinstance(act, Erased))
        done: Counter[str] = Counter()
        for number, act in enumerate(acts, start=1):
            if await self._again(act):
                done[act.kind] += 1
            if progress is not None:
                progress(number, len(acts))
        # Before anybody is served: a process that ran on may hold other rules under this number.
        async with self._pool.acquire() as connection:
            await recovery.outdate_rules(connection)
        return done

    async def missing(self, acts: Sequence[Narrowing]) -> Counter[str]:
        """How many of each kind are not in the database, by their ids; nothing is changed."""
        found: Counter[str] = Counter()
        async with self._pool.acquire() as connection:
            for act in that_stand(acts):
                if not await _is_there(connection, act, self._tools.protected.handles):
                    found[act.kind] += 1
        return found

    async def _again(self, act: Narrowing) -> bool:
        async def work(connection: Connection, book: RuleBook) -> bool:
            again = Again(connection, book, self._tools, self._gone)
            match act:
                case SaidNo():
                    return await self._say_no(again, act)
                case Corrected():
                    return await correct_again(again, act)
                case MadeSecret():
                    return await _make_secret(again, act)
                case Stated():
                    return await _state(again, act)
                case NeverNotify():
                    return await _never_notify(again, act)
                case Erased():
                    now, vault, trace = self._tools.clock(), self._tools.vault, new_trace()
                    done = await erase_person(
                        connection, act.subject, book, vault, trace, now, self._backup_term,
                        is_protected=act.is_protected, keeping=self._keeping,
                    )  # fmt: skip
                    return done is not None
                case Ended():
                    return await end_again(again, act)
                case Suspended():
                    return await self._suspend(again, act)
                case KeysEnded():
                    return await self._end_keys(again, act)
                case Resumed():
                    return False
            assert_never(act)

        return await in_transaction(self._pool, self._load_book, work)

    async def _suspend(self, again: Again, act: Suspended) -> bool:
        if await recovery.is_shut_out(again.connection, act.partner):
            return False
        await recovery.suspend_again(again.connection, act.partner)
        await self._record(again, "partner.suspend", act.partner)
        return True

    async def _end_keys(self, again: Again, act: KeysEnded) -> bool:
        left = await recovery.counting_keys(again.connection, act.partner, act.keys)
        if not left:
            return False
        await recovery.end_keys_again(again.connection, act.partner, left)
        await self._record(again, "partner.key", act.partner)
        return True

    async def _record(self, again: Again, operation: str, partner: str) -> None:
        now = again.millis()
        act = Act(
            operation, Action.UPDATE, self._by, new_trace(), now, now, outcome="opnieuw",
            target=Target("partner", partner),
        )  # fmt: skip
        await append_leaves(again.connection, TOEGANG, [access_leaf(act)])

    async def _say_no(self, again: Again, act: SaidNo) -> bool:
        connection = again.connection
        if await recovery.is_consent_known(connection, act.event):
            return False
        subject = await again.meet(act.person)
        decider = None if act.decider is None else await again.meet(act.decider)
        if subject is None:
            return False
        if subject not in await lock_persons(connection, [subject]):
            raise ErasedMeanwhileError
        event = NewConsent(
            act.event, subject, act.purpose, act.recipient, act.category, False, act.decided_by,
            act.decided_at, act.recorded_for, None, act.supersedes, decider,
        )  # fmt: skip
        await record_no(
            connection, event, await again.key_of(subject), again.book, self._tools.vault,
            new_trace(), self._tools.clock(), lapse_seconds=self._lapse_seconds,
            details={"replays": str(act.event)},
        )  # fmt: skip
        return True


async def _make_secret(again: Again, act: MadeSecret) -> bool:
    connection, tools = again.connection, again.tools
    handles = tools.protected.handles
    if await hidden_of(connection, handles, [act.exchange]):
        return False
    whom = (await whom_of(connection, [act.exchange], tools.vault)).get(act.exchange, [])
    await lock_persons(connection, [one.subject for one in whom])
    subject = await corrected(connection, act.exchange, locks=False)
    if subject is None:
        await hide(connection, handles, act.exchange)
        return True
    trace, now = new_trace(), tools.clock()
    leaves = await hide_place(connection, subject, whom, again.book, tools, trace, now)
    await append_leaves(connection, VERWERKINGEN, leaves)
    return True


async def _state(again: Again, act: Stated) -> bool:
    connection = again.connection
    if await recovery.is_statement_known(connection, act.statement):
        return False
    subject = await again.meet(act.person)
    if subject is None:
        return False
    holders = [await again.meet(one) for one in act.holders]
    await lock_persons(connection, [subject])
    named = [one for one in holders if one is not None]
    facts = GroupRows()
    facts.facts[subject] = None
    facts.statements.append(
        (act.statement, subject, act.deed, named, act.source, act.as_of, act.recorded_for)
    )
    await write_facts(connection, facts)
    entry_id, millis = new_id(), again.millis()
    key = await again.key_of(subject)
    entry = write_entry(
        EntryHead(entry_id, Event.AUTHORITY, new_trace(), None, millis, millis),
        again.book.no_flow,
        [commitment(key, entry_id, subject)],
        {
            "kind": act.deed,
            "replays": str(act.statement),
            "sender": act.recorded_for,
            "source": act.source,
        },
    )
    rows = GroupRows()
    rows.leaves.append(Leaf(leaf_hash(entry), entry, [subject]))
    await write_released(connection, rows, [])
    return True


async def _never_notify(again: Again, act: NeverNotify) -> bool:
    connection = again.connection
    known = await recovery.known_contacts(connection, list(act.contacts))
    missing = [
        SafeContact(contact, act.exchange, name, act.review_on, act.recorded_for, moment_of(act.at))
        for contact, name in act.contacts.items()
        if contact not in known
    ]
    if not missing:
        return False
    await insert_contacts(connection, bytes.fromhex(act.handle), missing)
    entry_id, millis = new_id(), again.millis()
    # The exchange may be gone, and its person with it: the entry names the contact's act alone.
    entry = write_entry(
        EntryHead(entry_id, Event.SAFE_CONTACT, new_trace(), act.exchange, millis, millis),
        again.book.no_flow,
        [],
        {"replays": str(missing[0].id), "sender": act.recorded_for, "step": "vastgelegd"},
    )
    await append_leaves(connection, VERWERKINGEN, [Leaf(leaf_hash(entry), entry, [], BESCHERMD)])
    return True


async def _is_there(connection: Connection, act: Narrowing, handles: ProtectedHandles) -> bool:
    match act:
        case SaidNo():
            return await recovery.is_consent_known(connection, act.event)
        case Corrected():
            return await recovery.is_correction_known(connection, act.correction)
        case MadeSecret():
            return bool(await hidden_of(connection, handles, [act.exchange]))
        case Stated():
            return await recovery.is_statement_known(connection, act.statement)
        case NeverNotify():
            known = await recovery.known_contacts(connection, list(act.contacts))
            return len(known) == len(act.contacts)
        case Erased():
            return not await recovery.is_subject(connection, act.subject)
        case Ended():
            return not await standing(connection, act.recipient, act.registrations)
        case Suspended():
            return await recovery.is_shut_out(connection, act.partner)
        case KeysEnded():
            return not await recovery.counting_keys(connection, act.partner, act.keys)
        case Resumed():
            return True
    assert_never(act)
