"""`sluis bench log`: how fast the log takes entries, durable, signed and in tiles.

Writers append groups, each in a transaction of its own, while the gateway's own publisher signs
beside them; a run ends when a signed checkpoint covers the last entry. The baseline writes the same
bytes into a plain table by plain inserts, in groups of the same sizes, in turns with ours.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from gateway.bench.figures import Figures, Findings, Goal, figures_of, median_of
from gateway.bench.processes import BenchFailed, CpuMeter

BASELINE = "plain-inserts"
GROUPS = (1, 10, 100, 1000)
WRITERS = 2
SECONDS = 3.0
_ASKED_RATE = 100_000.0
_WHOLE_SECONDS = 2.0
"""Shorter runs cannot tell."""


class Plan(NamedTuple):
    """Seconds of each run, and how many rounds of all sizes."""

    seconds: float
    rounds: int


class Book(Protocol):
    """An empty log on a PostgreSQL of its own, with its publisher at work."""

    roots: Sequence[int]
    entry_bytes: int

    async def append(self, writer: int, size: int) -> None:
        """Commit one group of so many new entries."""

    async def settle(self) -> None:
        """Return once a signed checkpoint covers every committed entry."""

    async def plain(self, writer: int, size: int) -> None:
        """Commit the same bytes to a plain table, by plain inserts."""

    async def check(self) -> int:
        """The entries in the log, once their root is what was signed; raises `BenchFailed`."""


class Logging(NamedTuple):
    """What is measured, handed down since a bench may not know it."""

    book: Callable[[Path], AbstractAsyncContextManager[Book]]
    """An empty log in this folder."""
    told: Callable[[str, int, int | None], None]


async def bench_log(plan: Plan, parts: Logging, folder: Path) -> Findings:
    """Groups of each size, ours and the baseline's in turns. Raises `BenchFailed`."""
    ours: dict[int, list[Figures]] = {size: [] for size in GROUPS}
    plain: dict[int, list[Figures]] = {size: [] for size in GROUPS}
    async with parts.book(folder / "log") as book:
        await book.append(0, GROUPS[-1])
        await book.plain(0, GROUPS[-1])
        await book.settle()
        for number in range(plan.rounds):
            for place, size in enumerate(GROUPS):
                parts.told("Logging", number * len(GROUPS) + place, plan.rounds * len(GROUPS))
                ours[size].append(await _run(plan.seconds, size, book, book.append))
                plain[size].append(await _run(plan.seconds, size, book, book.plain))
        entries = await book.check()
        size_told = f"entries of {book.entry_bytes} bytes"
    return _findings(plan, ours, plain, entries, size_told)


async def _run(
    seconds: float, size: int, book: Book, write: Callable[[int, int], Awaitable[None]]
) -> Figures:
    latencies: list[float] = []
    meter = CpuMeter([os.getpid(), *book.roots])
    begun = time.perf_counter()

    async def work(writer: int) -> None:
        while time.perf_counter() - begun < seconds:
            before = time.perf_counter()
            await write(writer, size)
            latencies.append(time.perf_counter() - before)

    async with asyncio.TaskGroup() as group:
        for writer in range(WRITERS):
            group.create_task(work(writer))
    if write == book.append:
        # An entry counts when it is signed, and the publisher was at work all the time.
        await book.settle()
    took = time.perf_counter() - begun
    return figures_of(size * len(latencies), took, latencies, meter.used())


def _findings(
    plan: Plan,
    ours: dict[int, list[Figures]],
    plain: dict[int, list[Figures]],
    entries: int,
    size_told: str,
) -> Findings:
    largest = GROUPS[-1]
    best = median_of(ours[largest])
    if entries <= 0:
        raise BenchFailed("the log is empty after all")
    can_tell = plan.seconds >= _WHOLE_SECONDS
    variants = {f"groups-of-{size}": median_of(ours[size]) for size in GROUPS[:-1]}
    variants |= {f"{BASELINE}-of-{size}": median_of(plain[size]) for size in GROUPS[:-1]}
    return Findings(
        "log",
        "entry",
        f"groups of {largest:,}, from the first byte sent to PostgreSQL until its commit",
        best,
        {BASELINE: median_of(plain[largest])},
        variants,
        [
            Goal(
                f"entries in groups of {largest:,}, durable, signed and in tiles",
                f"at least {_ASKED_RATE:,.0f}/s",
                f"{best.rate:,.0f}/s",
                best.rate >= _ASKED_RATE if can_tell else None,
            )
        ],
        [f"the signed root is that over all {entries:,} entries, read back from the database"],
        [
            f"{WRITERS} writers and the publisher in one process; {size_told}; a rate counts"
            " entries from the first append until a signed checkpoint covers the last",
            f"{BASELINE}: the same bytes into a table with a serial key and nothing else, by an"
            " insert an entry, in transactions of the same size; unsigned",
        ],
    )
