"""`sluis partner test`, `report` and `succeed`, as they are typed, on a gateway that runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from gateway import cli
from gateway.cli import officer
from gateway.cli import partner as subject
from gateway.store.observed import seen_of
from gateway.store.partners import mark_testing
from tests.support.database import TestServer
from tests.support.running_gateway import RunningGateway, running_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")
Run = Callable[..., Awaitable[tuple[int, str, str]]]
LIVE = "00000001823288444000"
MANDATE = ("--mandate", "M-1", "--mandate-ends", "2099-01-01")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(postgres: TestServer) -> AsyncIterator[RunningGateway]:
    async with running_gateway(postgres) as running:
        yield running


@pytest.fixture
def run(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    return _runner(gateway, monkeypatch, capsys)


def _runner(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.setenv("SLUIS_DATABASE_URL", gateway.served.settings.database_url or "")
    monkeypatch.setenv("SLUIS_HOME", str(gateway.home))
    monkeypatch.setenv("SLUIS_PORT", str(gateway.served.settings.port))
    monkeypatch.setattr(cli, "_needed", lambda _: (subject, officer))

    async def command(*arguments: str) -> tuple[int, str, str]:
        status = await asyncio.to_thread(cli.main, list(arguments))
        told = capsys.readouterr()
        return status, told.out, told.err

    return command


async def test_a_test_leaves_a_signed_report_that_verifies_and_no_other_does(
    run: Run, tmp_path: Path
) -> None:
    status, shown, _ = await run("partner", "test", "dwi", "--out", str(tmp_path), "--json")

    told = json.loads(shown)
    assert (status, told["isPassed"]) == (0, True)
    signed, readable = map(Path, told["files"])
    text = readable.read_text(encoding="utf-8")
    assert "15 geslaagd, 0 niet geslaagd, 1 niet van toepassing" in text
    assert told["report"]["protocolDigest"] in text
    assert "Proefpersoon" not in text + signed.read_text(encoding="utf-8")

    status, shown, _ = await run("partner", "report", "verify", str(signed))
    assert (status, "Genuine: signed by sluis/" in shown) == (0, True)
    # Whose it is stands in what was signed, and not in the name of a file.
    assert "It is about dwi, tried " in shown
    key = tmp_path / "key.jwk"
    key.write_text((await run("partner", "report", "key"))[1])
    status, shown, _ = await run(
        "partner", "report", "verify", str(signed), "--key", str(key),
        "--home", str(tmp_path / "elders"), "--json",
    )  # fmt: skip
    assert json.loads(shown)["isGenuine"] is True
    signed.write_bytes(signed.read_bytes().replace(b"niet-van-toepassing", b"geslaagd"))
    status, _, aside = await run("partner", "report", "verify", str(signed))
    assert (status, "changed after it was signed" in aside) == (1, True)


async def test_without_its_key_a_partner_is_tried_by_what_it_sent(
    run: Run, gateway: RunningGateway, tmp_path: Path
) -> None:
    status, shown, _ = await run(
        "partner", "test", "gi", "--seen", "--out", str(tmp_path), "--json"
    )
    assert status == 1
    checks = {one["id"]: one for one in json.loads(shown)["report"]["proeven"]}
    assert checks["aanmelding"]["uitkomst"] == "niet-geslaagd"
    assert checks["aanmelding"]["watTeDoen"].startswith("stuur")
    assert checks["token-herhaald"]["uitkomst"] == "niet-van-toepassing"

    await run("partner", "test", "madi", "--out", str(tmp_path))
    async with gateway.pool.acquire() as connection:
        since = await connection.fetchval("select now() - interval '1 hour'")
        seen = await seen_of(connection, "madi", since)
    assert (seen.unreadable, seen.reused, seen.no_flow, seen.acknowledged) == (2, 1, 1, 1)
    assert (seen.accepted, seen.mixed_deliveries) == (3, 1)


async def test_a_partner_alone_runs_the_same_script_without_a_register(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUIS_DATABASE_URL", "postgresql://nergens@127.0.0.1:1/niets")
    alone = ("partner", "test", "dwzs", "--out", str(tmp_path), "--json", "--alone")
    status, shown, _ = await run(*alone, "professional")
    told = json.loads(shown)
    verdicts = {one["id"]: one["uitkomst"] for one in told["report"]["proeven"]}
    assert (status, verdicts["aanmelding"], verdicts["status"]) == (
        0, "geslaagd", "niet-van-toepassing",
    )  # fmt: skip
    status, _, aside = await run("partner", "report", "verify", told["files"][0])
    assert (status, "it lacks verslag or handtekening" in aside) == (1, True)
    assert (await run(*alone, "xml"))[0] == 2


async def test_what_people_depend_on_is_tried_for_a_marked_partner_alone(
    postgres: TestServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    async with running_gateway(postgres, oin=LIVE) as live:
        monkeypatch.setenv("SLUIS_OIN", LIVE)
        run = _runner(live, monkeypatch, capsys)
        status, _, aside = await run("partner", "test", "dwi", "--out", str(tmp_path))
        assert (status, "people depend on it" in aside) == (1, True)
        alone = ("partner", "test", "dwi", "--alone", "dwi", "--out", str(tmp_path))
        assert (await run(*alone))[0] == 1
        await mark_testing(live.engine, "dwi", is_testing=True)
        before = await live.effects()
        status, shown, _ = await run("partner", "test", "dwi", "--out", str(tmp_path), "--json")
        assert status == 0
        verdicts = {one["id"]: one["uitkomst"] for one in json.loads(shown)["report"]["proeven"]}
        assert verdicts["token-herhaald"] == "geslaagd"
        assert verdicts["aanmelding"] == "niet-van-toepassing"
        assert (await live.effects())[:2] == before[:2]


async def test_a_succession_takes_two_officers_and_says_what_never_goes_over(
    run: Run, gateway: RunningGateway
) -> None:
    role = ("--role", "privacyfunctionaris", *MANDATE, "--sandbox")
    assert (await run("officer", "add", "pf", "--name", "P", *role))[0] == 0
    owner = ("--role", "proceseigenaar", "--sandbox")
    assert (await run("officer", "add", "po", "--name", "O", *owner))[0] == 0
    asked = ("partner", "succeed", "altra", "spirit", "--ground", "fusie", "--from", "2026-01-01")

    status, _, aside = await run(*asked, "--case", "J. Jansen", "--carry", "zaken", "--as", "pf")
    assert (status, "--case is a case number" in aside) == (2, True)
    status, shown, _ = await run(
        *asked, "--case", "Z-1", "--carry", "zaken", "--as", "pf", "--json"
    )
    decision = json.loads(shown)["decision"]
    assert (status, json.loads(shown)["state"]) == (0, "waits for its second signature")
    status, _, aside = await run("partner", "succession", "confirm", decision, "--as", "pf")
    assert (status, "another person's" in aside) == (1, True)
    status, shown, _ = await run("partner", "succession", "confirm", decision, "--as", "po")
    assert (status, "Agreements do not go over" in shown) == (0, True)
    status, _, aside = await run(*asked, "--case", "Z-2", "--carry", "zaken", "--as", "pf")
    assert (status, "stands already" in aside) == (1, True)
    assert "counts" in (await run("partner", "succession", "list"))[1]
    assert (await run("partner", "succession", "end", decision, "--as", "pf"))[0] == 0
    entries = [one for one in await gateway.entries() if one["event"] == "opvolging"]
    assert [one["step"] for one in entries] == ["besloten", "bevestigd", "beeindigd"]
