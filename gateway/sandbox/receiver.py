"""A partner's endpoint for trying out: takes what is brought, verified and each message once.

`Receiver` is the socket (HTTP/1.1, one answer a request), `Mailroom` what a partner should do
behind it: verify, drop what it has already by the idempotency key, store, and only then say 2xx.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import NamedTuple, Self, cast

import httptools
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.client.errors import Misconfigured, SluisError
from gateway.client.mailbox import Event
from gateway.client.sealed import OpeningKey
from gateway.client.webhooks import NotGenuine, verify


class Arrived(NamedTuple):
    """One request, whole."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Reply(NamedTuple):
    """What is answered."""

    status: int = HTTPStatus.ACCEPTED
    headers: Mapping[str, str] = {}


Takes = Callable[[Arrived], Awaitable[Reply]]


class Receiver:
    """Listens on this machine; `async with Receiver(take) as receiver: receiver.url`."""

    def __init__(self, takes: Takes, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.takes = takes
        self._host = host
        self.port = port
        self._server: asyncio.Server | None = None
        self._open: set[_Connection] = set()

    @property
    def url(self) -> str:
        """Where it takes mail; register this as the endpoint."""
        return f"http://{self._host}:{self.port}/postvak"

    async def start(self) -> None:
        """Listen; after a stop, on the same port again."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self, self._open), self._host, self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Be down: no new connection, and those that stood are broken off."""
        if self._server is not None:
            self._server.close()
            for one in list(self._open):
                one.abort()
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()


class _Connection(asyncio.Protocol):
    def __init__(self, receiver: Receiver, open_: set[_Connection]) -> None:
        self._receiver = receiver
        self._open = open_
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self._path = ""
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # nothing to tell it
        self._open.discard(self)
        for task in self._answering:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()

    def on_message_begin(self) -> None:
        self._path, self._headers, self._pieces = "", {}, []

    def on_url(self, url: bytes) -> None:
        self._path += url.decode("ascii")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("ascii").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode("ascii")
        arrived = Arrived(method, self._path, self._headers, b"".join(self._pieces))
        task = asyncio.get_running_loop().create_task(self._answer(arrived))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, arrived: Arrived) -> None:
        status, headers = await self._receiver.takes(arrived)
        if self._transport is None or self._transport.is_closing():
            return
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {int(status)} \r\ncontent-length: 0\r\n{more}\r\n"
        self._transport.write(head.encode("latin-1"))


@dataclass
class Mailroom:
    """Takes what is genuine, once. `url` is the address as it was registered."""

    keys: Mapping[str, Ed25519PublicKey]
    url: str = ""
    opens: OpeningKey | None = None
    stored: list[Event] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    repeats: int = 0
    refused: int = 0
    probes: int = 0

    async def take(self, arrived: Arrived) -> Reply:
        """401 for what is not genuine, 2xx for what is stored, now or before.

        503 where the key is not here that opens it: the message is good, and a 4xx would give it
        up.
        """
        try:
            brought = verify(
                arrived.method, self.url, arrived.headers, arrived.body, self.keys, self.opens
            )
        except NotGenuine:
            self.refused += 1
            return Reply(HTTPStatus.UNAUTHORIZED)
        except Misconfigured:
            self.refused += 1
            return Reply(HTTPStatus.SERVICE_UNAVAILABLE)
        except SluisError:
            self.refused += 1
            return Reply(HTTPStatus.UNPROCESSABLE_ENTITY)
        if brought.event is None:
            self.probes += 1
        elif brought.idempotency_key in self.known:
            self.repeats += 1
        else:
            self.known.add(brought.idempotency_key)
            self.stored.append(brought.event)
        return Reply()
