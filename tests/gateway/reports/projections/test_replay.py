"""Replaying the log to receivers that are slow, dead, wrong or half wrong: none is lost."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import asyncpg
import pytest

from gateway.audit.entries import Trace
from gateway.reports.projections import receiving
from gateway.reports.projections.answers import Poster
from gateway.reports.projections.lines import span_of
from gateway.reports.projections.otlp import OtlpReceiver
from gateway.reports.projections.receiving import AwayError
from gateway.reports.projections.replay import HeldElsewhereError, Replay
from gateway.reports.projections.source import projector_of
from gateway.store.groups import TOEGANG, VERWERKINGEN, Leaf, append_leaves
from gateway.store.log import LeaseLostError, finish_volume, next_volume
from gateway.store.projections import TargetDiffersError, cursor_of, parked_entries
from tests.gateway.reports.projections.collector import (
    OK,
    Collector,
    Json,
    all_spans,
    collecting,
    spans_of,
)
from tests.gateway.reports.projections.logged import SOURCE, access, leaf, log_all, read, sign

Make = Callable[..., Replay]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "_FALTERING", (0.0,) * 6)


@pytest.fixture
async def replay(pool: asyncpg.Pool) -> AsyncIterator[Make]:
    """Makes projections, and closes them when the test is done."""
    made: list[Replay] = []

    def make(
        collector: Collector, *, series: int = VERWERKINGEN, page: int = 256,
        lease_seconds: float = 60.0, patience: float = 5.0, name: str = "proef",
    ) -> Replay:  # fmt: skip
        receiver = OtlpReceiver(collector.address, {}, Poster(patience))
        projector = projector_of(series, SOURCE)
        made.append(
            Replay(
                pool.acquire,
                name,
                series,
                receiver,
                projector,
                page=page,
                lease_seconds=lease_seconds,
            )
        )
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def run_out(one: Replay, most: int = 2_000) -> int:
    """Turns until nothing is left, whatever the receiver does; gives how many failed."""
    failures = 0
    for _ in range(most):
        try:
            if (await one.turn()).is_idle:
                return failures
        except AwayError:
            failures += 1
    raise AssertionError("it never came to an end")


def entries(count: int) -> list[Leaf]:
    return [
        leaf(trace=Trace(uuid4().hex, uuid4().hex[:16]), at=1764068470669 + n) for n in range(count)
    ]


def span_of_leaf(made: Leaf) -> str:
    return span_of(read(made).id)


async def test_ten_thousand_entries_reach_a_collector_that_does_everything_wrong(
    pool: asyncpg.Pool, replay: Make
) -> None:
    """Slow, 429, 503, broken off before and after it took them, half refused: all arrive or are
    named."""
    made = entries(10_000)
    poison = {span_of_leaf(made[n]) for n in (17, 4_000, 4_001, 9_999)}
    await log_all(pool, made)
    chance = random.Random(7)  # noqa: S311  # the same mischief each time
    half_way = Collector()

    def badly(body: Json, number: int) -> tuple[int, bytes] | None:
        rejected = [span for _, span in spans_of(body) if span in poison]
        whim = chance.random()
        if whim < 0.08:
            return 503, b"even niet"
        if whim < 0.16:
            return 429, b""
        if whim < 0.24:
            return None  # it never came through
        if rejected:
            told = {"partialSuccess": {"rejectedSpans": str(len(rejected)), "errorMessage": "x"}}
            return 200, json.dumps(told).encode()
        if whim < 0.32:
            half_way.taken.update(spans_of(body))  # taken, and its answer lost
            return None
        return OK

    async with collecting(behave=badly, seconds=0.002) as collector:
        one = replay(collector)
        failures = await run_out(one)
        await one.close()

    async with pool.acquire() as connection:
        parked = await parked_entries(connection, "proef")
        cursor = await cursor_of(connection, "proef")
    confirmed = {span for _, span in collector.taken}
    wanted = {span_of_leaf(one) for one in made}
    assert confirmed == wanted - poison
    assert [one.position for one in parked] == [17, 4_000, 4_001, 9_999]
    assert {one.reason for one in parked} == {"partial-success"}
    assert cursor is not None
    assert cursor.next_index == 10_000
    assert {span for _, span in half_way.taken} <= confirmed  # repeated with the same ids
    again = sum(half_way.taken.values()) + sum(collector.taken.values()) - len(collector.taken)
    print(  # noqa: T201  # a figure, for who runs it with -s
        f"10,000 entries: {len(confirmed)} confirmed, {len(parked)} named as refused, 0 lost; "
        f"{collector.requests} requests, {failures} failed turns, {again} repeated"
    )


async def test_a_dead_receiver_moves_nothing_and_holds_no_connection(
    pool: asyncpg.Pool, replay: Make
) -> None:
    await log_all(pool, entries(10))
    async with collecting(is_dead=True, seconds=0.3) as collector:
        one = replay(collector)
        turn = asyncio.create_task(one.turn())
        while not collector.requests:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.01)
        assert pool.get_size() - pool.get_idle_size() == 0  # while it waits, nothing is held
        await log_all(pool, entries(5))  # and the log goes on
        with pytest.raises(AwayError, match="unreachable"):
            await turn
        async with pool.acquire() as connection:
            cursor = await cursor_of(connection, "proef")
        assert cursor is not None
        assert (cursor.next_index, cursor.failures, cursor.reason) == (0, 1, "unreachable")
        collector.is_dead = False
        await run_out(one)
        assert len(collector.taken) == 15
        await one.close()


async def test_a_receiver_that_never_ends_its_answer_is_given_up(
    pool: asyncpg.Pool, replay: Make
) -> None:
    await log_all(pool, entries(3))
    async with collecting(seconds=30.0) as collector:
        with pytest.raises(AwayError, match="timeout"):
            await replay(collector, patience=0.3).turn()


async def test_a_crash_after_delivery_repeats_it_with_the_same_spans(
    pool: asyncpg.Pool, replay: Make
) -> None:
    await log_all(pool, entries(300))
    took = asyncio.Event()

    def taken(_: Json, number: int) -> tuple[int, bytes] | None:
        if number == 1:
            took.set()
        return OK

    async with collecting(behave=taken, seconds=0.0) as collector:
        first = replay(collector, lease_seconds=0.5)
        turn = asyncio.create_task(first.turn())
        await took.wait()
        turn.cancel()  # killed before the cursor moved; its lease is not given up
        await asyncio.gather(turn, return_exceptions=True)
        before = dict(collector.taken)
        successor = replay(collector)
        with pytest.raises(HeldElsewhereError):
            await successor.turn()
        await asyncio.sleep(0.6)
        await run_out(successor)
        await successor.close()
    assert len(collector.taken) == 300
    assert before.keys() <= collector.taken.keys()


async def test_a_replica_that_was_paused_past_its_lease_moves_nothing(
    pool: asyncpg.Pool, replay: Make
) -> None:
    await log_all(pool, entries(300))
    async with collecting() as collector:
        paused = replay(collector, page=100, lease_seconds=0.2)
        await paused.turn()
        await asyncio.sleep(0.3)
        other = replay(collector, page=100)
        await other.turn()
        with pytest.raises(LeaseLostError):
            await paused.turn()
        async with pool.acquire() as connection:
            cursor = await cursor_of(connection, "proef")
        assert cursor is not None
        assert cursor.next_index == 200
        await other.close()


async def test_only_what_a_checkpoint_states_is_projected(pool: asyncpg.Pool, replay: Make) -> None:
    async with collecting() as collector, pool.acquire() as connection:
        async with connection.transaction():
            await append_leaves(connection, VERWERKINGEN, entries(4))
        one = replay(collector)
        assert (await one.turn()).is_idle
        assert collector.requests == 0
        await sign(connection)
        assert await run_out(one) == 0
        assert len(collector.taken) == 4
        await one.close()


async def test_it_goes_on_into_the_next_volume(pool: asyncpg.Pool, replay: Make) -> None:
    first, second = entries(3), entries(2)
    await log_all(pool, first)
    async with pool.acquire() as connection, connection.transaction():
        await next_volume(connection, VERWERKINGEN, "volgend")
        log = await connection.fetchval("select min(log) from log_head where series = 1")
        await finish_volume(connection, log)
    await log_all(pool, second)
    async with collecting() as collector:
        one = replay(collector)
        await run_out(one)
        assert [span for _, span in collector.taken] == [
            span_of_leaf(each) for each in (*first, *second)
        ]
        await one.close()


async def test_a_name_belongs_to_one_receiver(pool: asyncpg.Pool, replay: Make) -> None:
    await log_all(pool, entries(1))
    async with collecting() as collector, collecting() as other:
        one = replay(collector)
        await one.turn()
        await one.close()
        with pytest.raises(TargetDiffersError):
            await replay(other).turn()


async def test_what_was_refused_can_be_handed_over_again(pool: asyncpg.Pool, replay: Make) -> None:
    made = entries(20)
    poison = {span_of_leaf(made[3]), span_of_leaf(made[7])}
    await log_all(pool, made)

    def picky(body: Json, _: int) -> tuple[int, bytes]:
        refused = [span for _, span in spans_of(body) if span in poison]
        return (400, b"") if refused else OK

    async with collecting(behave=picky) as collector:
        one = replay(collector)
        await run_out(one)
        assert await one.retry_parked() == (0, 2)
        poison.discard(span_of_leaf(made[3]))
        assert await one.retry_parked() == (1, 1)
        async with pool.acquire() as connection:
            assert [p.position for p in await parked_entries(connection, "proef")] == [7]
        await one.close()


async def test_acts_go_to_their_own_collector_with_the_norms_attributes(
    pool: asyncpg.Pool, replay: Make
) -> None:
    await log_all(pool, [access(), access(is_error=True)], TOEGANG)
    async with collecting() as collector:
        one = replay(collector, series=TOEGANG, name="toegang")
        await run_out(one)
        await one.close()
    told = [span for body in collector.bodies for span in all_spans(body)]
    assert [span["status"]["code"] for span in told] == [1, 2]
    for span in told:
        assert "dpl.nen7513.users" in {one["key"] for one in span["attributes"]}
