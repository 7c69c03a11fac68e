"""Who answers for an exception: the professional's name and reason, kept with the exchange.

A protected exchange that somebody asked for, and an emergency release, are recorded by name
(invariant 11): the name stands sealed under a key of the row's own, which outlasts the persons',
and the reason is a code. An emergency release gets its review in the very transaction that decided
on it, so that none can be without one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import orjson

from gateway.exchange.referral import PseudonymisedReferral
from gateway.exchange.rules import RuleBook
from gateway.store.groups import GroupRows
from gateway.vault.boxes import CONTENT, DataKey, Nonces, SealBrokenError, Vault, WrappedKey
from gateway.vault.keys import epoch_of
from schemas.decisions import Decision, Permit, Rule
from schemas.referral import EmergencyRequest, Professional, ProtectionRequest

_PROFESSIONAL = b"professional"


class SealedNote(NamedTuple):
    """Something written that is kept under a key of its own."""

    epoch: int
    wrapped: bytes
    box: bytes


def record_exception(
    message: PseudonymisedReferral,
    decision: Decision,
    book: RuleBook,
    vault: Vault,
    rows: GroupRows,
    nonces: Nonces,
    now: datetime,
) -> None:
    """Keep who asked for an exception that was permitted, and the review that an emergency needs.

    What was refused needs none: nothing left.
    """
    asked = message.identity.exception()
    if asked is None or not isinstance(decision, Permit):
        return
    exchange = message.arrival.exchange
    name = orjson.dumps(asked.professional.model_dump(by_alias=True))
    kept = seal_note(vault, exchange, name, _PROFESSIONAL, nonces.take(), now)
    if isinstance(asked, ProtectionRequest):
        rows.requests.append((exchange, asked.reason, *kept))
    elif isinstance(asked, EmergencyRequest) and decision.rule is Rule.EMERGENCY:
        rule = book.flows[decision.flow].flow.emergency
        days = 0 if rule is None else rule.review_days
        due = now + timedelta(days=days)
        rows.reviews.append((exchange, asked.reason, asked.step, due, *kept))


def professional_of(vault: Vault, exchange: UUID, kept: SealedNote) -> Professional | None:
    """Who answers for it; None where the row does not open."""
    try:
        return Professional.model_validate_json(open_note(vault, exchange, kept, _PROFESSIONAL))
    except SealBrokenError:
        return None


def seal_note(
    vault: Vault, owner: UUID, content: bytes, purpose: bytes, nonce: bytes, now: datetime
) -> SealedNote:
    """Seal something under a fresh key that belongs to the row of this id."""
    key, wrapped = vault.new_key(owner, CONTENT, epoch_of(now))
    return SealedNote(*wrapped, key.seal(content, owner.bytes + purpose, nonce))


def open_note(vault: Vault, owner: UUID, kept: SealedNote, purpose: bytes) -> bytes:
    """What was sealed. Raises `SealBrokenError`."""
    return note_key(vault, owner, kept).open(kept.box, owner.bytes + purpose)


def note_key(vault: Vault, owner: UUID, kept: SealedNote) -> DataKey:
    """The key of the row. Raises `SealBrokenError`."""
    return vault.unwrap(owner, CONTENT, WrappedKey(kept.epoch, kept.wrapped))
