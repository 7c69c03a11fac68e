"""DWI's status files: what came back on its own referrals, acknowledged only once it is on disk.

Per page: (1) the file is written aside and brought to disk, (2) a note names file and cursor,
(3) the file gets its name, (4) the gateway is told, (5) the note goes. A crash before 2 leaves
nothing, and the gateway gives the page again; after 2, the note finishes what was begun. So each
status stands in exactly one file, also when the acknowledgement was lost.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from gateway.client import AsyncSluis, Conflict, Event, RawPage, Unacceptable
from gateway.client.mailbox import parsed
from gateway.sandbox.durable import cut_unfinished_line, durably, free_name, move

FOLDER = "statussen"
NOTICES = "kennisgevingen.ndjson"
_NOTE = ".bevestigen.json"
_ASIDE = ".status.csv"


class StatusFiles:
    """The folder of status files of one partner."""

    def __init__(
        self,
        folder: Path,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_notice: Callable[[Event], None] = lambda _: None,
    ) -> None:
        """`on_notice` is told of each notice once, when it is on disk."""
        self._on_notice = on_notice
        self._folder = folder
        self._now = now
        self._emptied: str | None = None

    async def fetch(self, client: AsyncSluis) -> list[Path]:
        """Write whatever is new; returns the files written, oldest first."""
        self._folder.mkdir(exist_ok=True)
        written = await self._finish(client)
        while True:
            page = await client.status_file()
            if page.others:
                await self._keep_notices(client)
            if len(page.lines()) > 1:  # more than its header
                self._note(page)
                written += await self._finish(client)
            elif page.others or page.has_more or self._emptied not in (None, page.next_cursor):
                # Notices are kept by now, and tombstones must not be given for ever.
                await client.acknowledge(page.next_cursor)
            if not page.has_more:
                self._emptied = page.next_cursor
                return written

    async def _keep_notices(self, client: AsyncSluis) -> None:
        """What the gateway says and the file cannot hold: kept before the page is acknowledged."""
        path = self._folder / NOTICES
        cut_unfinished_line(path)
        with path.open("rb") as file:
            known = {Event.model_validate_json(line).id for line in file}
        page = parsed(await client.raw_page())
        fresh = [event for event in page.events if event.is_notice and event.id not in known]
        with path.open("ab") as file:
            for event in fresh:
                file.write(f"{event.model_dump_json(by_alias=True)}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        for event in fresh:
            self._on_notice(event)

    def _note(self, page: RawPage) -> None:
        with durably(self._folder / _ASIDE) as file:
            file.write(page.content)
        name = free_name(self._folder, f"status-{self._now():%Y%m%dT%H%M%SZ}.csv").name
        with durably(self._folder / _NOTE) as file:
            file.write(json.dumps({"bestand": name, "totEnMet": page.next_cursor}).encode())

    async def _finish(self, client: AsyncSluis) -> list[Path]:
        """Carry out what the note names, if there is one."""
        note = self._folder / _NOTE
        if not note.exists():
            return []
        noted = json.loads(note.read_bytes())
        path, aside = self._folder / noted["bestand"], self._folder / _ASIDE
        written = [path] if aside.exists() else []
        if written:
            move(aside, path)
        with suppress(Unacceptable, Conflict):
            # A gateway that was restored does not know the cursor, or has not given so much yet: it
            # gives again what it still has.
            await client.acknowledge(noted["totEnMet"])
        note.unlink()
        return written
