"""Faults of a network, planned one call ahead; each in two kinds: before the effect and after it.

Before: the call was lost. After: it had its effect and only the answer was lost, which is the kind
that doubles things where idempotency is not thought through. `DUPLICATE` is a road that delivers
the same call twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class Fault(StrEnum):
    DROP = "the connection breaks"
    UNAVAILABLE = "503"
    BUSY = "429"
    BAD_GATEWAY = "502"
    STUMBLE = "500"
    SLOW = "no answer for a long time"
    TRUNCATE = "the body breaks off half-way: the call's (before), or the answer's (after)"
    DUPLICATE = "the call is delivered twice"


@dataclass(frozen=True, slots=True)
class Planned:
    fault: Fault
    after_effect: bool = False
    retry_after: str | None = None
    seconds: float = 1.0


_STATUS = {Fault.UNAVAILABLE: 503, Fault.BUSY: 429, Fault.BAD_GATEWAY: 502, Fault.STUMBLE: 500}


class Faulty:
    """An application behind a bad network; it is the outermost one, so it sees the connection."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner
        self._plans: dict[tuple[str, str], list[Planned]] = {}
        self.calls: list[tuple[str, str]] = []

    def plan(self, method: str, path: str, *faults: Planned) -> None:
        """The next calls of this method and path meet these faults, one each."""
        self._plans.setdefault((method, path), []).extend(faults)

    def count(self, method: str, path: str) -> int:
        """How many calls of this method and path arrived."""
        return self.calls.count((method, path))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        call = (scope["method"], scope["path"])
        self.calls.append(call)
        plans = self._plans.get(call)
        if not plans:
            await self._inner(scope, receive, send)
        elif (planned := plans.pop(0)).fault is Fault.DUPLICATE:
            await self._twice(scope, receive, send)
        elif planned.after_effect:
            await self._after(planned, scope, receive, send)
        else:
            await self._before(planned, receive, send)

    async def _before(self, planned: Planned, receive: Receive, send: Send) -> None:
        if planned.fault is Fault.TRUNCATE:
            await receive()
        elif planned.fault is Fault.SLOW:
            await asyncio.sleep(planned.seconds)
        await self._fail(planned, send)

    async def _after(self, planned: Planned, scope: Message, receive: Receive, send: Send) -> None:
        answered: list[Message] = []

        async def keep(message: Message) -> None:
            answered.append(message)

        await self._inner(scope, receive, keep)
        if planned.fault is Fault.TRUNCATE:
            body = b"".join(message.get("body", b"") for message in answered)
            await send(answered[0])
            await send(
                {
                    "type": "http.response.body",
                    "body": body[: len(body) // 2],
                    "more_body": True,
                }
            )
        elif planned.fault is Fault.SLOW:
            await asyncio.sleep(planned.seconds)
        await self._fail(planned, send)

    async def _twice(self, scope: Message, receive: Receive, send: Send) -> None:
        arrived: list[Message] = []
        while not arrived or arrived[-1].get("more_body"):
            arrived.append(await receive())

        async def nobody(message: Message) -> None:
            return None

        await self._inner(dict(scope), _replay(arrived), nobody)
        await self._inner(dict(scope), _replay(arrived), send)

    async def _fail(self, planned: Planned, send: Send) -> None:
        status = _STATUS.get(planned.fault)
        if status is None:
            _break(send)
            return
        headers = [(b"content-type", b"application/problem+json")]
        if planned.retry_after is not None:
            headers.append((b"retry-after", planned.retry_after.encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        body = b'{"type":"about:blank","title":"Niet beschikbaar","status":%d}' % status
        await send({"type": "http.response.body", "body": body})


def _replay(arrived: list[Message]) -> Receive:
    waiting = list(arrived)

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    return receive


def _break(send: Send) -> None:
    """Cut the connection without a word, as a dying machine does."""
    cycle = getattr(send, "__self__", None)
    if cycle is None:
        raise httpx.ReadError("the connection broke")
    cycle.transport.abort()
    cycle.disconnected = True
