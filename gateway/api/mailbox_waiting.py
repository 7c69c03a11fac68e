"""Waiting for mail over HTTP: an answer that comes when there is some, and a stream of signals.

Whoever waits is let in as anybody is, holds no database connection, and is one of a bounded number
of its partner's. A stream says that there is something newer and at which place, never what.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.api.bounds import PATIENT_UNTIL
from gateway.api.problems import Problem
from gateway.exchange.signal import (
    HEARTBEAT_SECONDS,
    LONGEST_WATCH,
    MailboxSignal,
    TooManyWaitingError,
    WaitEndedError,
)
from gateway.store.signal import Head

EVENT_STREAM = "text/event-stream"
_ANSWER_SECONDS = 30.0
"""How long making the page may take once the wait is over."""


def too_many_waiting() -> Problem:
    """The answer to a partner that waits in as many requests as it may."""
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "Te veel wachtende verzoeken",
        "U wacht al in zo veel verzoeken als mag. Eén verzoek dat wacht is genoeg.",
        headers={"Retry-After": "5"},
    )


async def wait_for_mail(
    signal: MailboxSignal, request: Request, recipient: str, than: int, seconds: float
) -> bool:
    """Whether something newer than this position came, within so many seconds.

    Ends at once where the caller goes away. Raises `Problem` 429.
    """
    loop = asyncio.get_running_loop()
    request.scope[PATIENT_UNTIL] = loop.time() + seconds + _ANSWER_SECONDS
    try:
        with signal.place(recipient):
            newer = asyncio.ensure_future(signal.newer(recipient, than, seconds))
            gone = asyncio.ensure_future(_gone(request.receive))
            await _first_of(newer, gone)
            return newer.done() and not newer.cancelled() and newer.result() is not None
    except TooManyWaitingError:
        raise too_many_waiting() from None
    except WaitEndedError:
        return False


class SignalStream(Response):
    """Server-sent events (WHATWG HTML, 9.2): `nieuw` with a place, and comments as heartbeat.

    Whoever makes one has taken a place of the partner's; it is given back here.
    """

    media_type = EVENT_STREAM

    def __init__(self, signal: MailboxSignal, recipient: str, head: Head) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._signal = signal
        self._recipient = recipient
        self._head = head

    async def __call__(
        self,
        scope: Scope,  # noqa: ARG002  # ASGI's signature
        receive: Receive,
        send: Send,
    ) -> None:
        """Send until it lasted long enough, the caller goes away, or there is no more to come."""
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": HTTPStatus.OK.value,
                    "headers": self.raw_headers,
                }
            )
            telling = asyncio.ensure_future(self._tell(send))
            gone = asyncio.ensure_future(_gone(receive))
            await _first_of(telling, gone)
            if telling.done() and not telling.cancelled():
                telling.result()
                await send({"type": "http.response.body", "body": b""})
        finally:
            self._signal.give_place(self._recipient)

    async def _tell(self, send: Send) -> None:
        async for piece in self._events():
            await send({"type": "http.response.body", "body": piece, "more_body": True})

    async def _events(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        until = loop.time() + LONGEST_WATCH
        yield b"retry: 3000\n\n"
        known = self._head.acknowledged
        if self._head.last_position > known:
            known = self._head.last_position
            yield _event(known)
        try:
            while (left := until - loop.time()) > 0:
                seconds = min(HEARTBEAT_SECONDS, left)
                found = await self._signal.newer(self._recipient, known, seconds)
                if found is None:
                    yield b": wacht\n\n"
                else:
                    known = found
                    yield _event(known)
        except WaitEndedError:
            return


def _event(position: int) -> bytes:
    return b"event: nieuw\nid: %d\ndata: %b\n\n" % (position, orjson.dumps({"nieuwste": position}))


async def _gone(receive: Receive) -> None:
    """Returns once the caller is not there any more."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _first_of(*work: asyncio.Future[Any]) -> None:
    """Wait until one of these is done, and end the others; none is left behind."""
    try:
        await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in work:
            if not one.done():
                one.cancel()
        await asyncio.wait(work)
