"""What the commands that check a log are told: verifier keys, older checkpoints, an entry's hash.

Keys come from whoever checks. Those of witnesses may stand among them; what kind a key is stands
in the key itself.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gateway.audit.merkle import HASH_SIZE
from gateway.audit.note import KeyKind, NoteError, parse_vkey
from gateway.cli.failures import WRONGLY_ASKED, Failure

KeyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--key",
        metavar="VKEY",
        help="The verifier key of the log, of its series, or of a witness, from a source you"
        " trust.",
    ),
]
KeyFileOption = Annotated[
    Path | None,
    typer.Option("--key-file", metavar="FILE", help="A file with a verifier key on each line."),
]
QuorumOption = Annotated[
    int,
    typer.Option("--quorum", min=0, max=100, help="How many of the witnesses must have cosigned."),
]
_MAX_FILE = 1_000_000


def verifier_keys(key: Sequence[str] | None, key_file: Path | None) -> list[str]:
    """The keys that were given, each in good form. Raises `Failure`."""
    given = [
        *(key or ()),
        *(contents_of(key_file).decode(errors="replace").split("\n") if key_file else ()),
    ]
    vkeys = [line.strip() for line in given if line.strip()]
    for vkey in vkeys:
        try:
            parse_vkey(vkey)
        except NoteError as error:
            remedy = "a key looks like sluis/.../verwerkingen+1a2b3c4d+AbC..., in one piece"
            raise Failure(f"a verifier key will not do: {error}", remedy, WRONGLY_ASKED) from error
    return vkeys


def needed_keys(key: Sequence[str] | None, key_file: Path | None, quorum: int = 0) -> list[str]:
    """The same for a command that can do nothing without, nor with too few witnesses."""
    vkeys = verifier_keys(key, key_file)
    keys = [parse_vkey(vkey) for vkey in vkeys]
    if all(each.kind is not KeyKind.ED25519 for each in keys):
        raise Failure("there is nothing to verify with", "give --key or --key-file", WRONGLY_ASKED)
    witnesses = {each.public for each in keys if each.kind is not KeyKind.ED25519}
    if len(witnesses) < quorum:
        told = f"{quorum} witnesses are asked for, and the keys of {len(witnesses)} were given"
        raise Failure(told, "give each witness's verifier key with --key", WRONGLY_ASKED)
    return vkeys


def contents_of(path: Path, most: int = _MAX_FILE) -> bytes:
    """The beginning of a file of the checker's own: of what is longer, nothing could be read."""
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        told = f"{path} cannot be read: {error.strerror}"
        raise Failure(told, "name a file", WRONGLY_ASKED) from None


def leaf_hash_of(text: str) -> bytes:
    """A leaf hash as a receipt or a person writes it. Raises `Failure`."""
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
