"""`sluis register`: the opening load, whom a partner knows already, from a file of its own.

The file is read line by line and sent by the hundred, so that any number of persons takes the
memory of one request. What comes back holds pseudonyms: it goes to a file for its owner alone, and
to the screen only in counts. Sending the file again after a failure does nothing twice.
"""

from __future__ import annotations

import asyncio
import csv
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, BinaryIO, TextIO

import typer
from pydantic import ValidationError

from gateway.cli.exchange import PartnerOption, credentials_of
from gateway.cli.failures import NOT_DONE, WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, amount
from gateway.client import AsyncSluis, Credentials
from gateway.sandbox.durable import durably
from schemas.registrations import Registration, RegistrationOutcome, RegistrationResult

AT_ONCE = 500
SHOWN = 20
"""Refused lines that are named on the screen."""
_COLUMNS = {"burgerservicenummer", "kenmerk"}
_WRONG = "regel-onleesbaar"
_SAVED_ANEW = "save it as CSV in UTF-8; to send again what was sent is safe"


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    app.command("register")(register_known)


def register_known(
    file: Annotated[
        Path,
        typer.Argument(
            help="Persons by burgerservicenummer and kenmerk: .csv with these headings, or .ndjson."
        ),
    ],
    partner: PartnerOption,
    ends: Annotated[
        bool, typer.Option("--end", help="They are known no longer: their cases ended.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Where outcomes and pseudonyms go, one JSON object a line.",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Register whom a partner knows already, so that doubles show from the first day.

    Status 1 if any line was refused; each is refused by itself, and told by its number.
    """
    output, seen = Output(as_json), Seen()
    with ExitStack() as closing:
        source = closing.enter_context(file.open(encoding="utf-8-sig", newline=""))
        kept = None if out is None else closing.enter_context(durably(out, 0o600))
        records = _records(source, file)
        try:
            asyncio.run(_load(credentials_of(home, partner), records, ends, seen, kept, output))
        except UnicodeDecodeError:
            raise Failure(f"{file} is not UTF-8 text", _SAVED_ANEW, WRONGLY_ASKED) from None
        except csv.Error:
            raise Failure(
                f"{file} holds a line that is no CSV", _SAVED_ANEW, WRONGLY_ASKED
            ) from None
    output.result({"partner": partner, "outcomes": dict(seen.counted), "refused": seen.refused})
    told = ", ".join(f"{amount(count)} {name}" for name, count in sorted(seen.counted.items()))
    output.say(told or "nobody in this file")
    for one in seen.refused:
        output.say(f"  person {one['nummer']}: {one.get('veld', '')} {one['regel']}")
    if left := seen.counted[RegistrationResult.REFUSED] - len(seen.refused):
        output.say(f"  and {amount(left)} more")
    if seen.refused:
        raise typer.Exit(NOT_DONE)


@dataclass(slots=True)
class Seen:
    """What came of a file: counts, and the first lines that were refused."""

    counted: Counter[str] = field(default_factory=Counter)
    refused: list[dict[str, object]] = field(default_factory=list)

    def take(self, one: RegistrationOutcome) -> dict[str, object]:
        """Count an outcome; gives it as it is written down."""
        told: dict[str, object] = one.model_dump(mode="json", by_alias=True, exclude_none=True)
        self.counted[one.result.value] += 1
        if one.result is RegistrationResult.REFUSED and len(self.refused) < SHOWN:
            names = ("nummer", "veld", "regel")
            self.refused.append({name: told[name] for name in names if name in told})
        return told


async def _load(
    credentials: Credentials,
    records: Iterator[object],
    ends: bool,
    seen: Seen,
    kept: BinaryIO | None,
    output: Output,
) -> None:
    async with AsyncSluis(credentials) as client:
        with output.progress() as steps:
            async for outcome in _outcomes(client, records, ends):
                told = seen.take(outcome)
                if kept is not None:
                    kept.write(json.dumps(told).encode() + b"\n")
                if outcome.number % AT_ONCE == 0:
                    steps.move("Registering", 0, None, f"{amount(outcome.number)} persons")
            steps.end("Registering", f"{amount(seen.counted.total())} persons")


async def _outcomes(
    client: AsyncSluis, records: Iterator[object], ends: bool
) -> AsyncIterator[RegistrationOutcome]:
    """An outcome for each person of the file, in order, numbered from 1."""
    first = 1
    while batch := list(islice(records, AT_ONCE)):
        read = [_person(record) for record in batch]
        good = [one for one in read if isinstance(one, Registration)]
        send = client.end_registrations if ends else client.register
        answers = iter(await send(good) if good else ())
        for number, one in enumerate(read, start=first):
            outcome = next(answers) if isinstance(one, Registration) else one
            yield outcome.model_copy(update={"number": number})
        first += len(batch)


def _person(record: object) -> Registration | RegistrationOutcome:
    """A line as it is sent; refused here already where it cannot be right."""
    try:
        return Registration.model_validate(record, by_alias=True, by_name=False)
    except ValidationError as error:
        first = error.errors()[0]
    place = ".".join(str(step) for step in first["loc"] if step in _COLUMNS)
    return RegistrationOutcome(
        number=1,
        result=RegistrationResult.REFUSED,
        field=place or None,
        rule={"bsn": "elfproef", "missing": "ontbreekt"}.get(first["type"], _WRONG),
    )


def _records(source: TextIO, file: Path) -> Iterator[object]:
    """The lines of a file, one by one. Raises `Failure` for a file of another form."""
    if file.suffix.lower() in (".ndjson", ".jsonl"):
        for line in source:
            if line.strip():
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError):  # also a number too long, or nested too deep
                    yield None
        return
    head = source.readline()
    delimiter = ";" if ";" in head else ","
    columns = [name.strip().strip('"').lower() for name in head.split(delimiter)]
    if not _COLUMNS.issubset(columns):
        raise Failure(
            f"{file} does not begin with the headings burgerservicenummer and kenmerk",
            "give it these headings, or send .ndjson",
            WRONGLY_ASKED,
        )
    for row in csv.reader(source, delimiter=delimiter):
        if row:
            named = dict(zip(columns, row, strict=False))
            yield {name: named[name].strip() for name in _COLUMNS if named.get(name)}
