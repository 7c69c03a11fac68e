"""The publisher: over all replicas one signs the log's checkpoints, several times a second.

Every replica runs one. They hold a lease in turns; who holds it publishes, the others look now
and then whether it has run out. The lease only keeps them out of each other's way: that there are
never two roots is guarded in the publishing transaction itself (design section 6, "Order").

A crash leaves the lease to run out: for at most `lease_seconds` no checkpoint is made, while the
log goes on growing. An orderly stop gives the lease up at once.

No error ends it. A lost database is tried again; a damaged log is refused again, and logged again,
each time, at growing intervals, until somebody looks.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from uuid import UUID

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.signing import STEP_LEAVES, CheckpointSigner, LogDamagedError
from gateway.store.away import DATABASE_AWAY
from gateway.store.groups import VERWERKINGEN, Connection
from gateway.store.ids import new_id
from gateway.store.lease import Lease, give_up_lease, renew_lease, take_lease
from gateway.store.log import LeaseLostError
from gateway.telemetry import Telemetry

LEASE_NAME = "publisher/verwerkingen"
PROTECTED_LEASE = "publisher/beschermd"
LEASE_SECONDS = 5.0
MAX_BACKOFF = 10.0


def backoff(every: float, failures: int) -> float:
    """The pause after so many failures in a row, in seconds."""
    # After hours without a database, 2 to the power of the failures would be no float any more.
    return min(every * 2.0 ** min(failures, 16), MAX_BACKOFF)


class LogPublisher:
    """Publishes one log, the processing log unless told otherwise, while it holds the lease.

    How much the log of protected exchanges grows is in no counter: those who read the counters are
    not those who may know (invariant 14).
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        origin: str,
        key: Ed25519PrivateKey,
        telemetry: Telemetry,
        *,
        every: float = 0.25,
        lease_seconds: float = LEASE_SECONDS,
        log: int = VERWERKINGEN,
    ) -> None:
        """`every` is the pause between checkpoints, in seconds; what came in between waits."""
        self._pool = pool
        self._telemetry = telemetry
        self._every = every
        self._lease_seconds = lease_seconds
        self._log = log
        self._name = LEASE_NAME if log == VERWERKINGEN else PROTECTED_LEASE
        self._signer = CheckpointSigner(log, origin, key)
        self._holder: UUID = new_id()
        self._lease: Lease | None = None
        self._renew_at = 0.0
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_leading(self) -> bool:
        """Whether this replica held the lease when it last looked."""
        return self._lease is not None

    def start(self) -> None:
        """Start publishing."""
        self._task = asyncio.create_task(self._run(), name="log-publisher")

    async def stop(self) -> None:
        """End it, wherever it is, and let another replica go on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        lease, self._lease = self._lease, None
        if lease is not None:
            try:
                async with asyncio.timeout(2), self._pool.acquire() as connection:
                    await give_up_lease(connection, lease)
            except DATABASE_AWAY as error:
                self._telemetry.fault("log-lease-kept", error)  # it runs out by itself

    def wake(self) -> None:
        """Say that leaves were committed: an idle publisher need not wait out its pause."""
        self._woken.set()

    async def _run(self) -> None:
        failures = 0
        while True:
            # Before the look, so that what is committed during it is not slept over.
            self._woken.clear()
            try:
                added = await self._turn()
            except LeaseLostError:
                self._step_down()
            except Exception as error:  # noqa: BLE001  # a log left unsigned unnoticed is worse
                failures += 1
                self._report(error)
                await asyncio.sleep(backoff(self._every, failures))
            else:
                failures = 0
                await self._pause(added)

    async def _pause(self, added: int | None) -> None:
        if added is None:
            await asyncio.sleep(self._lease_seconds / 5)
        elif added == 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._woken.wait()
        else:
            # Whoever commits all the time wakes us all the time; only a log far behind goes on.
            await asyncio.sleep(0 if added == STEP_LEAVES else self._every)

    async def _turn(self) -> int | None:
        """Publish what is new; gives how many entries, or None while another replica leads."""
        async with self._pool.acquire() as connection:
            lease = await self._hold_lease(connection)
            if lease is None:
                return None
            added = await self._signer.extend(connection, lease)
        if added and self._log == VERWERKINGEN:
            self._telemetry.count("checkpoints")
            self._telemetry.count("published_entries", added)
        return added

    async def _hold_lease(self, connection: Connection) -> Lease | None:
        now = time.monotonic()  # only says when to ask: whether it stands, the database says
        if self._lease is not None and now < self._renew_at:
            return self._lease
        seconds = self._lease_seconds
        if self._lease is not None and not await renew_lease(connection, self._lease, seconds):
            self._step_down()
        if self._lease is None:
            self._lease = await take_lease(connection, self._name, self._holder, seconds)
            if self._lease is not None:
                self._telemetry.log("log-publisher-leads")
        self._renew_at = now + seconds / 3
        return self._lease

    def _step_down(self) -> None:
        self._lease = None
        self._signer.forget()
        self._telemetry.log("log-publisher-stepped-down")

    def _report(self, error: Exception) -> None:
        self._telemetry.count("publisher_faults")
        if isinstance(error, LogDamagedError):
            self._telemetry.fault("log-not-signed", error, reason=error.reason, size=error.index)
        else:
            self._telemetry.fault("log-publisher-failed", error)
