"""Keeps a gateway from serving a database that is older than what was published from it.

Every new connection is looked at before anybody uses it, and a database that is put back ends the
old ones. Where it was put back under them (a dump into a live database), the look that is made
every second ends them all: from then on nobody gets a connection, requests are answered 503, the
publisher signs nothing, and `/health/ready` says why. Once `sluis recover` has done its work, the
next look lets everybody in again.

The same turn writes down what another machine published, and lets old files of the journal go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta

import asyncpg

from gateway.audit.freshness import DatabaseOlderError, JournalMissingError, require_fresh
from gateway.audit.published import OlderThanPublishedError, Published
from gateway.audit.series import NAMES, Logbooks
from gateway.exchange.repeating import Repeated
from gateway.store.away import DATABASE_AWAY
from gateway.store.groups import Connection
from gateway.store.log import newest_checkpoint, open_volume
from gateway.telemetry import Telemetry
from gateway.vault.journal import Journal

EVERY_SECONDS = 1.0


class AgeWatch(Repeated):
    """Looks at the database's age; `admit` is for its pool, which is handed over afterwards."""

    def __init__(
        self,
        published: Published,
        logbooks: Logbooks,
        journal: Journal,
        clock: Callable[[], datetime],
        telemetry: Telemetry,
        *,
        keeps: timedelta,
        every: float = EVERY_SECONDS,
    ) -> None:
        """`keeps` is how long lines of the journal are kept: the term of the backups."""
        super().__init__("age-watch-waits", telemetry, every)
        self._published = published
        self._logbooks = logbooks
        self._journal = journal
        self._clock = clock
        self._keeps = keeps
        self._pool: asyncpg.Pool | None = None
        self._is_told = False
        self._is_begun = False
        self._forgot_on = date.min

    async def admit(self, connection: Connection) -> None:
        """Raises `DatabaseOlderError`, or at first `JournalMissingError`.

        Later on another machine may have published before this one did.
        """
        needs_journal = not self._is_begun
        await require_fresh(
            connection, self._published, self._logbooks, needs_journal=needs_journal
        )
        self._is_begun = True

    def watch(self, pool: asyncpg.Pool) -> None:
        """The pool whose connections end when the database turns out to be older."""
        self._pool = pool

    async def turn(self) -> bool:
        """One look."""
        if self._pool is None:
            return False
        try:
            async with self._pool.acquire() as connection:
                await self.admit(connection)
                await self._follow(connection)
        except (DatabaseOlderError, JournalMissingError):
            await self._pool.expire_connections()
            if not self._is_told:
                self._telemetry.log("database-older")
            self._is_told = True
        except DATABASE_AWAY:
            return False  # whoever needs it says so
        else:
            if self._is_told:
                self._telemetry.log("database-recovered")
            self._is_told = False
            await self._forget()
        return False

    async def _follow(self, connection: Connection) -> None:
        """What another machine published is what this one serves, and must be held to as well."""
        known = self._published.newest()
        for series in NAMES:
            volume = await open_volume(connection, series)
            newest = await newest_checkpoint(connection, volume.log)
            if newest is None:
                continue
            before = known.get(self._logbooks.origin(series, volume.name))
            if before is None or before.size < newest.size:
                # Of two that follow, or one that leads, the slower comes with what is older by now.
                with suppress(OlderThanPublishedError):
                    await asyncio.to_thread(self._published.remember, newest.note)

    async def _forget(self) -> None:
        today = self._clock().date()
        if self._forgot_on < today:
            await asyncio.to_thread(self._journal.forget, today - self._keeps)
            self._forgot_on = today
