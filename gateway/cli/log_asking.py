"""Asking a gateway for its evidence as a partner: what the commands on the log have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from gateway.audit.folder import FolderError, Progress
from gateway.audit.merkle import ProofError
from gateway.audit.note import NoteError, encode_base64
from gateway.audit.tiles import TileError
from gateway.cli.evidence import Fetched, Keys
from gateway.cli.exchange import credentials_of
from gateway.cli.failures import NOT_DONE, Failure
from gateway.cli.output import Steps, amount
from gateway.client import AsyncSluis
from gateway.client.logbook import LogName

LogOption = Annotated[
    LogName,
    typer.Option(
        "--log", help="Which log; `beschermd` is for a supervisor of protected exchanges."
    ),
]
VolumeOption = Annotated[
    str | None,
    typer.Option("--volume", metavar="NAME", help="Which volume, such as 2026; else the open one."),
]
T = TypeVar("T")


def with_client(home: Path, partner: str, ask: Callable[[AsyncSluis], Awaitable[T]]) -> T:
    """What was asked, answered to this partner."""
    credentials = credentials_of(home, partner)

    async def run() -> T:
        async with AsyncSluis(credentials) as client:
            return await ask(client)

    return asyncio.run(run())


def bar_of(steps: Steps, step: str) -> Progress:
    """A bar that counts entries."""

    def move(done: int, total: int) -> None:
        steps.move(step, done, total, f"{amount(done)} of {amount(total)} entries")

    return move


@contextmanager
def told_as_failures() -> Iterator[None]:
    """What the gateway sent does not hold together; the messages name rules, never contents."""
    try:
        yield
    except FolderError as error:
        raise Failure(str(error), "name another folder, or fetch again", NOT_DONE) from error
    except (NoteError, ProofError, TileError) as error:
        remedy = "ask the gateway's operator, and keep what you have: this should not be"
        raise Failure(f"the gateway's evidence does not hold: {error}", remedy) from error


def evidence_json(keys: Keys, fetched: Fetched) -> dict[str, object]:
    """A checkpoint and who vouches for it, for `--json`."""
    stated = fetched.checkpoint
    return {
        "origin": stated.origin,
        "size": stated.size,
        "root": encode_base64(stated.root),
        "checkpoint": fetched.signed.decode(),
        "keys": [each.encode() for each in keys.verifiers],
        "keysAreOwn": keys.are_own,
    }


def by_whom(keys: Keys) -> str:
    """Whose word it is, for people."""
    if keys.are_own:
        return "signed under the key that you gave"
    stated = " ".join(each.encode() for each in keys.verifiers)
    return f"signed under the gateway's own word for its key, {stated}: compare it elsewhere"
