"""`sluis report access`, as an officer types it, on a real database."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from gateway.audit.access import Act, Action, Actor, ActorKind, access_leaf, new_trace
from gateway.cli import officer, report
from gateway.reports.access_report.hours import AMSTERDAM
from gateway.reports.access_report.report import Period
from gateway.store.groups import TOEGANG, append_leaves
from tests.gateway.cli.commands import Run, RunWith

LAST = f"{datetime.now(AMSTERDAM).replace(day=1) - timedelta(days=1):%Y-%m}"


@pytest.fixture
async def run(
    run_with: RunWith, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """After an act of last month."""
    monkeypatch.chdir(tmp_path)
    command = run_with(report, officer)
    at = int((Period(LAST).begins + timedelta(days=6, hours=22)).timestamp() * 1000)
    actor = Actor(ActorKind.OFFICER, "smit", "kid")
    act = Act("log.search", Action.READ, actor, new_trace(), at, at)
    connection = await asyncpg.connect(database)
    async with connection.transaction():
        await append_leaves(connection, TOEGANG, [access_leaf(act)])
    await connection.close()

    mandate = ["--mandate", "besluit 7", "--mandate-ends", "2099-12-31"]
    role = ["--role", "privacyfunctionaris"]
    await command("officer", "add", "pf", "--name", "P. F.", *role, *mandate, "--sandbox")
    return command


async def test_last_month_is_reported_signed_for_and_remembered(run: Run, tmp_path: Path) -> None:
    status, out, _ = await run(
        "report", "access", "--as", "pf", "--html", "a.html", "--csv", "a.csv"
    )
    assert status == 0
    assert f"Toegang in {LAST}" in out
    assert f"Niet nagekeken: {LAST}" in out
    assert "avond" in out.lower()
    assert "smit" not in out + (tmp_path / "a.html").read_text() + (tmp_path / "a.csv").read_text()
    status, out, _ = await run("report", "access", "--reviewed", "--finding", "geen", "--as", "pf")
    assert (status, f"Reviewed {LAST}: geen." in out) == (0, True)
    _, out, _ = await run("report", "access", "--json")
    told = json.loads(out)
    assert told["notReviewed"] == []
    assert told["reviews"][0]["isSameReport"] is True


async def test_a_user_is_named_for_a_reason_and_a_case(run: Run) -> None:
    _, out, _ = await run("report", "access", "--json")
    listed = {one["code"]: one["rows"] for one in json.loads(out)["findings"]}
    number = listed["zonder-zaak"][0][1].partition(" ")[0]
    specific = ["report", "access", "--specific", "--user", number, "--as", "pf"]
    status, _, err = await run(*specific)
    assert (status, "for a reason and a case" in err) == (2, True)
    status, out, _ = await run(*specific, "--reason", "klacht", "--case", "Z-1")
    assert (status, "smit (functionaris)" in out) == (0, True)
    month = f"{datetime.now(AMSTERDAM):%Y-%m}"
    _, out, _ = await run("report", "access", "--month", month, "--json")
    opened = {one["code"]: one["rows"] for one in json.loads(out)["findings"]}["namen-geopend"]
    assert [row[4:6] for row in opened] == [["klacht+namen", "Z-1"]]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--month", "2026-13"], "--month is a month"),
        (["--month", "2999-01"], "yet to come"),
        (["--threshold", "vreemd=3"], "NAME=N"),
        (["--threshold", "refusals=-3"], "NAME=N"),
        (["--reviewed"], "a review is an officer's"),
        (["--reviewed", "--finding", "incident", "--as", "pf"], "belongs to a case"),
        (["--specific", "--user", "x", "--as", "pf", "--case", "Z-1"], "for a reason and a case"),
        (["--specific", "--as", "pf", "--case", "Z-1", "--reason", "klacht"], "one user or one"),
        (["--case", "a b"], "--case is a number"),
    ],
)
async def test_what_is_asked_wrongly_is_said(run: Run, arguments: list[str], told: str) -> None:
    status, _, err = await run("report", "access", *arguments)
    assert status == 2
    assert told in err


async def test_a_file_that_is_there_is_not_written_over(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("mijn")
    status, _, err = await run("report", "access", "--csv", "a.csv")
    assert (status, "a.csv" in err) == (1, True)
    assert (tmp_path / "a.csv").read_text() == "mijn"
