"""The outermost layer, plain ASGI: what holds for every request, at a few microseconds each.

Security and version headers on every answer, a bound on time and on bodies, W3C trace context in,
an entry in the access log before the answer (`visits.py` says of which requests), and the one hot
route (`POST /v1/aanmeldingen`) taken before the framework sees it: measured, the
framework's own road costs more than all ten stages.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.bounds import BoundedRequest
from gateway.api.callers import Callers
from gateway.api.problems import Problem, busy, our_fault, too_large
from gateway.api.visits import act_of, is_recorded, operation_of
from gateway.audit.access import NOBODY
from gateway.audit.entries import Trace
from gateway.exchange.accesses import AccessLog, AccessLogBusyError
from gateway.store.away import DATABASE_AWAY
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
_SPAN = re.compile(rb"[0-9a-f]{16}")
_CALLER_SPAN = b"sluis-caller-span"

Headers = Iterable[tuple[bytes, bytes]]
HotAnswer = tuple[int, str, bytes]
HotRoute = Callable[[list[tuple[bytes, bytes]], bytes], Awaitable[HotAnswer]]


class Hot(NamedTuple):
    """A route that the border answers itself: its operation's name, and what does it."""

    operation: str
    route: HotRoute


class Visits(NamedTuple):
    """What recording a request takes: who called, where it goes, and the time."""

    callers: Callers
    log: AccessLog
    clock: Callable[[], datetime]
    is_shut: Callable[[], bool]
    """Whether nothing may pass: entries are not being signed (invariant 12)."""


class Border:
    """Wraps the application."""

    def __init__(
        self,
        app: ASGIApp,
        telemetry: Telemetry,
        visits: Visits,
        *,
        hot: dict[str, Hot],
        streamed: tuple[str, ...],
        max_message: int,
        timeout: float,
        shown: Callable[[], tuple[tuple[bytes, bytes], ...]] = tuple,
    ) -> None:
        """`streamed` are the paths whose route bounds the size of its body itself; one that ends
        in a slash stands for all below it.

        `shown` are headers for known callers alone: how far the log is would tell strangers how
        much is exchanged.
        """
        self._shown = shown
        self._app = app
        self._telemetry = telemetry
        self._visits = visits
        self._hot = hot
        self._streamed = frozenset(streamed)
        self._streamed_below = tuple(path for path in streamed if path.endswith("/"))
        self._max_message = max_message
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._visits.is_shut() and _passes(scope["path"]):
            await busy().response()(scope, receive, self._with_headers(scope, send))
            return
        if scope["path"].endswith("\n"):
            # The framework's patterns end in `$`, which lets a line end pass: another address for
            # each route, that none of what stands here by its path would know. No route ends so.
            scope["path"] += "/"
        hot = self._hot.get(scope["path"]) if scope["method"] == "POST" else None
        if hot is not None:
            await self._answer_hot(hot, scope, receive, send)
            return

        trace, started, is_refused = _traced(scope), self._visits.clock(), False

        async def send_with_headers(message: Message) -> None:
            nonlocal is_refused
            if is_refused:
                return
            if message["type"] == "http.response.start":
                status = int(message["status"])
                is_refused = not await self._record(scope, None, status, trace, started)
                if is_refused:
                    await busy().response()(scope, receive, self._with_headers(scope, send))
                    return
            await self._with_headers(scope, send)(message)

        path: str = scope["path"]
        is_streamed = path in self._streamed or path.startswith(self._streamed_below)
        request = BoundedRequest(
            receive,
            send_with_headers,
            timeout=self._timeout,
            max_body=None if is_streamed else self._max_message,
        )
        await request.pass_through(self._app, scope)

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(pair for pair in HEADERS if pair[0] not in given),
                    *self._shown_to(scope),
                ]
                self._telemetry.count("answers", status=str(message["status"]))
            await send(message)

        return send_with_headers

    def _shown_to(self, scope: Scope) -> tuple[tuple[bytes, bytes], ...]:
        shown = self._shown()
        if shown and self._visits.callers.known(scope["headers"]) is None:
            return ()
        return shown

    async def _record(
        self, scope: Scope, hot: str | None, status: int, trace: Trace, started: datetime
    ) -> bool:
        """Have the request in the access log; False where that cannot be (invariant 12)."""
        operation = operation_of(scope, hot)
        if not is_recorded(scope, operation):
            return True
        caller = self._visits.callers.known(scope["headers"])
        act = act_of(scope, operation, caller, status, trace, started, self._visits.clock)
        if act.actor is NOBODY:
            self._visits.log.refused(operation, str(status))
            return True
        try:
            await self._visits.log.record(act)
        except AccessLogBusyError:
            return False
        except DATABASE_AWAY:
            # What already refuses for want of a database need not be refused once more.
            return status == HTTPStatus.SERVICE_UNAVAILABLE
        return True

    async def _answer_hot(self, hot: Hot, scope: Scope, receive: Receive, send: Send) -> None:
        started, is_decided = self._visits.clock(), False
        extra: list[tuple[bytes, bytes]] = []
        try:
            async with asyncio.timeout(self._timeout):
                body = await read_body(receive, self._max_message)
                if body is None:
                    return
                status, media_type, answer = await hot.route(scope["headers"], body)
                is_decided = True
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
        if not is_decided:  # what was decided on has its entry
            trace = trace_of(scope["headers"])
            if not await self._record(scope, hot.operation, int(status), trace, started):
                late = busy()
                status, answer, extra = late.status, late.body(), [(b"retry-after", b"2")]
        self._telemetry.count("answers", status=str(int(status)))
        headers = [
            *HEADERS,
            *extra,
            *(self._shown() if is_decided else self._shown_to(scope)),
            (b"content-type", media_type.encode("ascii")),
            (b"content-length", b"%d" % len(answer)),
        ]
        await send({"type": "http.response.start", "status": int(status), "headers": headers})
        await send({"type": "http.response.body", "body": answer})


PROBLEM = "application/problem+json"


def _passes(path: str) -> bool:
    """Whether anything could cross here; the log itself stays open, to find out why."""
    return path.startswith("/v1/") and not path.startswith("/v1/logboek/")


def _traced(scope: Scope) -> Trace:
    """The request's trace; made now where none came, so that all that is done bears the same."""
    trace = trace_of(scope["headers"])
    own = (b"traceparent", _CALLER_SPAN)
    parent = f"00-{trace.trace_id}-{trace.span_id}-01"
    scope["headers"] = [
        *(pair for pair in scope["headers"] if pair[0] not in own),
        (b"traceparent", parent.encode("ascii")),
        (_CALLER_SPAN, (trace.caller_span or "").encode("ascii")),
    ]
    return trace


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
            if found is not None and _NO_TRACE not in (found[1], found[2] * 2):
                # Behind the border the header is ours, and the caller's span stands beside it.
                passed = header(headers, _CALLER_SPAN)
                caller = found[2] if passed is None else passed
                span = caller.decode("ascii") if _SPAN.fullmatch(caller) else None
                return Trace(found[1].decode("ascii"), os.urandom(8).hex(), span)
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
