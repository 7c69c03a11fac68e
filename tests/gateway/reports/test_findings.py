"""What a month of acts leads to: which are listed, why, and who stays nameless."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import typer

from gateway.audit.access import ActorKind
from gateway.cli import all_commands
from gateway.reports.access_report.accesses import Access
from gateway.reports.access_report.findings import SHOWN, Finding, Month, Thresholds, findings
from gateway.reports.access_report.hours import AMSTERDAM
from gateway.reports.access_report.operations import operation_told
from gateway.reports.access_report.told import shown_rows

OFFICER, OPERATOR, PARTNER, UNKNOWN = (
    ActorKind.OFFICER, ActorKind.OPERATOR, ActorKind.PARTNER, ActorKind.UNKNOWN,
)  # fmt: skip
SOMEBODY = UUID(int=7)
WITHOUT_ACT = re.compile(
    r"run|demo|serve-worker|send|pull|token|register|template|sandbox|holds|population|restore"
    r"|correct\.|consent\.|log\.|receipts\.|candidates\.|bench\.|witness\.serve|protocol\.check"
    r"|routes\.(check|show|diff)"
)
"""Commands of a partner's side, whose acts are its calls, and those that look at a file alone."""


def at(day: int, hour: int = 10) -> int:
    """In November 2026, of which the 17th is a Tuesday."""
    return int(datetime(2026, 11, day, hour, tzinfo=AMSTERDAM).timestamp() * 1000)


def act(**changes: Any) -> Access:
    made = Access(
        at(17), "log.search", "R", OFFICER, "jansen", "kid", False, None, None, None, "klacht",
        "Z-1", 1, [],
    )  # fmt: skip
    return made._replace(**changes)


def found(*acts: Access, suspended: tuple[str, ...] = (), **month: Any) -> dict[str, Finding]:
    counted = Month(lambda kind, _: f"een {kind}", lambda subject: f"P-{subject.int}", **month)
    for one in acts:
        counted.take(one)
    return {one.code: one for one in findings(counted, suspended)}


def test_an_ordinary_act_is_in_no_list() -> None:
    assert not any(one.rows for one in found(act(subjects=[SOMEBODY])).values())


def test_no_list_names_a_user_or_a_person() -> None:
    acts = [
        act(at=at(21), case=None, subjects=[SOMEBODY], is_error=error, reason="datalek+namen")
        for error in (False, True)
        for _ in range(20)
    ]
    told = repr(found(*acts))
    assert "jansen" not in told
    assert str(SOMEBODY) not in told
    assert "P-7" in told


def test_evenings_weekends_and_holidays_are_counted_apart() -> None:
    listed = found(act(at=at(17, 22)), act(at=at(21)), act(at=at(17)))["buiten-kantooruren"]
    assert listed.rows == (("een functionaris", "2", "1", "1", "0"),)


def test_machines_keep_no_office_hours() -> None:
    assert not found(act(at=at(21), kind=PARTNER, actor="dwi"))["buiten-kantooruren"].rows


def test_a_search_without_a_case_is_listed_and_asks() -> None:
    listed = found(act(case=None), act(case=None, operation="partner.list"))["zonder-zaak"]
    assert len(listed.rows) == 1
    assert listed.asks


def test_a_look_at_a_person_without_a_case_is_listed_whatever_it_is_called() -> None:
    assert found(act(case=None, operation="nieuw.iets", subjects=[SOMEBODY]))["zonder-zaak"].rows


def test_refusals_count_from_the_threshold_on() -> None:
    refused = act(is_error=True, kind=PARTNER, actor="dwi", operation="haalPostvak")
    assert not found(*[refused] * 9)["veel-weigeringen"].rows
    listed = found(*[refused] * 10)["veel-weigeringen"]
    assert listed.rows == (("een ketenpartner", "postvak opgehaald", "10"),)
    many = found(*[refused] * 4, limits=Thresholds(refusals=4))["veel-weigeringen"]
    assert many.rows
    assert "Vanaf 4" in many.threshold


def test_one_entry_stands_for_many_unknown_callers() -> None:
    unknown = act(is_error=True, kind=UNKNOWN, actor="", operation="vraagToken", times=400)
    assert found(unknown)["veel-weigeringen"].rows == (
        ("een onbekend", "aanmelden (token)", "400"),
    )


def test_who_is_looked_at_often_is_listed_with_how_many_looked() -> None:
    acts = [act(subjects=[SOMEBODY], actor=actor) for actor in ("jansen", "jansen", "smit")]
    assert found(*acts)["vaak-ingezien"].rows == (("P-7", "3", "1"),)
    assert not found(*acts[:2])["vaak-ingezien"].rows


def test_alike_acts_of_one_day_are_one_row() -> None:
    acts = [act(kind=PARTNER, actor="toezicht", operation="leesTegel", at=at(17) + n)
            for n in range(300)]  # fmt: skip
    (row,) = found(*acts)["uitvoer"].rows
    assert row[0] == "17-11-2026 10:00 (300x)"


def test_a_long_list_says_how_many_there_are_more() -> None:
    acts = [act(case=None, target_kind="exchange", target=str(n)) for n in range(SHOWN + 5)]
    listed = found(*acts)["zonder-zaak"]
    assert (len(listed.rows), listed.more) == (SHOWN, 5)


def test_operators_changes_are_listed_and_their_looks_are_not() -> None:
    change = act(kind=OPERATOR, actor="os:0", operation="partner.key", action="C")
    look = act(kind=OPERATOR, actor="os:0", operation="partner.list")
    listed = found(change, look)
    assert len(listed["beheer"].rows) == 1
    assert len(listed["besluiten"].rows) == 1


def suspend(day: int, operation: str = "partner.suspend") -> Access:
    return act(
        kind=OPERATOR, actor="os:0", operation=operation, action="U", target_kind="partner",
        target="dwi", at=at(day),
    )  # fmt: skip


def of_dwi(day: int) -> Access:
    return act(kind=PARTNER, actor="dwi", operation="haalPostvak", at=at(day))


def test_acts_while_suspended_are_listed_between_suspension_and_resumption() -> None:
    acts = [of_dwi(2), suspend(3), of_dwi(4), of_dwi(5), suspend(6, "partner.resume"), of_dwi(9)]
    assert found(*acts)["geschorst"].rows == (("dwi", "geschorste ketenpartner", "2"),)


def test_who_was_suspended_before_the_month_counts_from_its_first_day() -> None:
    assert found(of_dwi(2), suspended=("dwi",))["geschorst"].rows
    until = [of_dwi(2), suspend(3, "partner.resume"), of_dwi(4)]
    assert found(*until)["geschorst"].rows == (("dwi", "geschorste ketenpartner", "1"),)


def test_acts_of_an_officer_after_their_end_are_listed() -> None:
    ended = {"jansen": at(10)}
    listed = found(act(at=at(9)), act(at=at(12)), ended=ended)["geschorst"]
    assert listed.rows == (("een functionaris", "functionaris na einde", "1"),)


def test_every_list_says_why_it_is_there_and_from_when() -> None:
    for one in found().values():
        assert len(one.why) > 20
        assert one.threshold.endswith((".", ")"))


def test_an_operation_without_words_is_shown_by_its_name() -> None:
    assert operation_told("partner.suspend") == "ketenpartner geschorst"
    assert operation_told("leesTegelVanDeelBeschermd") == "logboek uitgelezen"
    assert operation_told("iets.nieuws") == "iets.nieuws"


def test_words_that_came_later_are_shown_and_change_no_report_that_was_signed() -> None:
    signed = act(operation="erase.confirm", action="U")
    listed = found(signed, signed._replace(operation="erase.plan"))["besluiten"]
    assert {row[2] for row in listed.rows} == {"erase.confirm", "wissen voorbereid"}
    assert {row[2] for row in shown_rows(listed)} == {"wissen mede besloten", "wissen voorbereid"}


def test_every_command_that_acts_on_the_gateway_and_every_call_has_words_in_dutch() -> None:
    root = Path(__file__).parents[3]
    calls = {
        name
        for path in (root / "gateway" / "api").rglob("*.py")
        for name in re.findall(r'operation_id="(\w+)"', path.read_text(encoding="utf-8"))
    }
    assert calls
    named = {name for name in (*_commands(), *calls) if operation_told(name) == name}
    assert {name for name in named if not WITHOUT_ACT.match(name)} == set()


def _commands() -> Iterator[str]:
    app = typer.Typer()
    for module in all_commands():
        module.register(app)
    yield from _named(typer.main.get_command(app), ())


def _named(command: Any, path: tuple[str, ...]) -> Iterator[str]:
    inner: dict[str, Any] = getattr(command, "commands", {})
    for name, one in inner.items():
        yield from _named(one, (*path, name))
    if not inner:
        yield ".".join(path)
