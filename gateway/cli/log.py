"""`sluis log`: fetch a gateway's log, and check it; checking needs no gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.audit.note import encode_base64
from gateway.cli.evidence import Fetched, Keys, export_log, fetch_checkpoint, keys_of
from gateway.cli.exchange import PartnerOption
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.log_asking import (
    LogOption,
    VolumeOption,
    bar_of,
    by_whom,
    evidence_json,
    told_as_failures,
    with_client,
)
from gateway.cli.log_kept import show_kept
from gateway.cli.log_keys import KeyFileOption, KeyOption, verifier_keys
from gateway.cli.log_prove import prove
from gateway.cli.log_reconcile import reconcile_log
from gateway.cli.log_verify import verify
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, amount
from gateway.cli.search import search
from gateway.client import AsyncSluis
from gateway.client.logbook import LogName


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    commands = typer.Typer(
        name="log", help="Fetch, check and prove the log (logboek).", no_args_is_help=True
    )
    for command in (export, verify, checkpoint, prove, search):
        commands.command()(command)
    commands.command("reconcile")(reconcile_log)
    app.add_typer(commands)


def export(
    folder: Annotated[Path, typer.Argument(help="Where the log goes; it may not exist yet.")],
    partner: PartnerOption,
    log: LogOption = LogName.PROCESSING,
    volume: VolumeOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Fetch a whole volume of the log into a folder that anyone can verify."""
    output = Output(as_json)
    if folder.exists():
        raise Failure(f"{folder} is there already", "name another folder", WRONGLY_ASKED)
    with output.progress() as steps, told_as_failures():
        done = with_client(
            home,
            partner,
            lambda client: export_log(client, folder, bar_of(steps, "Fetching"), log, volume),
        )
    told = {"folder": str(folder), "origin": done.origin, "size": done.size}
    output.result(told | {"root": encode_base64(done.root)})
    output.say(f"{amount(done.size)} entries in {folder}")
    output.aside(f"check them: sluis log verify {folder} --key VKEY")


def checkpoint(
    partner: PartnerOption,
    log: LogOption = LogName.PROCESSING,
    volume: VolumeOption = None,
    key: KeyOption = None,
    key_file: KeyFileOption = None,
    kept: Annotated[
        bool, typer.Option("--kept", help="The newest that this partner's client saw and checked.")
    ] = False,
    witnessed: Annotated[
        bool, typer.Option("--witnessed", help="The newest that enough witnesses cosigned.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Print the newest signed checkpoint. Keep it: no later log can deny it (verify --older)."""
    output = Output(as_json)
    if kept:
        show_kept(home, partner, output)
        return
    vkeys = verifier_keys(key, key_file)

    async def fetch(client: AsyncSluis) -> tuple[Keys, Fetched]:
        keys = await keys_of(client, vkeys, log, volume)
        return keys, await fetch_checkpoint(client, keys, log, volume, is_witnessed=witnessed)

    with told_as_failures():
        keys, fetched = with_client(home, partner, fetch)
    output.result(evidence_json(keys, fetched))
    output.say(fetched.signed.decode().removesuffix("\n"))
    output.aside(f"entries: {amount(fetched.checkpoint.size)}; {by_whom(keys)}")
