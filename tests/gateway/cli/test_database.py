"""Every command that touches the database leaves an entry in the access log, if it fails too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway import cli
from gateway.cli import officer, partner
from tests.gateway.cli.test_partner import ADD

Run = Callable[..., Awaitable[int]]


@pytest.fixture
def run(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    monkeypatch.setenv("SLUIS_DATABASE_URL", database)
    monkeypatch.setenv("SLUIS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cli, "_needed", lambda _: (partner, officer))

    async def command(*arguments: str) -> int:
        status = await asyncio.to_thread(cli.main, list(arguments))
        capsys.readouterr()
        return status

    return command


async def entries(pool: asyncpg.Pool) -> list[dict[str, Any]]:
    rows = await pool.fetch("select entry, xmin::text from log_leaf where log = 3 order by index")
    return [json.loads(row[0]) | {"xmin": row[1]} for row in rows]


async def test_a_change_and_its_entry_are_one_transaction(run: Run, pool: asyncpg.Pool) -> None:
    assert await run("partner", "add", "dwi", *ADD, "--sandbox") == 0

    (entry,) = await entries(pool)
    assert (entry["operation"], entry["action"]) == ("partner.add", "C")
    assert entry["target"] == {"id": "dwi", "kind": "partner"}
    assert entry["actor"]["kind"] == "beheerder"
    assert entry["actor"]["id"].startswith("os:")
    assert await pool.fetchval("select xmin::text from partner where id = 'dwi'") == entry["xmin"]


async def test_a_look_is_recorded_before_it_is_shown(run: Run, pool: asyncpg.Pool) -> None:
    assert await run("partner", "list") == 0

    (entry,) = await entries(pool)
    assert (entry["operation"], entry["action"], entry["status"]) == ("partner.list", "R", "Ok")


async def test_invariant_12_nothing_is_shown_or_changed_where_it_cannot_be_recorded(
    run: Run, pool: asyncpg.Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("partner", "add", "dwi", *ADD, "--sandbox") == 0
    await pool.execute("alter table log_leaf add constraint shut check (log <> 3) not valid")

    assert await run("partner", "list") != 0
    assert "Dienst" not in capsys.readouterr().out
    assert await run("partner", "suspend", "dwi") != 0
    assert not await pool.fetchval("select is_suspended from partner where id = 'dwi'")


async def test_what_fails_is_recorded_as_an_error_without_values(
    run: Run, pool: asyncpg.Pool
) -> None:
    assert await run("partner", "suspend", "zwaluwstaart") != 0

    (entry,) = await entries(pool)
    assert (entry["operation"], entry["status"]) == ("partner.suspend", "Error")
    assert entry["outcome"] == "UnknownPartnerError"
