"""Lines in a file: CSV for a spreadsheet, JSON Lines for a program, each line once.

A file is a receiver like any other, that confirms by having been written through to the disk. The
cursor remembers how many bytes were confirmed, and what a crash left after them is written over: so
a file has no line twice. What stands there must be the beginning of what comes next; a file that is
shorter, or goes on otherwise, was changed by somebody or is ahead of a database that was put back,
and is left as it is.
"""

from __future__ import annotations

import asyncio
import csv
import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson

from gateway.reports.projections.lines import ACTIVITY, PROCESSOR, SUBJECT, SUBJECT_TYPE, Line
from gateway.reports.projections.receiving import Confirmed, Projected, Verdict

_MOST_LEFT = 64 * 1024 * 1024

Render = Callable[[Projected], Iterable[bytes]]
"""An entry as lines of a file, each with its end."""

COLUMNS = (
    "begin",
    "einde",
    "naam",
    "status",
    "verwerkingsactiviteit",
    "betrokkene",
    "soort code",
    "aanroepende partij",
    "gebeurtenis",
    "stroom",
    "uitwisseling",
    "besluit",
    "regel",
    "trace",
    "span",
    "bovenliggende span",
    "logregel",
    "log",
    "positie",
)
ACCESS_COLUMNS = (
    "begin",
    "einde",
    "handeling",
    "actie",
    "status",
    "uitkomst",
    "gebruiker",
    "hoedanigheid",
    "sleutel",
    "reden",
    "zaak",
    "betrokkene",
    "soort doel",
    "doel",
    "aantal",
    "trace",
    "span",
    "bovenliggende span",
    "logregel",
    "log",
    "positie",
)


def head_of(columns: Sequence[str]) -> bytes:
    """The first row, after the mark by which a spreadsheet knows UTF-8."""
    return ("\ufeff" + ";".join(columns) + "\r\n").encode()


class FileChangedError(Exception):
    """The file is not as this projection left it."""


class FileReceiver:
    """A file that grows, one line after another."""

    def __init__(self, kind: str, path: Path, render: Render, head: bytes = b"") -> None:
        self.kind = kind
        self.target = str(path.absolute())
        self._path = path
        self._render = render
        self._head = head
        self._file: io.FileIO | None = None
        self._size = 0
        self._left = b""

    @property
    def size(self) -> int:
        """Bytes that are on the disk."""
        return self._size

    async def begin(self, confirmed: int) -> None:
        """Open it after what was confirmed. Raises `FileChangedError` or `FileExistsError`."""
        await self.close()
        self._file = await asyncio.to_thread(self._open, confirmed)
        self._size = confirmed

    async def deliver(self, batch: Sequence[Projected]) -> Verdict:
        """Add the lines, through to the disk."""
        text = b"".join(piece for entry in batch for piece in self._render(entry))
        if self._size == 0:
            text = self._head + text
        if not text.startswith(self._left):
            raise FileChangedError("the file goes on otherwise than what was written to it")
        self._left = b""
        await asyncio.to_thread(self._write, text)
        self._size += len(text)
        return Confirmed()

    async def close(self) -> None:
        """Close it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, confirmed: int) -> io.FileIO:
        # "x" for the first time: what is there already is somebody else's.
        file = io.FileIO(self._path, "x+b" if self._is_new(confirmed) else "r+b")
        try:
            os.fchmod(file.fileno(), 0o600)
            if file.seek(0, os.SEEK_END) < confirmed:
                raise FileChangedError("the file is shorter than what was written to it")
            file.seek(confirmed)
            self._left = _read_most(file)
        except BaseException:
            file.close()
            raise
        return file

    def _is_new(self, confirmed: int) -> bool:
        """Whether it may not be there yet; an empty one is left of an attempt in vain."""
        is_empty = self._path.exists() and self._path.stat().st_size == 0
        return confirmed == 0 and not is_empty

    def _write(self, text: bytes) -> None:
        assert self._file is not None  # noqa: S101  # begun before anything is delivered
        # A write that was broken off is cut away first, or its repeat would stand behind it.
        self._file.truncate(self._size)
        self._file.seek(self._size)
        view = memoryview(text)
        while view:
            view = view[self._file.write(view) :]
        os.fsync(self._file.fileno())


def _read_most(file: io.FileIO) -> bytes:
    """What a crash left: no more than a page, or it was no crash."""
    left = b""
    while len(left) <= _MOST_LEFT and (more := file.read(_MOST_LEFT)):
        left += more
    if len(left) > _MOST_LEFT:
        raise FileChangedError("the file is longer than what was written to it")
    return left


def json_lines(entry: Projected) -> Iterable[bytes]:
    """Each line with the standard's own field names; where it rests stands under `sluis`."""
    origin = _origin(entry)
    for line in entry.lines:
        yield orjson.dumps(line_fields(line) | {"sluis": origin}) + b"\n"


def line_fields(line: Line) -> dict[str, object]:
    """A line by the standard's names."""
    fields: dict[str, object] = {
        "trace_id": line.trace_id,
        "span_id": line.span_id,
        "status": line.status.value,
        "name": line.name,
        "start_time": line.start_time,
        "end_time": line.end_time,
        "attributes": dict(line.attributes),
        "resource": {"attributes": dict(line.resource)},
    }
    if line.parent_span_id is not None:
        fields["parent_span_id"] = line.parent_span_id
    return fields


def csv_rows(entry: Projected) -> Iterable[bytes]:
    """Each line as a row: semicolons, as spreadsheets in the Netherlands read them."""
    origin = _origin(entry)
    for line in entry.lines:
        yield _row(
            _moment(line.start_time),
            _moment(line.end_time),
            line.name,
            line.status.value,
            *(str(line.attributes.get(k, "")) for k in (ACTIVITY, SUBJECT, SUBJECT_TYPE)),
            str(line.attributes.get(PROCESSOR, "")),
            *(str(origin.get(k) or "") for k in ("event", "flow", "exchange", "decision", "rule")),
            line.trace_id,
            line.span_id,
            line.parent_span_id or "",
            *(str(origin[k]) for k in ("entry", "log", "index")),
        )


def access_rows(entry: Projected) -> Iterable[bytes]:
    """Each line of the access log as a row: who did what, why, and about whom."""
    members, origin = entry.read.members, _origin(entry)
    actor, reason, target = (_part(members, k) for k in ("actor", "reason", "target"))
    for line in entry.lines:
        yield _row(
            _moment(line.start_time),
            _moment(line.end_time),
            *(str(members.get(k) or "") for k in ("operation", "action", "status", "outcome")),
            *(str(actor.get(k) or "") for k in ("id", "kind", "key")),
            *(str(reason.get(k) or "") for k in ("code", "case")),
            str(line.attributes.get(SUBJECT, "")),
            *(str(target.get(k) or "") for k in ("kind", "id")),
            str(members.get("count", "")),
            line.trace_id,
            line.span_id,
            line.parent_span_id or "",
            *(str(origin[k]) for k in ("entry", "log", "index")),
        )


def _row(*cells: str) -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerow(map(_harmless, cells))
    return out.getvalue().encode()


def _part(members: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = members.get(name)
    return part if isinstance(part, dict) else {}


def _origin(entry: Projected) -> dict[str, object]:
    read = entry.read
    told = {name: read.members.get(name) for name in ("flow", "exchange", "decision", "rule")}
    return {
        "entry": str(read.id),
        "log": read.leaf.log,
        "index": read.leaf.position,
        "event": read.event,
        **{name: value for name, value in told.items() if value is not None},
    }


def _moment(millis: int) -> str:
    moment = datetime.fromtimestamp(millis / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _harmless(cell: str) -> str:
    # A spreadsheet would run what begins like this as a formula.
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
