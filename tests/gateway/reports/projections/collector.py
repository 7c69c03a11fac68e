"""A collector on a real port, that keeps what it confirmed and does what a test tells it to.

It speaks HTTP/1.1 over asyncio streams, so that it can also answer slowly, break off in the middle,
or take a request and never say so.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
OK = (200, b'{"partialSuccess":{}}')


@dataclass
class Collector:
    """What it took, and how it behaves: `behave` gives status and body, or None to break off."""

    behave: Callable[[Json, int], tuple[int, bytes] | None] = lambda _spans, _n: OK
    seconds: float = 0.0
    after: str | None = None
    requests: int = 0
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    bodies: list[Json] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    is_dead: bool = False
    address: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head)
        }
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        self.requests += 1
        self.headers.append(headers)
        await asyncio.sleep(self.seconds)
        if self.is_dead:
            return False
        answer = self.behave(body, self.requests)
        if answer is None:
            return False
        status, told = answer
        if status == 200 and b"rejectedSpans" not in told:
            self.bodies.append(body)
            self.taken.update(spans_of(body))
        pause = f"retry-after: {self.after}\r\n" if self.after else ""
        writer.write(
            f"HTTP/1.1 {status} X\r\ncontent-length: {len(told)}\r\n{pause}\r\n".encode() + told
        )
        await writer.drain()
        return True


def spans_of(body: Json) -> list[tuple[str, str]]:
    return [(one["traceId"], one["spanId"]) for one in all_spans(body)]


def all_spans(body: Json) -> list[Json]:
    return [
        span
        for resource in body["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


@asynccontextmanager
async def collecting(**how: Any) -> AsyncIterator[Collector]:
    collector = Collector(**how)
    server = await asyncio.start_server(collector.serve, "127.0.0.1", 0)
    collector.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield collector
    finally:
        server.close()
