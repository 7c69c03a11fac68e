"""The statements of moves: claimed by reference, with what they led to; never where to."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import Connection


class StoredMove(NamedTuple):
    """A row of `household_move`; reference and body are keyed prints."""

    partner: str
    reference: bytes
    body: bytes
    exchange: UUID
    outcome: str | None
    entry: UUID
    recorded_at: datetime


async def claim(connection: Connection, move: StoredMove) -> StoredMove | None:
    """Take a reference for this move; gives the earlier one where it was taken.

    A repeat waits here for its first one.
    """
    taken = await connection.fetchval(
        """insert into household_move
                  (partner, reference, body, exchange, outcome, entry, recorded_at)
           values ($1, $2, $3, $4, $5, $6, $7)
           on conflict (partner, reference) do nothing returning entry""",
        *move,
    )
    if taken is not None:
        return None
    row = await connection.fetchrow(
        """select partner, reference, body, exchange, outcome, entry, recorded_at
             from household_move where partner = $1 and reference = $2""",
        move.partner,
        move.reference,
    )
    return None if row is None else StoredMove(*row)


async def put_outcome(connection: Connection, move: StoredMove, outcome: str) -> None:
    """Note what a move led to."""
    await connection.execute(
        "update household_move set outcome = $3 where partner = $1 and reference = $2",
        move.partner,
        move.reference,
        outcome,
    )


async def is_claimed(connection: Connection, partner: str, reference: bytes) -> bool:
    """Whether a move within the city was told under this reference."""
    return bool(
        await connection.fetchval(
            """select exists (select from household_move where partner = $1 and reference = $2)""",
            partner,
            reference,
        )
    )
