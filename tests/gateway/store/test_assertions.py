"""Spent assertions in the database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.assertions import KEPT_LONGER, spend, sweep


async def test_of_many_at_once_exactly_one_spends_it(engine: AsyncEngine) -> None:
    until = datetime.now(UTC) + timedelta(minutes=5)

    won = await asyncio.gather(*(spend(engine, b"same", until) for _ in range(12)))

    assert sorted(won) == [False] * 11 + [True]


async def test_only_what_expired_long_ago_is_swept(engine: AsyncEngine, pool: asyncpg.Pool) -> None:
    now = datetime.now(UTC)
    margin = timedelta(minutes=1)
    await spend(engine, b"old", now - KEPT_LONGER - margin)
    await spend(engine, b"young", now - KEPT_LONGER + margin)

    assert await sweep(engine) == 1

    assert await pool.fetchval("select array_agg(fingerprint) from used_assertion") == [b"young"]
    assert await spend(engine, b"young", now) is False
