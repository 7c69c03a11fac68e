"""Reading a journal back: every line that opens, and every place where it does not hold together.

A line that does not open was edited or damaged. A line that opens and does not follow on the one
before shows that something between them is gone, and so does a file that does not follow on the
file before. What opens is given in any case: who recovers decides whether to go on without the
rest. Lines cut off at the very end of the newest file leave no trace here.
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import orjson

from gateway.vault.boxes import DataKey, SealBrokenError
from gateway.vault.journal import SECRET
from gateway.vault.journal_folder import NOTHING_BEFORE, bound_to, files_of, head_of
from gateway.vault.keys import KeyProvider

Content = dict[str, object]


class JournalLine(NamedTuple):
    """One act, as it was written."""

    day: date
    number: int
    content: Content


class Fault(NamedTuple):
    """Where a journal does not hold together: a file, a line's number (0 is the head), and why.

    `line-damaged`, `line-missing`, `head-damaged`, `file-missing`.
    """

    file: str
    number: int
    rule: str


class ReadJournal(NamedTuple):
    """A journal as it was found."""

    lines: list[JournalLine]
    faults: list[Fault]


def read_journal(folder: Path, keys: KeyProvider) -> ReadJournal:
    """All of a folder's journal, oldest first. Raises `OSError`."""
    key = DataKey(keys.secret(SECRET))
    found = ReadJournal([], [])
    before: bytes | None = None
    for day, path in files_of(folder):
        before = _read_file(day, path, key, before, found)
    return found


def _read_file(
    day: date, path: Path, key: DataKey, before: bytes | None, found: ReadJournal
) -> bytes | None:
    """One file's lines; gives the hash of its last one."""
    lines = path.read_bytes().split(b"\n")
    lines.pop()  # a beginning of a line that a crash left, or nothing: nobody was answered for it
    if not lines:
        return before
    head, *rest = (line + b"\n" for line in lines)
    follows = _follows(head, day)
    if follows is None:
        found.faults.append(Fault(path.name, 0, "head-damaged"))
    elif before is not None and follows != before:
        # The oldest file that is left follows on one that has expired.
        found.faults.append(Fault(path.name, 0, "file-missing"))
    last, number = hashlib.sha256(head).digest(), 0
    for at, line in enumerate(rest, start=1):
        opened = _open(line, day, key)
        if opened is None:
            found.faults.append(Fault(path.name, at, "line-damaged"))
        else:
            stated, follows, content = opened
            if (stated, follows) != (number + 1, last):
                found.faults.append(Fault(path.name, stated, "line-missing"))
            number = stated
            found.lines.append(JournalLine(day, stated, content))
        last = hashlib.sha256(line).digest()
    return last


def _follows(head: bytes, day: date) -> bytes | None:
    """What a head says to follow on; None where it is no head of this day."""
    try:
        before = bytes.fromhex(head.rsplit(b" ", 1)[-1].strip().decode("ascii"))
    except ValueError:
        return None
    is_whole = len(before) == len(NOTHING_BEFORE) and head == head_of(day, before)
    return before if is_whole else None


def _open(line: bytes, day: date, key: DataKey) -> tuple[int, bytes, Content] | None:
    pieces = line.removesuffix(b"\n").split(b" ")
    try:
        number, before, sealed = pieces
        told, hash_ = int(number), bytes.fromhex(before.decode("ascii"))
        box = b64decode(sealed, validate=True)
        if [b"%d" % told, hash_.hex().encode(), b64encode(box)] != pieces:
            return None  # another spelling than ours: somebody was here
        content = key.open(box, bound_to(day, told, hash_))
    except (ValueError, binascii.Error, SealBrokenError):
        return None
    return told, hash_, orjson.loads(content)


def lines_in_order(journals: Iterator[ReadJournal] | list[ReadJournal]) -> list[JournalLine]:
    """The lines of several folders, in the order of their moments."""
    lines = [line for journal in journals for line in journal.lines]
    return sorted(lines, key=lambda line: (_moment(line), line.day, line.number))


def _moment(line: JournalLine) -> int:
    at = line.content.get("at")
    return at if isinstance(at, int) else 0
