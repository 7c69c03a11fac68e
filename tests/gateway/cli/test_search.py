"""`sluis log search` as officers use it: who may, what is shown, and what is recorded of it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from gateway import cli
from gateway.audit.entries import commitment
from gateway.cli import log, officer
from gateway.reports.search import catch_up
from gateway.store.groups import BESCHERMD, TOEGANG, TOEGANG_BESCHERMD, stored_keys
from gateway.vault.boxes import CONTENT, WrappedKey
from schemas.identifiers import Bsn
from tests.gateway.exchange.road import PROTECTED, Road, open_road
from tests.support import protected
from tests.support.database import TestServer
from tests.support.messages import Json, bsn, member, referral
from tests.support.outside_view import View

MOTHER, FATHER, CHILD, STRANGER = bsn(211), bsn(212), bsn(213), bsn(214)
ROLES = {
    "anna": ("privacyfunctionaris", "--mandate", "besluit 7", "--mandate-ends", "2099-12-31"),
    "fred": ("fg",),
    "pia": ("proceseigenaar",),
}
ROOT_KEY = base64.b64encode(bytes(range(32))).decode()


class Desk(NamedTuple):
    """A gateway with officers, who ask it things on the command line."""

    road: Road
    folder: Path
    run: Callable[..., Awaitable[tuple[int, str, str]]]

    async def search(self, *options: str, by: str = "anna") -> Json:
        status, out, err = await self.run("log", "search", "--as", by, "--json", *options)
        assert status == 0, err
        found: Json = json.loads(out)
        return found

    async def of_person(self, number: str, *options: str, by: str = "anna") -> Json:
        return await self.search(
            "--person", str(self.person(number)), "--reason", "klacht", *options, by=by
        )

    def person(self, number: str) -> Path:
        file = self.folder / "persoon.txt"
        file.write_text(f"{number}\n", encoding="utf-8")
        return file

    async def accesses(self, series: int = TOEGANG) -> list[tuple[Json, list[UUID]]]:
        rows = await self.road.pool.fetch(
            """select l.entry, l.subjects from log_leaf l join log_head h on h.log = l.log
                where h.series = $1 order by l.index""",
            series,
        )
        entries = [(json.loads(row[0]), list(row[1])) for row in rows]
        return [one for one in entries if one[0]["operation"] == "log.search"]


@asynccontextmanager
async def desk_on(
    database: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> AsyncIterator[Desk]:
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    monkeypatch.setenv("SLUIS_DATABASE_URL", database)
    monkeypatch.setenv("SLUIS_HOME", str(folder / "home"))
    monkeypatch.setenv("SLUIS_KEY_PROVIDER", "environment")
    monkeypatch.setenv("SLUIS_ROOT_KEY", ROOT_KEY)
    monkeypatch.setattr(cli, "_needed", lambda _: (log, officer))

    async def run(*arguments: str) -> tuple[int, str, str]:
        status = await asyncio.to_thread(cli.main, list(arguments))
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    async with open_road(database, protected.protocol("1.0")) as road:
        for name, role in ROLES.items():
            added = await run("officer", "add", name, "--name", name, "--sandbox", "--role", *role)
            assert added[0] == 0, added
        yield Desk(road, folder, run)


@pytest.fixture
async def desk(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> AsyncIterator[Desk]:
    async with desk_on(database, tmp_path / "desk", monkeypatch, capsys) as desk:
        yield desk


async def story(road: Road, *, with_reports: bool) -> None:
    """A household is referred; in between, if so asked, Veilig Thuis hears of the same persons."""
    reports = iter(
        [
            protected.report(member(MOTHER, agreed=None), reference="V-1"),
            protected.report(member(CHILD, agreed=None), member(MOTHER, agreed=None)),
            protected.report(member(STRANGER, agreed=None)),
        ]
    )

    async def unseen() -> None:
        if with_reports:
            answer = await road.refer(next(reports), "okt")
            assert answer["besluit"] == "toegelaten"

    await unseen()
    household = [member(MOTHER), member(FATHER, rol="partner"), member(CHILD, rol="kind")]
    await road.refer(referral(*household))
    await unseen()
    await road.acknowledge("casebook")
    await road.refer(referral(member(FATHER)), "casebook")
    await unseen()


async def test_a_person_is_found_by_their_number_and_others_are_not(desk: Desk) -> None:
    await story(desk.road, with_reports=False)
    found = await desk.of_person(CHILD, "--event", "besluit")
    (decided,) = found["entries"]
    assert (decided["sender"], decided["recipient"]) == ("dwi", "casebook")
    assert (decided["decision"], decided["rule"]) == ("toegelaten", "toegelaten")
    assert decided["log"].startswith("verwerkingen/")
    events = [one["event"] for one in (await desk.of_person(CHILD))["entries"]]
    # Newest first; the officer's own look for the child, just before, is among them.
    assert events == ["toegang", "ontvangst", "verstrekking", "besluit"]
    assert (await desk.of_person(STRANGER))["entries"] == []


async def test_invariant_11_a_search_for_a_person_is_recorded_with_reason_and_commitment(
    desk: Desk,
) -> None:
    await story(desk.road, with_reports=False)
    await desk.of_person(MOTHER, "--case", "2026/17")
    await desk.of_person(FATHER)
    (first, persons), (second, _) = await desk.accesses()
    subject = await desk.road.subject(MOTHER)
    assert persons == [subject]
    assert first["reason"] == {"case": "2026/17", "code": "klacht"}
    assert second["reason"] == {"case": None, "code": "klacht"}
    assert first["actor"]["id"] == "anna"
    assert first["target"] == {"id": "person", "kind": "search"}
    async with desk.road.pool.acquire() as connection:
        (stored,) = await stored_keys(connection, [subject])
    wrapped = WrappedKey(stored.epoch, stored.wrapped)
    key = desk.road.vault.unwrap(subject, CONTENT, wrapped)
    assert first["subjects"] == [commitment(key, UUID(first["id"]), subject)]


async def test_every_condition_narrows_and_their_combination_too(desk: Desk) -> None:
    await story(desk.road, with_reports=False)
    (refused,) = (await desk.search("--decision", "geweigerd", "--partner", "casebook"))["entries"]
    assert refused["rule"] == "geen-gegevensstroom"
    exchange = refused["exchange"]
    assert (await desk.search("--exchange", exchange))["entries"][-1] == refused
    assert (await desk.search("--exchange", exchange, "--event", "besluit"))["entries"] == [refused]
    assert (await desk.search("--rule", refused["rule"]))["entries"] == [refused]
    day = refused["time"][:10]
    asked = ("--flow", "dwi-aanmelding", "--event", "besluit")
    assert len((await desk.search(*asked, "--since", day, "--until", day))["entries"]) == 1
    assert (await desk.search(*asked, "--until", "2020-01-01"))["entries"] == []
    assert (await desk.search(*asked, "--since", "2090-01-01"))["entries"] == []


async def test_pages_that_follow_each_other_give_the_whole(desk: Desk) -> None:
    await story(desk.road, with_reports=False)
    whole = (await desk.search("--partner", "casebook"))["entries"]
    seen: list[Json] = []
    after: list[str] = []
    while True:
        page = await desk.search("--partner", "casebook", "--limit", "2", *after)
        seen += page["entries"]
        if page["next"] is None:
            break
        after = ["--after", page["next"]]
    assert seen == whole
    assert len(whole) > 2


async def test_what_nothing_bears_is_told_with_what_there_is(desk: Desk) -> None:
    await story(desk.road, with_reports=True)
    status, out, err = await desk.run("log", "search", "--as", "fred", "--flow", "dwi-aanmeling")
    assert (status, out.strip()) == (0, "Nothing was found.")
    assert "dwi-aanmelding" in err
    assert "okt-melding" not in err
    assert "aanmeling" not in out + err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--person", "FILE"], "--reason"),
        (["--person", "BAD", "--reason", "klacht"], "nine digits"),
        (["--since", "gisteren"], "--since"),
        (["--until", "9999-12-31"], "--until"),
        (["--after", "3"], "--after"),
        (["--case", "17"], "--reason"),
        (["--reason", "klacht", "--case", "van mevrouw Jansen"], "--case"),
        (["--exchange", "999999990"], "--exchange"),
    ],
)
async def test_what_is_asked_wrongly_is_told_and_nothing_of_it_repeated(
    desk: Desk, options: list[str], told: str
) -> None:
    bad = desk.folder / "bad.txt"
    bad.write_text("Jansen 12345", encoding="utf-8")
    names = {"FILE": str(desk.person(MOTHER)), "BAD": str(bad)}
    given = [names.get(one, one) for one in options]
    status, out, err = await desk.run("log", "search", "--as", "anna", *given)
    assert (status, told in err) == (2, True)
    assert not any(word in out + err for word in ("Jansen", "12345", "999999990", MOTHER))


async def test_invariant_3_the_number_stands_nowhere_afterwards(desk: Desk) -> None:
    await story(desk.road, with_reports=True)
    file = str(desk.person(MOTHER))
    for more in ([], ["--protected"], ["--json"]):
        status, out, err = await desk.run(
            "log", "search", "--as", "anna", "--person", file, "--reason", "incident", *more
        )
        assert (status, MOTHER in out + err) == (0, False)
    tables = ("log_leaf", "search_entry", "search_kind")
    held = [str(await desk.road.pool.fetch(f"select * from {one}")) for one in tables]  # noqa: S608  # ours
    assert all(MOTHER not in text for text in held)


@pytest.mark.parametrize("by", ["pia", "nobody"])
async def test_whoever_has_no_part_in_supervision_may_not_search(desk: Desk, by: str) -> None:
    status, out, _ = await desk.run("log", "search", "--as", by)
    assert (status != 0, out) == (True, "")


async def test_another_persons_key_opens_no_search_and_the_attempt_is_recorded(desk: Desk) -> None:
    key = str(desk.folder / "home/officers/fred/officer.pem")
    status, out, _ = await desk.run("log", "search", "--as", "anna", "--key", key)
    assert (status, out) == (1, "")
    ((entry, _),) = await desk.accesses()
    assert (entry["status"], entry["outcome"]) == ("Error", "MayNotActError")


async def test_invariant_14_protected_exchanges_are_searched_apart_and_recorded_apart(
    desk: Desk,
) -> None:
    await story(desk.road, with_reports=True)
    found = await desk.of_person(MOTHER, "--protected", "--event", "besluit")
    assert [one["flow"] for one in found["entries"]] == ["okt-melding"] * 2
    assert all(one["log"].startswith("beschermd/") for one in found["entries"])
    assert await desk.accesses() == []
    ((entry, persons),) = await desk.accesses(TOEGANG_BESCHERMD)
    apart = PROTECTED.handles.of(desk.road.handles.of(Bsn(MOTHER)))
    assert persons == [
        await desk.road.pool.fetchval("select id from subject where handle = $1", apart)
    ]
    assert persons != [await desk.road.subject(MOTHER)]
    assert entry["reason"]["code"] == "klacht"
    for by in ("fred", "pia"):
        status, out, _ = await desk.run("log", "search", "--as", by, "--protected")
        assert (status, out) == (1, "")


async def test_invariant_14_who_asks_for_a_protected_exchange_learns_nothing_then_or_later(
    desk: Desk,
) -> None:
    await story(desk.road, with_reports=True)
    found = await desk.search("--protected", "--event", "besluit")
    exchange = found["entries"][0]["exchange"]
    assert (await desk.search("--exchange", exchange, by="fred"))["entries"] == []
    for indexed in (False, True):
        (look,) = (await desk.search("--exchange", exchange, "--event", "log.search", by="fred"))[
            "entries"
        ][-1:]
        assert (look["actor"], look["recipient"], look["flow"]) == ("fred", None, None)
        if not indexed:
            async with desk.road.pool.acquire() as connection:
                await catch_up(connection, [1, 2, 3, 4], most=0)


async def test_invariant_14_a_search_shows_the_same_with_and_without_protected_exchanges(
    postgres: TestServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    views = []
    for with_reports in (False, True):
        name = await postgres.fresh()
        folder = tmp_path / str(with_reports)
        async with desk_on(postgres.url(name), folder, monkeypatch, capsys) as desk:
            view = View()
            await story(desk.road, with_reports=with_reports)
            await _look(desk, view)
            async with desk.road.pool.acquire() as connection:
                await catch_up(connection, [1, 2, 3, 4], most=0)
                assert (len(await desk.road.entries(log=BESCHERMD)) > 0) is with_reports
            await _look(desk, view)
            views.append(view.seen)
        await postgres.drop(name)
    without, with_ = views
    assert len(without) == len(with_) > 20
    for (what, seen), (_, expected) in zip(with_, without, strict=True):
        assert seen == expected, what


async def _look(desk: Desk, view: View) -> None:
    """All that an officer who may not read protected exchanges can ask, and what is told aside."""
    asked: dict[str, list[str]] = {
        "all": [],
        "a page": ["--limit", "3"],
        "okt": ["--partner", "okt"],
        "veilig thuis": ["--partner", "veilig-thuis"],
        "its flow": ["--flow", "okt-melding"],
        "a rule": ["--rule", "toegelaten"],
    }
    for by in ("fred", "anna"):
        for what, options in asked.items():
            status, out, err = await desk.run("log", "search", "--as", by, "--json", *options)
            told = json.loads(out)
            told["next"] = told["next"] is not None
            hints = [line for line in err.splitlines() if "--after" not in line]
            view.note(f"{what} by {by}", [status, told, hints])
        for person in (MOTHER, CHILD, STRANGER):
            view.note(f"a person by {by}", await desk.of_person(person, by=by))
