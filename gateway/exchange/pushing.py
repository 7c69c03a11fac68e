"""Bringing mail (bezorging): recipients with an endpoint get theirs brought; all others pull.

Every replica runs this. Each turn it claims the lanes of recipients that have mail and may be
tried, and lets them run beside each other (`pushing_lane`), up to a bound; a lane that others wait
for gives its place up after two seconds. So a slow or dead recipient holds up nobody but itself.

The same turn looks whether the lanes that run may go on: a stop, a suspension or another address
reaches a message that is released and not yet sent within a quarter of a second; what is not
released yet, at once, by the release transaction itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from gateway.exchange.pushing_lane import LEASE_SECONDS, LaneTools, RunningLane
from gateway.exchange.repeating import Repeated
from gateway.store.away import DATABASE_AWAY
from gateway.store.ids import new_id
from gateway.store.lease import Lease
from gateway.store.pushes import claim_lanes, forget_lapsed, give_up_lanes, still_open

EVERY_SECONDS = 0.25
IN_THE_DATABASE = 4
"""Lanes in the database at a time: bringing never takes the connections that answering needs."""
TIDY_SECONDS = 3600.0
REST_SECONDS = 5.0
"""For a lane that fell over: a fault of ours is tried again, and not four times a second."""
DEAD_KEPT = timedelta(days=30)


class Pushing(Repeated):
    """Brings mail for as long as it runs. `most` bounds the lanes that run at a time.

    `is_shut` says whether nothing may pass for now, since entries wait for their signature.
    """

    def __init__(
        self,
        tools: LaneTools,
        *,
        most: int = 512,
        every: float = EVERY_SECONDS,
        is_shut: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__("pushing-waits", tools.telemetry, every)
        self._is_shut = is_shut
        self._tools = tools
        self._most = most
        self._holder: UUID = new_id()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._lanes: dict[str, RunningLane] = {}
        self._ended: list[Lease] = []
        self._resting: dict[str, float] = {}
        self._tidy_at = 0.0

    async def turn(self) -> bool:
        """See to the lanes that run, and start those that have mail."""
        await self._look_after_running()
        await self._give_up_ended()
        room = 0 if self._is_shut() else self._most - len(self._running)
        claimed, asked_at = [], time.monotonic()
        if room:
            async with self._tools.pool.acquire() as connection:
                claimed = await claim_lanes(
                    connection,
                    self._holder,
                    self._tools.clock(),
                    LEASE_SECONDS,
                    room,
                    [*self._running, *self._resting],
                )
        for one in claimed:
            lane = self._lanes.get(one.partner)
            if lane is None or lane.lane.url != one.url:
                if lane is not None:
                    lane.close()
                lane = self._lanes[one.partner] = RunningLane(one, asked_at, self._tools)
            else:
                lane.claim(one, asked_at)
            self._running[one.partner] = asyncio.create_task(self._run_lane(lane), name="lane")
        return False

    async def pass_once(self) -> None:
        """A turn, and all that it started to its end."""
        await self.turn()
        await asyncio.gather(*self._running.values())
        await self._give_up_ended()

    async def stop(self) -> None:
        """End: what is being sent is accounted for, and the lanes are another replica's."""
        await super().stop()
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for lane in self._lanes.values():
            lane.close()
        try:
            async with asyncio.timeout(2):
                await self._give_up_ended()
        except DATABASE_AWAY as error:
            self._telemetry.fault("push-lease-kept", error)  # they run out by themselves

    async def _run_lane(self, lane: RunningLane) -> None:
        try:
            has_more = True
            while has_more and not lane.is_halted:
                has_more = await lane.run()
                if has_more and len(self._running) >= self._most:
                    return  # others wait; this one is claimed again in its turn
        except Exception as error:  # noqa: BLE001  # a lane that fell over is taken up again
            self._telemetry.fault("push-lane-waits", error, partner=lane.lane.recipient)
            self._resting[lane.lane.recipient] = time.monotonic() + REST_SECONDS
            lane.close()
        finally:
            del self._running[lane.lane.recipient]
            self._ended.append(lane.lane.lease)

    async def _look_after_running(self) -> None:
        now = time.monotonic()
        self._resting = {name: until for name, until in self._resting.items() if until > now}
        running = [self._lanes[name] for name in self._running]
        for name in [one for one in self._lanes if one not in self._running]:
            if self._lanes[name].is_idle:
                self._lanes.pop(name).close()
        if running:
            async with self._tools.pool.acquire() as connection:
                places = [(one.lane.recipient, one.lane.url) for one in running]
                open_ = await still_open(connection, places)
            for one in running:
                one.is_halted |= one.lane.recipient not in open_ or self._is_shut()
        if now >= self._tidy_at:
            self._tidy_at = now + TIDY_SECONDS
            async with self._tools.pool.acquire() as connection:
                await forget_lapsed(connection, self._tools.clock() - DEAD_KEPT)

    async def _give_up_ended(self) -> None:
        if self._ended:
            ended, self._ended = self._ended, []
            async with self._tools.pool.acquire() as connection:
                await give_up_lanes(connection, ended)
