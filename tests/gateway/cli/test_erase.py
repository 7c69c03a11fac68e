"""`sluis erase` and `sluis keys`, as they are typed: what is refused, and what is never shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.cli import erase, keys, officer
from gateway.cli.setup import read_protocol
from gateway.store.protocols import put_in_force
from gateway.vault.boxes import CONTENT, Vault
from gateway.vault.keys import FileKeys, epoch_of
from tests.gateway.cli.commands import Run, RunWith
from tests.support.messages import bsn

MANDATE = ("--mandate", "M-1", "--mandate-ends", "2099-01-01")
ASKED = ("--capacity", "self", "--identified-by", "paspoort", "--case", "Z-26-1")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def person(tmp_path: Path) -> Path:
    file = tmp_path / "persoon"
    file.write_text(bsn(920_001))
    return file


@pytest.fixture
async def run(
    run_with: RunWith, engine: AsyncEngine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """An officer is there."""
    command = run_with(erase, keys, officer)
    monkeypatch.setenv("SLUIS_HOME", str(home))
    protocol = read_protocol(None)
    await put_in_force(engine, protocol.version, protocol.digest, protocol.text)

    role = ("--role", "privacyfunctionaris", *MANDATE)
    assert (await command("officer", "add", "po", "--name", "P", *role, "--sandbox"))[0] == 0
    return command


async def add_person(pool: asyncpg.Pool, home: Path, epoch: int) -> None:
    subject = uuid4()
    _, (at, wrapped) = Vault(FileKeys(home / "keys")).new_key(subject, CONTENT, epoch)
    await pool.execute(
        "insert into subject (id, kek_epoch, wrapped) values ($1, $2, $3)", subject, at, wrapped
    )


async def test_a_person_is_named_by_a_file_and_never_repeated(run: Run, tmp_path: Path) -> None:
    wrong = tmp_path / "fout"
    wrong.write_text("123456789 Jansen")
    status, out, err = await run("erase", "plan", str(wrong), "--case", "Z-1", "--as", "po")
    assert status == 2
    assert "123456789" not in out + err
    assert "Jansen" not in out + err


async def test_of_an_unknown_person_nothing_is_decided(run: Run, person: Path) -> None:
    number = bsn(920_001)
    for command in (
        ("plan", str(person), "--case", "Z-1"),
        ("decide", str(person), "--ground", "c-bezwaar", *ASKED),
    ):
        status, out, err = await run("erase", *command, "--as", "po")
        assert status == 1
        assert "nothing of this person" in err
        assert number not in out + err


@pytest.mark.parametrize(
    "wrong",
    [
        ("--case", "Jan Jansen"),
        ("--also", "logboek"),
        ("--identified-by", "x"),
        ("--capacity", "parent"),
        ("--ground", "g-zomaar"),
    ],
)
async def test_what_is_asked_wrongly_ends_with_status_2(
    run: Run, person: Path, wrong: tuple[str, str]
) -> None:
    given = ["erase", "decide", str(person), "--ground", "c-bezwaar", *ASKED, "--as", "po"]
    status, _, _ = await run(*given, *wrong)
    assert status == 2


async def test_each_command_leaves_its_entry_with_the_case(
    run: Run, person: Path, pool: asyncpg.Pool
) -> None:
    await run("erase", "plan", str(person), "--case", "Z-26-7", "--as", "po")
    await run("erase", "list")
    rows = await pool.fetch("select entry from log_leaf where log = 3 order by index")
    entries = [json.loads(row[0]) for row in rows]
    plan = next(one for one in entries if one["operation"] == "erase.plan")
    assert plan["reason"] == {"case": "Z-26-7", "code": "vernietiging-voorbereiden"}
    assert (plan["actor"]["kind"], plan["actor"]["id"]) == ("functionaris", "po")
    assert plan["status"] == "Error"
    assert entries[-1]["operation"] == "erase.list"


async def test_keys_are_listed_moved_and_kept_until_their_time(
    run: Run, home: Path, pool: asyncpg.Pool
) -> None:
    epoch = epoch_of(datetime.now(UTC))
    await add_person(pool, home, epoch - 1)

    _, out, _ = await run("keys", "list", "--json")
    before = {one["epoch"]: one for one in json.loads(out)["epochs"]}
    assert (await run("keys", "destroy", str(epoch - 1)))[0] == 1  # in use
    status, out, _ = await run("keys", "rotate", "--json")
    assert (status, json.loads(out)["moved"]) == (0, {"subject": 1})
    status, _, err = await run("keys", "destroy", str(epoch - 1))
    early = ("keys", "destroy", str(epoch - 1), "--early")
    assert (await run(*early))[0] == 2
    done = await run(*early, "--case", "Z-1", "--json")
    _, out, _ = await run("keys", "list", "--json")
    after = {one["epoch"]: one for one in json.loads(out)["epochs"]}

    assert before[epoch - 1]["rows"] == {"subject": 1}
    assert status == 1
    assert "backups that need it may exist until" in err
    assert [one["epoch"] for one in json.loads(done[1])["destroyed"]] == [epoch - 1]
    assert after[epoch - 1]["isDestroyed"]
    assert after[epoch]["rows"] == {"subject": 1}


async def test_keys_that_follow_from_the_root_say_that_none_goes_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUIS_KEY_PROVIDER", "environment")
    monkeypatch.setenv("SLUIS_ROOT_KEY", "A" * 43 + "=")
    status, out, _ = await run("keys", "list")
    assert status == 0
    assert "no epoch's key can be destroyed alone" in " ".join(out.split())
    assert (await run("keys", "destroy"))[0] == 1
