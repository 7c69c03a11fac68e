"""`sluis log verify` and `prove`, and the single file, as an auditor uses them."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gateway.audit.tlog_proof import TlogProof
from gateway.cli import main
from tests.gateway.audit.logs import KEY, ORIGIN, Log
from tests.gateway.audit.tampering import KEY as KEY_OF_SERIES
from tests.gateway.audit.tampering import SERIES, World, entry, opened, time_of
from tests.gateway.audit.verdicts import SINGLE_FILE
from tests.gateway.cli.test_log import OTHER_VKEY, VKEY
from tests.gateway.cli.test_log import World as Served
from tests.gateway.cli.test_log import world as served  # noqa: F401  # a fixture, by this name


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("world"))
    assert made.folders
    (made.place / "keys").write_text("\n".join(made.keys))
    (made.place / "older").write_bytes(made.older)
    return made


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def run_it(*words: str | Path) -> tuple[int, dict[str, Any]]:
        status = main(["log", *(str(word) for word in words), "--json"])
        return status, json.loads(capsys.readouterr().out)

    return run_it


def by_single_file(*words: str | Path) -> tuple[int, str]:
    command = [sys.executable, "-I", str(SINGLE_FILE), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def with_keys(world: World) -> list[str]:
    log, *witnesses = world.keys
    return ["--key", log, *(word for one in witnesses for word in ("--witness", one))]


def test_volumes_verify_as_one_chain_under_the_key_of_their_series(world: World, run: Any) -> None:
    given = ("--key-file", world.place / "keys", "--older", world.place / "older", "--quorum", "2")
    status, told = run("verify", *world.folders, *given)
    assert (status, told["verified"], told["extendsOlder"]) == (0, True, True)
    assert [one["origin"] for one in told["volumes"]] == [f"{SERIES}/2025", f"{SERIES}/2026"]
    assert (told["size"], told["remarks"], told["follows"]) == (420, [], None)
    assert run("verify", world.place, *given)[1] == told

    older = ("--older", world.place / "older", "--quorum", "2")
    status, said = by_single_file(world.place, *with_keys(world), *older)
    assert (status, said.split("\n")[0]) == (0, "verified")
    assert f"{SERIES}/2026\n  420 entries" in said


def test_a_volume_alone_says_what_it_follows(world: World, run: Any) -> None:
    status, told = run("verify", world.folders[1], "--key-file", world.place / "keys")
    assert (status, told["follows"]) == (0, f"{SERIES}/2025")
    assert told["remarks"] == [f"this follows {SERIES}/2025, which was not given"]
    assert "REMARK: it follows" in by_single_file(world.folders[1], *with_keys(world))[1]


def test_too_few_witnesses_refuse_the_log(world: World, run: Any, tmp_path: Path) -> None:
    folder = shutil.copytree(world.folders[1], tmp_path / "log")
    lines = (folder / "checkpoint").read_text().splitlines(keepends=True)
    (folder / "checkpoint").write_text("".join(lines[:-1]))
    given = ("--key-file", world.place / "keys", "--quorum")
    assert run("verify", folder, *given, "1")[0] == 0
    status, told = run("verify", folder, *given, "2")
    assert (status, told["step"]) == (1, 1)
    assert "1 of the 2 witnesses" in told["rule"]
    assert by_single_file(folder, *with_keys(world), "--quorum", "2")[0] == 1
    # A quorum that the given keys can never make is a mistake of who asks.
    assert run("verify", folder, *given, "3")[0] == 2


def test_a_tampered_volume_is_named_with_its_folder(world: World, run: Any, tmp_path: Path) -> None:
    one, other = world.copy(tmp_path)
    file = other / "tile/entries/000"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    status, told = run("verify", one, other, "--key-file", world.place / "keys")
    assert (status, told["verified"], told["stepName"]) == (1, False, "tree")
    assert (told["file"], told["index"]) == ("2026/tile/entries/000", 255)
    status, said = by_single_file(one, other, *with_keys(world))
    assert (status, said[:12]) == (1, "NOT VERIFIED")


def test_back_dated_entries_are_remarked_upon(world: World, run: Any, tmp_path: Path) -> None:
    entries = [*world.newest[:400], entry("2026", 999, endTime=1000 * time_of(100))]
    folder = Log(entries, f"{SERIES}/2026", KEY_OF_SERIES).export(tmp_path / "log")
    status, told = run("verify", folder, "--key-file", world.place / "keys")
    assert status == 0
    assert "first at index 400" in told["remarks"][0]


def test_a_dossier_verifies_and_a_swapped_person_does_not(
    world: World, run: Any, tmp_path: Path
) -> None:
    told = [opened(n, random.Random(n)) for n in (3, 4)]  # noqa: S311
    file = tmp_path / "dossier.json"
    file.write_text(json.dumps({"bewijzen": told, "titel": "Dossier"}))
    given = ("--key-file", world.place / "keys", "--quorum", "2")
    status, said = run("verify", file, *given)
    assert (status, said["proofs"], said["openings"], said["waiting"]) == (0, 2, 2, 0)
    assert by_single_file(file, *with_keys(world), "--quorum", "2")[0] == 0
    told[1]["opening"]["persoon"] = str(UUID(int=5))  # type: ignore[index]
    file.write_text(json.dumps({"bewijzen": told}))
    status, said = run("verify", file, *given)
    assert (status, said["proof"]) == (1, 1)
    assert "does not commit" in said["rule"]
    assert by_single_file(file, *with_keys(world))[0] == 1
    file.write_text("{}")
    assert run("verify", file, *given)[0] == by_single_file(file, *with_keys(world))[0] == 1


def test_what_is_asked_wrongly_ends_with_status_2(world: World, run: Any) -> None:
    key = ("--key", world.keys[0])
    for words in (
        (world.place / "weg", *key),
        (world.folders[0],),
        (world.folders[0], "--key", world.keys[1]),  # a witness's key alone
        (world.folders[0], world.place / "older", *key),
        ("http://logboek.voorbeeld.nl/log", *key),
        (world.place / "older", *key, "--leaf", "abc"),
    ):
        assert run("verify", *words)[0] == 2, words
    assert by_single_file(world.folders[0], "--key", "geen sleutel")[0] == 2
    assert by_single_file(world.folders[0])[0] == 2


async def test_a_proof_is_kept_as_a_file_and_verifies_offline(served: Served) -> None:  # noqa: F811  # the fixture
    hashes = await served.publish(300)
    file = served.place / "een.tlog-proof"
    told = await served.answer("prove", hashes[17].hex(), "--as", "toezicht", "--out", file)
    assert (told["status"], told["proof"]) == (0, file.read_text())
    leaf = hashes[17].hex()
    said = await served.answer("verify", file, "--leaf", leaf, "--key", VKEY)
    assert (said["status"], said["index"], said["size"]) == (0, 17, 300)
    assert by_single_file(file, "--leaf", leaf, "--key", VKEY)[0] == 0
    for wrong in (
        ("--leaf", hashes[18].hex(), "--key", VKEY),
        ("--leaf", leaf, "--key", OTHER_VKEY),
    ):
        assert (await served.run("verify", file, *wrong))[0] == 1
        assert by_single_file(file, *wrong)[0] == 1
    # It is never written over.
    assert (await served.run("prove", leaf, "--as", "toezicht", "--out", file))[0] == 1


async def test_a_log_is_verified_where_it_is_served(served: Served) -> None:  # noqa: F811  # the fixture
    await served.publish(600)
    home = served.place / "home" / "partners" / "toezicht"
    address = f"{_base_url(home)}/v1/logboek/verwerkingen"
    told = await served.answer("verify", address, "--as", "toezicht", "--key", VKEY)
    assert (told["status"], told["verified"], told["size"]) == (0, True, 600)
    status, _, err = await served.run("verify", address, "--key", VKEY)
    assert status == 1
    assert "the server answered 401" in err
    assert (await served.run("verify", address, "--as", "toezicht", "--key", OTHER_VKEY))[0] == 1


def _base_url(folder: Path) -> str:
    for line in (folder / "client.toml").read_text().splitlines():
        if line.startswith("base_url"):
            return line.split('"')[1]
    raise AssertionError("the credentials name no address")


def test_a_foreign_log_of_any_entries_verifies_when_asked(run: Any, tmp_path: Path) -> None:
    log = Log([b"hello", b"", b"not json"], ORIGIN, KEY)
    folder = log.export(tmp_path / "log")
    assert run("verify", folder, "--key", VKEY)[0] == 1
    status, told = run("verify", folder, "--key", VKEY, "--foreign")
    assert (status, told["size"], told["events"]) == (0, 3, {})


def test_a_proof_of_a_log_of_one_entry_needs_no_path(
    world: World, run: Any, tmp_path: Path
) -> None:
    log = Log([entry("2026", 1)], f"{SERIES}/2026", KEY_OF_SERIES)
    (tmp_path / "een.tlog-proof").write_bytes(TlogProof(0, (), log.signed()).encode())
    (tmp_path / "entry").write_bytes(log.entries[0])
    words = (tmp_path / "een.tlog-proof", "--entry", tmp_path / "entry", "--key", world.keys[0])
    assert run("verify", *words)[0] == by_single_file(*words)[0] == 0
