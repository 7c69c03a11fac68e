"""Where a volume says what came before it: the entry that names its predecessor; read only.

It stands near the beginning, written as soon as the older volume was signed to its end. There is no
index for one entry a year; the search stops at the first that is found, and is bounded.
"""

from __future__ import annotations

from gateway.store.groups import Connection
from gateway.store.log import StoredLeaf

_NAMES_ONE = b'"event":"voorganger"'
_WITHIN = 200_000
"""Entries from the beginning: minutes of the busiest day, where seconds are needed."""


async def naming_leaf(connection: Connection, log: int) -> StoredLeaf | None:
    """The first entry of a volume that names a predecessor; none where nothing came before."""
    row = await connection.fetchrow(
        """select l.index, l.hash, l.entry from log_leaf l
            where l.log = $1 and l.index < $2 and position($3::bytea in l.entry) > 0
              and exists (select from log_head own join log_head older using (series)
                           where own.log = $1 and older.log < own.log)
            order by l.index limit 1""",
        log,
        _WITHIN,
        _NAMES_ONE,
        timeout=30,
    )
    return None if row is None else StoredLeaf(*row)
