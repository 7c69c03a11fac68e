"""Erasing a person from service (vernietiging): one transaction, after which nothing opens.

What waits or is held about the person goes: the whole message where it needs everybody or is about
them first, and otherwise their part, so that what stays equals the message that would have been
sent without them (invariant 13). Then their data key and handle go, which closes every box, every
commitment and every link to them at the commit (invariant 10; AVG art. 17). A message that arrives
for the same BSN afterwards begins a new person.

Something about the person can stand in the box of somebody else: free text, a household's fields, a
message held under its owner's key. What is in service is worked over; and everybody who was in a
message with them gets a fresh sealing key, so that the boxes of before open in no backup either
(`proof.py` says what stays, ADR 0018 why).

Who may ask for this, who is told before, and when the backups have forgotten, is decided before
this transaction is opened (`erasing.py`); its entry states the moments.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

import asyncpg

from consent.protocol import HouseholdRule
from gateway.audit.entries import EntryHead, Event, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.deciding import LoadBook, in_transaction
from gateway.exchange.epochs import backups_until
from gateway.exchange.holding import resealed
from gateway.exchange.proof import ALL_KEPT, Keeping, keep_proof
from gateway.exchange.purging import Purged, purge_leaf
from gateway.exchange.recording import NOTICE
from gateway.exchange.rectifying import without_member
from gateway.exchange.renewing import drop_senders_references, renew_key
from gateway.exchange.rules import CompiledFlow, RuleBook
from gateway.exchange.tools import GroupTools
from gateway.exchange.withdrawal import open_boxes, without
from gateway.pseudonyms.domains import Handles
from gateway.store.consents import lock_persons, replace_boxes, subject_of
from gateway.store.erasure import (
    Concerning,
    Kept,
    company_of,
    delete_subject,
    lock_concerning,
    shares_of,
    void_drafts,
)
from gateway.store.groups import (
    BESCHERMD,
    DONE,
    HELD,
    VERWERKINGEN,
    Connection,
    ErasedMeanwhileError,
    Leaf,
    append_leaves,
    stored_keys,
)
from gateway.store.held import HeldWhole, held_wholes, replace_held
from gateway.store.ids import new_id
from gateway.store.mailbox import StoredPart, drop_members, purge_exchanges, stored_parts
from gateway.store.retention import clear_received
from gateway.vault.boxes import CONTENT, DataKey, SealBrokenError, Vault, WrappedKey
from schemas.identifiers import Bsn

BACKUP_TERM = timedelta(days=30)
"""How long backups must be fit to be put back, where nothing else is set."""


class JoinedMeanwhileError(ErasedMeanwhileError):
    """Somebody came into a message with the person while their rows were locked: try again."""


class Cause(NamedTuple):
    """On which decision somebody is erased, and on which ground."""

    decision: UUID
    ground: str


class Erased(NamedTuple):
    """What was done: the entry that says so, how many exchanges it changed, and what stays."""

    entry_id: UUID
    exchanges: int
    erased_at: datetime
    backups_until: datetime
    kept: tuple[Kept, ...]


class Erasure:
    """Erases persons from service; one instance serves the process."""

    def __init__(
        self, pool: asyncpg.Pool, load_book: LoadBook, handles: Handles, tools: GroupTools
    ) -> None:
        self._pool = pool
        self._load_book = load_book
        self._handles = handles
        self._tools = tools

    async def erase(self, bsn: Bsn, trace: Trace) -> Erased | None:
        """Erase whoever this is; None where nobody is known (any more)."""
        handle = self._handles.of(bsn)

        async def work(connection: Connection, book: RuleBook) -> Erased | None:
            subject = await subject_of(connection, handle)
            if subject is None:
                return None
            now = self._tools.clock()
            return await erase_person(connection, subject, book, self._tools.vault, trace, now)

        return await in_transaction(self._pool, self._load_book, work)


class _Changes:
    """What is to be written of one erasure, gathered before any of it is."""

    def __init__(self) -> None:
        self.purged: list[UUID] = []
        self.cleared: list[UUID] = []
        self.dropped: list[tuple[UUID, int]] = []
        self.boxes: list[tuple[UUID, int, bytes]] = []
        self.held: list[HeldWhole] = []
        self.leaves: list[Leaf] = []


async def erase_person(
    connection: Connection,
    subject: UUID,
    book: RuleBook,
    vault: Vault,
    trace: Trace,
    now: datetime,
    backup_term: timedelta = BACKUP_TERM,
    *,
    is_protected: bool = False,
    keeping: Keeping = ALL_KEPT,
    cause: Cause | None = None,
) -> Erased | None:
    """Erase one person inside the open deciding transaction; the caller commits.

    None where the person is not known (any more): of two that erase, one does. `is_protected` where
    the person is known from protected exchanges only: then nothing of it stands in the open log.
    Raises `JoinedMeanwhileError`.
    """
    company = await company_of(connection, subject)
    locked = await lock_persons(connection, {subject, *company})
    if subject not in locked:
        return None
    if not await company_of(connection, subject) <= company:
        # Taking their rows only now would be out of the order of locks.
        raise JoinedMeanwhileError
    own = await _key_of(connection, subject, vault)
    concerning = await lock_concerning(connection, subject)
    changes = await _work_out(connection, concerning, subject, book, vault, trace, now)
    await drop_senders_references(connection, subject, vault, now)
    await _write(connection, changes)
    await drop_members(connection, await shares_of(connection, subject))
    await void_drafts(connection, locked)
    for one in sorted(company & locked):
        await renew_key(connection, one, vault, now)
    kept = await keep_proof(connection, subject, own, vault, now, keeping)
    await delete_subject(connection, subject)
    gone_at = backups_until(now, backup_term)
    series = BESCHERMD if is_protected else None
    entry_id, leaf = _erasure_entry(own, subject, book, trace, now, gone_at, kept, cause)
    # Heads last, so that they are held for one round trip. The caller commits.
    await append_leaves(connection, VERWERKINGEN, [*changes.leaves, leaf._replace(series=series)])
    return Erased(entry_id, len(concerning), now, gone_at, kept)


async def _key_of(connection: Connection, subject: UUID, vault: Vault) -> DataKey | None:
    """The person's key, for the last commitment; none where it is damaged, which stops nothing."""
    (stored,) = await stored_keys(connection, [subject])
    with suppress(SealBrokenError):
        return vault.unwrap(subject, CONTENT, WrappedKey(stored.epoch, stored.wrapped))
    return None


async def _work_out(
    connection: Connection,
    concerning: Sequence[Concerning],
    subject: UUID,
    book: RuleBook,
    vault: Vault,
    trace: Trace,
    now: datetime,
) -> _Changes:
    changes = _Changes()
    exchanges = [one.exchange for one in concerning]
    parts: dict[UUID, list[StoredPart]] = {}
    for part in await stored_parts(connection, exchanges):
        parts.setdefault(part.exchange, []).append(part)
    held = {one.exchange: one for one in await held_wholes(connection, exchanges)}
    rings = await _rings(connection, held.values(), vault)
    for one in concerning:
        if one.state == DONE:
            # Received, and never handed over again: nobody needs the rest of it either.
            changes.cleared.append(one.exchange)
            continue
        if one.state == HELD:
            persons = _shorten_held(one, held[one.exchange], subject, book, rings, changes)
        else:
            persons = _shorten_waiting(one, parts[one.exchange], subject, book, vault, changes)
        purged = Purged(one.exchange, one.flow, one.sender, one.is_protected)
        changes.leaves.append(purge_leaf(purged, persons, "niet-meer-toegelaten", book, trace, now))
    return changes


def _shorten_waiting(
    one: Concerning,
    parts: Sequence[StoredPart],
    subject: UUID,
    book: RuleBook,
    vault: Vault,
    changes: _Changes,
) -> list[tuple[UUID, DataKey]]:
    """What waits in a mailbox, without the person; gives everybody whom it concerned."""
    opened = open_boxes(parts, vault)
    # What is damaged cannot be worked over, and must not keep a person from being erased.
    if _goes_whole(book.flows.get(one.flow or ""), one, subject) or len(opened) < len(parts):
        changes.purged.append(one.exchange)
    else:
        changes.dropped += [(one.exchange, p.member) for p in parts if p.subject == subject]
        changes.boxes += without(opened, subject)
    return [(p.stored.subject, p.key) for p in opened]


def _shorten_held(
    one: Concerning,
    held: HeldWhole,
    subject: UUID,
    book: RuleBook,
    ring: dict[UUID, DataKey],
    changes: _Changes,
) -> list[tuple[UUID, DataKey]]:
    """What waits for agreement, without the person; gives everybody whom it concerned."""
    persons = [(member, ring[member]) for member in held.subjects if member in ring]
    owner = None if one.owner is None else ring.get(one.owner)
    shorter = None
    if owner is not None and not _goes_whole(book.flows.get(one.flow or ""), one, subject):
        with suppress(SealBrokenError):
            shorter = _without(held, subject, owner)
    if shorter is None:
        changes.purged.append(one.exchange)
    else:
        changes.held.append(shorter)
    return persons


def _without(held: HeldWhole, subject: UUID, owner: DataKey) -> HeldWhole:
    """The message without the person, and without free text, which may be about them."""
    while subject in held.subjects:
        at = held.subjects.index(subject)
        stays = [one for number, one in enumerate(held.subjects) if number != at]
        held = resealed(held, owner, partial(without_member, member=at), stays)
    return held


def _goes_whole(flow: CompiledFlow | None, one: Concerning, subject: UUID) -> bool:
    """Whether nothing is left of a message without the person.

    A flow that the protocol no longer has says nothing of what might stay, so nothing does; a
    notice is sealed as one.
    """
    if flow is None or one.kind == NOTICE or one.owner == subject:
        return True
    agreement = flow.flow.locks.agreement
    return agreement.required and agreement.household is HouseholdRule.ALL


async def _rings(
    connection: Connection, held: Collection[HeldWhole], vault: Vault
) -> dict[UUID, DataKey]:
    """The keys of everybody in these held messages, where they open."""
    subjects = sorted({subject for one in held for subject in one.subjects})
    ring: dict[UUID, DataKey] = {}
    for stored in await stored_keys(connection, subjects):
        with suppress(SealBrokenError):
            wrapped = WrappedKey(stored.epoch, stored.wrapped)
            ring[stored.subject] = vault.unwrap(stored.subject, CONTENT, wrapped)
    return ring


async def _write(connection: Connection, changes: _Changes) -> None:
    if changes.purged:
        await purge_exchanges(connection, changes.purged)
    if changes.cleared:
        await clear_received(connection, changes.cleared)
    if changes.dropped:
        await drop_members(connection, changes.dropped)
    if changes.boxes:
        await replace_boxes(connection, changes.boxes)
    if changes.held:
        await replace_held(connection, changes.held)


def _erasure_entry(
    key: DataKey | None,
    subject: UUID,
    book: RuleBook,
    trace: Trace,
    now: datetime,
    gone_at: datetime,
    kept: Sequence[Kept],
    cause: Cause | None,
) -> tuple[UUID, Leaf]:
    """Names nobody: its commitment closes with the key that is deleted beside it."""
    entry_id, millis = new_id(), int(now.timestamp() * 1000)
    entry = write_entry(
        EntryHead(entry_id, Event.ERASURE, trace, None, millis, millis),
        book.no_flow,
        [] if key is None else [commitment(key, entry_id, subject)],
        {
            "backupsUntil": int(gone_at.timestamp() * 1000),
            "decision": None if cause is None else str(cause.decision),
            "ground": None if cause is None else cause.ground,
            "kept": [{"class": one.name, "until": one.until.isoformat()} for one in kept],
            "unreadableFrom": millis,
        },
    )
    return entry_id, Leaf(leaf_hash(entry), entry, [subject])
