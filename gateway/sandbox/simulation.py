"""One party, living: it sends some messages, works its mailbox, and begins again.

How far it was in its stream of messages stands in its folder, written after they were sent: who
was stopped in between sends the same ones again, and the gateway knows them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from gateway.client import AsyncSluis
from gateway.sandbox.casebook import Tally, work_mailbox
from gateway.sandbox.dossiers import Dossiers, FolderDossiers
from gateway.sandbox.durable import durably
from gateway.sandbox.faults import Fault, outgoing_with, pause_of, statuses_with
from gateway.sandbox.outgoing import Sent, send
from gateway.sandbox.parties import PARTS, Asked, Part
from gateway.sandbox.population.generate import DEFAULT_SEED
from gateway.sandbox.status_files import FOLDER, StatusFiles

SENT, DOSSIERS, _STREAM = "verzonden", "dossiers", "stroom.json"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a party behaves: how much it sends at a time, of which seed, and what goes wrong."""

    count: int = 3
    seed: int = DEFAULT_SEED
    fault: Fault | None = None


@dataclass(slots=True)
class Round:
    """What one round did."""

    sent: Sent = field(default_factory=Sent)
    tally: Tally = field(default_factory=Tally)
    files: list[Path] = field(default_factory=list)
    """Status files that were fetched, by who reads those."""


class Simulation:
    """One party of the table, over one client."""

    def __init__(
        self,
        client: AsyncSluis,
        folder: Path,
        manner: Manner | None = None,
        *,
        part: Part | None = None,
        store: Dossiers | None = None,
        today: Callable[[], date] = date.today,
    ) -> None:
        """`folder` is the party's own; `part` and `store` are those of its name unless given."""
        self._client = client
        self._folder = folder
        self._manner = manner or Manner()
        self._part = part or PARTS[client.partner]
        self._store = store
        self._today = today

    async def round(self, on_sent: Callable[[Sent], None] = lambda _: None) -> Round:
        """Send, then pull and answer; raise what the client raises."""
        done = Round()
        if self._part.writes is not None and self._manner.count:
            await self._send(done, on_sent)
        if self._part.reads_files:
            done.files = await StatusFiles(self._folder / FOLDER).fetch(self._client)
            return done
        if self._store is None:
            self._store = await asyncio.to_thread(FolderDossiers, self._folder / DOSSIERS)
        seed, fault = self._manner.seed, self._manner.fault
        done.tally = await work_mailbox(
            self._client,
            self._store,
            statuses_with(fault, self._part.answers(seed)),
            concurrency=1 if fault in (Fault.REORDER, Fault.SLOW) else 8,
            then=self._part.then(seed, self._folder / SENT),
            reports_late=fault is Fault.LATE,
            before=lambda: pause_of(fault),
        )
        return done

    async def _send(self, done: Round, on_sent: Callable[[Sent], None]) -> None:
        writes, manner = self._part.writes, self._manner
        assert writes is not None  # noqa: S101 - the caller looked
        skip = await asyncio.to_thread(self._reached)
        asked = Asked(manner.count, self._today(), manner.seed, skip)
        made = await asyncio.to_thread(lambda: list(writes(asked)))
        for message in outgoing_with(manner.fault, made):
            await pause_of(manner.fault)
            done.sent.add(await send(self._client, message, self._folder / SENT))
            on_sent(done.sent)
        await asyncio.to_thread(self._reach, skip + manner.count)

    def _reached(self) -> int:
        path = self._folder / _STREAM
        if not path.exists():
            return 0
        found = json.loads(path.read_bytes()).get(str(self._manner.seed), 0)
        return int(found)

    def _reach(self, number: int) -> None:
        path = self._folder / _STREAM
        known = json.loads(path.read_bytes()) if path.exists() else {}
        with durably(path) as file:
            file.write(json.dumps(known | {str(self._manner.seed): number}).encode())
