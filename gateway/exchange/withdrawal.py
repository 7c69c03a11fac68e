"""What a "no" does to messages that wait in a mailbox, in the transaction that records it.

Where every member must agree, the message goes as a whole; where the flow lets it be reduced, the
member's part goes, and with the applicant's part the message. What stays is worked over at once,
so that it equals the message that would have been sent without them (invariant 13): the count is
made anew, free text goes, and a category that somebody refuses goes from the household's fields
too. Releases look again in any case, since the gate was raised.

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
from consent.protocol import HouseholdRule
from consent.register import ConsentEvent, Standing, standing
from gateway.audit.entries import EntryHead, Event, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.boxes import pack, unpack
from gateway.exchange.recording import bound_to
from gateway.exchange.rules import CompiledFlow, RuleBook
from gateway.store.consents import Waiting, lock_waiting, replace_boxes
from gateway.store.groups import Connection, Leaf, stored_consents
from gateway.store.ids import new_id
from gateway.store.mailbox import StoredPart, drop_members, purge_exchanges, stored_parts
from gateway.vault.boxes import CONTENT, DataKey, Nonces, SealBrokenError, Vault, WrappedKey


class Scope(NamedTuple):
    """What a decision is about."""

    purpose: str
    recipient: str
    category: str


class _Opened(NamedTuple):
    """One member's box, opened."""

    stored: StoredPart
    key: DataKey
    content: bytes


async def reduce_waiting(
    connection: Connection,
    subject: UUID,
    scope: Scope,
    book: RuleBook,
    vault: Vault,
    trace: Trace,
    now: datetime,
) -> list[Leaf]:
    """Purge or reduce what waits about one person; the caller holds their gate, and commits.

    The event itself is in the register already. Gives an entry for each message that changed,
    which the caller appends to the log.
    """
    events = [
        ConsentEvent(e.id, e.purpose, e.recipient, e.category, e.given, e.decided_at)
        for e in await stored_consents(connection, [subject])
    ]
    stand = standing(events, scope.purpose, scope.recipient)
    if stand.given is True and not stand.refused:
        return []
    waiting = await lock_waiting(connection, subject, scope.recipient)
    parts: dict[UUID, list[StoredPart]] = {}
    for part in await stored_parts(connection, [one.exchange for one in waiting]):
        parts.setdefault(part.exchange, []).append(part)
    leaves: list[Leaf] = []
    purged: list[UUID] = []
    dropped: list[tuple[UUID, int]] = []
    boxes: list[tuple[UUID, int, bytes]] = []
    for one in waiting:
        flow = book.flows.get(one.flow or "")
        if flow is None or not _rests_on(flow, scope):
            continue
        opened = _opened(parts[one.exchange], vault)
        is_out = stand.given is not True
        # What is damaged cannot be worked over, and must not keep a no from being recorded.
        is_damaged = len(opened) < len(parts[one.exchange])
        if is_damaged or (is_out and _goes_whole(flow, one, subject)):
            purged.append(one.exchange)
        else:
            gone = [p.stored for p in opened if is_out and p.stored.subject == subject]
            changed = list(_reduced(opened, subject, stand))
            if not gone and not changed:
                continue
            dropped += [(one.exchange, part.member) for part in gone]
            boxes += changed
        leaves.append(_entry(one, opened, book, trace, now))
    if purged:
        await purge_exchanges(connection, purged)
    if dropped:
        await drop_members(connection, dropped)
    if boxes:
        await replace_boxes(connection, boxes)
    return leaves


def _rests_on(flow: CompiledFlow, scope: Scope) -> bool:
    rule = flow.flow
    return rule.locks.agreement.required and rule.purpose == scope.purpose


def _goes_whole(flow: CompiledFlow, one: Waiting, subject: UUID) -> bool:
    household = flow.flow.locks.agreement.household
    return household is HouseholdRule.ALL or one.owner == subject


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
    one: Waiting, opened: Sequence[_Opened], book: RuleBook, trace: Trace, now: datetime
) -> Leaf:
    """Everybody whom the message concerned: an entry must not tell its readers who said no."""
    entry_id, millis = new_id(), int(now.timestamp() * 1000)
    persons = [(p.stored.subject, p.key) for p in opened]
    entry = write_entry(
        EntryHead(entry_id, Event.PURGE, trace, one.exchange, millis, millis),
        book.facts(one.flow),
        [commitment(key, entry_id, subject) for subject, key in persons],
        {"reason": "niet-meer-toegelaten", "sender": one.sender},
    )
    return Leaf(leaf_hash(entry), entry, [subject for subject, _ in persons])
