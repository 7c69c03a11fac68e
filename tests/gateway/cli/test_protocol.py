"""`sluis officer` and `sluis protocol`, as officers and operators type them, on a real database."""

from __future__ import annotations

import csv
import json
import re
import stat
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from typer.main import get_command

from consent import checks
from consent.simulation import Effect
from consent.told import Course
from gateway.cli import officer, protocol
from gateway.cli.explaining import course_of
from gateway.cli.setup import EXAMPLE
from schemas.decisions import Outcome
from tests.gateway.cli.commands import Run, RunWith
from tests.support.committing import Desk, open_desk
from tests.support.messages import member, referral
from tests.support.small_protocol import TEXT, changed


@pytest.fixture
def run(run_with: RunWith) -> Run:
    return run_with(officer, protocol)


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., str]:
    """A protocol file: the small one, changed."""

    def write(*pairs: tuple[str, str], version: str = "2.0") -> str:
        path = tmp_path / f"{version}.toml"
        path.write_text(changed(*pairs, version=version), encoding="utf-8")
        return str(path)

    return write


def in_days(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


async def add_officers(run: Run) -> None:
    mandate = ["--mandate", "Besluit 2026-17", "--mandate-ends", in_days(100)]
    for name, role, more in (
        ("eigenaar", "proceseigenaar", []),
        ("privacy", "privacyfunctionaris", mandate),
        ("toezicht", "fg", []),
    ):
        arguments = ["officer", "add", name, "--name", f"N. {name}", "--role", role, "--sandbox"]
        status, _, told = await run(*arguments, *more)
        assert status == 0, told


async def as_json(run: Run, *arguments: str) -> dict[str, Any]:
    status, shown, told = await run(*arguments, "--json")
    assert status == 0, told
    found: dict[str, Any] = json.loads(shown)
    return found


async def test_a_version_goes_from_draft_to_planned(
    run: Run, files: Callable[..., str], tmp_path: Path
) -> None:
    await add_officers(run)
    advice = tmp_path / "advies.txt"
    advice.write_text("Mits korter bewaard.", encoding="utf-8")

    assert (await run("protocol", "submit", files()))[0] == 0
    status, _, told = await run("protocol", "enforce", "2.0")
    assert status == 1
    assert "the approval of the process owner is missing" in told
    given = ["--as", "toezicht", "--advice", "met-voorwaarden", "--text-file", str(advice)]
    assert (await run("protocol", "advise", "2.0", *given))[0] == 0
    assert (await run("protocol", "approve", "2.0", "--as", "eigenaar"))[0] == 0
    assert (await run("protocol", "approve", "2.0", "--as", "privacy"))[0] == 0
    status, shown, _ = await run("protocol", "enforce", "2.0", "--from", in_days(30))
    assert status == 0
    assert "comes in force at" in shown

    (version,) = (await as_json(run, "protocol", "list"))["versions"]
    assert (version["version"], version["state"]) == ("2.0", "planned")
    assert {(one["officer"], one["advice"]) for one in version["signatures"]} == {
        ("toezicht", "met-voorwaarden"),
        ("eigenaar", None),
        ("privacy", None),
    }
    _, shown, _ = await run("protocol", "list")
    assert "Mits korter bewaard." in shown


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["protocol", "approve", "2.0", "--as", "toezicht"], 1, "never approves"),
        (["protocol", "approve", "3.0", "--as", "eigenaar"], 1, "no draft was submitted"),
        (["protocol", "approve", "2.0", "--as", "niemand"], 2, "no key of niemand"),
        (["protocol", "enforce", "3.0"], 1, "there is no version 3.0"),
        (["protocol", "enforce", "weg.toml"], 2, "there is no file weg.toml"),
        (["protocol", "enforce", "2.0", "--from", "morgen"], 2, "a moment reads"),
        (["protocol", "explain"], 2, "name an exchange"),
        (["protocol", "explain", "geen-uuid"], 2, "is a UUID"),
        (["protocol", "explain", "0" * 8 + "-0000-7000-8000-" + "0" * 12], 1, "no decision"),
        (["protocol", "simulate", "2.0", "--from", "2026-02-01", "--to", "2026-01-01"], 2, "--to"),
        (["protocol", "show"], 1, "no privacy protocol is in force"),
        (["protocol", "register"], 1, "no privacy protocol is in force"),
        (["officer", "end", "niemand"], 1, "no officer with this ID"),
    ],
)
async def test_what_cannot_be_done_is_told_with_what_to_do(
    run: Run, files: Callable[..., str], arguments: list[str], status: int, told: str
) -> None:
    await add_officers(run)
    assert (await run("protocol", "submit", files()))[0] == 0

    found, shown, aside = await run(*arguments)

    assert (found, shown) == (status, "")
    assert told in aside
    assert "Traceback" not in aside


async def test_an_officers_key_made_here_is_nobody_elses_to_read(run: Run, tmp_path: Path) -> None:
    await add_officers(run)
    path = tmp_path / "home" / "officers" / "eigenaar" / "officer.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    path.chmod(0o644)
    assert "can be read by others" in (await run("protocol", "approve", "2", "--as", "eigenaar"))[2]
    found = (await as_json(run, "officer", "list"))["officers"]
    assert [(one["officer"], one["role"]) for one in found] == [
        ("eigenaar", "proceseigenaar"),
        ("privacy", "privacyfunctionaris"),
        ("toezicht", "fg"),
    ]


async def test_an_officer_is_registered_by_public_key_once(run: Run, tmp_path: Path) -> None:
    key, other = tmp_path / "a.pem", tmp_path / "b.pem"
    for path, private in (
        (key, Ed25519PrivateKey.generate()),
        (other, ec.generate_private_key(ec.SECP256R1())),
    ):
        public = private.public_key()
        path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    add = ["officer", "add", "--role", "proceseigenaar", "--public-key"]

    assert (await run(*add, str(key), "een", "--name", "Een"))[0] == 0
    for arguments, told in (
        ([*add, str(key), "een", "--name", "Twee"], "this id"),
        ([*add, str(key), "twee", "--name", "Een"], "this name"),
        ([*add, str(key), "twee", "--name", "Twee"], "this key"),
        ([*add, str(other), "twee", "--name", "Twee"], "Ed25519"),
        (["officer", "add", "twee", "--name", "Twee", "--role", "fg"], "name one key"),
        ([*add, str(key), "B!", "--name", "Twee"], "short name"),
        (
            ["officer", "add", "twee", "--name", "T", "--role", "privacyfunctionaris", "--sandbox"],
            "under a mandate",
        ),
    ):
        status, _, aside = await run(*arguments)
        assert status != 0
        assert told in aside


async def test_a_bad_file_is_told_by_rule_and_line(run: Run, files: Callable[..., str]) -> None:
    path = files(('"lid.achternaam" =', '"lid.schoenmaat" ='))
    status, shown, _ = await run("protocol", "check", path)
    assert status == 1
    assert "lid.schoenmaat is no field of aanmelding" in shown
    assert "1 error" in shown

    status, shown, _ = await run("protocol", "check", path, "--json")
    (error,) = json.loads(shown)["errors"]
    assert (error["rule"], error["line"]) == ("gegevensstroom dwi-aanmelding", 46)
    status, _, aside = await run("protocol", "submit", path)
    assert status == 1
    assert "line 46: gegevensstroom dwi-aanmelding: velden" in aside


async def test_a_file_with_errors_is_submitted_only_where_that_is_asked(
    run: Run, files: Callable[..., str]
) -> None:
    path = files(
        ("ingang = 2026-01-01", "ingang = 2020-01-01"), ("einde = 2030-12-31", "einde = 2020-12-31")
    )
    status, shown, aside = await run("protocol", "submit", path)
    assert status == 1
    assert "unreachable" in (await run("protocol", "submit", path, "--json"))[1]
    assert "error" in shown
    assert "--despite-errors" in aside
    assert (await as_json(run, "protocol", "list"))["versions"] == []

    found = await as_json(run, "protocol", "submit", path, "--despite-errors")
    assert [one["code"] for one in found["errors"]] == ["unreachable", "unreachable"]
    _, shown, _ = await run("protocol", "submit", files(version="3.0"))
    assert "warning" in shown
    assert "version 3.0 is submitted" in shown


async def test_the_example_has_no_errors(run: Run) -> None:
    status, shown, _ = await run("protocol", "check")
    assert status == 0
    assert "te bevestigen" in shown
    assert json.loads((await run("protocol", "check", "--json"))[1])["errors"] == []


async def test_two_versions_are_compared_in_words(run: Run, files: Callable[..., str]) -> None:
    old = files(version="1.0")
    new = files(('"lid.achternaam" = "identificeren"', '"lid.achternaam" = "weglaten"'))
    assert (await run("protocol", "enforce", old))[0] == 0

    _, shown, _ = await run("protocol", "diff", "1.0", new)
    assert "beperkt   Niet langer mee naar casebook: de achternaam." in shown
    _, shown, _ = await run("protocol", "diff", "1.0", new, "--lang", "en")
    assert "narrows   No longer to casebook: the surname." in shown
    assert (await as_json(run, "protocol", "diff", old, new))["widens"] is False


async def test_the_register_is_written_as_a_spreadsheet_and_never_over_another(
    run: Run, files: Callable[..., str], tmp_path: Path
) -> None:
    await run("protocol", "enforce", files(version="1.0"))
    await run("protocol", "enforce", files(("naOntvangstDagen = 14", "naOntvangstDagen = 7")))
    path = tmp_path / "register.csv"

    assert (await run("protocol", "register", "--csv", str(path)))[0] == 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert [(row["stroom"], row["protocolversie"]) for row in rows] == [
        ("dwi-aanmelding", "1.0"),
        ("dwi-aanmelding", "2.0"),
        ("terugkoppeling-dwi", "1.0"),
        ("terugkoppeling-dwi", "2.0"),
    ]
    status, _, aside = await run("protocol", "register", "--csv", str(path))
    assert status == 1
    assert "is there already" in aside
    found = await as_json(run, "protocol", "register")
    assert len(found["processingActivities"]) == 2


async def test_a_question_about_a_field_is_answered_in_dutch(
    run: Run, files: Callable[..., str]
) -> None:
    await run("protocol", "enforce", files(version="1.0"))
    asked = ["--sender", "dwi", "--recipient", "casebook", "--message", "aanmelding"]

    status, shown, _ = await run("protocol", "explain", *asked, "--field", "lid.zrm.verslaving")
    assert status == 0
    assert "Over de zelfredzaamheidsscore voor verslaving: het protocol laat dit weg." in shown
    assert "artikel 9 AVG" in shown
    (one,) = (await as_json(run, "protocol", "explain", *asked))["explanations"]
    assert one["flow"] == "dwi-aanmelding"
    status, _, aside = await run("protocol", "explain", *asked, "--field", "lid.schoenmaat")
    assert status == 2
    assert "names no field" in aside


@pytest.fixture
async def desk(database: str) -> AsyncIterator[Desk]:
    async with open_desk(database) as opened:
        yield opened


async def test_a_recorded_exchange_is_explained_and_a_draft_replayed_against_it(
    run: Run, desk: Desk, tmp_path: Path
) -> None:
    async with desk.committer() as committer:
        passed = await committer.submit(desk.arrived(referral()))
        waits = await committer.submit(desk.arrived(referral(member(agreed=None))))
        refused = await committer.submit(desk.arrived(referral(grondslag="geen")))
    assert [one.outcome for one in (passed, waits, refused)] == [
        Outcome.ACCEPTED,
        Outcome.HELD,
        Outcome.REFUSED,
    ]

    for recorded, told in (
        (passed, "Dit mag worden uitgewisseld; de ontvanger heeft het nog niet opgehaald."),
        (waits, "De instemming van het huishouden is niet compleet."),
        (refused, "De wet waaronder werd aangemeld hoort niet bij deze stroom."),
    ):
        status, shown, aside = await run("protocol", "explain", str(recorded.exchange))
        assert status == 0, aside
        assert told in shown
        assert "Wat er gebeurde" in shown
        assert "ging mee" not in shown
    await _a_field_of_it(run, str(passed.exchange))

    text = EXAMPLE.read_text(encoding="utf-8")
    draft = tmp_path / "ontwerp.toml"
    head, _, rest = text.partition('id = "dwi-aanmelding"')
    rest = rest.replace('"lid.achternaam" = "identificeren"', '"lid.achternaam" = "weglaten"', 1)
    draft.write_text(f'{head}id = "dwi-aanmelding"{rest}', encoding="utf-8")
    found = await as_json(run, "protocol", "simulate", str(draft), "--from", in_days(-1))
    assert found["decisions"] == 3
    (flow,) = found["flows"]
    assert (flow["flow"], flow["decisions"], flow["changed"]) == ("dwi-aanmelding", 3, 1)
    assert flow["wouldStay"] == {"lid.achternaam": 1}
    _, shown, _ = await run("protocol", "simulate", str(draft), "--from", in_days(-1))
    assert "would stay behind: lid.achternaam (de achternaam)" in shown
    before = await as_json(
        run, "protocol", "simulate", str(draft), "--from", in_days(-9), "--to", in_days(-2)
    )
    assert before["decisions"] == 0


async def _a_field_of_it(run: Run, exchange: str) -> None:
    asked = ["protocol", "explain", exchange, "--field"]
    status, shown, _ = await run(*asked, "lid.achternaam")
    assert status == 0
    assert "Over de achternaam: mag mee, herkenbaar; nog niet opgehaald." in shown
    assert "Grondslag" in shown
    assert "Wat een ander antwoord zou geven" in shown
    assert not any(title in shown for title in ("Wat meegaat", "Wat er gebeurde", "Instemming "))
    assert (await run(*asked, "lid.schoenmaat"))[0] == 2


@pytest.mark.parametrize(
    ("events", "course"),
    [
        ("besluit", Course.WAITS),
        ("besluit instemming beschadigd", Course.WAITS),
        ("besluit verwijdering", Course.REMOVED),
        ("besluit verstrekking", Course.HANDED_OVER),
        ("besluit verstrekking ontvangst verwijdering", Course.HANDED_OVER),
        ("besluit verstrekking verwijdering", Course.HANDED_OVER),
        ("besluit verstrekking teruggenomen", Course.WAITS),
        ("besluit verstrekking teruggenomen verwijdering", Course.REMOVED),
        ("besluit verstrekking verstrekking teruggenomen", Course.HANDED_OVER),
    ],
)
def test_only_what_was_handed_over_counts_as_gone(events: str, course: Course) -> None:
    assert course_of(events.split()) is course


PAGE = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text(encoding="utf-8")


def table(header: str) -> set[str]:
    rows = PAGE.split(f"\n| {header} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return {row.split("|")[1].strip().strip("`") for row in rows}


def test_the_page_names_every_command_and_no_other() -> None:
    app = typer.Typer()
    officer.register(app)
    protocol.register(app)
    there = {
        f"{group.name} {name}"
        for group in get_command(app).commands.values()  # type: ignore[attr-defined]  # a group
        for name in group.commands
    }
    named = {" ".join(found) for found in re.findall(r"sluis (officer|protocol) ([a-z]+)", PAGE)}
    assert there == named


def test_the_page_names_every_finding_and_every_effect() -> None:
    source = Path(checks.__file__).read_text(encoding="utf-8")
    codes = set(re.findall(r'(?:Severity\.[A-Z]+,\s*|_warn\(\s*)"([a-z-]+)"', source))
    assert table("finding") == codes
    assert table("effect") == {effect.value for effect in Effect}


async def test_once_officers_are_registered_a_file_alone_comes_no_more_in_force(
    run: Run, files: Callable[..., str], tmp_path: Path
) -> None:
    first = tmp_path / "eerste.toml"
    first.write_text(TEXT, encoding="utf-8")
    assert (await run("protocol", "enforce", str(first)))[0] == 0
    await add_officers(run)

    status, _, aside = await run("protocol", "enforce", files())
    assert status == 1
    assert "no draft was submitted" in aside
    # The version that holds is not touched by it.
    assert (await run("protocol", "enforce", str(first)))[1].endswith("nothing changed\n")
