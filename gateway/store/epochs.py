"""The statements of key epochs: what is wrapped under which, and moving it to another.

Every table that holds a wrapped data key stands in `WRAPPED`; a test compares it with the schema.
Moving is done in bounded batches that skip what is locked, so that nobody on the road waits for it;
what a crash leaves half done is open under the key that its row names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import Connection

CONTENT, PROOF = 1, 2
"""The retention classes, as `gateway.vault.boxes` has them."""


class WrappedTable(NamedTuple):
    """A table with wrapped data keys, and the column of the id that each is bound to."""

    name: str
    owner: str
    retention: int = CONTENT


WRAPPED = (
    WrappedTable("subject", "id"),
    WrappedTable("delivery", "id"),
    WrappedTable("upload", "id"),
    WrappedTable("protected_request", "exchange"),
    WrappedTable("protected_decision", "id"),
    WrappedTable("emergency_review", "exchange"),
    WrappedTable("erasure_decision", "id"),
    WrappedTable("kept", "subject", PROOF),
    WrappedTable("access_review", "id"),
)


class Wrapped(NamedTuple):
    """A row's wrapped key."""

    owner: UUID
    epoch: int
    wrapped: bytes


class StoredEpoch(NamedTuple):
    """What is on record of an epoch."""

    epoch: int
    emptied_at: datetime | None
    destroyed_at: datetime | None


async def lock_older(
    connection: Connection, table: WrappedTable, epoch: int, after: UUID, limit: int
) -> list[Wrapped]:
    """The next rows after an id that are wrapped under an older epoch than this; locked.

    Rows that somebody else holds are passed over: a later pass finds them.
    """
    rows = await connection.fetch(
        f"""select {table.owner}, kek_epoch, wrapped from {table.name}
             where {table.owner} > $1 and kek_epoch < $2 order by {table.owner} limit $3
               for no key update skip locked""",
        after,
        epoch,
        limit,
    )
    return [Wrapped(*row) for row in rows]


async def put_wrapped(connection: Connection, table: WrappedTable, rows: Sequence[Wrapped]) -> None:
    """Put newly wrapped keys in the place of the same keys as they were; rows are locked."""
    await connection.execute(
        f"""update {table.name} t set kek_epoch = k.epoch, wrapped = k.wrapped
              from unnest($1::uuid[], $2::int[], $3::bytea[]) k (owner, epoch, wrapped)
             where t.{table.owner} = k.owner""",
        [row.owner for row in rows],
        [row.epoch for row in rows],
        [row.wrapped for row in rows],
    )


async def in_use(connection: Connection) -> dict[int, dict[str, int]]:
    """How many rows of which table are wrapped under each epoch; reads all of them."""
    found: dict[int, dict[str, int]] = {}
    for table in WRAPPED:
        rows = await connection.fetch(
            f"select kek_epoch, count(*) from {table.name} group by kek_epoch"
        )
        for epoch, count in rows:
            found.setdefault(epoch, {})[table.name] = count
    return found


async def uses(connection: Connection, epoch: int) -> bool:
    """Whether anything is wrapped under an epoch."""
    for table in WRAPPED:
        if await connection.fetchval(
            f"select exists (select from {table.name} where kek_epoch = $1)", epoch
        ):
            return True
    return False


async def stored_epochs(connection: Connection) -> dict[int, StoredEpoch]:
    """What is on record of the epochs."""
    rows = await connection.fetch(
        "select epoch, emptied_at, destroyed_at from key_epoch order by epoch"
    )
    return {row[0]: StoredEpoch(*row) for row in rows}


async def note_emptied(connection: Connection, emptied: Mapping[int, bool], now: datetime) -> None:
    """Note since when these epochs have no use any more; one that has, has no such moment."""
    await connection.executemany(
        """insert into key_epoch as known (epoch, emptied_at)
           values ($1, case when $2 then $3::timestamptz end)
           on conflict (epoch) do update
              set emptied_at = case when $2 then coalesce(known.emptied_at, $3) end
            where known.destroyed_at is null
              and (known.emptied_at is null) = $2""",
        [(epoch, is_empty, now) for epoch, is_empty in emptied.items()],
    )


async def lock_epoch(connection: Connection, epoch: int) -> StoredEpoch | None:
    """What is on record of an epoch, for whoever is about to destroy its key."""
    row = await connection.fetchrow(
        "select epoch, emptied_at, destroyed_at from key_epoch where epoch = $1 for update", epoch
    )
    return None if row is None else StoredEpoch(*row)


async def note_destroyed(connection: Connection, epoch: int, now: datetime, entry: UUID) -> None:
    """Record that an epoch's key is destroyed, with the entry that says so."""
    await connection.execute(
        "update key_epoch set destroyed_at = $2, entry = $3 where epoch = $1", epoch, now, entry
    )
