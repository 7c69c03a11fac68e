"""`sluis dossier breach`, as an officer types it, on a real database."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import asyncpg
import orjson
import pytest

from gateway.cli import dossier, officer, partner
from tests.gateway.cli.commands import Run, RunWith

SINCE = ["--since", "2026-01-01"]
PARTNER = ["--name", "Casusregister", "--oin", "00000099000000003000", "--adapter", "generic"]


@pytest.fixture
async def run(run_with: RunWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """In a folder of its own."""
    monkeypatch.chdir(tmp_path)
    command = run_with(dossier, officer, partner)
    mandate = ["--mandate", "besluit 7", "--mandate-ends", "2099-12-31"]
    role = ["--role", "privacyfunctionaris"]
    await command("officer", "add", "pf", "--name", "P. F.", *role, *mandate, "--sandbox")
    await command(
        "officer", "add", "po", "--name", "P. O.", "--role", "proceseigenaar", "--sandbox"
    )
    await command("partner", "add", "casebook", *PARTNER, "--sandbox")
    return command


async def acts(database: str, series: int = 3) -> list[dict[str, object]]:
    connection = await asyncpg.connect(database)
    rows = await connection.fetch(
        "select entry from log_leaf where log = $1 order by index", series
    )
    await connection.close()
    return [orjson.loads(row[0]) for row in rows]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_a_pack_is_a_folder_for_its_maker_alone(
    run: Run, tmp_path: Path, database: str
) -> None:
    case = ["--case", "DL-1", "--discovered-at", "2026-11-01 09:00"]
    status, out, _ = await run(
        "dossier", "breach", "--partner", "casebook", *SINCE, *case, "--as", "pf",
        "--folder", "pak", "--json",
    )  # fmt: skip
    assert status == 0
    assert json.loads(out)["clock"]["isOver"] is True
    folder = tmp_path / "pak"
    assert mode(folder) == 0o700
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"melding.html", "personen.csv", "inhoud.txt"}
    assert {mode(path) for path in files} == {0o600}
    last = (await acts(database))[-1]
    assert last["actor"]["kind"] == "functionaris"  # type: ignore[index]
    assert last["target"] == {"kind": "partner", "id": "casebook"}
    assert last["reason"] == {"code": "datalek", "case": "DL-1"}


async def test_the_protected_part_is_in_the_log_of_protected_access_alone(
    run: Run, database: str
) -> None:
    before = len(await acts(database))
    status, _, _ = await run("dossier", "breach", *SINCE, "--protected", "--as", "pf")
    assert status == 0
    assert len(await acts(database)) == before
    assert len(await acts(database, series=4)) == 1


async def test_a_pack_that_may_not_be_made_leaves_its_entry_and_no_folder(
    run: Run, tmp_path: Path, database: str
) -> None:
    status, _, err = await run("dossier", "breach", *SINCE, "--as", "po", "--folder", "pak")
    assert status == 1
    assert "a privacy officer decides on this" in err
    assert not (tmp_path / "pak").exists()
    last = (await acts(database))[-1]
    assert (last["status"], last["outcome"]) == ("Error", "MayNotActError")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--partner", "casebook", "--flow", "x"], "one partner, flow, key or credential"),
        (["--partner", "vreemd"], "no partner with this ID"),
        (["--of-key", "vreemd"], "no partner or officer has a key"),
        (["--suspend"], "--suspend suspends a partner"),
        (["--open-names", "--case", "DL-1"], "two officers"),
        (["--open-names", "--with", "po"], "two officers"),
        (["--case", "=x y"], "--case is a number"),
        (["--reason", "zomaar"], "--reason is a code"),
        (["--until", "2025-01-01"], "lies before"),
    ],
)
async def test_what_is_asked_wrongly_is_said(run: Run, arguments: list[str], told: str) -> None:
    status, _, err = await run("dossier", "breach", *SINCE, "--as", "pf", *arguments)
    assert status == 2
    assert told in err


async def test_names_opened_are_an_act_that_the_review_shows(run: Run, database: str) -> None:
    status, _, _ = await run(
        "dossier", "breach", *SINCE, "--as", "pf", "--open-names", "--with", "po", "--case", "DL-1"
    )
    assert status == 0
    last = (await acts(database))[-1]
    assert last["reason"] == {"code": "datalek+namen", "case": "DL-1"}


async def test_suspending_says_what_it_did(run: Run) -> None:
    status, out, _ = await run(
        "dossier", "breach", "--partner", "casebook", *SINCE, "--suspend", "--as", "pf"
    )
    assert status == 0
    assert "casebook is suspended" in out
    _, listed, _ = await run("partner", "list")
    assert "suspended" in listed


@pytest.mark.parametrize("why", ["the same person", "ended"])
async def test_names_are_opened_with_another_person_who_is_an_officer_still(
    run: Run, tmp_path: Path, why: str
) -> None:
    """One person may stand there twice, under two ids, two keys and one name."""
    name = "p.  F." if why == "the same person" else "Q. R."
    role = ["--role", "proceseigenaar", "--sandbox"]
    assert (await run("officer", "add", "ook-pf", "--name", name, *role))[0] == 0
    if why == "ended":
        assert (await run("officer", "end", "ook-pf"))[0] == 0
    two = ["--open-names", "--with", "ook-pf", "--case", "DL-1", "--folder", "pak"]

    status, _, err = await run("dossier", "breach", *SINCE, "--as", "pf", *two)

    assert status == 1
    told = {"the same person": "another person's", "ended": "an officer no longer"}
    assert told[why] in err
    assert not (tmp_path / "pak").exists()
