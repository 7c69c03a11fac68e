from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway_simulator import GatewaySimulator
from tests.support.parties import World, registered
from tests.support.serving import served


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    simulator = GatewaySimulator()
    folder = tmp_path / "leveringen"
    folder.mkdir()
    with served(simulator.network) as base_url:
        simulator.base_url = base_url
        for partner in ("dwi", "casebook"):
            registered(simulator, tmp_path / "home", partner)
        monkeypatch.setenv("SLUIS_HOME", str(tmp_path / "home"))
        yield World(simulator, tmp_path / "home", folder)
