"""Stops passage where the log is written and no longer signed (invariant 12).

Entries are signed within a second. Where a series' newest checkpoint has stood still for longer
than is allowed while entries wait for it (a damaged log, a lost key, a publisher that hangs),
nothing passes until it moves again. Reading the log goes on: that is how one finds out why.
"""

from __future__ import annotations

import time

import asyncpg

from gateway.audit.series import NAMES
from gateway.exchange.repeating import Repeated
from gateway.store.log import newest_checkpoint, volume_to_sign
from gateway.telemetry import Telemetry

EVERY_SECONDS = 5.0


class SigningWatch(Repeated):
    """Knows whether the logs are being signed; `is_shut` says that nothing may pass."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        telemetry: Telemetry,
        *,
        most: float,
        every: float = EVERY_SECONDS,
    ) -> None:
        """`most` is how long entries may wait for a signature, in seconds."""
        super().__init__("signing-watch-waits", telemetry, min(every, abs(most)))
        self._pool = pool
        self._most = most
        self._waiting: dict[int, tuple[tuple[int, int], float]] = {}
        self._is_shut = False

    def is_shut(self) -> bool:
        """Whether entries have waited for a signature for too long."""
        return self._is_shut

    async def turn(self) -> bool:
        """Look; never twice without a pause."""
        now = time.monotonic()
        async with self._pool.acquire() as connection:
            for series in NAMES:
                volume = await volume_to_sign(connection, series)
                newest = await newest_checkpoint(connection, volume.log)
                signed = 0 if newest is None else newest.size
                if volume.size <= signed:
                    self._waiting.pop(series, None)
                    continue
                place = (volume.log, signed)
                before = self._waiting.get(series)
                if before is None or before[0] != place:
                    self._waiting[series] = (place, now)
        is_shut = any(now - since > self._most for _, since in self._waiting.values())
        if is_shut and not self._is_shut:
            self._telemetry.log("log-not-signed-shut")
        elif self._is_shut and not is_shut:
            self._telemetry.log("log-signed-again")
        self._is_shut = is_shut
        return False
