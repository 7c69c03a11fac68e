"""The outermost layer, plain ASGI: what holds for every request, at a few microseconds each.

Security and version headers on every answer, a bound on time and on bodies, W3C trace context in,
and the one hot route (`POST /v1/aanmeldingen`) taken before the framework sees it: measured, the
framework's own road costs more than all ten stages.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.bounds import BoundedRequest
from gateway.api.problems import Problem, busy, our_fault, too_large
from gateway.audit.entries import Trace
from gateway.telemetry import Telemetry

API_VERSION = b"1.0.0"
HEADERS: list[tuple[bytes, bytes]] = [
    (b"api-version", API_VERSION),
    (b"cache-control", b"no-store"),
    (b"strict-transport-security", b"max-age=31536000"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
]
_TRACEPARENT = re.compile(rb"^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$")
_NO_TRACE = b"0" * 32

Headers = Iterable[tuple[bytes, bytes]]
HotAnswer = tuple[int, str, bytes]
Hot = Callable[[list[tuple[bytes, bytes]], bytes], Awaitable[HotAnswer]]


class Border:
    """Wraps the application."""

    def __init__(
        self,
        app: ASGIApp,
        telemetry: Telemetry,
        *,
        hot: dict[str, Hot],
        streamed: frozenset[str],
        max_message: int,
        timeout: float,
    ) -> None:
        """`streamed` are the paths whose route bounds the size of its body itself."""
        self._app = app
        self._telemetry = telemetry
        self._hot = hot
        self._streamed = streamed
        self._max_message = max_message
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        hot = self._hot.get(scope["path"]) if scope["method"] == "POST" else None
        if hot is not None:
            await self._answer_hot(hot, scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(pair for pair in HEADERS if pair[0] not in given),
                ]
                self._telemetry.count("answers", status=str(message["status"]))
            await send(message)

        is_streamed = scope["path"] in self._streamed
        request = BoundedRequest(
            receive,
            send_with_headers,
            timeout=self._timeout,
            max_body=None if is_streamed else self._max_message,
        )
        await request.pass_through(self._app, scope)

    async def _answer_hot(self, hot: Hot, scope: Scope, receive: Receive, send: Send) -> None:
        extra: list[tuple[bytes, bytes]] = []
        try:
            async with asyncio.timeout(self._timeout):
                body = await read_body(receive, self._max_message)
                if body is None:
                    return
                status, media_type, answer = await hot(scope["headers"], body)
        except Problem as problem:
            status, media_type, answer = problem.status, PROBLEM, problem.body()
            extra = [(k.lower().encode(), v.encode()) for k, v in problem.headers.items()]
        except TimeoutError:
            late = busy()
            status, media_type, answer = late.status, PROBLEM, late.body()
            extra = [(b"retry-after", b"2")]
        except Exception as error:  # noqa: BLE001  # the server's own answer would be no problem
            self._telemetry.fault("request-failed", error)
            fault = our_fault()
            status, media_type, answer = fault.status, PROBLEM, fault.body()
        self._telemetry.count("answers", status=str(int(status)))
        headers = [
            *HEADERS,
            *extra,
            (b"content-type", media_type.encode("ascii")),
            (b"content-length", b"%d" % len(answer)),
        ]
        await send({"type": "http.response.start", "status": int(status), "headers": headers})
        await send({"type": "http.response.body", "body": answer})


PROBLEM = "application/problem+json"


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """A whole body of at most `limit` bytes; None when the sender went away.

    Raises `Problem` 413 as soon as the bound is passed, before the rest is read.
    """
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit:
            raise too_large()
        return body
    pieces, size = [body], len(body)
    while message.get("more_body", False):
        if size > limit:
            raise too_large()
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
    if size > limit:
        raise too_large()
    return b"".join(pieces)


def trace_of(headers: Headers) -> Trace:
    """The caller's trace with a span of our own; a new trace where none, or a bad one, came."""
    for name, value in headers:
        if name == b"traceparent":
            found = _TRACEPARENT.match(value)
            if found is not None and found[1] != _NO_TRACE:
                return Trace(found[1].decode("ascii"), os.urandom(8).hex())
            break
    random = os.urandom(24).hex()
    return Trace(random[:32], random[32:])


def header(headers: Headers, name: bytes) -> bytes | None:
    """The first header of this (lower-case) name."""
    for key, value in headers:
        if key == name:
            return value
    return None


def require_json(headers: Headers) -> None:
    """415 unless the body says that it is JSON."""
    given = header(headers, b"content-type") or b""
    if given.split(b";")[0].strip().lower() != b"application/json":
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Berichttype onbekend",
            "Dit adres neemt alleen application/json.",
        )
