"""Where the sandbox casebook keeps what it pulled: in memory, or in a folder that outlives it.

The folder holds one line of JSON a message and one line a case that was reported on; both files
are only ever added to, and brought to disk before anything is acknowledged. A line that a crash
cut short was not acknowledged, so it is cut off and comes again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from uuid import UUID

from gateway.client import Event
from gateway.client.candidates_kept import rename_decided
from gateway.sandbox.durable import cut_unfinished_line, durably
from gateway.sandbox.obeying import dropped
from gateway.sandbox.renaming import renamed


class Dossiers(Protocol):
    """What a casebook must remember."""

    @property
    def last_position(self) -> int | None:
        """The position in the mailbox up to which all is kept; none if nothing is."""

    def has(self, exchange: UUID) -> bool:
        """Whether a message of this exchange is kept."""

    def keep(self, events: Sequence[Event]) -> None:
        """Keep these, in order; they are safe once this returns."""

    def kept(self, exchanges: Iterable[UUID]) -> dict[UUID, Event]:
        """What is kept of these exchanges."""

    def replace(self, events: Mapping[UUID, Event]) -> None:
        """Put changed messages in the place of those that were kept; what is gone is gone."""

    def of_type(self, name: str) -> list[Event]:
        """What is kept of one type, in order."""

    def rename(self, pairs: Mapping[str, str], used: Collection[UUID]) -> None:
        """Put new pseudonyms for old ones in everything that is kept, all of it or nothing.

        With that, what was `used` for it is dropped: nothing that leads from old to new stays.
        """

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

    def kept(self, exchanges: Iterable[UUID]) -> dict[UUID, Event]:
        return {one: self._events[one] for one in exchanges if one in self._events}

    def replace(self, events: Mapping[UUID, Event]) -> None:
        self._events.update(events)

    def of_type(self, name: str) -> list[Event]:
        return [event for event in self._events.values() if event.type == name]

    def rename(self, pairs: Mapping[str, str], used: Collection[UUID]) -> None:
        self._events = {
            one: dropped(event) if one in used else renamed(event, pairs)
            for one, event in self._events.items()
        }

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

    def kept(self, exchanges: Iterable[UUID]) -> dict[UUID, Event]:
        wanted = set(exchanges)
        return {event.id: event for event in self._events() if event.id in wanted}

    def replace(self, events: Mapping[UUID, Event]) -> None:
        self._rewrite(lambda event: events.get(event.id, event))

    def of_type(self, name: str) -> list[Event]:
        return [event for event in self._events() if event.type == name]

    def rename(self, pairs: Mapping[str, str], used: Collection[UUID]) -> None:
        # Decisions first: the page that closes a mapping comes again until the dossiers are done.
        rename_decided(self._kept.parent, pairs)
        self._rewrite(lambda event: dropped(event) if event.id in used else renamed(event, pairs))

    def _rewrite(self, change: Callable[[Event], Event]) -> None:
        # The whole file anew: a line that was only added would leave the old one readable.
        with durably(self._kept, 0o600) as file:
            for event in self._events():
                file.write(f"{change(event).model_dump_json(by_alias=True)}\n".encode())

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
