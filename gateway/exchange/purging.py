"""The entry of content that is taken out (verwijdering): one form, whatever took it.

It names everybody whom the message concerned, so that it tells no reader who said no, who left, or
who is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.audit.entries import EntryHead, Event, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.rules import RuleBook
from gateway.store.groups import BESCHERMD, Leaf
from gateway.store.ids import new_id
from gateway.vault.boxes import DataKey


class Purged(NamedTuple):
    """What an entry says of the exchange whose content was taken out."""

    exchange: UUID
    flow: str | None
    sender: str
    is_protected: bool


def purge_leaf(
    one: Purged,
    persons: Sequence[tuple[UUID, DataKey]],
    reason: str,
    book: RuleBook,
    trace: Trace,
    now: datetime,
) -> Leaf:
    """The entry; `persons` are all whom the exchange concerned, as far as their keys open."""
    entry_id, millis = new_id(), int(now.timestamp() * 1000)
    entry = write_entry(
        EntryHead(entry_id, Event.PURGE, trace, one.exchange, millis, millis),
        book.facts(one.flow if one.flow in book.flows else None),
        [commitment(key, entry_id, subject) for subject, key in persons],
        {"reason": reason, "sender": one.sender},
    )
    series = BESCHERMD if one.is_protected else None
    return Leaf(leaf_hash(entry), entry, [subject for subject, _ in persons], series)
