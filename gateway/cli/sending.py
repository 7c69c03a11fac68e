"""`sluis send`: one delivery, or a folder that is watched for them; as DWI would run it."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from pathlib import Path

from gateway.cli.notices import gist_of
from gateway.cli.output import Output, Steps, amount, size
from gateway.cli.stopping import until_told
from gateway.client import AsyncSluis, Credentials
from gateway.sandbox.dwi import (
    Delivered,
    Happening,
    NoticeReceived,
    Postponed,
    Rejected,
    Sending,
    StatusesWritten,
    Taken,
    deliver_file,
    watch,
)
from schemas.decisions import Outcome, Rule
from schemas.deliveries import DeliveryReport, DeliveryState

_MEANINGS = {
    Rule.PERMITTED: "passed on",
    Rule.NO_FLOW: "the protocol knows no such flow",
    Rule.GROUND_NOT_ADMITTED: "ground missing, or not admitted for this flow",
    Rule.NO_AGREEMENT_IN_FORCE: "no agreement in force for this flow",
    Rule.PARTNER_SUSPENDED: "exchange with this partner is suspended",
    Rule.AGREEMENT_INCOMPLETE: "household's agreement not completely recorded",
    Rule.FIELD_REQUIRED: "a field that the protocol requires is missing",
    Rule.UNKNOWN_EXCHANGE: "the referral it is about is not known",
    Rule.UNREADABLE: "could not be read; see the fields below",
    Rule.PROTECTION_NOT_ADMITTED: "protection cannot be asked for this flow",
    Rule.EMERGENCY: "passed on as an emergency release; it will be reviewed",
    Rule.EMERGENCY_NOT_ADMITTED: "no such emergency release: flow, meldcode step or time",
    Rule.REFERENCE_REUSED: "reference used before for other content",
    Rule.DUPLICATE: "received before; no second effect",
}
_STYLES = {"accepted": "green", "held": "yellow", "refused": "red", "in all": "bold"}


async def send_one(credentials: Credentials, path: Path, output: Output) -> bool:
    """Send a file and show its report; whether the gateway could read it."""
    begun = time.monotonic()
    with output.progress() as steps:
        async with AsyncSluis(credentials) as client:
            delivered = await deliver_file(client, path, lambda step: _show_step(steps, step))
        steps.end("Processing", f"{amount(delivered.report.records)} records")
    seconds = time.monotonic() - begun
    output.result(_as_json(path, delivered, seconds))
    _show_report(output, path, delivered, seconds)
    return delivered.report.state is DeliveryState.DONE


async def send_watched(
    credentials: Credentials, folder: Path, every_seconds: float, output: Output
) -> None:
    """Watch a folder until told to stop."""
    output.aside(f"watching {folder} for {credentials.partner}; Ctrl-C stops")
    with output.progress(is_lasting=False) as steps:

        def happened(happening: Happening) -> None:
            steps.close()
            _show_happening(output, happening)

        async with AsyncSluis(credentials) as client:
            watching = watch(
                client,
                folder,
                every_seconds,
                asyncio.Event(),  # the signal ends it
                on_happening=happened,
                on_progress=lambda step: _show_step(steps, step),
            )
            await until_told(watching)
    output.aside("stopped")


def _show_step(steps: Steps, step: Sending | DeliveryReport) -> None:
    match step:
        case Sending(done, total, resumed):
            went_on = f", gone on at {size(resumed)}" if resumed else ""
            steps.move("Sending", done, total, f"{size(done)} of {size(total)}{went_on}")
        case DeliveryReport():
            steps.move("Processing", 0, None, f"{amount(step.records)} records")


def _show_report(output: Output, path: Path, delivered: Delivered, seconds: float) -> None:
    report = delivered.report
    output.say()
    output.say(f"Delivery {report.delivery_id}", style="bold")
    output.say(f"{path.name}, {size(report.bytes_received)}, sent and processed in {seconds:.1f} s")
    if delivered.resumed_at:
        output.say(f"Sending had broken off; it went on at {size(delivered.resumed_at)}.")
    if report.is_repeat:
        output.say("These bytes were delivered before: nothing was done a second time.")
    if report.state is not DeliveryState.DONE:
        output.say(f"It could not be read: {report.error or 'no reason given'}", style="red")
        return
    output.say()
    output.table(("Outcome", "Records#", "Rule", "Meaning"), _outcome_rows(delivered), _STYLES)
    found = sorted(report.missing.items(), key=lambda item: (-item[1], item[0]))
    if found:
        output.say()
    output.table(
        ("Missing or remarkable", "Findings#"), [(name, amount(count)) for name, count in found]
    )
    _show_listed(output, delivered)
    _show_unreadable(output, delivered)


def _outcome_rows(delivered: Delivered) -> list[tuple[str, str, str, str]]:
    """One row an outcome, and for what did not pass one a rule; then the whole."""
    report, by_rule = delivered.report, delivered.summary.by_rule
    urgent = by_rule[Outcome.ACCEPTED, Rule.EMERGENCY]
    rows = [("accepted", amount(report.accepted - urgent), "", "")]
    if urgent:
        # By name: each is a release that somebody must answer for.
        told = str(Rule.EMERGENCY), _MEANINGS[Rule.EMERGENCY]
        rows.append(("accepted", amount(urgent), *told))
    for outcome, name in ((Outcome.HELD, "held"), (Outcome.REFUSED, "refused")):
        ranked = sorted(
            (
                (rule, count)
                for (decided, rule), count in by_rule.items()
                if decided is outcome and rule is not Rule.DUPLICATE
            ),
            key=lambda item: (-item[1], item[0]),
        )
        rows += [(name, amount(count), str(rule), _MEANINGS[rule]) for rule, count in ranked]
    if report.duplicates:
        rows.append(("repeated", amount(report.duplicates), "", _MEANINGS[Rule.DUPLICATE]))
    return [*rows, ("in all", amount(report.records), "", "")]


def _show_listed(output: Output, delivered: Delivered, most: int = 10) -> None:
    """The first lines that did not pass: where to begin looking."""
    summary = delivered.summary
    if not summary.listed:
        return
    rows = [
        (amount(item.line), item.reference or "", item.rule, item.field or "")
        for item in summary.listed[:most]
    ]
    output.say()
    output.table(("Line#", "Reference", "Did not pass because of", "Field"), rows)
    more = len(summary.listed) + summary.unlisted - len(rows)
    if more:
        where = f"/v1/leveringen/{delivered.report.delivery_id}/uitkomsten"
        output.say(f"... and {amount(more)} more; all are at {where}", "dim")


def _show_unreadable(output: Output, delivered: Delivered) -> None:
    """Which fields made the first unreadable records unreadable; never with what they held."""
    rows = [
        (amount(one.record), amount(found.line), one.reference or "", found.field, found.problem)
        for one, found in delivered.summary.unreadable
    ]
    if rows:
        output.say()
    output.table(("Record#", "Line#", "Reference", "Unreadable field", "Problem"), rows)


def _show_happening(output: Output, happening: Happening) -> None:
    moment = datetime.now().astimezone().strftime("%H:%M:%S")
    match happening:
        case Taken(path, delivered):
            report = delivered.report
            output.say(
                f"{moment}  {path.name}: {amount(report.records)} records,"
                f" {amount(report.accepted)} accepted, {amount(report.held)} held,"
                f" {amount(sum(report.refused.values()))} refused; report in {path.parent}"
            )
            told: dict[str, object] = {"event": "taken", "path": str(path)}
            told["report"] = report.model_dump(mode="json", by_alias=True)
        case Rejected(path, reason):
            output.say(f"{moment}  {path.name}: not taken: {reason}", style="red")
            told = {"event": "rejected", "path": str(path), "reason": reason}
        case Postponed(path, reason):
            output.aside(f"{moment}  {path.name if path else 'not now'}: {reason}; trying again")
            told = {"event": "postponed", "path": path and str(path), "reason": reason}
        case StatusesWritten(path):
            output.say(f"{moment}  {path.name}: new statuses, in {path.parent}")
            told = {"event": "statuses", "path": str(path)}
        case NoticeReceived(event):
            output.say(f"{moment}  {gist_of(event)}", style="yellow")
            told = {"event": "notice", "type": event.type, "data": event.data}
    output.result(told)


def _as_json(path: Path, delivered: Delivered, seconds: float) -> dict[str, object]:
    by_rule = delivered.summary.by_rule
    return {
        "file": str(path),
        "seconds": round(seconds, 3),
        "resumedAt": delivered.resumed_at,
        "report": delivered.report.model_dump(mode="json", by_alias=True),
        "outcomes": [
            {"decision": decision, "rule": rule, "records": count}
            for (decision, rule), count in sorted(by_rule.items())
        ],
        "refusedFields": dict(delivered.summary.refused_fields),
        "unreadable": [
            {
                "record": one.record,
                "line": found.line,
                "reference": one.reference,
                "field": found.field,
                "problem": found.problem,
            }
            for one, found in delivered.summary.unreadable
        ],
    }
