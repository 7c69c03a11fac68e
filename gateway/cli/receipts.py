"""`sluis receipts`: what the gateway acknowledged to a partner, and whether its log holds it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import typer

from gateway.cli.exchange import PartnerOption, credentials_of
from gateway.cli.failures import NOT_DONE, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, Steps, amount
from gateway.client import AsyncSluis, Credentials
from gateway.client.proving import PROMISED_WITHIN, Checked, Standing, prove
from gateway.client.receipts import (
    FOLDER,
    KeptAnswer,
    KeptOutcome,
    KeptProof,
    open_promises,
    read_kept,
)

_MEANINGS = {
    Standing.PROVEN: "in the log, proven under a signed checkpoint",
    Standing.WAITING: "not in a checkpoint yet",
    Standing.OVERDUE: "promised, and not in the log",
    Standing.BROKEN: "does not hold",
    Standing.APART: "a protected exchange: its promise is the proof (docs/protected.md)",
}
_ALARMS = (Standing.OVERDUE, Standing.BROKEN)
_STYLES = {Standing.OVERDUE.value: "red", Standing.BROKEN.value: "red", "proven": "green"}


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    group = typer.Typer(help="What the gateway acknowledged to a partner (ontvangstbewijzen).")
    group.command("check")(check)
    group.command("list")(list_all)
    app.add_typer(group, name="receipts", no_args_is_help=True)


def check(
    partner: PartnerOption, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Turn promises into proofs. Status 1 if a promise was not kept in time, or does not hold.

    Run it now and then, by a timer: a promise that nobody looks at is worth little.
    """
    output = Output(as_json)
    credentials = credentials_of(home, partner)
    folder = _folder(credentials)
    waiting = open_promises(folder)
    with output.progress() as steps:
        checked = asyncio.run(_check(credentials, waiting, steps)) if waiting else []
    counted = Counter(one.standing for one in checked)
    alarms = [one for one in checked if one.standing in _ALARMS]
    told = {
        "open": len(waiting),
        "standing": {each.value: counted[each] for each in Standing},
        "alarms": [_as_json(one) for one in alarms],
    }
    if alarms:
        _show_alarms(output, alarms)
        remedy = (
            f"keep {folder / FOLDER} as it is, and show it to the supervisor: the signed promise"
            " beside a later checkpoint without the entry is evidence against the gateway."
            " After the gateway told of a recovery (`sluis recover`): send these again"
        )
        message = f"{amount(len(alarms))} receipts do not hold"
        raise Failure(message, remedy, NOT_DONE, told)
    output.result(told)
    rows = [
        (standing.value, amount(counted[standing]), _MEANINGS[standing])
        for standing in Standing
        if counted[standing]
    ]
    output.table(("Receipts", "Number#", "Meaning"), rows, _STYLES)
    if not waiting:
        output.say("No promise is open: all that was acknowledged was proven before.")


def list_all(
    partner: PartnerOption, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Count what is kept, and say where it stands."""
    output = Output(as_json)
    folder = _folder(credentials_of(home, partner))
    proven, answers = set(), dict[bytes, KeptAnswer]()
    outcomes = set()
    for kept in read_kept(folder):
        match kept:
            case KeptAnswer():
                answers.setdefault(kept.leaf_hash, kept)
            case KeptProof():
                proven.add(kept.leaf_hash)
            case KeptOutcome():
                outcomes.add((kept.delivery_id, kept.record))
    still = [one for leaf_hash, one in answers.items() if leaf_hash not in proven]
    output.result(
        {
            "folder": str(folder / FOLDER),
            "answers": len(answers),
            "proven": len(answers) - len(still),
            "open": len(still),
            "deliveredRecords": len(outcomes),
            "oldestOpen": still[0].kept_at.isoformat() if still else None,
        }
    )
    output.say(f"{amount(len(answers))} answers with a signed promise, in {folder / FOLDER}")
    output.say(f"{amount(len(answers) - len(still))} of them proven, {amount(len(still))} open")
    output.say(f"{amount(len(outcomes))} records of deliveries, which have no promise of their own")
    if still:
        output.aside(f"prove what is open: sluis receipts check --as {partner}")


async def _check(
    credentials: Credentials, waiting: Sequence[KeptAnswer], steps: Steps
) -> list[Checked]:
    def told(done: int, total: int) -> None:
        steps.move("Proving", done, total, f"{amount(done)} of {amount(total)} receipts")

    async with AsyncSluis(credentials) as client:
        keeping = client.keeping
        assert keeping is not None  # noqa: S101  # credentials of a folder have one
        return await prove(waiting, client.look, keeping.watch, keeping.book, told=told)


def _folder(credentials: Credentials) -> Path:
    assert credentials.folder is not None  # noqa: S101  # they were read from one
    return credentials.folder


def _show_alarms(output: Output, alarms: Sequence[Checked], most: int = 20) -> None:
    rows = [
        (
            str(one.kept.answer.exchange_id),
            f"{one.kept.kept_at:%Y-%m-%d %H:%M:%S}",
            one.rule or _MEANINGS[one.standing],
        )
        for one in alarms[:most]
    ]
    output.table(("Exchange", "Acknowledged", "What is the matter"), rows)
    output.say(f"A promise is kept within {timedelta(seconds=PROMISED_WITHIN)} at most.", "dim")


def _as_json(one: Checked) -> dict[str, object]:
    return {
        "exchange": str(one.kept.answer.exchange_id),
        "leafHash": one.kept.answer.receipt.leaf_hash,
        "acknowledgedAt": one.kept.kept_at.isoformat(),
        "standing": one.standing.value,
        "rule": one.rule or None,
    }
