"""`sluis routes`: files looked over without a database, and the two lists out of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main

HEAD = """
[tabel]
naam = "proef"
balie = "balie"
balieGeheimAdres = "balie-geheim"

[[team]]
id = "a"
naam = "Team A"
stadsdeel = "Oost"
van = 2026-01-01

[[team]]
id = "b"
naam = "Team B"
stadsdeel = "Oost"
van = 2026-01-01
"""


def written(folder: Path, name: str, *rows: tuple[str, str, str]) -> str:
    text = HEAD + "".join(
        f'[[postcodes]]\ncodes = ["{codes}"]\nteam = "{team}"\n{dates}\n'
        for codes, team, dates in rows
    )
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    status = main([*arguments, "--json"])
    return status, json.loads(capsys.readouterr().out)


ALWAYS = "van = 2026-01-01"


def test_a_sound_table_is_said_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, "t.toml", ("1011-1018", "a", ALWAYS))
    assert told(capsys, "routes", "check", file) == (
        0,
        {"isSound": True, "problems": [], "gaps": []},
    )


def test_an_overlap_is_named_by_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, "t.toml", ("1011", "a", ALWAYS), ("1010-1012", "b", ALWAYS))
    status, answer = told(capsys, "routes", "check", file)
    assert (status, answer["isSound"]) == (1, False)
    assert answer["problems"] == ["postcodes 1 and 2: both say where 1011 goes from 2026-01-01 on"]


@pytest.mark.parametrize(("until", "status"), [("2026-02-01", 1), ("2999-01-01", 0)])
def test_a_gap_now_is_a_fault_and_one_to_come_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], until: str, status: int
) -> None:
    file = written(tmp_path, "t.toml", ("1011", "a", f"{ALWAYS}\ntot = {until}"))
    exit_status, answer = told(capsys, "routes", "check", file)
    (gap,) = answer["gaps"]
    assert (gap["row"], gap["postcodes"], gap["isNow"]) == (1, ["1011"], status == 1)
    assert (exit_status, answer["isSound"]) == (status, status == 0)


@pytest.mark.parametrize(
    ("on", "team", "reason"),
    [
        ("2026-06-01", "a", None),
        ("2027-01-01", "b", None),
        ("2025-01-01", "balie", "onbekende-postcode"),
    ],
)
def test_a_postcode_is_shown_with_its_team_on_a_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], on: str, team: str, reason: str | None
) -> None:
    file = written(
        tmp_path,
        "t.toml",
        ("1011", "a", f"{ALWAYS}\ntot = 2027-01-01"),
        ("1011", "b", "van = 2027-01-01"),
    )
    status, answer = told(capsys, "routes", "show", "1011 ab", "--on", on, "--table", file)
    assert status == 0
    assert answer == {"postcode": "1011AB", "on": on, "team": team, "waitsFor": reason}


@pytest.mark.parametrize("wrong", [("show", "12"), ("show", "1011", "--on", "morgen")])
def test_what_is_no_postcode_or_day_is_asked_wrongly(
    capsys: pytest.CaptureFixture[str], wrong: tuple[str, ...]
) -> None:
    status, answer = told(capsys, "routes", *wrong)
    assert status == answer["exitStatus"] == 2


def test_two_tables_are_compared_on_a_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = written(tmp_path, "old.toml", ("1011-1013", "a", ALWAYS))
    new = written(
        tmp_path, "new.toml", ("1011", "a", ALWAYS), ("1012", "b", ALWAYS),
        ("1011BA-1011BB", "b", "van = 2027-01-01"),
    )  # fmt: skip
    _, answer = told(capsys, "routes", "diff", old, new, "--on", "2026-12-31")
    assert answer["changes"] == [
        {"postcode": "1012", "was": "a", "is": "b"},
        {"postcode": "1013", "was": "a", "is": "balie"},
    ]
    _, answer = told(capsys, "routes", "diff", old, new, "--on", "2027-01-01")
    assert [one["postcode"] for one in answer["changes"]] == ["1011BA", "1011BB", "1012", "1013"]


def test_a_file_that_is_not_there_is_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, answer = told(capsys, "routes", "check", str(tmp_path / "weg.toml"))
    assert status == 2
    assert answer["error"] == "weg.toml cannot be read"
