"""The database killed, or frozen, under a gateway that serves: 503 meanwhile, then it goes on."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.test_kills import (
    Figures,
    delivered_exchanges,
    hold_against_each_other,
    pull_what_remains,
)
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.load import Load
from tests.support.log_oracle import assert_log_of
from tests.support.messages import csv_of, csv_row, referral
from tests.support.pulling import CSV, deliver, pull, refer
from tests.support.refusals import assert_problem
from tests.support.running_gateway import reachable_folder

pytestmark = pytest.mark.e2e

RESTARTED = '"database-restarted"'


@pytest.fixture
async def gateway() -> AsyncIterator[GatewayProcess]:
    with reachable_folder() as home:
        async with gateway_process(home, SLUIS_REQUEST_TIMEOUT="1.5") as process:
            yield process


def processes_of(postmaster: int) -> list[int]:
    """The postmaster and its children."""
    found = [postmaster]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state = (folder / "stat").read_bytes().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(state[1]) == postmaster:
            found.append(int(folder.name))
    return found


async def restarted(gateway: GatewayProcess, times: int) -> None:
    """Until the gateway has started its database again, so many times in all."""
    async with asyncio.timeout(30):
        while gateway.log_path.read_text().count(RESTARTED) < times:  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.02)


async def until_it_goes_on(http: httpx.AsyncClient) -> int:
    """Ask until all is well again; everything before that must be a proper "not now"."""
    refused = 0
    async with asyncio.timeout(30):
        while True:
            message = referral()
            answers = await asyncio.gather(refer(http, message), http.get("/v1/protocol"))
            not_now = [answer for answer in answers if not answer.is_success]
            if not not_now:
                return refused
            for answer in not_now:
                assert_problem(answer, 503, message["kenmerk"])
                assert float(answer.headers["retry-after"]) > 0
            refused += len(not_now)
            await asyncio.sleep(0.02)


async def once_it_goes_on(http: httpx.AsyncClient, path: str) -> httpx.Response:
    """The answer, asked again as long as it is "not now": connections are made anew one by one."""
    async with asyncio.timeout(30):
        while (answer := await http.get(path)).status_code == 503:  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.02)
    assert answer.status_code == 200
    return answer


async def test_a_database_that_is_killed_comes_back_by_itself(gateway: GatewayProcess) -> None:
    async with gateway.partner("dwi") as dwi, gateway.partner("casebook") as casebook:
        before = [(await refer(dwi, referral())).json()["uitwisselingId"] for _ in range(5)]
        first = gateway.database_pid()

        os.kill(first, signal.SIGKILL)
        refused = await until_it_goes_on(dwi)

        assert refused > 0, "it was back before anybody noticed"
        assert gateway.database_pid() != first
        await restarted(gateway, 1)
        page = (await once_it_goes_on(casebook, "/v1/postvak")).json()["berichten"]
        assert [event["id"] for event in page][:5] == before
        await once_it_goes_on(dwi, "/health/ready")
    async with gateway.database() as pool:
        await assert_log_of(pool, gateway.home)


async def test_a_database_that_hangs_is_not_waited_for_without_end(
    gateway: GatewayProcess,
) -> None:
    async with gateway.partner("dwi") as dwi, gateway.partner("casebook") as casebook:
        before = (await refer(dwi, referral())).json()["uitwisselingId"]
        frozen = processes_of(gateway.database_pid())
        message = referral()
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(10):
                asked = [
                    refer(dwi, message),
                    pull(casebook),
                    dwi.get("/health/ready"),
                    deliver(dwi, csv_of([csv_row()]), CSV),
                ]
                answers = await asyncio.gather(*asked)
                late = await refer(dwi, message)
            for answer in (*answers, late):
                assert_problem(answer, 503, message["kenmerk"])
                assert float(answer.headers["retry-after"]) > 0
            assert (await dwi.get("/health/live")).status_code == 200
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)

        await until_it_goes_on(dwi)
        while (answer := await refer(dwi, message)).status_code == 503:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        assert answer.status_code == 202
        page = (await once_it_goes_on(casebook, "/v1/postvak")).json()["berichten"]
        pulled = [event["id"] for event in page]
        assert pulled[0] == before
        assert len(pulled) == len(set(pulled))
    async with gateway.database() as pool:
        assert await pool.fetchval("select count(*) from fingerprint") == len(pulled)
        await assert_log_of(pool, gateway.home)


async def test_a_database_killed_under_load_loses_and_doubles_nothing(
    gateway: GatewayProcess,
) -> None:
    figures, chance = Figures(kills=3), random.Random(7)  # noqa: S311  # for repeatability
    load = Load(gateway, random.Random(8))  # noqa: S311
    async with load.running():
        for number in range(1, figures.kills + 1):
            await asyncio.sleep(chance.uniform(0.3, 0.8))
            os.kill(gateway.database_pid(), signal.SIGKILL)
            await restarted(gateway, number)
    in_files = await delivered_exchanges(gateway, load.books)
    await pull_what_remains(gateway, load.books)
    async with gateway.database() as pool:
        await hold_against_each_other(figures, load.books, in_files, pool)
        await assert_log_of(pool, gateway.home)
    assert (figures.lost, figures.doubled) == (0, 0), figures
