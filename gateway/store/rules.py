"""The rules, read behind the shared rules lock and changed behind the exclusive one.

Suspending a partner and putting a protocol in force must not slip in beside a message that is
being decided (invariant 2): a change waits for every deciding transaction under way, later ones
wait for the change, and the raised generation makes each writer read the rules again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store.deciding import RULES_LOCK
from gateway.store.groups import Connection
from gateway.store.tables import RULES_GENERATION

_LOCK_NOT_AVAILABLE = "55P03"
_LONGEST_WAIT_SECONDS = 10.0


class NoProtocolError(Exception):
    """No privacy protocol is in force, so nothing may pass."""


class RulesBusyError(Exception):
    """A deciding transaction holds the rules too long; nothing was changed, try again."""


async def join_deciding(connection: Connection) -> int:
    """Make a transaction that is open already a deciding one; gives the rules' generation.

    Raises `RulesBusyError` where a planned version's moment has come: whoever decides next brings
    it in force, and the work is asked for again.
    """
    await connection.execute(f"select pg_advisory_xact_lock_shared({RULES_LOCK})")
    row = await connection.fetchrow(
        "select number, coalesce(due_at <= clock_timestamp(), false) from rules_generation"
    )
    assert row is not None  # noqa: S101  # the migration made its one row
    number, is_due = row
    if is_due:
        raise RulesBusyError("a version of the protocol comes in force at this moment")
    return int(number)


class Rules(NamedTuple):
    """What a generation is compiled from."""

    in_force: str
    """The text of the protocol in force."""
    older: tuple[str, ...]
    """The texts of all versions before it, newest first."""
    suspended: frozenset[str]
    """The partners that are suspended."""
    registered: frozenset[str]
    """All partners that there are."""


async def read_rules(connection: Connection) -> Rules:
    """The rules as they stand; call behind the rules lock. Raises `NoProtocolError`."""
    rows = await connection.fetch(
        """select body from protocol_version where not is_planned
            order by in_force_from desc, recorded_at desc"""
    )
    partners = await connection.fetch("select id, is_suspended from partner")
    if not rows:
        raise NoProtocolError("no privacy protocol is in force")
    newest, *older = (row[0] for row in rows)
    suspended = frozenset(row[0] for row in partners if row[1])
    return Rules(newest, tuple(older), suspended, frozenset(row[0] for row in partners))


@asynccontextmanager
async def changing_rules(
    engine: AsyncEngine, *, longest_wait: float = _LONGEST_WAIT_SECONDS
) -> AsyncIterator[AsyncConnection]:
    """A transaction that has the rules to itself; call `raise_generation` if it changed them.

    Raises `RulesBusyError` rather than wait for ever: everybody who comes after queues behind us.
    """
    async with engine.begin() as connection:
        await connection.execute(text(f"set local lock_timeout = {round(longest_wait * 1000)}"))
        try:
            await connection.execute(select(func.pg_advisory_xact_lock(RULES_LOCK)))
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                raise RulesBusyError("the rules are in use; try again") from error
            raise
        yield connection


async def raise_generation(connection: AsyncConnection) -> None:
    """Make every writer, and every list of partners, read again what this transaction changed."""
    await connection.execute(update(RULES_GENERATION).values(number=RULES_GENERATION.c.number + 1))
