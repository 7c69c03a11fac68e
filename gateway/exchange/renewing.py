"""A fresh sealing key for whoever was in a message with somebody who is erased.

Their boxes held something of the erased: a household's fields, free text, a held message whole.
What is in service was worked over before; here all that is sealed under their key is sealed again
under a fresh one, so that the old one, and with it every older version of those boxes, falls with
its epoch. Their commitments in the log stay theirs (`gateway.vault.boxes`). The outcomes of a
delivery, which hold the sender's reference to the erased, get the same treatment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import orjson

from gateway.exchange.persons import open_births, seal_births
from gateway.exchange.recording import bound_held, bound_reference, bound_to
from gateway.exchange.workoff import outcome_place
from gateway.store.consents import replace_boxes
from gateway.store.erasure import (
    Box,
    StoredOutcomes,
    drop_references,
    lock_outcomes,
    outcomes_in,
    owned_by,
    replace_evidence,
    replace_key,
    replace_outcomes,
    replace_references,
    sealed_of,
)
from gateway.store.groups import Connection, stored_keys
from gateway.store.held import HeldWhole, replace_held
from gateway.vault.boxes import CONTENT, DataKey, Nonces, SealBrokenError, Vault, WrappedKey
from gateway.vault.keys import epoch_of

_Place = Callable[[bytes], bytes]
"""From a row's id to the associated data of what is sealed in it."""


def bound_evidence(consent: bytes) -> bytes:
    """The associated data of a consent's evidence."""
    return consent + b"bewijs"


async def renew_key(connection: Connection, subject: UUID, vault: Vault, now: datetime) -> None:
    """Seal everything of a person again under a fresh key; the caller holds their gate.

    What is damaged opens under no key and stays as it is; so does a person whose key is.
    """
    (stored,) = await stored_keys(connection, [subject])
    try:
        old = vault.unwrap(subject, CONTENT, WrappedKey(stored.epoch, stored.wrapped))
    except SealBrokenError:
        return
    new, wrapped = vault.renewed(old, subject, CONTENT, epoch_of(now))
    found, nonces = await sealed_of(connection, subject), Nonces()
    facts = stored.facts
    if births := open_births(subject, old, facts):
        facts = seal_births(subject, new, births, nonces.take())
    await replace_boxes(
        connection,
        [
            (box.row, box.member, moved)
            for box in found.parts
            if (moved := _moved(old, new, box.sealed, bound_to(box.row.bytes, box.member), nonces))
            is not None
        ],
    )
    await replace_references(
        connection, list(_each(old, new, found.references, nonces, bound_reference))
    )
    await replace_evidence(
        connection, list(_each(old, new, found.evidence, nonces, bound_evidence))
    )
    await replace_held(
        connection,
        [
            HeldWhole(one.exchange, moved, one.subjects)
            for one in found.held
            if (moved := _moved(old, new, one.sealed, bound_held(one.exchange.bytes), nonces))
            is not None
        ],
    )
    await replace_key(connection, subject, *wrapped, facts)


async def drop_senders_references(
    connection: Connection, subject: UUID, vault: Vault, now: datetime
) -> None:
    """Remove the senders' references to messages about the person, also from what they fetch."""
    owned = await owned_by(connection, subject)
    await drop_references(connection, owned)
    for delivery in await lock_outcomes(connection, subject):
        wrapped = WrappedKey(delivery.epoch, delivery.wrapped)
        with suppress(SealBrokenError):
            old = vault.unwrap(delivery.delivery, CONTENT, wrapped)
            new = old
            if not delivery.is_under_way:
                # Whoever works one off has its key in hand: then the blocks alone are changed.
                new, wrapped = vault.new_key(delivery.delivery, CONTENT, epoch_of(now))
            blocks = await _redacted(connection, delivery, old, new, owned)
            await replace_outcomes(connection, delivery.delivery, blocks, *wrapped)


async def _redacted(
    connection: Connection,
    delivery: StoredOutcomes,
    old: DataKey,
    new: DataKey,
    owned: set[str],
) -> list[tuple[int, bytes]]:
    blocks, nonces = [], Nonces()
    for first, sealed in await outcomes_in(connection, delivery.delivery):
        place = outcome_place(delivery.delivery, first)
        outcomes = orjson.loads(old.open(sealed, place))
        for one in outcomes:
            if one["uitwisselingId"] in owned:
                one["kenmerk"] = None
        blocks.append((first, new.seal(orjson.dumps(outcomes), place, nonces.take())))
    return blocks


def _each(
    old: DataKey, new: DataKey, boxes: Iterable[Box], nonces: Nonces, place: _Place
) -> Iterator[Box]:
    for box in boxes:
        moved = _moved(old, new, box.sealed, place(box.row.bytes), nonces)
        if moved is not None:
            yield box._replace(sealed=moved)


def _moved(old: DataKey, new: DataKey, box: bytes, place: bytes, nonces: Nonces) -> bytes | None:
    try:
        return new.seal(old.open(box, place), place, nonces.take())
    except SealBrokenError:
        return None
