from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import cli
from tests.gateway.cli.commands import Run, RunWith
from tests.support.gateway_simulator import GatewaySimulator
from tests.support.parties import World, registered
from tests.support.serving import served


@pytest.fixture
def run_with(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> RunWith:
    """Runs commands of these modules alone: the others need not be loaded."""
    monkeypatch.setenv("SLUIS_DATABASE_URL", database)
    monkeypatch.setenv("SLUIS_HOME", str(tmp_path / "home"))

    def made(*modules: object, before: tuple[str, ...] = ()) -> Run:
        monkeypatch.setattr(cli, "_needed", lambda _: modules)

        async def command(*arguments: str) -> tuple[int, str, str]:
            status = await asyncio.to_thread(cli.main, [*before, *arguments])
            told = capsys.readouterr()
            return status, told.out, told.err

        return command

    return made


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
