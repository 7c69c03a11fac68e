"""The publisher as it runs: leased, woken, stopped, fenced and killed, on a real database."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from io import StringIO
from pathlib import Path

import asyncpg
import pytest

from gateway.audit import merkle
from gateway.audit.folder import write_folder
from gateway.audit.note import VerifierKey
from gateway.audit.publisher import MAX_BACKOFF, LogPublisher, backoff
from gateway.audit.verify import verify_folder
from gateway.store.groups import VERWERKINGEN, append_leaves
from gateway.store.log import leaves_between, newest_checkpoint
from gateway.telemetry import Telemetry
from tests.gateway.audit.leaves import (
    all_hashes,
    append,
    every_checkpoint,
    keep_every_checkpoint,
    leaf,
    newest_size,
)
from tests.gateway.audit.logs import KEY, ORIGIN
from tests.support.logbooks import KnownKey

VKEY = VerifierKey.of(ORIGIN, KEY).encode()


class Replica:
    """A publisher, and what its operator sees."""

    def __init__(self, pool: asyncpg.Pool, *, every: float = 0.05, lease: float = 5.0) -> None:
        self.stream = StringIO()
        self.telemetry = Telemetry(self.stream)
        self.publisher = LogPublisher(
            pool, KnownKey(KEY), VERWERKINGEN, self.telemetry, every=every, lease_seconds=lease
        )

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def told(self, event: str) -> list[dict[str, object]]:
        return [line for line in self.lines if line["event"] == event]

    @property
    def published(self) -> int:
        return self.telemetry.counts[("published_entries", ())]


@asynccontextmanager
async def running(*replicas: Replica) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for replica in replicas:
            replica.publisher.start()
            stack.push_async_callback(replica.publisher.stop)
        yield


async def until(claim: Callable[[], Awaitable[object]], seconds: float = 10.0) -> None:
    """Wait until the claim holds."""
    deadline = time.monotonic() + seconds
    while not await claim():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.01)


def published(pool: asyncpg.Pool, size: int) -> Callable[[], Awaitable[bool]]:
    async def claim() -> bool:
        return await newest_size(pool) == size

    return claim


async def waiting_for_a_lock(pool: asyncpg.Pool) -> bool:
    return bool(
        await pool.fetchval(
            "select exists (select from pg_stat_activity where wait_event_type='Lock')"
        )
    )


async def check_one_history(pool: asyncpg.Pool) -> None:
    """Every checkpoint ever committed is of the one log, and no size was signed twice."""
    hashes, ever = await all_hashes(pool), await every_checkpoint(pool)
    sizes = [size for size, _ in ever]
    assert len(set(sizes)) == len(sizes)
    assert sizes == sorted(sizes)
    for size, root in ever:
        assert root == merkle.root(hashes[:size])


async def test_what_is_committed_is_published_within_a_second(pool: asyncpg.Pool) -> None:
    replica = Replica(pool, every=0.25)
    async with running(replica):
        await until(published(pool, 0))
        for size in (1, 2, 300):
            await append(pool, size - (await newest_size(pool) or 0))
            await until(published(pool, size), 1.0)
    assert replica.published == 300


async def test_a_wake_saves_the_pause(pool: asyncpg.Pool) -> None:
    replica = Replica(pool, every=1.0)
    async with running(replica):
        await until(published(pool, 0))
        await append(pool, 1)
        replica.publisher.wake()
        await until(published(pool, 1), 0.5)


async def test_waking_all_the_time_does_not_publish_all_the_time(pool: asyncpg.Pool) -> None:
    replica = Replica(pool, every=0.3)
    async with running(replica):
        await until(published(pool, 0))
        for _ in range(30):
            await append(pool, 1)
            replica.publisher.wake()
            await asyncio.sleep(0.02)
        await until(published(pool, 30))
    assert replica.telemetry.counts[("checkpoints", ())] <= 6


async def test_of_two_publishers_one_signs(pool: asyncpg.Pool) -> None:
    one, other = Replica(pool), Replica(pool)
    async with running(one, other):
        for size in range(1, 11):
            await append(pool, 1)
            await until(published(pool, size))
        assert sorted((one.published, other.published)) == [0, 10]
        assert one.publisher.is_leading != other.publisher.is_leading
    assert not one.told("log-publisher-failed") + other.told("log-publisher-failed")


async def test_an_orderly_stop_hands_over_at_once(pool: asyncpg.Pool) -> None:
    one, other = Replica(pool, lease=60.0), Replica(pool, lease=2.0)
    async with running(one):
        await until(published(pool, 0))
        async with running(other):
            await asyncio.sleep(0.1)
            await one.publisher.stop()
            await append(pool, 3)
            await until(published(pool, 3), 2.0)  # of `one`'s minute nothing is waited for
    assert (one.published, other.published) == (0, 3)


async def test_a_crashed_holder_is_followed_when_its_term_ends(pool: asyncpg.Pool) -> None:
    await pool.execute(
        "insert into lease values ($1, gen_random_uuid(), 7, now() + interval '0.5 s')",
        "publisher/verwerkingen",
    )
    replica = Replica(pool, lease=0.5)
    await append(pool, 3)
    async with running(replica):
        await asyncio.sleep(0.2)
        assert await newest_size(pool) is None
        await until(published(pool, 3))
        assert await pool.fetchval("select token from lease") == 8


async def test_a_lease_that_is_lost_half_way_publishes_nothing(pool: asyncpg.Pool) -> None:
    await keep_every_checkpoint(pool)
    one, other = Replica(pool), Replica(pool)
    async with running(one):
        await until(published(pool, 0))
        async with pool.acquire() as connection, connection.transaction():
            # The row that every publication locks first: `one` reads, hashes, signs, and waits.
            await connection.execute("select from lease for update")
            await append(pool, 400)
            await until(lambda: waiting_for_a_lock(pool))
            await connection.execute(
                "update lease set holder = gen_random_uuid(), token = token + 1"
            )
        await until(lambda: _is(bool(one.told("log-publisher-stepped-down"))))
        assert await newest_size(pool) == 0
        assert await pool.fetchval("select count(*) from log_tile") == 0
        await pool.execute("update lease set expires_at = now()")
        async with running(other):
            await append(pool, 5)
            await until(published(pool, 405))
    await check_one_history(pool)


async def _is(claim: bool) -> bool:
    return claim


async def test_a_crash_between_tiles_and_checkpoint_leaves_a_log_that_resumes(
    pool: asyncpg.Pool,
) -> None:
    await keep_every_checkpoint(pool)
    one = Replica(pool)
    await append(pool, 300)
    async with running(one):
        await until(published(pool, 300))
        async with pool.acquire() as connection, connection.transaction():
            # Tiles can be written, checkpoints read, but none be added.
            await connection.execute("lock table log_checkpoint in share mode")
            await append(pool, 300)
            await until(lambda: waiting_for_a_lock(pool))
            backend = await pool.fetchval(
                "select pid from pg_stat_activity where wait_event_type = 'Lock'"
            )
            await pool.execute("select pg_terminate_backend($1)", backend)
            await until(lambda: _is(bool(one.told("log-publisher-failed"))))
            await until(lambda: waiting_for_a_lock(pool))  # it tries again ...
            await one.publisher.stop()  # ... and is cancelled
        assert await newest_size(pool) == 300
        widths = await pool.fetch("select length(hashes) / 32 from log_tile order by level, index")
        assert [row[0] for row in widths] == [256, 44, 1]
    async with running(Replica(pool)):
        await until(published(pool, 600))
    await check_one_history(pool)


async def test_publishers_that_keep_losing_the_lease_never_make_two_roots(
    pool: asyncpg.Pool,
) -> None:
    await keep_every_checkpoint(pool)
    chance = random.Random(20131231)  # noqa: S311  # a schedule, not a secret
    replicas = [Replica(pool, every=0.005, lease=0.02) for _ in range(3)]
    total = 0
    async with running(*replicas):
        for _ in range(150):
            count = chance.choice((1, 2, 30, 257))
            await append(pool, count)
            total += count
            if chance.random() < 0.5:  # a pause past the term, seen from the database
                await pool.execute("update lease set expires_at = now()")
            await asyncio.sleep(chance.random() / 100)
        await until(published(pool, total))
    assert sum(replica.published > 0 for replica in replicas) > 1
    for replica in replicas:
        assert not replica.told("log-not-signed") + replica.told("log-publisher-failed")
    await check_one_history(pool)


async def test_a_flipped_byte_is_told_and_not_signed(pool: asyncpg.Pool) -> None:
    replica = Replica(pool)
    async with running(replica):
        await append(pool, 2)
        await until(published(pool, 2))
        altered = leaf()
        async with pool.acquire() as connection, connection.transaction():
            flipped = bytes([altered.entry[0] ^ 1]) + altered.entry[1:]
            await append_leaves(connection, VERWERKINGEN, [altered._replace(entry=flipped), leaf()])
        await until(lambda: _is(len(replica.told("log-not-signed")) >= 2))
        assert await newest_size(pool) == 2
        fault = replica.told("log-not-signed")[0]
        assert {key: fault[key] for key in ("error", "reason", "size")} == {
            "error": "LogDamagedError",
            "reason": "leaf-altered",
            "size": 2,
        }
        await pool.execute("update log_leaf set entry = $1 where index = 2", altered.entry)
        await until(published(pool, 4))  # mended from a backup, it goes on by itself


async def test_a_database_that_goes_and_comes_back_is_taken_up_again(pool: asyncpg.Pool) -> None:
    replica = Replica(pool)
    async with running(replica):
        await append(pool, 2)
        await until(published(pool, 2))
        for _ in range(3):
            await pool.execute(
                """select pg_terminate_backend(pid) from pg_stat_activity
                    where pid <> pg_backend_pid() and datname = current_database()"""
            )
            await asyncio.sleep(0.05)
        await append(pool, 2)
        await until(published(pool, 4))


def test_pauses_grow_to_a_bound_and_stay_there() -> None:
    assert [backoff(0.25, failures) for failures in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert backoff(0.25, 100_000) == MAX_BACKOFF  # ten days of a database that is away


async def test_an_exported_folder_verifies(pool: asyncpg.Pool, tmp_path: Path) -> None:
    await append(pool, 20)
    async with running(Replica(pool)):
        await until(published(pool, 20))
        async with pool.acquire() as connection:
            older = await newest_checkpoint(connection, VERWERKINGEN)
        await append(pool, 700)
        await until(published(pool, 720))
    async with pool.acquire() as connection:
        newest = await newest_checkpoint(connection, VERWERKINGEN)
        leaves = await leaves_between(connection, VERWERKINGEN, 0, 720)
    assert older is not None
    assert newest is not None
    entries = [leaf.entry for leaf in leaves]
    write_folder(tmp_path / "log", entries, newest.note.encode())
    verified = verify_folder(tmp_path / "log", [VKEY], older_checkpoint=older.note.encode())
    assert (verified.origin, verified.size, verified.root) == (ORIGIN, 720, newest.root)
    assert verified.events == {"besluit": 720}


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.05])
async def test_stopping_is_possible_at_any_moment(pool: asyncpg.Pool, moment: float) -> None:
    replica = Replica(pool)
    await append(pool, 2000)
    replica.publisher.start()
    await asyncio.sleep(moment)
    await replica.publisher.stop()
    await replica.publisher.stop()
    async with running(Replica(pool)):
        await until(published(pool, 2000), 2.0)
