"""The newest checkpoint of every volume, outside the database, before anybody can be served it.

A database that was put back cannot know that it is older than what was said; this file can. So a
checkpoint is on disk here before it is stored, and with that before it can be in anybody's hands
(design section 6, "Restore and failover"; ADR 0019). A crash between the two leaves a checkpoint
that nobody saw: its leaves are committed, and the next step signs at least as much.

One file, `published.jsonl`, in the journal's folder: a line a checkpoint, the newest of an origin
counts. It only grows, and is written anew in one piece when it has grown large. A recovery lowers
what a volume is held to, to where the database that was put back ended, by a line of its own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import orjson

from gateway.audit.checkpoint import read_unverified
from gateway.audit.note import decode_base64, encode_base64
from gateway.vault.journal_folder import (
    JournalUnavailableError,
    give_to_owner,
    locked,
    sync_folder,
)

FILE = "published.jsonl"
MAX_FILE_BYTES = 1024 * 1024


class PublishedDamagedError(Exception):
    """The file of published checkpoints cannot be read; nothing may be served or signed."""


class OlderThanPublishedError(Exception):
    """What was to be published does not follow on what was published; it must not be stored."""


class Remembered(NamedTuple):
    """What a volume is held to: so many entries, with this root."""

    origin: str
    size: int
    root: bytes
    note: str | None


class Published:
    """What this machine's gateway published; several processes may share the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / FILE
        self._read: dict[str, Remembered] = {}
        self._inode = 0
        self._end = 0

    def newest(self) -> dict[str, Remembered]:
        """By origin, as far as anybody on this machine has written it.

        Raises `PublishedDamagedError` or `OSError`. Empty where nothing was ever published here.
        """
        try:
            with self._path.open("rb") as file:
                state = os.fstat(file.fileno())
                if state.st_ino != self._inode or state.st_size < self._end:
                    self._read, self._inode, self._end = {}, state.st_ino, 0
                if state.st_size > self._end:
                    file.seek(self._end)
                    self._take_in(file.read())
        except FileNotFoundError:
            # Gone while we run: what we know of it still holds.
            self._inode, self._end = 0, 0
        return dict(self._read)

    def remember(self, note: str) -> None:
        """Put a signed checkpoint on disk; when this returns it may be shown.

        Raises `OlderThanPublishedError` where it does not reach what was published before, and
        `OSError`, `JournalUnavailableError` or `PublishedDamagedError`; then it may not be shown.
        """
        stated = read_unverified(note.encode())
        new = Remembered(stated.origin, stated.size, stated.root, note)
        with locked(self._folder):
            known = self.newest().get(new.origin)
            if known is not None:
                if new.size < known.size or (new.size == known.size and new.root != known.root):
                    raise OlderThanPublishedError("the log is older than what was published")
                if new.size == known.size:
                    return
            self._append({"note": note}, new)

    def settle(self, origin: str, size: int, root: bytes) -> None:
        """After a recovery: from now on this is what a volume is held to, and no more."""
        with locked(self._folder):
            self.newest()
            told = {"settled": origin, "size": size, "root": encode_base64(root)}
            self._append(told, Remembered(origin, size, root, None))

    def _append(self, told: dict[str, object], new: Remembered) -> None:
        # A beginning of a line that a crash left would spoil ours. Nobody saw what it stated.
        if self._path.exists() and self._path.stat().st_size > self._end:
            os.truncate(self._path, self._end)
        if self._end > MAX_FILE_BYTES or (self._end == 0 and self._read):
            self._write_anew()
        data = orjson.dumps(told) + b"\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self._path, flags, 0o600)
        try:
            give_to_owner(handle, self._folder)
            if os.write(handle, data) != len(data):
                raise JournalUnavailableError("cut-short")
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, self._end)
            raise
        finally:
            os.close(handle)
        if self._end == 0:
            sync_folder(self._folder)
        self.newest()
        assert self._read[new.origin] == new  # noqa: S101  # what was written is what is read

    def _write_anew(self) -> None:
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            give_to_owner(file.fileno(), self._folder)
            for one in self._read.values():
                file.write(orjson.dumps(_told(one)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        sync_folder(self._folder)
        self.newest()

    def _take_in(self, data: bytes) -> None:
        whole = data.rfind(b"\n") + 1
        for line in data[:whole].splitlines():
            one = _remembered(line)
            self._read[one.origin] = one
        self._end += whole


def _told(one: Remembered) -> dict[str, object]:
    if one.note is not None:
        return {"note": one.note}
    return {"settled": one.origin, "size": one.size, "root": encode_base64(one.root)}


def _remembered(line: bytes) -> Remembered:
    try:
        told = orjson.loads(line)
        if "note" in told:
            stated = read_unverified(told["note"].encode())
            return Remembered(stated.origin, stated.size, stated.root, told["note"])
        root = decode_base64(told["root"])
        return Remembered(told["settled"], int(told["size"]), root, None)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PublishedDamagedError(f"a line of {FILE} cannot be read") from error
