"""The access log's writer: durable before it returns, in groups, bounded, and never in silence."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from gateway.audit.access import Act, Action, Actor, ActorKind, Reason, Target, new_trace
from gateway.exchange import accesses
from gateway.exchange.accesses import AccessLog, AccessLogBusyError
from gateway.store.groups import NoOpenVolumeError
from gateway.telemetry import Telemetry

DWI = Actor(ActorKind.PARTNER, "dwi", "sleutel-1")


def act(operation: str = "leesProtocol", *, is_protected: bool = False) -> Act:
    return Act(
        operation,
        Action.READ,
        DWI,
        new_trace(),
        1,
        2,
        outcome="200",
        target=Target("protocol", "2026-01"),
        reason=Reason("toezicht", "Z-1"),
        is_protected=is_protected,
    )


@asynccontextmanager
async def writing(pool: asyncpg.Pool) -> AsyncIterator[AccessLog]:
    log = AccessLog(pool, lambda: datetime.now(UTC), Telemetry(io.StringIO()))
    log.start()
    yield log
    await log.stop()


async def entries(pool: asyncpg.Pool, series: int = 3) -> list[dict[str, Any]]:
    rows = await pool.fetch("select entry from log_leaf where log = $1 order by index", series)
    return [json.loads(row[0]) for row in rows]


async def test_invariant_12_an_act_is_committed_when_recording_returns(pool: asyncpg.Pool) -> None:
    async with writing(pool) as log:
        await log.record(act())
        (entry,) = await entries(pool)

    assert entry["actor"] == {"id": "dwi", "key": "sleutel-1", "kind": "ketenpartner"}
    assert entry["target"] == {"id": "2026-01", "kind": "protocol"}
    assert entry["reason"] == {"case": "Z-1", "code": "toezicht"}
    assert (entry["event"], entry["action"], entry["outcome"]) == ("toegang", "R", "200")
    assert entry["status"] == "Ok"
    assert entry["subjects"] == []


async def test_many_at_once_take_few_transactions(pool: asyncpg.Pool) -> None:
    async with writing(pool) as log:
        before = await pool.fetchval("select txid_current()")
        await asyncio.gather(*(log.record(act(str(n))) for n in range(200)))
        after = await pool.fetchval("select txid_current()")

    assert sorted(int(one["operation"]) for one in await entries(pool)) == list(range(200))
    assert after - before < 30


async def test_invariant_14_what_is_about_the_protected_stands_apart(pool: asyncpg.Pool) -> None:
    async with writing(pool) as log:
        await asyncio.gather(log.record(act(is_protected=True)), log.record(act()))

    assert len(await entries(pool, 3)) == 1
    assert len(await entries(pool, 4)) == 1


async def test_invariant_12_what_cannot_be_recorded_is_an_error_for_who_asked(
    pool: asyncpg.Pool,
) -> None:
    await pool.execute("update log_head set closed_at = now() where series = 3")
    async with writing(pool) as log:
        with pytest.raises(NoOpenVolumeError):
            await log.record(act())
        await pool.execute("update log_head set closed_at = null where series = 3")
        await log.record(act())

    assert len(await entries(pool)) == 1


async def test_the_queue_has_a_bound(pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accesses, "WAITING_MOST", 0)
    async with writing(pool) as log:
        with pytest.raises(AccessLogBusyError):
            await log.record(act())


async def test_attempts_of_unknown_callers_are_one_entry_a_second(pool: asyncpg.Pool) -> None:
    async with writing(pool) as log:
        for _ in range(1000):
            log.refused("vraagToken", "401")
        log.refused("haalPostvakOp", "401")

    told = [(one["operation"], one["count"], one["status"]) for one in await entries(pool)]
    assert told == [("haalPostvakOp", 1, "Error"), ("vraagToken", 1000, "Error")]
