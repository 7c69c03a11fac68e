"""A witness's memory: of each log the newest checkpoint that it cosigned, in a file of its own.

Rules: C2SP tlog-witness. A line is appended and brought to disk before a cosignature exists, so
that a crash can cost a cosignature and never a memory: what was signed is known after any restart.
A line that a crash left half-written was never answered for, and is cut off. Only one process holds
the file.

It needs nothing of a gateway: an auditor or a partner runs this against any C2SP log. What a log
signed and this witness would not cosign is kept beside it, since it may be the proof of a fork.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

from gateway.audit.checkpoint import parse_checkpoint
from gateway.audit.note import decode_base64, encode_base64, parse_note
from gateway.audit.witness import Cosigned

BOOK, REFUSED = "getuigd.jsonl", "geweigerd.jsonl"
COMPACT_AT = 16 * 1024 * 1024
"""Bytes of the book at which what is not newest is left behind."""
MAX_REFUSED = 64 * 1024 * 1024
"""Bytes of refused checkpoints that are kept; the first ones are the evidence."""


class BookError(Exception):
    """The book cannot be used; the message says what is the matter with the file."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is kept of one log: the cosigned state, and the note with our line in it."""

    cosigned: Cosigned
    note: bytes


class WitnessBook:
    """The book of one witness; use `open_book`, and `close` it."""

    def __init__(self, folder: Path, file: IO[bytes], pages: dict[str, Page]) -> None:
        self._folder = folder
        self._file = file
        self._pages = pages

    def newest(self, origin: str) -> Cosigned | None:
        """Where this witness stands with a log."""
        page = self._pages.get(origin)
        return None if page is None else page.cosigned

    def by_hash(self, origin_hash: str) -> bytes | None:
        """The newest cosigned note of the log whose origin has this SHA-256, in hexadecimal."""
        for origin, page in self._pages.items():
            if sha256(origin.encode()).hexdigest() == origin_hash:
                return page.note
        return None

    def keep(self, origin: str, cosigned: Cosigned, note: bytes) -> None:
        """Remember a state before it is vouched for; on disk when this returns."""
        page = Page(cosigned, note)
        self._append(_line(origin, page))
        self._pages[origin] = page
        if self._file.tell() > COMPACT_AT:
            self._compact()

    def keep_refused(self, rule: str, submission: bytes) -> None:
        """Keep what a known log signed and we did not cosign, while there is room for it."""
        path = self._folder / REFUSED
        if path.exists() and path.stat().st_size > MAX_REFUSED:
            return
        told = {"regel": rule, "aanvraag": encode_base64(submission)}
        with path.open("ab") as file:
            file.write(json.dumps(told).encode() + b"\n")
            _flush(file)

    def close(self) -> None:
        """Let another process have it."""
        self._file.close()

    def _append(self, line: bytes) -> None:
        start = self._file.tell()
        try:
            self._file.write(line)
            _flush(self._file)
        except OSError:
            # Half a line would make the next one unreadable; what follows stands after a whole one.
            self._file.truncate(start)
            self._file.seek(start)
            raise

    def _compact(self) -> None:
        aside = self._folder / f".{BOOK}.nieuw"
        with aside.open("wb") as file:
            file.writelines(_line(origin, page) for origin, page in self._pages.items())
            _flush(file)
        replacing = aside.open("r+b")
        # Locked before it bears the name: nobody finds a book that is free in between.
        fcntl.flock(replacing, fcntl.LOCK_EX | fcntl.LOCK_NB)
        aside.replace(self._folder / BOOK)
        _flush_folder(self._folder)
        replacing.seek(0, os.SEEK_END)
        self._file.close()
        self._file = replacing


def open_book(folder: Path) -> WitnessBook:
    """Open or begin the book in `folder`. Raises `BookError` where another process has it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / BOOK
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    file = os.fdopen(descriptor, "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise BookError(f"another process uses {path}") from None
    try:
        pages = _read(file)
    except (KeyError, TypeError, ValueError, RecursionError):
        file.close()
        # Not mended by guess: a witness that forgets cosigns a second history.
        raise BookError(f"{path} is damaged") from None
    _flush_folder(folder)
    return WitnessBook(folder, file, pages)


def _read(file: IO[bytes]) -> dict[str, Page]:
    pages: dict[str, Page] = {}
    whole = 0
    for line in file:
        if not line.endswith(b"\n"):
            break
        whole += len(line)
        told = json.loads(line)
        note = decode_base64(told["controlepunt"])
        stated = parse_checkpoint(parse_note(note).text)
        newest = pages.get(stated.origin)
        if newest is not None and newest.cosigned.size > stated.size:
            raise ValueError("the book goes back")
        pages[stated.origin] = Page(Cosigned(stated.size, stated.root), note)
    file.truncate(whole)
    file.seek(whole)
    return pages


def _line(origin: str, page: Page) -> bytes:
    told = {
        "oorsprong": origin,
        "omvang": page.cosigned.size,
        "controlepunt": encode_base64(page.note),
    }
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
