"""`sluis log`: fetch a gateway's log, and check it; checking needs no gateway.

`verify` is for whoever does not believe us: it runs offline, on a folder, under keys that were
obtained elsewhere.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from gateway.audit.folder import FolderError, Progress
from gateway.audit.merkle import HASH_SIZE, ProofError
from gateway.audit.note import NoteError, encode_base64, parse_vkey
from gateway.audit.tiles import TileError
from gateway.audit.verify import VerificationError, VerifiedLog, verify_folder
from gateway.cli.evidence import (
    Fetched,
    Keys,
    Proven,
    export_log,
    fetch_checkpoint,
    keys_of,
    prove_entry,
)
from gateway.cli.exchange import PartnerOption, credentials_of
from gateway.cli.failures import NOT_DONE, NOT_NOW, WRONGLY_ASKED, Failure
from gateway.cli.output import DEFAULT_HOME, HomeOption, JsonOption, Output, Steps, amount
from gateway.client import AsyncSluis, Declined
from gateway.client.logbook import LogName

KeyOption = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="VKEY", help="The log's verifier key, from a source you trust."),
]
KeyFileOption = Annotated[
    Path | None,
    typer.Option("--key-file", metavar="FILE", help="A file with a verifier key on each line."),
]
LogOption = Annotated[
    LogName,
    typer.Option(
        "--log", help="Which log; `beschermd` is for a supervisor of protected exchanges."
    ),
]
_MAX_FILE = 1_000_000

T = TypeVar("T")


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    commands = typer.Typer(
        name="log", help="Fetch, check and prove the log (logboek).", no_args_is_help=True
    )
    for command in (export, verify, checkpoint, prove):
        commands.command()(command)
    app.add_typer(commands)


def export(
    folder: Annotated[Path, typer.Argument(help="Where the log goes; it may not exist yet.")],
    partner: PartnerOption,
    log: LogOption = LogName.PROCESSING,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Fetch the whole log into a folder that anyone can verify."""
    output = Output(as_json)
    if folder.exists():
        raise Failure(f"{folder} is there already", "name another folder", WRONGLY_ASKED)
    with output.progress() as steps, _told_as_failures():
        done = _with_client(
            home,
            partner,
            lambda client: export_log(client, folder, _bar(steps, "Fetching"), log),
        )
    told = {"folder": str(folder), "origin": done.origin, "size": done.size}
    output.result(told | {"root": encode_base64(done.root)})
    output.say(f"{amount(done.size)} entries in {folder}")
    output.aside(f"check them: sluis log verify {folder} --key VKEY")


def verify(
    folder: Annotated[Path, typer.Argument(help="An exported log.", exists=True, file_okay=False)],
    key: KeyOption = None,
    key_file: KeyFileOption = None,
    older: Annotated[
        Path | None,
        typer.Option(
            metavar="CHECKPOINT", help="An earlier checkpoint that you kept: must be extended."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check an exported log, offline. Status 1, and the step that failed, if it does not hold."""
    output = Output(as_json)
    vkeys = _keys(key, key_file)
    if not vkeys:
        raise Failure("there is nothing to verify with", "give --key or --key-file", WRONGLY_ASKED)
    older_checkpoint = None if older is None else _contents(older)
    try:
        with output.progress() as steps:
            bar = _bar(steps, "Verifying")
            verified = verify_folder(folder, vkeys, older_checkpoint=older_checkpoint, progress=bar)
    except VerificationError as error:
        raise _not_verified(error) from error
    _show_verified(output, verified, is_extension=older is not None)


def checkpoint(
    partner: PartnerOption,
    log: LogOption = LogName.PROCESSING,
    key: KeyOption = None,
    key_file: KeyFileOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Print the newest signed checkpoint. Keep it: no later log can deny it (verify --older)."""
    output = Output(as_json)
    vkeys = _keys(key, key_file)

    async def fetch(client: AsyncSluis) -> tuple[Keys, Fetched]:
        keys = await keys_of(client, vkeys, log)
        return keys, await fetch_checkpoint(client, keys, log)

    with _told_as_failures():
        keys, fetched = _with_client(home, partner, fetch)
    output.result(_as_json(keys, fetched))
    output.say(fetched.signed.decode().removesuffix("\n"))
    output.aside(f"entries: {amount(fetched.checkpoint.size)}; {_by_whom(keys)}")


def prove(
    leaf_hash: Annotated[str, typer.Argument(help="The leaf hash (bladhash) of a receipt.")],
    partner: PartnerOption,
    log: LogOption = LogName.PROCESSING,
    key: KeyOption = None,
    key_file: KeyFileOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Prove that the entry of a receipt stands in the log."""
    output = Output(as_json)
    vkeys, leaf = _keys(key, key_file), _leaf_hash(leaf_hash)

    async def fetch(client: AsyncSluis) -> tuple[Keys, Proven]:
        keys = await keys_of(client, vkeys, log)
        return keys, await prove_entry(client, leaf, keys, log)

    try:
        with _told_as_failures():
            keys, proven = _with_client(home, partner, fetch)
    except Declined as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        remedy = "a new entry is in one within a second; otherwise it is not in this log"
        raise Failure("no checkpoint holds this entry", remedy, NOT_NOW) from error
    path = [encode_base64(step) for step in proven.path]
    told = {"leafHash": encode_base64(leaf), "index": proven.index, "path": path}
    output.result(told | _as_json(keys, proven.fetched))
    size = proven.fetched.checkpoint.size
    output.say(f"proven: at index {amount(proven.index)} in a log of {amount(size)} entries")
    output.aside(_by_whom(keys))


def _with_client(home: Path, partner: str, ask: Callable[[AsyncSluis], Awaitable[T]]) -> T:
    credentials = credentials_of(home, partner)

    async def run() -> T:
        async with AsyncSluis(credentials) as client:
            return await ask(client)

    return asyncio.run(run())


def _bar(steps: Steps, step: str) -> Progress:
    def move(done: int, total: int) -> None:
        steps.move(step, done, total, f"{amount(done)} of {amount(total)} entries")

    return move


@contextmanager
def _told_as_failures() -> Iterator[None]:
    """What the gateway sent does not hold together; the messages name rules, never contents."""
    try:
        yield
    except FolderError as error:
        raise Failure(str(error), "name another folder, or fetch again", NOT_DONE) from error
    except (NoteError, ProofError, TileError) as error:
        remedy = "ask the gateway's operator, and keep what you have: this should not be"
        raise Failure(f"the gateway's evidence does not hold: {error}", remedy) from error


def _keys(key: Sequence[str] | None, key_file: Path | None) -> list[str]:
    given = [
        *(key or ()),
        *(_contents(key_file).decode(errors="replace").split("\n") if key_file else ()),
    ]
    vkeys = [line.strip() for line in given if line.strip()]
    for vkey in vkeys:
        try:
            parse_vkey(vkey)
        except NoteError as error:
            remedy = "a key looks like sluis/.../verwerkingen+1a2b3c4d+AbC..., in one piece"
            raise Failure(f"a verifier key will not do: {error}", remedy, WRONGLY_ASKED) from error
    return vkeys


def _contents(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAX_FILE)


def _leaf_hash(text: str) -> bytes:
    try:
        if len(text) == 2 * HASH_SIZE:
            return bytes.fromhex(text)
        standard = text.rstrip("=").replace("-", "+").replace("_", "/")
        decoded = base64.b64decode(f"{standard}=", validate=True)
    except (ValueError, binascii.Error):
        decoded = b""
    if len(decoded) != HASH_SIZE:
        remedy = "copy `bladhash` from the receipt (base64, or 64 hexadecimal digits)"
        raise Failure("that is no leaf hash", remedy, WRONGLY_ASKED)
    return decoded


def _as_json(keys: Keys, fetched: Fetched) -> dict[str, object]:
    stated = fetched.checkpoint
    return {
        "origin": stated.origin,
        "size": stated.size,
        "root": encode_base64(stated.root),
        "checkpoint": fetched.signed.decode(),
        "keys": [each.encode() for each in keys.verifiers],
        "keysAreOwn": keys.are_own,
    }


def _by_whom(keys: Keys) -> str:
    if keys.are_own:
        return "signed under the key that you gave"
    stated = " ".join(each.encode() for each in keys.verifiers)
    return f"signed under the gateway's own word for its key, {stated}: compare it elsewhere"


def _show_verified(output: Output, verified: VerifiedLog, *, is_extension: bool) -> None:
    root, events = encode_base64(verified.root), dict(sorted(verified.events.items()))
    told = {"origin": verified.origin, "size": verified.size, "root": root, "events": events}
    witnesses = [each.key.name for each in verified.cosignatures]
    output.result({"verified": True, **told, "extendsOlder": is_extension, "witnesses": witnesses})
    checks = ["signature", "tree", "every entry"] + ["the older checkpoint"] * is_extension
    output.say(f"verified: {', '.join(checks)}", style="green")
    output.say(f"log      {verified.origin}")
    output.say(f"entries  {amount(verified.size)}")
    output.say(f"root     {root}")
    for name in witnesses:
        output.say(f"witness  {name}")
    output.say()
    output.table(("Event", "Entries#"), [(name, amount(count)) for name, count in events.items()])


def _not_verified(error: VerificationError) -> Failure:
    details = {
        "verified": False,
        "step": int(error.step),
        "stepName": error.step.name.lower(),
        "file": error.file,
        "index": error.index,
        "rule": error.rule,
    }
    remedy = "keep this folder as it is, and fetch the log anew: if that fails too, it was altered"
    return Failure(f"NOT VERIFIED at {error}", remedy, NOT_DONE, details)
