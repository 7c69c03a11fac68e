"""`sluis partner succeed` and `succession`: one partner takes over from another, by two officers.

Nothing carries over by itself. What is decided is shown as it will count; agreements and pseudonyms
never are part of it.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from consent.protocol import Protocol, load
from consent.register import AMSTERDAM
from gateway.audit.access import Action, Reason, Target
from gateway.cli.acting import as_officer, id_of
from gateway.cli.database import Doing, on_database, settings_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.officer_keys import KeyOption, OfficerOption
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.exchange import succession as acts
from gateway.exchange.succession import Confirmed, Wanted
from gateway.exchange.successors import Carry
from gateway.identity.acts import Sign
from gateway.store.history import driver_of
from gateway.store.protocols import protocol_in_force
from gateway.store.succession import StoredSuccession, all_successions
from gateway.vault.boxes import Vault

_CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9./-]{0,39}")
_TARGET = "opvolgingsbesluit"


class Ground(StrEnum):
    """Why a partner is succeeded by another."""

    MERGER = "fusie"
    TAKE_OVER = "overname"
    TASK_MOVED = "taak-overgegaan"
    RENAMED = "naamswijziging"


DecisionArgument = Annotated[str, typer.Argument(metavar="DECISION", help="Its id.")]


def register(group: typer.Typer) -> None:
    """Mount this module's commands below `sluis partner`."""
    group.command("succeed")(succeed)
    decisions = typer.Typer(help="Decisions that one partner takes over from another.")
    decisions.command("confirm")(confirm)
    decisions.command("end")(end)
    decisions.command("list")(list_all)
    group.add_typer(decisions, name="succession", no_args_is_help=True)


def succeed(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The partner that is succeeded.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The partner that takes over.")],
    ground: Annotated[Ground, typer.Option(help="Why.")],
    case: Annotated[str, typer.Option(metavar="NUMBER", help="The case; no name and no BSN.")],
    starts_on: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="From which day on.")
    ],
    carry: Annotated[list[Carry], typer.Option(help="What goes over; may be repeated.")],
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Decide that NEW takes over from OLD, with your signature; a second officer confirms it."""
    output = Output(as_json)
    if _CASE.fullmatch(case) is None:
        raise Failure(
            "--case is a case number", "letters, digits and . / -, at most 40", WRONGLY_ASKED
        )
    if old == new:
        raise Failure("OLD and NEW are one partner", "name two", WRONGLY_ASKED)
    wanted = Wanted(old, new, ground.value, case, starts_on.date(), frozenset(carry))

    async def work(engine: AsyncEngine, _: Vault, sign: Sign) -> StoredSuccession:
        return await acts.decide(engine, wanted, await _protocol(engine), officer, sign)

    doing = Doing(Action.CREATE, Target("partner", old), Reason(f"opvolging-{ground}", case))
    made = as_officer(home, officer, key, work, doing)
    output.result(_as_json(made))
    _show(output, made)
    output.say("It counts for nothing yet. Another person confirms it:")
    output.say(f"  sluis partner succession confirm {made.id} --as OFFICER")


def confirm(
    decision: DecisionArgument,
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Confirm a succession as the second person; from this moment on it counts."""
    output, which = Output(as_json), id_of(decision, "DECISION")

    async def work(engine: AsyncEngine, vault: Vault, sign: Sign) -> Confirmed:
        return await acts.confirm(engine, vault, which, await _protocol(engine), officer, sign)

    doing = Doing(Action.UPDATE, Target(_TARGET, str(which)))
    done = as_officer(home, officer, key, work, doing)
    output.result(_as_json(done.decision) | {"movedMessages": done.moved})
    _show(output, done.decision)
    if Carry.MAIL in done.decision.carries:
        output.say(
            f"{done.moved} waiting statuses went over; what else waits for"
            f" {done.decision.predecessor} stays, and lapses as the protocol says."
        )


def end(
    decision: DecisionArgument,
    officer: OfficerOption,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Let a succession count no longer; what went over stays where it is."""
    output, which = Output(as_json), id_of(decision, "DECISION")

    async def work(engine: AsyncEngine, _: Vault, sign: Sign) -> StoredSuccession:
        return await acts.end(engine, which, await _protocol(engine), officer, sign)

    done = as_officer(home, officer, key, work, Doing(Action.DELETE, Target(_TARGET, str(which))))
    output.result(_as_json(done))
    output.say(f"Decision {done.id} counts no longer.")


def list_all(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List every decision, newest first."""
    output = Output(as_json)

    async def read(engine: AsyncEngine) -> list[StoredSuccession]:
        async with engine.connect() as connection:
            await connection.exec_driver_sql("select 1")
            return await all_successions(await driver_of(connection))

    found = on_database(settings_of(home), read)
    output.result({"decisions": [_as_json(one) for one in found]})
    output.table(
        ("Decision", "From", "To", "On", "Carries", "Case", "State"),
        [
            (
                str(one.id),
                one.predecessor,
                one.successor,
                str(one.starts_on),
                ", ".join(one.carries),
                one.case_number,
                _state(one),
            )
            for one in found
        ],
    )
    if not found:
        output.say("No partner was succeeded by another.")


async def _protocol(engine: AsyncEngine) -> Protocol:
    return load((await protocol_in_force(engine)).text)


def _show(output: Output, made: StoredSuccession) -> None:
    output.say(
        f"{made.successor} takes over from {made.predecessor} from {made.starts_on} on:"
        f" {', '.join(made.carries)} ({made.ground}, case {made.case_number})."
    )
    output.say("Agreements do not go over: a yes was given to one recipient.")
    output.say("Pseudonyms do not either: each partner's are its own.")


def _state(one: StoredSuccession) -> str:
    if one.ended_at is not None:
        return "ended"
    if one.confirmed_at is None:
        return "waits for its second signature"
    is_due = one.starts_on <= datetime.now(AMSTERDAM).date()
    return "counts" if is_due else "counts from its day"


def _as_json(one: StoredSuccession) -> dict[str, object]:
    day: date = one.starts_on
    return {
        "decision": str(one.id),
        "predecessor": one.predecessor,
        "successor": one.successor,
        "ground": one.ground,
        "case": one.case_number,
        "startsOn": day.isoformat(),
        "carries": list(one.carries),
        "decidedBy": one.decided_by,
        "confirmedBy": one.confirmed_by,
        "state": _state(one),
    }
