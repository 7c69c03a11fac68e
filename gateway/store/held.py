"""Held messages: each sealed as a whole, under the key of whom it is about first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import Connection


class HeldWhole(NamedTuple):
    """A held message; `subjects` are its members in order."""

    exchange: UUID
    sealed: bytes
    subjects: list[UUID]


async def held_wholes(connection: Connection, exchanges: Sequence[UUID]) -> list[HeldWhole]:
    """The held messages among these exchanges."""
    if not exchanges:
        return []
    rows = await connection.fetch(
        "select exchange, sealed, subjects from held where exchange = any($1)", exchanges
    )
    return [HeldWhole(*row) for row in rows]


async def replace_held(connection: Connection, held: Sequence[HeldWhole]) -> None:
    """Put held messages as they are now in the place of what they were."""
    await connection.executemany(
        "update held set sealed = $2, subjects = $3 where exchange = $1", held
    )
