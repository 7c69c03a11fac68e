"""What stays of a person who was erased: proof, restricted, each class until its date.

Evidence of consent moves from the person's own key, which goes, to one of the class of proof; to
whom something was disclosed stays without content. Both stand under the random id, which has no row
any more: nothing on the road can meet them. Who brings the BSN and must prove something finds them
by a handle of a key of its own (`ProofHandles`), and by nothing else. When its date comes a class
goes by itself, with an entry (`retention.py`).
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.audit.entries import EntryHead, Event, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.renewing import bound_evidence
from gateway.exchange.retention_classes import RetentionTable, Since, retention_table
from gateway.exchange.rules import RuleBook
from gateway.pseudonyms.domains import ProofHandles
from gateway.store import proof as rows
from gateway.store.erasure import (
    Box,
    Kept,
    forget_consents,
    forget_disclosures,
    handle_of,
    keep,
    last_events,
    replace_evidence,
    sealed_of,
)
from gateway.store.groups import Connection, Leaf
from gateway.store.ids import new_id
from gateway.vault.boxes import PROOF, DataKey, Nonces, SealBrokenError, Vault, WrappedKey
from gateway.vault.keys import epoch_of

CONSENT, BREACH = "instemmingsbewijs", "lekbereik"
"""The classes that stand in rows of the person's, by their names in the table."""


class Keeping(NamedTuple):
    """Which of these classes an erasure leaves, and how what stays is found again."""

    classes: frozenset[str]
    handles: ProofHandles | None = None
    table: RetentionTable | None = None


ALL_KEPT = Keeping(frozenset({CONSENT, BREACH}))


async def keep_proof(
    connection: Connection,
    subject: UUID,
    own: DataKey | None,
    vault: Vault,
    now: datetime,
    keeping: Keeping,
) -> tuple[Kept, ...]:
    """Set apart what stays, and remove what does not; the caller deletes the person after it."""
    classes = tuple(await _classes(connection, subject, now, keeping))
    names = {one.name for one in classes}
    if CONSENT not in names:
        await forget_consents(connection, [subject])
    if BREACH not in names:
        await forget_disclosures(connection, [subject])
    if not classes:
        return ()
    key, wrapped = vault.new_key(subject, PROOF, epoch_of(now))
    handle = await handle_of(connection, subject)
    if handle is not None:
        handle = None if keeping.handles is None else keeping.handles.of(handle)
    await keep(connection, subject, handle, *wrapped, classes)
    if CONSENT in names:
        evidence, nonces = (await sealed_of(connection, subject)).evidence, Nonces()
        await replace_evidence(connection, [_moved(one, own, key, nonces) for one in evidence])
    return classes


async def _classes(
    connection: Connection, subject: UUID, now: datetime, keeping: Keeping
) -> list[Kept]:
    table = keeping.table or retention_table()
    recorded, disclosed = await last_events(connection, subject)
    last = {Since.LAST_RECORDED: recorded, Since.LAST_DISCLOSED: disclosed}
    found = []
    for one in table.kept:
        if one.id not in keeping.classes or one.since is None:
            continue
        moment = last[one.since]
        if moment is not None and (until := one.until(moment.date())) >= now.date():
            found.append(Kept(one.id, until))
    return found


def _moved(box: Box, own: DataKey | None, key: DataKey, nonces: Nonces) -> Box:
    """The evidence under the key of proof; what does not open is empty from here on."""
    place = bound_evidence(box.row.bytes)
    evidence = b""
    if own is not None:
        try:
            evidence = own.open(box.sealed, place)
        except SealBrokenError:
            evidence = b""
    return box._replace(sealed=key.seal(evidence, place, nonces.take()))


def evidence_of(consent: rows.KeptConsent, key: DataKey) -> str | None:
    """The evidence of a decision that is kept; None where there is none, or it does not open."""
    if consent.evidence is None:
        return None
    try:
        told = key.open(consent.evidence, bound_evidence(consent.id.bytes))
    except SealBrokenError:
        return None
    return told.decode() or None


async def drop_expired(
    connection: Connection,
    vault: Vault,
    book: RuleBook,
    trace: Trace,
    now: datetime,
    limit: int,
) -> list[Leaf]:
    """Remove what was kept until its date; gives an entry for each person."""
    expired = await rows.lock_expired_proof(connection, now.date(), limit)
    await forget_consents(connection, [one.subject for one in expired if CONSENT in one.classes])
    await forget_disclosures(connection, [one.subject for one in expired if BREACH in one.classes])
    await rows.drop_proof(connection, expired)
    return [_entry(one, vault, book, trace, now) for one in expired]


def _entry(
    one: rows.ExpiredProof, vault: Vault, book: RuleBook, trace: Trace, now: datetime
) -> Leaf:
    entry_id, millis = new_id(), int(now.timestamp() * 1000)
    try:
        key = vault.unwrap(one.subject, PROOF, WrappedKey(one.epoch, one.wrapped))
        committed = [commitment(key, entry_id, one.subject)]
    except SealBrokenError:
        committed = []  # a damaged key keeps nothing here any longer
    entry = write_entry(
        EntryHead(entry_id, Event.PURGE, trace, None, millis, millis),
        book.no_flow,
        committed,
        {"kept": sorted(one.classes), "reason": "bewaartermijn-verstreken", "sender": "sluis"},
    )
    return Leaf(leaf_hash(entry), entry, [one.subject])
