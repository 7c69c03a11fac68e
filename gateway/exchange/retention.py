"""The gateway is no shadow casebook: what has been received, or waited too long, goes in time.

Received content goes after the flow's days; a message that nobody fetched, or that still waits for
agreement when its term is over, is taken out with an entry that says so. Prints of references go
after 30 days, and what outlived an erasure on its date. Each pass is bounded; of two replicas one
waits, and finds the work done.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from gateway.audit.access import new_trace
from gateway.audit.entries import Trace
from gateway.exchange.deciding import LoadBook, deciding
from gateway.exchange.notices import EndedHold, hold_ended, whom_of
from gateway.exchange.proof import drop_expired
from gateway.exchange.purging import Purged, purge_leaf
from gateway.exchange.repeating import Repeated
from gateway.exchange.rules import RuleBook
from gateway.store.erasing import drop_idle_keepers
from gateway.store.groups import DONE, HELD, Connection, Leaf
from gateway.store.mailbox import purge_exchanges
from gateway.store.notices import NoticeRows, write_notice_heads, write_notices
from gateway.store.registrations import forget_lapsed
from gateway.store.retention import (
    Expired,
    clear_received,
    forget_fingerprints,
    forget_references,
    lock_expired,
    persons_of,
)
from gateway.telemetry import Telemetry
from gateway.vault.boxes import CONTENT, DataKey, SealBrokenError, Vault, WrappedKey

EVERY_SECONDS = 60.0
AT_ONCE = 500
PRINTS_KEPT = timedelta(days=30)


class Cleared(NamedTuple):
    """How much one pass cleared."""

    exchanges: int
    prints: int


class Retention(Repeated):
    """Clears what has expired, for as long as it runs."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        load_book: LoadBook,
        vault: Vault,
        clock: Callable[[], datetime],
        telemetry: Telemetry,
        *,
        at_once: int = AT_ONCE,
        every: float = EVERY_SECONDS,
    ) -> None:
        super().__init__("retention-waits", telemetry, every)
        self._pool = pool
        self._load_book = load_book
        self._vault = vault
        self._clock = clock
        self._at_once = at_once

    async def turn(self) -> bool:
        """A pass; another follows at once where it was full."""
        return self._at_once in await self.pass_once()

    async def pass_once(self) -> Cleared:
        """Clear at most `at_once` exchanges and as many prints."""
        async with deciding(self._pool, self._load_book) as (connection, book):
            now = self._clock()
            prints = await forget_fingerprints(connection, now - PRINTS_KEPT, self._at_once)
            await forget_references(connection, now - PRINTS_KEPT, self._at_once)
            rows = await lock_expired(connection, now, self._at_once)
            await clear_received(connection, [row.exchange for row in rows if row.state == DONE])
            lapsed = [row for row in rows if row.state != DONE]
            trace = new_trace()
            leaves = await self._entries(connection, lapsed, book, trace, now)
            leaves += await drop_expired(connection, self._vault, book, trace, now, self._at_once)
            told = await self._notices(connection, lapsed, book, trace, now)
            await purge_exchanges(connection, [row.exchange for row in lapsed])
            await drop_idle_keepers(connection, self._at_once)
            await forget_lapsed(connection, now, self._at_once)
            await write_notices(connection, told, is_screened=False)
            told.leaves[:0] = leaves
            await write_notice_heads(connection, told)
        return Cleared(len(rows), prints)

    async def _notices(
        self,
        connection: Connection,
        lapsed: list[Expired],
        book: RuleBook,
        trace: Trace,
        now: datetime,
    ) -> NoticeRows:
        """Each sender learns that what it held is gone."""
        ended = [
            EndedHold(row.exchange, row.flow, row.sender, row.owner, row.sealed_reference)
            for row in lapsed
            if row.state == HELD
        ]
        rows = NoticeRows()
        whom = await whom_of(connection, [one.exchange for one in ended], self._vault)
        await hold_ended(connection, rows, ended, whom, book, trace, now)
        return rows

    async def _entries(
        self,
        connection: Connection,
        lapsed: list[Expired],
        book: RuleBook,
        trace: Trace,
        now: datetime,
    ) -> list[Leaf]:
        persons: dict[UUID, list[tuple[UUID, DataKey]]] = {}
        for one in await persons_of(connection, [row.exchange for row in lapsed]):
            key = WrappedKey(one.epoch, one.wrapped)
            # A damaged key makes no commitment; it must not keep everybody's content here.
            with suppress(SealBrokenError):
                opened = self._vault.unwrap(one.subject, CONTENT, key)
                persons.setdefault(one.exchange, []).append((one.subject, opened))
        return [
            purge_leaf(
                Purged(row.exchange, row.flow, row.sender, row.is_protected),
                persons.get(row.exchange, []),
                _reason(row),
                book,
                trace,
                now,
            )
            for row in lapsed
        ]


def _reason(row: Expired) -> str:
    if row.state == HELD:
        return "niet-vrijgegeven"
    return "niet-bevestigd" if row.is_released else "niet-opgehaald"
