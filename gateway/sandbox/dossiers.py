"""Where the sandbox casebook keeps what it pulled: in memory, or in a folder that outlives it.

The folder holds one line of JSON a message and one line a case that was reported on; both files
are only ever added to, and brought to disk before anything is acknowledged. A line that a crash
cut short was not acknowledged, so it is cut off and comes again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol
from uuid import UUID

from gateway.client import Event
from gateway.sandbox.durable import cut_unfinished_line


class Dossiers(Protocol):
    """What a casebook must remember."""

    @property
    def last_position(self) -> int | None:
        """The position in the mailbox up to which all is kept; none if nothing is."""

    def has(self, exchange: UUID) -> bool:
        """Whether a message of this exchange is kept."""

    def keep(self, events: Sequence[Event]) -> None:
        """Keep these, in order; they are safe once this returns."""

    def unreported(self) -> Iterator[Event]:
        """The referrals that are kept and not yet reported on, in order."""

    def mark_reported(self, exchanges: Iterable[UUID]) -> None:
        """All statuses of these were sent."""


class MemoryDossiers:
    """For a casebook that lives no longer than its process."""

    def __init__(self) -> None:
        self._events: dict[UUID, Event] = {}
        self._reported: set[UUID] = set()
        self._last: int | None = None

    @property
    def last_position(self) -> int | None:
        return self._last

    def has(self, exchange: UUID) -> bool:
        return exchange in self._events

    def keep(self, events: Sequence[Event]) -> None:
        for event in events:
            self._events[event.id] = event
            self._last = event.position

    def unreported(self) -> Iterator[Event]:
        waiting = [event for event in self._events.values() if event.is_referral]
        return iter([event for event in waiting if event.id not in self._reported])

    def mark_reported(self, exchanges: Iterable[UUID]) -> None:
        self._reported.update(exchanges)


class FolderDossiers:
    """For a casebook that goes on where it stopped. One process at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._kept = folder / "dossiers.ndjson"
        self._done = folder / "gemeld.txt"
        self._last: int | None = None
        self._ids: set[UUID] = set()
        for path in (self._kept, self._done):
            cut_unfinished_line(path)
        for event in self._events():
            self._ids.add(event.id)
            self._last = event.position
        self._reported = {UUID(line) for line in self._done.read_text().splitlines()}

    @property
    def last_position(self) -> int | None:
        return self._last

    def has(self, exchange: UUID) -> bool:
        return exchange in self._ids

    def keep(self, events: Sequence[Event]) -> None:
        _append(self._kept, [event.model_dump_json(by_alias=True) for event in events])
        self._ids.update(event.id for event in events)
        self._last = events[-1].position if events else self._last

    def unreported(self) -> Iterator[Event]:
        for event in self._events():
            if event.is_referral and event.id not in self._reported:
                yield event

    def mark_reported(self, exchanges: Iterable[UUID]) -> None:
        done = list(exchanges)
        _append(self._done, [str(exchange) for exchange in done])
        self._reported.update(done)

    def _events(self) -> Iterator[Event]:
        with self._kept.open("rb") as file:
            for line in file:
                yield Event.model_validate_json(line)


def _append(path: Path, lines: list[str]) -> None:
    if not lines:
        return
    with path.open("ab") as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
        file.flush()
        os.fsync(file.fileno())
