"""A dossier under two seconds, however much the log holds (`make proof`)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.cli.dossier import files_of
from gateway.cli.setup import SANDBOX
from gateway.store.log import open_volume
from gateway.store.partners import register_partner
from tests.gateway.exchange.road import EXAMPLE, Road
from tests.support.dossiers import Desk
from tests.support.messages import fresh_bsn, member, referral

EXCHANGES = 1_000_000
SECONDS = 2.0

_LEAVES = """insert into log_leaf (log, index, hash, entry, subjects)
    select $1, n, sha256(int8send(n)), convert_to('{"endTime":1,"event":"besluit"}', 'UTF8'),
           array[gen_random_uuid(), gen_random_uuid(), gen_random_uuid()]
      from generate_series(0::bigint, $2::bigint - 1) n"""
_ROWS = """insert into search_entry (log, index, kind, at, exchange, subjects)
    select log, index, $1, 1, gen_random_uuid(), subjects from log_leaf where log = $2"""


@asynccontextmanager
async def made_up_road(url: str) -> AsyncIterator[Road]:
    """A road whose log nobody could verify: what stands in it first is made up."""
    engine = create_async_engine("postgresql+asyncpg" + url.removeprefix("postgresql"))
    async with asyncpg.create_pool(url, min_size=1, max_size=8) as pool:
        road = Road(pool, engine)
        await road.put_in_force(EXAMPLE)
        for partner in SANDBOX:
            await register_partner(engine, partner)
        await _fill(pool)
        road.committer.start()
        try:
            yield road
        finally:
            await road.committer.stop()
            await engine.dispose()


async def _fill(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        log = (await open_volume(connection, 1)).log
        await connection.execute(_LEAVES, log, EXCHANGES, timeout=300)
        await connection.execute("update log_head set size = $2 where log = $1", log, EXCHANGES)
        kind = await connection.fetchval(
            "insert into search_kind (series, event) values (1, 'besluit') returning number"
        )
        await connection.execute(_ROWS, kind, log, timeout=300)
        await connection.execute(
            """insert into search_cursor (log, reached) values ($1, $2)
               on conflict (log) do update set reached = excluded.reached""",
            log,
            EXCHANGES,
        )
        await connection.execute("analyze", timeout=120)


@pytest.mark.proof
async def test_a_dossier_is_made_in_two_seconds_over_a_million_exchanges(database: str) -> None:
    async with made_up_road(database) as road:
        desk = await Desk(road).open()
        person = fresh_bsn()
        for _ in range(20):
            await road.refer(referral(member(person), member(rol="partner")))
        await road.acknowledge()
        took = []
        for _ in range(5):
            begun = time.perf_counter()
            written = await desk.draft(person)
            files_of(written, None)
            took.append(time.perf_counter() - begun)
    assert len(written.dossier.sharings) == 20
    seconds = ", ".join(f"{one:.2f}" for one in took)
    print(f"a dossier of 20 messages over {EXCHANGES:,} entries: {seconds} s")  # noqa: T201  # figures
    assert max(took) < SECONDS
