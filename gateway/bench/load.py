"""The load generator: a process of its own, so that it costs the server as little as it can.

A closed loop over connections that are kept alive: each sends its next message when the last one
is answered. Requests are encoded beforehand; of an answer only status, length and what must be in
it are looked at. `python -m gateway.bench.load` reads a `Job` on stdin and writes a `Load`.

Warm-up and measurement are two passes with nothing under way between them: then the processor time
is read, so that all of a pass and nothing else is in its figure. A message is sent once.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import uvloop
from pydantic import BaseModel

from gateway.bench.processes import BenchFailed, Cpu, CpuMeter

ANSWER_SECONDS = 60.0
"""A load generator that waits longer for an answer gives up."""
_PERMITTED = b'"besluit":"toegelaten"'
_ID = b'{"uitwisselingId":"'
_HEAD_END, _LENGTH = b"\r\n\r\n", b"content-length:"


class Job(BaseModel):
    """What to send where. `messages` holds one JSON body a line, `roots` whose CPU is counted."""

    address: str
    path: str
    token: str
    connections: int
    warm_up: float
    seconds: float
    messages: Path
    ids: Path
    roots: list[int]


class Load(BaseModel):
    """What came of it; latencies in seconds. The ids of all that was accepted stand in a file."""

    permitted: int
    others: dict[str, int]
    warmed_up: int
    seconds: float
    latencies: list[float]
    cpu: Cpu | None
    own_cpu_seconds: float
    ran_out: bool


class Pass:
    """One stretch of load: its messages, until when, and what was seen."""

    def __init__(self, messages: Iterator[bytes], connections: int) -> None:
        self._messages = messages
        self._under_way = connections
        self._until = 0.0
        self.over = asyncio.Event()
        self.latencies = array("d")
        self.ids: list[bytes] = []
        self.others: Counter[str] = Counter()
        self.ran_out = False

    def begin(self, seconds: float) -> None:
        """Time counts from now."""
        self._until = time.perf_counter() + seconds

    def next(self) -> bytes | None:
        """The next message; None when this connection is done."""
        message = None
        if time.perf_counter() < self._until:
            message = next(self._messages, None)
            self.ran_out |= message is None
        if message is None:
            self._under_way -= 1
            if not self._under_way:
                self.over.set()
        return message

    def answered(self, status: bytes, body: bytes, took: float) -> None:
        """Note one answer."""
        self.latencies.append(took)
        if status == b"202" and _PERMITTED in body and body.startswith(_ID):
            self.ids.append(body[len(_ID) : len(_ID) + 36])
        else:
            self.others[status.decode("ascii", "replace")] += 1

    def broke_off(self) -> None:
        """A connection ended that should have stayed."""
        self.others["connection lost"] += 1
        self.over.set()


class Connection(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._buffer = b""
        self._sent = 0.0
        self._pass: Pass | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own is none of asyncio's by inheritance, and is all the same in what it does.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's form
        if self._pass is not None:
            self._pass.broke_off()

    def begin(self, stretch: Pass) -> None:
        """Take part in a pass."""
        self._pass = stretch
        self._send()

    def _send(self) -> None:
        assert self._pass is not None  # noqa: S101 - `begin` went before
        assert self._transport is not None  # noqa: S101 - connected before `begin`
        body = self._pass.next()
        if body is None:
            self._pass = None
            return
        request = b"%b%d\r\n\r\n%b" % (self._head, len(body), body)
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data if self._buffer else data
        end = buffer.find(_HEAD_END)
        if end < 0:
            return
        whole = end + 4 + _content_length(buffer[: end + 2])
        if len(buffer) < whole:
            return
        took = time.perf_counter() - self._sent
        self._buffer = b""
        if self._pass is not None:
            self._pass.answered(buffer[9:12], buffer[end + 4 : whole], took)
            self._send()


def _content_length(head: bytes) -> int:
    at = head.find(_LENGTH)
    if at < 0:
        at = head.lower().find(_LENGTH)
    return int(head[at + len(_LENGTH) : head.index(b"\r", at)]) if at >= 0 else 0


async def generate(job: Job) -> Load:
    """Warm up, measure, and tell."""
    content = await asyncio.to_thread(job.messages.read_bytes)
    messages = iter(content.splitlines())
    place = urlsplit(job.address)
    head = (
        f"POST {job.path} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {job.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    ).encode("ascii")
    loop = asyncio.get_running_loop()
    connections = []
    for _ in range(job.connections):
        _, one = await loop.create_connection(
            lambda: Connection(head), place.hostname or "", place.port or 80
        )
        connections.append(one)
    # Nothing here makes circles, and a collection would be counted as the server's slowness.
    gc.freeze()
    gc.disable()
    warm = await _run(connections, Pass(messages, job.connections), job.warm_up)
    meter, own, begun = CpuMeter(job.roots), time.process_time(), time.perf_counter()
    stretch = await _run(connections, Pass(messages, job.connections), job.seconds)
    seconds, own = time.perf_counter() - begun, time.process_time() - own
    cpu = meter.used()
    await asyncio.to_thread(job.ids.write_bytes, b"\n".join(warm.ids + stretch.ids))
    return Load(
        permitted=len(stretch.ids),
        others=dict(warm.others + stretch.others),
        warmed_up=len(warm.ids),
        seconds=seconds,
        latencies=list(stretch.latencies),
        cpu=cpu,
        own_cpu_seconds=own,
        ran_out=stretch.ran_out,
    )


async def _run(connections: list[Connection], stretch: Pass, seconds: float) -> Pass:
    stretch.begin(seconds)
    for connection in connections:
        connection.begin(stretch)
    async with asyncio.timeout(seconds + ANSWER_SECONDS):
        await stretch.over.wait()
    return stretch


async def put_load(job: Job) -> Load:
    """Run the generator as a process of its own. Raises `BenchFailed`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway.bench.load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        told, errors = await process.communicate(job.model_dump_json().encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        last = errors.decode(errors="replace").strip().splitlines()[-1:]
        raise BenchFailed(f"the load generator failed: {' '.join(last)}")
    return Load.model_validate_json(told)


def main() -> None:
    """`python -m gateway.bench.load`."""
    job = Job.model_validate_json(sys.stdin.buffer.read())
    load = uvloop.run(generate(job))
    sys.stdout.write(load.model_dump_json())


if __name__ == "__main__":
    main()
