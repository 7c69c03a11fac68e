"""A log as a plain folder: one checkpoint, its tiles and its entry bundles.

Rules: C2SP tlog-tiles, so that the folder can be served as it is. The keys that verify it are not
in it: who checks a log has them from elsewhere.

Writing streams, in constant memory, into a hidden folder beside the target that gets its name
only when everything is there and the root is the checkpoint's. A crash leaves the hidden folder,
never half a log under the target's name. Files are not synced to disk one by one: an export can
be made again, and one that lost bytes does not verify.

Reading believes nothing: no links, devices or oversized files, whatever a received folder holds.
"""

import asyncio
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.audit import merkle
from gateway.audit.checkpoint import Checkpoint, read_unverified
from gateway.audit.note import MAX_NOTE_BYTES
from gateway.audit.tiles import (
    MAX_BUNDLE_BYTES,
    MAX_TILE_BYTES,
    TILE_WIDTH,
    Bundle,
    Tile,
    TileBuilder,
    TileError,
    TileMissingError,
    join_bundle,
)

CHECKPOINT_FILE = "checkpoint"
TILE_FOLDER = "tile"
_CHUNK = 4 * TILE_WIDTH

Progress = Callable[[int, int], None]
"""Called with the entries done and the entries in all."""


class FolderError(ValueError):
    """A log folder cannot be written as asked; the message names the rule."""


class FolderWriter:
    """Writes one log folder; used as a context, of which a clean exit completes the folder."""

    def __init__(self, target: Path, signed_checkpoint: bytes) -> None:
        self.checkpoint = read_unverified(signed_checkpoint)
        self._signed = signed_checkpoint
        self._target = target
        self._builder = TileBuilder()
        self._waiting: list[bytes] = []
        self._made: set[Path] = set()
        self._lock = threading.Lock()  # against a cancelled caller that left `add` in its thread
        self._staging: Path | None = None

    def __enter__(self) -> Self:
        if self._target.exists() or self._target.is_symlink():
            raise FolderError("the target exists already")
        hidden = f".{self._target.name}."
        self._staging = Path(tempfile.mkdtemp(".partial", hidden, self._target.parent))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            staging, self._staging = self._require_staging(), None
            try:
                if error is None:
                    self._complete(staging)
                    staging.rename(self._target)
            finally:
                shutil.rmtree(staging, ignore_errors=True)  # gone already when it was renamed

    @property
    def size(self) -> int:
        """Entries taken so far."""
        return self._builder.size + len(self._waiting)

    def add(self, entries: Sequence[bytes]) -> None:
        """Write the next entries, in the log's order."""
        with self._lock:
            staging = self._require_staging()
            if self.size + len(entries) > self.checkpoint.size:
                raise FolderError("there are more entries than the checkpoint states")
            self._waiting += entries
            whole = len(self._waiting) - len(self._waiting) % TILE_WIDTH
            for at in range(0, whole, TILE_WIDTH):
                self._write_bundle(staging, self._waiting[at : at + TILE_WIDTH])
            del self._waiting[:whole]

    def _require_staging(self) -> Path:
        if self._staging is None:
            raise FolderError("the folder is not being written")
        return self._staging

    def _write_bundle(self, staging: Path, entries: Sequence[bytes]) -> None:
        bundle = Bundle(self._builder.size // TILE_WIDTH, len(entries))
        self._write(staging, bundle, join_bundle(entries))
        for tile, data in self._builder.append(merkle.leaf_hashes(entries)):
            self._write(staging, tile, data)

    def _complete(self, staging: Path) -> None:
        if self.size != self.checkpoint.size:
            raise FolderError("there are fewer entries than the checkpoint states")
        if self._waiting:
            self._write_bundle(staging, self._waiting)
            self._waiting = []
        for tile, data in self._builder.partial_tiles():
            self._write(staging, tile, data)
        if self._builder.root() != self.checkpoint.root:
            raise FolderError("the entries do not lead to the checkpoint's root")
        (staging / CHECKPOINT_FILE).write_bytes(self._signed)

    def _write(self, staging: Path, piece: Tile | Bundle, data: bytes) -> None:
        file = staging / piece.path
        if file.parent not in self._made:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(file.parent)
        file.write_bytes(data)


def write_folder(
    target: Path,
    entries: Iterable[bytes],
    signed_checkpoint: bytes,
    *,
    progress: Progress | None = None,
) -> Checkpoint:
    """Export a log; `FolderError` unless the entries are exactly those of the checkpoint."""
    with FolderWriter(target, signed_checkpoint) as writer:
        source = iter(entries)
        while chunk := list(islice(source, _CHUNK)):
            writer.add(chunk)
            if progress:
                progress(writer.size, writer.checkpoint.size)
    return writer.checkpoint


async def write_folder_async(
    target: Path,
    entries: AsyncIterable[bytes],
    signed_checkpoint: bytes,
    *,
    progress: Progress | None = None,
) -> Checkpoint:
    """`write_folder` for entries that arrive asynchronously; files are written in a thread."""
    with FolderWriter(target, signed_checkpoint) as writer:

        async def flush(chunk: list[bytes]) -> None:
            await asyncio.to_thread(writer.add, chunk)
            if progress:
                progress(writer.size, writer.checkpoint.size)

        chunk: list[bytes] = []
        async for entry in entries:
            chunk.append(entry)
            if len(chunk) == _CHUNK:
                await flush(chunk)
                chunk = []
        if chunk:
            await flush(chunk)
    return writer.checkpoint


class FolderReader:
    """Reads the tiles and bundles of a log folder (a `TileReader`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def checkpoint(self) -> bytes:
        """The signed checkpoint's bytes, unverified."""
        return self._read(CHECKPOINT_FILE, MAX_NOTE_BYTES)

    def read(self, piece: Tile | Bundle) -> bytes:
        """The file's bytes, unverified; `TileError` where it is missing or no plain file."""
        limit = MAX_BUNDLE_BYTES if isinstance(piece, Bundle) else MAX_TILE_BYTES
        return self._read(piece.path, limit)

    def files(self) -> Iterator[str]:
        """The paths of all files under `tile`; `TileError` at a link, pipe or device."""
        if (self._folder / TILE_FOLDER).is_symlink():
            raise TileError("is a link, pipe or device", TILE_FOLDER)
        waiting = [TILE_FOLDER]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(self._folder / folder) as found:
                    for item in found:
                        name = f"{folder}/{item.name}"
                        if item.is_dir(follow_symlinks=False):
                            waiting.append(name)
                        elif item.is_file(follow_symlinks=False):
                            yield name
                        else:
                            raise TileError("is a link, pipe or device", printable(name))
            except FileNotFoundError:
                return  # an empty log has no tiles; of another, a missing one shows when read
            except OSError as error:
                raise TileError("cannot be read", printable(folder)) from error

    def _read(self, name: str, limit: int) -> bytes:
        # A pipe must not make us wait (O_NONBLOCK), nor a link lead us out (O_NOFOLLOW).
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(self._folder / name, flags), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
                    raise TileError("is not a plain file of a possible size", name)
                return file.read(limit)
        except FileNotFoundError:
            raise TileMissingError("is missing", name) from None
        except OSError as error:
            raise TileError("cannot be read", name) from error


def printable(name: str) -> str:
    """A file name that we did not give, fit for a message: ASCII and short."""
    return ascii(name)[1:-1][:120]
