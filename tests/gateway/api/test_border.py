"""The border by itself: what it makes of applications that are late, or that fail."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import cast

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from gateway.api.border import Border, Hot, HotAnswer, Visits
from gateway.api.callers import Callers
from gateway.exchange.accesses import AccessLog
from gateway.telemetry import Telemetry
from tests.support.refusals import ECHO, assert_problem

Answer = Callable[[Receive, Send], Awaitable[None]]


# None of these addresses is one that visits are recorded of.
UNVISITED = Visits(
    cast(Callers, None), cast(AccessLog, None), lambda: datetime.now(UTC), lambda: False
)


def border(answer: Answer, log: io.StringIO, timeout: float = 0.2) -> Border:
    """A border before an application that answers like this, and a hot route that fails."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(receive, send)

    async def fails(_: object, body: bytes) -> HotAnswer:
        raise LookupError(body.decode())

    async def hangs(_: object, body: bytes) -> HotAnswer:
        await asyncio.sleep(60)
        raise AssertionError

    return Border(
        app,
        Telemetry(log),
        UNVISITED,
        hot={"/fails": Hot("faal", fails), "/hangs": Hot("hang", hangs)},
        streamed=("/streamed",),
        max_message=1000,
        timeout=timeout,
    )


async def begin(send: Send) -> None:
    headers = [(b"content-type", b"text/plain"), (b"cache-control", b"private")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def ask(made: Border, path: str, content: bytes = b"{}") -> httpx.Response:
    road = httpx.ASGITransport(app=made, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=road, base_url="http://x") as http:
        async with asyncio.timeout(5):
            return await http.post(path, content=content)


async def never(receive: Receive, send: Send) -> None:
    await asyncio.sleep(60)


@pytest.mark.parametrize("path", ["/hangs", "/elsewhere", "/streamed"])
async def test_what_does_not_begin_to_answer_in_time_is_503(path: str) -> None:
    answer = await ask(border(never, io.StringIO()), path)

    assert_problem(answer, 503)
    assert answer.headers["retry-after"] == "2"


async def test_what_is_given_up_is_ended_and_cannot_answer_after_all() -> None:
    ended = asyncio.Event()

    async def stubborn(receive: Receive, send: Send) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await begin(send)
            await send({"type": "http.response.body", "body": ECHO.encode()})
            ended.set()
            raise

    answer = await ask(border(stubborn, io.StringIO()), "/elsewhere")

    assert_problem(answer, 503)
    async with asyncio.timeout(1):
        await ended.wait()


async def test_an_answer_that_has_begun_may_take_its_time() -> None:
    async def slow(receive: Receive, send: Send) -> None:
        await begin(send)
        await asyncio.sleep(1.0)
        await send({"type": "http.response.body", "body": b"done"})

    answer = await ask(border(slow, io.StringIO()), "/elsewhere")

    assert (answer.status_code, answer.text) == (200, "done")
    assert answer.headers["cache-control"] == "private"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_fault_on_the_hot_road_is_a_problem_and_logged_by_its_type() -> None:
    log = io.StringIO()

    answer = await ask(border(never, log), "/fails", ECHO.encode())

    assert_problem(answer, 500)
    assert "LookupError" in log.getvalue()
    assert ECHO not in log.getvalue()


async def test_who_leaves_ends_the_work_for_them() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def works(receive: Receive, send: Send) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    asked = asyncio.create_task(ask(border(works, io.StringIO(), timeout=30), "/elsewhere"))
    await begun.wait()
    asked.cancel()

    async with asyncio.timeout(1):
        await ended.wait()


async def test_a_streamed_body_may_be_large_and_slow_as_long_as_it_goes_on() -> None:
    size = 0

    async def counts(receive: Receive, send: Send) -> None:
        nonlocal size
        has_more = True
        while has_more:
            message = await receive()
            size += len(message.get("body", b""))
            has_more = message.get("more_body", False)
        await begin(send)
        await send({"type": "http.response.body", "body": b""})

    made = border(counts, io.StringIO(), timeout=0.3)
    pieces = [b"x" * 500] * 8

    async def receive() -> dict[str, object]:
        await asyncio.sleep(0.1)
        piece = pieces.pop()
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    told: list[dict[str, object]] = []

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        told.append(message)

    scope = {"type": "http", "method": "POST", "path": "/streamed", "headers": []}
    await made(scope, receive, send)

    assert size == 4000
    assert told[0]["status"] == 200
