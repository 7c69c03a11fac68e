"""Whom a mapping is about, in parts: bounded, mixed, and telling nothing by their number.

Parts hold as many persons of ordinary exchanges as fit, as if there were no others; those of
protected exchanges are spread over the same parts, and only what these cannot hold stands in parts
of its own, whose entries are in the log of protected exchanges. So the open log has the entries
that it would have had without them (invariant 14). Nobody's place says anything: chance picks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import SystemRandom
from uuid import UUID

from gateway.audit.access import new_trace
from gateway.audit.entries import EntryHead, Event, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.notices import GATEWAY, UNCLAIMED
from gateway.exchange.recording import NOTICE
from gateway.exchange.rules import RuleBook
from gateway.store.groups import BESCHERMD, WAITING, Connection, Leaf
from gateway.store.ids import new_id
from gateway.store.mapping import (
    MAPPING,
    Known,
    PartRows,
    known_to,
    next_number,
    stay_known,
    write_parts,
)
from gateway.store.pseudonym_epochs import StoredEpoch
from schemas.pseudonyms import MAX_PAIRS

HALF = MAX_PAIRS // 2
"""Of either kind in one part; the entry of a hand-over holds a commitment a person (C2SP bounds
an entry at 64 KiB)."""
_CHANCE = SystemRandom()


async def queue_of(
    connection: Connection, epoch: StoredEpoch, book: RuleBook, now: datetime, *, closes: bool
) -> list[PartRows]:
    """Write the parts about everybody who is in none yet, all but their places and entries.

    `closes`: the last of them, empty if need be, closes the mapping.
    """
    groups = {
        one.flow.id: one.flow.linkage_group
        for one in book.flows.values()
        if one.flow.recipient == epoch.recipient
    }
    known = await known_to(connection, epoch.recipient, epoch.id, groups)
    # Nobody's row outlives them: whoever erases waits, and whoever was erased is left out.
    alive = await stay_known(connection, sorted({one.subject for one in known}))
    known = [one for one in known if one.subject in alive]
    contents = divided(known, closes=closes)
    first = await next_number(connection, epoch.id)
    parts = [
        _part(epoch, first + n, pairs, book, now, is_closing=closes and n == len(contents) - 1)
        for n, pairs in enumerate(contents)
    ]
    await write_parts(connection, epoch.id, parts)
    return parts


def divided(known: Sequence[Known], *, closes: bool) -> list[list[Known]]:
    """Everybody into parts; one that is to close a mapping may be empty."""
    ordinary = [one for one in known if not one.is_protected]
    protected = [one for one in known if one.is_protected]
    _CHANCE.shuffle(ordinary)
    _CHANCE.shuffle(protected)
    parts = [ordinary[at : at + HALF] for at in range(0, len(ordinary), HALF)]
    if closes and not parts:
        parts = [[]]
    fits = HALF * len(parts)
    for n, one in enumerate(protected[:fits]):
        parts[n % len(parts)].append(one)
    beyond = protected[fits:]
    return [beyond[at : at + HALF] for at in range(0, len(beyond), HALF)] + parts


def _part(
    epoch: StoredEpoch,
    number: int,
    pairs: Sequence[Known],
    book: RuleBook,
    now: datetime,
    *,
    is_closing: bool,
) -> PartRows:
    is_protected = bool(pairs) and all(one.is_protected for one in pairs) and not is_closing
    exchange, entry_id = new_id(), new_id()
    row = (
        exchange, NOTICE, WAITING, GATEWAY, epoch.recipient, None, 0, MAPPING, None,
        book.protocol.digest, now, entry_id, new_id(), 0, (), None, None, now + UNCLAIMED,
        is_protected,
    )  # fmt: skip
    leaf = _entry(exchange, entry_id, epoch, book, now, is_protected=is_protected)
    return PartRows(exchange, row, number, is_closing, list(pairs), leaf)


def _entry(
    exchange: UUID,
    entry_id: UUID,
    epoch: StoredEpoch,
    book: RuleBook,
    now: datetime,
    *,
    is_protected: bool,
) -> Leaf:
    """A part is queued; whom it is about is told where it is handed over."""
    millis = int(now.timestamp() * 1000)
    entry = write_entry(
        EntryHead(entry_id, Event.NOTICE, new_trace(), exchange, millis, millis),
        book.renewal,
        [],
        {
            "about": str(epoch.id),
            "notice": MAPPING,
            "recipient": epoch.recipient,
            "sender": GATEWAY,
        },
    )
    return Leaf(leaf_hash(entry), entry, [], BESCHERMD if is_protected else None)
