"""What a "no" does to messages that wait or went before, in the transaction that records it.

Where every member must agree, the message goes as a whole; where the flow lets it be reduced, the
member's part goes, and with the applicant's part the message. What stays is worked over at once,
so that it equals the message that would have been sent without them (invariant 13): the count is
made anew, free text goes, and a category that somebody refuses goes from the household's fields
too. Releases look again in any case, since the gate was raised. Whoever was handed a message before
is told which use stops (`recall.py`).

What counts is where the person stands after the event: an older "no" that is recorded late takes
nothing from a later yes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from consent.minimise import Part, reduce_stored
from consent.protocol import Flow, HouseholdRule
from consent.register import NOTHING_RECORDED, Standing
from gateway.audit.entries import Trace
from gateway.exchange.boxes import pack, unpack
from gateway.exchange.persons import Person, read_persons, standings_of
from gateway.exchange.purging import Purged, purge_leaf
from gateway.exchange.recall import NO, Affected, Scope, flow_then, recall
from gateway.exchange.recording import bound_to
from gateway.exchange.rules import CompiledFlow, RuleBook
from gateway.store.consents import replace_boxes
from gateway.store.groups import WAITING, Connection, GroupRows, Leaf
from gateway.store.mailbox import StoredPart, drop_members, purge_exchanges, stored_parts
from gateway.store.notices import NoticeRows, Told, lock_told, write_notices
from gateway.vault.boxes import CONTENT, DataKey, Nonces, SealBrokenError, Vault, WrappedKey


class _Opened(NamedTuple):
    """One member's box, opened."""

    stored: StoredPart
    key: DataKey
    content: bytes


class TakenBack(NamedTuple):
    """What a "no" leads to: entries, recalls to be queued, and releases that it came too late for.

    `leaves` go to the log before those of `notices`; the caller writes both, heads last.
    """

    leaves: list[Leaf]
    notices: NoticeRows
    open: list[Told]


async def take_back(
    connection: Connection,
    subject: UUID,
    scope: Scope,
    book: RuleBook,
    vault: Vault,
    trace: Trace,
    now: datetime,
    *,
    cause: UUID | None = None,
    lapse_seconds: float = 0.0,
) -> TakenBack:
    """Purge or reduce what waits about one person, and recall what was handed over before.

    The caller holds the person's gate, has recorded the event, and commits. The rows of notices
    are written here; their mailbox places and all entries are left to the caller, heads last.
    """
    told = await lock_told(connection, subject, scope.recipient, lapse_seconds)
    person = (await read_persons(connection, [subject], vault)).get(subject)
    stands: dict[str, Standing] = {}
    affected: list[Affected] = []
    for one in told:
        if one.is_emergency:
            continue  # it never rested on agreement
        flow = book.flow_to(one.recipient, one.flow)
        if flow is None or flow.flow.purpose != scope.purpose:
            if one.released_at is not None:
                affected += await _by_its_own_rule(connection, one, scope, person, book, now)
            continue
        if not _asks(flow.flow, scope):
            continue
        if flow.flow.id not in stands:
            stands[flow.flow.id] = _stand(person, flow.flow, book, now)
        stand = stands[flow.flow.id]
        if stand.given is not True or stand.refused:
            affected.append(Affected(one, flow, stand))
    # First what there was to recall: reducing takes it away.
    notices = await recall(connection, affected, scope, subject, book, vault, trace, now, cause)
    leaves = await reduce_told(connection, affected, subject, book, vault, trace, now)
    await write_notices(connection, notices)
    return TakenBack(leaves, notices, [one.told for one in affected if one.told.is_open])


async def reduce_waiting(
    connection: Connection,
    subject: UUID,
    scope: Scope,
    book: RuleBook,
    vault: Vault,
    trace: Trace,
    now: datetime,
    rows: GroupRows,
) -> list[Leaf]:
    """`take_back` for a group: its notices are queued with the group's own rows."""
    taken = await take_back(connection, subject, scope, book, vault, trace, now)
    for recipient, exchanges in taken.notices.mailbox.items():
        rows.mailbox.setdefault(recipient, []).extend(exchanges)
    return taken.leaves + taken.notices.leaves


async def reduce_told(
    connection: Connection,
    affected: Sequence[Affected],
    subject: UUID,
    book: RuleBook,
    vault: Vault,
    trace: Trace,
    now: datetime,
    reason: str = "niet-meer-toegelaten",
) -> list[Leaf]:
    """Purge or reduce those of these messages that wait; gives an entry for each that changed."""
    waiting = [one for one in affected if one.told.state == WAITING and not one.told.is_emergency]
    parts: dict[UUID, list[StoredPart]] = {}
    for part in await stored_parts(connection, [one.told.exchange for one in waiting]):
        parts.setdefault(part.exchange, []).append(part)
    leaves: list[Leaf] = []
    purged: list[UUID] = []
    dropped: list[tuple[UUID, int]] = []
    boxes: list[tuple[UUID, int, bytes]] = []
    for one, flow, stand in waiting:
        if flow is None:
            continue  # nothing goes by a flow that is no more: its release leaves a tombstone
        opened = _opened(parts.get(one.exchange, []), vault)
        is_out = stand.given is not True
        # What is damaged cannot be worked over, and must not keep a no from being recorded.
        is_damaged = len(opened) < len(parts.get(one.exchange, []))
        if is_damaged or (is_out and _goes_whole(flow, one, subject)):
            purged.append(one.exchange)
        else:
            gone = [p.stored for p in opened if is_out and p.stored.subject == subject]
            changed = list(_reduced(opened, subject, stand))
            if not gone and not changed:
                continue
            dropped += [(one.exchange, part.member) for part in gone]
            boxes += changed
        leaves.append(_entry(one, opened, book, trace, now, reason))
    if purged:
        await purge_exchanges(connection, purged)
    if dropped:
        await drop_members(connection, dropped)
    if boxes:
        await replace_boxes(connection, boxes)
    return leaves


async def _by_its_own_rule(
    connection: Connection,
    one: Told,
    scope: Scope,
    person: Person | None,
    book: RuleBook,
    now: datetime,
) -> list[Affected]:
    """A message that was handed over for this purpose, by a flow that is gone or has another now.

    What was agreed to was the flow as it was then.
    """
    if one.protocol == book.protocol.digest:
        return []
    older = book.older.get((one.protocol, one.flow or ""))
    if older is not None:
        rule: Flow | None = older.flow
    else:
        rule = await flow_then(connection, one.protocol, one.flow)
    if rule is None:
        return [Affected(one, None, NO)] if one.flow not in book.flows else []
    stand = _stand(person, rule, book, now)
    if not _asks(rule, scope) or (stand.given is True and not stand.refused):
        return []
    return [Affected(one, None, stand)]


def _stand(person: Person | None, flow: Flow, book: RuleBook, now: datetime) -> Standing:
    """Where the person stands on one flow, by the age regime of its law."""
    if person is None:
        return NOTHING_RECORDED
    return standings_of([person], flow, book.protocol, now)[0]


def _asks(rule: Flow, scope: Scope) -> bool:
    return rule.locks.agreement.required and rule.purpose == scope.purpose


def _goes_whole(flow: CompiledFlow, one: Told, subject: UUID) -> bool:
    household = flow.flow.locks.agreement.household
    return household is HouseholdRule.ALL or one.owner == subject


def open_boxes(parts: Sequence[StoredPart], vault: Vault) -> list[_Opened]:
    """The boxes that open, with their keys."""
    return _opened(parts, vault)


def without(opened: Sequence[_Opened], subject: UUID) -> Iterator[tuple[UUID, int, bytes]]:
    """The boxes that change when a person leaves the message."""
    return _reduced(opened, subject, NOTHING_RECORDED)


def _opened(parts: Sequence[StoredPart], vault: Vault) -> list[_Opened]:
    """The boxes that open."""
    opened = []
    for part in parts:
        place = bound_to(part.exchange.bytes, part.member)
        with suppress(SealBrokenError):
            key = vault.unwrap(part.subject, CONTENT, WrappedKey(part.epoch, part.wrapped))
            opened.append(_Opened(part, key, key.open(part.box, place)))
    return opened


def _reduced(
    opened: Sequence[_Opened], subject: UUID, stand: Standing
) -> Iterator[tuple[UUID, int, bytes]]:
    """The boxes that change: without the person, or without the categories that they refuse."""
    is_out = stand.given is not True
    stays = [p for p in opened if not (is_out and p.stored.subject == subject)]
    pieces: list[Part] = []
    for one in stays:
        pieces += unpack(one.stored.member, one.content)
    refused = {p.stored.member: stand.refused for p in stays if p.stored.subject == subject}
    pieces = reduce_stored(pieces, len(stays), refused, is_shorter=is_out)
    nonces = Nonces()
    for (exchange, number, *_), key, content in stays:
        kept = pack(piece for piece in pieces if piece.member == number)
        if kept != content:
            box = key.seal(kept, bound_to(exchange.bytes, number), nonces.take())
            yield exchange, number, box


def _entry(
    one: Told,
    opened: Sequence[_Opened],
    book: RuleBook,
    trace: Trace,
    now: datetime,
    reason: str,
) -> Leaf:
    purged = Purged(one.exchange, one.flow, one.sender, one.is_protected)
    persons = [(p.stored.subject, p.key) for p in opened]
    return purge_leaf(purged, persons, reason, book, trace, now)
