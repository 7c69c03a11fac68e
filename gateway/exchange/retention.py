"""The gateway is no shadow casebook: what has been received, or waited too long, goes in time.

Received content goes after the flow's days; a message that nobody fetched, or that still waits for
agreement when its term is over, is taken out with an entry that says so. Prints of references go
after 30 days. Each pass is bounded, and replicas clear different rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from gateway.audit.entries import EntryHead, Event, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.rules import RuleBook
from gateway.store.consents import Expired, clear_received, expired, forget_fingerprints
from gateway.store.groups import (
    CLEARED,
    DONE,
    HELD,
    VERWERKINGEN,
    Connection,
    Leaf,
    append_leaves,
    begin_deciding,
)
from gateway.store.ids import new_id
from gateway.store.mailbox import concerned, purge_exchanges
from gateway.telemetry import Telemetry
from gateway.vault.boxes import CONTENT, DataKey, Vault, WrappedKey

EVERY_SECONDS = 60.0
AT_ONCE = 500
PRINTS_KEPT = timedelta(days=30)


class Retention:
    """Clears what has expired, for as long as it runs."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        load_book: Callable[[Connection, int], Awaitable[RuleBook]],
        vault: Vault,
        clock: Callable[[], datetime],
        telemetry: Telemetry,
    ) -> None:
        self._pool = pool
        self._load_book = load_book
        self._vault = vault
        self._clock = clock
        self._telemetry = telemetry
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start clearing."""
        self._task = asyncio.create_task(self._run(), name="retention")

    async def stop(self) -> None:
        """End; what is under way is rolled back and done by the next pass."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def pass_once(self) -> int:
        """Clear at most `AT_ONCE` exchanges and as many prints; gives how many exchanges."""
        async with self._pool.acquire() as connection:
            try:
                generation = await begin_deciding(connection)
                book = await self._load_book(connection, generation)
                now = self._clock()
                rows = await expired(connection, now, AT_ONCE)
                received = [row.exchange for row in rows if row.state == DONE]
                if received:
                    await clear_received(connection, received, CLEARED)
                lapsed = [row for row in rows if row.state != DONE]
                if lapsed:
                    leaves = await self._entries(connection, lapsed, book, now)
                    await purge_exchanges(connection, [row.exchange for row in lapsed])
                    await append_leaves(connection, VERWERKINGEN, leaves)
                await forget_fingerprints(connection, now - PRINTS_KEPT, AT_ONCE)
                await connection.execute("commit")
            except BaseException:
                if not connection.is_closed():
                    await connection.execute("rollback")
                raise
        return len(rows)

    async def _entries(
        self, connection: Connection, lapsed: list[Expired], book: RuleBook, now: datetime
    ) -> list[Leaf]:
        persons: dict[UUID, list[tuple[UUID, DataKey]]] = {}
        for one in await concerned(connection, [row.exchange for row in lapsed]):
            key = WrappedKey(one.epoch, one.wrapped)
            opened = self._vault.unwrap(one.subject, CONTENT, key)
            persons.setdefault(one.exchange, []).append((one.subject, opened))
        millis = int(now.timestamp() * 1000)
        trace = Trace(new_id().hex, new_id().hex[16:])
        leaves = []
        for row in lapsed:
            entry_id, whom = new_id(), persons.get(row.exchange, [])
            reason = "niet-vrijgegeven" if row.state == HELD else "niet-opgehaald"
            entry = write_entry(
                EntryHead(entry_id, Event.PURGE, trace, row.exchange, millis, millis),
                book.facts(row.flow if row.flow in book.flows else None),
                [commitment(key, entry_id, subject) for subject, key in whom],
                {"reason": reason, "sender": row.sender},
            )
            leaves.append(Leaf(leaf_hash(entry), entry, [subject for subject, _ in whom]))
        return leaves

    async def _run(self) -> None:
        while True:
            try:
                cleared = await self.pass_once()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._telemetry.fault("retention-waits", error)
                cleared = 0
            if cleared < AT_ONCE:
                await asyncio.sleep(EVERY_SECONDS)
