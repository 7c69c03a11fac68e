"""The statements of rights and corrections: claimed by reference, on an exchange of one's own.

A restriction or objection is a row that is never changed; of one person and purpose the newest
counts. The persons' gate is held while one is written, so that no release slips past it.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import Connection


class NewCorrection(NamedTuple):
    """A row of `correction`; reference and body are keyed prints."""

    id: UUID
    partner: str
    reference: bytes
    body: bytes
    about: UUID
    kind: str
    entry: UUID
    recorded_at: datetime


class StoredCorrection(NamedTuple):
    """A correction as it was recorded."""

    id: UUID
    body: bytes | None
    about: UUID
    kind: str
    entry: UUID
    recorded_at: datetime


class Subject(NamedTuple):
    """The exchange that a correction is about; `is_released`: it was handed over."""

    exchange: UUID
    kind: int
    state: int
    flow: str | None
    protocol: bytes
    sender: str
    recipient: str | None
    owner: UUID | None
    is_released: bool
    is_protected: bool


async def claim(connection: Connection, correction: NewCorrection) -> StoredCorrection | None:
    """Take a reference for this correction; gives the earlier one where it was taken."""
    taken = await connection.fetchval(
        """insert into correction (id, partner, reference, body, about, kind, entry, recorded_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8)
           on conflict (partner, reference) do nothing returning id""",
        *correction,
    )
    if taken is not None:
        return None
    row = await connection.fetchrow(
        """select id, body, about, kind, entry, recorded_at from correction
            where partner = $1 and reference = $2""",
        correction.partner,
        correction.reference,
    )
    return None if row is None else StoredCorrection(*row)


async def name_exchange(connection: Connection, correction: UUID, about: UUID) -> None:
    """Note which exchange a correction turned out to be about."""
    await connection.execute("update correction set about = $2 where id = $1", correction, about)


async def correction_of(
    connection: Connection, partner: str, correction: UUID
) -> StoredCorrection | None:
    """A correction of this partner's."""
    row = await connection.fetchrow(
        """select id, body, about, kind, entry, recorded_at from correction
            where id = $1 and partner = $2""",
        correction,
        partner,
    )
    return None if row is None else StoredCorrection(*row)


async def exchange_by_reference(
    connection: Connection, sender: str, reference: bytes
) -> UUID | None:
    """The exchange that has a sender's own reference, for as long as that is remembered."""
    return await connection.fetchval(  # type: ignore[no-any-return]  # a uuid, or None
        "select exchange from fingerprint where sender = $1 and reference = $2", sender, reference
    )


async def corrected(connection: Connection, exchange: UUID, *, locks: bool) -> Subject | None:
    """The exchange that a correction is about; locked once its persons' gate is held."""
    if locks:
        await connection.execute("select 1 from exchange where id = $1 for update", exchange)
    row = await connection.fetchrow(
        """select id, kind, state, flow, protocol, sender, recipient, owner,
                  exists (select from mailbox m where m.exchange = e.id
                             and m.released_at is not null), is_protected
             from exchange e where id = $1""",
        exchange,
    )
    return None if row is None else Subject(*row)


async def restrict(
    connection: Connection,
    subject: UUID,
    purpose: str,
    correction: UUID,
    now: datetime,
    *,
    is_lifted: bool,
) -> None:
    """Record a restriction or objection, or that it is lifted."""
    await connection.execute(
        """insert into restriction (subject, purpose, correction, is_lifted, recorded_at)
           values ($1, $2, $3, $4, $5)""",
        subject,
        purpose,
        correction,
        is_lifted,
        now,
    )
