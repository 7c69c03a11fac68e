"""What comes before a request is one: heads too large or too slow, and what is no HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx
import pytest
import uvicorn

from gateway.api.wire import MAX_HEAD, BoundedHttp
from tests.support.faults import Message, Receive, Send
from tests.support.refusals import ECHO, SECURITY_HEADERS

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nzz\r\n0\r\n"
NO_BODY = [(b"content-length", b"0")]


class Impatient(BoundedHttp):
    head_seconds = 0.3


async def echo(scope: Message, receive: Receive, send: Send) -> None:
    """Answers with the length of what it got; at once where it is told to."""
    if scope["path"] == "/at-once":
        await send({"type": "http.response.start", "status": 401, "headers": NO_BODY})
        await send({"type": "http.response.body", "body": b""})
        return
    size, has_more = 0, True
    while has_more:
        message = await receive()
        size += len(message.get("body", b""))
        has_more = message.get("more_body", False)
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": str(size).encode()})


class Unsignalled(uvicorn.Server):
    """uvicorn that leaves the signals to the tests' own process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(http: type[BoundedHttp] = BoundedHttp) -> AsyncIterator[int]:
    config = uvicorn.Config(
        echo, port=0, http=http, ws="none", lifespan="off", log_level="critical", loop="none"
    )
    server = Unsignalled(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def said(port: int, *pieces: bytes, pause: float = 0.0, patience: float = 3.0) -> bytes:
    """What is answered to these bytes until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    told = b""
    try:
        async with asyncio.timeout(patience):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
            while data := await reader.read(65536):
                told += data
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return told


def assert_refused(told: bytes, status: int) -> None:
    head, _, body = told.partition(b"\r\n\r\n")
    lines = head.decode("ascii").split("\r\n")
    assert lines[0].startswith(f"HTTP/1.1 {status} ")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert int(headers["content-length"]) == len(body)
    for name, value in SECURITY_HEADERS.items():
        assert headers[name] == value.lower(), name
    assert json.loads(body)["status"] == status
    assert ECHO.lower().encode() not in told.lower()


@pytest.mark.parametrize("what", ["a header", "many headers", "the address"])
async def test_a_head_without_end_is_cut_off(what: str) -> None:
    piece = f"X-{ECHO}: {'y' * 1000}\r\n".encode() if what == "many headers" else b"y" * 1024
    begin = b"GET /" if what == "the address" else HEAD + b"X-A: "
    begin = HEAD if what == "many headers" else begin
    sent = 0

    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begin)
        try:
            while sent < 100 * MAX_HEAD and not reader.at_eof():
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
                if not sent % (16 * len(piece)):
                    await asyncio.sleep(0)
        except ConnectionError:
            pass
        told = await reader.read(65536) if not reader.exception() else b""
        writer.close()

    # The answer may be lost where we were still writing; the connection is closed in any case.
    assert sent < 100 * MAX_HEAD
    if told:
        assert_refused(told, 431)


async def test_a_head_just_above_the_bound_is_431() -> None:
    async with served() as port:
        told = await said(port, HEAD, b"X-A: " + b"y" * (MAX_HEAD - 10), b"y" * 20, pause=0.05)

    assert_refused(told, 431)


async def test_a_head_within_the_bound_is_a_request() -> None:
    async with served() as port, httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(
            f"http://127.0.0.1:{port}/", headers={"X-A": "y" * (MAX_HEAD - 1000)}
        )

    assert answer.status_code == 200


async def test_a_large_body_is_no_head() -> None:
    body = b"z" * (5 * MAX_HEAD)
    async with served() as port, httpx.AsyncClient(trust_env=False) as http:
        for _ in range(3):
            answer = await http.post(f"http://127.0.0.1:{port}/", content=body)
            assert answer.text == str(len(body))


async def test_the_next_request_behind_a_large_body_is_one() -> None:
    body = b"z" * (3 * MAX_HEAD)
    first = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with served() as port:
        told = await said(
            port, first + body + HEAD[:9], HEAD[9:] + b"Connection: close\r\n\r\n", pause=0.1
        )

    assert told.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize("begun", [b"", b"GET", HEAD, HEAD + b"X-A: b"])
async def test_a_head_that_does_not_come_is_not_waited_for(begun: bytes) -> None:
    begin = time.monotonic()
    async with served(Impatient) as port:
        told = await said(port, begun)

    assert_refused(told, 408)
    assert time.monotonic() - begin < 2


async def test_a_head_that_drips_is_not_waited_for() -> None:
    drops = [bytes([drop]) for drop in HEAD + b"X-A: " + b"y" * 100]
    async with served(Impatient) as port:
        told = await said(port, *drops, pause=0.02)

    assert told == b"" or told.startswith(b"HTTP/1.1 408 ")


async def test_an_answered_connection_may_rest_and_go_on() -> None:
    """Between requests uvicorn's own term for idle connections counts, not the head's."""
    request = HEAD + b"\r\n"
    async with served(Impatient) as port:
        told = await said(port, request, request, pause=0.5, patience=1.5)

    assert told.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize("late", [b"z", b"z" * 99, b"z" * 99 + b"\r\n"])
async def test_a_body_that_has_its_answer_is_not_waited_for(late: bytes) -> None:
    """A stranger that is told 401 at once may not keep the connection with one byte of its body."""
    head = b"POST /at-once HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n"
    begin = time.monotonic()
    async with served(Impatient) as port:
        told = await said(port, head, late, pause=0.1, patience=4.0)

    assert told.startswith(b"HTTP/1.1 401 ")
    assert time.monotonic() - begin < 3


async def test_empty_lines_behind_an_answer_do_not_keep_a_connection() -> None:
    begin = time.monotonic()
    async with served(Impatient) as port:
        told = await said(port, HEAD + b"\r\n", b"\r\n", pause=0.1, patience=4.0)

    assert told.startswith(b"HTTP/1.1 200 ")
    assert time.monotonic() - begin < 3


async def test_the_rest_of_an_answered_body_may_come_and_the_next_request_behind_it() -> None:
    head = b"POST /at-once HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n"
    async with served(Impatient) as port:
        told = await said(port, head, b"z" * 99, HEAD + b"\r\n", pause=0.1, patience=1.0)

    assert told.count(b"HTTP/1.1 401 ") == told.count(b"HTTP/1.1 200 OK") == 1


@pytest.mark.parametrize("piece", [b"X-A: " + b"y" * 1000 + b"\r\n", b"y" * 1024])
async def test_what_trails_a_body_without_end_is_cut_off(piece: bytes) -> None:
    sent = 0
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CHUNKED + (b"" if b":" in piece else b"X-A: "))
        try:
            while sent < 100 * MAX_HEAD and not reader.at_eof():
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
                if not sent % (16 * len(piece)):
                    await asyncio.sleep(0)
        except ConnectionError:
            pass
        writer.close()

    assert sent < 100 * MAX_HEAD


@pytest.mark.parametrize(
    "garbage",
    [
        f"{ECHO}\r\n\r\n".encode(),
        f"GET /{ECHO} HTTP/9.9\r\n\r\n".encode(),
        f"GET / HTTP/1.1\r\n{ECHO}\r\n\r\n".encode(),
        f"GET /\xff{ECHO} HTTP/1.1\r\nHost: x\r\n\r\n".encode("latin-1"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + ECHO.encode(),
        f"POST / HTTP/1.1\r\nContent-Length: {ECHO}\r\n\r\n".encode(),
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_problem_too(garbage: bytes) -> None:
    async with served() as port:
        told = await said(port, garbage)

    assert_refused(told, 400)
