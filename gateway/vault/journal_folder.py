"""The journal's folder: its files by day, how a line is bound to its place, and the writers' lock.

A file has a head and a line an act, as `journal.py` says. Writers of one machine hold the lock for
one write and sync; what root makes in the folder is its owner's.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

MAGIC = b"sluis-journal-v1"
ENDING = ".journal"
LOCK = "journal.lock"
NOTHING_BEFORE = bytes(32)
MAX_LINE_BYTES = 64 * 1024
LOCK_SECONDS = 4.0
_FILE_NAME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.journal")


class JournalUnavailableError(Exception):
    """The line did not get on disk, so the act must not be committed. The rule is our own code."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"the journal cannot be written: {rule}")
        self.rule = rule


class UnsafeJournalFolderError(Exception):
    """The folder will not do for a journal; the message names it, and what to do."""


def bound_to(day: date, number: int, before: bytes) -> bytes:
    """What a line is bound to: its file, its place and the line before."""
    return b"%s %s %d %s" % (MAGIC, day.isoformat().encode(), number, before.hex().encode())


def head_of(day: date, before: bytes) -> bytes:
    """A file's first line."""
    return b"%s %s %s\n" % (MAGIC, day.isoformat().encode(), before.hex().encode())


def files_of(folder: Path) -> list[tuple[date, Path]]:
    """The journal's files, oldest first."""
    found = []
    for path in folder.iterdir():
        if named := _FILE_NAME.fullmatch(path.name):
            with suppress(ValueError):
                found.append((date.fromisoformat(named[1]), path))
    return sorted(found)


def make_folder(folder: Path) -> None:
    """Make the folder where it is not there. Raises `UnsafeJournalFolderError`, or `OSError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        raise UnsafeJournalFolderError(f"{folder} is open to others: chmod 700 it")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder, for one writer of this machine. Raises `JournalUnavailableError` or `OSError`."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(folder / LOCK, flags, 0o600)
    try:
        give_to_owner(handle, folder)
        until = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # Held for one sync at a time; a process that was stopped must not stop everybody.
                if time.monotonic() > until:
                    raise JournalUnavailableError("locked") from None
                time.sleep(0.001)
        yield
    finally:
        os.close(handle)


def give_to_owner(handle: int, folder: Path) -> None:
    """What root makes by a command is the folder's owner's, or their gateway could not go on."""
    owner = folder.stat()
    if os.geteuid() == 0 and os.fstat(handle).st_uid != owner.st_uid:
        os.fchown(handle, owner.st_uid, owner.st_gid)


def last_of(path: Path) -> tuple[int, bytes, int]:
    """The number and hash of a file's last whole line, and where that line ends.

    Number 0 is the head's; an end of 0 says that not even the head is whole.
    """
    size = path.stat().st_size
    start = max(0, size - 2 * MAX_LINE_BYTES)
    with path.open("rb") as file:
        file.seek(start)
        data = file.read(size - start)
    whole = data.rfind(b"\n") + 1
    if whole == 0:
        if start:
            raise JournalUnavailableError("damaged")
        return 0, NOTHING_BEFORE, 0
    line = data[data.rfind(b"\n", 0, whole - 1) + 1 : whole]
    number = line.split(b" ", 1)[0]
    if line.startswith(MAGIC):
        return 0, hashlib.sha256(line).digest(), start + whole
    if not number.isdigit():
        raise JournalUnavailableError("damaged")
    return int(number), hashlib.sha256(line).digest(), start + whole


def name_of(day: date) -> str:
    """The file of a day."""
    return f"{day.isoformat()}{ENDING}"


def write_all(handle: int, data: bytes) -> None:
    """Write it, in however many pieces. Raises `OSError`."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
