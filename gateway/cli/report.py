"""`sluis report access`: what an officer looks at each month, signs for, and asks further about.

The report itself names nobody. `--reviewed` signs for a month, `--specific` opens one user or one
person; both are acts of an officer, in the access log before anything is shown.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway.audit.access import Action, Reason, Target
from gateway.cli.acting import acted_by
from gateway.cli.database import Doing, on_database, settings_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.person import PersonOption, person_handle
from gateway.cli.serving import key_provider
from gateway.pseudonyms.domains import Handles
from gateway.reports.access_report import specific as specific_report
from gateway.reports.access_report import told
from gateway.reports.access_report.findings import Thresholds
from gateway.reports.access_report.hours import AMSTERDAM
from gateway.reports.access_report.report import AccessReport, NoSuchMonthError, make_report
from gateway.reports.access_report.reviewing import (
    CaseNeededError,
    Review,
    ReviewFinding,
    review_month,
)
from gateway.reports.document import Answer, Document, Paragraph, Table, Tone, as_html
from gateway.settings import Settings
from gateway.vault.boxes import Vault

_MONTH = re.compile(r"^[0-9]{4}-(0[1-9]|1[0-2])$")
_CASE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9./-]{0,39}$")
REASONS = ("maandcontrole", "klacht", "inzageverzoek", "vermoeden-misbruik", "datalek")
_STYLES = {Tone.WARNING: "red", Tone.TO_FILL_IN: "bold"}


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    group = typer.Typer(help="Reports for privacy officers.")
    group.callback()(_reports)
    group.command("access")(access)
    app.add_typer(group, name="report", no_args_is_help=True)


def _reports() -> None:
    """Keeps `access` a command of its own, however many there are."""


def access(
    month: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="Which month; the last, unless told.")
    ] = None,
    officer: Annotated[
        str | None, typer.Option("--as", metavar="OFFICER", help="The officer who looks.")
    ] = None,
    reviewed: Annotated[
        bool, typer.Option("--reviewed", help="Sign that you looked at this month's report.")
    ] = False,
    finding: Annotated[
        ReviewFinding | None, typer.Option(help="What came of it; with --reviewed.")
    ] = None,
    remark: Annotated[
        str | None, typer.Option(help="For whoever follows it up; kept sealed.")
    ] = None,
    specific: Annotated[
        bool, typer.Option("--specific", help="Open one user or person, by name.")
    ] = False,
    user: Annotated[
        str | None, typer.Option(metavar="ID|NUMBER", help="Whose acts; with --specific.")
    ] = None,
    person: PersonOption = None,
    number: Annotated[
        str | None,
        typer.Option("--person-number", metavar="P-...", help="A person, by this month's number."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help=f"Why you open names: {', '.join(REASONS)}.")
    ] = None,
    case: Annotated[str | None, typer.Option(metavar="NUMBER", help="The case's number.")] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=N", help=f"Change a threshold: {', '.join(Thresholds.told())}."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write it as one HTML page.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the lists as a table.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The officer's private key.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Report on a month of the access log: what to look at, and which months nobody did."""
    output, settings = Output(as_json), settings_of(home)
    which, limits = _month(month), _limits(threshold)
    if case is not None and not _CASE.match(case):
        _wrong("--case is a number", "letters, digits, points, slashes and hyphens")
    try:
        if specific:
            document = _open_one(
                output, settings, which, officer, key, user, person, number, reason, case
            )
        elif reviewed:
            document = _sign_for(
                output, settings, which, officer, key, finding, remark, case, limits
            )
        else:
            document = _show(output, settings, which, officer, key, limits, csv)
    except NoSuchMonthError as error:
        raise Failure(str(error), "name another with --month", WRONGLY_ASKED) from None
    if html is not None:
        _write(html, as_html(document).encode())
        output.aside(f"written: {html}")


def _show(
    output: Output,
    settings: Settings,
    month: str,
    officer: str | None,
    key: Path | None,
    limits: Thresholds,
    csv: Path | None,
) -> Document:
    keys = key_provider(settings)
    doing = Doing(Action.READ, Target("access-report", month), Reason("maandcontrole"))
    doing, sign = acted_by(settings, officer, key, doing)
    asker = None if officer is None else (officer, sign)
    report = on_database(
        settings, lambda engine: make_report(engine, keys, month, asker, limits), doing
    )
    if csv is not None:
        _write(csv, told.table_of(report))
        output.aside(f"written: {csv}")
    return _shown(output, report)


def _shown(output: Output, report: AccessReport) -> Document:
    document = told.document_of(report)
    output.result(told.object_of(report))
    show_document(output, document)
    return document


def _sign_for(
    output: Output,
    settings: Settings,
    month: str,
    officer: str | None,
    key: Path | None,
    finding: ReviewFinding | None,
    remark: str | None,
    case: str | None,
    limits: Thresholds,
) -> Document:
    if officer is None or finding is None:
        _wrong("a review is an officer's", "give --as OFFICER and --finding")
    keys = key_provider(settings)
    review = Review(month, officer, finding, case, remark)
    doing = Doing(Action.CREATE, Target("access-report", month), Reason("maandcontrole", case))
    doing, sign = acted_by(settings, officer, key, doing)
    try:
        report = on_database(
            settings,
            lambda engine: review_month(engine, Vault(keys), keys, review, sign, limits),
            doing,
        )
    except CaseNeededError as error:
        raise Failure(str(error), "name it: --case NUMBER", WRONGLY_ASKED) from None
    output.result(
        {
            "month": month,
            "officer": officer,
            "finding": finding.value,
            "case": case,
            "digest": report.digest.hex(),
            "notReviewed": [one for one in report.not_reviewed if one != month],
        }
    )
    output.say(f"Reviewed {month}: {finding.value}. It stands in the access log.", style="bold")
    left = [one for one in report.not_reviewed if one != month]
    if left:
        output.say(f"Not reviewed yet: {', '.join(left)}.", style="red")
    return told.document_of(report)


def _open_one(
    output: Output,
    settings: Settings,
    month: str,
    officer: str | None,
    key: Path | None,
    user: str | None,
    person: Path | None,
    number: str | None,
    reason: str | None,
    case: str | None,
) -> Document:
    if officer is None or reason not in REASONS or case is None:
        _wrong(
            "names are opened by an officer, for a reason and a case",
            f"give --as, --case and --reason: one of {', '.join(REASONS)}",
        )
    if sum(one is not None for one in (user, person, number)) != 1:
        _wrong("it is about one user or one person", "give --user, --person or --person-number")
    keys = key_provider(settings)
    handle = None if person is None else person_handle(person, Handles(keys))
    question = specific_report.Question(month, reason, case, officer, user, handle, number)
    doing = Doing(Action.READ, Target("access-report", month), Reason(f"{reason}+namen", case))
    doing, sign = acted_by(settings, officer, key, doing)
    try:
        found = on_database(
            settings,
            lambda engine: specific_report.make_specific(engine, Vault(keys), keys, question, sign),
            doing,
        )
    except specific_report.NotFoundError as error:
        raise Failure(str(error), "see `sluis report access --month`") from None
    document = specific_report.document_of(found)
    output.result(specific_report.object_of(found))
    show_document(output, document)
    return document


def show_document(output: Output, document: Document) -> None:
    """A document in a terminal."""
    output.say(document.title, style="bold")
    for paragraph in document.lead:
        output.say(paragraph.text, style=_STYLES.get(paragraph.tone, ""))
    for section in document.sections:
        output.say()
        output.say(section.title, style="bold")
        for block in section.blocks:
            match block:
                case Paragraph():
                    output.say(block.text, style=_STYLES.get(block.tone, "dim"))
                case Answer():
                    output.say(f"{block.question}: {block.answer}")
                case Table() if block.rows:
                    output.table(block.headings, block.rows)
                case Table():
                    output.say("Geen.")


def _limits(given: list[str] | None) -> Thresholds:
    values: dict[str, int] = {}
    for one in given or ():
        name, _, value = one.partition("=")
        if name not in Thresholds.told() or not re.fullmatch("[0-9]{1,6}", value):
            _wrong("--threshold is NAME=N", f"one of {', '.join(Thresholds.told())}, and a number")
        values[name] = int(value)
    return replace(Thresholds(), **values)


def _month(given: str | None) -> str:
    if given is None:
        last = datetime.now(AMSTERDAM).replace(day=1) - timedelta(days=1)
        return f"{last:%Y-%m}"
    if not _MONTH.match(given):
        _wrong("--month is a month", "such as 2026-11")
    return given


def _write(path: Path, content: bytes) -> None:
    """For its owner alone; never over something that is there."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _wrong(message: str, remedy: str) -> NoReturn:
    raise Failure(message, remedy, WRONGLY_ASKED)
