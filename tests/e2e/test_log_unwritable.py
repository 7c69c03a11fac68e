"""Invariant 12: if the log cannot be written, nothing passes, and nothing is left half-done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx
import pytest
import pytest_asyncio

from tests.support.database import TestServer
from tests.support.log_oracle import assert_log_tells_all
from tests.support.messages import held_referral, referral, refused_referral, status_of
from tests.support.pulling import acknowledge, pull, pull_all, refer, report_status
from tests.support.refusals import assert_problem
from tests.support.running_gateway import RunningGateway, running_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

WAYS = {
    "a leaf is refused": (
        """create function no_leaf() returns trigger language plpgsql as
           $$ begin raise exception 'no room in the log'; end $$;
           create trigger no_leaf before insert on log_leaf execute function no_leaf()""",
        "drop trigger no_leaf on log_leaf; drop function no_leaf",
    ),
    "the table is gone": (
        "alter table log_leaf rename to log_leaf_elders",
        "alter table log_leaf_elders rename to log_leaf",
    ),
    "the head is gone": (
        "alter table log_head rename to log_head_elders",
        "alter table log_head_elders rename to log_head",
    ),
    "no volume is open": (
        "update log_head set closed_at = now() where log = 1",
        "update log_head set closed_at = null where log = 1",
    ),
    "the index is taken": (
        "update log_head set size = 0 where log = 1",
        "update log_head set size = (select count(*) from log_leaf where log = 1) where log = 1",
    ),
}


class World(NamedTuple):
    gateway: RunningGateway
    dwi: httpx.AsyncClient
    casebook: httpx.AsyncClient

    @asynccontextmanager
    async def log_unwritable(self, way: str) -> AsyncIterator[None]:
        break_it, mend_it = WAYS[way]
        await self.gateway.pool.execute(break_it)
        try:
            yield
        finally:
            await self.gateway.pool.execute(mend_it)
            # A head that was cut is a database that was put back: the next look lets it in again.
            async with asyncio.timeout(20):
                while (await self.dwi.get("/health/ready")).status_code != 200:  # noqa: ASYNC110  # no event
                    await asyncio.sleep(0.1)

    async def state(self) -> list[object]:
        """Everything that a message, a hand-over or an acknowledgement could change."""
        read = """select (select count(*) from exchange), (select count(*) from fingerprint),
                         (select count(*) from subject), (select count(*) from consent_event),
                         (select count(*) from part), (select count(*) from held),
                         (select count(*) from commit_group),
                         (select count(*) from mailbox),
                         (select coalesce(sum(releases), 0) from mailbox),
                         (select count(*) from mailbox where acknowledged_at is not null),
                         (select sum(last_position) from mailbox_head),
                         (select sum(acknowledged) from mailbox_head)"""
        return list(*await self.gateway.pool.fetch(read))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres: TestServer) -> AsyncIterator[World]:
    async with (
        running_gateway(postgres) as gateway,
        gateway.partner("dwi") as dwi,
        gateway.partner("casebook") as casebook,
    ):
        yield World(gateway, dwi, casebook)
        await assert_log_tells_all(gateway)


@pytest.mark.parametrize("way", WAYS)
async def test_invariant_12_nothing_is_taken_in(world: World, way: str) -> None:
    exchange = (await refer(world.dwi, referral())).json()["uitwisselingId"]
    await pull_all(world.casebook)
    before = await world.state()
    messages = [referral(), held_referral(), refused_referral()]
    async with world.log_unwritable(way):
        for message in messages:
            answer = await refer(world.dwi, message)
            assert answer.status_code in (500, 503), answer.text
            assert_problem(answer, answer.status_code, message["kenmerk"])
        answer = await report_status(world.casebook, status_of(exchange))
        assert answer.status_code in (500, 503), answer.text

    assert await world.state() == before
    # And when the log can be written again, the very same messages pass.
    told = [(await refer(world.dwi, message)).status_code for message in messages]
    assert told == [202, 202, 403]


@pytest.mark.parametrize("way", WAYS)
async def test_invariant_12_nothing_is_handed_over(world: World, way: str) -> None:
    await pull_all(world.casebook)
    message = referral()
    exchange = (await refer(world.dwi, message)).json()["uitwisselingId"]
    before = await world.state()
    async with world.log_unwritable(way):
        answer = await pull(world.casebook)

        assert answer.status_code in (500, 503)
        assert_problem(answer, answer.status_code, exchange, "Voorbeeldstraat")
    assert await world.state() == before
    assert [event["id"] for event in await pull_all(world.casebook)] == [exchange]


@pytest.mark.parametrize("way", WAYS)
async def test_invariant_12_nothing_is_acknowledged(world: World, way: str) -> None:
    await pull_all(world.casebook)
    await refer(world.dwi, referral())
    cursor = (await pull(world.casebook)).json()["volgende"]
    before = await world.state()
    async with world.log_unwritable(way):
        answer = await acknowledge(world.casebook, cursor)

        assert answer.status_code in (500, 503)
        assert_problem(answer, answer.status_code)
    assert await world.state() == before
    assert (await acknowledge(world.casebook, cursor)).json() == {"bevestigd": 1}
