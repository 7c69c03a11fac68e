"""Offline verification of a log folder, in five steps.

1. The checkpoint is signed under a key that the verifier brings.
2. The tree is whole: every entry hashes to its leaf, every tile to its parent, all of it to the
   signed root, and the folder holds no other files.
3. An older checkpoint, if the verifier brings one, is of the same log, and its root is that of our
   first entries: nothing was rewritten or rolled back since.
4. Every entry is canonical JSON (RFC 8785, the subset of `entry`).
5. Every entry has an id, and no two have the same.

Rules: RFC 6962, C2SP tlog-tiles and tlog-checkpoint. The tree is walked from the signed root
down, so that no byte of an entry is parsed before the signature is known to cover it; steps 2, 4
and 5 still take one pass. The first broken step is the one reported. Memory is one bundle, one
tile a level, and 8 bytes an entry for step 5. Failures name step, file and index, never contents.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from gateway.audit.checkpoint import Checkpoint, VerifiedCheckpoint, open_checkpoint
from gateway.audit.entry import EntryError, decode_entry
from gateway.audit.folder import CHECKPOINT_FILE, FolderReader, Progress
from gateway.audit.note import NoteError, VerifiedSignature, VerifierKey, parse_vkey
from gateway.audit.proofs import tree_root
from gateway.audit.tiles import TILE_WIDTH, Bundle, TileError, split_bundle
from gateway.audit.walk import all_bundles, covered_entries

OLDER_CHECKPOINT = "older checkpoint"
OTHER_EVENTS = "(other)"
"""Counts the entries whose event name is too long, or one too many, to be listed."""
_MAX_EVENTS = 256
_MAX_EVENT_LENGTH = 80


class Step(IntEnum):
    """The steps of verification, as numbered above."""

    SIGNATURE = 1
    TREE = 2
    OLDER = 3
    CANONICAL = 4
    UNIQUE = 5


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
    """What a verified folder holds: the log's state, its witnesses, and its entries by event."""

    origin: str
    size: int
    root: bytes
    cosignatures: tuple[VerifiedSignature, ...]
    events: Mapping[str, int]


def verify_folder(
    path: Path,
    vkeys: Sequence[str],
    *,
    older_checkpoint: bytes | None = None,
    progress: Progress | None = None,
    id_field: str = "id",
) -> VerifiedLog:
    """Verify a log folder under keys from elsewhere; `VerificationError` where it does not hold.

    `NoteError` is for the verifier's own keys: one of them is malformed. `progress` is called
    with the entries done and the entries in all.
    """
    keys = [parse_vkey(vkey) for vkey in vkeys]
    reader = FolderReader(path)
    opened = _open_checkpoint(reader, keys)
    checkpoint = opened.checkpoint
    screen = _EntryScreen(id_field)
    for bundle, entries in _covered(reader, checkpoint):
        screen.look_at(bundle, entries)
        if progress:
            progress(bundle.index * TILE_WIDTH + bundle.width, checkpoint.size)
    if older_checkpoint is not None:
        _check_older(reader, checkpoint, older_checkpoint, keys)
    screen.conclude(reader, checkpoint.size)
    return VerifiedLog(
        checkpoint.origin,
        checkpoint.size,
        checkpoint.root,
        opened.cosignatures,
        dict(screen.events),
    )


def _open_checkpoint(reader: FolderReader, keys: Sequence[VerifierKey]) -> VerifiedCheckpoint:
    """Step 1."""
    try:
        return open_checkpoint(reader.checkpoint(), keys)
    except TileError as error:
        raise VerificationError(Step.SIGNATURE, CHECKPOINT_FILE, None, error.rule) from error
    except NoteError as error:
        raise VerificationError(Step.SIGNATURE, CHECKPOINT_FILE, None, str(error)) from error


def _covered(reader: FolderReader, checkpoint: Checkpoint) -> Iterator[tuple[Bundle, list[bytes]]]:
    """Step 2."""
    try:
        yield from covered_entries(reader, checkpoint)
    except TileError as error:
        raise VerificationError(Step.TREE, error.file, error.index, error.rule) from error


def _check_older(
    reader: FolderReader, checkpoint: Checkpoint, signed: bytes, keys: Sequence[VerifierKey]
) -> None:
    """Step 3, on the tiles that step 2 found to be those of our entries."""
    try:
        older = open_checkpoint(signed, keys).checkpoint
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


class _EntryScreen:
    """Steps 4 and 5: reads each entry once, and keeps what it finds until step 3 is done."""

    def __init__(self, id_field: str) -> None:
        self._id_field = id_field
        self._seen = _SeenIds()
        self._not_canonical: VerificationError | None = None
        self._without_id: VerificationError | None = None
        self.events: Counter[str] = Counter()

    def look_at(self, bundle: Bundle, entries: Sequence[bytes]) -> None:
        if self._not_canonical:
            return
        for index, entry in enumerate(entries, bundle.index * TILE_WIDTH):
            try:
                fields = decode_entry(entry)
            except EntryError as error:
                self._not_canonical = VerificationError(
                    Step.CANONICAL, bundle.path, index, str(error)
                )
                return
            entry_id = fields.get(self._id_field)
            if isinstance(entry_id, str):
                self._seen.add(entry_id)
            elif self._without_id is None:
                rule = "the entry has no id"
                self._without_id = VerificationError(Step.UNIQUE, bundle.path, index, rule)
            event = fields.get("event")
            if isinstance(event, str):
                self._count(event)

    def _count(self, event: str) -> None:
        # An operator may sign anything; a million different names must not fill our memory.
        if event not in self.events and (
            len(self.events) >= _MAX_EVENTS or len(event) > _MAX_EVENT_LENGTH
        ):
            event = OTHER_EVENTS
        self.events[event] += 1

    def conclude(self, reader: FolderReader, size: int) -> None:
        """Raise what the entries failed on, step 4 before step 5."""
        for failure in (self._not_canonical, self._without_id):
            if failure:
                raise failure
        doubtful = self._seen.doubtful()
        if doubtful:
            for bundle in all_bundles(size):
                self._look_again(reader, bundle, doubtful)

    def _look_again(
        self, reader: FolderReader, bundle: Bundle, doubtful: dict[int, set[str]]
    ) -> None:
        # The bits alone accuse nobody: only an id that is really there twice is a failure.
        try:
            entries = split_bundle(reader.read(bundle), bundle)
            ids = [str(decode_entry(entry)[self._id_field]) for entry in entries]
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


class _SeenIds:
    """64 bits of each id (Python's keyed hash), in buckets so that comparing them stays small."""

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(256)]

    def add(self, entry_id: str) -> None:
        bits = hash(entry_id)
        self._buckets[bits & 255].append(bits)

    def doubtful(self) -> dict[int, set[str]]:
        """The bits that stand more than once, each with room for the ids that have them."""
        crowded = (bucket for bucket in self._buckets if len(set(bucket)) < len(bucket))
        counts = (Counter(bucket) for bucket in crowded)
        return {bits: set() for count in counts for bits, times in count.items() if times > 1}
