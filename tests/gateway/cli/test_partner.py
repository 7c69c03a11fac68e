"""`sluis partner`, as an operator types it, on a real database."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway import cli
from gateway.cli import partner as subject
from gateway.cli.failures import Failure
from gateway.cli.registration import checked_partner, ensure_sandbox_partner, read_key
from gateway.client import credentials
from gateway.store.partners import NewPartner, list_partners, rules_generation
from gateway.vault.journal_reading import read_journal
from gateway.vault.keys import FileKeys
from tests.support.registered import BASE, Admission, Party

ADD = ["--name", "Dienst Werk en Inkomen", "--oin", "00000099000000001001", "--adapter", "dwi"]

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def run(
    database: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """A command's status, what it showed, and what it said aside."""
    monkeypatch.setenv("SLUIS_DATABASE_URL", database)
    monkeypatch.setenv("SLUIS_HOME", str(home))
    monkeypatch.setattr(cli, "_needed", lambda _: (subject,))

    async def command(*arguments: str) -> tuple[int, str, str]:
        status = await asyncio.to_thread(cli.main, ["partner", *arguments])
        told = capsys.readouterr()
        return status, told.out, told.err

    return command


def is_there(path: Path) -> bool:
    return path.exists()


async def test_a_sandbox_partner_can_come_in_at_once(
    run: Run, home: Path, engine: AsyncEngine
) -> None:
    status, shown, _ = await run("add", "dwi", *ADD, "--sandbox")

    assert status == 0
    assert "sluis send FILE --as dwi" in shown
    folder = home / "partners" / "dwi"
    assert stat.S_IMODE((folder / "client.pem").stat().st_mode) == 0o600
    mine = credentials.load(folder)
    assert (mine.partner, mine.base_url) == ("dwi", BASE)
    party = Party("dwi", mine.key.private_key)  # type: ignore[arg-type]  # it is a P-256 key
    async with Admission(engine) as admission:
        assert await admission.desk.grant(party.form())


async def test_a_partners_own_public_key_is_registered_and_it_is_told_what_to_do(
    run: Run, home: Path, tmp_path: Path, engine: AsyncEngine
) -> None:
    party = Party("dwi")
    (tmp_path / "dwi.pem").write_bytes(party.pem)

    status, shown, _ = await run("add", "dwi", *ADD, "--public-key", str(tmp_path / "dwi.pem"))

    assert status == 0
    assert f'key_id = "{party.kid}"' in shown
    assert f"{BASE}/oauth/token" in shown
    assert not is_there(home / "partners")
    async with Admission(engine) as admission:
        assert await admission.desk.grant(party.form())


async def test_a_jwk_keeps_its_name(run: Run, tmp_path: Path) -> None:
    jwk = {**Party("dwi").public.jwk, "kid": "dwi-2013"}
    (tmp_path / "dwi.json").write_text(json.dumps(jwk))

    status, shown, _ = await run("add", "dwi", *ADD, "--jwk", str(tmp_path / "dwi.json"), "--json")

    told = json.loads(shown)
    assert (status, told["keyId"], told["credentials"]) == (0, "dwi-2013", None)


async def test_a_partner_without_a_key_gets_one_later(
    run: Run, tmp_path: Path, engine: AsyncEngine
) -> None:
    party = Party("dwi")
    (tmp_path / "dwi.pem").write_bytes(party.pem)
    status, shown, _ = await run("add", "dwi", *ADD)
    assert (status, "sluis partner key dwi" in shown) == (0, True)

    key = ("key", "dwi", "--public-key", str(tmp_path / "dwi.pem"))
    status, shown, _ = await run(*key, "--valid-days", "30", "--json")

    assert (status, json.loads(shown)["keyId"]) == (0, party.kid)
    assert len((await list_partners(engine))[0].keys) == 1
    assert (await run(*key))[0] == 1  # the same key again


async def test_partners_are_listed(run: Run) -> None:
    assert "no partners yet" in (await run("list"))[1]
    await run("add", "dwi", *ADD, "--sandbox")
    await run("suspend", "dwi")

    status, shown, _ = await run("list")
    assert status == 0
    for expected in (
        "dwi",
        "Dienst Werk en Inkomen",
        "00000099000000001001",
        "suspended",
        "1, good",
    ):
        assert expected in shown
    (told,) = json.loads((await run("list", "--json"))[1])["partners"]
    assert (told["partner"], told["isSuspended"], len(told["keys"])) == ("dwi", True, 1)


async def test_who_is_shut_out_where_the_gateway_serves_has_a_line_that_a_restore_goes_by(
    run: Run, home: Path
) -> None:
    await run("add", "dwi", *ADD, "--sandbox")
    key = json.loads((await run("list", "--json"))[1])["partners"][0]["keys"][0]["keyId"]
    for command in (["suspend", "dwi"], ["resume", "dwi"], ["key", "dwi", "--end", key]):
        assert "not in the journal here" in (await run(*command))[1]
    assert not is_there(home / "keys")

    (home / "journal").mkdir(mode=0o700)
    for command in (["suspend", "dwi"], ["resume", "dwi"], ["key", "dwi", "--end", key]):
        assert "journal" not in (await run(*command))[1]
    read = read_journal(home / "journal", FileKeys(home / "keys"))
    assert [line.content["kind"] for line in read.lines] == [
        "schorsing",
        "hervatting",
        "sleutel-beeindigd",
    ]
    assert read.lines[-1].content["keys"] == [key]

    # Under other keys than the database's, whose lines nobody could open.
    (home / "keys" / "root.key").write_bytes(bytes(32))
    assert "not in the journal here" in (await run("suspend", "dwi"))[1]


async def test_a_partner_is_suspended_and_resumed(run: Run, engine: AsyncEngine) -> None:
    await run("add", "dwi", *ADD)
    for command, is_suspended in (("suspend", True), ("resume", False)):
        told = json.loads((await run(command, "dwi", "--json"))[1])
        assert told == {
            "partner": "dwi", "isSuspended": is_suspended, "isChange": True, "isInJournal": False
        }  # fmt: skip
        assert (await list_partners(engine))[0].is_suspended is is_suspended
        assert "isChange" in (await run(command, "dwi", "--json"))[1]
    assert "was not suspended" in (await run("resume", "dwi"))[1]


async def test_what_is_wrong_is_told_with_its_remedy_and_nothing_is_registered(
    run: Run, tmp_path: Path, home: Path, engine: AsyncEngine
) -> None:
    private = tmp_path / "private.pem"
    private.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
    )
    attempts = [
        (["add", "DWI", *ADD], 2, "short name"),
        (["add", "../dwi", *ADD], 2, "short name"),
        (["add", "dwi", *ADD[:3], "12345", *ADD[4:]], 2, "20 digits"),
        (["add", "dwi", *ADD[:5], "xml"], 2, "one of: generic, dwi"),
        (["add", "dwi", "--name", " ", *ADD[2:]], 2, "--name"),
        (["add", "dwi", *ADD, "--kind", "baas"], 2, "kind"),
        (["add", "dwi", *ADD, "--sandbox", "--jwk", "x"], 2, "one key at a time"),
        (["add", "dwi", *ADD, "--public-key", str(private)], 2, "never leave its owner"),
        (["add", "dwi", *ADD, "--public-key", str(tmp_path / "none")], 1, "No such file"),
        (["key", "dwi"], 2, "name one key"),
        (["suspend", "dwi"], 1, "no partner with this ID"),
    ]
    for arguments, expected, text in attempts:
        status, shown, aside = await run(*arguments)
        assert (status, shown) == (expected, ""), arguments
        assert text in aside, arguments
        assert "remedy:" in aside, arguments
    assert await list_partners(engine) == []
    assert not is_there(home)


async def test_registering_twice_changes_nothing(run: Run, home: Path, engine: AsyncEngine) -> None:
    await run("add", "dwi", *ADD)
    before = await list_partners(engine)

    for arguments in (["dwi", *ADD, "--sandbox"], ["dwi2", *ADD, "--sandbox"]):
        status, _, aside = await run("add", *arguments)
        assert (status, "registered already" in aside) == (1, True)

    assert await list_partners(engine) == before
    assert not is_there(home)  # nor do credentials lie about that open no door


async def test_a_database_that_does_not_answer_is_told_as_such(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUIS_DATABASE_URL", "postgresql://sluis:geheim@127.0.0.1:1/sluis")

    status, _, aside = await run("list")

    assert status == 3
    assert "the database does not answer" in aside
    assert "geheim" not in aside


async def test_ensuring_a_sandbox_partner_again_has_no_effect(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    new = NewPartner("dwi", "DWI", "00000099000000001001", "dwi")
    first = await ensure_sandbox_partner(engine, new, tmp_path, BASE)
    before = (await list_partners(engine), await rules_generation(engine))

    again = await ensure_sandbox_partner(engine, new, tmp_path, BASE)

    assert (first.is_new, again.is_new) == (True, False)
    assert again.key.kid == first.key.kid
    assert (await list_partners(engine), await rules_generation(engine)) == before


async def test_a_thrown_away_database_takes_the_same_credentials_again(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    mine = credentials.create(tmp_path / "partners" / "dwi", partner="dwi", base_url=BASE)
    new = NewPartner("dwi", "DWI", "00000099000000001001", "dwi")

    found = await ensure_sandbox_partner(engine, new, tmp_path, "http://127.0.0.1:9999")

    assert found.key.kid == mine.key_id
    assert credentials.load(found.folder).base_url == "http://127.0.0.1:9999"


async def test_lost_credentials_are_replaced_by_a_second_key(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    new = NewPartner("dwi", "DWI", "00000099000000001001", "dwi")
    await ensure_sandbox_partner(engine, new, tmp_path / "one", BASE)
    await ensure_sandbox_partner(engine, new, tmp_path / "two", BASE)

    assert len((await list_partners(engine))[0].keys) == 2


async def test_anothers_credentials_are_not_registered(engine: AsyncEngine, tmp_path: Path) -> None:
    credentials.create(tmp_path / "partners" / "dwi", partner="okt", base_url=BASE)
    new = NewPartner("dwi", "DWI", "00000099000000001001", "dwi")

    with pytest.raises(Failure, match="another partner's"):
        await ensure_sandbox_partner(engine, new, tmp_path, BASE)


def test_a_name_is_kept_as_it_was_given_but_for_its_edges() -> None:
    assert checked_partner("dwi", " Dienst W&I ", "00000099000000001001", "dwi", "keten").name == (
        "Dienst W&I"
    )


def test_a_key_is_good_for_as_long_as_was_asked(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(Party().pem)

    short, long = (read_key(tmp_path / "k", days) for days in (1, 365))

    assert (long.expires_at - short.expires_at).days in (363, 364)
