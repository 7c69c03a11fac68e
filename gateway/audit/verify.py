"""Offline verification of a log, in five steps.

1. The checkpoint is signed under a key that the verifier brings, and cosigned by as many witnesses
   as the verifier asks for.
2. The tree is whole: every entry hashes to its leaf, every tile to its parent, all of it to the
   signed root, and a folder holds no other files.
3. Each older checkpoint that the verifier brings is of the same log, and its root is that of our
   first entries: nothing was rewritten or rolled back since.
4. Every entry is canonical JSON (RFC 8785, the subset of `entry`).
5. Every entry has an id, and no two have the same.

Besides, entries that bear an earlier time than what stands before them are told (`screen`).

Rules: RFC 6962, C2SP tlog-tiles and tlog-checkpoint. The tree is walked from the signed root
down, so that no byte of an entry is parsed before the signature is known to cover it; steps 2, 4
and 5 still take one pass. The first broken step is the one reported. Memory is one bundle, one
tile a level, and 8 bytes an entry for step 5. Failures name step, file and index, never contents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from gateway.audit.checkpoint import Checkpoint, VerifiedCheckpoint
from gateway.audit.entry import EntryError, decode_entry
from gateway.audit.folder import CHECKPOINT_FILE, FolderReader, Progress
from gateway.audit.note import NoteError, VerifiedSignature, VerifierKey, parse_vkey
from gateway.audit.proofs import tree_root
from gateway.audit.screen import BackDated, EntryScreen, Predecessor
from gateway.audit.tiles import TILE_WIDTH, Bundle, TileError, split_bundle
from gateway.audit.trusted import open_trusted
from gateway.audit.walk import LogReader, all_bundles, covered_entries

OLDER_CHECKPOINT = "older checkpoint"


class Step(IntEnum):
    """The steps of verification, as numbered above; the last is that of `chain`."""

    SIGNATURE = 1
    TREE = 2
    OLDER = 3
    CANONICAL = 4
    UNIQUE = 5
    CHAIN = 6


class VerificationError(Exception):
    """The log does not verify: at which step, in which file, at which entry, by which rule."""

    def __init__(self, step: Step, file: str, index: int | None, rule: str) -> None:
        where = file if index is None else f"{file}, entry {index}"
        super().__init__(f"step {step} ({step.name.lower()}): {where}: {rule}")
        self.step = step
        self.file = file
        self.index = index
        self.rule = rule


@dataclass(frozen=True, slots=True)
class VerifiedLog:
    """What a verified log holds: its state, its witnesses, and its entries by event."""

    origin: str
    size: int
    root: bytes
    cosignatures: tuple[VerifiedSignature, ...]
    events: Mapping[str, int]
    predecessors: tuple[Predecessor, ...] = ()
    back_dated: BackDated | None = None


def verify_folder(
    path: Path,
    vkeys: Sequence[str],
    *,
    older_checkpoint: bytes | None = None,
    quorum: int = 0,
    progress: Progress | None = None,
    id_field: str = "id",
) -> VerifiedLog:
    """Verify a log folder under keys from elsewhere; `VerificationError` where it does not hold.

    `NoteError` is for the verifier's own keys: one of them is malformed. `progress` is called
    with the entries done and the entries in all.
    """
    keys = [parse_vkey(vkey) for vkey in vkeys]
    olders = [] if older_checkpoint is None else [older_checkpoint]
    reader = FolderReader(path)
    return verify_log(reader, keys, olders, quorum=quorum, progress=progress, id_field=id_field)


def verify_log(
    reader: LogReader,
    keys: Sequence[VerifierKey],
    olders: Sequence[bytes] = (),
    *,
    quorum: int = 0,
    progress: Progress | None = None,
    id_field: str | None = "id",
) -> VerifiedLog:
    """The same wherever the log lies; without an id field, its entries may be anything."""
    opened = _open_checkpoint(reader, keys, quorum)
    checkpoint = opened.checkpoint
    screen = None if id_field is None else EntryScreen(id_field, _witnessed(olders, keys))
    for bundle, entries in _covered(reader, checkpoint):
        if screen is not None:
            screen.look_at(bundle, entries)
        if progress:
            progress(bundle.index * TILE_WIDTH + bundle.width, checkpoint.size)
    for older in olders:
        _check_older(reader, checkpoint, older, keys)
    if screen is not None:
        _conclude(screen, reader, checkpoint.size)
    return VerifiedLog(
        checkpoint.origin,
        checkpoint.size,
        checkpoint.root,
        opened.cosignatures,
        dict(screen.events) if screen else {},
        tuple(screen.predecessors) if screen else (),
        screen.back_dated() if screen else None,
    )


def _open_checkpoint(
    reader: LogReader, keys: Sequence[VerifierKey], quorum: int
) -> VerifiedCheckpoint:
    """Step 1."""
    try:
        return open_trusted(reader.checkpoint(), keys, quorum)
    except TileError as error:
        raise VerificationError(Step.SIGNATURE, CHECKPOINT_FILE, None, error.rule) from error
    except NoteError as error:
        raise VerificationError(Step.SIGNATURE, CHECKPOINT_FILE, None, str(error)) from error


def _witnessed(olders: Sequence[bytes], keys: Sequence[VerifierKey]) -> dict[int, int]:
    """When witnesses saw the log at the sizes of the older checkpoints, in milliseconds."""
    seen: dict[int, int] = {}
    for signed in olders:
        try:
            opened = open_trusted(signed, keys)
        except NoteError:
            continue  # step 3 says so, when its turn has come
        times = [1000 * (each.timestamp or 0) for each in opened.cosignatures]
        seen[opened.checkpoint.size] = max(seen.get(opened.checkpoint.size, 0), *times, 0)
    return seen


def _covered(reader: LogReader, checkpoint: Checkpoint) -> Iterator[tuple[Bundle, list[bytes]]]:
    """Step 2."""
    try:
        yield from covered_entries(reader, checkpoint)
    except TileError as error:
        raise VerificationError(Step.TREE, error.file, error.index, error.rule) from error


def _check_older(
    reader: LogReader, checkpoint: Checkpoint, signed: bytes, keys: Sequence[VerifierKey]
) -> None:
    """Step 3, on the tiles that step 2 found to be those of our entries."""
    try:
        older = open_trusted(signed, keys).checkpoint
        if older.origin != checkpoint.origin:
            raise NoteError("the older checkpoint is of another log")
        if older.size > checkpoint.size:
            raise NoteError("the older checkpoint states more entries than the log has")
        if tree_root(reader, older.size, held=checkpoint.size) != older.root:
            raise NoteError("the log's first entries are not those of the older checkpoint")
    except TileError as error:
        raise VerificationError(Step.OLDER, error.file, None, error.rule) from error
    except NoteError as error:
        raise VerificationError(Step.OLDER, OLDER_CHECKPOINT, None, str(error)) from error


def _conclude(screen: EntryScreen, reader: LogReader, size: int) -> None:
    """Steps 4 and 5, in that order, of what the screen saw."""
    for step, flaw in ((Step.CANONICAL, screen.not_canonical), (Step.UNIQUE, screen.without_id)):
        if flaw is not None:
            raise VerificationError(step, *flaw)
    doubtful = screen.doubtful()
    if doubtful:
        for bundle in all_bundles(size):
            _look_again(reader, bundle, doubtful, screen.id_field)


def _look_again(
    reader: LogReader, bundle: Bundle, doubtful: dict[int, set[str]], id_field: str
) -> None:
    # The bits alone accuse nobody: only an id that is really there twice is a failure.
    try:
        entries = split_bundle(reader.read(bundle), bundle)
        ids = [str(decode_entry(entry)[id_field]) for entry in entries]
    except (TileError, EntryError, KeyError) as error:
        rule = "the file changed while it was being verified"
        raise VerificationError(Step.UNIQUE, bundle.path, None, rule) from error
    for index, entry_id in enumerate(ids, bundle.index * TILE_WIDTH):
        known = doubtful.get(hash(entry_id))
        if known is None:
            continue
        if entry_id in known:
            rule = "the entry's id stands earlier in the log"
            raise VerificationError(Step.UNIQUE, bundle.path, index, rule)
        known.add(entry_id)
