"""Whom a verifier believes: keys of logs, keys of whole series, and so many of its witnesses.

Rules: C2SP tlog-checkpoint and tlog-cosignature. A log's key bears the log's origin as its name.
A series of volumes has one key, so a verifier who holds it under the series' name (`sluis/OIN/
verwerkingen`) has it for each volume (`sluis/OIN/verwerkingen/2026`); a key that was handed over
for one volume vouches for that one alone. Witnesses count by their key, not by their name.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.audit.checkpoint import CheckpointError, VerifiedCheckpoint, open_checkpoint
from gateway.audit.note import KeyKind, NoteNotVerifiedError, VerifierKey


def claimed_origin(signed: bytes) -> str:
    """Which log a note says that it is of, for choosing what to hold it against; believe nothing.

    Raises `CheckpointError` where it is no text.
    """
    try:
        return signed.partition(b"\n")[0].decode()
    except UnicodeDecodeError:
        raise CheckpointError("the note is not UTF-8") from None  # the cause carries the note


def keys_for(origin: str, keys: Sequence[VerifierKey]) -> list[VerifierKey]:
    """The keys that may vouch for this log: witnesses, its own, and its series'."""
    series = origin.rpartition("/")[0]
    return [
        VerifierKey(origin, key.kind, key.public)
        if key.kind is KeyKind.ED25519 and key.name == series
        else key
        for key in keys
    ]


def open_trusted(signed: bytes, keys: Sequence[VerifierKey], quorum: int = 0) -> VerifiedCheckpoint:
    """The checkpoint, once its log's key and at least `quorum` different witnesses vouch for it.

    Raises `NoteNotVerifiedError` or `NoteError`.
    """
    opened = open_checkpoint(signed, keys_for(claimed_origin(signed), keys))
    witnesses = {each.key.public for each in opened.cosignatures}
    if len(witnesses) < quorum:
        told = f"{len(witnesses)} of the {quorum} witnesses that were asked for cosigned it"
        raise NoteNotVerifiedError(told)
    return opened
