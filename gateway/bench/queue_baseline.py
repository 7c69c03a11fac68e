"""pgqueuer, as somebody would bring mail with it: a job a message, posted by httpx.

    python -m gateway.bench.queue_baseline DATABASE_URL RECEIVER_URL MODE RECIPIENTS MESSAGES BYTES

It holds what is to be sent ready made: it looks at no consent again, seals, signs and logs nothing.
Modes: `free` sends in no order; `ordered` has an entrypoint a recipient with one job at a time,
which is the order that it can keep; `silent` sends nothing, and shows what the queue alone does.
The jobs are put in before it says that it serves. It is a development dependency, and not part of
what is installed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import httpx
from pgqueuer import AsyncpgPoolDriver, Job, Queries, QueueManager
from pgqueuer.types import QueueExecutionMode

BATCH = 64
AT_ONCE = 128
CONNECTIONS = 8
"""More are slower: httpx looks at all of them at each call."""
POOL = 8
_LOT = 1000


async def main(
    database: str, receiver: str, mode: str, recipients: int, messages: int, size: int
) -> None:
    """Put the jobs in, say so, work them off, and tell the receiver how long it took."""
    dsn = database.replace("postgresql+asyncpg", "postgresql")
    async with (
        asyncpg.create_pool(dsn, min_size=POOL, max_size=POOL) as pool,
        httpx.AsyncClient(
            trust_env=False, timeout=60, limits=httpx.Limits(max_connections=CONNECTIONS)
        ) as http,
    ):
        driver = AsyncpgPoolDriver(pool)
        queries = Queries(driver)
        await queries.install()
        await _enqueue(queries, mode, recipients, messages, b"x" * size)
        manager = QueueManager(queries)
        told = _told(http, receiver, mode)
        for name in _entrypoints(mode, recipients):
            limit = 1 if mode == "ordered" else 0
            manager.entrypoint(name, concurrency_limit=limit)(told)
        print(f"serving on {receiver}", flush=True)  # noqa: T201  # whoever started it waits for it
        begun = time.perf_counter()
        await manager.run(
            dequeue_timeout=timedelta(seconds=1),
            batch_size=BATCH,
            mode=QueueExecutionMode.drain,
            max_concurrent_tasks=AT_ONCE,
        )
        seconds = time.perf_counter() - begun
        await http.post(f"{receiver}/done", content=json.dumps({"seconds": seconds}).encode())
    await asyncio.Event().wait()


def _told(http: httpx.AsyncClient, receiver: str, mode: str) -> Callable[[Job], Awaitable[None]]:
    async def bring(job: Job) -> None:
        assert job.payload is not None  # noqa: S101  # each job was put in with one
        head, _, body = job.payload.partition(b"\n")
        recipient, _, number = head.decode().partition(" ")
        answer = await http.post(
            f"{receiver}/{recipient}",
            content=body,
            headers={
                "Content-Type": "application/cloudevents+json",
                "Idempotency-Key": f'"{recipient}-{number}"',
            },
        )
        answer.raise_for_status()

    async def nothing(job: Job) -> None:
        pass

    return nothing if mode == "silent" else bring


def _entrypoints(mode: str, recipients: int) -> list[str]:
    return [f"bring-{n}" for n in range(recipients)] if mode == "ordered" else ["bring"]


async def _enqueue(
    queries: Queries, mode: str, recipients: int, messages: int, body: bytes
) -> None:
    for first in range(0, messages, _LOT):
        numbers = range(first, min(messages, first + _LOT))
        names = [f"bring-{n % recipients}" if mode == "ordered" else "bring" for n in numbers]
        payloads: list[bytes | None] = [
            b"r%04d %d\n%b" % (n % recipients, 1 + n // recipients, body) for n in numbers
        ]
        await queries.enqueue(names, payloads, [0] * len(names))


if __name__ == "__main__":
    _database, _receiver, _mode, *_numbers = sys.argv[1:]
    asyncio.run(main(_database, _receiver, _mode, *map(int, _numbers)))
