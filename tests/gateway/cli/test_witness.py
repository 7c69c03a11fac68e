"""`sluis witness`, as an operator types it, on a real database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from gateway import cli
from gateway.cli import witness as subject
from tests.gateway.audit.logs import ORIGIN
from tests.gateway.audit.witnessed import LOG_KEY, WITNESS

URL = "https://getuige.voorbeeld.nl/sluis"
Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def run(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """A command's status, what it showed, and what it said aside."""
    monkeypatch.setenv("SLUIS_DATABASE_URL", database)
    monkeypatch.setenv("SLUIS_HOME", str(tmp_path))
    monkeypatch.setattr(cli, "_needed", lambda _: (subject,))

    async def command(*arguments: str) -> tuple[int, str, str]:
        status = await asyncio.to_thread(cli.main, ["witness", *arguments])
        told = capsys.readouterr()
        return status, told.out, told.err

    return command


async def test_witnesses_are_named_listed_and_removed(run: Run) -> None:
    status, shown, _ = await run("list")
    assert status == 0
    assert "does not prove" in shown

    status, shown, _ = await run("add", WITNESS.encode(), URL)
    assert status == 0
    assert "sleutels" in shown
    assert (await run("quorum", "1"))[0] == 0
    status, shown, _ = await run("list", "--json")
    told = json.loads(shown)
    assert told["quorum"] == 1
    (listed,) = told["witnesses"]
    assert (listed["witness"], listed["url"], listed["seesProtected"]) == (WITNESS.name, URL, False)
    assert set(listed["logs"]) == {"verwerkingen", "toegang"}

    status, _, aside = await run("add", WITNESS.encode(), URL)
    assert (status, "already" in aside) == (1, True)
    assert (await run("remove", WITNESS.name))[0] == 0
    assert (await run("remove", WITNESS.name))[0] == 1


async def test_every_act_on_witnesses_is_in_the_access_log(run: Run, pool: asyncpg.Pool) -> None:
    await run("add", WITNESS.encode(), URL)
    await run("quorum", "1")
    await run("list")
    await run("remove", WITNESS.name)

    rows = await pool.fetch("select entry from log_leaf where log = 3 order by index")
    entries = [json.loads(row[0]) for row in rows]
    assert [(one["operation"], one["action"]) for one in entries] == [
        ("witness.add", "C"),
        ("witness.quorum", "U"),
        ("witness.list", "R"),
        ("witness.remove", "D"),
    ]
    assert entries[0]["target"] == {"id": WITNESS.name, "kind": "witness"}


@pytest.mark.parametrize(
    ("vkey", "url", "option"),
    [
        (WITNESS.encode(), "http://getuige.voorbeeld.nl", ""),
        (WITNESS.encode(), "https://127.0.0.1:8090", ""),
        (WITNESS.encode(), "https://10.1.2.3", ""),
        (WITNESS.encode(), "https://169.254.169.254", "--allow-private"),
        (WITNESS.encode(), "https://wie:wat@getuige.voorbeeld.nl", ""),
        (WITNESS.encode(), "ftp://getuige.voorbeeld.nl", "--allow-private"),
        (LOG_KEY.encode(), URL, ""),
        ("iets", URL, ""),
        (WITNESS.encode()[:-1], URL, ""),
    ],
)
async def test_what_will_not_do_is_refused(run: Run, vkey: str, url: str, option: str) -> None:
    status, _, aside = await run("add", vkey, url, *([option] if option else []))
    assert status == 2
    assert "remedy" in aside
    assert json.loads((await run("list", "--json"))[1])["witnesses"] == []


async def test_a_witness_inside_is_named_knowingly(run: Run) -> None:
    assert (await run("add", WITNESS.encode(), "http://127.0.0.1:8090", "--allow-private"))[0] == 0


async def test_a_witness_needs_the_key_of_a_log(run: Run, tmp_path: Path) -> None:
    status, _, aside = await run("serve", str(tmp_path / "g"), "--origin", "iets", "--name", "g")
    assert (status, "log's key" in aside) == (2, True)
    status, _, aside = await run(
        "serve", str(tmp_path / "g"), "--origin", WITNESS.encode(), "--name", "g"
    )
    assert (status, "witness's key" in aside) == (2, True)
    status, _, aside = await run("serve", str(tmp_path / "g"), "--origin", LOG_KEY.encode())
    assert (status, "needs a name" in aside) == (2, True)
    assert LOG_KEY.name == ORIGIN
