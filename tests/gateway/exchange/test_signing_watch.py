"""A log that is written and no longer signed stops passage, until it is signed again."""

from __future__ import annotations

import io
import json

import asyncpg

from gateway.exchange.signing_watch import SigningWatch
from gateway.telemetry import Telemetry
from tests.gateway.audit.leaves import append
from tests.gateway.audit.test_publisher import Replica, published, running, until


async def test_invariant_12_entries_that_nobody_signs_shut_the_gateway(
    pool: asyncpg.Pool,
) -> None:
    stream = io.StringIO()
    watch = SigningWatch(pool, Telemetry(stream), most=-1.0)
    await watch.turn()
    assert not watch.is_shut()

    await append(pool, 3)
    await watch.turn()
    assert watch.is_shut()

    async with running(Replica(pool)):
        await until(published(pool, 3))
    await watch.turn()
    assert not watch.is_shut()
    events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert events == ["log-not-signed-shut", "log-signed-again"]


async def test_a_log_that_moves_on_is_not_shut_however_much_waits(pool: asyncpg.Pool) -> None:
    watch = SigningWatch(pool, Telemetry(io.StringIO()), most=60.0)
    for _ in range(3):
        await append(pool, 1)
        await watch.turn()
        assert not watch.is_shut()
