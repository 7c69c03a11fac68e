"""Leases, by database time and fencing token."""

import asyncio

import asyncpg

from gateway.store.ids import new_id
from gateway.store.lease import (
    Lease,
    give_up_lease,
    renew_lease,
    stands_until_commit,
    take_lease,
)

NAME = "publisher/verwerkingen"


async def take(pool: asyncpg.Pool, seconds: float = 60.0) -> Lease | None:
    async with pool.acquire() as connection:
        return await take_lease(connection, NAME, new_id(), seconds)


async def test_a_lease_has_one_holder_until_its_term_ends(pool: asyncpg.Pool) -> None:
    first = await take(pool)
    assert first is not None
    assert await take(pool) is None
    await pool.execute("update lease set expires_at = now()")
    second = await take(pool)
    assert second is not None
    assert (first.token, second.token) == (1, 2)
    async with pool.acquire() as connection:
        assert not await renew_lease(connection, first, 60.0)
        assert await renew_lease(connection, second, 60.0)
        assert not await stands_until_commit(connection, first)
        assert await stands_until_commit(connection, second)


async def test_of_many_that_come_at_once_one_gets_it(pool: asyncpg.Pool) -> None:
    for _ in range(5):
        await pool.execute("update lease set expires_at = now()")
        taken = await asyncio.gather(*(take(pool) for _ in range(8)))
        assert sum(lease is not None for lease in taken) == 1


async def test_a_holders_two_terms_differ(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        first = await take_lease(connection, NAME, new_id(), 60.0)
        assert first is not None
        second = await take_lease(connection, NAME, first.holder, 60.0)
        assert second == first._replace(token=2)
        assert not await stands_until_commit(connection, first)


async def test_a_term_that_ended_does_not_stand_but_can_go_on_if_nobody_came(
    pool: asyncpg.Pool,
) -> None:
    async with pool.acquire() as connection:
        lease = await take_lease(connection, NAME, new_id(), 60.0)
        assert lease is not None
        await connection.execute("update lease set expires_at = now()")
        assert not await stands_until_commit(connection, lease)
        assert await renew_lease(connection, lease, 60.0)
        assert await stands_until_commit(connection, lease)


async def test_who_gives_up_is_followed_at_once(pool: asyncpg.Pool) -> None:
    lease = await take(pool)
    assert lease is not None
    async with pool.acquire() as connection:
        await give_up_lease(connection, lease._replace(token=7))  # an older term: no effect
        assert await take(pool) is None
        await give_up_lease(connection, lease)
    assert await take(pool) is not None


async def test_who_takes_over_waits_for_the_transaction_that_was_let_in(
    pool: asyncpg.Pool,
) -> None:
    lease = await take(pool)
    assert lease is not None
    async with pool.acquire() as connection:
        async with connection.transaction():
            assert await stands_until_commit(connection, lease)
            await connection.execute("create table written (only_row int)")
            takeover = asyncio.create_task(take(pool))
            await asyncio.sleep(0.1)
            assert not takeover.done()
        assert await takeover is None  # its term still runs
