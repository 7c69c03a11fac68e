"""`sluis dossier` as officers use it: from a file with a number to a folder for the requester."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest

from gateway import cli
from gateway.cli import dossier, officer
from gateway.store.groups import TOEGANG
from tests.gateway.exchange.road import Road, open_road
from tests.support import protected
from tests.support.messages import Json, bsn, member, referral

MOTHER, CHILD, STRANGER = bsn(311), bsn(312), bsn(313)
ROOT_KEY = base64.b64encode(bytes(range(32))).decode()
MANDATE = ("privacyfunctionaris", "--mandate", "besluit 7", "--mandate-ends", "2099-12-31")


class Desk(NamedTuple):
    """A gateway with two privacy officers and an FG."""

    road: Road
    folder: Path
    run: Callable[..., Awaitable[tuple[int, str, str]]]

    def person(self, *lines: str) -> str:
        file = self.folder / f"persoon-{len(list(self.folder.iterdir()))}.txt"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(file)

    async def newest_act(self) -> tuple[Json, list[UUID]]:
        rows = await self.road.pool.fetch(
            """select l.entry, l.subjects from log_leaf l join log_head h on h.log = l.log
                where h.series = $1 order by l.index desc limit 1""",
            TOEGANG,
        )
        return json.loads(rows[0][0]), list(rows[0][1])

    async def draft(self, *arguments: str, by: str = "anna") -> tuple[int, Json]:
        status, out, _ = await self.run(
            "dossier", "subject", *arguments, "--identified-by", "paspoort",
            "--case", "INZ-2026-1", "--as", by, "--json",
        )  # fmt: skip
        return status, json.loads(out)


@pytest.fixture
async def desk(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> AsyncIterator[Desk]:
    monkeypatch.setenv("SLUIS_DATABASE_URL", database)
    monkeypatch.setenv("SLUIS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SLUIS_KEY_PROVIDER", "environment")
    monkeypatch.setenv("SLUIS_ROOT_KEY", ROOT_KEY)
    monkeypatch.setattr(cli, "_needed", lambda _: (dossier, officer))

    async def run(*arguments: str) -> tuple[int, str, str]:
        status = await asyncio.to_thread(cli.main, list(arguments))
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    async with open_road(database, protected.protocol("1.0")) as road:
        for name, role in {"anna": MANDATE, "bert": MANDATE, "fred": ("fg",)}.items():
            added = await run("officer", "add", name, "--name", name, "--sandbox", "--role", *role)
            assert added[0] == 0, added
        authority = [{"houders": [{"lid": 0}], "bron": "brp", "peildatum": "2026-01-01"}]
        agreed = {"gegeven": True, "op": "2026-05-01", "door": "ouder", "doorLid": 0}
        child = member(
            CHILD, rol="kind", agreed=None, geboortedatum="2020-01-01", gezag=authority,
            instemming=agreed,
        )  # fmt: skip
        await road.refer(referral(member(MOTHER), child))
        await road.acknowledge()
        yield Desk(road, tmp_path, run)


async def test_an_adult_gets_a_folder_that_only_the_officer_can_read(desk: Desk) -> None:
    status, made = await desk.draft(desk.person(MOTHER), "--capacity", "self")
    assert (status, made["state"], made["exchanges"]) == (0, "concept", 1)
    folder = desk.folder / "uit"
    status, out, err = await desk.run(
        "dossier", "release", made["dossier"], "--to", str(folder), "--as", "anna",
        "--language", "nl", "--language", "en", "--json",
    )  # fmt: skip
    assert status == 0, err
    assert json.loads(out)["state"] == "vrijgegeven"
    assert folder.stat().st_mode & 0o777 == 0o700
    files = sorted(path.name for path in folder.iterdir())
    assert files == [
        "dossier.en.html",
        "dossier.en.pdf",
        "dossier.html",
        "dossier.json",
        "dossier.pdf",
    ]
    assert all((folder / name).stat().st_mode & 0o777 == 0o600 for name in files)
    told = json.loads((folder / "dossier.json").read_text())
    assert told["vrijgave"] is not None
    assert "CONCEPT" not in (folder / "dossier.html").read_text()
    assert "<html lang=" in (folder / "dossier.en.html").read_text()


async def test_a_draft_is_shown_as_a_draft(desk: Desk) -> None:
    _, made = await desk.draft(desk.person(MOTHER), "--capacity", "self")
    folder = desk.folder / "kijken"
    status, out, _ = await desk.run(
        "dossier", "show", made["dossier"], "--to", str(folder), "--as", "bert"
    )
    assert status == 0
    assert "concept, case INZ-2026-1" in out
    assert "CONCEPT: niet vrijgegeven" in (folder / "dossier.html").read_text()


async def test_a_parent_gets_a_childs_from_a_second_officer(desk: Desk) -> None:
    status, made = await desk.draft(
        desk.person(CHILD), "--capacity", "parent", "--requester", desk.person(MOTHER)
    )
    assert status == 0
    folder = str(desk.folder / "kind")
    release = ("dossier", "release", made["dossier"], "--to", folder)
    status, _, err = await desk.run(*release, "--as", "anna")
    assert status == 1
    assert "another privacy officer" in err
    assert (await desk.run(*release, "--as", "bert"))[0] == 0
    page = (desk.folder / "kind" / "dossier.html").read_text()
    assert "Wat er over het kind is gedeeld" in page


async def test_who_may_not_ask_is_told_why_and_it_is_recorded(desk: Desk) -> None:
    status, told = await desk.draft(
        desk.person(CHILD), "--capacity", "parent", "--requester", desk.person(STRANGER)
    )
    assert (status, told["denial"]) == (1, "no-authority")
    entry, subjects = await desk.newest_act()
    assert (entry["operation"], entry["outcome"]) == ("dossier.subject", "DeniedError")
    assert entry["reason"] == {"case": "INZ-2026-1", "code": "inzageverzoek"}
    assert subjects == [await desk.road.subject(CHILD)]


@pytest.mark.parametrize(
    ("deed", "options"),
    [("show", ("--to",)), ("release", ("--to",)), ("refuse", ("--ground", "verzoek-ingetrokken"))],
)
async def test_each_later_act_stands_in_the_log_with_the_dossiers_case(
    desk: Desk, deed: str, options: tuple[str, ...]
) -> None:
    _, made = await desk.draft(desk.person(MOTHER), "--capacity", "self")
    where = (*options, str(desk.folder / "uit")) if options == ("--to",) else options
    status, _, err = await desk.run("dossier", deed, made["dossier"], *where, "--as", "anna")
    assert status == 0, err
    entry, subjects = await desk.newest_act()
    assert entry["operation"] == f"dossier.{deed}"
    assert entry["reason"] == {"case": "INZ-2026-1", "code": "inzageverzoek"}
    assert subjects == [await desk.road.subject(MOTHER)]


async def test_the_fg_makes_and_releases_none(desk: Desk) -> None:
    status, told = await desk.draft(desk.person(MOTHER), "--capacity", "self", by="fred")
    assert status == 1
    assert "a privacy officer decides" in told["error"]


async def test_the_second_line_of_the_file_is_the_documents_birth_date(desk: Desk) -> None:
    stranger = ("--capacity", "self")
    assert (await desk.draft(desk.person(STRANGER), *stranger))[1]["denial"] == "age-unknown"
    status, made = await desk.draft(desk.person(STRANGER, "1980-05-01"), *stranger)
    assert (status, made["isKnown"], made["exchanges"]) == (0, False, 0)


@pytest.mark.parametrize(
    ("lines", "rest", "told"),
    [
        (["123456789"], ["--capacity", "self"], "first line"),
        ([MOTHER, "morgen"], ["--capacity", "self"], "line 2"),
        ([MOTHER], ["--capacity", "parent"], "--requester FILE"),
        ([MOTHER], ["--capacity", "self", "--mandate", "M-1"], "attorney"),
        ([MOTHER], ["--capacity", "self", "--case", "Jan Jansen"], "--case"),
    ],
)
async def test_a_wrong_question_is_answered_without_the_value(
    desk: Desk, lines: list[str], rest: list[str], told: str
) -> None:
    file = desk.person(*lines)
    given = ["--identified-by", "paspoort", "--as", "anna"]
    given += [] if "--case" in rest else ["--case", "INZ-1"]
    status, _, err = await desk.run("dossier", "subject", file, *rest, *given)
    assert status == 2
    assert told in err
    assert lines[0] not in err
    assert "morgen" not in err


async def test_a_refused_draft_is_not_released_and_is_listed_so(desk: Desk) -> None:
    _, made = await desk.draft(desk.person(MOTHER), "--capacity", "self")
    status, _, _ = await desk.run(
        "dossier", "refuse", made["dossier"], "--ground", "rechten-van-anderen", "--as", "anna"
    )
    assert status == 0
    status, _, err = await desk.run(
        "dossier", "release", made["dossier"], "--to", str(desk.folder / "x"), "--as", "anna"
    )
    assert status == 1
    assert "sluis dossier list" in err
    status, out, _ = await desk.run("dossier", "list", "--as", "anna", "--json")
    (one,) = json.loads(out)["dossiers"]
    assert (one["state"], one["ground"], UUID(one["dossier"])) == (
        "geweigerd",
        "rechten-van-anderen",
        UUID(made["dossier"]),
    )


async def test_nobody_looks_under_the_name_of_another_officer(desk: Desk) -> None:
    """Looking takes no signature, and is recorded as the officer's all the same."""
    status, made = await desk.draft(desk.person(MOTHER), "--capacity", "self")
    assert status == 0, made
    berts = str(desk.folder / "home" / "officers" / "bert" / "officer.pem")
    folder = desk.folder / "kijken"
    for command in (["show", str(made["dossier"]), "--to", str(folder)], ["list"]):
        status, out, err = await desk.run("dossier", *command, "--as", "anna", "--key", berts)
        assert status == 1, err
        assert out == ""
        assert "not the key that is registered for anna" in err
        assert not folder.exists()
    assert (await desk.run("dossier", "list", "--as", "anna"))[0] == 0
