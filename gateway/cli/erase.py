"""`sluis erase`: a decision to erase somebody, planned, signed, carried out and accounted for.

The person is named by a file that holds the BSN, never on the command line. What is shown of a
person are counts; who asked stands sealed. Each command leaves its entry in the access log.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar
from uuid import UUID

import typer

from gateway.app import Books, erasure_tools, group_tools, open_journal
from gateway.audit.access import Action, Reason, Target
from gateway.cli.acting import acted_by, id_of
from gateway.cli.database import Doing, RecordingEngine, deciding_on, on_database, settings_of
from gateway.cli.erasure_shown import (
    decision_json,
    plan_json,
    proof_json,
    show_decision,
    show_plan,
    show_proof,
    shown_json,
    state_of,
)
from gateway.cli.failures import NOT_NOW, WRONGLY_ASKED, Failure
from gateway.cli.officer_keys import KeyOption, OfficerOption
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.person import person_handle
from gateway.cli.serving import key_provider
from gateway.exchange.asking import FOR_ANOTHER, Capacity, Request
from gateway.exchange.carrying_out import CarryingOut
from gateway.exchange.erasing import Erasing, Ground
from gateway.exchange.erasure_answer import answer_to
from gateway.exchange.proof import BREACH, CONSENT
from gateway.identity.acts import Sign
from gateway.pseudonyms.domains import Handles

Result = TypeVar("Result")
PersonArgument = Annotated[
    Path,
    typer.Argument(metavar="PERSONFILE", help="A file with the person's BSN; - reads stdin."),
]
DecisionArgument = Annotated[str, typer.Argument(metavar="DECISION", help="Its id.")]
CaseOption = Annotated[str, typer.Option(metavar="NUMBER", help="The case; no name and no BSN.")]
_CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9./-]{0,39}")
_MAY_GO_TOO = (CONSENT, BREACH)


class AskedAs(StrEnum):
    """The capacities as commands name them, here and in `sluis dossier`."""

    SELF = "self"
    PARENT = "parent"
    GUARDIAN = "guardian"
    CURATOR = "curator"
    MENTOR = "mentor"
    ATTORNEY = "attorney"
    NOBODY = "own-motion"


class Desk(NamedTuple):
    """What works on decisions, on one database."""

    erasing: Erasing
    carrying_out: CarryingOut


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    group = typer.Typer(help="Erase a person (AVG art. 17): plan, decide, carry out, account for.")
    for command in (plan, decide, confirm, withdraw, answer, show, proof):
        group.command()(command)
    group.command("carry-out")(carry_out)
    group.command("list")(list_all)
    app.add_typer(group, name="erase", no_args_is_help=True)


def plan(
    person: PersonArgument,
    case: CaseOption,
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show what erasing a person would remove, what stays on which ground, and whom to notify."""
    output, handle = Output(as_json), _handle(home, person)
    doing = Doing(Action.READ, reason=case_reason("vernietiging-voorbereiden", case))
    made = _at_desk(
        home, doing, lambda desk, sign: desk.erasing.plan(handle, officer, sign), officer, key
    )
    output.result(plan_json(made))
    show_plan(output, made)


def decide(
    person: PersonArgument,
    ground: Annotated[Ground, typer.Option(help="Article 17(1), or a term that ran out.")],
    capacity: Annotated[AskedAs, typer.Option(help="In which capacity the requester asks.")],
    identified_by: Annotated[
        str,
        typer.Option(
            "--identified-by", metavar="TEXT", help="How that was established; kept sealed."
        ),
    ],
    case: CaseOption,
    officer: OfficerOption,
    requester: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The requester's BSN, who asks for another."),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(metavar="CLASS", help="A class that would stay: let it go as well."),
    ] = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Record the decision to erase a person, with your signature, as a privacy officer."""
    output, handle = Output(as_json), _handle(home, person)
    request = _request(home, capacity, identified_by, requester)
    if unknown := sorted(set(also or ()) - set(_MAY_GO_TOO)):
        raise Failure(
            f"--also: no class {unknown[0]}", f"{' or '.join(_MAY_GO_TOO)}", WRONGLY_ASKED
        )
    doing = Doing(Action.CREATE, reason=case_reason(ground.value, case))
    made = _at_desk(
        home,
        doing,
        lambda desk, sign: desk.erasing.decide(
            handle, ground, request, case, frozenset(also or ()), officer, sign
        ),
        officer,
        key,
    )
    output.result(decision_json(made))
    output.say(f"Decision {made.id} is recorded, signed by {officer}.")
    if made.signatures > 1:
        output.say(
            f"It needs another person's signature: sluis erase confirm {made.id} --as OFFICER"
        )
    else:
        output.say(f"Next: sluis erase carry-out {made.id}")


def confirm(
    decision: DecisionArgument,
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Sign a decision as the second person: process owner, or another privacy officer."""
    output, which = Output(as_json), id_of(decision, "DECISION")
    doing = _about(which, Action.UPDATE)
    made = _at_desk(
        home, doing, lambda desk, sign: desk.erasing.confirm(which, officer, sign), officer, key
    )
    output.result(decision_json(made))
    output.say(f"Decision {made.id} is signed by {officer} too.")
    output.say(f"Next: sluis erase carry-out {made.id}")


def withdraw(
    decision: DecisionArgument,
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Let a decision be, as long as no recipient was told."""
    output, which = Output(as_json), id_of(decision, "DECISION")
    doing = _about(which, Action.UPDATE)
    _at_desk(
        home, doing, lambda desk, sign: desk.erasing.withdraw(which, officer, sign), officer, key
    )
    output.result({"decision": decision, "isWithdrawn": True})
    output.say(f"Decision {which} is withdrawn; nothing was erased.")


def carry_out(
    decision: DecisionArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Tell recipients, and erase once they know or the protocol's days are over.

    A running gateway goes on with it by itself; again, this command shows how far it is. Status 3
    while recipients are waited for.
    """
    output, which = Output(as_json), id_of(decision, "DECISION")
    doing = _about(which, Action.DELETE)
    done = _at_desk(home, doing, lambda desk, _: desk.carrying_out.carry_out(which))
    if done.erased is None:
        until = f"{done.until:%Y-%m-%d %H:%M} UTC"
        raise Failure(
            f"recipients are told first: {', '.join(done.waits_for)} did not acknowledge yet",
            f"the gateway goes on by itself, at the latest after {until}",
            NOT_NOW,
            {"waitsFor": done.waits_for, "until": done.until.isoformat()},
        )
    erased = done.erased
    output.result(
        {
            "decision": decision,
            "entry": str(erased.entry_id),
            "erasedAt": erased.erased_at.isoformat(),
            "backupsUntil": erased.backups_until.isoformat(),
            "exchanges": erased.exchanges,
            "kept": [{"class": one.name, "until": one.until.isoformat()} for one in erased.kept],
        }
    )
    output.say(f"Erased at {erased.erased_at:%Y-%m-%d %H:%M} UTC; entry {erased.entry_id}.")
    output.say(f"Unreadable in backups from {erased.backups_until:%Y-%m-%d %H:%M} UTC.")
    if not key_provider(settings_of(home)).can_destroy:
        output.say(
            "These keys cannot be destroyed by epoch: remove backups older than that yourself.",
            style="yellow",
        )
    for one in erased.kept:
        output.say(f"Kept until {one.until}: {one.name}.")
    output.say(f"The answer to the resident: sluis erase answer {which} --as OFFICER")


def list_all(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List decisions, those under way first."""
    output = Output(as_json)
    found = _at_desk(home, Doing(Action.READ), lambda desk, _: desk.erasing.listed())
    output.result({"decisions": [decision_json(one) for one in found]})
    rows = [
        (str(one.id), f"{one.decided_at:%Y-%m-%d}", one.case, one.ground, state_of(one))
        for one in found
    ]
    output.table(("Decision", "Decided", "Case", "Ground", "State"), rows)
    if not found:
        output.say("There are no decisions to erase.")


def show(
    decision: DecisionArgument,
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show one decision: who signed, who was told, what went and what stays until when."""
    output, which = Output(as_json), id_of(decision, "DECISION")
    doing = _about(which, Action.READ)
    found = _at_desk(
        home, doing, lambda desk, sign: desk.erasing.shown(which, officer, sign), officer, key
    )
    output.result(shown_json(found))
    show_decision(output, found)


def answer(
    decision: DecisionArgument,
    officer: OfficerOption,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="ID=NAME", help="What residents know a party by; may be repeated."),
    ] = None,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write the answer to the resident, in Dutch: what went, what stays and why, who was told."""
    output, which = Output(as_json), id_of(decision, "DECISION")
    names = dict(pair.split("=", 1) for pair in name or () if "=" in pair)
    doing = _about(which, Action.READ)
    found = _at_desk(
        home, doing, lambda desk, sign: desk.erasing.shown(which, officer, sign), officer, key
    )
    text = answer_to(found, names)
    output.result({"decision": decision, "language": "nl", "text": text})
    output.say(text)


def proof(
    person: PersonArgument,
    case: CaseOption,
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show what is kept of a person who was erased, to prove what a hand-over rested on."""
    output, handle = Output(as_json), _handle(home, person)
    doing = Doing(Action.READ, reason=case_reason("bewijs", case))
    found = _at_desk(
        home, doing, lambda desk, sign: desk.erasing.proof(handle, officer, sign), officer, key
    )
    output.result({"erasures": [proof_json(one) for one in found]})
    for one in found:
        show_proof(output, one)
    if not found:
        output.say("Nothing is kept of this person.")


def _at_desk(
    home: Path,
    doing: Doing,
    work: Callable[[Desk, Sign], Awaitable[Result]],
    officer: str | None = None,
    key: Path | None = None,
) -> Result:
    """Do one piece of work on decisions, as an officer or as the operator of this machine."""
    settings = settings_of(home)
    keys = key_provider(settings)
    doing, sign = acted_by(settings, officer, key, doing)

    async def at_desk(engine: RecordingEngine) -> Result:
        parts = group_tools(settings, keys, open_journal(settings, keys))
        tools = replace(erasure_tools(settings, keys, parts), about=engine.about)
        opened = partial(deciding_on, engine, Books(keys).of)
        return await work(Desk(Erasing(opened, tools), CarryingOut(opened, tools)), sign)

    return on_database(settings, at_desk, doing)


def _handle(home: Path, person: Path) -> bytes:
    return person_handle(person, Handles(key_provider(settings_of(home))))


def case_reason(code: str, case: str) -> Reason:
    """A reason with its case. Raises `Failure` where the case is no case number."""
    if _CASE.fullmatch(case) is None:
        raise Failure(
            "--case is a case number", "letters, digits and . / -, at most 40", WRONGLY_ASKED
        )
    return Reason(code, case)


def _request(home: Path, asked_as: AskedAs, identified_by: str, requester: Path | None) -> Request:
    told = identified_by.strip()
    if not 3 <= len(told) <= 200 or not told.isprintable():
        raise Failure("--identified-by says how", "3 to 200 characters", WRONGLY_ASKED)
    capacity = Capacity[asked_as.name]
    if (requester is None) is (capacity in FOR_ANOTHER):
        named = ", ".join(AskedAs[one.name].value for one in Capacity if one in FOR_ANOTHER)
        raise Failure("--requester FILE goes with these capacities alone", named, WRONGLY_ASKED)
    return Request(capacity, told, None if requester is None else _handle(home, requester))


def _about(decision: UUID, action: Action) -> Doing:
    return Doing(action, Target("vernietigingsbesluit", str(decision)))
