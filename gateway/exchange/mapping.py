"""One part of a mapping from old pseudonyms to new ones, handed over to the one who holds the old.

The pairs are made at the hand-over, of whoever is known still: nobody who was erased stands in one,
and none lies anywhere before it leaves. A part goes as a page of its own, behind the gate of those
whom it is about, sealed for the recipient's key; without a key nothing goes, and the part is taken
out of the mailbox, so that what stands behind it is not held up (invariant 8).

A hand-over is a disclosure (invariant 5). Persons of protected exchanges, whom only these concern,
are among the others in the same parts, in no order; their commitments stand in the log of protected
exchanges alone, so that the open log is as it would have been without them (invariant 14).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import SystemRandom
from typing import NamedTuple
from uuid import UUID

from gateway.audit.entries import EntryHead, Event, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.payload import JOSE, notice, tombstone
from gateway.exchange.recording import NOTICE
from gateway.exchange.release import MailboxTools, Released
from gateway.exchange.rules import RuleBook
from gateway.identity.encryption import encryption_key
from gateway.store.endpoints import read_endpoint
from gateway.store.groups import BESCHERMD, DONE, WAITING, Connection, Leaf
from gateway.store.ids import new_id
from gateway.store.mailbox import Queued
from gateway.store.mapping import MAPPING, Pair, StoredPart, pairs_of, part_of
from gateway.vault.boxes import CONTENT, DataKey, SealBrokenError, Vault, WrappedKey
from schemas.pseudonyms import Mapping

KEPT_DAYS = 14
"""For how long a part that was received can be had again, by going back in the mailbox."""
_CHANCE = SystemRandom()


class Handed(NamedTuple):
    """What a page of one part comes to; `is_lost` where it could not go and is taken out."""

    message: Released
    leaves: list[Leaf]
    is_lost: bool


def is_mapping(row: Queued) -> bool:
    """Whether a part of a mapping stands at a position."""
    return row.kind == NOTICE and row.rule == MAPPING


def goes_alone(row: Queued) -> bool:
    """Whether a part stands here that can be handed over, for the first time or again."""
    return is_mapping(row) and row.state in (WAITING, DONE)


def alone(rows: list[Queued]) -> list[Queued]:
    """A page's rows, ended before the first part that can go; such a part makes a page alone."""
    for number, row in enumerate(rows):
        if goes_alone(row):
            return rows[: max(number, 1)]
    return rows


async def hand_over(
    connection: Connection, row: Queued, recipient: str, book: RuleBook, tools: MailboxTools,
    trace: Trace,
) -> Handed:  # fmt: skip
    """Make a part of whoever is known still; call behind the gate of its persons."""
    found = await part_of(connection, row.exchange)
    endpoint = await read_endpoint(connection, recipient)
    key = None if endpoint is None else endpoint.encryption_key
    now = int(tools.clock().timestamp() * 1000)
    if found is None or key is None:
        reason: dict[str, object] = {"reason": "geen-versleutelsleutel"}
        leaves = entries_of(Event.PURGE, row, [], book, tools.vault, trace, now, reason)
        gone = tombstone(tools.source, row.exchange, row.position, row.received_at)
        return Handed(Released(row.position, row.exchange, None, gone), leaves, is_lost=True)
    pairs = await pairs_of(connection, row.exchange)
    content = _content(found, pairs, recipient, book)
    sealed = encryption_key(key).seal(content.model_dump_json(by_alias=True).encode())
    data = b'"%b"' % sealed
    message = notice(
        tools.source, row.exchange, row.rule, row.position, row.received_at, data, JOSE
    )
    told: dict[str, object] = {"categories": [], "notice": MAPPING}
    leaves = entries_of(Event.DISCLOSURE, row, pairs, book, tools.vault, trace, now, told)
    return Handed(Released(row.position, row.exchange, data, message), leaves, is_lost=False)


async def receipts(
    connection: Connection, rows: Sequence[Queued], book: RuleBook, tools: MailboxTools,
    trace: Trace,
) -> list[Leaf]:  # fmt: skip
    """The entries of parts that were received."""
    now, leaves = int(tools.clock().timestamp() * 1000), list[Leaf]()
    for row in rows:
        pairs = await pairs_of(connection, row.exchange)
        leaves += entries_of(Event.ACKNOWLEDGEMENT, row, pairs, book, tools.vault, trace, now, {})
    return leaves


def entries_of(
    event: Event, row: Queued, pairs: Sequence[Pair], book: RuleBook, vault: Vault, trace: Trace,
    now: int, details: dict[str, object],
) -> list[Leaf]:  # fmt: skip
    """An entry in the open log, and one in that of protected exchanges about whom these concern."""
    leaves: list[Leaf] = []
    for is_protected in (False, True):
        persons = _persons([one for one in pairs if one.is_protected is is_protected], vault)
        if persons or row.is_protected is is_protected:
            entry_id = new_id()
            entry = write_entry(
                EntryHead(entry_id, event, trace, row.exchange, now, now),
                book.renewal,
                [commitment(key, entry_id, subject) for subject, key in persons],
                {"sender": row.sender, **details},
            )
            log = BESCHERMD if is_protected else None
            subjects = [subject for subject, _ in persons]
            leaves.append(Leaf(leaf_hash(entry), entry, subjects, log))
    return leaves


def _content(part: StoredPart, pairs: Sequence[Pair], recipient: str, book: RuleBook) -> Mapping:
    made = []
    for one in pairs:
        older, newer = (
            book.pseudonyms.domain(recipient, one.linkage_group, epoch).pseudonym(one.subject)
            for epoch in (part.from_epoch, part.epoch)
        )
        made.append((older, newer))
    # Persons stand in the order of their registration, and each beside their other linkage groups.
    _CHANCE.shuffle(made)
    return Mapping(
        from_epoch=part.from_epoch,
        epoch=part.epoch,
        number=part.number,
        is_closing=part.is_closing,
        pairs=made,
    )


def _persons(pairs: Sequence[Pair], vault: Vault) -> list[tuple[UUID, DataKey]]:
    """Each person once; one whose key is damaged cannot be committed to, and is renamed still."""
    found: dict[UUID, DataKey] = {}
    for one in pairs:
        if one.subject not in found:
            try:
                key = vault.unwrap(one.subject, CONTENT, WrappedKey(one.epoch, one.wrapped))
            except SealBrokenError:
                continue
            found[one.subject] = key
    return list(found.items())
