"""The access log of requests: what a caller did is durable before the caller is answered.

Entries are gathered and committed in groups, like messages. If they cannot be written the request
fails (invariant 12). Attempts of callers whom nobody knows are counted by operation and outcome,
and written once a second as one entry each: a flood of them must not fill the log.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import asyncpg

from gateway.audit.access import NOBODY, Act, Action, access_leaf, new_trace
from gateway.store.groups import TOEGANG, Leaf, append_leaves
from gateway.telemetry import Telemetry

GROUP = 256
WAITING_MOST = 10_000
WRITE_SECONDS = 10.0
UNKNOWN_EVERY_SECONDS = 1.0


class AccessLogBusyError(Exception):
    """More acts wait to be written than may; nothing was recorded."""


class _Waiting(NamedTuple):
    leaf: Leaf
    done: asyncio.Future[None]


class AccessLog:
    """Writes acts to the access log; one instance serves the process."""

    def __init__(
        self, pool: asyncpg.Pool, clock: Callable[[], datetime], telemetry: Telemetry
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._telemetry = telemetry
        self._waiting: list[_Waiting] = []
        self._unknown: Counter[tuple[str, str]] = Counter()
        self._woken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start writing."""
        self._tasks = [
            asyncio.create_task(self._write(), name="access-log"),
            asyncio.create_task(self._write_unknown(), name="access-log-unknown"),
        ]

    async def stop(self) -> None:
        """Write what waits, and end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tell_of_unknown()
        while self._waiting:
            await self._write_group()

    async def record(self, act: Act) -> None:
        """Record one act; returns once it is committed.

        Raises `AccessLogBusyError`, `TimeoutError` or what the database raises.
        """
        if len(self._waiting) >= WAITING_MOST:
            raise AccessLogBusyError
        async with asyncio.timeout(WRITE_SECONDS):
            await self._queue(act)

    def refused(self, operation: str, outcome: str) -> None:
        """Count an attempt of a caller whom nobody knows; recorded within seconds."""
        self._unknown[operation, outcome] += 1

    def _queue(self, act: Act) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(access_leaf(act), done))
        self._woken.set()
        return done

    async def _write(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._waiting:
                await self._write_group()

    async def _write_group(self) -> None:
        group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
        try:
            async with (
                asyncio.timeout(WRITE_SECONDS),
                self._pool.acquire() as connection,
                connection.transaction(),
            ):
                await append_leaves(connection, TOEGANG, [one.leaf for one in group])
        except Exception as error:  # noqa: BLE001  # whoever waits is told, and the writer goes on
            self._telemetry.fault("access-not-recorded", error)
            for one in group:
                if not one.done.done():
                    one.done.set_exception(error)
                    one.done.exception()  # seen: whom it concerned may have gone away
            return
        for one in group:
            if not one.done.done():
                one.done.set_result(None)

    async def _write_unknown(self) -> None:
        while True:
            await asyncio.sleep(UNKNOWN_EVERY_SECONDS)
            self._tell_of_unknown()

    def _tell_of_unknown(self) -> None:
        counted, self._unknown = self._unknown, Counter()
        now = int(self._clock().timestamp() * 1000)
        for (operation, outcome), count in sorted(counted.items()):
            self._queue(
                Act(
                    operation, Action.EXECUTE, NOBODY, new_trace(), now, now,
                    is_error=True, outcome=outcome, count=count,
                )
            )  # fmt: skip
