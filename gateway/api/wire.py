"""The bytes around a request: a head within its size and time, what trails it, and no HTTP at all.

uvicorn's parser keeps every header that comes and waits for the last one without end, so a stranger
could fill the gateway's memory, or hold all its connections, before any route is reached. So behind
a body: it takes the fields that trail one for headers, which RFC 9110 (6.5.1) forbids and a proxy
that sets or removes headers does not see, and waits without end for the rest of a body that has its
answer. What is no HTTP is answered as everything else is, by a problem (RFC 9457; RFC 6585, 431).
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.api.border import HEADERS, PROBLEM
from gateway.api.problems import Problem

MAX_HEAD = 64 * 1024
"""Bytes of request line and headers: a token of 4,096 with all that proxies add is a quarter."""


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP with bounds on a request's head."""

    head_seconds = 10.0
    """Within which a head must be whole, counted from the connection or from its first byte; and
    what is left of a body that has its answer already."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._is_in_head = True
        self._has_begun = False
        self._head_size = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the base has it
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what came with a head's first bytes may be the end of a body before.

        What is neither a head's beginning nor any of a body is head, or trails one.
        """
        self._has_begun = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        is_answered = self.cycle is not None and self.cycle.response_complete
        if is_answered and not self._is_in_head and self._deadline is None:
            # uvicorn's own term for connections at rest ended with the first of these bytes.
            self._deadline = self.loop.call_later(self.head_seconds, self.transport.close)
        if self._has_begun:
            return
        self._head_size += len(data)
        if self._head_size > MAX_HEAD:
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                "Kop te groot",
                "Adres en koppen van dit verzoek zijn groter dan is toegestaan.",
            )

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._has_begun = True
        self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; a field that trails the body is none, whatever it is called."""
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._leave_head()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._has_begun, self._head_size = True, 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's words, not ours
        """What is no HTTP, told without repeating any of it."""
        self._refuse(HTTPStatus.BAD_REQUEST, "Geen HTTP", "Dit verzoek is niet leesbaar.")

    def _await_head(self) -> None:
        self._leave_head()
        self._is_in_head, self._head_size = True, 0
        self._deadline = self.loop.call_later(self.head_seconds, self._out_of_time)

    def _leave_head(self) -> None:
        self._is_in_head = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _out_of_time(self) -> None:
        self._refuse(
            HTTPStatus.REQUEST_TIMEOUT, "Niet op tijd", "De kop van dit verzoek bleef uit."
        )

    def _refuse(self, status: HTTPStatus, title: str, detail: str) -> None:
        self._leave_head()
        if self.transport.is_closing():
            return
        # In the middle of an earlier answer on this connection there is no room for another.
        if self.cycle is None or self.cycle.response_complete:
            body = Problem(status, title, detail).body()
            lines = [
                b"HTTP/1.1 %d %b" % (status, status.phrase.encode("ascii")),
                *(name + b": " + value for name, value in HEADERS),
                b"content-type: " + PROBLEM.encode("ascii"),
                b"content-length: %d" % len(body),
                b"connection: close",
            ]
            self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        self.transport.close()
