"""Spent assertions: each may be used once, over all replicas and restarts (RFC 7523, `jti`).

Only a keyed fingerprint is kept, so the table tells nobody which assertions were used.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.tables import USED_ASSERTION

KEPT_LONGER = timedelta(hours=1)
"""Kept after expiry, so that the database's clock may be ahead of a gateway's."""
SWEPT_AT_ONCE = 1000


async def spend(engine: AsyncEngine, fingerprint: bytes, expires_at: datetime) -> bool:
    """Note the use of an assertion; False if it was used before. Of two at once, one wins."""
    async with engine.begin() as connection:
        spent = await connection.execute(
            insert(USED_ASSERTION)
            .values(fingerprint=fingerprint, expires_at=expires_at)
            .on_conflict_do_nothing()
            .returning(USED_ASSERTION.c.fingerprint)
        )
        return spent.first() is not None


async def sweep(engine: AsyncEngine) -> int:
    """Forget assertions that expired long enough ago; gives how many, at most `SWEPT_AT_ONCE`."""
    old = (
        select(USED_ASSERTION.c.fingerprint)
        .where(USED_ASSERTION.c.expires_at < func.now() - KEPT_LONGER)
        .limit(SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    async with engine.begin() as connection:
        swept = await connection.execute(
            delete(USED_ASSERTION).where(USED_ASSERTION.c.fingerprint.in_(old))
        )
        return swept.rowcount
