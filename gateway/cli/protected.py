"""`sluis protected` and `sluis safe-contact`: what nobody but a privacy officer may look at.

Each look is logged, under the officer's key, in the log of protected exchanges.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from gateway.audit.access import Action, Target
from gateway.cli.acting import ExchangeArgument, as_officer, id_of, named, written
from gateway.cli.database import Doing
from gateway.cli.officer_keys import KeyOption, OfficerOption
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.exchange.oversight import (
    Disclosure,
    decide_disclosure,
    end_contact,
    list_contacts,
    list_protected,
)
from gateway.store.protected import SafeContact, StoredRequest
from schemas.referral import Professional


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    group = typer.Typer(help="Protected exchanges: see them, and decide whether to tell of one.")
    group.command("list")(list_all)
    group.command("decide")(decide)
    app.add_typer(group, name="protected", no_args_is_help=True)
    contacts = typer.Typer(help="Who may never be notified of a person.")
    contacts.command("list")(list_safe)
    contacts.command("end")(end_safe)
    app.add_typer(contacts, name="safe-contact", no_args_is_help=True)


def list_all(
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List protected exchanges, newest first, with who asked for them. This look is logged."""
    output = Output(as_json)
    found = as_officer(
        home,
        officer,
        key,
        lambda engine, vault, sign: list_protected(engine, vault, officer, sign),
        Doing(Action.READ, is_protected=True),
    )
    output.result({"exchanges": [_as_json(one, who) for one, who in found]})
    rows = [
        (
            str(one.exchange),
            f"{one.received_at:%Y-%m-%d}",
            one.sender,
            one.recipient or "",
            one.reason or "by rule",
            _decided(one),
        )
        for one, _ in found
    ]
    output.table(("Exchange", "Received", "Sender", "Recipient", "Reason", "Told of"), rows)
    for one, who in found:
        if one.reason:
            output.say(f"{one.exchange} was asked by {named(who) or 'a name that does not open'}.")
    if not found:
        output.say("There are no protected exchanges.")


def decide(
    exchange: ExchangeArgument,
    ground: Annotated[str, typer.Option(help="On which ground; kept sealed.")],
    review: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="When to look at it again.")
    ],
    officer: OfficerOption,
    withhold: Annotated[
        bool, typer.Option("--withhold", help="Decide that it is not told of.")
    ] = False,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Decide that a protected exchange may be told of to whom it concerns, or that it may not."""
    output, why, which = Output(as_json), written(ground, "--ground"), id_of(exchange)
    disclosure = Disclosure(not withhold, why, review.date())
    decision = as_officer(
        home,
        officer,
        key,
        lambda engine, vault, sign: decide_disclosure(
            engine, vault, which, officer, disclosure, sign
        ),
        Doing(Action.UPDATE, Target("exchange", str(which)), is_protected=True),
    )
    output.result(
        {
            "decision": str(decision),
            "exchange": exchange,
            "isDisclosed": disclosure.is_disclosed,
            "reviewOn": disclosure.review_on.isoformat(),
        }
    )
    told = "may be told of" if disclosure.is_disclosed else "is not told of"
    output.say(f"{exchange} {told}; look at it again on {disclosure.review_on}.")


def list_safe(
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List who may never be notified, first what is to be looked at first. This look is logged."""
    output, today = Output(as_json), datetime.now(UTC).date()
    found = as_officer(
        home,
        officer,
        key,
        lambda engine, _, sign: list_contacts(engine, officer, sign),
        Doing(Action.READ, is_protected=True),
    )
    output.result({"contacts": [_contact(one, today) for one in found]})
    rows = [
        (str(one.id), str(one.exchange), one.contact, one.recorded_for, _due(one, today))
        for one in found
    ]
    output.table(("Contact", "Exchange", "Never notify", "Recorded by", "Review"), rows)
    if not found:
        output.say("Nobody is on the list.")


def end_safe(
    contact: Annotated[str, typer.Argument(metavar="CONTACT", help="Its id in the list.")],
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Let somebody be notified again."""
    output, which = Output(as_json), id_of(contact, "CONTACT")
    as_officer(
        home,
        officer,
        key,
        lambda engine, _, sign: end_contact(engine, which, officer, sign),
        Doing(Action.DELETE, Target("safe-contact", str(which)), is_protected=True),
    )
    output.result({"contact": contact, "isEnded": True})
    output.say(f"{contact} is on the list no longer.")


def _decided(one: StoredRequest) -> str:
    if one.is_disclosed is None:
        return "no"
    return f"{'yes' if one.is_disclosed else 'no'}, until {one.review_on}"


def _due(one: SafeContact, today: date) -> str:
    return f"{one.review_on}" + (" DUE" if one.review_on <= today else "")


def _as_json(one: StoredRequest, who: Professional | None) -> dict[str, object]:
    return {
        "exchange": str(one.exchange),
        "receivedAt": one.received_at.isoformat(),
        "sender": one.sender,
        "recipient": one.recipient,
        "reason": one.reason,
        "professional": named(who) or None,
        "isDisclosed": one.is_disclosed,
        "reviewOn": one.review_on.isoformat() if one.review_on else None,
    }


def _contact(one: SafeContact, today: date) -> dict[str, object]:
    return {
        "contact": str(one.id),
        "exchange": str(one.exchange),
        "neverNotify": one.contact,
        "recordedFor": one.recorded_for,
        "reviewOn": one.review_on.isoformat(),
        "isDue": one.review_on <= today,
    }
