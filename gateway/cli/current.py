"""May this database be used at all? Asked before a command reads or writes anything in it."""

from __future__ import annotations

import asyncpg

from gateway.audit.freshness import require_fresh
from gateway.audit.published import Published
from gateway.audit.series import Origins
from gateway.settings import Settings
from gateway.store.database import CONNECT_SECONDS, Addresses


async def require_current(settings: Settings, place: Addresses) -> None:
    """Raises `DatabaseOlderError`: a database that was put back is read and written by nobody.

    Even the entry of a failure would make its log another one than was published.
    """
    connection = await asyncpg.connect(place.dsn, timeout=CONNECT_SECONDS)
    try:
        published, origins = Published(settings.journal_folder), Origins(settings.oin)
        await require_fresh(connection, published, origins, needs_journal=False)
    finally:
        await connection.close()
