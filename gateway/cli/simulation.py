"""`sluis protocol simulate`: what a draft would have decided on what was decided before.

Reads the log in pages and keeps counts alone, so that a year takes time and no memory.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from consent.labels import field_label
from consent.protocol import Protocol, ProtocolError, load
from consent.simulation import Effect, FlowTally, Simulation
from gateway.audit.decisions import decisions_between
from gateway.cli.database import on_database, settings_of
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, Steps, amount
from gateway.cli.versions import find, moment_of, shown
from gateway.store.history import driver_of
from gateway.store.protocols import all_protocols

_TOLD = {
    Effect.NOW_REFUSED: "permitted or held, would be refused",
    Effect.ASKS_AGREEMENT: "permitted, would be held unless the household had agreed",
    Effect.NOW_PASSES: "held, would pass without agreement",
    Effect.FIELDS: "permitted, with other fields",
    Effect.UNKNOWN: "cannot be told from the log",
}


def register(commands: typer.Typer) -> None:
    """Mount this module's command below `sluis protocol`."""
    commands.command()(simulate)


def simulate(
    draft: Annotated[str, typer.Argument(metavar="DRAFT", help="A file or a version.")],
    since: Annotated[str, typer.Option("--from", metavar="MOMENT", help="Decisions from here.")],
    until: Annotated[
        str | None, typer.Option("--to", metavar="MOMENT", help="Up to here; without it: now.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Replay the decisions of a past period against a draft, and count which would change.

    Rests on the log alone. What depends on content or on agreement under other rules is counted
    as not to be told; protected exchanges stand in another log and are not looked at.
    """
    output, protocol = Output(as_json), find(draft, home)
    begin = moment_of(since)
    end = datetime.now(UTC) if until is None else moment_of(until)
    if end <= begin:
        raise Failure("--to lies before --from", "turn them around", WRONGLY_ASKED)
    with output.progress(is_lasting=False) as bars:

        async def work(engine: AsyncEngine) -> Simulation:
            return await _replay(engine, protocol, begin, end, bars)

        done = on_database(settings_of(home), work)
    output.result(_as_json(protocol, begin, end, done))
    _show(output, protocol, begin, end, done)


async def _replay(
    engine: AsyncEngine, draft: Protocol, begin: datetime, end: datetime, bars: Steps
) -> Simulation:
    versions: dict[bytes, Protocol] = {}
    for one in await all_protocols(engine):
        try:
            versions[one.digest] = load(one.text)
        except ProtocolError:
            # An older text that today's rules would refuse: what it decided is counted unknown.
            continue
    done = Simulation(draft, versions, datetime.now(UTC).date())
    async with engine.connect() as connection:
        async for page in decisions_between(await driver_of(connection), begin, end):
            for decision in page.decisions:
                done.take(decision)
            bars.move("Replaying", page.read, page.of, f"{amount(page.read)} entries")
    return done


def _show(
    output: Output, draft: Protocol, begin: datetime, end: datetime, done: Simulation
) -> None:
    total = sum(tally.total for tally in done.tallies.values())
    output.say(
        f"version {draft.version} against {amount(total)} decisions,"
        f" {shown(begin)} to {shown(end)}",
        "bold",
    )
    for flow, tally in sorted(done.tallies.items()):
        output.say()
        output.say(
            f"{flow}: {amount(tally.total)} decisions, {amount(tally.changed)} would change", "bold"
        )
        for effect, told in _TOLD.items():
            if tally.effects[effect]:
                output.say(f"  {amount(tally.effects[effect]):>9}  {told}{_why(tally, effect)}")
        _show_fields(output, "would leave as well", tally.leaves)
        _show_fields(output, "would stay behind", tally.stays)
        _show_fields(output, "would leave in another form", tally.otherwise)
    if not total:
        output.say("No decision was made in this period.")
        return
    output.say()
    output.say(
        "From log entries alone: content, grounds and agreement by other rules are not in them."
        " Protected exchanges were not looked at.",
        "dim",
    )


def _why(tally: FlowTally, effect: Effect) -> str:
    told = [reason for (of, reason), _ in tally.reasons.most_common() if of is effect]
    return f" ({', '.join(told)})" if told else ""


def _show_fields(output: Output, told: str, fields: Counter[str]) -> None:
    for path, count in sorted(fields.items()):
        output.say(f"  {amount(count):>9}  {told}: {path} ({field_label(path)})")


def _as_json(
    draft: Protocol, begin: datetime, end: datetime, done: Simulation
) -> dict[str, object]:
    return {
        "version": draft.version,
        "digest": draft.digest.hex(),
        "from": begin.isoformat(),
        "to": end.isoformat(),
        "decisions": sum(tally.total for tally in done.tallies.values()),
        "flows": [
            {
                "flow": flow,
                "decisions": tally.total,
                "changed": tally.changed,
                "effects": {effect.value: tally.effects[effect] for effect in Effect},
                "reasons": [
                    {"effect": effect.value, "reason": reason, "count": count}
                    for (effect, reason), count in sorted(tally.reasons.items())
                ],
                "wouldLeave": dict(sorted(tally.leaves.items())),
                "wouldStay": dict(sorted(tally.stays.items())),
                "otherwise": dict(sorted(tally.otherwise.items())),
            }
            for flow, tally in sorted(done.tallies.items())
        ],
        "limits": ["content", "grounds", "agreement-under-other-rules", "protected-exchanges"],
    }
