"""`sluis protocol`: check a privacy protocol, put one in force, show the one that is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from consent.protocol import Flow, Protocol, ProtocolError, load
from gateway.cli.database import on_database, settings_of
from gateway.cli.failures import NOT_DONE, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.setup import EXAMPLE
from gateway.store.protocols import Effect, StoredProtocol, VersionTakenError, put_in_force
from gateway.store.protocols import protocol_in_force as stored_in_force
from schemas.fields import Treatment

FileArgument = Annotated[Path, typer.Argument(help="The protocol, a TOML file.")]

_EFFECTS = {
    Effect.PUT_IN_FORCE: "is in force from now on",
    Effect.ALREADY_IN_FORCE: "was in force already; nothing changed",
    Effect.SUPERSEDED: "was superseded by a newer version, which stays; nothing changed",
}


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    commands = typer.Typer(help="The privacy protocol.", no_args_is_help=True)
    commands.command()(check)
    commands.command()(enforce)
    commands.command()(show)
    app.add_typer(commands, name="protocol")


def check(file: FileArgument = EXAMPLE, as_json: JsonOption = False) -> None:
    """Look a protocol over for contradictions, without touching a gateway."""
    output = Output(as_json)
    protocol = _read(file)
    output.result({"version": protocol.version, "digest": protocol.digest.hex(), "problems": []})
    output.say(f"{protocol.title}, version {protocol.version}: no contradictions", style="bold")
    _show_flows(output, protocol)


def enforce(
    file: FileArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Put a checked protocol in force; every earlier version stays on record."""
    output = Output(as_json)
    protocol = _read(file)

    async def work(engine: AsyncEngine) -> Effect:
        return await put_in_force(engine, protocol.version, protocol.digest, protocol.text)

    try:
        effect = on_database(settings_of(home), work)
    except VersionTakenError:
        raise Failure(
            f"version {protocol.version} is on record with another text",
            "a version is never edited: give the file a new `versie`",
        ) from None
    output.result(
        {
            "version": protocol.version,
            "digest": protocol.digest.hex(),
            "effect": effect.value,
        }
    )
    output.say(f"version {protocol.version} {_EFFECTS[effect]}")


def show(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show the protocol in force: every admitted flow, why, and with which fields."""
    output = Output(as_json)
    stored: StoredProtocol = on_database(settings_of(home), stored_in_force)
    protocol = load(stored.text)
    output.result(
        {
            "version": stored.version,
            "digest": stored.digest.hex(),
            "inForceFrom": stored.in_force_from.isoformat(),
            "text": stored.text,
        }
    )
    output.say(f"{protocol.title}, version {stored.version}", style="bold")
    output.say(f"in force since {stored.in_force_from:%Y-%m-%d %H:%M} UTC")
    output.say(f"digest {stored.digest.hex()}", style="dim")
    _show_flows(output, protocol)


def _read(file: Path) -> Protocol:
    try:
        return load(file.read_text(encoding="utf-8"))
    except ProtocolError as error:
        raise Failure(
            f"{file}: the protocol contradicts itself\n  " + "\n  ".join(error.problems),
            "correct these and check again; nothing was changed",
            NOT_DONE,
            {"problems": error.problems},
        ) from None
    except UnicodeDecodeError:
        raise Failure(f"{file} is not UTF-8 text", "save it as UTF-8") from None


def _show_flows(output: Output, protocol: Protocol) -> None:
    for flow in protocol.flows:
        output.say()
        output.say(
            f"{flow.id}: {flow.message} from {flow.sender} to {flow.recipient}", style="bold"
        )
        for name, told in _reasons(flow, protocol):
            output.say(f"  {name:16} {told}")


def _reasons(flow: Flow, protocol: Protocol) -> list[tuple[str, str]]:
    locks, covenant = flow.locks, protocol.covenants[flow.covenant]
    agreement = locks.agreement
    asked = f"required of {agreement.household}" if agreement.required else "not asked"
    rows = [
        ("purpose", protocol.purposes[flow.purpose].description),
        ("basis", f"{locks.basis.kind}: {locks.basis.article}"),
        ("covenant", f"{covenant.title}, {covenant.starts} to {covenant.ends}"),
        ("agreement", asked),
    ]
    if locks.secrecy is not None:
        rows.append(("secrecy", locks.secrecy.article))
    if locks.bsn is not None:
        rows.append(("BSN", locks.bsn.article))
    rows += [("special", f"{ground.special}: {ground.article}") for ground in locks.special]
    for treatment in Treatment:
        named = sorted(path for path, given in flow.fields.items() if given is treatment)
        if named:
            rows.append((treatment.value, ", ".join(named)))
    return rows
