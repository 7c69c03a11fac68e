"""`sluis log search`: what was logged of a person, partner, flow, rule, decision, period, exchange.

For a privacy officer or the FG, who asks under their own key. The search stands in the access log
before its result is shown; of a person, with that person's commitment. Times are Dutch.
"""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from consent.register import AMSTERDAM
from gateway.audit.access import Action, Reason, Target
from gateway.cli.acting import as_officer, id_of
from gateway.cli.database import Doing, RecordingEngine, settings_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.log_asking import bar_of
from gateway.cli.officer_keys import KeyOption
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.person import PersonOption, person_handle
from gateway.cli.serving import key_provider
from gateway.identity.acts import Sign
from gateway.pseudonyms.domains import Handles, ProtectedHandles
from gateway.reports.index import Hit
from gateway.reports.search import Place, Wanted
from gateway.reports.searching import Asked, Given, search_as
from gateway.vault.boxes import Vault

SHOWN, MOST = 50, 10_000
_NAMED = 20
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9./-]{0,39}")
_PLACE = re.compile(r"(\d{1,16})\.(\d{1,5})\.(\d{1,16})")


class SearchReason(StrEnum):
    """Why an officer looks for a person."""

    SUBJECT_REQUEST = "inzageverzoek"
    COMPLAINT = "klacht"
    INCIDENT = "incident"
    SUPERVISION = "toezicht"
    SAMPLE = "steekproef"


def search(
    officer: Annotated[str, typer.Option("--as", metavar="OFFICER", help="Who asks.")],
    person: PersonOption = None,
    partner: Annotated[
        str | None, typer.Option("--partner", help="Who sent, received or acted.")
    ] = None,
    flow: Annotated[str | None, typer.Option("--flow", help="A flow (gegevensstroom).")] = None,
    rule: Annotated[str | None, typer.Option("--rule", help="The rule that decided.")] = None,
    decision: Annotated[
        str | None, typer.Option("--decision", help="toegelaten, aangehouden or geweigerd.")
    ] = None,
    event: Annotated[
        str | None,
        typer.Option("--event", help="besluit, verstrekking, ... or an operation (log.search)."),
    ] = None,
    exchange: Annotated[
        str | None, typer.Option("--exchange", metavar="ID", help="An uitwisselingId.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="MOMENT", help="From this day or moment on.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="MOMENT", help="Up to and with this day, or a moment."),
    ] = None,
    reason: Annotated[
        SearchReason | None, typer.Option("--reason", help="Why, where a person is looked for.")
    ] = None,
    case: Annotated[
        str | None, typer.Option("--case", metavar="NUMBER", help="The case that it belongs to.")
    ] = None,
    protected: Annotated[
        bool,
        typer.Option("--protected", help="Search the logs of protected exchanges instead."),
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=MOST, help="Entries at most.")
    ] = SHOWN,
    after: Annotated[
        str | None, typer.Option("--after", metavar="CURSOR", help="Go on after this place.")
    ] = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Search what was logged, newest first. This search is logged, with whom it was about."""
    output = Output(as_json)
    wanted = Wanted(
        exchange=None if exchange is None else id_of(exchange, "--exchange"),
        partner=partner,
        flow=flow,
        rule=rule,
        decision=decision,
        event=event,
        since=None if since is None else _moment(since, "--since"),
        until=None if until is None else _moment(until, "--until", is_end=True),
    )
    of_person = person is not None
    why, names = _reason(reason, case, of_person), _conditions(wanted, of_person)
    keys = key_provider(settings_of(home))
    handle = None if person is None else person_handle(person, Handles(keys))
    terms = {"case": case or "", "conditions": names, "reason": reason or ""}
    asked = Asked(wanted, handle, protected, limit, _place(after), terms)
    doing = Doing(Action.READ, _target(wanted, names), why, is_protected=protected)
    with output.progress(is_lasting=False) as steps:
        bar = bar_of(steps, "Indexing")

        async def work(engine: RecordingEngine, vault: Vault, sign: Sign) -> Given:
            apart = ProtectedHandles(keys)
            return await search_as(engine, vault, apart, officer, sign, asked, engine.about, bar)

        given = as_officer(home, officer, key, work, doing)
    _show(output, given)


def _show(output: Output, given: Given) -> None:
    goes_on = None if given.next is None else ".".join(str(one) for one in given.next)
    output.result({"entries": [_as_json(one, given) for one in given.hits], "next": goes_on})
    output.table(
        ("Time", "Event, flow", "By, to", "Decision, rule", "Exchange, log"),
        [_row(one, given) for one in given.hits],
        {"geweigerd": "red"},
    )
    if not given.hits:
        output.say("Nothing was found.")
    for name, there_are in given.unknown.items():
        told = ", ".join(there_are[:_NAMED]) or "none"
        output.aside(f"no entry bears this --{name}; there are: {told}")
    if goes_on is not None:
        output.aside(f"there is more: the same with --after {goes_on}")


def _row(hit: Hit, given: Given) -> tuple[str, ...]:
    """Two lines a cell: that fits where ids may not be cut."""
    rule = None if hit.rule == hit.decision else hit.rule
    exchange = None if hit.exchange is None else str(hit.exchange)
    return (
        f"{_local(hit.at):%Y-%m-%d\n%H:%M:%S}",
        _lines(hit.operation or hit.event, hit.flow),
        _lines(hit.sender or hit.actor, hit.recipient),
        _lines(hit.decision, rule),
        _lines(exchange, f"{given.volumes.get(hit.log, '')} {hit.position}"),
    )


def _lines(*told: str | None) -> str:
    return "\n".join(one for one in told if one)


def _as_json(hit: Hit, given: Given) -> dict[str, object]:
    return {
        "time": _local(hit.at).isoformat(timespec="milliseconds"),
        "event": hit.event,
        "operation": hit.operation,
        "flow": hit.flow,
        "sender": hit.sender,
        "recipient": hit.recipient,
        "actor": hit.actor,
        "decision": hit.decision,
        "rule": hit.rule,
        "exchange": None if hit.exchange is None else str(hit.exchange),
        "log": given.volumes.get(hit.log),
        "index": hit.position,
    }


def _reason(reason: SearchReason | None, case: str | None, of_person: bool) -> Reason | None:
    if of_person and reason is None:
        told = ", ".join(one.value for one in SearchReason)
        raise Failure("a person is looked for with --reason", f"one of: {told}", WRONGLY_ASKED)
    if case is not None and _CASE.fullmatch(case) is None:
        raise Failure(
            "--case is no case number", "up to 40 letters, digits, `.`, `/` and `-`", WRONGLY_ASKED
        )
    if reason is None and case is not None:
        raise Failure("--case needs its --reason", "give both, or neither", WRONGLY_ASKED)
    return None if reason is None else Reason(reason.value, case)


def _conditions(wanted: Wanted, of_person: bool) -> str:
    """The names of the conditions: what was typed for them may be anything."""
    given = [
        one.name
        for one in fields(wanted)
        if one.name != "series" and getattr(wanted, one.name) is not None
    ]
    return ",".join([*given, *(["person"] if of_person else [])]) or "none"


def _target(wanted: Wanted, names: str) -> Target:
    if wanted.exchange is not None:
        return Target("exchange", str(wanted.exchange))
    return Target("search", names)


def _place(told: str | None) -> Place | None:
    if told is None:
        return None
    found = _PLACE.fullmatch(told)
    if found is None:
        remedy = "copy it from the end of the page before"
        raise Failure("--after is no cursor", remedy, WRONGLY_ASKED)
    return Place(*(int(one) for one in found.groups()))


def _moment(told: str, option: str, *, is_end: bool = False) -> int:
    """Milliseconds since 1970; a day counts whole, and a moment without a zone is Dutch."""
    try:
        moment = datetime.fromisoformat(told)
        if is_end and _DAY.fullmatch(told):
            moment += timedelta(days=1)
        here = moment if moment.tzinfo is not None else moment.replace(tzinfo=AMSTERDAM)
        return int(here.timestamp() * 1000)
    except (ValueError, OverflowError):
        remedy = "as in 2026-11-22, or 2026-11-22T14:30"
        raise Failure(f"{option} is no moment", remedy, WRONGLY_ASKED) from None


def _local(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, AMSTERDAM)
