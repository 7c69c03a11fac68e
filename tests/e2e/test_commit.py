"""Invariant 1: no success answer before the commit; and what happens when the commit is lost.

Between gateway and database stands a road that breaks at COMMIT, before it or after it. The answer
must be the same in both cases, and the effect there exactly once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import NamedTuple

import httpx
import pytest
import pytest_asyncio

from tests.support.database import TestServer
from tests.support.database_road import Cut, DatabaseRoad, database_road
from tests.support.log_oracle import assert_log_tells_all
from tests.support.messages import lines_of, referral, status_of
from tests.support.pulling import (
    acknowledge,
    deliver,
    outcomes,
    pull,
    pull_all,
    refer,
    report_status,
    worked_off,
)
from tests.support.refusals import assert_problem
from tests.support.running_gateway import RunningGateway, running_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOTH = pytest.mark.parametrize("cut", list(Cut), ids=["lost", "reported-lost"])


class World(NamedTuple):
    gateway: RunningGateway
    road: DatabaseRoad
    dwi: httpx.AsyncClient
    casebook: httpx.AsyncClient


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(postgres: TestServer) -> AsyncIterator[World]:
    async with (
        database_road(postgres.server.socket_folder) as road,
        running_gateway(postgres, via=str(road.folder)) as gateway,
        gateway.partner("dwi") as dwi,
        gateway.partner("casebook") as casebook,
    ):
        yield World(gateway, road, dwi, casebook)
        await assert_log_tells_all(gateway)


@pytest_asyncio.fixture(loop_scope="module")
async def world(served: World) -> AsyncIterator[World]:
    """An empty mailbox and a whole road, before and after."""
    await pull_all(served.casebook)
    await pull_all(served.dwi)
    yield served
    served.road.planned.clear()
    served.road.always = None
    served.road.may_commit.set()


async def test_invariant_01_while_the_commit_is_under_way_nobody_is_answered(world: World) -> None:
    before = await world.gateway.effects()
    world.road.at_commit.clear()
    world.road.may_commit.clear()

    asked = asyncio.create_task(refer(world.dwi, referral()))
    await world.road.at_commit.wait()
    await asyncio.wait([asked], timeout=0.5)

    assert not asked.done()
    assert await world.gateway.effects() == before
    world.road.may_commit.set()
    answer = await asked
    assert answer.status_code == 202
    assert await world.gateway.effects() == tuple(number + 1 for number in before)


@BOTH
async def test_invariant_01_a_lost_commit_of_a_message_has_its_effect_once(
    world: World, cut: Cut
) -> None:
    before = await world.gateway.effects()
    message = referral()
    world.road.planned = [cut]

    first = await refer(world.dwi, message)

    assert world.road.planned == []
    assert first.status_code == 202
    assert await world.gateway.effects() == tuple(number + 1 for number in before)
    # The answer is that of what is recorded: the same entry, the same exchange, also asked again.
    told = first.json()
    entry = (await world.gateway.entries())[-1]
    assert (entry["id"], entry["exchange"]) == (
        told["ontvangstbewijs"]["logregelId"],
        told["uitwisselingId"],
    )
    assert (await refer(world.dwi, message)).json() == told
    (event,) = await pull_all(world.casebook)
    assert event["id"] == told["uitwisselingId"]


@BOTH
async def test_invariant_01_a_lost_commit_of_a_status_has_its_effect_once(
    world: World, cut: Cut
) -> None:
    exchange = (await refer(world.dwi, referral())).json()["uitwisselingId"]
    await pull_all(world.casebook)
    before = await world.gateway.effects()
    world.road.planned = [cut]

    answer = await report_status(world.casebook, status_of(exchange))

    assert answer.status_code == 202
    assert await world.gateway.effects() == tuple(number + 1 for number in before)


@BOTH
async def test_invariant_01_a_commit_lost_again_and_again_still_has_its_effect_once(
    world: World, cut: Cut
) -> None:
    before = await world.gateway.effects()
    world.road.planned = [cut] * 3

    answers = await asyncio.gather(*(refer(world.dwi, referral()) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {202}
    assert await world.gateway.effects() == tuple(number + 20 for number in before)
    assert len({answer.json()["uitwisselingId"] for answer in answers}) == 20


async def test_invariant_01_what_cannot_be_committed_is_503_and_nothing_is_recorded(
    world: World,
) -> None:
    before = await world.gateway.effects()
    message = referral()
    world.road.always = Cut.BEFORE_COMMIT

    problem = await refer(world.dwi, message)

    assert_problem(problem, 503, message["kenmerk"])
    assert float(problem.headers["retry-after"]) > 0
    assert await world.gateway.effects() == before
    world.road.always = None
    assert (await refer(world.dwi, message)).status_code == 202
    assert await world.gateway.effects() == tuple(number + 1 for number in before)


async def test_invariant_01_an_answer_that_came_too_late_leaves_the_message_once(
    postgres: TestServer,
) -> None:
    """The sender was told "not now" while its commit was under way; it comes back and is known."""
    async with (
        database_road(postgres.server.socket_folder) as road,
        running_gateway(postgres, via=str(road.folder), request_timeout=0.3) as gateway,
        gateway.partner("dwi") as dwi,
    ):
        message = referral()
        road.may_commit.clear()
        late = await refer(dwi, message)
        road.may_commit.set()
        assert_problem(late, 503, message["kenmerk"])

        again = await refer(dwi, message)

        assert again.status_code == 202
        assert await gateway.effects() == (1, 1, 1)


@BOTH
async def test_invariant_01_a_delivery_whose_commits_are_lost_has_each_record_once(
    world: World, cut: Cut
) -> None:
    messages = [referral() for _ in range(600)]
    before = await world.gateway.effects()
    world.road.planned = [cut] * 3

    accepted = (await deliver(world.dwi, lines_of(messages))).json()["leveringId"]
    report = await worked_off(world.dwi, accepted)

    assert world.road.planned == []
    assert (report["records"], report["toegelaten"], report["dubbel"]) == (600, 600, 0)
    assert await world.gateway.effects() == tuple(number + 600 for number in before)
    told = await outcomes(world.dwi, accepted)
    assert [one["kenmerk"] for one in told] == [message["kenmerk"] for message in messages]
    pulled = await pull_all(world.casebook)
    assert [event["id"] for event in pulled] == [one["uitwisselingId"] for one in told]


@BOTH
async def test_invariant_01_a_page_whose_commit_is_lost_does_not_leave(
    world: World, cut: Cut
) -> None:
    exchange = (await refer(world.dwi, referral())).json()["uitwisselingId"]
    world.road.planned = [cut]

    lost = await pull(world.casebook)
    entries = await world.gateway.entries()
    again = await pull(world.casebook)

    assert_problem(lost, 503, exchange)
    (event,) = again.json()["berichten"]
    assert event["id"] == exchange
    # A hand-over may be recorded that did not happen; never the other way round.
    recorded = Counter(entry["event"] for entry in entries if entry["exchange"] == exchange)
    assert recorded["verstrekking"] == (1 if cut is Cut.AFTER_COMMIT else 0)
    recorded = Counter(
        entry["event"] for entry in await world.gateway.entries() if entry["exchange"] == exchange
    )
    assert recorded["verstrekking"] == (2 if cut is Cut.AFTER_COMMIT else 1)


@BOTH
async def test_invariant_01_a_lost_acknowledgement_counts_once(world: World, cut: Cut) -> None:
    for _ in range(3):
        await refer(world.dwi, referral())
    cursor = (await pull(world.casebook)).json()["volgende"]
    world.road.planned = [cut]

    lost = await acknowledge(world.casebook, cursor)
    again = await acknowledge(world.casebook, cursor)

    assert_problem(lost, 503)
    assert again.json() == {"bevestigd": 0 if cut is Cut.AFTER_COMMIT else 3}
    entries = [e["exchange"] for e in await world.gateway.entries() if e["event"] == "ontvangst"]
    assert Counter(Counter(entries).values()).keys() == {1}


async def test_a_road_that_is_gone_is_503_and_goes_on_when_it_is_back(world: World) -> None:
    before = await world.gateway.effects()
    message = referral()
    world.road.close()
    try:
        await asyncio.sleep(1.2)  # what is known of partners is good for a second
        for answer in (
            await refer(world.dwi, message),
            await pull(world.casebook),
            await world.dwi.get("/health/ready"),
            await world.dwi.get("/v1/protocol"),
            await deliver(world.dwi, lines_of([message])),
        ):
            assert_problem(answer, 503, message["kenmerk"])
            assert float(answer.headers["retry-after"]) > 0
        assert (await world.dwi.get("/health/live")).status_code == 200
    finally:
        world.road.open()

    async with asyncio.timeout(10):
        while (await refer(world.dwi, message)).status_code != 202:  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.1)
    assert await world.gateway.effects() == tuple(number + 1 for number in before)
