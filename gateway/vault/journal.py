"""The journal: what narrows, in an append-only file outside the database, before the answer.

A backup that is put back forgets every withdrawal, objection and erasure since it was made, and
with them the reason not to hand something over (invariants 2 and 10). So each such act stands here
too, before its transaction commits: a line too many narrows too much and harms nobody, a line too
few does not narrow (design section 6, "Restore and failover"; ADR 0019).

A file a day, `2026-11-22.journal`: a head, and a line an act, `NUMBER BEFORE SEALED`. BEFORE is the
hash of the line before, and of a file's head the last line of the file before; SEALED opens only
under the keys, and only at this day, number and BEFORE. An edited line does not open, and one that
was taken out shows by the next. What lies inside is padded, so that its length tells no kind.

Writers of one machine share the folder behind a lock; what waits while the disk syncs is written
together. Whatever goes wrong (disk full, folder gone, lock held) fails the act that asked for the
line, and no other. A crash leaves at most a beginning of a line, which nobody was answered for; the
next writer cuts it off.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import orjson

from gateway.vault.boxes import NONCE_BYTES, DataKey
from gateway.vault.journal_folder import (
    MAX_LINE_BYTES,
    NOTHING_BEFORE,
    JournalUnavailableError,
    bound_to,
    files_of,
    give_to_owner,
    head_of,
    last_of,
    locked,
    name_of,
    sync_folder,
    write_all,
)
from gateway.vault.keys import KeyProvider

SECRET = "journal"  # noqa: S105  # a key's name
MAX_FILE_BYTES = 512 * 1024 * 1024
PADDED_TO = 256
WRITE_SECONDS = 6.0
"""How long an act waits for its line; less than a transaction may idle."""
_sync = getattr(os, "fdatasync", os.fsync)

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _Tail:
    """Where a file ends, as far as this process has seen."""

    day: date
    handle: int
    inode: int
    end: int
    number: int
    hash: bytes


class Journal:
    """The journal of one process; several may share the folder."""

    def __init__(
        self,
        folder: Path,
        keys: KeyProvider,
        clock: Clock = lambda: datetime.now(UTC),
        *,
        max_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        """The folder is there already: one that is gone must not come back empty."""
        self._folder = folder
        self._key = DataKey(keys.secret(SECRET))
        self._clock = clock
        self._max_bytes = max_bytes
        self._tail: _Tail | None = None
        self._waiting: list[tuple[list[bytes], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, lines: Sequence[Mapping[str, object]]) -> None:
        """Put lines on disk; when this returns they survive a power cut.

        Raises `JournalUnavailableError`; the lines may then stand there all the same.
        """
        if not lines:
            return
        contents = [_padded(orjson.dumps(dict(line))) for line in lines]
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((contents, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_waiting(), name="journal")
        try:
            await asyncio.wait_for(done, WRITE_SECONDS)
        except TimeoutError:
            raise JournalUnavailableError("too-slow") from None

    async def _write_waiting(self) -> None:
        """Everybody who came while the disk was busy shares the next sync."""
        while self._waiting:
            # Whoever gave up waiting has told its caller so: its lines would only be too many.
            batch = [(lines, done) for lines, done in self._waiting if not done.done()]
            self._waiting = []
            contents = [content for lines, _ in batch for content in lines]
            failed: str | None = "fault"
            try:
                await asyncio.to_thread(self._append, contents)
                failed = None
            except JournalUnavailableError as error:
                failed = error.rule
            except OSError as error:
                failed = _rule_of(error)
            finally:
                _tell([done for _, done in batch], failed)

    def _append(self, contents: Sequence[bytes]) -> None:
        """Write and sync, or leave the file as it was. Raises what stands above, or `OSError`."""
        if not contents:
            return
        with locked(self._folder):
            tail = self._tail_now()
            number, before, pieces = tail.number, tail.hash, []
            for content in contents:
                number += 1
                line = self._line(tail.day, number, before, content)
                before = hashlib.sha256(line).digest()
                pieces.append(line)
            data = b"".join(pieces)
            if tail.end + len(data) > self._max_bytes:
                raise JournalUnavailableError("full")
            try:
                write_all(tail.handle, data)
                _sync(tail.handle)
            except OSError:
                self._take_back(tail)
                raise
            end = tail.end + len(data)
            self._tail = _Tail(tail.day, tail.handle, tail.inode, end, number, before)

    def _line(self, day: date, number: int, before: bytes, content: bytes) -> bytes:
        sealed = self._key.seal(content, bound_to(day, number, before), os.urandom(NONCE_BYTES))
        line = b"%d %s %s\n" % (number, before.hex().encode(), b64encode(sealed))
        if len(line) > MAX_LINE_BYTES:
            raise JournalUnavailableError("line-too-long")
        return line

    def _take_back(self, tail: _Tail) -> None:
        """After a failure nobody knows what is on disk: the next line must not follow on that."""
        self._forget_tail()
        with suppress(OSError):
            os.truncate(self._folder / name_of(tail.day), tail.end)

    def _forget_tail(self) -> None:
        if self._tail is not None:
            with suppress(OSError):
                os.close(self._tail.handle)
            self._tail = None

    def _tail_now(self) -> _Tail:
        """Where the next line goes; the caller holds the lock.

        Never an earlier file than the newest, also when the clock went back: the chain goes on.
        """
        files = files_of(self._folder)
        newest = files[-1][0] if files else date.min
        day = max(self._clock().date(), newest)
        tail = self._tail
        if tail is not None and (tail.day != day or not self._is_still(tail)):
            self._forget_tail()
            tail = None
        if tail is None:
            earlier = [path for of, path in files if of < day]
            before = last_of(earlier[-1])[1] if earlier else NOTHING_BEFORE
            tail = self._opened(day, before)
        state = os.fstat(tail.handle)
        if state.st_size < tail.end:
            raise JournalUnavailableError("cut-short")
        if state.st_size > tail.end:
            number, hash_, end = last_of(self._folder / name_of(day))
            if end < state.st_size:
                # A writer that crashed half-way answered nobody.
                os.ftruncate(tail.handle, end)
            tail = _Tail(day, tail.handle, tail.inode, end, number, hash_)
        self._tail = tail
        return tail

    def _is_still(self, tail: _Tail) -> bool:
        with suppress(OSError):
            return (self._folder / name_of(tail.day)).stat().st_ino == tail.inode
        return False

    def _opened(self, day: date, before: bytes) -> _Tail:
        path = self._folder / name_of(day)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags, 0o600)
        try:
            give_to_owner(handle, self._folder)
            number, hash_, end = last_of(path)
            if end == 0:
                # New, or a crash left it without its head; the folder's entry must last as well.
                os.ftruncate(handle, 0)
                head = head_of(day, before)
                write_all(handle, head)
                os.fsync(handle)
                sync_folder(self._folder)
                hash_, end = hashlib.sha256(head).digest(), len(head)
        except BaseException:
            os.close(handle)
            raise
        return _Tail(day, handle, os.fstat(handle).st_ino, end, number, hash_)

    def forget(self, before: date) -> int:
        """Remove the files of days before this one, but never the newest; gives how many."""
        with locked(self._folder):
            gone = [path for day, path in files_of(self._folder)[:-1] if day < before]
            for path in gone:
                path.unlink()
            if gone:
                sync_folder(self._folder)
        return len(gone)


def _tell(waiting: Sequence[asyncio.Future[None]], failed: str | None) -> None:
    for done in waiting:
        if done.done():
            continue
        if failed is None:
            done.set_result(None)
        else:
            # One of its own for each: an exception that is raised twice keeps the frames of both.
            done.set_exception(JournalUnavailableError(failed))


def _padded(content: bytes) -> bytes:
    return content.ljust(-(-len(content) // PADDED_TO) * PADDED_TO)


def _rule_of(error: OSError) -> str:
    return os.strerror(error.errno).lower().replace(" ", "-") if error.errno else "unwritable"
