"""How a command reads of which person it is asked: from a file or standard input, by their BSN."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.pseudonyms.domains import Handles
from gateway.pseudonyms.person_file import NoBsnError, handle_in

STDIN = Path("-")
PersonOption = Annotated[
    Path | None,
    typer.Option(
        "--person",
        metavar="FILE",
        help="A file that holds the person's BSN; - reads it from stdin.",
    ),
]
_LONGEST = 64


def read_person(file: Path) -> str:
    """What the file holds; for `-` the first line of standard input. Raises `OSError`."""
    if file == STDIN:
        return sys.stdin.readline(_LONGEST)
    with file.open(encoding="utf-8", errors="replace") as opened:
        return opened.read(_LONGEST)


def person_handle(file: Path, handles: Handles) -> bytes:
    """The handle of the person whose BSN the file holds. Raises `Failure`, without the value."""
    try:
        return handle_in(read_person(file), handles)
    except NoBsnError as error:
        # Not `from`: nothing of what was read may go along.
        remedy = "put the nine digits in it, and nothing else"
        raise Failure(f"the person's file: {error}", remedy, WRONGLY_ASKED) from None
