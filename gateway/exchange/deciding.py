"""The transaction in which anything is decided or released: behind the rules lock, one commit.

Every change to what has passed goes through here, so that the order of locks is kept in one place
(design section 6) and rules that changed are read before anything rests on them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg

from gateway.exchange.rules import RuleBook
from gateway.store.deciding import begin_deciding
from gateway.store.groups import Connection, ErasedMeanwhileError

MAX_TRIES = 3
_Result = TypeVar("_Result")

LoadBook = Callable[[Connection, int], Awaitable[RuleBook]]
"""Reads the rules of a generation, inside the transaction that found its number."""


class NotAPartyError(Exception):
    """The partner is no party to what it names, or that does not exist: told apart to nobody."""


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


async def in_transaction(
    pool: asyncpg.Pool,
    load_book: LoadBook,
    work: Callable[[Connection, RuleBook], Awaitable[_Result]],
) -> _Result:
    """Do one piece of work and commit it, tried again a bounded number of times.

    After a deadlock, since households that share members can wait for each other; and where
    somebody was erased after they were found, who is then registered anew.
    """
    for attempt in range(1, MAX_TRIES + 1):
        try:
            async with deciding(pool, load_book) as (connection, book):
                result = await work(connection, book)
        except (asyncpg.DeadlockDetectedError, ErasedMeanwhileError):
            if attempt == MAX_TRIES:
                raise
        else:
            return result
    raise AssertionError("unreachable: the last try returns or raises")
