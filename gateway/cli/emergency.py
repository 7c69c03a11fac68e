"""`sluis emergency`: emergency releases (noodverstrekkingen), and the review that each must have.

The list shows no name: who answers for a release is told to the privacy officer who reviews it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from gateway.audit.access import Action, Target
from gateway.cli.acting import ExchangeArgument, as_officer, id_of, named, written
from gateway.cli.database import Doing, on_database, settings_of
from gateway.cli.officer_keys import KeyOption, OfficerOption
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.exchange.oversight import ReviewOutcome, list_reviews, review_emergency
from gateway.store.protected import StoredReview


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    group = typer.Typer(help="Emergency releases, and their mandatory review.")
    group.command("list")(list_all)
    group.command("review")(review)
    app.add_typer(group, name="emergency", no_args_is_help=True)


def list_all(
    with_done: Annotated[bool, typer.Option("--all", help="Those reviewed before, too.")] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List emergency releases that wait for their review; first what is due first."""
    output, now = Output(as_json), datetime.now(UTC)
    found = on_database(settings_of(home), lambda engine: list_reviews(engine, with_done=with_done))
    overdue = sum(_is_overdue(one, now) for one in found)
    output.result({"releases": [_as_json(one, now) for one in found], "overdue": overdue})
    rows = [
        (
            str(one.exchange),
            one.sender,
            one.recipient or "",
            f"{one.reason}, step {one.step}",
            f"{one.due_at:%Y-%m-%d %H:%M} UTC",
            _state(one, now),
        )
        for one in found
    ]
    styles = {"OVERDUE": "red"}
    output.table(("Exchange", "Sender", "Recipient", "Reason", "Review due", "State"), rows, styles)
    if overdue:
        output.say(f"{overdue} should have been reviewed by now.", style="red")
    elif not found:
        output.say("No emergency release waits for a review.")


def review(
    exchange: ExchangeArgument,
    outcome: Annotated[
        ReviewOutcome, typer.Option(help="Whether the release was justified (terecht).")
    ],
    remark: Annotated[str, typer.Option(help="Why; kept sealed.")],
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Review an emergency release, once, as a privacy officer under mandate."""
    output, why, which = Output(as_json), written(remark, "--remark"), id_of(exchange)
    found, professional = as_officer(
        home,
        officer,
        key,
        lambda engine, vault, sign: review_emergency(
            engine, vault, which, officer, outcome, why, sign, engine.apart
        ),
        Doing(Action.UPDATE, Target("exchange", str(which))),
    )
    is_late = datetime.now(UTC) > found.due_at
    output.result({"exchange": exchange, "outcome": outcome.value, "isLate": is_late})
    output.say(f"Reviewed {exchange}: {outcome.value}." + (" It was overdue." if is_late else ""))
    output.say(f"Asked by {named(professional) or 'somebody whose name does not open'}.")
    if outcome is ReviewOutcome.UNJUSTIFIED:
        output.say("Ask the sender to annul it, and consider whether it is a data breach.")


def _is_overdue(one: StoredReview, now: datetime) -> bool:
    return one.reviewed_at is None and one.due_at < now


def _state(one: StoredReview, now: datetime) -> str:
    if one.reviewed_at is not None:
        return f"{one.outcome}, by {one.officer}"
    return "OVERDUE" if _is_overdue(one, now) else "to be reviewed"


def _as_json(one: StoredReview, now: datetime) -> dict[str, object]:
    return {
        "exchange": str(one.exchange),
        "sender": one.sender,
        "recipient": one.recipient,
        "receivedAt": one.received_at.isoformat(),
        "usableUntil": one.usable_until.isoformat(),
        "reason": one.reason,
        "step": one.step,
        "dueAt": one.due_at.isoformat(),
        "isOverdue": _is_overdue(one, now),
        "outcome": one.outcome,
        "officer": one.officer,
        "reviewedAt": one.reviewed_at.isoformat() if one.reviewed_at else None,
    }
