from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.sandbox.parties import PARTS


def test_without_a_party_all_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox"]) == 0

    told = capsys.readouterr().out
    assert all(f"\n{party} " in told for party in PARTS)
    assert "duplicate" in told


@pytest.mark.parametrize(
    ("party", "suffixes"),
    [
        ("okt", {".xml", ".json"}),
        ("ggz", {".json"}),
        ("madi", {".xlsx"}),
        ("dwzs", {".xlsx"}),
        ("dwi", {".csv"}),
    ],
)
def test_a_party_writes_what_it_would_send_without_a_gateway(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, party: str, suffixes: set[str]
) -> None:
    assert main(["sandbox", party, "--count", "3", "--write", str(tmp_path), "--json"]) == 0

    files = [Path(name) for name in json.loads(capsys.readouterr().out)["files"]]
    assert {file.suffix for file in files} == suffixes
    assert sorted(files) == sorted(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody"], "there is no such party in the sandbox"),
        (["altra", "--write", "x"], "altra refers nobody, so it has nothing to write"),
        (["okt", "--fault", "odd"], "Invalid value for '--fault'"),
    ],
)
def test_what_is_asked_wrongly_is_told(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["sandbox", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_party_without_credentials_says_where_they_belong(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["sandbox", "okt", "--once", "--home", str(tmp_path)]) == 2

    told = capsys.readouterr().err
    assert "there are no credentials of okt" in told
    assert "remedy" in told
