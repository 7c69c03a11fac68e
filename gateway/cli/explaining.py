"""`sluis protocol explain`: why an exchange passed, waited or was refused; in plain Dutch.

A recorded exchange is explained from its entries in the processing log, by the version that
decided it. A protected exchange has none there, and is not told apart from one that never was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import orjson
import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from consent.explain import Explanation, Question, explain_possible, explain_recorded
from consent.protocol import Protocol, load
from consent.told import Course, FieldTold
from gateway.audit.access import Action, Target
from gateway.audit.decisions import read_decision
from gateway.audit.entries import Event
from gateway.cli.database import Doing, on_database, settings_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.versions import find, shown
from gateway.store.history import driver_of, entries_of
from gateway.store.protocols import all_protocols, protocol_in_force
from schemas.decisions import Outcome
from schemas.fields import FIELDS, MessageKind

_STYLES = {Outcome.ACCEPTED: "bold green", Outcome.HELD: "bold yellow", Outcome.REFUSED: "bold red"}
_EVENTS = {
    Event.DECISION: "besluit",
    Event.DISCLOSURE: "verstrekt aan de ontvanger",
    Event.ACKNOWLEDGEMENT: "ontvangen door de ontvanger",
    Event.TAKEN_BACK: "teruggenomen voordat het weg was",
    Event.PURGE: "verwijderd voordat het weg was",
    Event.DAMAGED: "niet leesbaar in opslag",
}


def register(commands: typer.Typer) -> None:
    """Mount this module's command below `sluis protocol`."""
    commands.command()(explain)


def explain(
    exchange: Annotated[
        str | None, typer.Argument(metavar="EXCHANGE-ID", help="A recorded exchange.")
    ] = None,
    sender: Annotated[str | None, typer.Option(help="Or: who would send.")] = None,
    recipient: Annotated[str | None, typer.Option(help="Who would receive.")] = None,
    message: Annotated[MessageKind | None, typer.Option(help="Which kind of message.")] = None,
    purpose: Annotated[str | None, typer.Option(help="For which purpose (doel).")] = None,
    field: Annotated[str | None, typer.Option(help="About one field of it.")] = None,
    version: Annotated[
        str | None,
        typer.Option("--version", metavar="VERSION|FILE", help="By another than that in force."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Say which rule, basis, article, consent and fields led to an answer, and what would change.

    About a recorded exchange, or about one that might be sent.
    """
    output = Output(as_json)
    if field is not None and field not in FIELDS:
        raise Failure(
            "--field names no field of any message",
            f"such as {next(iter(FIELDS))}; all are in consent/labels.py and the protocol",
            WRONGLY_ASKED,
        )
    if exchange is not None:
        found, history = _recorded(exchange, field, home)
    else:
        if sender is None or recipient is None or message is None:
            raise Failure(
                "name an exchange, or --sender, --recipient and --message",
                "see `sluis protocol explain --help`",
                WRONGLY_ASKED,
            )
        protocol = _in_force(home) if version is None else find(version, home)
        question = Question(sender, recipient, message, purpose, field)
        found, history = explain_possible(protocol, question, datetime.now(UTC).date()), []
    output.result(
        {
            "explanations": [asdict(one) for one in found],
            "history": [{"event": event, "at": moment.isoformat()} for event, moment in history],
        }
    )
    if exchange is not None and field is not None:
        for one in found:
            _show_of_field(output, one)
        return
    for one in found:
        _show(output, one)
    if history:
        output.say("Wat er gebeurde", "bold")
        output.table(("", ""), [(shown(moment), _EVENTS.get(Event(e), e)) for e, moment in history])


def _in_force(home: Path) -> Protocol:
    return load(on_database(settings_of(home), protocol_in_force).text)


def _recorded(
    exchange: str, field: str | None, home: Path
) -> tuple[list[Explanation], list[tuple[str, datetime]]]:
    try:
        wanted = UUID(exchange)
    except ValueError:
        raise Failure(
            "an exchange's id is a UUID", "see `uitwisselingId` in its answer", WRONGLY_ASKED
        ) from None

    async def read(engine: AsyncEngine) -> tuple[list[bytes], dict[bytes, str]]:
        async with engine.connect() as connection:
            entries = await entries_of(await driver_of(connection), wanted)
        return entries, {one.digest: one.text for one in await all_protocols(engine)}

    doing = Doing(Action.READ, Target("exchange", str(wanted)))
    raw, texts = on_database(settings_of(home), read, doing)
    entries = [orjson.loads(entry) for entry in raw]
    decisions = [read_decision(entry) for entry in entries if entry["event"] == Event.DECISION]
    if not decisions:
        raise Failure(
            "there is no decision on this exchange in the processing log",
            "see the id; only messages that were read are decided on",
        )
    # A held message that agreement set free was decided twice; the last decision stands.
    last = decisions[-1]
    protocol = load(texts[last.protocol])
    history = [
        (str(entry["event"]), datetime.fromtimestamp(entry["endTime"] / 1000, UTC))
        for entry in entries
    ]
    course = course_of([event for event, _ in history])
    return [explain_recorded(protocol, last, course, field)], history


def course_of(events: Sequence[str]) -> Course:
    """What became of a message, by the events of its entries.

    A release that was taken back sent nothing; one before it may have.
    """
    sent = events.count(Event.DISCLOSURE) - events.count(Event.TAKEN_BACK)
    if sent > 0 or Event.ACKNOWLEDGEMENT in events:
        return Course.HANDED_OVER
    return Course.REMOVED if Event.PURGE in events else Course.WAITS


def _show(output: Output, one: Explanation) -> None:
    output.say(one.why[0], _STYLES[Outcome(one.answer)])
    for told in one.why[1:]:
        output.say(told)
    output.say()
    rows = [("Van", one.sender), ("Naar", one.recipient or "(geen ontvanger)")]
    if one.purpose is not None:
        rows.append(("Waarvoor", one.purpose))
    rows += [*one.rests_on]
    if one.agreement is not None:
        rows.append(("Instemming", one.agreement))
    rows.append(("Regel", f"{one.rule}, stroom {one.flow or '(geen)'}"))
    rows.append(("Protocol", f"versie {one.version}, digest {one.digest[:16]}"))
    _lines(output, rows)
    for title, goes in (("Wat meegaat", True), ("Wat niet meegaat", False)):
        _show_fields(output, title, [field for field in one.fields if field.goes is goes])
    _show_otherwise(output, one)


def _show_of_field(output: Output, one: Explanation) -> None:
    """Only what was asked: the answer, the field, what it rests on and what would change it."""
    output.say(one.why[0], _STYLES[Outcome(one.answer)])
    for told in one.why[1:]:
        output.say(told)
    if one.rests_on:
        output.say()
        _lines(output, one.rests_on)
    _show_otherwise(output, one)


def _show_otherwise(output: Output, one: Explanation) -> None:
    output.say()
    output.say("Wat een ander antwoord zou geven", "bold")
    for told in one.otherwise:
        output.say(f"- {told}")
    output.say()


def _show_fields(output: Output, title: str, fields: list[FieldTold]) -> None:
    if fields:
        output.say()
        output.say(title, "bold")
        _lines(output, [(field.label, field.told) for field in fields])


def _lines(output: Output, rows: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, told in rows:
        output.say(f"  {name:{width}}  {told}")
