"""The transaction in which anything is decided or released: behind the rules lock, one commit.

Every change to what has passed goes through here, so that the order of locks is kept in one place
(design section 6) and rules that changed are read before anything rests on them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg

from gateway.exchange.rules import RuleBook
from gateway.store.groups import Connection, begin_deciding

LoadBook = Callable[[Connection, int], Awaitable[RuleBook]]
"""Reads the rules of a generation, inside the transaction that found its number."""


@asynccontextmanager
async def deciding(
    pool: asyncpg.Pool, load_book: LoadBook
) -> AsyncIterator[tuple[Connection, RuleBook]]:
    """A connection in an open transaction, with the rules that hold in it.

    Commits when the block ends well, and rolls back when it raises: a crash leaves nothing.
    """
    async with pool.acquire() as connection:
        try:
            generation = await begin_deciding(connection)
            yield connection, await load_book(connection, generation)
            await connection.execute("commit")
        except BaseException:
            if not connection.is_closed():
                await connection.execute("rollback")
            raise
