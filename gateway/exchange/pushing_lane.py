"""One recipient's lane: its mail brought in order, one message at a time, until there is no more.

1. A connection first: an endpoint that cannot be reached costs no release.
2. A release of a few messages: one after a failure, eight at first, more while the endpoint is
   quick, and then no more than it takes in about a second: a withdrawal finds little on its way.
3. Before each sending: does a connection stand, is the release fresh (invariant 2), is the lane
   still open (the stop button), will the lease outlast the answer. If not, the rest is taken back.
4. What was taken is acknowledged; the first that was not ends the run. Nothing behind it goes
   before it: order is kept by waiting (`pushing_outcome`).

A lane never sleeps: when it may go on is written down, and whoever holds it then goes on.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from gateway.exchange.pushing_mail import Bundle, Lane, LaneClosedError, PushMail
from gateway.exchange.pushing_outcome import (
    LaneState,
    Meaning,
    Next,
    Pace,
    Told,
    after_failure,
    after_probe,
    wants_probe,
)
from gateway.exchange.pushing_road import EndpointAwayError, Limits, Line, connect, looked_at
from gateway.exchange.release import Released
from gateway.identity.signatures import RequestSigner
from gateway.store.groups import Connection
from gateway.store.ids import new_id
from gateway.store.lease import renew_lease
from gateway.store.log import LeaseLostError
from gateway.store.pushes import (
    ClaimedLane,
    bury,
    bury_again,
    keep_delivered,
    keep_failed,
    lock_open_lane,
    set_stopped,
)
from gateway.telemetry import Telemetry

MEDIA_TYPE = "application/cloudevents+json"
LEASE_SECONDS = 15.0
RUN_SECONDS = 2.0
"""After which a lane lets others have its place, where there are more than places."""
RELEASE_SECONDS = 1.0
FIRST_AT_ONCE, MOST_AT_ONCE = 8, 64
TELL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class LaneTools:
    """What all lanes share. `database` bounds how many of them are in the database at a time."""

    mail: PushMail
    signer: RequestSigner
    clock: Callable[[], datetime]
    telemetry: Telemetry
    database: asyncio.Semaphore
    tls: ssl.SSLContext
    may_be_private: bool = False
    pace: Pace = Pace()  # noqa: RUF009  # frozen
    limits: Limits = Limits()  # noqa: RUF009  # frozen
    uniform: Callable[[float, float], float] = random.uniform

    @property
    def pool(self) -> asyncpg.Pool:
        return self.mail.pool


class RunningLane:
    """A lane that is ours; `run` brings what there is, and may be called again."""

    def __init__(self, claimed: ClaimedLane, asked_at: float, tools: LaneTools) -> None:
        self._tools = tools
        self._line: Line | None = None
        self._at_once = FIRST_AT_ONCE if not claimed.failures else 1
        self._tell_at = 0.0
        self.claim(claimed, asked_at)

    def claim(self, claimed: ClaimedLane, asked_at: float) -> None:
        """Take the lane up, as it stands now; its lease runs from `asked_at` at the earliest."""
        self.lane = Lane(claimed.partner, claimed.url, claimed.lease)
        self._state = LaneState(*claimed[3:])
        self._leased_at = asked_at
        self.is_halted = False

    @property
    def is_idle(self) -> bool:
        """Whether no connection is kept."""
        return self._line is None or not self._line.is_open

    def close(self) -> None:
        """Let go of the connection."""
        if self._line is not None:
            self._line.close()
            self._line = None

    async def run(self) -> bool:
        """Bring what there is; whether there is more that may go at once."""
        ends = time.monotonic() + RUN_SECONDS
        try:
            while not self.is_halted:
                if not await self._step():
                    return False
                if time.monotonic() >= ends:
                    return True
        except (LeaseLostError, LaneClosedError):
            self.close()
        return False

    async def _step(self) -> bool:
        """One release, brought; whether to go on."""
        await self._keep_lease()
        try:
            await self._connected()
        except EndpointAwayError as error:
            # Nothing was released: of the message at the head nothing is known.
            await self._failed(self._state.trying, Told(Meaning.AWAY, error.reason), None)
            return False
        async with self._tools.database:
            bundle = await self._tools.mail.next(self.lane, self._at_once)
        if bundle is None:
            return False
        return not bundle.messages or await self._bring(bundle)

    async def _bring(self, bundle: Bundle) -> bool:
        begun, tried, taken, told = time.monotonic(), 0, 0, Told(Meaning.TAKEN)
        try:
            for message in bundle.messages:
                # Many close it after each answer, and some while this was released.
                line = await self._connected()
                if not self._may_send(bundle):
                    break
                tried += 1
                told = await self._send(line, message)
                if told.meaning is not Meaning.TAKEN:
                    break
                taken += 1
        except EndpointAwayError as error:
            told = Told(Meaning.AWAY, error.reason)
        finally:
            # Also when this process is told to end: what was taken was received.
            await self._account_for(bundle, taken, tried)
        if tried > taken:
            return await self._not_taken(bundle, bundle.messages[taken], told)
        if told.meaning is not Meaning.TAKEN:
            self._at_once = 1
            return await self._failed(bundle.messages[taken].position, told, None)
        if taken < len(bundle.messages):
            self._at_once = 1
            return False
        each = (time.monotonic() - begun) / taken
        self._at_once = max(1, min(MOST_AT_ONCE, self._at_once * 4, int(RELEASE_SECONDS / each)))
        return not bundle.is_last

    def _may_send(self, bundle: Bundle) -> bool:
        lease_left = self._leased_at + LEASE_SECONDS - time.monotonic()
        return (
            not self.is_halted
            and lease_left > self._tools.limits.answer
            and self._tools.mail.may_send(bundle)
        )

    async def _account_for(self, bundle: Bundle, taken: int, tried: int) -> None:
        """Acknowledge what was taken; take back what was released and never sent."""
        tools = self._tools
        async with tools.database:
            if taken:
                await tools.mail.received(bundle, bundle.messages[:taken])
            await tools.mail.take_back(bundle, bundle.messages[tried:])
        if taken:
            told = sum(one.position not in bundle.protected for one in bundle.messages[:taken])
            tools.telemetry.count("pushed", told)
            await self._works(bundle)

    async def _works(self, bundle: Bundle) -> None:
        """Forget what failed before; that all is well is written down now and then."""
        tools, now = self._tools, time.monotonic()
        was, self._state = self._state, LaneState()
        if was == self._state and now < self._tell_at:
            return
        self._tell_at = now + TELL_SECONDS
        async with self._holding() as connection:
            await keep_delivered(connection, self.lane.recipient, tools.clock())
        if was.failures and self._may_tell(bundle):
            tools.telemetry.log("push-recovered", partner=self.lane.recipient)

    async def _send(self, line: Line, message: Released) -> Told:
        """One message. Its key is the same at every attempt, and another at no other message."""
        key = f'"{message.exchange}-{message.position}"'
        return await self._post(line, key, message.event)

    async def _post(self, line: Line, key: str, body: bytes) -> Told:
        # The signature's moment is the real one: receivers hold it against their own clocks.
        created = int(time.time())
        signed = self._tools.signer.headers(self.lane.url, MEDIA_TYPE, key, body, created)
        headers = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        return await line.post(headers.encode("ascii"), body)

    async def _not_taken(self, bundle: Bundle, message: Released, told: Told) -> bool:
        self._at_once = 1
        if told.meaning is Meaning.GONE:
            await self._gone(told)
            return False
        if wants_probe(self._state, message.position, told, self._tools.pace):
            told = await self._probed(bundle, message, told)
            if told.meaning is Meaning.TAKEN:
                await self._account_for(bundle, 1, 1)
                return True
        return await self._failed(message.position, told, (bundle, message))

    async def _probed(self, bundle: Bundle, message: Released, told: Told) -> Told:
        """Ask by something without content whether it is the endpoint that fails.

        The message follows right after, so that an outage that ended in between is not its fault.
        """
        probed, again = Told(Meaning.AWAY), None
        await self._keep_lease()  # a silence outlasts what was left for another sending
        try:
            line = await self._connected()
            probed = await self._post(line, f'"{new_id()}"', self._tools.mail.probe())
            if probed.meaning in (Meaning.TAKEN, Meaning.REFUSED) and self._may_send(bundle):
                line = await self._connected()
                again = await self._send(line, message)
        except EndpointAwayError:
            pass
        self._state = after_probe(
            self._state,
            is_probe_answered=probed.meaning in (Meaning.TAKEN, Meaning.REFUSED),
            again=again,
        )
        return told if again is None else again

    async def _failed(
        self, position: int, told: Told, about: tuple[Bundle, Released] | None
    ) -> bool:
        """Write down what failed; whether to go on at once, past a dead letter."""
        tools, was = self._tools, self._state
        after = after_failure(was, position, told, tools.pace, tools.uniform)
        now = tools.clock()
        if after.is_dead and about is not None:
            return await self._bury(after, told, *about, now)
        self._state = after.state
        retry_at = now + timedelta(seconds=after.pause)
        async with self._holding() as connection:
            may_tell = await self._keep(connection, now, retry_at)
        if not was.failures and may_tell:
            tools.telemetry.log("push-fails", partner=self.lane.recipient, reason=told.reason)
        return False

    async def _bury(
        self, after: Next, told: Told, bundle: Bundle, message: Released, now: datetime
    ) -> bool:
        tools, recipient = self._tools, self.lane.recipient
        async with self._holding() as connection:
            if bundle.is_replay:
                await bury_again(connection, recipient, message.position, told.reason, now)
            elif not await bury(
                connection, recipient, message.position, message.exchange, told.reason, now
            ):
                return True  # its recipient pulled it meanwhile
            self._state = after.state
            await self._keep(connection, now, now)
        if message.position not in bundle.protected:
            tools.telemetry.log("push-dead", partner=recipient, reason=told.reason)
            tools.telemetry.count("dead_letters")
        return True

    async def _keep(self, connection: Connection, now: datetime, retry_at: datetime) -> bool:
        state = self._state
        return await keep_failed(
            connection,
            self.lane.recipient,
            failures=state.failures,
            reason=state.reason,
            trying=state.trying,
            refusals=state.refusals,
            suspicions=state.suspicions,
            dead_in_a_row=state.dead_in_a_row,
            now=now,
            retry_at=retry_at,
        )

    async def _gone(self, told: Told) -> None:
        """410: this address takes nothing any more, says its owner."""
        async with self._holding() as connection:
            await set_stopped(connection, self.lane.recipient, "adres-vervallen")
        # That an address is gone is the partner's doing, and tells of no message.
        self._tools.telemetry.log("push-stopped", partner=self.lane.recipient, reason=told.reason)

    @asynccontextmanager
    async def _holding(self) -> AsyncIterator[Connection]:
        """A transaction to write down in how the lane stands, while it is ours and goes this way.

        What one address answered says nothing of the next, nor what came to whoever was paused
        past its lease: that raises `LaneClosedError`, or `LeaseLostError`, and nothing is written.
        """
        tools, asked_at = self._tools, time.monotonic()
        async with tools.database, tools.pool.acquire() as connection, connection.transaction():
            if not await renew_lease(connection, self.lane.lease, LEASE_SECONDS):
                raise LeaseLostError
            if not await lock_open_lane(connection, self.lane.recipient, self.lane.url):
                raise LaneClosedError
            yield connection
        self._leased_at = asked_at

    async def _connected(self) -> Line:
        if self._line is None or not self._line.is_open:
            self.close()
            tools = self._tools
            target = await looked_at(
                self.lane.url, may_be_private=tools.may_be_private, within=tools.limits.connect
            )
            self._line = await connect(target, tools.limits, tools.tls)
        return self._line

    async def _keep_lease(self) -> None:
        now = time.monotonic()
        if now - self._leased_at < LEASE_SECONDS / 4:
            return
        async with self._tools.database, self._tools.pool.acquire() as connection:
            if not await renew_lease(connection, self.lane.lease, LEASE_SECONDS):
                raise LeaseLostError
        self._leased_at = now

    @staticmethod
    def _may_tell(bundle: Bundle) -> bool:
        """Whether anybody may know of it: some of the messages are not protected."""
        return any(message.position not in bundle.protected for message in bundle.messages)
