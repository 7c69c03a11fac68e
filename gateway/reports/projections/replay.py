"""A projection replayed from the log: read, hand over, and only then move the cursor.

Nothing is queued: what is not delivered yet is the log itself, from the cursor on. A receiver that
is slow, dead or wrong therefore loses nothing, and costs the road nothing, since no lock and no
database connection is held while it is waited for. A crash, or a lease that ran out, between
delivery and cursor repeats what was delivered, with the same span ids.

Only what a signed checkpoint states is projected, so each line rests on an entry that anybody can
check. A volume that is closed and signed to its end is followed by the next one of its series.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from uuid import UUID

from gateway.reports.projections.receiving import AwayError, Parked, Projected, Receiver, settle
from gateway.reports.projections.source import Projector
from gateway.store.groups import Connection
from gateway.store.ids import new_id
from gateway.store.lease import Lease, give_up_lease, renew_lease, take_lease
from gateway.store.log import LeaseLostError
from gateway.store.projections import (
    Cursor,
    Move,
    begin_projection,
    cursor_of,
    leaves_at,
    move_cursor,
    next_volume_of,
    note_failure,
    parked_entries,
    signed_size,
    source_leaves,
    unpark,
)

PAGE = 256
"""Entries a delivery."""
LEASE_SECONDS = 90.0

Acquire = Callable[[], AbstractAsyncContextManager[Connection]]
"""A connection to the database, for a moment."""


class HeldElsewhereError(Exception):
    """Another process replays this projection now."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn did; `behind` is how many signed entries of the volume still wait."""

    entries: int = 0
    lines: int = 0
    parked: int = 0
    behind: int = 0
    is_idle: bool = True


class Replay:
    """One projection: a series, a receiver, and how far it has come."""

    def __init__(
        self,
        acquire: Acquire,
        name: str,
        series: int,
        receiver: Receiver,
        projector: Projector,
        *,
        page: int = PAGE,
        lease_seconds: float = LEASE_SECONDS,
        share: float = 1.0,
    ) -> None:
        """`share` is the part of its time that whoever runs it may spend on it while it lags."""
        self.name = name
        self.share = share
        self.series = series
        self._acquire = acquire
        self._receiver = receiver
        self._projector = projector
        self._page = page
        self._lease_seconds = lease_seconds
        self._lease: Lease | None = None
        self._renew_at = 0.0
        self._holder: UUID = new_id()
        self._has_begun = False

    async def turn(self) -> Turn:
        """Deliver the next page and move the cursor.

        Raises `AwayError` where the receiver takes nothing now, `HeldElsewhereError` or
        `LeaseLostError` where another process is at it, `TargetDiffersError` for another's name.
        """
        async with self._acquire() as connection:
            lease = await self._hold_lease(connection)
            cursor = await self._cursor(connection)
            end = await signed_size(connection, cursor.log)
            stop = min(end, cursor.next_index + self._page)
            leaves = await source_leaves(connection, cursor.log, cursor.next_index, stop)
            batch = await self._projector.project(connection, leaves)
            if not batch:
                return await self._next_volume(connection, lease, cursor)
        parked = await self._delivered(batch)
        move = Move(
            cursor.log,
            stop,
            sum(len(entry.lines) for entry in batch),
            self._receiver.size,
            [(one.entry.read.leaf.position, one.reason) for one in parked],
        )
        async with self._acquire() as connection:
            await move_cursor(connection, await self._hold_lease(connection), cursor, move)
        return Turn(len(batch), move.lines, len(parked), end - stop, is_idle=False)

    async def retry_parked(self) -> tuple[int, int]:
        """Hand over once more what was set apart; gives how many were taken, and how many not."""
        taken: list[tuple[int, int]] = []
        async with self._acquire() as connection:
            await self._hold_lease(connection)
            await self._cursor(connection)
            listed = await parked_entries(connection, self.name)
        for first in range(0, len(listed), self._page):
            places = [(one.log, one.position) for one in listed[first : first + self._page]]
            async with self._acquire() as connection:
                batch = await self._projector.project(
                    connection, await leaves_at(connection, places)
                )
            for entry in batch:
                try:
                    still = await settle(self._receiver, [entry], self._beat)
                except AwayError:
                    continue
                if not still:
                    taken.append((entry.read.leaf.log, entry.read.leaf.position))
        async with self._acquire() as connection:
            await unpark(connection, self.name, taken)
        return len(taken), len(listed) - len(taken)

    async def close(self) -> None:
        """Let another process go on at once."""
        lease, self._lease = self._lease, None
        if lease is not None:
            async with self._acquire() as connection:
                await give_up_lease(connection, lease)
        await self._receiver.close()

    async def _delivered(self, batch: Sequence[Projected]) -> list[Parked]:
        try:
            return await settle(self._receiver, batch, self._beat)
        except AwayError as error:
            async with self._acquire() as connection:
                await note_failure(connection, self.name, error.reason)
            raise

    async def _next_volume(self, connection: Connection, lease: Lease, cursor: Cursor) -> Turn:
        following = await next_volume_of(connection, cursor)
        if following is None:
            return Turn()
        await move_cursor(connection, lease, cursor, Move(following, 0, 0, cursor.bytes, []))
        return Turn(is_idle=False)

    async def _cursor(self, connection: Connection) -> Cursor:
        receiver = self._receiver
        if self._has_begun and (known := await cursor_of(connection, self.name)) is not None:
            return known
        target = hashlib.sha256(f"{receiver.kind}\x00{receiver.target}".encode()).digest()
        cursor = await begin_projection(connection, self.name, self.series, receiver.kind, target)
        await receiver.begin(cursor.bytes)
        self._has_begun = True
        return cursor

    async def _beat(self) -> None:
        """Before each attempt: a refusal may take many of them to look into."""
        if time.monotonic() >= self._renew_at:
            async with self._acquire() as connection:
                await self._hold_lease(connection)

    async def _hold_lease(self, connection: Connection) -> Lease:
        now = time.monotonic()  # only says when to ask: whether it stands, the database says
        if self._lease is not None and now < self._renew_at:
            return self._lease
        if self._lease is not None and not await renew_lease(
            connection, self._lease, self._lease_seconds
        ):
            # What it delivered since is delivered again, by whoever took over.
            self._lease, self._has_begun = None, False
            raise LeaseLostError
        if self._lease is None:
            name = f"projection/{self.name}"
            self._lease = await take_lease(connection, name, self._holder, self._lease_seconds)
            if self._lease is None:
                raise HeldElsewhereError("another process replays this projection")
        self._renew_at = now + self._lease_seconds / 3
        return self._lease
