"""Is what is committed here with the standbys as well? What a failover could lose is not signed.

With synchronous standbys (`synchronous_standby_names`) a commit is answered once they have it on
disk, and others see it only then; unless that wait was broken off, by a timeout or an
administrator, for then it is visible here and may be nowhere else. So whoever is about to sign
makes a commit of its own, which waits as well: when it is answered without a warning, everything
that was visible before it is with the standbys. That takes no right to see their positions
(`pg_stat_replication` shows those to monitors alone), and heeds every form of the setting.
"""

from __future__ import annotations

import asyncio

import asyncpg

from gateway.store.groups import Connection

WAIT_SECONDS = 5.0


class NotReplicatedError(Exception):
    """The standbys did not confirm in time: what is visible here may be lost by a failover."""


async def has_standbys(connection: Connection) -> bool:
    """Whether commits wait for anybody."""
    return bool(await connection.fetchval("select current_setting('synchronous_standby_names')"))


async def require_replicated(connection: Connection, lease: str) -> None:
    """Wait until all that is visible now is with the standbys.

    `lease` is the name of the caller's own lease, whose row is touched. Raises
    `NotReplicatedError`; outside any transaction of the caller's.
    """
    warned: list[object] = []

    def note(_: object, message: object) -> None:
        warned.append(message)

    connection.add_log_listener(note)
    try:
        await connection.execute("begin; set local synchronous_commit = 'on'")
        await connection.execute("update lease set expires_at = expires_at where name = $1", lease)
        await connection.execute("commit", timeout=WAIT_SECONDS)
        await asyncio.sleep(0)  # warnings are handed over by the loop
    except (TimeoutError, asyncpg.QueryCanceledError):
        raise NotReplicatedError("the standbys do not confirm") from None
    finally:
        connection.remove_log_listener(note)
        if connection.is_in_transaction():
            await connection.execute("rollback")
    if warned:
        raise NotReplicatedError("a wait for the standbys was broken off")
