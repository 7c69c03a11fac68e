"""Uploads without HTTP around them: keys that move, time that passes, a gateway that is killed."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.exchange.arrivals import Sender
from gateway.exchange.deliveries import CHUNK_BYTES, Received
from gateway.exchange.epochs import rewrap
from gateway.exchange.upload_pieces import read_back
from gateway.exchange.uploads import (
    Part,
    Standing,
    TooManyUploadsError,
    UnknownUploadError,
    UploadBounds,
    Uploads,
    UploadSweep,
)
from gateway.exchange.workoff import DeliveryTools, trace_as_text
from gateway.store import uploads as store
from gateway.store.deliveries import sweep_orphans
from gateway.store.ids import new_id
from gateway.store.uploads import UploadOvertakenError
from gateway.telemetry import Telemetry
from gateway.vault.boxes import CONTENT, WrappedKey
from gateway.vault.keys import epoch_of
from tests.support.committing import TRACE, Desk, open_desk
from tests.support.messages import lines_of, referral
from tests.support.pulling import NDJSON

DWI = Sender("dwi", "dwi")
DAY = timedelta(days=1)
LARGEST = 4 * 1024 * 1024


@pytest.fixture
async def desk(database: str) -> AsyncIterator[Desk]:
    async with open_desk(database) as opened:
        yield opened


class Clock:
    """A time of the test's own."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def uploads_of(desk: Desk, clock: Clock, most: int = 3, most_bytes: int = 3 * LARGEST) -> Uploads:
    tools = DeliveryTools(
        {}, desk.tools.vault, desk.handles, desk.prints, clock, Telemetry(desk.log), LARGEST
    )
    return Uploads(desk.pool, tools, UploadBounds(most, most_bytes, DAY), lambda: None)


async def pieces(*given: bytes, then: BaseException | None = None) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece
    if then is not None:
        raise then


def part(*given: bytes, last: bool = False, then: BaseException | None = None) -> Part:
    return Part(pieces(*given, then=then), last)


async def begun(uploads: Uploads, length: int | None = None, digest: bytes | None = None) -> UUID:
    told = Part(pieces(), is_last=False, length=length, file_digest=digest)
    return (await uploads.begin(DWI, NDJSON, told)).upload


async def added(uploads: Uploads, upload: UUID, offset: int, *given: bytes) -> int:
    stands = await uploads.append(DWI, upload, offset, part(*given), TRACE)
    assert isinstance(stands, Standing)
    return stands.offset


async def ended(uploads: Uploads, upload: UUID, offset: int, *given: bytes) -> Received:
    received = await uploads.append(DWI, upload, offset, part(*given, last=True), TRACE)
    assert isinstance(received, Received)
    return received


async def fingerprint_of(desk: Desk, received: Received) -> bytes:
    return bytes(
        await desk.pool.fetchval(
            "select fingerprint from delivery where id = $1", received.delivery.id
        )
    )


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    size=st.sampled_from([16, CHUNK_BYTES - 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 17]),
    cuts=st.lists(st.integers(0, 2 * CHUNK_BYTES + 17), max_size=5),
    breaks=st.lists(st.booleans(), min_size=6, max_size=6),
)
async def test_however_a_file_is_cut_and_broken_off_it_is_the_file(
    desk: Desk, size: int, cuts: list[int], breaks: list[bool]
) -> None:
    body = hashlib.shake_128(new_id().bytes).digest(size)
    uploads = uploads_of(desk, Clock())
    upload = await begun(uploads, size, hashlib.sha256(body).digest())
    steps = [*sorted(cut for cut in cuts if cut <= size), size]
    offset = 0
    for step, is_broken in zip(steps, breaks, strict=False):
        sent = [body[offset:step][at : at + 70_000] for at in range(0, step - offset, 70_000)]
        if is_broken:
            with pytest.raises(ConnectionAbortedError):
                await uploads.append(
                    DWI, upload, offset, part(*sent, then=ConnectionAbortedError()), TRACE
                )
            offset = (await uploads.stand("dwi", upload)).offset
            assert offset <= step
        else:
            offset = await added(uploads, upload, offset, *sent)
            assert offset == step

    received = await ended(uploads, upload, offset, body[offset:])

    printed = desk.prints.running("dwi")
    printed.update(body)
    assert await fingerprint_of(desk, received) == printed.digest()
    assert received.delivery.bytes == size
    assert received.delivery.trace == trace_as_text(TRACE)
    assert await desk.pool.fetchval(
        "select count(*) from delivery_chunk where delivery = $1", upload
    ) == -(-size // CHUNK_BYTES)


async def test_a_gateway_that_was_killed_keeps_what_it_acknowledged(desk: Desk) -> None:
    """The task ends without a word, as a process does; another goes on."""
    body = lines_of([referral() for _ in range(900)])
    assert len(body) > CHUNK_BYTES
    first, clock = uploads_of(desk, Clock()), Clock()
    upload = await begun(first)
    reached = asyncio.Event()

    async def hanging() -> AsyncIterator[bytes]:
        yield body[: CHUNK_BYTES + 100]
        reached.set()
        await asyncio.sleep(60)

    killed = asyncio.create_task(first.append(DWI, upload, 0, Part(hanging(), is_last=True), TRACE))
    await reached.wait()
    async with desk.committer() as committer, desk.deliveries(committer) as deliveries:
        second = uploads_of(desk, clock)
        second._arrived = deliveries.wake
        stands = await second.stand("dwi", upload)
        assert stands.offset == CHUNK_BYTES  # a whole piece, though nobody ended the request
        received = await ended(second, upload, stands.offset, body[stands.offset :])
        done = await desk.worked_off(received.delivery.id)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)

    assert (done.records, await desk.count("delivery_chunk")) == (900, 0)


async def test_invariant_10_an_upload_follows_its_key_to_another_epoch(desk: Desk) -> None:
    clock = Clock()
    uploads, body = uploads_of(desk, clock), lines_of([referral()])
    upload = await begun(uploads)
    offset = await added(uploads, upload, 0, body[:50])
    later = epoch_of(clock.now) + 1
    async with desk.pool.acquire() as connection:
        moved = {
            one.table: one.moved
            async for one in rewrap(connection, desk.tools.vault, later)
            if one.moved
        }
    assert moved["upload"] == 1

    received = await ended(uploads, upload, offset, body[50:])

    assert received.delivery.epoch == later
    desk.tools.vault.forget(epoch_of(clock.now))


async def test_an_upload_whose_key_is_gone_is_as_one_that_does_not_exist(desk: Desk) -> None:
    uploads = uploads_of(desk, Clock())
    upload = await begun(uploads)
    await desk.pool.execute("update upload set wrapped = $1", bytes(92))

    with pytest.raises(UnknownUploadError):
        await added(uploads, upload, 0, b"x")


@pytest.mark.parametrize("is_last", [False, True])
async def test_an_upload_of_which_a_piece_is_damaged_is_given_up(desk: Desk, is_last: bool) -> None:
    uploads = uploads_of(desk, Clock())
    upload = await begun(uploads)
    await added(uploads, upload, 0, b"x" * (CHUNK_BYTES + 9))
    number = 0 if is_last else 1  # the first is read back at the end, the tail to go on
    await desk.pool.execute(
        "update delivery_chunk set sealed = $1 where number = $2", bytes(99), number
    )

    with pytest.raises(UnknownUploadError):
        await uploads.append(DWI, upload, CHUNK_BYTES + 9, part(b"y", last=is_last), TRACE)

    assert (await desk.count("upload"), await desk.count("delivery_chunk")) == (0, 0)


async def test_who_was_overtaken_reads_nothing_more_back(desk: Desk) -> None:
    """However often a sender ends a file at once, it is read back for the newest alone."""
    clock = Clock()
    uploads = uploads_of(desk, clock)
    upload = await begun(uploads)
    await added(uploads, upload, 0, b"x" * (CHUNK_BYTES + 9))
    older = await store.take(desk.pool, "dwi", upload, clock())
    assert older is not None
    key = desk.tools.vault.unwrap(upload, CONTENT, WrappedKey(older.epoch, older.wrapped))
    assert await read_back(desk.pool, older, key, older.received, desk.prints)

    await uploads.stand("dwi", upload)

    with pytest.raises(UploadOvertakenError):
        await read_back(desk.pool, older, key, older.received, desk.prints)


async def test_an_upload_lasts_its_term_however_often_it_is_touched(desk: Desk) -> None:
    clock = Clock()
    uploads = uploads_of(desk, clock)
    old, young = await begun(uploads), new_id()
    await added(uploads, old, 0, b"x" * 10)
    clock.now += DAY - timedelta(seconds=1)
    assert await added(uploads, old, 10, b"x") == 11
    young = await begun(uploads)
    await added(uploads, young, 0, b"x")
    clock.now += timedelta(seconds=2)
    log = io.StringIO()

    with pytest.raises(UnknownUploadError):
        await uploads.stand("dwi", old)
    await UploadSweep(desk.pool, clock, Telemetry(log)).turn()

    assert [row[0] for row in await desk.pool.fetch("select id from upload")] == [young]
    assert [r[0] for r in await desk.pool.fetch("select delivery from delivery_chunk")] == [young]
    assert '"uploads-lapsed", "count": 1' in log.getvalue()
    assert (await uploads.stand("dwi", young)).offset == 1


async def test_what_ended_is_forgotten_after_the_same_term(desk: Desk) -> None:
    clock = Clock()
    uploads = uploads_of(desk, clock)
    upload = await begun(uploads)
    await ended(uploads, upload, 0, b"x")
    assert (await uploads.stand("dwi", upload)).is_complete
    clock.now += DAY

    await UploadSweep(desk.pool, clock, Telemetry(io.StringIO())).turn()

    assert await desk.count("upload_ended") == 0
    with pytest.raises(UnknownUploadError):
        await uploads.stand("dwi", upload)


async def test_the_pieces_of_an_old_upload_are_no_orphans(desk: Desk) -> None:
    uploads = uploads_of(desk, Clock())
    upload = await begun(uploads)
    await added(uploads, upload, 0, b"x")

    assert await sweep_orphans(desk.pool, UUID(int=2**128 - 1)) == 0
    await desk.pool.execute("delete from upload")
    assert await sweep_orphans(desk.pool, UUID(int=2**128 - 1)) == 1


async def test_a_beginning_that_breaks_off_leaves_nothing(desk: Desk) -> None:
    uploads = uploads_of(desk, Clock())

    with pytest.raises(ConnectionAbortedError):
        await uploads.begin(
            DWI, NDJSON, part(b"x" * CHUNK_BYTES, b"x", then=ConnectionAbortedError())
        )

    assert (await desk.count("upload"), await desk.count("delivery_chunk")) == (0, 0)


async def test_bytes_are_bounded_together_also_where_their_number_is_not_told(desk: Desk) -> None:
    uploads = uploads_of(desk, Clock(), most=99, most_bytes=3 * LARGEST)
    for length in (None, LARGEST, LARGEST - 10):
        await begun(uploads, length)

    with pytest.raises(TooManyUploadsError):
        await begun(uploads, 11)
    assert await begun(uploads, 10)


async def test_of_many_that_begin_at_once_no_more_than_the_bound_do(desk: Desk) -> None:
    uploads = uploads_of(desk, Clock())

    tried = await asyncio.gather(*(begun(uploads, 1) for _ in range(8)), return_exceptions=True)

    assert sum(isinstance(one, UUID) for one in tried) == 3
    assert sum(isinstance(one, TooManyUploadsError) for one in tried) == 5


async def test_invariant_03_neither_bytes_nor_digest_stand_in_clear(desk: Desk) -> None:
    body = b"KANARIE-999990019" * 40
    digest = hashlib.sha256(body).digest()
    uploads = uploads_of(desk, Clock())
    upload = await begun(uploads, len(body), digest)
    await added(uploads, upload, 0, body[:300])

    for table in ("upload", "delivery_chunk"):
        for row in await desk.pool.fetch(f"select t::text from {table} t"):  # noqa: S608  # a test's own word
            for hidden in (b"KANARIE", b"999990019", digest):
                assert hidden.hex() not in row[0]
                assert hidden not in row[0].encode()
