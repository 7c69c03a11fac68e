"""Stages 9 and 10 for a recipient whose mail is brought: a pull that the gateway does for it.

The same release transaction, the same acknowledgement, so that evidence, order and invariants 1, 2
and 5 come from what pulling has. What is added is looked at inside that transaction: that the lane
is ours still (a holder that was paused past its lease releases nothing), that it was not stopped,
and that its recipient is not suspended.

A crash between sending and acknowledging leaves the message unacknowledged: it is released and
sent again, under the same idempotency key, as a disclosure with an entry of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from gateway.audit.access import new_trace
from gateway.exchange.deciding import deciding
from gateway.exchange.mailbox import Mailbox, Page
from gateway.exchange.mapping import alone
from gateway.exchange.payload import probe
from gateway.exchange.release import Released
from gateway.store.ids import new_id
from gateway.store.lease import Lease, stands_until_commit
from gateway.store.log import LeaseLostError
from gateway.store.mailbox import acknowledged_up_to, queued
from gateway.store.pushes import acknowledge_one, forget_dead, lock_open_lane, next_replay


class Lane(NamedTuple):
    """A recipient's lane as its holder knows it."""

    recipient: str
    url: str
    lease: Lease


class LaneClosedError(Exception):
    """The lane was stopped, its address changed, or its recipient suspended; nothing is brought."""


class Bundle(NamedTuple):
    """What one release hands over, in order; of some nothing may be told in the open."""

    page: Page
    is_replay: bool
    protected: frozenset[int]
    """Positions of protected exchanges (invariant 14)."""
    is_last: bool
    """Whether nothing stood behind it."""

    @property
    def messages(self) -> list[Released]:
        return self.page.messages


class PushMail(Mailbox):
    """The mailbox as lanes use it."""

    @property
    def pool(self) -> asyncpg.Pool:
        """Where it stands."""
        return self._pool

    async def next(self, lane: Lane, limit: int) -> Bundle | None:
        """Release what comes next, a replay alone and first; None when there is nothing.

        Raises `LaneClosedError`, or `LeaseLostError` once another replica has the lane.
        """
        recipient, trace = lane.recipient, new_trace()
        async with deciding(self._pool, self._load_book) as (connection, book):
            if not await stands_until_commit(connection, lane.lease):
                raise LeaseLostError
            is_open = await lock_open_lane(connection, recipient, lane.url)
            if not is_open or recipient in book.suspended:
                raise LaneClosedError
            replay = await next_replay(connection, recipient)
            if replay is not None:
                found = await queued(connection, recipient, replay - 1, 1)
            else:
                after = await acknowledged_up_to(connection, recipient)
                found = await queued(connection, recipient, after, limit)
            rows, is_last = alone(found), replay is None and len(found) < limit
            if not rows:
                return None
            released_at, messages = await self._release(
                connection, recipient, rows, book, trace, None
            )
            if replay is not None and messages[0].data is None:
                # Nothing is left of it to bring, and its tombstone would only come out of order.
                await forget_dead(connection, recipient, replay)
                messages = []
        page = Page(recipient, messages, "", False, released_at)
        hidden = frozenset(row.position for row in rows if row.is_protected)
        return Bundle(page, replay is not None, hidden, is_last and len(rows) == len(found))

    def may_send(self, bundle: Bundle) -> bool:
        """Whether a sending may still start by this release (invariant 2)."""
        return time.monotonic() - bundle.page.released_at <= self._tools.lapse_seconds

    async def take_back(self, bundle: Bundle, unsent: Sequence[Released]) -> None:
        """Record of these that they were released and not sent."""
        # Tombstones hand nothing over, so there is nothing of them to take back.
        released = {message.exchange for message in unsent if message.data is not None}
        if released:
            await self._take_back(bundle.page, released, new_trace())

    async def received(self, bundle: Bundle, taken: Sequence[Released]) -> None:
        """Record receipt of what the endpoint took."""
        recipient, last = bundle.page.recipient, taken[-1].position
        if bundle.is_replay:
            await self._received_late(recipient, last)
        else:
            async with deciding(self._pool, self._load_book) as (connection, book):
                await self._acknowledge(connection, recipient, last, book, new_trace(), None)

    def probe(self) -> bytes:
        """An event without content."""
        return probe(self._tools.source, new_id(), self._tools.clock())

    async def _received_late(self, recipient: str, position: int) -> None:
        """The receipt of one message that stands behind the head: a dead letter, brought after all.

        The order of locks is that of every receipt: the exchange, and then the log.
        """
        async with deciding(self._pool, self._load_book) as (connection, book):
            rows = await queued(connection, recipient, position - 1, 1)
            await forget_dead(connection, recipient, position)
            if await acknowledge_one(connection, recipient, position):
                await self._record_receipt(connection, rows, book, new_trace(), None)
