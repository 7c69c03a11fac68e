"""`sluis consent`: record a member's agreement, withdraw it, look up what was recorded.

As a partner does, over the same API. A number that identifies somebody is never an argument, which
every user of the machine could read: it is asked for, or read from a file or from standard input.
"""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from pydantic import ValidationError

from gateway.cli.exchange import PartnerOption, credentials_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.versions import AMSTERDAM, moment_of
from gateway.client import Sluis
from schemas.consents import (
    ConsentOverview,
    ConsentQuery,
    ConsentReceipt,
    ConsentRecord,
    ConsentWithdrawal,
)
from schemas.referral import DecidedBy, Manner, Wire

Model = TypeVar("Model", bound=Wire)
STDIN = Path("-")

NumberOption = Annotated[
    Path | None,
    typer.Option(
        "--bsn-file",
        metavar="FILE",
        help="A file with the BSN, or - for standard input. Asked for if left out.",
        show_default=False,
    ),
]
PurposeOption = Annotated[str, typer.Option(help="The purpose (doel), as the protocol names it.")]
RecipientOption = Annotated[str, typer.Option(help="The partner that may receive.")]
CategoryOption = Annotated[
    str, typer.Option(help="A field category of the protocol; * is all of them.")
]
HowOption = Annotated[Manner | None, typer.Option("--how", help="How it was given.")]
EvidenceOption = Annotated[
    str | None, typer.Option(help="Your key of the evidence, such as a form's number.")
]
ByOption = Annotated[DecidedBy, typer.Option("--by", help="Who decided.")]
DeciderOption = Annotated[
    Path | None,
    typer.Option(
        "--by-bsn-file",
        metavar="FILE",
        help="A file with the BSN of who decided, where that is not the person.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    commands = typer.Typer(help="Agreement: record, withdraw, look up.", no_args_is_help=True)
    commands.command()(grant)
    commands.command()(refuse)
    commands.command()(withdraw)
    commands.command()(show)
    app.add_typer(commands, name="consent")


def grant(
    partner: PartnerOption,
    purpose: PurposeOption,
    recipient: RecipientOption,
    bsn_file: NumberOption = None,
    category: CategoryOption = "*",
    decided_by: ByOption = DecidedBy.SELF,
    decider_file: DeciderOption = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="MOMENT",
            help="The moment at which the agreement ends by itself; without an offset Amsterdam's.",
        ),
    ] = None,
    manner: HowOption = None,
    evidence: EvidenceOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Record that somebody agrees, now; what waited for it may go at once."""
    said = {
        "gegeven": True,
        **_scope(purpose, recipient, category),
        "geldigTot": None if until is None else _end(until),
        "wijze": manner,
        "bewijs": evidence,
    }
    _record(Output(as_json), home, partner, said, bsn_file, decided_by, decider_file)


def refuse(
    partner: PartnerOption,
    purpose: PurposeOption,
    recipient: RecipientOption,
    bsn_file: NumberOption = None,
    category: CategoryOption = "*",
    decided_by: ByOption = DecidedBy.SELF,
    decider_file: DeciderOption = None,
    evidence: EvidenceOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Record that somebody does not agree, now; what still waits about them does not go."""
    said = {"gegeven": False, **_scope(purpose, recipient, category), "bewijs": evidence}
    _record(Output(as_json), home, partner, said, bsn_file, decided_by, decider_file)


def withdraw(
    consent: Annotated[UUID, typer.Argument(help="The id under which it was recorded.")],
    partner: PartnerOption,
    decided_by: ByOption = DecidedBy.SELF,
    decider_file: DeciderOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Withdraw a recorded agreement; it works before this command ends."""
    output = Output(as_json)
    withdrawal = _checked(ConsentWithdrawal, _decider(decided_by, decider_file))
    with Sluis(credentials_of(home, partner)) as client:
        receipt = client.withdraw_consent(consent, withdrawal)
    _show_receipt(output, receipt, "withdrawn")


def show(
    partner: PartnerOption,
    bsn_file: NumberOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show what this partner recorded of somebody; what others recorded is not shown."""
    output = Output(as_json)
    query = _checked(ConsentQuery, {"burgerservicenummer": _number(bsn_file, "of the person")})
    with Sluis(credentials_of(home, partner)) as client:
        found = client.recorded_consents(query)
    output.result(found.model_dump(mode="json", by_alias=True, exclude_none=True))
    _show_overview(output, found)


def _record(
    output: Output,
    home: Path,
    partner: str,
    said: dict[str, object],
    bsn_file: Path | None,
    decided_by: DecidedBy,
    decider_file: Path | None,
) -> None:
    whose = {"burgerservicenummer": _number(bsn_file, "of the person"), "op": datetime.now(UTC)}
    record = _checked(ConsentRecord, said | whose | _decider(decided_by, decider_file))
    with Sluis(credentials_of(home, partner)) as client:
        receipt = client.record_consent(record)
    _show_receipt(output, receipt, "agreement recorded" if record.given else "refusal recorded")


def _scope(purpose: str, recipient: str, category: str) -> dict[str, object]:
    """What is agreed to or not, by its wire names."""
    return {"doel": purpose, "ontvanger": recipient, "categorie": category}


def _decider(decided_by: DecidedBy, file: Path | None) -> dict[str, object]:
    """Who decided, by its wire names; the number only where it is not the person."""
    if file is None:
        return {"door": decided_by}
    return {"door": decided_by, "doorBurgerservicenummer": _number(file, "of who decided")}


def _end(until: str) -> datetime:
    moment = moment_of(until)
    if moment <= datetime.now(UTC):
        raise Failure(
            "--until has passed",
            "name a moment to come; who does not agree is recorded with `sluis consent refuse`",
            WRONGLY_ASKED,
        )
    return moment.astimezone(UTC)


def _number(file: Path | None, whose: str) -> str:
    if file is None:
        if not sys.stdin.isatty():
            raise Failure(
                f"the BSN {whose} is missing",
                "name a file with --bsn-file, or - for standard input",
                WRONGLY_ASKED,
            )
        return getpass.getpass(f"BSN {whose}: ").strip()
    text = sys.stdin.readline() if file == STDIN else file.read_text(encoding="utf-8")
    return text.strip()


def _checked(model: type[Model], said: dict[str, object]) -> Model:
    try:
        return model.model_validate({name: v for name, v in said.items() if v is not None})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Failure(
            f"{place}: {first['msg']}", "see `sluis consent --help`", WRONGLY_ASKED
        ) from None


def _show_receipt(output: Output, receipt: ConsentReceipt, told: str) -> None:
    output.result(receipt.model_dump(mode="json", by_alias=True, exclude_none=True))
    output.say(f"{told} under {receipt.consent_id}", style="bold")
    output.say(f"log entry {receipt.entry_id}, {receipt.recorded_at:%Y-%m-%d %H:%M:%S} UTC")
    for late in receipt.open_releases:
        output.say(
            f"released just before: exchange {late.exchange_id} to {late.recipient};"
            f" its sending may begin until {late.lapses_at:%H:%M:%S} UTC",
            style="yellow",
        )


def _show_overview(output: Output, found: ConsentOverview) -> None:
    if not found.consents and not found.authority:
        output.say("nothing recorded by this partner")
        return
    withdrawn = {one.supersedes for one in found.consents}
    output.table(
        ("Id", "Said", "Purpose", "Recipient", "Category", "By", "On", "Until"),
        [
            (
                str(one.consent_id),
                _told(one.given, one.consent_id in withdrawn),
                one.purpose,
                one.recipient,
                one.category,
                one.decided_by.value,
                _day(one.decided_at),
                "" if one.valid_until is None else _day(one.valid_until),
            )
            for one in found.consents
        ],
        {"yes": "green", "no": "red", "withdrawn": "yellow"},
    )
    output.table(
        ("Authority", "Holders#", "Source", "Looked up on"),
        [
            (one.kind.value, str(one.holders), one.source.value, f"{one.as_of:%Y-%m-%d}")
            for one in found.authority
        ],
    )


def _day(moment: datetime) -> str:
    """The date in Amsterdam, where people agreed: at night it is another than in UTC."""
    return f"{moment.astimezone(AMSTERDAM):%Y-%m-%d}"


def _told(given: bool, is_withdrawn: bool) -> str:
    if is_withdrawn:
        return "withdrawn"
    return "yes" if given else "no"
