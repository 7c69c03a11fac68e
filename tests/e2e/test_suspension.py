"""Suspending a partner works at once, whatever of it is under way, on every replica.

Waiting pulls and streams are in tests/gateway/api/test_waiting.py, push in
tests/gateway/exchange/test_pushing.py, releases under way in tests/e2e/test_gate.py.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio

from gateway.store.partners import resume_partner, suspend_partner
from tests.support.database import TestServer
from tests.support.messages import lines_of, member, referral
from tests.support.running_gateway import (
    RunningGateway,
    another_like,
    running_gateway,
)

WITHIN = 1.5
"""Seconds after which no token may work: one, and what a busy machine adds."""
RECORDS = 2_000


@pytest_asyncio.fixture
async def gateway(postgres: TestServer) -> AsyncIterator[RunningGateway]:
    async with running_gateway(postgres) as running:
        yield running


async def _shut(http: httpx.AsyncClient, path: str) -> float:
    """Seconds until this address says 401."""
    begun = time.monotonic()
    async with asyncio.timeout(10):
        while (await http.get(path)).status_code != 401:  # noqa: ASYNC110  # another process of the product reads it
            await asyncio.sleep(0.02)
    return time.monotonic() - begun


async def _decisions_after(gateway: RunningGateway, index: int) -> list[dict[str, Any]]:
    rows = await gateway.pool.fetch(
        "select entry from log_leaf where log = 1 and index >= $1 order by index", index
    )
    entries = [json.loads(row[0]) for row in rows]
    return [one for one in entries if one["event"] == "besluit"]


async def test_tokens_that_were_used_stop_on_every_replica_within_a_second(
    gateway: RunningGateway,
) -> None:
    async with (
        another_like(gateway) as second,
        gateway.partner("dwi") as here,
        httpx.AsyncClient(base_url=second.address, trust_env=False) as there,
    ):
        there.headers["Authorization"] = here.headers["Authorization"]
        for http in (here, there):
            assert (await http.get("/v1/protocol")).status_code == 200

        await suspend_partner(gateway.engine, "dwi")

        assert max(await asyncio.gather(*(_shut(h, "/v1/protocol") for h in (here, there)))) < (
            WITHIN
        )
        for path in ("/v1/postvak", "/v1/aangehouden", "/v1/logboek/verwerkingen/checkpoint"):
            assert (await here.get(path)).status_code == 401
        answer = await here.post("/v1/aanmeldingen", json=referral(member()))
        assert answer.status_code == 401
        await resume_partner(gateway.engine, "dwi")


async def test_a_delivery_half_worked_off_lets_nothing_more_through(
    gateway: RunningGateway,
) -> None:
    async with gateway.partner("dwi") as dwi:
        body = lines_of([referral(member()) for _ in range(RECORDS)])
        headers = {"Content-Type": "application/x-ndjson"}
        told = (await dwi.post("/v1/leveringen", content=body, headers=headers)).json()
        done = "select records from delivery where id = $1"
        async with asyncio.timeout(30):
            while not await gateway.pool.fetchval(done, told["leveringId"]):  # noqa: ASYNC110  # the product works it off
                await asyncio.sleep(0.005)

        await suspend_partner(gateway.engine, "dwi")

        head = await gateway.pool.fetchval("select size from log_head where log = 1")
        accepted = await gateway.count("mailbox", "recipient = 'casebook'")
        state = "select state from delivery where id = $1"
        async with asyncio.timeout(60):
            while await gateway.pool.fetchval(state, told["leveringId"]) == "in-verwerking":  # noqa: ASYNC110  # the product works it off
                await asyncio.sleep(0.05)
    later = await _decisions_after(gateway, head)
    assert 0 < accepted < RECORDS
    assert accepted + len(later) == RECORDS
    assert {one["rule"] for one in later} == {"partner-geschorst"}
    assert await gateway.count("mailbox", "recipient = 'casebook'") == accepted


async def test_an_upload_under_way_can_not_be_finished(gateway: RunningGateway) -> None:
    body = lines_of([referral(member())])
    async with gateway.partner("dwi") as dwi:
        begun = await dwi.post(
            "/v1/leveringen",
            content=body[:20],
            headers={"Content-Type": "application/x-ndjson", "Upload-Complete": "?0"},
        )
        where = begun.headers["Location"]
        await suspend_partner(gateway.engine, "dwi")
        await _shut(dwi, "/v1/protocol")
        rest = await dwi.patch(
            where,
            content=body[20:],
            headers={
                "Content-Type": "application/partial-upload",
                "Upload-Complete": "?1",
                "Upload-Offset": "20",
            },
        )
    assert rest.status_code == 401
    assert await gateway.count("exchange") == 0
