"""The follower: every entry once, whoever indexes and whatever breaks off; and out of the way."""

from __future__ import annotations

import asyncio
import io
import json
from uuid import uuid4

import asyncpg
import pytest

from gateway.audit.entry import encode_entry
from gateway.audit.merkle import leaf_hash
from gateway.reports.index import PAGE, UNREADABLE, Indexer, SearchFollower
from gateway.reports.search import Wanted, find
from gateway.store.groups import Connection, Leaf, append_leaves
from gateway.store.search import tails_of
from gateway.telemetry import Telemetry
from tests.support.searched import START, processing, seeded, write, write_many

ALL = frozenset({1, 2, 3, 4})
DAMAGED = (
    b"",
    b"\xff",
    b"[]",
    b'{"event":1}',
    b'{"endTime":"x","event":"besluit"}',
    b'{"endTime":1e300,"event":"besluit"}',
    b'{"endTime":1e999,"event":"besluit"}',
    b'{"endTime":18446744073709551615,"event":"besluit"}',
    b'{"endTime":1,"event":["besluit"]}',
    b'{"endTime":1,"event":"besluit","exchange":"x"}',
    b'{"endTime":1,"event":"besluit","flow":"a\\u0000"}',
    b'{"endTime":1,"event":"' + b"x" * 3000 + b'"}',
)


async def rows(connection: Connection) -> list[tuple[int, int]]:
    found = await connection.fetch("select log, index from search_entry order by log, index")
    return [(row[0], row[1]) for row in found]


async def places(connection: Connection) -> list[tuple[int, int]]:
    found = await connection.fetch("select log, index from log_leaf order by log, index")
    return [(row[0], row[1]) for row in found]


async def until_indexed(connection: Connection) -> None:
    async with asyncio.timeout(10):
        while await rows(connection) != await places(connection):  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.02)


async def test_several_that_index_at_once_index_each_entry_once(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        await write_many(connection, 120, seeded(1))

    async def work() -> None:
        indexer = Indexer(7)
        async with pool.acquire() as own:
            while any(one.first < one.end for one in await tails_of(own, ALL)):
                for tail in await tails_of(own, ALL):
                    await indexer.add_page(own, tail)

    await asyncio.gather(*(work() for _ in range(4)))
    async with pool.acquire() as connection:
        assert await rows(connection) == await places(connection)
        assert len(await rows(connection)) == 120


async def test_a_page_that_breaks_off_is_indexed_by_the_next(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        await write_many(connection, 40, seeded(2))
        indexer = Indexer(10)
        await connection.execute("alter table search_entry add check (index < 5) not valid")
        for tail in await tails_of(connection, ALL):
            if tail.end > 5:
                with pytest.raises(asyncpg.CheckViolationError):
                    await indexer.add_page(connection, tail)
        assert await rows(connection) == []
        # The numbers that broke off with it are nobody's: remembered, rows would lead nowhere.
        await connection.execute(
            "alter table search_entry drop constraint search_entry_index_check"
        )
        for _ in range(10):
            for tail in await tails_of(connection, ALL):
                await indexer.add_page(connection, tail)
        assert await rows(connection) == await places(connection)
        homeless = (
            "select count(*) from search_entry where kind not in (select number from search_kind)"
        )
        assert await connection.fetchval(homeless) == 0


async def test_the_follower_follows_and_survives_a_fault(pool: asyncpg.Pool) -> None:
    told = io.StringIO()
    telemetry = Telemetry(told)
    follower = SearchFollower(pool, telemetry, every=0.02, share=0.9)
    follower.start()
    async with pool.acquire() as connection:
        await write_many(connection, 30, seeded(3))
        await until_indexed(connection)
        assert telemetry.gauges["search_entries_behind"] == 0
        await connection.execute("alter table search_entry rename to away")
        await write(connection, 1, processing(seeded(4), START, None), [])
        async with asyncio.timeout(10):
            while not told.getvalue():  # noqa: ASYNC110  # it writes to a stream
                await asyncio.sleep(0.02)
        await connection.execute("alter table away rename to search_entry")
        await until_indexed(connection)
    await follower.stop()
    lines = [json.loads(line) for line in told.getvalue().splitlines()]
    assert {line["event"] for line in lines} == {"search-index-waits"}
    assert {line["error"] for line in lines} == {"UndefinedTableError"}


async def test_what_is_protected_raises_no_counter(pool: asyncpg.Pool) -> None:
    telemetry = Telemetry(io.StringIO())
    follower = SearchFollower(pool, telemetry, every=60)
    async with pool.acquire() as connection:
        for _ in range(3):
            await write(connection, 2, processing(seeded(5), START, None), [])
        await connection.execute("insert into search_cursor values (2, 0)")
        holding = await pool.acquire()
        async with holding.transaction():
            await holding.execute("select from search_cursor where log = 2 for update")
            follower.start()  # and finds the volume taken
            await asyncio.sleep(0.2)
        await pool.release(holding)
    await follower.stop()
    assert telemetry.gauges == {"search_entries_behind": 0}


async def test_a_leaf_that_is_no_entry_stops_nobody(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        for damaged in DAMAGED:
            async with connection.transaction():
                leaf = Leaf(leaf_hash(damaged), damaged, [])
                await append_leaves(connection, 1, [leaf])
        after = await write(connection, 1, processing(seeded(6), START, None), [])
        for _ in range(2):
            found = await find(connection, Wanted(), limit=20)
            assert found[0].position == after.position
            assert [one.event for one in found[1:]] == [UNREADABLE] * len(DAMAGED)
            for tail in await tails_of(connection, ALL):
                await Indexer().add_page(connection, tail)


async def test_the_index_holds_codes_and_random_ids_and_no_free_text(pool: asyncpg.Pool) -> None:
    """What an entry holds besides, also by a mistake of ours, does not come into the index."""
    async with pool.acquire() as connection:
        person = uuid4()
        fields = processing(
            seeded(7),
            START,
            uuid4(),
            field="naam",
            reason="999999990",
            locks={"a": "Jansen"},
        )
        await write(connection, 1, fields, [person])
        for tail in await tails_of(connection, ALL):
            await Indexer().add_page(connection, tail)
        kinds = str(await connection.fetch("select * from search_kind"))
        held = kinds + str(await connection.fetch("select * from search_entry"))
    assert not any(word in held for word in ("naam", "999999990", "Jansen"))
    assert str(person) in held


async def test_the_follower_rests_while_the_road_is_busy(pool: asyncpg.Pool) -> None:
    follower = SearchFollower(pool, Telemetry(io.StringIO()), every=9.0, share=0.1)
    async with pool.acquire() as connection:
        await append_many(connection, 3 * PAGE)
        # The log grew since the look before: rest nine times as long as the work took.
        assert 0.0 < await follower._turn() < 9.0
        assert await follower._turn() == 0.0  # full pages wait, and nobody writes
        await append_many(connection, PAGE)
        assert 0.0 < await follower._turn() < 9.0
        assert await follower._turn() == 0.0
        assert await follower._turn() == 9.0
        assert await rows(connection) == await places(connection)


async def append_many(connection: Connection, count: int) -> None:
    leaves = []
    for number in range(count):
        entry = encode_entry(processing(seeded(number), START + number, None))
        leaves.append(Leaf(leaf_hash(entry), entry, []))
    async with connection.transaction():
        await append_leaves(connection, 1, leaves)
