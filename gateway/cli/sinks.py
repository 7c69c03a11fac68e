"""Where pulled messages go: a file, a pipe, a table for people, or the one object of `--json`.

A file is made for its owner alone, since a page may hold names and numbers. NDJSON is added to;
JSON and CSV are whole documents, so they never follow on an earlier one.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Protocol

from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.notices import gist_of
from gateway.cli.output import Output, amount
from gateway.client import Event, RawPage
from gateway.client.mailbox import parsed
from gateway.sandbox.durable import cut_unfinished_line

SHOWN = 20
"""Messages that the table for people shows."""


class Form(StrEnum):
    """How the messages are written."""

    TABLE = "table"
    NDJSON = "ndjson"
    JSON = "json"
    CSV = "csv"


class Sink(Protocol):
    """Takes pages in order."""

    is_safe_by_page: bool
    """Whether a page is beyond our crashing once `write` returns."""

    def write(self, page: RawPage, by_type: Counter[str]) -> int:
        """Take a page, count its messages by type, and say how many they are."""

    def end(self) -> None:
        """There are no more pages."""


@contextmanager
def opened(form: Form, out: Path | None, output: Output) -> Iterator[Sink]:
    """The sink for what was asked; raise `Failure` if it would overwrite something."""
    if form is Form.TABLE:
        yield _Table(output)
    elif output.as_json and out is None:
        yield Held()
    elif out is None:
        yield _written(form, sys.stdout.buffer)
    else:
        with _file(form, out) as file:
            yield _written(form, file)


class Held:
    """Keeps all messages, for the one object of `--json`."""

    is_safe_by_page = False

    def __init__(self) -> None:
        self.events: list[Event] = []

    def write(self, page: RawPage, by_type: Counter[str]) -> int:
        events = _counted(page, by_type)
        self.events += events
        return len(events)

    def end(self) -> None:
        """Nothing is left to do."""


class _Lines:
    is_safe_by_page = True

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, page: RawPage, by_type: Counter[str]) -> int:
        events = _counted(page, by_type)
        self._file.write(b"".join(line + b"\n" for line in page.lines()))
        _to_disk(self._file)
        return len(events)

    def end(self) -> None:
        """Nothing is left to do."""


class _Array:
    is_safe_by_page = True

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._before = b"["

    def write(self, page: RawPage, by_type: Counter[str]) -> int:
        events = _counted(page, by_type)
        for line in page.lines():
            self._file.write(self._before + b"\n" + line)
            self._before = b","
        _to_disk(self._file)
        return len(events)

    def end(self) -> None:
        self._file.write(b"[]\n" if self._before == b"[" else b"\n]\n")
        _to_disk(self._file)


class _StatusFile:
    is_safe_by_page = True

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._has_header = False

    def write(self, page: RawPage, by_type: Counter[str]) -> int:
        lines = page.content.splitlines(keepends=True)
        # Each page is a status file of its own; of those that follow, the header is left out.
        self._file.write(b"".join(lines[1:] if self._has_header else lines))
        self._has_header = True
        _to_disk(self._file)
        count = max(0, len(page.lines()) - 1)
        by_type["nl.sluis.statusbericht"] += count
        return count

    def end(self) -> None:
        """Nothing is left to do."""


class _Table:
    is_safe_by_page = False

    def __init__(self, output: Output) -> None:
        self._output = output
        self._rows: list[tuple[str, str, str, str]] = []
        self._count = 0

    def write(self, page: RawPage, by_type: Counter[str]) -> int:
        events = _counted(page, by_type)
        self._count += len(events)
        self._rows += [_row(event) for event in events[: SHOWN - len(self._rows)]]
        return len(events)

    def end(self) -> None:
        self._output.say()
        self._output.table(("Position#", "Time", "Type", "What"), self._rows)
        if self._count > len(self._rows):
            more = self._count - len(self._rows)
            self._output.say(f"... and {amount(more)} more; --out FILE keeps them all", "dim")


def _row(event: Event) -> tuple[str, str, str, str]:
    """One message without its content: a screen is no place for a household's names."""
    return (
        amount(event.position),
        event.time.strftime("%Y-%m-%d %H:%M:%S"),
        event.type.removeprefix("nl.sluis."),
        _gist(event),
    )


def _gist(event: Event) -> str:
    if (own := event.own_status()) is not None:
        return f"{own.reference}: {own.status}"
    if event.is_notice:
        return gist_of(event)
    household = event.data.get("huishouden")
    members = household.get("leden") if isinstance(household, dict) else None
    if not isinstance(members, list):
        return ""
    return "1 member" if len(members) == 1 else f"{len(members)} members"


def _counted(page: RawPage, by_type: Counter[str]) -> tuple[Event, ...]:
    """The messages of a page, every one of them read: an unreadable one is never acknowledged."""
    events = parsed(page).events
    by_type.update(event.type for event in events)
    return events


def _written(form: Form, file: BinaryIO) -> Sink:
    if form is Form.CSV:
        return _StatusFile(file)
    return _Array(file) if form is Form.JSON else _Lines(file)


@contextmanager
def _file(form: Form, out: Path) -> Iterator[BinaryIO]:
    if form is Form.NDJSON:
        cut_unfinished_line(out)
        with out.open("ab") as file:
            yield file
        return
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Failure(
            f"{out} is there already", "name another file; only ndjson is added to", WRONGLY_ASKED
        ) from None
    with os.fdopen(descriptor, "wb") as file:
        yield file


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    if file is not sys.stdout.buffer:
        os.fsync(file.fileno())
