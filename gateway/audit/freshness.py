"""Is this database at least as new as what was published from it? If not, nothing is served.

Asked of every new connection (a database that is put back ends the old ones), and again and again
while the gateway runs. For each volume that a checkpoint was published of, the database must hold
as many entries, and the same: the root of its first entries is the published one.
"""

from __future__ import annotations

from typing import NamedTuple

import asyncpg

from gateway.audit.merkle import leaf_hashes
from gateway.audit.proofs import tiles_for_root, tree_root
from gateway.audit.published import Published, Remembered
from gateway.audit.series import NAMES, Origins
from gateway.audit.stored import held_tiles
from gateway.audit.tiles import TileBuilder, TileError, edge_tiles
from gateway.store.groups import Connection
from gateway.store.log import Volume, leaves_between, newest_checkpoint, volumes_of

PAGE_LEAVES = 4096


class DatabaseOlderError(asyncpg.InterfaceError):
    """The database is older than what was published: whoever meets it tries again later.

    A kind of what the driver raises when a database cannot be used, so that every road that waits
    out such a database waits this one out too, and answers 503.
    """


class JournalMissingError(asyncpg.InterfaceError):
    """Checkpoints were published, and this folder knows of none: it is not the one of then."""


class Lost(NamedTuple):
    """A volume that lost entries: what was published of it, and what the database has left.

    `volume` is None where the database does not even have it. `is_forked`: it holds other entries
    than were published, so it was written on after it was put back.
    """

    series: int
    published: Remembered
    volume: Volume | None
    restored: int
    root: bytes
    is_forked: bool

    @property
    def entries(self) -> int:
        """How many published entries are gone, as far as the checkpoint tells."""
        return max(0, self.published.size - self.restored)


def told(lost: list[Lost]) -> str:
    """What is the matter, in one sentence."""
    first = lost[0]
    name = NAMES[first.series]
    if first.is_forked:
        what = f"its log {name} holds other entries than were published"
    else:
        what = (
            f"its log {name} holds {first.restored} of the {first.published.size} entries that"
            " were published"
        )
    return f"this database is older than what the gateway said of it: {what}"


async def lost_of(connection: Connection, published: Published, origins: Origins) -> list[Lost]:
    """The volumes that are older than what was published of them; none where all is well.

    Raises `PublishedDamagedError` where that cannot be known.
    """
    known = published.newest()
    lost = []
    for series in NAMES if known else ():
        volumes = {
            origins.origin(series, volume.name): volume
            for volume in await volumes_of(connection, series)
        }
        prefix = origins.promised(series)
        for origin, remembered in known.items():
            if origin != prefix and not origin.startswith(f"{prefix}/"):
                continue
            volume = volumes.get(origin)
            found = await _compare(connection, series, volume, remembered)
            if found is not None:
                lost.append(found)
    return lost


async def require_fresh(
    connection: Connection, published: Published, origins: Origins, *, needs_journal: bool = True
) -> None:
    """Raises `DatabaseOlderError`, or `JournalMissingError` where something was published before.

    Commands that serve nobody do not need the folder of then.
    """
    lost = await lost_of(connection, published, origins)
    if lost:
        raise DatabaseOlderError(told(lost))
    if needs_journal and not published.newest() and await _is_signed(connection):
        raise JournalMissingError(
            "this database has published checkpoints, and the journal's folder knows of none"
        )


async def _is_signed(connection: Connection) -> bool:
    for series in NAMES:
        for volume in await volumes_of(connection, series):
            newest = await newest_checkpoint(connection, volume.log)
            if newest is not None and newest.size:
                return True
    return False


async def _compare(
    connection: Connection, series: int, volume: Volume | None, known: Remembered
) -> Lost | None:
    if volume is None:
        empty = Lost(series, known, None, 0, b"", is_forked=False)
        return empty if known.size else None
    if volume.size < known.size:
        root = await root_at(connection, volume.log, volume.size)
        return Lost(series, known, volume, volume.size, root, is_forked=False)
    if await root_at(connection, volume.log, known.size) == known.root:
        return None
    root = await root_at(connection, volume.log, volume.size)
    return Lost(series, known, volume, volume.size, root, is_forked=True)


async def root_at(connection: Connection, log: int, size: int) -> bytes:
    """The root of a volume's first entries, signed or not.

    Empty where the database contradicts itself: no root that was published equals that.
    """
    newest = await newest_checkpoint(connection, log)
    signed = 0 if newest is None else newest.size
    try:
        if size <= signed:
            tiles = await held_tiles(connection, log, tiles_for_root(size, held=signed))
            return tree_root(tiles, size, held=signed)
        builder = TileBuilder()
        if signed:
            edge = await held_tiles(connection, log, edge_tiles(signed))
            builder = TileBuilder.resume(edge, signed)
    except TileError:
        return b""
    for first in range(signed, size, PAGE_LEAVES):
        leaves = await leaves_between(connection, log, first, min(first + PAGE_LEAVES, size))
        builder.append(leaf_hashes(leaf.entry for leaf in leaves))
    return builder.root() if builder.size == size else b""
