"""Work that is done over and over beside the road, for as long as the process runs.

No fault ends it for good: it is told, and the work is tried again after the usual pause. What was
under way at the end is rolled back by its own transaction and done by the next start.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Protocol

from gateway.telemetry import Telemetry


class Runs(Protocol):
    """A part that works beside the requests for as long as the gateway runs."""

    def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """End: no more is begun, what is under way is finished or rolled back."""


class Repeated(ABC):
    """Work in turns. `fault` is the log's word for a turn that failed; `every` are seconds."""

    def __init__(self, fault: str, telemetry: Telemetry, every: float) -> None:
        self._fault = fault
        self._telemetry = telemetry
        self._every = every
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the turns."""
        self._task = asyncio.create_task(self._run(), name=type(self).__name__)

    async def stop(self) -> None:
        """End them."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @abstractmethod
    async def turn(self) -> bool:
        """Do one turn's work; whether the next one should follow without a pause."""

    async def _run(self) -> None:
        while True:
            try:
                has_more = await self.turn()
            except Exception as error:  # noqa: BLE001  # no fault may end the work for good
                self._telemetry.fault(self._fault, error)
                has_more = False
            if not has_more:
                await asyncio.sleep(self._every)
