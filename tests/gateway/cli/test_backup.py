"""`sluis backup`, `restore` and `recover` on an embedded database, as an operator does it."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.checkpoint import Checkpoint, sign_checkpoint
from gateway.audit.published import Published
from gateway.cli import main
from gateway.store.database import database_folder
from tests.support.logbooks import YEAR
from tests.support.running_gateway import reachable_folder

ADDED = ("--adapter", "generic", "--oin", "00000099000000005000", "--name", "Proef", "--sandbox")


@pytest.fixture
def home() -> Iterator[Path]:
    with reachable_folder() as home:
        yield home


def sluis(home: Path, *words: str) -> int:
    return main([*words, "--home", str(home)])


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    value: dict[str, object] = json.loads(capsys.readouterr().out)
    return value


def test_a_backup_that_was_put_back_holds_what_it_held(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = home / "kopie.dump"
    assert sluis(home, "partner", "add", "proef", *ADDED) == 0

    assert sluis(home, "backup", str(file)) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sluis(home, "backup", str(file)) == 2, "it overwrites nothing"
    assert sluis(home, "restore", str(file)) == 2, "it replaces nothing"
    shutil.rmtree(database_folder(home))
    assert sluis(home, "restore", str(file)) == 0

    capsys.readouterr()
    assert sluis(home, "recover", "--json") == 0
    assert told(capsys)["lost"] == []
    assert sluis(home, "partner", "list", "--json") == 0
    assert "proef" in capsys.readouterr().out


def test_a_backup_that_cannot_be_written_is_no_database_that_does_not_answer(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = home / "niet-gekoppeld" / "kopie.dump"

    assert sluis(home, "backup", str(file), "--json") == 1
    assert told(capsys)["error"] == f"{file}.deel: No such file or directory"


def test_a_file_that_is_no_backup_is_said_to_be_none(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = home / "geen.dump"
    file.write_bytes(b"geen")

    assert sluis(home, "restore", str(file)) == 1
    assert "pg_restore ended with status" in capsys.readouterr().err


def test_nobody_uses_an_older_database_until_it_is_recovered(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sluis(home, "partner", "add", "proef", *ADDED) == 0
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    origin = f"sluis/00000099000000001000/verwerkingen/{YEAR}"
    note = sign_checkpoint(Checkpoint(origin, 4, bytes(range(32))), key).decode()
    (home / "journal").mkdir(mode=0o700)
    Published(home / "journal").remember(note)
    capsys.readouterr()

    assert sluis(home, "partner", "list") == 1
    assert sluis(home, "backup", str(home / "kopie.dump")) == 1
    assert "sluis recover" in capsys.readouterr().err
    assert sluis(home, "recover", "--json") == 2
    asked = told(capsys)
    assert asked["exitStatus"] == 2
    assert asked["lost"] == [
        {"origin": origin, "published": 4, "restored": 0, "lost": 4, "isForked": False}
    ]
    assert sluis(home, "recover", "--yes", "--json") == 0
    assert told(capsys)["volumes"]
    assert sluis(home, "partner", "list") == 0


def test_a_damaged_journal_stops_a_recovery(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sluis(home, "partner", "add", "proef", *ADDED) == 0
    (home / "journal").mkdir(mode=0o700)
    head = b"sluis-journal-v1 2026-11-22 " + b"0" * 64 + b"\n"
    (home / "journal" / "2026-11-22.journal").write_bytes(head + b"1 geen regel\n")
    origin = f"sluis/00000099000000001000/verwerkingen/{YEAR}"
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    note = sign_checkpoint(Checkpoint(origin, 4, bytes(range(32))), key).decode()
    Published(home / "journal").remember(note)

    assert sluis(home, "recover", "--yes") == 1
    assert "--despite-damage" in capsys.readouterr().err
    assert sluis(home, "recover", "--yes", "--despite-damage") == 0


def test_a_journal_in_the_databases_folder_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLUIS_JOURNAL", str(database_folder(home) / "journal"))

    assert sluis(home, "recover") == 1
    assert "would be put back with it" in capsys.readouterr().err
