"""Deliveries worked off: each record once whatever happens, and none in the way of another."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from adapters.port import DeliveryReader
from adapters.registry import ADAPTERS
from gateway.exchange.arrivals import Sender
from gateway.exchange.deliveries import (
    Deliveries,
    DeliveryTooLargeError,
    DigestMismatchError,
    Received,
    outcomes_of,
    report_of,
)
from gateway.store.deliveries import StoredDelivery, sweep_orphans
from schemas.deliveries import DeliveryReport, DeliveryState, Record
from tests.support.committing import Desk, open_desk
from tests.support.messages import fresh_reference, lines_of, member, referral
from tests.support.pulling import NDJSON

DWI = Sender("dwi", "dwi")
CASEBOOK = Sender("casebook", "generic")


@pytest.fixture
async def desk(database: str) -> AsyncIterator[Desk]:
    async with open_desk(database) as opened:
        yield opened


async def pieces(body: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def receive(
    deliveries: Deliveries, messages: Iterable[dict[str, Any]], sender: Sender = DWI
) -> Received:
    return await deliveries.receive(sender, NDJSON, pieces(lines_of(messages)), None)


async def report(desk: Desk, received: Received) -> DeliveryReport:
    return report_of(await desk.worked_off(received.delivery.id, received.delivery.sender))


async def told(desk: Desk, stored: StoredDelivery) -> list[dict[str, object]]:
    return await outcomes_of(desk.pool, desk.tools.vault, stored, 0, 1000)


async def test_every_record_gets_its_outcome_in_order(desk: Desk) -> None:
    messages = [referral() for _ in range(300)]
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        received = await receive(deliveries, messages)
        done = await report(desk, received)

    assert (done.state, done.records, done.accepted) == (DeliveryState.DONE, 300, 300)
    outcomes = await told(desk, received.delivery)
    assert [one["record"] for one in outcomes] == list(range(1, 301))
    assert [one["kenmerk"] for one in outcomes] == [one["kenmerk"] for one in messages]
    assert await desk.count("delivery_chunk") == 0


class InterruptedUploadError(Exception):
    """The sender went away."""


@pytest.mark.parametrize("how", ["breaks off", "is cancelled", "is too large", "is another file"])
async def test_a_file_that_is_not_taken_leaves_nothing(desk: Desk, how: str) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 200_000
        if how == "breaks off":
            raise InterruptedUploadError
        if how == "is cancelled":
            await asyncio.sleep(60)

    expected = bytes(32) if how == "is another file" else None
    bound = 900_000 if how == "is too large" else 16_000_000
    async with (
        desk.committer() as committer,
        desk.deliveries(committer, max_bytes=bound) as deliveries,
    ):
        upload = asyncio.create_task(deliveries.receive(DWI, NDJSON, body(), expected))
        if how == "is cancelled":
            await asyncio.sleep(0.2)
            assert await desk.count("delivery_chunk") == 3
            upload.cancel()
        with pytest.raises(
            (
                InterruptedUploadError,
                asyncio.CancelledError,
                DeliveryTooLargeError,
                DigestMismatchError,
            )
        ):
            await upload

    assert await desk.count("delivery_chunk") == 0
    assert await desk.count("delivery") == 0


class AnswerLost:
    """A pool over a line that breaks when a row was written, and before that is told."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    async def fetchrow(self, statement: str, *values: object) -> None:
        await self._pool.fetchrow(statement, *values)
        raise asyncpg.ConnectionDoesNotExistError("the line broke")


async def test_invariant_01_a_delivery_whose_registration_was_not_answered_is_whole(
    desk: Desk,
) -> None:
    messages = [referral(), referral()]
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        broken: Any = AnswerLost(desk.pool)
        away = Deliveries(broken, committer, deliveries._tools)
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await receive(away, messages)

        received = await receive(deliveries, messages)
        deliveries.wake()
        assert received.is_repeat
        assert (await report(desk, received)).accepted == 2


async def test_what_a_killed_upload_left_is_swept_and_one_under_way_is_not(desk: Desk) -> None:
    old = datetime.now(UTC) - timedelta(hours=2)
    stale = int(old.timestamp() * 1000).to_bytes(6, "big").hex() + "7" + "0" * 19
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        await desk.pool.execute(
            "insert into delivery_chunk (delivery, number, sealed) values ($1::text::uuid, 0, '')",
            stale,
        )
        begun = asyncio.Event()
        may_end = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield lines_of([referral()]) + b"\n" * 300_000
            begun.set()
            await may_end.wait()

        upload = asyncio.create_task(deliveries.receive(DWI, NDJSON, slow(), None))
        await begun.wait()
        # The next delivery wakes whoever sweeps.
        await report(desk, await receive(deliveries, [referral()]))
        assert await desk.count("delivery_chunk") == 1
        may_end.set()
        assert (await report(desk, await upload)).accepted == 1


async def test_invariant_08_a_record_that_the_database_refuses_is_refused_by_itself(
    desk: Desk,
) -> None:
    messages = [referral() for _ in range(20)]
    refused = desk.prints.reference("dwi", messages[7]["kenmerk"]).hex()
    await desk.pool.execute(
        f"alter table fingerprint add check (reference <> '\\x{refused}'::bytea)"
    )
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        received = await receive(deliveries, messages)
        done = await report(desk, received)

    assert (done.records, done.accepted) == (20, 19)
    assert done.refused == {"niet-leesbaar": 1}
    outcomes = await told(desk, received.delivery)
    assert [n for n, one in enumerate(outcomes) if one["besluit"] == "geweigerd"] == [7]
    assert outcomes[7]["kenmerk"] == messages[7]["kenmerk"]
    assert await desk.effects() == (20, 19, 20)


async def test_invariant_08_a_record_that_we_cannot_work_out_is_refused_by_itself(
    desk: Desk,
) -> None:
    """A person whose key was damaged: nothing about them can be sealed."""
    damaged = member()
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        await report(desk, await receive(deliveries, [referral(damaged)]))
        await desk.pool.execute("update subject set wrapped = $1", os.urandom(60))
        received = await receive(deliveries, [referral(), referral(damaged), referral()])
        done = await report(desk, received)
        next_one = await report(desk, await receive(deliveries, [referral()]))

    assert (done.state, done.records, done.accepted) == (DeliveryState.DONE, 3, 2)
    assert done.refused == {"niet-leesbaar": 1}
    assert next_one.accepted == 1


class Stumbling:
    """A reader with a fault that its author did not think of."""

    def __init__(self, today: date) -> None:
        pass

    def feed(self, chunk: bytes) -> Iterable[Record]:
        raise LookupError(chunk.decode())

    def close(self) -> Iterable[Record]:
        return ()


async def test_invariant_08_a_faulty_adapter_holds_up_nobody_else(desk: Desk) -> None:
    reader: type[DeliveryReader] = Stumbling
    faulty = replace(ADAPTERS["generic"], readers={NDJSON: reader})
    adapters = {**ADAPTERS, "generic": faulty}
    async with (
        desk.committer() as committer,
        desk.deliveries(committer, adapters) as deliveries,
    ):
        await receive(deliveries, [referral(reference="KANARIE-7")], CASEBOOK)
        done = [await report(desk, await receive(deliveries, [referral()])) for _ in range(3)]

    assert [one.accepted for one in done] == [1, 1, 1]
    assert "LookupError" in desk.log.getvalue()
    assert "KANARIE-7" not in desk.log.getvalue()


async def test_invariant_12_while_the_log_cannot_be_written_a_delivery_waits(desk: Desk) -> None:
    await desk.pool.execute("alter table log_leaf rename to log_leaf_elders")
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        received = await receive(deliveries, [referral() for _ in range(5)])
        await asyncio.sleep(1.5)
        tries = desk.log.getvalue().count("\n")
        assert await desk.count("exchange") == 0
        await desk.pool.execute("alter table log_leaf_elders rename to log_leaf")
        done = await report(desk, received)

    assert (done.records, done.accepted) == (5, 5)
    assert tries < 20, "it tried again and again without a pause"


async def test_a_record_that_can_never_be_written_does_not_spin(desk: Desk) -> None:
    """Every entry is refused by a constraint: neither a record nor its refusal can be recorded."""
    await desk.pool.execute("alter table log_leaf add check (log > 7)")
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        received = await receive(deliveries, [referral()])
        await asyncio.sleep(1.5)
        tries = desk.log.getvalue().count("\n")
        assert await desk.count("exchange") == 0
        await desk.pool.execute("alter table log_leaf drop constraint log_leaf_log_check")
        done = await report(desk, received)

    assert done.records == 1
    assert tries < 20, "it tried again and again without a pause"


async def test_invariant_07_stopped_half_way_it_goes_on_where_it_was(desk: Desk) -> None:
    messages = [referral() for _ in range(1500)]
    async with desk.committer() as committer:
        async with desk.deliveries(committer) as deliveries:
            received = await receive(deliveries, messages)
            async with asyncio.timeout(10):
                while await desk.count("delivery_outcome") < 2:  # noqa: ASYNC110  # no event tells
                    await asyncio.sleep(0.002)
        so_far = await desk.pool.fetchval("select records from delivery")
        assert 0 < so_far < 1500
        async with desk.deliveries(committer):
            done = await report(desk, received)

    assert (done.records, done.accepted, done.duplicates) == (1500, 1500, 0)
    assert await desk.effects() == (1500, 1500, 1500)


async def test_two_processes_work_one_delivery_off_once(desk: Desk) -> None:
    messages = [referral() for _ in range(600)]
    async with (
        desk.committer() as one,
        desk.committer() as other,
        desk.deliveries(one) as deliveries,
        desk.deliveries(other) as others,
    ):
        received = await asyncio.gather(
            receive(deliveries, messages), receive(others, messages), return_exceptions=True
        )
        taken = [got for got in received if isinstance(got, Received)]
        assert sorted(got.is_repeat for got in taken) == [False, True]
        done = await report(desk, taken[0])

    assert (done.records, done.accepted, done.duplicates) == (600, 600, 0)
    assert await desk.effects() == (600, 600, 600)


async def test_a_delivery_of_one_sender_is_not_that_of_another(desk: Desk) -> None:
    messages = [referral(reference=fresh_reference())]
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        mine = await receive(deliveries, messages)
        theirs = await receive(deliveries, messages, CASEBOOK)
        assert (mine.is_repeat, theirs.is_repeat) == (False, False)
        assert (await report(desk, mine)).accepted == 1
        assert (await report(desk, theirs)).refused == {"geen-gegevensstroom": 1}


async def test_sweeping_spares_what_became_a_delivery(desk: Desk) -> None:
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        async with desk.writers_held():
            received = await receive(deliveries, [referral()])
            swept = await sweep_orphans(desk.pool, UUID(int=2**128 - 1))
        assert swept == 0
        assert (await report(desk, received)).accepted == 1
