"""A network on a bad day: outages, slow answers, lost answers, doubled and overtaken requests.

`Weather` decides by chance and counts what it did, since a run in which nothing went wrong proves
nothing; `BadRoad` is how a party under such weather reaches the gateway.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

import httpx

LONGEST_PAUSE = 0.4
"""Seconds by which a request or answer is held up at most: others overtake it."""


@dataclass
class Weather:
    """How bad it is for one party, and what came of it."""

    chance: random.Random
    lost: float = 0.01
    doubled: float = 0.01
    slow: float = 0.03
    is_down: bool = False
    happened: Counter[str] = field(default_factory=Counter)

    def strikes(self, what: str, likely: float) -> bool:
        """Whether it happens now; counted if it does."""
        if self.chance.random() >= likely:
            return False
        self.happened[what] += 1
        return True

    async def hold_up(self) -> None:
        """Sometimes a pause, so that what was sent later arrives earlier."""
        if self.strikes("held up", self.slow):
            await asyncio.sleep(self.chance.uniform(0, LONGEST_PAUSE))


class BadRoad(httpx.AsyncBaseTransport):
    """Requests may not arrive, arrive late or twice; answers may come late or be lost."""

    def __init__(self, weather: Weather) -> None:
        self._weather = weather
        limits = httpx.Limits(max_connections=16, max_keepalive_connections=16)
        self._road = httpx.AsyncHTTPTransport(limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        weather = self._weather
        if weather.is_down:
            weather.happened["cut off"] += 1
            await asyncio.sleep(0.05)
            raise httpx.ConnectError("the party is cut off", request=request)
        await request.aread()
        await weather.hold_up()
        # A token's assertion is good for one use: doubled, it is rightly refused as replayed.
        is_once = request.url.path == "/oauth/token"
        if not is_once and weather.strikes("sent twice", weather.doubled):
            first = await self._road.handle_async_request(request)
            await first.aread()
            await first.aclose()
        answer = await self._road.handle_async_request(request)
        await weather.hold_up()
        if weather.strikes("answer lost", weather.lost):
            await answer.aread()
            await answer.aclose()
            raise httpx.ReadError("the answer was lost", request=request)
        return answer

    async def aclose(self) -> None:
        await self._road.aclose()
