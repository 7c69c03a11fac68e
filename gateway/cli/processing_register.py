"""`sluis protocol register`: the register of processing activities, from all versions on record."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from consent.processing_register import (
    Activity,
    PartyName,
    activities,
    register_csv,
    register_json,
)
from gateway.cli.database import on_database, settings_of
from gateway.cli.failures import Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output
from gateway.cli.versions import shown
from gateway.reports.projections.register import history_of
from gateway.store.partners import list_partners
from gateway.store.protocols import StoredProtocol, all_protocols
from gateway.store.rules import NoProtocolError


def register(commands: typer.Typer) -> None:
    """Mount this module's command below `sluis protocol`."""
    commands.command("register")(show_register)


def show_register(
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write it as a spreadsheet file.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """The register of GDPR article 30, from the protocol in force and all versions before it."""
    output = Output(as_json)

    async def read(engine: AsyncEngine) -> tuple[list[StoredProtocol], dict[str, PartyName]]:
        partners = await list_partners(engine)
        names = {one.id: PartyName(one.name, one.oin) for one in partners}
        return await all_protocols(engine), names

    stored, parties = on_database(settings_of(home), read)
    history, unread = history_of(stored, datetime.now(UTC))
    found = activities(history)
    if not found:
        raise NoProtocolError("no privacy protocol is in force")
    output.result(register_json(found, parties) | {"unreadableVersions": unread})
    if csv is not None:
        _write(csv, register_csv(found, parties))
        output.say(f"{len(found)} rows written to {csv}")
    else:
        _show(output, found, parties)
    for version in unread:
        output.aside(f"version {version} is in a form of before this release, and is left out")


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise Failure(f"{path} is there already", "name another file, or remove it") from None


def _show(output: Output, found: list[Activity], parties: dict[str, PartyName]) -> None:
    rows = [
        (
            one.flow.id,
            _name(one.flow.recipient, parties),
            one.purpose,
            ", ".join(one.protocols),
            shown(one.since),
            "" if one.until is None else shown(one.until),
        )
        for one in found
    ]
    output.table(("Activity", "Recipient", "Purpose", "Versions", "From", "Until"), rows)
    output.say()
    output.say("All columns of article 30: --csv FILE, or --json.", "dim")


def _name(party: str, parties: dict[str, PartyName]) -> str:
    return parties[party].name if party in parties else party
