"""`sluis sandbox PARTY`: a made-up party that sends and answers, so that a partner develops alone.

Against a gateway (its credentials stand under --home), or without one: --write puts down what the
party would send. Everybody in it is synthetic; all numbers are of the test range.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.exchange import credentials_of
from gateway.cli.failures import NOT_NOW, WRONGLY_ASKED, Failure, failure_of
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, amount
from gateway.cli.stopping import until_told
from gateway.client import AsyncSluis, Credentials, SluisError
from gateway.sandbox.faults import TOLD, Fault
from gateway.sandbox.outgoing import written
from gateway.sandbox.parties import PARTS, Asked
from gateway.sandbox.population.generate import DEFAULT_SEED
from gateway.sandbox.simulation import SENT, Manner, Round, Simulation
from schemas.decisions import Outcome


def register(app: typer.Typer) -> None:
    """Mount this module's command."""
    app.command()(sandbox)


def sandbox(
    party: Annotated[
        str | None, typer.Argument(metavar="PARTY", help="Which party; without it, all are told.")
    ] = None,
    count: Annotated[
        int, typer.Option(min=0, max=2000, help="Households that it puts forward each round.")
    ] = 3,
    seed: Annotated[int, typer.Option(help="Another seed gives other persons.")] = DEFAULT_SEED,
    every: Annotated[
        float, typer.Option(min=0.1, max=86_400, help="Seconds between rounds.")
    ] = 5.0,
    once: Annotated[bool, typer.Option("--once", help="One round, and end.")] = False,
    fault: Annotated[
        Fault | None, typer.Option(help="; ".join(f"{name}: {told}" for name, told in TOLD.items()))
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="DIR", help="Only write its messages there; no gateway."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Play a party: it sends in its own format, pulls, acknowledges and answers, until Ctrl-C.

    `sluis serve --sandbox` is the gateway to play it against. What was sent stands in
    PARTY/verzonden, with the answer in the party's own format beside it.
    """
    output = Output(as_json)
    if party is None:
        _list(output)
        return
    if party not in PARTS:
        raise Failure(
            "there is no such party in the sandbox", f"one of: {', '.join(PARTS)}", WRONGLY_ASKED
        )
    if write is not None:
        _write(party, Asked(count, datetime.now().astimezone().date(), seed), write, output)
        return
    manner = Manner(count, seed, fault)
    credentials = credentials_of(home, party)
    asyncio.run(_play(credentials, home / "partners" / party, manner, every, once, output))


async def _play(
    credentials: Credentials,
    folder: Path,
    manner: Manner,
    every_seconds: float,
    once: bool,
    output: Output,
) -> None:
    name = credentials.partner
    output.aside(f"{name} against {credentials.base_url}" + ("" if once else "; Ctrl-C stops"))
    if manner.fault is not None:
        output.aside(f"{manner.fault}: {TOLD[manner.fault]}")
    async with AsyncSluis(credentials) as client:
        simulation = Simulation(client, folder, manner)
        if once:
            _show(output, name, await simulation.round())
        else:
            await until_told(_rounds(simulation, name, every_seconds, output))
    if PARTS[name].writes is not None:
        output.aside(f"what it sent stands in {folder / SENT}")


async def _rounds(simulation: Simulation, name: str, every_seconds: float, output: Output) -> None:
    while True:
        try:
            _show(output, name, await simulation.round())
        except SluisError as error:
            failure = failure_of(error)
            if failure is None or failure.status != NOT_NOW:
                raise
            output.aside(f"{failure.message}; trying again")
        await asyncio.sleep(every_seconds)


def _show(output: Output, name: str, done: Round) -> None:
    moment = datetime.now().astimezone().strftime("%H:%M:%S")
    output.say(f"{moment}  {name}: {told_of(done)}")
    output.result(as_json_of(name, done))


def told_of(done: Round) -> str:
    """One round in a line."""
    sent, tally, parts = done.sent, done.tally, list[str]()
    if sent.files:
        outcomes = [
            f"{amount(sent.count(outcome))} {word}"
            for outcome, word in (
                (Outcome.ACCEPTED, "accepted"),
                (Outcome.HELD, "held"),
                (Outcome.REFUSED, "refused"),
            )
            if sent.count(outcome)
        ]
        outcomes += [f"{amount(sent.unreadable)} unreadable"] if sent.unreadable else []
        parts.append(f"{amount(sent.files)} sent ({', '.join(outcomes) or 'nothing in it'})")
    if done.files:
        parts.append(f"{amount(len(done.files))} status files")
    else:
        parts.append(f"{amount(tally.received.total())} received")
    answered = tally.statuses.total() + tally.own
    if answered:
        parts.append(f"{amount(answered)} answered")
    if tally.refused:
        parts.append(f"{amount(tally.refused.total())} answers refused")
    if tally.handed_on:
        to = ", ".join(sorted({recipient for recipient, _ in tally.handed_on}))
        parts.append(f"{amount(tally.handed_on.total())} referred onward to {to}")
    if tally.accounts:
        parts.append(f"{amount(tally.accounts.total())} accounted for")
    if tally.obeyed:
        parts.append(f"{amount(tally.obeyed)} recalled or corrected")
    return "; ".join(parts)


def as_json_of(name: str, done: Round) -> dict[str, object]:
    """One round as `--json` tells it."""
    sent, tally = done.sent, done.tally
    return {
        "party": name,
        "sent": sent.files,
        "unreadable": sent.unreadable,
        "outcomes": [
            {"decision": decision, "rule": rule, "records": count}
            for (decision, rule), count in sorted(sent.outcomes.items())
        ],
        "received": dict(tally.received),
        "repeats": tally.repeats,
        "acknowledged": tally.acknowledged,
        "statuses": dict(tally.statuses),
        "ownAnswers": tally.own,
        "refused": dict(tally.refused),
        "handedOn": [
            {"recipient": recipient, "decision": decision, "referrals": count}
            for (recipient, decision), count in sorted(tally.handed_on.items())
        ],
        "accounts": dict(tally.accounts),
        "obeyed": tally.obeyed,
        "statusFiles": [str(path) for path in done.files],
    }


def _write(party: str, asked: Asked, folder: Path, output: Output) -> None:
    writes = PARTS[party].writes
    if writes is None:
        raise Failure(f"{party} refers nobody, so it has nothing to write", "", WRONGLY_ASKED)
    paths = [str(path) for path in written(writes(asked), folder)]
    output.result({"party": party, "files": paths})
    for path in paths:
        output.say(path)
    output.aside("synthetic persons; numbers of the test range")


def _list(output: Output) -> None:
    output.result({"parties": {part.party: part.told for part in PARTS.values()}})
    output.table(("Party", "What it does"), [(part.party, part.told) for part in PARTS.values()])
    output.say()
    output.table(("Fault", "What goes wrong"), [(str(name), told) for name, told in TOLD.items()])
