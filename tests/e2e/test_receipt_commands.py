"""`sluis receipts` and `sluis log checkpoint --kept`, as a partner types them at a real gateway."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway import cli
from gateway.api.messages import EXAMPLE_REFERRAL
from gateway.client import AsyncSluis, credentials
from gateway.client.receipts import FOLDER, segments_of
from schemas.referral import Referral
from tests.support.database import TestServer
from tests.support.running_gateway import RunningGateway, running_gateway


@pytest.fixture
async def gateway(postgres: TestServer) -> AsyncIterator[RunningGateway]:
    async with running_gateway(postgres, checkpoint_every=0.05) as running:
        yield running


async def command(gateway: RunningGateway, *arguments: str) -> int:
    given = [*arguments, "--as", "dwi", "--home", str(gateway.home), "--json"]
    return await asyncio.to_thread(cli.main, given)


async def test_promises_are_counted_proven_and_missed(
    gateway: RunningGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = gateway.home / "partners" / "dwi"

    async def told(*arguments: str) -> tuple[int, dict[str, Any]]:
        status = await command(gateway, *arguments)
        return status, json.loads(capsys.readouterr().out)

    status, shown = await told("log", "checkpoint", "--kept")
    assert (status, shown["error"]) == (1, "nothing is kept yet")
    async with AsyncSluis(credentials.load(folder)) as dwi:
        for number in range(3):
            message = {**EXAMPLE_REFERRAL, "kenmerk": f"DWI-{number}"}
            await dwi.refer(Referral.model_validate(message))

    _, shown = await told("receipts", "list")
    assert shown["answers"] == 3
    deadline = time.monotonic() + 20
    while True:
        status, shown = await told("receipts", "check")
        assert (status, shown["alarms"]) == (0, [])
        if shown["open"] == 0:
            break
        assert time.monotonic() < deadline
    _, shown = await told("receipts", "list")
    assert (shown["proven"], shown["open"]) == (3, 0)

    status, shown = await told("log", "checkpoint", "--kept")
    assert (status, shown["contradictions"]) == (0, [])

    # One is taken out of the log behind our back, long ago: its promise was not kept.
    (segment,) = segments_of(folder / FOLDER)
    lines = [json.loads(line) for line in segment.read_text().splitlines()]
    promised = [line for line in lines if line["soort"] == "ontvangst"]
    promised[0]["bewaardOp"] = "2026-01-01T00:00:00.000Z"
    segment.write_text(json.dumps(promised[0]) + "\n")
    await gateway.pool.execute(
        "update log_leaf set hash = sha256('weg') where log = 1 and hash = decode($1, 'base64')",
        promised[0]["antwoord"]["ontvangstbewijs"]["bladhash"],
    )
    status, shown = await told("receipts", "check")
    assert status == 1
    (alarm,) = shown["alarms"]
    assert alarm["exchange"] == promised[0]["antwoord"]["uitwisselingId"]
    assert alarm["standing"] == "overdue"
