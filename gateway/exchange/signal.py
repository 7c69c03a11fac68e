"""Something new in a mailbox: one look at all mailboxes whose recipients wait, never one each.

A recipient that waits holds a future in this process and nothing else: no transaction, and no
connection. While anybody waits, one query a quarter of a second reads the heads of their mailboxes,
however many wait. NOTIFY was not chosen: it makes every commit on the road wait for one lock
(ADR 0027). What is told is a position in the recipient's own mailbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from gateway.exchange.repeating import Repeated
from gateway.store.away import DATABASE_AWAY
from gateway.store.signal import Head, heads
from gateway.telemetry import Telemetry

LOOK_SECONDS = 0.25
LONGEST_WAIT = 55
"""Seconds that a request may wait for mail: less than proxies give an answer that is silent."""
LONGEST_WATCH = 300.0
"""Seconds that a stream of signals lasts; who wants more opens another."""
HEARTBEAT_SECONDS = 15.0
WAITING_MOST = 8
"""How many requests of one partner may wait at once in a process, streams among them."""


class TooManyWaitingError(Exception):
    """The partner waits in as many requests as it may."""


class WaitEndedError(Exception):
    """There is nothing to wait for any more: the partner is suspended, or the gateway is ending."""


class _Waiter:
    """One request that waits for a position beyond `than`."""

    __slots__ = ("found", "than")

    def __init__(self, than: int) -> None:
        self.than = than
        self.found: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    def tell(self, position: int | None) -> None:
        """End the wait, once."""
        if not self.found.done():
            self.found.set_result(position)


class MailboxSignal(Repeated):
    """Tells whoever waits that their mailbox has something newer; one serves the process."""

    def __init__(
        self, pool: asyncpg.Pool, telemetry: Telemetry, *, every: float = LOOK_SECONDS
    ) -> None:
        super().__init__("mailboxes-unread", telemetry, every)
        self._pool = pool
        self._waiters: dict[str, set[_Waiter]] = {}
        self._places: dict[str, int] = {}
        self._is_ending = self._is_away = False

    @property
    def waiting(self) -> int:
        """How many requests wait now."""
        return sum(len(waiters) for waiters in self._waiters.values())

    @contextmanager
    def place(self, recipient: str) -> Iterator[None]:
        """A place among those that wait. Raises `TooManyWaitingError`."""
        self.take_place(recipient)
        try:
            yield
        finally:
            self.give_place(recipient)

    def take_place(self, recipient: str) -> None:
        """Take a place, which whoever takes it gives back. Raises `TooManyWaitingError`."""
        taken = self._places.get(recipient, 0)
        if taken >= WAITING_MOST:
            raise TooManyWaitingError("as many requests wait as may")
        self._places[recipient] = taken + 1

    def give_place(self, recipient: str) -> None:
        """Give a place back."""
        left = self._places.pop(recipient) - 1
        if left:
            self._places[recipient] = left

    async def newer(self, recipient: str, than: int, seconds: float) -> int | None:
        """The newest position once it is beyond `than`; None when time is up.

        Raises `WaitEndedError`.
        """
        if self._is_ending:
            raise WaitEndedError("the gateway is ending")
        waiter = _Waiter(than)
        waiters = self._waiters.setdefault(recipient, set())
        waiters.add(waiter)
        try:
            async with asyncio.timeout(seconds):
                found = await waiter.found
        except TimeoutError:
            return None
        finally:
            waiters.discard(waiter)
            if not waiters and self._waiters.get(recipient) is waiters:
                del self._waiters[recipient]
        if found is None:
            raise WaitEndedError("nothing to wait for")
        return found

    async def head(self, recipient: str) -> Head | None:
        """How a mailbox stands now; None where its partner is suspended, or there is none."""
        found = await self._read([recipient])
        head = found.get(recipient)
        return None if head is None or head.is_suspended else head

    def end_waiting(self) -> None:
        """Answer everybody who waits, as if their time were up: the gateway is about to end."""
        self._is_ending = True
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.tell(None)

    async def stop(self) -> None:
        """End the looks, and every wait."""
        self.end_waiting()
        await super().stop()

    async def turn(self) -> bool:
        """One look at the mailboxes of all who wait; no query where nobody does."""
        if not self._waiters:
            return False
        try:
            found = await self._read(list(self._waiters))
        except DATABASE_AWAY as error:
            # Told once: whoever waits asks again when their time is up, and is told then.
            if not self._is_away:
                self._telemetry.fault("mailboxes-unread", error)
            self._is_away = True
            return False
        self._is_away = False
        for recipient, head in found.items():
            for waiter in list(self._waiters.get(recipient, ())):
                if head.is_suspended:
                    waiter.tell(None)
                elif head.last_position > waiter.than:
                    waiter.tell(head.last_position)
        return False

    async def _read(self, recipients: list[str]) -> dict[str, Head]:
        async with self._pool.acquire() as connection:
            return await heads(connection, recipients)
