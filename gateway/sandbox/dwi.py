"""DWI's side: what its application manager schedules instead of the old import/export module.

`watch` looks at a folder in rounds. A delivery (`*.csv`, `*.json`, `*.ndjson`, `*.xml`) that is
complete is sent; its report is written, readable and as JSON, and then file and reports stand
together in `verwerkt/`, or in `geweigerd/` if the gateway did not take the file. The file moves
last: a crash at any moment leaves it where it was, the next round sends it again, and the gateway
knows the same bytes. At least once here is once there. Each round ends with the status files.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

from gateway.client import (
    AsyncSluis,
    Contradicted,
    Declined,
    Event,
    Misconfigured,
    NotAdmitted,
    SluisError,
    Unacceptable,
    Unavailable,
)
from gateway.sandbox.durable import durably, move
from gateway.sandbox.inbox import REJECTED, REPORT_JSON, REPORT_TEXT, TAKEN, Inbox, watching
from gateway.sandbox.status_files import FOLDER, StatusFiles
from gateway.sandbox.verslag import OutcomeSummary, rejection_text, report_text
from schemas.deliveries import DeliveryReport, DeliveryState, RecordOutcome


@dataclass(frozen=True, slots=True)
class Sending:
    """How many bytes of a delivery were sent of how many."""

    done: int
    total: int
    resumed_at: int = 0
    """From which byte it went on, where sending it had broken off before."""


Progress = Callable[[Sending | DeliveryReport], None]
"""Told while a delivery is sent, and then how far the gateway is with it."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A delivery that the gateway took in: its final report, and its outcomes counted."""

    report: DeliveryReport
    summary: OutcomeSummary
    resumed_at: int = 0
    """From which byte its sending went on last, where that had broken off."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery was processed; it and its reports stand at `path`."""

    path: Path
    delivered: Delivered


@dataclass(frozen=True, slots=True)
class Rejected:
    """The gateway did not take this file; it and its reports stand at `path`."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """Not now: this file, or the rest of the round, is tried again later."""

    path: Path | None
    reason: str


@dataclass(frozen=True, slots=True)
class StatusesWritten:
    """A new status file, acknowledged to the gateway."""

    path: Path


@dataclass(frozen=True, slots=True)
class NoticeReceived:
    """The gateway itself says something; it stands with the status files."""

    event: Event


Happening = Taken | Rejected | Postponed | StatusesWritten | NoticeReceived


async def deliver_file(
    client: AsyncSluis,
    path: Path,
    on_progress: Progress | None = None,
    keep: Callable[[RecordOutcome], None] | None = None,
    *,
    media_type: str | None = None,
) -> Delivered:
    """Send one file, wait until all of it is processed, and count its outcomes.

    `keep` gets each record's outcome in order; nothing here holds more than a page of them.
    Without a media type the file's name tells it.
    """
    told: Progress = on_progress or (lambda _: None)
    resumed = [0]
    first = await client.deliver(
        path,
        media_type,
        lambda done, total: told(Sending(done, total, resumed[-1])),
        resumed.append,
    )
    told(first)
    report = first
    if first.state is DeliveryState.PROCESSING:
        report = await client.wait(first.delivery_id, told)
    summary = OutcomeSummary()
    async for outcome in client.outcomes(report.delivery_id):
        summary.add(outcome)
        if keep is not None:
            keep(outcome)
    # Only the answer to the sending itself says whether these bytes were known already.
    last = report.model_copy(update={"is_repeat": first.is_repeat})
    return Delivered(last, summary, resumed[-1])


async def watch(
    client: AsyncSluis,
    folder: Path,
    every_seconds: float,
    stop: asyncio.Event,
    *,
    on_happening: Callable[[Happening], None] = lambda _: None,
    on_progress: Progress | None = None,
) -> None:
    """Watch until `stop` is set; what is at hand then is dropped as a crash would drop it.

    Raise `NotAdmitted` and `Contradicted`, since waiting will not help, and `Misconfigured` if the
    folder is not there or another process watches it.
    """
    with watching(folder) as inbox:
        watched = _Watched(client, inbox, on_happening, on_progress)
        rounds = asyncio.ensure_future(_rounds(watched, every_seconds))
        stopping = asyncio.ensure_future(stop.wait())
        both: set[asyncio.Future[Any]] = {rounds, stopping}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.wait(both)
        if not rounds.cancelled():
            rounds.result()


async def _rounds(watched: _Watched, every_seconds: float) -> None:
    while True:
        await watched.round()
        await asyncio.sleep(every_seconds)


class _Watched:
    """One round after the other over one folder."""

    def __init__(
        self,
        client: AsyncSluis,
        inbox: Inbox,
        happened: Callable[[Happening], None],
        progress: Progress | None,
    ) -> None:
        self._client = client
        self._inbox = inbox
        self._happened = happened
        self._progress = progress
        self._statuses: StatusFiles | None = StatusFiles(
            inbox.folder / FOLDER, on_notice=lambda event: happened(NoticeReceived(event))
        )

    async def round(self) -> None:
        """Send what is complete, then fetch what is new."""
        try:
            for path in self._inbox.look():
                await self._send(path)
            await self._fetch()
        except (NotAdmitted, Contradicted):
            raise
        except SluisError as error:
            # The gateway is away or in trouble: the other files have no better chance now.
            self._happened(Postponed(None, str(error)))
        except OSError as error:
            # A full disk, for instance: nothing was moved or acknowledged that is not on it.
            self._happened(Postponed(None, f"{error.filename}: {error.strerror}"))

    async def _send(self, path: Path) -> None:
        try:
            await self._take(path)
        except NotAdmitted:
            raise
        except Unacceptable as problem:
            self._reject(path, problem)
        except (Declined, Misconfigured) as error:
            if isinstance(error, Unavailable):
                raise
            # It changed while it was sent, or the gateway stumbles over it: the others go on.
            self._inbox.leave_alone(path)
            self._happened(Postponed(path, str(error)))

    async def _take(self, path: Path) -> None:
        # A name of its own while it grows: only at its end is known in which folder it belongs.
        growing = path.with_name(f".{path.name}{REPORT_JSON}")
        with durably(growing) as file:
            report = _JsonReport(file, path.name)
            delivered = await deliver_file(self._client, path, self._progress, report.outcome)
            report.end(delivered.report)
        is_readable = delivered.report.state is not DeliveryState.UNREADABLE
        place = self._inbox.place(path, TAKEN if is_readable else REJECTED)
        move(growing, _beside(place, REPORT_JSON))
        text = report_text(path.name, delivered.report, delivered.summary)
        _write(_beside(place, REPORT_TEXT), text)
        self._inbox.put_away(path, place)
        if is_readable:
            self._happened(Taken(place, delivered))
        else:
            self._happened(Rejected(place, delivered.report.error or DeliveryState.UNREADABLE))

    def _reject(self, path: Path, problem: Declined) -> None:
        place = self._inbox.place(path, REJECTED)
        told = {
            "bestand": path.name,
            "probleem": {
                "type": problem.kind,
                "title": problem.title,
                "status": problem.status,
                "detail": problem.detail,
                "fouten": [{"veld": item.field, "regel": item.rule} for item in problem.fields],
            },
        }
        _write(_beside(place, REPORT_JSON), json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        text = rejection_text(path.name, problem, datetime.now(UTC))
        _write(_beside(place, REPORT_TEXT), text)
        self._inbox.put_away(path, place)
        self._happened(Rejected(place, str(problem)))

    async def _fetch(self) -> None:
        if self._statuses is None:
            return
        try:
            written = await self._statuses.fetch(self._client)
        except Declined as problem:
            if problem.status != HTTPStatus.NOT_ACCEPTABLE:
                raise
            self._statuses = None  # this partner's adapter writes no status file
            return
        for path in written:
            self._happened(StatusesWritten(path))


class _JsonReport:
    """The whole report as JSON, written as the outcomes come: any number, no more memory."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._separator = b""
        file.write(b'{"bestand": %s,\n"uitkomsten": [' % json.dumps(name).encode())

    def outcome(self, outcome: RecordOutcome) -> None:
        line = outcome.model_dump_json(by_alias=True, exclude_none=True).encode()
        self._file.write(self._separator + b"\n" + line)
        self._separator = b","

    def end(self, report: DeliveryReport) -> None:
        whole = report.model_dump_json(by_alias=True, exclude_none=True).encode()
        self._file.write(b'],\n"verslag": %s}\n' % whole)


def _beside(place: Path, suffix: str) -> Path:
    return place.with_name(place.name + suffix)


def _write(path: Path, text: str) -> None:
    with durably(path) as file:
        file.write(text.encode())
