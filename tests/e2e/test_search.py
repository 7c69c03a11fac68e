"""The index follows a gateway that runs, on its own, to the last entry of every log."""

from __future__ import annotations

import asyncio

import pytest

from gateway.reports.search import Wanted, find
from tests.support.database import TestServer
from tests.support.messages import member, referral
from tests.support.running_gateway import running_gateway

pytestmark = pytest.mark.e2e


async def test_a_gateway_that_runs_indexes_what_it_logs(postgres: TestServer) -> None:
    async with running_gateway(postgres) as gateway, gateway.partner("dwi") as dwi:
        answer = await dwi.post("/v1/aanmeldingen", json=referral(member(), member(rol="partner")))
        assert answer.status_code == 202
        async with asyncio.timeout(20):
            while await gateway.pool.fetchval(  # noqa: ASYNC110  # no event tells
                """select exists (select from log_leaf l where not exists (
                       select from search_entry e where (e.log, e.index) = (l.log, l.index)))"""
            ):
                await asyncio.sleep(0.05)
        async with gateway.pool.acquire() as connection:
            (found,) = await find(connection, Wanted(flow="dwi-aanmelding"), limit=5)
        assert str(found.exchange) == answer.json()["uitwisselingId"]
        assert (found.sender, found.recipient, len(found.subjects)) == ("dwi", "casebook", 2)
        async with gateway.stranger() as http:
            metrics = (await http.get("/metrics")).text.splitlines()
        assert any(line.startswith("sluis_search_entries_behind ") for line in metrics)
