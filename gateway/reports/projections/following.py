"""Projections that run beside the gateway: collectors that it was told of, and the index of traces.

Each goes by itself, so that a slow or dead receiver holds up no other; over all replicas one holds
its lease. What a receiver does not take now is asked again after a pause that grows up to a minute,
or after the pause that it asked for. Of protected exchanges nothing is sent anywhere from here, and
nothing about them is counted.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from gateway.reports.projections.ldv import Read
from gateway.reports.projections.lines import trace_key
from gateway.reports.projections.receiving import AwayError, Confirmed, Projected, Verdict
from gateway.reports.projections.replay import Acquire, HeldElsewhereError, Replay, Turn
from gateway.store.away import DATABASE_AWAY
from gateway.store.groups import BESCHERMD, VERWERKINGEN, Connection
from gateway.store.log import LeaseLostError
from gateway.store.projections import TRACE_INDEX, CursorMovedError, SourceLeaf, index_traces
from gateway.telemetry import Telemetry

EVERY_SECONDS = 1.0
LONGEST_PAUSE = 60.0
_ELSEWHERE_SECONDS = 5.0
_INDEX_PAGE = 2_000
_NOBODY = UUID(int=0)


def pause_after(failures: int, asked: float | None, uniform: float) -> float:
    """Seconds to wait after so many failures in a row; `uniform` spreads replicas apart."""
    grown = min(LONGEST_PAUSE, 0.5 * 2.0 ** min(failures, 10)) * (0.5 + uniform / 2)
    return max(grown, asked or 0.0)


class Followers:
    """Runs projections for as long as the gateway does."""

    def __init__(
        self,
        replays: Sequence[Replay],
        telemetry: Telemetry,
        *,
        every: float = EVERY_SECONDS,
        counted: frozenset[str] = frozenset(),
    ) -> None:
        """`counted` are the names of the projections that counters may tell of."""
        self._replays = replays
        self._telemetry = telemetry
        self._every = every
        self._counted = counted
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start them."""
        self._tasks = [
            asyncio.create_task(self._run(one), name=f"projection-{one.name}")
            for one in self._replays
        ]

    async def stop(self) -> None:
        """End them, wherever they are, and let other replicas go on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for replay in self._replays:
            # A lease that is kept runs out by itself.
            with suppress(TimeoutError, *DATABASE_AWAY):
                async with asyncio.timeout(2):
                    await replay.close()

    async def _run(self, replay: Replay) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            try:
                turn = await replay.turn()
            except AwayError as error:
                failures += 1
                self._tell(replay, error, failures)
                await asyncio.sleep(pause_after(failures, error.after, random.random()))  # noqa: S311  # spreads load, guards nothing
            except (HeldElsewhereError, LeaseLostError, CursorMovedError):
                await asyncio.sleep(_ELSEWHERE_SECONDS)
            except Exception as error:  # noqa: BLE001  # no fault may end it for good
                failures += 1
                self._telemetry.fault("projection-failed", error, route=replay.name)
                await asyncio.sleep(pause_after(failures, None, random.random()))  # noqa: S311  # as above
            else:
                failures = 0
                self._count(replay, turn)
                if turn.is_idle:
                    await asyncio.sleep(self._every)
                elif replay.share < 1.0:
                    await asyncio.sleep((time.monotonic() - began) * (1.0 / replay.share - 1.0))

    def _tell(self, replay: Replay, error: AwayError, failures: int) -> None:
        # The first, and then ever more seldom: it is asked for hours, and said now and then.
        if failures & (failures - 1) == 0:
            self._telemetry.log(
                "projection-waits", route=replay.name, reason=error.reason, count=failures
            )

    def _count(self, replay: Replay, turn: Turn) -> None:
        if replay.name not in self._counted:
            return
        if turn.lines:
            self._telemetry.count("projected_lines", turn.lines, projection=replay.name)
        if turn.parked:
            self._telemetry.count("projection_parked", turn.parked, projection=replay.name)
            self._telemetry.log("projection-parked", route=replay.name, count=turn.parked)


class TraceReceiver:
    """The index of traces, as a receiver: what it confirms stands in the table."""

    kind = TRACE_INDEX
    target = "log_trace"
    size = 0

    def __init__(self, acquire: Acquire) -> None:
        self._acquire = acquire

    async def begin(self, confirmed: int) -> None:
        """A row that stands there already stays."""

    async def deliver(self, batch: Sequence[Projected]) -> Verdict:
        """Index a page."""
        leaves = [entry.read.leaf for entry in batch]
        keys = [trace_key(str(entry.read.members["traceId"])) for entry in batch]
        async with self._acquire() as connection:
            await index_traces(connection, keys, leaves[0].log, [one.position for one in leaves])
        return Confirmed()

    async def close(self) -> None:
        """Nothing is held."""


class Bare:
    """Entries without lines, for an index that needs none."""

    async def project(
        self, connection: Connection, leaves: Sequence[SourceLeaf]
    ) -> list[Projected]:
        """Each entry with its trace alone: to parse all of it would cost the road more."""
        del connection
        return [Projected(_traced(leaf), ()) for leaf in leaves]


def _traced(leaf: SourceLeaf) -> Read:
    # Quotes inside texts are escaped, so this can only be the member; members are sorted.
    _, _, rest = leaf.entry.rpartition(b'"traceId":"')
    return Read(leaf, {"traceId": rest[:32].decode("ascii")}, _NOBODY, "", None)


def trace_indexes(acquire: Acquire, share: float = 1.0) -> list[Replay]:
    """What lets entries of the processing logs be found by their trace; nothing for no share."""
    if share <= 0.0:
        return []
    return [
        Replay(
            acquire,
            f"{TRACE_INDEX}/{series}",
            series,
            TraceReceiver(acquire),
            Bare(),
            page=_INDEX_PAGE,
            share=share,
        )
        for series in (VERWERKINGEN, BESCHERMD)
    ]
