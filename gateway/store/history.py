"""What the processing log holds of one exchange, and where a moment lies in it; read only.

Entries bear no index by exchange or time: the log is written on every message and read so seldom.
One exchange is therefore looked for from its first entry on, which its commit group names.
"""

from __future__ import annotations

from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.groups import VERWERKINGEN, Connection
from gateway.store.log import leaves_between, log_size, volumes_of


async def driver_of(connection: AsyncConnection) -> Connection:
    """The driver's own connection, for statements that are written for it."""
    raw = (await connection.get_raw_connection()).driver_connection
    assert isinstance(raw, asyncpg.Connection)  # noqa: S101  # the one driver that we use
    return raw


async def entries_of(connection: Connection, exchange: UUID) -> list[bytes]:
    """Every entry of an exchange in the processing log, in order; none if it has none there.

    The hashes in the commit group name the first entry; entries after it are searched by content.
    """
    logs = [volume.log for volume in await volumes_of(connection, VERWERKINGEN)]
    first = await connection.fetchrow(
        """select l.log, l.index from exchange e
             join commit_group g on g.id = e.commit_group
             join log_leaf l on l.log = any($2::smallint[])
              and l.hash = substring(g.leaf_hashes from e.group_index * 32 + 1 for 32)
            where e.id = $1""",
        exchange,
        logs,
    )
    if first is None:
        return []
    rows = await connection.fetch(
        """select entry from log_leaf
            where log = any($1::smallint[]) and (log, index) >= ($2::smallint, $3::bigint)
              and position($4::bytea in entry) > 0 order by log, index""",
        logs,
        *first,
        f'"exchange":"{exchange}"'.encode(),
        timeout=120,
    )
    return [bytes(row[0]) for row in rows]


async def first_at(connection: Connection, log: int, moment: int) -> int:
    """About where a volume's entries from a moment on begin, in milliseconds since 1970.

    Halves the volume by the ends of its entries. Those are in order but for the seconds that a
    group took, so the caller starts a while before what it looks for.
    """
    low, high = 0, await log_size(connection, log)
    while low < high:
        middle = (low + high) // 2
        (leaf,) = await leaves_between(connection, log, middle, middle + 1)
        if _end_of(leaf.entry) < moment:
            low = middle + 1
        else:
            high = middle
    return low


def _end_of(entry: bytes) -> int:
    _, _, rest = entry.partition(b'"endTime":')
    return int(rest[: rest.index(b",")])
