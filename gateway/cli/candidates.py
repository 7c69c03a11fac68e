"""`sluis candidates`: persons without a BSN whom the casebook may know already, and who decides.

Works on the casebook's own folder, where the names lawfully are, and on nothing else: no gateway is
asked and nothing leaves. A person decides on each proposal, by name; the files are not merged here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from pydantic import ValidationError

from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.output import JsonOption, Output, amount
from gateway.client import Event
from gateway.client.candidates import KnownPersons, Proposal
from gateway.client.candidates_kept import Decided, Decisions, Verdict, persons_of, still_open
from gateway.client.particulars import Particulars

DOSSIERS = "dossiers.ndjson"
SHORT = 8
FolderArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Where the casebook keeps its dossiers.")
]


class Found(NamedTuple):
    """A new person with whom they might be."""

    new: Particulars
    proposals: list[Proposal]


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    group = typer.Typer(help="Persons without a BSN whom the casebook may know already.")
    group.command("list")(list_all)
    # A pseudonym may begin with a dash, and is no option then.
    group.command(context_settings={"ignore_unknown_options": True})(decide)
    app.add_typer(group, name="candidates", no_args_is_help=True)


def list_all(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """List whom each new person without a BSN might be, nearest first. Nothing is changed."""
    output = Output(as_json)
    found = _found(folder)
    output.result({"persons": [_as_json(one) for one in found]})
    rows = [
        (
            one.new.key[:SHORT] if n == 0 else "",
            told(one.new) if n == 0 else "",
            proposal.known.key[:SHORT],
            told(proposal.known),
            proposal.outcome.value,
            f"{proposal.bits:.0f}",
        )
        for one in found
        for n, proposal in enumerate(one.proposals)
    ]
    output.table(("New", "Who", "Known", "Who", "Says", "Bits#"), rows)
    if not found:
        output.say("Nobody without a BSN looks like anybody who is known.")
    else:
        output.say(
            f"{amount(len(found))} persons. Decide on each:"
            " sluis candidates decide FOLDER NEW KNOWN --same|--not-same --by NAME"
        )


def decide(
    folder: FolderArgument,
    new: Annotated[str, typer.Argument(metavar="NEW", help="The new person, as listed.")],
    known: Annotated[str, typer.Argument(metavar="KNOWN", help="The known person, as listed.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who decides.")],
    same: Annotated[
        bool | None, typer.Option("--same/--not-same", help="What you found out.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Record that two are the same person, or are not. A later decision replaces an earlier one."""
    output = Output(as_json)
    if same is None:
        raise Failure("say what you found out", "--same or --not-same", WRONGLY_ASKED)
    persons = persons_of(_events(folder))
    one, other = _named(new, persons, "NEW"), _named(known, persons, "KNOWN")
    if one.key == other.key:
        raise Failure("NEW and KNOWN are one person already", "name two", WRONGLY_ASKED)
    index = KnownPersons(persons)
    score = sum(each.bits for each in index.compared(one, other))
    try:
        decided = Decided(
            new=one.key,
            known=other.key,
            verdict=Verdict.SAME if same else Verdict.OTHER,
            by=" ".join(by.split()),
            at=datetime.now(UTC),
            score=round(score, 1),
        )
    except ValidationError:
        raise Failure("--by names who decides", "2 to 100 characters", WRONGLY_ASKED) from None
    Decisions(folder).add(decided)
    output.result(decided.model_dump(mode="json", by_alias=True))
    meaning = "are the same person" if same else "are two persons"
    output.say(f"Kept: {one.key[:SHORT]} and {other.key[:SHORT]} {meaning}, says {decided.by}.")
    if same:
        output.say("Their dossiers are yours to bring together; nothing was merged.")


def told(person: Particulars) -> str:
    """A person on one line, for whoever has to decide."""
    born = "-".join(f"{part:02d}" for part in person.birth or () if part is not None)
    surname = "-".join(part.capitalize() for part in person.surname_parts)
    initials = "".join(f"{letter}." for letter in person.initials)
    parts = (f"{initials} {surname}".strip(), born, person.sex, person.address or person.postcode)
    return ", ".join(part for part in parts if part)


def _found(folder: Path) -> list[Found]:
    persons, decided = persons_of(_events(folder)), Decisions(folder)
    index, found, seen = KnownPersons(persons), list[Found](), set[str]()
    for new in persons:
        if new.has_bsn:
            continue
        # Of two without a BSN the later is the new one.
        near = [one for one in index.proposals(new) if one.known.has_bsn or one.known.key in seen]
        seen.add(new.key)
        proposals = still_open(near, new, decided)
        if proposals:
            found.append(Found(new, proposals))
    return found


def _events(folder: Path) -> list[Event]:
    """What the casebook keeps; only read, so that a casebook that runs is not disturbed."""
    path = folder / DOSSIERS
    if not path.is_file():
        raise Failure(f"{folder} holds no {DOSSIERS}", "name the casebook's folder", WRONGLY_ASKED)
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    try:
        return [Event.model_validate_json(line) for line in whole.splitlines()]
    except ValidationError:
        # Not `from`: what is invalid may be somebody's name.
        raise Failure(f"{path} holds a line that is no message", "see who wrote it") from None


def _named(asked: str, persons: Sequence[Particulars], what: str) -> Particulars:
    """The person whose key begins so."""
    found = [one for one in persons if one.key.startswith(asked)] if len(asked) >= SHORT else []
    if len(found) != 1:
        raise Failure(
            f"{what} names nobody, or more than one", "copy it from the list", WRONGLY_ASKED
        )
    return found[0]


def _as_json(one: Found) -> dict[str, object]:
    return {
        "new": one.new.key,
        "proposals": [
            {
                "known": proposal.known.key,
                "outcome": proposal.outcome.value,
                "bits": round(proposal.bits, 1),
                "evidence": {each.field: round(each.bits, 1) for each in proposal.evidence},
            }
            for proposal in one.proposals
        ],
    }
