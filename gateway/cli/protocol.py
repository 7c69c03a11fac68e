"""`sluis protocol`: look a privacy protocol over, and show the one that is in force.

The other commands below `sluis protocol` stand in modules of their own and are mounted here.
"""

from __future__ import annotations

from typing import Annotated

import typer

from consent.protocol import Flow, Protocol, load
from gateway.cli import (
    approval,
    comparing,
    explaining,
    informing,
    processing_register,
    simulation,
    version_list,
)
from gateway.cli.database import on_database, settings_of
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.versions import find
from gateway.store.protocols import StoredProtocol
from gateway.store.protocols import protocol_in_force as stored_in_force
from schemas.fields import Treatment

_OTHERS = (
    comparing,
    simulation,
    approval,
    version_list,
    explaining,
    processing_register,
    informing,
)


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    commands = typer.Typer(help="The privacy protocol.", no_args_is_help=True)
    commands.command()(show)
    for module in _OTHERS:
        module.register(commands)
    app.add_typer(commands, name="protocol")


def show(
    named: Annotated[
        str | None,
        typer.Argument(metavar="[VERSION|FILE]", help="Another than the one in force."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show the protocol in force: every admitted flow, why, and with which fields."""
    output = Output(as_json)
    if named is not None:
        _show_other(output, find(named, home))
        return
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


def _show_other(output: Output, protocol: Protocol) -> None:
    output.result(
        {
            "version": protocol.version,
            "digest": protocol.digest.hex(),
            "inForceFrom": None,
            "text": protocol.text,
        }
    )
    output.say(f"{protocol.title}, version {protocol.version}", style="bold")
    output.say(f"digest {protocol.digest.hex()}", style="dim")
    _show_flows(output, protocol)


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
