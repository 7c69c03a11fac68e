"""Bounds on one request: its body comes in time and within its size, its answer begins in time.

The framework reads a whole body before it asks who sent it, so a stranger's is bounded here. And a
database that hangs must not keep callers waiting, nor let their number grow without end: what has
not begun to answer in time is given up, told "not now", and ends by itself.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.problems import busy

PATIENT_UNTIL = "sluis.patient-until"
"""Set in a request's scope by a route that waits on purpose: until when, by the loop's clock."""
_GRACE_SECONDS = 0.5
"""A body that stops is told so (408) before the request as a whole is given up (503)."""
_given_up: set[asyncio.Task[None]] = set()


class BoundedRequest:
    """One request on its way through the application.

    `max_body` is in bytes; None for a body that may be of any size and take any time, as long as
    it goes on. `timeout` is in seconds.
    """

    def __init__(
        self, receive: Receive, send: Send, *, timeout: float, max_body: int | None
    ) -> None:
        self._receive = receive
        self._send = send
        self._timeout = timeout
        self._max_body = max_body
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + timeout
        self._size = 0
        self._is_whole = False
        self._has_begun = False
        self._is_given_up = False

    async def pass_through(self, app: ASGIApp, scope: Scope) -> None:
        """Have it answered by `app`, or give it up in time."""
        work = asyncio.create_task(self._run(app, scope))
        try:
            while not (work.done() or self._has_begun or self._left(scope) <= 0):
                left = self._left(scope)
                await asyncio.wait({work}, timeout=left)
            if work.done() or self._has_begun:
                await work
                return
        except asyncio.CancelledError:
            work.cancel()
            raise
        # What it was doing may have been committed; asked again, it is answered the same.
        self._is_given_up = True
        work.cancel()
        _given_up.add(work)
        work.add_done_callback(_forget)
        await busy().response()(scope, self._receive, self._send)

    async def _run(self, app: ASGIApp, scope: Scope) -> None:
        await app(scope, self._take, self._give)

    def _left(self, scope: Scope) -> float:
        """Seconds in which the answer must begin. Only who was let in can say that it waits."""
        until = max(self._until, scope.get(PATIENT_UNTIL, 0.0))
        return float(until + _GRACE_SECONDS - self._loop.time())

    async def _take(self) -> Message:
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from None
        self._is_whole = not message.get("more_body", False)
        if self._max_body is None:
            self._until = self._loop.time() + self._timeout
            return message
        self._size += len(message.get("body", b""))
        if self._size > self._max_body:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message

    async def _give(self, message: Message) -> None:
        if not self._is_given_up:
            self._has_begun = True
            await self._send(message)


def _forget(work: asyncio.Task[None]) -> None:
    _given_up.discard(work)
    if not work.cancelled():
        work.exception()  # looked at, so that nobody reports it as never retrieved
