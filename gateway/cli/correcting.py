"""`sluis holds` and `sluis correct`: what of ours waits, and putting right what was sent.

What a file says that is not known is told by line, place and rule: it may be anything, a BSN too.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.cli.exchange import PartnerOption, credentials_of
from gateway.cli.failures import NOT_DONE, WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, Steps, amount
from gateway.client import AsyncSluis, Conflict, Credentials, Declined, Sluis
from schemas.corrections import Correction, CorrectionKind, MemberName
from schemas.notices import HeldReferral, ToldRecipient

SHOWN = 20
AT_ONCE = 8
_NAMES = {
    field.alias for model in (Correction, MemberName) for field in model.model_fields.values()
}
_RULES = {
    "missing": "is missing",
    "extra_forbidden": "is no key that a correction has",
    "enum": "is none of the values of the schema",
    "string_pattern_mismatch": "has another form",
    "string_too_long": "is too long",
    "uuid_parsing": "is no UUID",
}


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a file, by its number from 1, and what it asks."""

    number: int
    text: str
    correction: Correction


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of a line: the correction's id, or why it has none."""

    correction: UUID | None
    problem: str | None = None


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    app.command()(holds)
    correct = typer.Typer(
        name="correct", help="Rights and corrections of what was sent.", no_args_is_help=True
    )
    correct.command()(annul)
    correct.command()(send)
    correct.command()(show)
    app.add_typer(correct)


def holds(
    partner: PartnerOption, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """List a partner's own messages that wait for agreement, oldest first, and until when."""
    output = Output(as_json)
    with Sluis(credentials_of(home, partner)) as client:
        found = list(client.held())
    output.result(
        {
            "partner": partner,
            "held": [one.model_dump(mode="json", by_alias=True) for one in found],
        }
    )
    output.table(("Reference", "Rule", "Since", "Until"), [_row(one) for one in found[:SHOWN]])
    _tell_more(output, len(found))
    output.aside(f"{amount(len(found))} held")


def annul(
    file: Annotated[
        Path, typer.Argument(help="One reference (kenmerk) or exchange id a line.", dir_okay=False)
    ],
    partner: PartnerOption,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Annul messages that should not have been sent: one reference a line.

    The same file again has no second effect. Status 1 if any line names nothing that can be
    annulled. References are known for 30 days; after that, give the exchange ids.
    """
    output = Output(as_json)
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    # A reference that stands there twice is one annulment, told by its first line.
    first = {line: number for number, line in reversed(list(enumerate(lines, 1))) if line}
    wanted = sorted(
        (_Line(number, line, _annulment(line, number)) for line, number in first.items()),
        key=lambda line: line.number,
    )
    if not wanted:
        raise Failure(f"{file} names nothing", "one reference or exchange id a line", WRONGLY_ASKED)
    credentials = credentials_of(home, partner)
    with output.progress() as steps:
        told = asyncio.run(_annul_each(credentials, wanted, steps))
    made = [
        (line.text, str(told[line.number].correction))
        for line in wanted
        if told[line.number].correction is not None
    ]
    refused = [
        (line.number, problem)
        for line in wanted
        if (problem := told[line.number].problem) is not None
    ]
    output.result(
        {
            "partner": partner,
            "annulled": len(made),
            "corrections": [{"reference": text, "correctionId": one} for text, one in made],
            "refused": [{"line": number, "problem": problem} for number, problem in refused],
        }
    )
    counted = Counter(one.problem or "annulled" for one in told.values())
    output.table(("Outcome", "Lines#"), [(name, amount(n)) for name, n in counted.most_common()])
    output.table(("Reference", "Correction"), made[:SHOWN])
    _tell_more(output, len(made))
    output.table(("Line#", "Why not"), [(str(n), problem) for n, problem in refused[:SHOWN]])
    _tell_more(output, len(refused))
    if made:
        output.aside(f"who was told: sluis correct show CORRECTION --as {partner}")
    if refused:
        raise typer.Exit(NOT_DONE)


def send(
    file: Annotated[Path, typer.Argument(help="One correction as JSON.", dir_okay=False)],
    partner: PartnerOption,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Send one correction (schemas/json/correctie.schema.json), and show what was recorded."""
    output = Output(as_json)
    try:
        correction = Correction.model_validate_json(file.read_bytes(), by_alias=True, by_name=False)
    except ValidationError as error:
        problems = dict.fromkeys(map(_problem, error.errors(include_input=False)))
        raise Failure(
            f"{file} is no correction: {'; '.join(problems)}",
            "see schemas/json/correctie.schema.json",
            WRONGLY_ASKED,
        ) from None  # the cause quotes the file
    with Sluis(credentials_of(home, partner)) as client:
        receipt = client.correct(correction)
    output.result(receipt.model_dump(mode="json", by_alias=True))
    output.say(f"{receipt.kind} recorded as {receipt.correction_id}")
    output.aside(f"who was told: sluis correct show {receipt.correction_id} --as {partner}")


def show(
    correction: Annotated[UUID, typer.Argument(help="The id of the correction.")],
    partner: PartnerOption,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show who was told of a correction, and who has acknowledged."""
    output = Output(as_json)
    with Sluis(credentials_of(home, partner)) as client:
        report = client.correction(correction)
    output.result(report.model_dump(mode="json", by_alias=True))
    output.say(f"{report.kind} on {report.exchange_id}, {_moment(report.recorded_at)}")
    output.table(
        ("Recipient", "Queued", "Fetched", "Acknowledged"),
        [_told(one) for one in report.recipients],
    )
    if not report.recipients:
        output.say("Nobody else had received it: there was nobody to tell.")


async def _annul_each(
    credentials: Credentials, wanted: list[_Line], steps: Steps
) -> dict[int, _Done]:
    """What became of each line, by its number; at most eight at once."""
    told: dict[int, _Done] = {}
    waiting = iter(wanted)

    async def work(client: AsyncSluis) -> None:
        for line in waiting:
            try:
                receipt = await client.correct(line.correction)
            except Conflict:
                told[line.number] = _Done(None, "another correction has this reference")
            except Declined as problem:
                if problem.status != 404:
                    raise
                told[line.number] = _Done(None, "no message of ours that can be annulled")
            else:
                told[line.number] = _Done(receipt.correction_id)
            steps.move("Annulling", len(told), len(wanted), f"{amount(len(told))} of them")

    async with AsyncSluis(credentials) as client:
        await asyncio.gather(*(work(client) for _ in range(min(AT_ONCE, len(wanted)))))
    return told


def _annulment(line: str, number: int) -> Correction:
    """Its own reference follows from the line, so that the same line again is a repeat."""
    own = f"annulering/{hashlib.sha256(line.encode()).hexdigest()[:40]}"
    try:
        exchange: UUID | None = UUID(line)
    except ValueError:
        exchange = None
    try:
        return Correction(
            reference=own,
            kind=CorrectionKind.ANNUL,
            exchange_id=exchange,
            message=line if exchange is None else None,
        )
    except ValidationError:
        raise Failure(
            f"line {number} is no reference and no exchange id",
            "letters, digits and . _ / - only, at most 64",
            WRONGLY_ASKED,
        ) from None  # the cause quotes the line


def _problem(one: ErrorDetails) -> str:
    """Place and rule. A key that no correction has is not repeated: it may be a value itself."""
    if one["type"] == "json_invalid":
        return "it is not JSON"
    steps = (str(step) if isinstance(step, int) or step in _NAMES else "?" for step in one["loc"])
    # A rule of our own is told in its own words; pydantic's words may quote what came in.
    rule = _RULES.get(one["type"], f"does not do ({one['type']})" if "url" in one else one["msg"])
    return f"{'.'.join(steps) or one['type']}: {rule}"


def _tell_more(output: Output, count: int) -> None:
    if count > SHOWN:
        output.say(f"... and {amount(count - SHOWN)} more; --json gives them all", "dim")


def _row(one: HeldReferral) -> tuple[str, str, str, str]:
    return (
        one.reference or str(one.exchange_id),
        one.rule,
        _moment(one.since),
        _moment(one.ends_at),
    )


def _told(one: ToldRecipient) -> tuple[str, str, str, str]:
    fetched = "" if one.released_at is None else _moment(one.released_at)
    done = "" if one.acknowledged_at is None else _moment(one.acknowledged_at)
    return one.recipient, _moment(one.queued_at), fetched, done


def _moment(when: object) -> str:
    return f"{when:%Y-%m-%d %H:%M}"
