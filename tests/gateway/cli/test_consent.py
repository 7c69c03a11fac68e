"""`sluis consent` against a gateway that runs: as a person at a partner would use it."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.cli import consent, main
from gateway.cli.output import Output
from schemas.consents import ConsentOverview
from tests.support.database import TestServer
from tests.support.messages import fresh_bsn
from tests.support.running_gateway import running_gateway

SCOPE = ["--purpose", "toeleiding-wijkteam", "--recipient", "casebook"]


@pytest.fixture
def number(tmp_path: Path) -> Path:
    file = tmp_path / "nummer"
    file.write_text(f"{fresh_bsn()}\n")
    return file


Told = tuple[int, str, str]


@pytest.fixture
def run(postgres: TestServer, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Told]]:
    """Runs commands as DWI; the gateway lives for the test, in a loop of its own."""
    loop = asyncio.new_event_loop()
    context = running_gateway(postgres)
    gateway = loop.run_until_complete(context.__aenter__())

    def command(*arguments: str) -> Told:
        async def aside() -> int:
            given = ["consent", *arguments, "--as", "dwi", "--home", str(gateway.home)]
            return await asyncio.to_thread(main, given)

        status = loop.run_until_complete(aside())
        told = capsys.readouterr()
        return status, told.out, told.err

    yield command
    loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()


def test_an_agreement_is_recorded_shown_and_withdrawn(
    run: Callable[..., Told], number: Path
) -> None:
    status, out, _ = run("grant", *SCOPE, "--bsn-file", str(number), "--how", "schriftelijk")
    assert (status, "agreement recorded under" in out) == (0, True)

    _, out, _ = run("show", "--bsn-file", str(number), "--json")
    (one,) = json.loads(out)["toestemmingen"]
    assert (one["gegeven"], one["wijze"], one["door"]) == (True, "schriftelijk", "betrokkene")

    status, out, _ = run("withdraw", one["toestemmingId"])
    assert (status, "withdrawn under" in out) == (0, True)

    _, out, _ = run("show", "--bsn-file", str(number))
    assert "withdrawn" in out
    assert number.read_text().strip() not in out


def test_of_a_person_of_whom_nothing_was_recorded_nothing_is_shown(
    run: Callable[..., Told], number: Path
) -> None:
    assert run("show", "--bsn-file", str(number))[:2] == (0, "nothing recorded by this partner\n")


def test_what_goes_wrong_names_the_rule_and_the_remedy_and_never_the_number(
    run: Callable[..., Told],
    number: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = ["--purpose", "bestaat-niet", "--recipient", "casebook"]
    status, _, err = run("grant", *other, "--bsn-file", str(number))
    assert (status, "see `sluis protocol show`" in err) == (1, True)

    status, _, err = run("withdraw", "0192f0c1-2345-7abc-8def-0123456789ab")
    assert (status, "see `sluis consent show`" in err) == (1, True)

    monkeypatch.setattr("sys.stdin", io.StringIO("471108154\n"))
    status, _, err = run("show", "--bsn-file", "-")
    assert (status, "elfproef" in err, "471108154" in err) == (2, True, False)

    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    status, _, err = run("show")
    assert (status, "name a file with --bsn-file" in err) == (2, True)


def test_an_agreement_cannot_end_before_it_begins_and_its_end_is_amsterdams(
    run: Callable[..., Told], number: Path
) -> None:
    given = ["grant", *SCOPE, "--bsn-file", str(number), "--until"]
    status, _, err = run(*given, "2020-01-01")
    assert (status, "--until has passed" in err) == (2, True)
    assert run(*given, "volgend jaar")[0] == 2
    assert run("show", "--bsn-file", str(number))[1] == "nothing recorded by this partner\n"

    assert run(*given, "2099-01-01")[0] == 0
    _, out, _ = run("show", "--bsn-file", str(number), "--json")
    (one,) = json.loads(out)["toestemmingen"]
    assert one["geldigTot"] == "2098-12-31T23:00:00Z"
    assert "2099-01-01" in run("show", "--bsn-file", str(number))[1]


def test_a_date_is_amsterdams_also_after_midnight(capsys: pytest.CaptureFixture[str]) -> None:
    night = {
        "toestemmingId": "0192f0c1-2345-7abc-8def-0123456789ab",
        "doel": "toeleiding",
        "ontvanger": "casebook",
        "categorie": "*",
        "gegeven": True,
        "door": "betrokkene",
        "op": "2026-11-19T23:30:00Z",
        "geldigTot": "2027-06-30T22:00:00Z",
        "vastgelegdOp": "2026-11-19T23:30:00Z",
    }
    found = ConsentOverview.model_validate({"toestemmingen": [night], "gezag": []})
    consent._show_overview(Output(), found)
    told = capsys.readouterr().out
    assert "2026-11-20" in told
    assert "2027-07-01" in told
    assert "2026-11-19" not in told


def test_no_command_takes_a_number_as_an_argument(run: Callable[..., Told]) -> None:
    status, _, err = run("show", "999990019")
    assert status == 2
    assert "remedy" in err
