"""The log in the database: leaves, tiles and signed checkpoints.

Leaves become visible in the order of their indices, since the log head stays locked until the
transaction that wrote them is committed and seen: whoever reads a size finds every leaf below it.
Tiles and checkpoint are written in one transaction, which compares the newest checkpoint with the
one that the writer built on (design section 6, "Order").

A tile is stored once, as wide as it is by now: its first hashes never change, so every narrower
tile that was ever published is a beginning of it. Old checkpoints are thinned to one a minute,
which loses nothing: each follows from the tiles, and Ed25519 would sign it with the same bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from gateway.store.groups import Connection, NoOpenVolumeError
from gateway.store.lease import Lease, stands_until_commit

HASH_BYTES = 32


class LeaseLostError(Exception):
    """Another replica publishes now; nothing was written."""


class LogMovedError(Exception):
    """The newest checkpoint is not the one that this was built on; nothing was written."""


class TileRewrittenError(Exception):
    """A tile would have changed where it may only grow; nothing was written."""


class Volume(NamedTuple):
    """One volume of a series: `log` numbers its leaves; a final one is signed to its end."""

    log: int
    series: int
    name: str
    size: int
    opened_at: datetime
    closed_at: datetime | None
    is_final: bool


class StoredLeaf(NamedTuple):
    """A leaf as it lies in the log."""

    position: int
    hash: bytes
    entry: bytes


class StoredTile(NamedTuple):
    """A tile's hashes, one after another."""

    level: int
    number: int
    hashes: bytes


class StoredCheckpoint(NamedTuple):
    """A checkpoint and the signed note that states it."""

    size: int
    root: bytes
    note: str


_VOLUME = "select log, series, name, size, opened_at, closed_at, is_final from log_head"


async def volumes_of(connection: Connection, series: int) -> list[Volume]:
    """The volumes of a series, oldest first."""
    rows = await connection.fetch(f"{_VOLUME} where series = $1 order by log", series)
    return [Volume(*row) for row in rows]


async def open_volume(connection: Connection, series: int) -> Volume:
    """The volume that is being written."""
    row = await connection.fetchrow(f"{_VOLUME} where series = $1 and closed_at is null", series)
    if row is None:
        raise NoOpenVolumeError("a log series has no open volume")
    return Volume(*row)


async def volume_to_sign(connection: Connection, series: int) -> Volume:
    """The oldest volume that is not signed to its end: the open one, as a rule."""
    row = await connection.fetchrow(
        f"{_VOLUME} where series = $1 and not is_final order by log limit 1", series
    )
    if row is None:
        raise NoOpenVolumeError("a log series has no open volume")
    return Volume(*row)


async def next_volume(connection: Connection, series: int, name: str) -> None:
    """Close the open volume and open the next one. Writers wait for the caller's commit."""
    closed = await connection.execute(
        """update log_head set closed_at = clock_timestamp()
            where series = $1 and closed_at is null""",
        series,
    )
    if closed != "UPDATE 1":
        raise NoOpenVolumeError("a log series has no open volume")
    await connection.execute(
        """insert into log_head (log, size, series, name)
           select max(log) + 1, 0, $1, $2 from log_head""",
        series,
        name,
    )


async def finish_volume(connection: Connection, log: int) -> bool:
    """Mark a closed volume as signed to its end; False where that was done before."""
    done = await connection.execute(
        """update log_head set is_final = true
            where log = $1 and closed_at is not null and not is_final""",
        log,
    )
    return bool(done == "UPDATE 1")


async def now_millis(connection: Connection) -> int:
    """The database's clock, in milliseconds since 1970."""
    return int(
        await connection.fetchval(
            "select floor(extract(epoch from clock_timestamp()) * 1000)::bigint"
        )
    )


async def year_now(connection: Connection) -> str:
    """The year by the database's clock, in Amsterdam."""
    return str(
        await connection.fetchval(
            "select to_char(clock_timestamp() at time zone 'Europe/Amsterdam', 'YYYY')"
        )
    )


async def log_size(connection: Connection, log: int) -> int:
    """How many leaves are committed."""
    return int(await connection.fetchval("select size from log_head where log = $1", log))


async def leaves_between(
    connection: Connection, log: int, first: int, end: int
) -> list[StoredLeaf]:
    """The leaves [first, end) that there are, in order; the caller bounds how many."""
    # Both bounds, and no LIMIT: a plan that sorts then sorts one page, not the rest of the log.
    rows = await connection.fetch(
        """select index, hash, entry from log_leaf
            where log = $1 and index >= $2 and index < $3 order by index""",
        log,
        first,
        end,
    )
    return [StoredLeaf(*row) for row in rows]


async def place_of_leaf(
    connection: Connection, series: int, leaf_hash: bytes
) -> tuple[int, int] | None:
    """Where a leaf stands in a series: its volume's number and its index, by its hash."""
    row = await connection.fetchrow(
        """select log, index from log_leaf
            where hash = $2 and log in (select log from log_head where series = $1) limit 1""",
        series,
        leaf_hash,
    )
    return None if row is None else (row[0], row[1])


async def stored_tiles(
    connection: Connection, log: int, places: Collection[tuple[int, int]]
) -> dict[tuple[int, int], bytes]:
    """The tiles at these places (level, index), as wide as they are by now; absent ones missing."""
    rows = await connection.fetch(
        """select t.level, t.index, t.hashes
             from unnest($2::smallint[], $3::bigint[]) wanted (level, index)
             join log_tile t on (t.log, t.level, t.index) = ($1, wanted.level, wanted.index)""",
        log,
        [level for level, _ in places],
        [index for _, index in places],
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def newest_checkpoint(connection: Connection, log: int) -> StoredCheckpoint | None:
    """The largest signed checkpoint."""
    row = await connection.fetchrow(
        """select size, root, note from log_checkpoint
            where log = $1 order by size desc limit 1""",
        log,
    )
    return None if row is None else StoredCheckpoint(*row)


async def store_checkpoint(
    connection: Connection,
    log: int,
    lease: Lease,
    built_on: StoredCheckpoint | None,
    tiles: Sequence[StoredTile],
    checkpoint: StoredCheckpoint,
) -> None:
    """Publish: write tiles and checkpoint together, or nothing.

    Raises `LeaseLostError`, `LogMovedError` or `TileRewrittenError`; then nothing was written.
    After any other error it may have been committed or not: read the newest checkpoint.
    """
    async with connection.transaction():
        # First the lease: its row stays locked, so publications stand in line from here on, and a
        # replica that takes over reads what this one committed.
        if not await stands_until_commit(connection, lease):
            raise LeaseLostError
        if await newest_checkpoint(connection, log) != built_on:
            raise LogMovedError
        if tiles:
            await _write_tiles(connection, log, tiles)
        # A crash up to the commit leaves the log as it was: no tile without its checkpoint.
        await connection.execute(
            "insert into log_checkpoint (log, size, root, note) values ($1, $2, $3, $4)",
            log,
            *checkpoint,
        )
        if built_on is not None:
            await _thin(connection, log, built_on.size)


async def _write_tiles(connection: Connection, log: int, tiles: Sequence[StoredTile]) -> None:
    done = await connection.execute(
        """insert into log_tile as held (log, level, index, hashes)
           select $1, * from unnest($2::smallint[], $3::bigint[], $4::bytea[])
           on conflict (log, level, index) do update set hashes = excluded.hashes
            where substring(excluded.hashes for length(held.hashes)) = held.hashes""",
        log,
        [tile.level for tile in tiles],
        [tile.number for tile in tiles],
        [tile.hashes for tile in tiles],
    )
    if done != f"INSERT 0 {len(tiles)}":
        raise TileRewrittenError


async def _thin(connection: Connection, log: int, size: int) -> None:
    await connection.execute(
        """delete from log_checkpoint
            where log = $1 and size = $2 and signed_at < (
                  select signed_at + interval '1 minute' from log_checkpoint
                   where log = $1 and size < $2 order by size desc limit 1)""",
        log,
        size,
    )
