"""`sluis protocol check|diff`: what is wrong with a protocol, and what changes with a new one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from consent.change import Direction
from consent.checks import Finding, Report, Severity, check_text
from consent.differences import FlowDifference, differences, sentences, verdict
from consent.labels import Language
from gateway.cli.failures import NOT_DONE
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.setup import EXAMPLE
from gateway.cli.versions import FileArgument, find, read_text

_STYLES = {"error": "bold red", "warning": "yellow"}
_MARKS = {
    Language.DUTCH: {
        Direction.WIDENS: "verruimt",
        Direction.NARROWS: "beperkt",
        Direction.OTHER: "anders",
    },
    Language.ENGLISH: {
        Direction.WIDENS: "widens",
        Direction.NARROWS: "narrows",
        Direction.OTHER: "other",
    },
}
_DIRECTION_STYLES = {
    Direction.WIDENS: "yellow",
    Direction.NARROWS: "green",
    Direction.OTHER: "",
}


def register(commands: typer.Typer) -> None:
    """Mount this module's commands below `sluis protocol`."""
    commands.command()(check)
    commands.command()(diff)


def check(file: FileArgument = EXAMPLE, as_json: JsonOption = False) -> None:
    """Look a protocol over for errors and for what a person should judge; no gateway is touched.

    Status 1 if there are errors.
    """
    output = Output(as_json)
    report = check_text(read_text(file), datetime.now(UTC).date())
    errors, warnings = report.of(Severity.ERROR), report.of(Severity.WARNING)
    protocol = report.protocol
    output.result(
        {
            "version": None if protocol is None else protocol.version,
            "digest": None if protocol is None else protocol.digest.hex(),
            "errors": [finding_json(one) for one in errors],
            "warnings": [finding_json(one) for one in warnings],
        }
    )
    _show_report(output, file, report)
    if errors:
        raise typer.Exit(NOT_DONE)


def diff(
    old: Annotated[str, typer.Argument(help="What was: a version, or a file.")],
    new: Annotated[str, typer.Argument(help="What is to be: a version, or a file.")],
    language: Annotated[
        Language, typer.Option("--lang", help="In which language the changes are told.")
    ] = Language.DUTCH,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Say in words what changes between two versions, flow by flow, and whether it widens."""
    output = Output(as_json)
    before, after = find(old, home), find(new, home)
    found = differences(before, after)
    output.result(
        {
            "from": {"version": before.version, "digest": before.digest.hex()},
            "to": {"version": after.version, "digest": after.digest.hex()},
            "widens": any(one.widens for one in found),
            "flows": [_difference_json(one) for one in found],
        }
    )
    output.say(f"{before.version} -> {after.version}: {verdict(found).told(language)}", "bold")
    for one in found:
        output.say()
        output.say(f"{one.flow}  {one.between.told(language)}".strip(), "bold")
        for direction, told in sentences(one, language):
            mark = _MARKS[language][direction]
            output.say(f"  {mark:9} {told}", _DIRECTION_STYLES[direction])


def _show_report(output: Output, file: Path, report: Report) -> None:
    errors, warnings = report.of(Severity.ERROR), report.of(Severity.WARNING)
    if report.protocol is None:
        output.say(f"{file}: cannot be put in force", "bold red")
    else:
        output.say(f"{report.protocol.title}, version {report.protocol.version}", "bold")
        output.say(f"digest {report.protocol.digest.hex()}", "dim")
    output.say()
    show_findings(output, report)
    if errors or warnings:
        output.say()
    output.say(f"{_count(len(errors), 'error')}, {_count(len(warnings), 'warning')}", "bold")
    if errors:
        output.say("With errors a protocol is not to be submitted: correct the lines above.")


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def show_findings(output: Output, report: Report) -> None:
    """What was found, errors first."""
    rows = [
        (one.severity.value, "" if one.line is None else str(one.line), one.rule, one.message)
        for severity in Severity
        for one in report.of(severity)
    ]
    output.table(("Finding", "Line#", "Rule", "What"), rows, _STYLES)


def finding_json(one: Finding) -> dict[str, object]:
    """One finding as `--json` gives it."""
    return {"code": one.code, "line": one.line, "rule": one.rule, "message": one.message}


def _difference_json(one: FlowDifference) -> dict[str, object]:
    return {
        "flow": one.flow,
        "between": one.between.nl,
        "changes": [
            {
                "topic": change.topic,
                "direction": change.direction.value,
                "nl": change.sentence.nl,
                "en": change.sentence.en,
            }
            for change in one.changes
        ],
    }
