"""`sluis backup` and `sluis restore`: the embedded database in one file, while it runs, and back.

The file is PostgreSQL's own dump, of one moment, by the programs that came with the database. Keys
and journal are not in it, on purpose: with the keys it would be everything in clear, and a journal
that is put back with the database forgets what the database forgets. An operator's own PostgreSQL
is backed up with its own means.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.audit.access import Action, Target
from gateway.cli.database import Doing, on_database, settings_of
from gateway.cli.failures import NOT_DONE, WRONGLY_ASKED, Failure, failure_of
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, size
from gateway.settings import PREFIX, Settings
from gateway.store.database import KeptServer, database_folder
from gateway.store.embedded.binaries import find_binaries
from gateway.telemetry import Telemetry


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    file: Annotated[Path, typer.Argument(help="Where the backup goes; not there yet.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Back up the embedded database, while it runs. Keys and journal are kept elsewhere."""
    output, settings = Output(as_json), settings_of(home)
    _require_embedded(settings)
    if file.exists():
        raise Failure(f"{file} is there already", "name another file", WRONGLY_ASKED)

    async def work(engine: AsyncEngine) -> None:
        await asyncio.to_thread(_dump, _address(engine), file)

    on_database(settings, work, Doing(Action.EXECUTE, Target("database", "backup")))
    output.result({"file": str(file), "bytes": file.stat().st_size})
    output.say(f"{size(file.stat().st_size)} in {file}")
    output.aside("keys and journal are not in it: keep the keys apart, the journal where it is")


def restore(
    file: Annotated[Path, typer.Argument(help="What `sluis backup` made.", exists=True)],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Put a backup in the place of a database that is gone; then `sluis recover`."""
    output, settings = Output(as_json), settings_of(home)
    _require_embedded(settings)
    folder = database_folder(settings.home)
    if folder.exists():
        remedy = f"stop the gateway and move {folder} aside, or away if it is of no more use"
        raise Failure("there is a database in its place", remedy, WRONGLY_ASKED)

    async def work() -> None:
        async with KeptServer(folder, Telemetry()) as server:
            await asyncio.to_thread(_load, server.addresses.dsn, file)

    asyncio.run(work())
    output.result({"file": str(file), "folder": str(folder)})
    output.say(f"{file} is in {folder}.")
    output.aside("next: `sluis recover`, before anything is served")


def _require_embedded(settings: Settings) -> None:
    if settings.database_url is not None:
        raise Failure(
            f"{PREFIX}DATABASE_URL names a PostgreSQL of your own",
            "back it up and put it back with its own means; see docs/operating.md",
            WRONGLY_ASKED,
        )


def _address(engine: AsyncEngine) -> str:
    url = engine.url.set(drivername="postgresql")
    return url.render_as_string(hide_password=False)


def _dump(address: str, file: Path) -> None:
    """All or nothing: the file has its name once it is on disk."""
    try:
        _write(address, file)
    except OSError as error:
        # Told here: further up, an `OSError` is a database that does not answer.
        failure = failure_of(error)
        raise error if failure is None else failure from None


def _write(address: str, file: Path) -> None:
    draft = file.with_name(f"{file.name}.deel")
    with draft.open("xb") as target:
        try:
            os.fchmod(target.fileno(), 0o600)
            _run("pg_dump", ["--format=custom", "--no-owner", address], stdout=target.fileno())
            os.fsync(target.fileno())
        except BaseException:
            draft.unlink()
            raise
    draft.replace(file)
    _sync_folder(file.parent)


def _load(address: str, file: Path) -> None:
    with file.open("rb") as source:
        arguments = ["--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={address}"]
        _run("pg_restore", arguments, stdin=source.fileno())


def _run(
    program: str,
    arguments: list[str],
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
) -> None:
    command = [str(find_binaries().program(program)), "--no-password", *arguments]
    # What it says of an error may quote a value; its status is enough, and the remedy the same.
    ended = subprocess.run(  # noqa: S603  # our own words; the address is ours, the files are open
        command, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL, check=False
    )
    if ended.returncode != 0:
        remedy = "see to the disk's room, and whether the file is one that `sluis backup` made"
        raise Failure(f"{program} ended with status {ended.returncode}", remedy, NOT_DONE)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
