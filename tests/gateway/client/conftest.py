from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.client import AsyncSluis
from tests.support.gateway_simulator import GatewaySimulator
from tests.support.parties import in_process, registered


@pytest.fixture
def simulator() -> GatewaySimulator:
    return GatewaySimulator()


@pytest.fixture
async def dwi(simulator: GatewaySimulator, tmp_path: Path) -> AsyncIterator[AsyncSluis]:
    async with in_process(simulator, registered(simulator, tmp_path, "dwi")) as client:
        yield client


@pytest.fixture
async def casebook(simulator: GatewaySimulator, tmp_path: Path) -> AsyncIterator[AsyncSluis]:
    async with in_process(simulator, registered(simulator, tmp_path, "casebook")) as client:
        yield client
