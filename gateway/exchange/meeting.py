"""What every act on one person begins with: a transaction behind the rules, and who it is about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import asyncpg

from gateway.exchange.deciding import LoadBook, deciding
from gateway.exchange.rules import RuleBook
from gateway.exchange.tools import GroupTools
from gateway.store.consents import subject_of
from gateway.store.groups import (
    Connection,
    ErasedMeanwhileError,
    NewSubject,
    admit_subjects,
)
from gateway.store.ids import new_id
from gateway.vault.boxes import CONTENT
from gateway.vault.keys import epoch_of

MAX_TRIES = 3
_Result = TypeVar("_Result")


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


async def known_or_new(connection: Connection, handle: bytes, tools: GroupTools) -> UUID:
    """The person behind a handle, registered with a fresh key if nobody met them before."""
    subject = new_id()
    _, wrapped = tools.vault.new_key(subject, CONTENT, epoch_of(tools.clock()))
    await admit_subjects(connection, {handle: NewSubject(subject, *wrapped)}, [])
    found = await subject_of(connection, handle)
    return subject if found is None else found
