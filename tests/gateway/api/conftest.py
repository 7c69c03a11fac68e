"""One running gateway for all tests of a file, its partners, and what a refusal leaves behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.gateway.api.in_process import Inside
from tests.support.database import TestServer
from tests.support.log_oracle import assert_log_tells_all
from tests.support.running_gateway import RunningGateway, running_gateway


@pytest.fixture(scope="module")
def bounds() -> dict[str, Any]:
    """Settings of `gateway`; a file that wants other bounds names its own the same."""
    return {}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(postgres: TestServer, bounds: dict[str, Any]) -> AsyncIterator[RunningGateway]:
    """A gateway on a fresh database, whose whole log is checked when the file is done."""
    async with running_gateway(postgres, **bounds) as running:
        yield running
        await assert_log_tells_all(running)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dwi(gateway: RunningGateway | Inside) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.partner("dwi") as http:
        yield http


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def casebook(gateway: RunningGateway | Inside) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.partner("casebook") as http:
        yield http


@pytest_asyncio.fixture(loop_scope="module")
async def nothing_recorded(gateway: RunningGateway) -> AsyncIterator[None]:
    """Nothing of what the test sends may leave a trace in the tables."""
    before = await gateway.remains()
    yield
    assert await gateway.remains() == before
