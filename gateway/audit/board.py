"""The newest checkpoint of the processing log, as every answer to a partner bears it.

Read now and then in each process, whoever signs it: an answer costs a look at a variable. So it may
be some hundreds of milliseconds old, which a partner allows for; the log's own address gives the
newest there is.
"""

from __future__ import annotations

import asyncio
import base64

import asyncpg

from gateway.store.groups import VERWERKINGEN
from gateway.store.log import newest_checkpoint, open_volume
from gateway.telemetry import Telemetry

HEADER = b"sluis-checkpoint"
LOOK_SECONDS = 0.5

Header = tuple[bytes, bytes]


class CheckpointBoard:
    """Holds the header that is shown; `every` are seconds between two looks."""

    def __init__(
        self, pool: asyncpg.Pool, telemetry: Telemetry, *, every: float = LOOK_SECONDS
    ) -> None:
        self._pool = pool
        self._telemetry = telemetry
        self._every = every
        self._shown: tuple[Header, ...] = ()
        self._note = ""
        self._task: asyncio.Task[None] | None = None

    def shown(self) -> tuple[Header, ...]:
        """The header, or none while there is no checkpoint."""
        return self._shown

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name="CheckpointBoard")

    async def stop(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Read the newest one now."""
        async with self._pool.acquire() as connection:
            volume = await open_volume(connection, VERWERKINGEN)
            newest = await newest_checkpoint(connection, volume.log)
        if newest is not None and newest.note != self._note:
            self._note = newest.note
            self._shown = ((HEADER, base64.b64encode(newest.note.encode())),)

    async def _run(self) -> None:
        is_told = False
        while True:
            try:
                await self.look()
                is_told = False
            except Exception as error:  # noqa: BLE001  # no fault may end the looking for good
                # Once: what is away for an hour is told of by everything else as well.
                if not is_told:
                    self._telemetry.fault("checkpoint-not-read", error)
                is_told = True
            await asyncio.sleep(self._every)
