"""Waiting for mail: at once when it comes, nothing held meanwhile, and an end to every wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from gateway.exchange.signal import WAITING_MOST
from gateway.store.partners import add_key, end_key
from tests.support.database import TestServer
from tests.support.messages import member, referral
from tests.support.pulling import pull, pull_all, refer
from tests.support.registered import Party
from tests.support.running_gateway import RunningGateway, bearer_of, running_gateway

TIMEOUT = 1.0
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(postgres: TestServer) -> AsyncIterator[RunningGateway]:
    # Less than a request may wait, so that what waits on purpose shows that it is not cut off.
    async with running_gateway(postgres, request_timeout=TIMEOUT) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _nothing_left(gateway: RunningGateway) -> None:
    async with gateway.partner("casebook") as casebook:
        await pull_all(casebook)


async def test_a_waiting_pull_is_answered_as_soon_as_there_is_mail(gateway: RunningGateway) -> None:
    async with gateway.partner("casebook") as casebook, gateway.partner("dwi") as dwi:
        waiting = asyncio.create_task(pull(casebook, wacht=15))
        await asyncio.sleep(2 * TIMEOUT)
        assert not waiting.done()
        begun = time.monotonic()
        sent = await refer(dwi, referral(member()))
        answer = await waiting
        assert time.monotonic() - begun < 2
        assert [one["id"] for one in answer.json()["berichten"]] == [sent.json()["uitwisselingId"]]


async def test_mail_that_is_there_is_not_waited_for(gateway: RunningGateway) -> None:
    async with gateway.partner("casebook") as casebook, gateway.partner("dwi") as dwi:
        await refer(dwi, referral(member()))
        begun = time.monotonic()
        assert len((await pull(casebook, wacht=15)).json()["berichten"]) == 1
        assert time.monotonic() - begun < 2


async def test_mail_that_came_while_the_page_was_made_is_not_waited_for(
    gateway: RunningGateway,
) -> None:
    async with gateway.partner("casebook") as casebook, gateway.partner("dwi") as dwi:
        async with gateway.pool.acquire() as holder, holder.transaction():
            # A release reads its rows before it asks for the recipient's key.
            await holder.execute("lock table endpoint in access exclusive mode")
            waiting = asyncio.create_task(pull(casebook, wacht=5))
            held = "select count(*) from pg_locks where relation='endpoint'::regclass"
            async with asyncio.timeout(10):
                while await holder.fetchval(held) < 2:  # noqa: ASYNC110  # it is PostgreSQL's
                    await asyncio.sleep(0.01)
            await refer(dwi, referral(member()))
        begun = time.monotonic()
        assert len((await waiting).json()["berichten"]) == 1
        assert time.monotonic() - begun < 2


async def test_nothing_within_the_time_is_an_empty_page_under_the_same_cursor(
    gateway: RunningGateway,
) -> None:
    async with gateway.partner("casebook") as casebook:
        before = (await pull(casebook)).json()
        entries = len(await gateway.entries())
        after = await pull(casebook, wacht=1)
        assert after.status_code == 200
        assert after.json() == before
        # Looking is no disclosure, and leaves no entry of one.
        assert len(await gateway.entries()) == entries
        assert (await pull(casebook, wacht=56)).status_code == 400


async def test_who_waits_holds_no_connection_and_one_look_serves_all(
    gateway: RunningGateway,
) -> None:
    async with gateway.partner("casebook") as casebook, gateway.partner("dwi") as dwi:
        waits = [asyncio.create_task(pull(casebook, wacht=20)) for _ in range(WAITING_MOST)]
        waits += [asyncio.create_task(pull(dwi, wacht=20)) for _ in range(WAITING_MOST)]
        await asyncio.sleep(2)
        # What any connection is at, it began just now: none has been anybody's for as long as they
        # wait, nor asks one question each.
        held = await gateway.pool.fetchval(
            """select count(*) from pg_stat_activity
                where datname = current_database() and state <> 'idle'
                  and clock_timestamp() - xact_start > interval '1500 ms'"""
        )
        assert held == 0
        # One more than may wait is told so, and who does not wait is served as ever.
        refused = await pull(casebook, wacht=5)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        assert (await pull(casebook)).status_code == 200
        await refer(dwi, referral(member()))
        answers = await asyncio.gather(*waits[:WAITING_MOST])
        assert all(len(one.json()["berichten"]) == 1 for one in answers)
        for one in waits[WAITING_MOST:]:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def test_a_key_that_is_ended_gets_nothing_that_it_waited_for(
    gateway: RunningGateway,
) -> None:
    stolen = Party("casebook")
    await add_key(gateway.engine, "casebook", stolen.stored())
    async with gateway.stranger() as thief, gateway.partner("dwi") as dwi:
        thief.headers["Authorization"] = await bearer_of(thief, stolen, gateway.base_url)
        waiting = asyncio.create_task(pull(thief, wacht=30))
        await asyncio.sleep(0.5)
        await end_key(gateway.engine, "casebook", stolen.kid)
        await asyncio.sleep(1.5)
        assert not waiting.done()
        await refer(dwi, referral(member()))
        assert (await waiting).status_code == 401


async def test_who_goes_away_gives_its_place_back(gateway: RunningGateway) -> None:
    async with gateway.partner("casebook") as casebook:
        for _ in range(3):
            waits = [asyncio.create_task(pull(casebook, wacht=50)) for _ in range(WAITING_MOST)]
            await asyncio.sleep(0.3)
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
            await asyncio.sleep(0.3)
        assert (await pull(casebook, wacht=1)).status_code == 200


async def events_of(answer: httpx.Response, number: int) -> list[str]:
    found: list[str] = []
    async for line in answer.aiter_lines():
        found += [line] if line.startswith(("event:", "data:", ":")) else []
        if len(found) >= number:
            break
    return found


async def test_a_stream_says_that_there_is_something_newer_and_nothing_of_it(
    gateway: RunningGateway,
) -> None:
    async with gateway.partner("casebook") as casebook, gateway.partner("dwi") as dwi:
        async with casebook.stream("GET", "/v1/postvak/signaal") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert stream.headers["cache-control"] == "no-store"
            await asyncio.sleep(2 * TIMEOUT)  # an answer that began is not cut off
            await refer(dwi, referral(member()))
            async with asyncio.timeout(5):
                told = await events_of(stream, 2)
        newest = await gateway.pool.fetchval(
            "select last_position from mailbox_head where recipient = 'casebook'"
        )
        assert told == ["event: nieuw", f'data: {{"nieuwste":{newest}}}']
        # What was not acknowledged is new to whoever connects again.
        async with casebook.stream("GET", "/v1/postvak/signaal") as stream, asyncio.timeout(5):
            assert await events_of(stream, 2) == told
        await pull_all(casebook)
        acts = [
            row[0]
            for row in await gateway.pool.fetch(
                "select entry from log_leaf join log_head using (log) where series = 3"
            )
        ]
        assert sum(b'"volgPostvak"' in one for one in acts) == 2


async def test_suspension_and_the_end_of_the_gateway_end_every_wait(postgres: TestServer) -> None:
    async with running_gateway(postgres) as gateway, gateway.partner("casebook") as casebook:
        waiting = asyncio.create_task(pull(casebook, wacht=50))
        async with casebook.stream("GET", "/v1/postvak/signaal") as stream:
            await gateway.pool.execute("update partner set is_suspended = true where id='casebook'")
            await gateway.pool.execute("update rules_generation set number = number + 1")
            async with asyncio.timeout(5):
                assert [line async for line in stream.aiter_lines() if "data" in line] == []
                assert (await waiting).json()["berichten"] == []
        async with asyncio.timeout(5):  # what a token is good for is looked at every second
            while (await casebook.get("/v1/postvak/signaal")).status_code != 401:  # noqa: ASYNC110  # HTTP
                await asyncio.sleep(0.1)

        async with gateway.partner("dwi") as dwi:
            waiting = asyncio.create_task(pull(dwi, wacht=50))
            await asyncio.sleep(0.3)
            begun = time.monotonic()
            gateway.served.gateway.end_waiting()  # as when the gateway ends
            assert (await waiting).json()["berichten"] == []
            assert time.monotonic() - begun < 2
