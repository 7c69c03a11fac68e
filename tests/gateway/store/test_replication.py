"""Nothing is signed that the standbys may not have: tried with a standby that never answers.

One server tells all but what a standby does with what it gets: with a name in
`synchronous_standby_names` that nobody bears, every commit waits for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from gateway.store.embedded import start_embedded
from gateway.store.lease import take_lease
from gateway.store.migrate import migrate
from gateway.store.replication import NotReplicatedError, has_standbys, require_replicated
from tests.support.running_gateway import reachable_folder

LEASE = "publisher/verwerkingen"


@pytest.fixture
async def lonely() -> AsyncIterator[str]:
    """A database whose standby is never there; who does not wait for it can still write."""
    with reachable_folder() as place:
        waits = {"fsync": "off", "synchronous_standby_names": "FIRST 1 (niemand)"}
        with start_embedded(place / "data", settings={"fsync": "off"}) as server:
            await migrate(server.sqlalchemy_url)
        with start_embedded(place / "data", settings=waits) as server:
            yield server.dsn


async def connected(dsn: str, commits: str) -> asyncpg.Connection:
    return await asyncpg.connect(dsn, server_settings={"synchronous_commit": commits})


async def test_without_standbys_nothing_is_asked(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        lease = await take_lease(connection, LEASE, uuid4(), 5)
        assert lease is not None
        assert not await has_standbys(connection)


async def test_invariant_12_what_no_standby_confirms_is_not_signed(
    lonely: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.replication.WAIT_SECONDS", 0.5)
    # As after a wait that was broken off: committed and visible here, and perhaps nowhere else.
    connection = await connected(lonely, "local")
    await take_lease(connection, LEASE, uuid4(), 60)
    assert await has_standbys(connection)

    with pytest.raises(NotReplicatedError):
        await require_replicated(connection, LEASE)

    await connection.close()


async def test_a_wait_that_an_administrator_breaks_off_confirms_nothing(lonely: str) -> None:
    connection, other = await connected(lonely, "local"), await connected(lonely, "local")
    await take_lease(connection, LEASE, uuid4(), 60)

    waiting = asyncio.create_task(require_replicated(connection, LEASE))
    pid = connection.get_server_pid()
    async with asyncio.timeout(4):
        while await other.fetchval(  # noqa: ASYNC110  # the server tells no other way
            "select wait_event is distinct from 'SyncRep' from pg_stat_activity where pid = $1", pid
        ):
            await asyncio.sleep(0.02)
    await other.execute("select pg_cancel_backend($1)", pid)

    with pytest.raises(NotReplicatedError, match="broken off"):
        await waiting
    await connection.close()
    await other.close()
