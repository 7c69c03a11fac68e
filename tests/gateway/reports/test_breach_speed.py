"""A pack over a million exchanges, counted and checked whole: run by `make proof`."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.audit.signing import CheckpointSigner
from gateway.store.groups import VERWERKINGEN
from gateway.store.ids import new_id
from gateway.store.lease import take_lease
from gateway.store.log import open_volume
from gateway.store.partners import register_partner
from tests.gateway.exchange.road import LOGBOOKS, OKT, Road
from tests.gateway.reports.filled import LASTS, START, fill
from tests.gateway.reports.packs import appoint, pack
from tests.support.database import TestServer

EXCHANGES = int(os.environ.get("SLUIS_PROOF_EXCHANGES", "1000000"))


@pytest.mark.proof
async def test_a_pack_over_a_million_exchanges_takes_seconds(
    pool: asyncpg.Pool, engine: AsyncEngine, database: str, postgres: TestServer
) -> None:
    """One partner's week, one partner's whole period, and everything there is."""
    road = Road(pool, engine)
    await appoint(road)
    await register_partner(engine, OKT)
    connection = await asyncpg.connect(database)
    await fill(connection, road.vault, EXCHANGES, EXCHANGES // 2)
    await _sign(connection)
    await connection.close()
    ends = START + LASTS
    asked: dict[str, dict[str, Any]] = {
        "one partner, a week": {"partner": "okt", "since": ends - timedelta(days=7)},
        "one partner, all of it": {"partner": "okt", "since": START},
        "everything": {"since": START},
    }
    for told, about in asked.items():
        begun, ours = time.monotonic(), time.process_time()
        theirs = postgres.server.cpu_seconds()
        made = await pack(road, until=ends, **about)
        took = time.monotonic() - begun
        ours, theirs = time.process_time() - ours, postgres.server.cpu_seconds() - theirs
        seen = made.findings.exposure
        print(  # noqa: T201  # figures of a proof
            f"{told}: {seen.exchanges:,} exchanges, {seen.persons:,} persons, {took:.1f} s"
            f" (CPU: ours {ours:.1f}, the database's {theirs:.1f})"
        )
        assert all(one.fault is None for one in made.findings.soundness)
        assert seen.exchanges > 0


async def _sign(connection: asyncpg.Connection) -> None:
    volume = await open_volume(connection, VERWERKINGEN)
    lease = await take_lease(connection, "publisher/verwerkingen", new_id(), 600.0)
    assert lease is not None
    origin = LOGBOOKS.origin(VERWERKINGEN, volume.name)
    signer = CheckpointSigner(volume.log, origin, LOGBOOKS.key(VERWERKINGEN))
    while await signer.extend(connection, lease):
        pass
