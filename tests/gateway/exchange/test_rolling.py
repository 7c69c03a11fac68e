"""A new version comes in force while messages stream in: each is decided by exactly one version.

Two replicas on one database, each with rules of its own in memory; the clock of one is wrong by an
hour, which must not matter: the database's clock says when a version comes in force.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from consent.protocol import Protocol, load
from gateway.app import Books
from gateway.cli.setup import EXAMPLE
from gateway.exchange.approval import enforce
from gateway.exchange.committer import GroupCommitter
from gateway.telemetry import Telemetry
from schemas.decisions import Outcome
from tests.support.committing import Desk, open_desk
from tests.support.messages import referral

SECONDS_BEFORE, SECONDS_AFTER = 0.8, 0.6


@pytest.fixture
async def desk(database: str) -> AsyncIterator[Desk]:
    async with open_desk(database) as opened:
        yield opened


@asynccontextmanager
async def replica(desk: Desk, wrong_by: timedelta) -> AsyncIterator[GroupCommitter]:
    """One more process on the same database, as far as rules and clocks go."""
    tools = replace(desk.tools, clock=lambda: datetime.now(UTC) + wrong_by)
    made = GroupCommitter(
        desk.pool,
        Books(desk.keys).of,
        tools,
        Telemetry(desk.log),
        writers=2,
        group_size=16,
        bytes_per_sender=4 * 1024 * 1024,
    )
    made.start()
    try:
        yield made
    finally:
        await made.stop()


def without_surname(version: str) -> Protocol:
    """The example, but DWI's referrals no longer carry surnames."""
    text = EXAMPLE.read_text(encoding="utf-8")
    now = load(text).version
    head, _, rest = text.replace(f'"{now}"', f'"{version}"', 1).partition('id = "dwi-aanmelding"')
    rest = rest.replace('"lid.achternaam" = "identificeren"', '"lid.achternaam" = "weglaten"', 1)
    return load(f'{head}id = "dwi-aanmelding"{rest}')


async def stream(desk: Desk, committer: GroupCommitter, enough: asyncio.Event) -> int:
    count = 0
    while not enough.is_set():
        messages = [desk.arrived(referral()) for _ in range(4)]
        for recorded in await asyncio.gather(*map(committer.submit, messages)):
            assert recorded.outcome is Outcome.ACCEPTED
            count += 1
    return count


async def until_database_says(pool: asyncpg.Pool, moment: datetime) -> None:
    """Its clock alone says when a version comes in force, however slow everything else is."""
    while await pool.fetchval("select clock_timestamp() < $1", moment):  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.02)


async def decided(pool: asyncpg.Pool) -> list[tuple[str, bytes, dict[str, object]]]:
    """Each decision in the order of the log: exchange, the row's protocol, the entry."""
    protocols = {
        str(row[0]): bytes(row[1]) for row in await pool.fetch("select id, protocol from exchange")
    }
    leaves = await pool.fetch("select entry from log_leaf order by index")
    entries = [json.loads(row[0]) for row in leaves]
    return [
        (entry["exchange"], protocols[entry["exchange"]], entry)
        for entry in entries
        if entry["event"] == "besluit"
    ]


@pytest.mark.parametrize("is_planned", [True, False])
async def test_invariant_02_rolling_to_a_new_version_decides_each_message_by_one(
    desk: Desk, *, is_planned: bool
) -> None:
    old, new = load(EXAMPLE.read_text(encoding="utf-8")), without_surname("2027.1")
    enough = asyncio.Event()
    async with AsyncExitStack() as running:
        replicas = [
            await running.enter_async_context(replica(desk, wrong_by))
            for wrong_by in (timedelta(0), timedelta(hours=1))
        ]
        streams = [asyncio.create_task(stream(desk, one, enough)) for one in replicas]
        moment = await desk.pool.fetchval("select clock_timestamp()")
        moment += timedelta(seconds=SECONDS_BEFORE)
        if is_planned:
            await enforce(desk.engine, new, moment)
            await until_database_says(desk.pool, moment)
        else:
            await asyncio.sleep(SECONDS_BEFORE)
            await enforce(desk.engine, new, None)
        await asyncio.sleep(SECONDS_AFTER)
        enough.set()
        total = sum(await asyncio.gather(*streams))

    found = await decided(desk.pool)
    assert len(found) == total
    digests = []
    for _, row, entry in found:
        protocol, released = entry["protocol"], entry["released"]
        assert isinstance(protocol, dict)
        assert isinstance(released, list)
        # Row, entry and what was minimised all speak of the same version.
        assert protocol["digest"] == row.hex()
        assert ("lid.achternaam" in released) is (row == old.digest)
        digests.append(row)
    first_new = digests.index(new.digest)
    assert 0 < first_new < total - 1
    assert set(digests[:first_new]) == {old.digest}
    assert set(digests[first_new:]) == {new.digest}
