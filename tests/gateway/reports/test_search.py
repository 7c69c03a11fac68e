"""A search gives exactly what a plain look at every entry gives, wherever the index stands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from gateway.audit.merkle import leaf_hash
from gateway.reports.index import Hit, Indexer
from gateway.reports.search import (
    Wanted,
    catch_up,
    entries_between,
    entries_of_exchange,
    entries_of_subject,
    find,
    hits_between,
    place_of,
)
from gateway.store.log import next_volume
from gateway.store.search import tails_of
from tests.support.searched import (
    START,
    Written,
    access,
    expected,
    processing,
    seeded,
    some_wanted,
    write,
    write_many,
)

ALL = frozenset({1, 2, 3, 4})


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(database)
    yield opened
    await opened.close()


async def index_some(connection: asyncpg.Connection, pages: int, page: int = 20) -> None:
    indexer = Indexer(page)
    for _ in range(pages):
        for tail in await tails_of(connection, ALL):
            await indexer.add_page(connection, tail)


async def index_all(connection: asyncpg.Connection) -> None:
    await catch_up(connection, ALL, most=0)


async def every_hit(connection: asyncpg.Connection, wanted: Wanted) -> list[Hit]:
    async with connection.transaction():
        return [one async for page in hits_between(connection, wanted, page=7) for one in page]


@pytest.mark.parametrize("pages", [0, 1, 3, 100])
async def test_a_search_finds_what_a_plain_look_finds_and_nothing_else(
    connection: asyncpg.Connection, pages: int
) -> None:
    random_ = seeded(pages)
    written = await write_many(connection, 150, random_)
    await index_some(connection, pages)
    written += await write_many(connection, 30, random_)

    found = 0
    for _ in range(120):
        wanted = some_wanted(written, random_)
        hits = await find(connection, wanted, limit=1000)
        assert [tuple(place_of(one)) for one in hits] == expected(written, wanted), wanted
        oldest_first = await every_hit(connection, wanted)
        assert [tuple(place_of(one)) for one in oldest_first] == expected(written, wanted)[::-1]
        found += len(hits)
    assert found > 500


async def test_pages_that_follow_each_other_give_the_whole(connection: asyncpg.Connection) -> None:
    written = await write_many(connection, 120, seeded(5))
    await index_some(connection, 2)
    for wanted in (Wanted(), Wanted(series=ALL, partner="dwi"), Wanted(subject=_person(written))):
        seen: list[Hit] = []
        while True:
            before = place_of(seen[-1]) if seen else None
            page = await find(connection, wanted, limit=7, before=before)
            seen += page
            if len(page) < 7:
                break
        assert [tuple(place_of(one)) for one in seen] == expected(written, wanted)


async def test_an_entry_is_found_at_its_commit_and_not_before(
    connection: asyncpg.Connection, database: str
) -> None:
    other = await asyncpg.connect(database)
    fields = processing(seeded(1), START, None, flow="dwi-aanmelding")
    async with other.transaction():
        await write(other, 1, fields, [])
        assert await find(connection, Wanted(flow="dwi-aanmelding"), limit=5) == []
    assert len(await find(connection, Wanted(flow="dwi-aanmelding"), limit=5)) == 1
    await other.close()


async def test_what_is_protected_is_found_by_who_may_read_it_alone(
    connection: asyncpg.Connection,
) -> None:
    exchange, person = uuid4(), uuid4()
    await write(connection, 2, processing(seeded(2), START, exchange), [person])
    await write(connection, 4, access(seeded(3), START, exchange), [person])
    for _ in range(2):
        for wanted in (Wanted(), Wanted(exchange=exchange), Wanted(subject=person)):
            assert await find(connection, wanted, limit=5) == []
            assert await every_hit(connection, wanted) == []
        assert await entries_of_subject(connection, person) == []
        found = await find(connection, Wanted(series=frozenset({2, 4}), subject=person), limit=5)
        assert [one.series for one in found] == [4, 2]
        await index_all(connection)


async def test_a_handover_is_found_by_who_received_it(connection: asyncpg.Connection) -> None:
    exchange = uuid4()
    await _exchange_row(connection, exchange, "casebook")
    fields = processing(seeded(4), START, exchange, event="verstrekking", sender="dwi")
    del fields["recipient"]
    await write(connection, 1, fields, [])
    for _ in range(2):
        (found,) = await find(connection, Wanted(partner="casebook"), limit=5)
        assert found.recipient == "casebook"
        await index_all(connection)


async def test_entries_come_with_the_bytes_that_were_hashed(
    connection: asyncpg.Connection,
) -> None:
    person, exchange = uuid4(), uuid4()
    written = [
        await write(connection, 1, processing(seeded(n), START + n, exchange), [person])
        for n in range(5)
    ]
    await index_some(connection, 1, page=3)
    for found in (
        await entries_of_subject(connection, person),
        await entries_of_exchange(connection, exchange),
    ):
        assert [one.hit.position for one in found] == [one.position for one in written]
        assert all(leaf_hash(one.raw) == one.hash for one in found)
        assert all(one.hit.subjects == [person] for one in found)
    async with connection.transaction():
        paged = [page async for page in entries_between(connection, Wanted(), page=2)]
    assert [len(page) for page in paged] == [2, 1, 2]


async def test_a_new_volume_is_searched_with_the_one_before(connection: asyncpg.Connection) -> None:
    person = uuid4()
    await write(connection, 1, processing(seeded(1), START, None), [person])
    await index_all(connection)
    async with connection.transaction():
        await next_volume(connection, 1, "2099")
    await write(connection, 1, processing(seeded(2), START + 1, None), [person])
    for _ in range(2):
        found = await find(connection, Wanted(subject=person), limit=5)
        assert [one.position for one in found] == [0, 0]
        assert found[0].log > found[1].log
        await index_all(connection)


async def test_catching_up_tells_how_far_it_is_and_leaves_a_short_tail_alone(
    connection: asyncpg.Connection,
) -> None:
    await write_many(connection, 40, seeded(6))
    await catch_up(connection, ALL, most=40)
    assert sum(one.first for one in await tails_of(connection, ALL)) == 0
    told: list[tuple[int, int]] = []
    await catch_up(connection, ALL, lambda done, of: told.append((done, of)), most=39)
    assert told[-1] == (40, 40)
    assert all(one.first == one.end for one in await tails_of(connection, ALL))


def _person(written: list[Written]) -> UUID:
    return next(one.subjects[0] for one in written if one.subjects)


async def _exchange_row(connection: asyncpg.Connection, exchange: UUID, recipient: str) -> None:
    await connection.execute(
        """insert into exchange (id, kind, state, sender, recipient, decision, rule, protocol,
                                 received_at, entry, commit_group, group_index, findings,
                                 expires_at)
           values ($1, 1, 3, 'dwi', $2, 0, 'toegelaten', '', now(), $1, $1, 0, '{}', now())""",
        exchange,
        recipient,
    )
