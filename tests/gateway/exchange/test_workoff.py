"""Reading deliveries beside the event loop: in order, bounded, and in nobody's way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from datetime import date
from typing import ClassVar

import pytest

from adapters.port import UnreadableDelivery
from adapters.professional import XLSX
from adapters.registry import ADAPTERS
from gateway.exchange.arrivals import Sender
from gateway.exchange.deliveries import outcomes_of
from gateway.exchange.workoff import GROUP, READ_AT_ONCE, trace_as_text, trace_from_text
from schemas.deliveries import DeliveryState, Finding, Problem, Record, Unreadable
from tests.adapters.tabular.workbooks import MAIN, parts_of, row, zipped
from tests.support.committing import TRACE, Desk, open_desk
from tests.support.pulling import NDJSON

NAMES = ("kenmerk", "aangemeld_op", "achternaam")
PROFESSIONAL = Sender("dwi", "professional")


@pytest.fixture
async def desk(database: str) -> AsyncIterator[Desk]:
    async with open_desk(database) as opened:
        yield opened


async def body_of(content: bytes) -> AsyncIterator[bytes]:
    yield content


class Reader:
    """Gives numbered records from `close`, and remembers where and how far it was read."""

    records: ClassVar[int] = 0
    breaks_at: ClassVar[int] = 10**9
    furthest: ClassVar[int] = 0
    threads: ClassVar[set[str]] = set()

    def __init__(self, _: date) -> None:
        Reader.threads.add(threading.current_thread().name)

    def feed(self, chunk: bytes) -> Iterable[Record]:
        assert chunk
        Reader.threads.add(threading.current_thread().name)
        return ()

    def close(self) -> Iterator[Record]:
        for number in range(1, Reader.records + 1):
            if number == Reader.breaks_at:
                raise UnreadableDelivery(Problem.BROKEN, "bestand")
            Reader.furthest = number
            Reader.threads.add(threading.current_thread().name)
            yield Unreadable(number, (Finding(number, "rij", Problem.BROKEN),), f"K-{number}")


async def read_by(desk: Desk, records: int, breaks_at: int = 10**9) -> tuple[str, list[object]]:
    Reader.records, Reader.breaks_at, Reader.furthest = records, breaks_at, 0
    Reader.threads.clear()
    adapters = {**ADAPTERS, "generic": replace(ADAPTERS["generic"], readers={NDJSON: Reader})}
    sender = Sender("casebook", "generic")
    async with desk.committer() as committer, desk.deliveries(committer, adapters) as deliveries:
        body = body_of(str((records, breaks_at)).encode())
        received = await deliveries.receive(sender, NDJSON, body, None)
        done = await desk.worked_off(received.delivery.id, "casebook")
    told = await outcomes_of(desk.pool, desk.tools.vault, done, 0, 2000)
    return done.state, [(one["record"], one["regel"], one["kenmerk"]) for one in told]


@pytest.mark.parametrize("records", [0, 1, READ_AT_ONCE, READ_AT_ONCE + 1, 2 * GROUP + 3])
async def test_records_keep_their_order_and_are_read_in_one_thread(
    desk: Desk, records: int
) -> None:
    state, told = await read_by(desk, records)

    assert state == DeliveryState.DONE
    assert told == [(n, n, f"K-{n}") for n in range(1, records + 1)]
    # libxml2 corrupts memory where a parser is made in one thread and fed in another.
    assert len(Reader.threads) == 1
    assert "MainThread" not in Reader.threads


async def test_no_more_is_read_ahead_than_a_few_batches(desk: Desk) -> None:
    async with desk.writers_held() as somebody_waits:
        reading = asyncio.create_task(read_by(desk, 20 * GROUP))
        await somebody_waits()
        await asyncio.sleep(0.3)
        assert 0 < Reader.furthest <= 3 * GROUP + READ_AT_ONCE
    assert len((await reading)[1]) == 2000


async def test_a_file_that_breaks_off_ends_after_what_was_committed_of_it(desk: Desk) -> None:
    state, told = await read_by(desk, 10 * GROUP, 3 * GROUP + 10)

    assert state == DeliveryState.UNREADABLE
    # Whole batches before the break; none of them in part, and none after the end was told.
    assert len(told) % GROUP == 0
    assert await desk.count("log_leaf") == len(told)


async def test_a_hostile_workbook_keeps_nobody_else_waiting(desk: Desk) -> None:
    """Two million empty rows: seconds of reading, in which others are answered."""
    rows = f"<worksheet {MAIN}><sheetData>{row(*NAMES)}" + "<row/>" * 2_000_000
    bomb = zipped(parts_of(rows + "</sheetData></worksheet>"))
    gaps: list[float] = []

    async def others() -> None:
        while True:
            begun = time.perf_counter()
            await desk.pool.fetchval("select 1")
            await asyncio.sleep(0.005)
            gaps.append(time.perf_counter() - begun)

    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        begun = time.perf_counter()
        received = await deliveries.receive(PROFESSIONAL, XLSX, body_of(bomb), None)
        asking = asyncio.create_task(others())
        done = await desk.worked_off(received.delivery.id)
        took = time.perf_counter() - begun
        asking.cancel()

    assert done.state == DeliveryState.UNREADABLE
    assert took > 0.5
    assert max(gaps) < took / 3, f"{took:.2f} s, of which others waited {max(gaps):.3f} at once"
    assert len(gaps) > 10


def test_a_trace_comes_back_as_it_was_kept() -> None:
    for trace in (TRACE, TRACE._replace(caller_span="00f067aa0ba902b7")):
        assert trace_from_text(trace_as_text(trace)) == trace
    assert trace_from_text(trace_as_text(None)) is None
