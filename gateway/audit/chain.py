"""The volumes of one log, verified together (step 6 of verification).

A series of a log is a chain of volumes, each a log of its own with its own origin. Every volume
but the first holds an entry that names the one before: its origin, and its size and root at its
end (`volumes`). So who keeps a checkpoint of the newest volume can hold all of them to it: none is
missing between two others, none was altered or cut after it was closed, and no volume has two
successors.

Where a database was put back, what had been published of the volume before is partly gone; the
entry then names both what was published and what was left (`restored`). A folder of either holds,
and the cut is told.

Volumes are recognised by their origins, in whatever order and under whatever folder names they
come. The first of those given may itself follow one that is not given; that is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gateway.audit.folder import CHECKPOINT_FILE, FolderReader, Progress, printable
from gateway.audit.note import NoteError, VerifierKey, encode_base64, parse_vkey
from gateway.audit.tiles import TileError
from gateway.audit.trusted import claimed_origin
from gateway.audit.verify import (
    OLDER_CHECKPOINT,
    Step,
    VerificationError,
    VerifiedLog,
    verify_log,
)


class Cut(NamedTuple):
    """A volume of which entries were lost after they were published, when a database was put back.

    `published` and `left` are its sizes.
    """

    origin: str
    published: int
    left: int


@dataclass(frozen=True, slots=True)
class VerifiedChain:
    """The volumes, first to last, and the origin that the first follows if it is not among them."""

    volumes: tuple[VerifiedLog, ...]
    before: str | None
    cuts: tuple[Cut, ...] = ()


def volume_folders(folders: Sequence[Path]) -> list[Path]:
    """The log folders among these: each itself, or the volumes that it holds."""
    found: list[Path] = []
    for folder in folders:
        inner = sorted(each.parent for each in folder.glob(f"*/{CHECKPOINT_FILE}"))
        found += inner if inner and not (folder / CHECKPOINT_FILE).exists() else [folder]
    return found


def verify_volumes(
    folders: Sequence[Path],
    vkeys: Sequence[str],
    olders: Sequence[bytes] = (),
    *,
    quorum: int = 0,
    progress: Progress | None = None,
) -> VerifiedChain:
    """Verify log folders as the volumes of one log; `VerificationError` where they are not.

    Each older checkpoint is held against the volume that it is of. `NoteError` is for the
    verifier's own keys.
    """
    keys = [parse_vkey(vkey) for vkey in vkeys]
    if len(folders) == 1:
        log = verify_log(FolderReader(folders[0]), keys, olders, quorum=quorum, progress=progress)
        return chained([log])
    by_origin: dict[str, Path] = {}
    for folder in folders:
        if by_origin.setdefault(_origin_of(folder), folder) != folder:
            raise _broken(folder.name, "the volume is there twice")
    own: dict[str, list[bytes]] = {origin: [] for origin in by_origin}
    for signed in olders:
        origin = _claimed(signed)
        if origin not in own:
            rule = "the older checkpoint is of another log"
            raise VerificationError(Step.OLDER, OLDER_CHECKPOINT, None, rule)
        own[origin].append(signed)
    verified = [
        _verify_volume(folder, keys, own[origin], quorum, progress)
        for origin, folder in by_origin.items()
    ]
    return chained(verified)


def _origin_of(folder: Path) -> str:
    try:
        return claimed_origin(FolderReader(folder).checkpoint())
    except (TileError, NoteError) as error:
        raise VerificationError(
            Step.SIGNATURE, f"{printable(folder.name)}/{CHECKPOINT_FILE}", None, str(error)
        ) from error


def _claimed(signed: bytes) -> str:
    try:
        return claimed_origin(signed)
    except NoteError as error:
        raise VerificationError(Step.OLDER, OLDER_CHECKPOINT, None, str(error)) from error


def _verify_volume(
    folder: Path,
    keys: Sequence[VerifierKey],
    olders: Sequence[bytes],
    quorum: int,
    progress: Progress | None,
) -> VerifiedLog:
    try:
        return verify_log(FolderReader(folder), keys, olders, quorum=quorum, progress=progress)
    except VerificationError as error:
        where = f"{printable(folder.name)}/{error.file}"
        raise VerificationError(error.step, where, error.index, error.rule) from error


def chained(logs: Sequence[VerifiedLog]) -> VerifiedChain:
    """The logs in their order, once each but the first names the one before."""
    by_origin = {log.origin: log for log in logs}
    successor: dict[str, VerifiedLog] = {}
    outside: dict[str, str] = {}
    for log in logs:
        for named in log.predecessors:
            ends = named.ends()
            earlier = next((by_origin[each] for each in ends if each in by_origin), None)
            if earlier is None:
                outside[log.origin] = named.origin
                continue
            if (earlier.size, encode_base64(earlier.root)) not in ends[earlier.origin]:
                rule = "the volume is not what the one after it says that it was at its end"
                raise _broken(earlier.origin, rule)
            if successor.setdefault(earlier.origin, log) is not log:
                raise _broken(log.origin, "a volume has two successors")
    first = [log for log in logs if log.origin not in {each.origin for each in successor.values()}]
    if len(first) != 1:
        raise _broken("volumes", "they are not one chain: a volume names none of them")
    ordered = first
    while ordered[-1].origin in successor:
        ordered.append(successor[ordered[-1].origin])
    return VerifiedChain(tuple(ordered), outside.get(ordered[0].origin), _cuts(ordered))


def _cuts(logs: Sequence[VerifiedLog]) -> tuple[Cut, ...]:
    """What the entries say that was lost, each volume once."""
    named = [one for log in logs for one in log.predecessors]
    return tuple(
        dict.fromkeys(
            Cut(one.origin, one.size, 0 if one.restored_origin else one.restored[0])
            for one in named
            if one.restored is not None
            and (one.restored_origin or one.restored != (one.size, one.root))
        )
    )


def _broken(where: str, rule: str) -> VerificationError:
    return VerificationError(Step.CHAIN, printable(where), None, rule)
