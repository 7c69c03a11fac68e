"""The publisher: over all replicas one signs a series' checkpoints, several times a second.

Every replica runs one. They hold a lease in turns; who holds it publishes, the others look now
and then whether it has run out. The lease only keeps them out of each other's way: that there are
never two roots is guarded in the publishing transaction itself (design section 6, "Order").

A crash leaves the lease to run out: for at most `lease_seconds` no checkpoint is made, while the
log goes on growing. An orderly stop gives the lease up at once.

It turns the volumes as well. With the new year the open one is closed and the next one opened, and
once the closed one is signed to its end, the open one gets an entry that names it, with its size
and root: whoever holds the newest checkpoint can go back to the first.

No error ends it. A lost database is tried again; a damaged log is refused again, and logged again,
each time, at growing intervals, until somebody looks.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from uuid import UUID

import asyncpg

from gateway.audit.published import Published
from gateway.audit.series import NAMES, Logbooks
from gateway.audit.signing import STEP_LEAVES, CheckpointSigner, LogDamagedError
from gateway.audit.volumes import name_predecessor
from gateway.store.away import DATABASE_AWAY
from gateway.store.groups import VERWERKINGEN, Connection
from gateway.store.ids import new_id
from gateway.store.lease import (
    Lease,
    give_up_lease,
    renew_lease,
    stands_until_commit,
    take_lease,
)
from gateway.store.log import LeaseLostError, Volume, next_volume, volume_to_sign, year_now
from gateway.telemetry import Telemetry

LEASE_SECONDS = 5.0
LOOK_AT_YEAR_SECONDS = 60.0
MAX_BACKOFF = 10.0


def backoff(every: float, failures: int) -> float:
    """The pause after so many failures in a row, in seconds."""
    # After hours without a database, 2 to the power of the failures would be no float any more.
    return min(every * 2.0 ** min(failures, 16), MAX_BACKOFF)


class LogPublisher:
    """Publishes one series of logs, while it holds the lease.

    Only the growth of the processing log is counted: those who read the counters are not those who
    may know of protected exchanges (invariant 14).
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        logbooks: Logbooks,
        series: int,
        telemetry: Telemetry,
        *,
        every: float = 0.25,
        lease_seconds: float = LEASE_SECONDS,
        published: Published | None = None,
    ) -> None:
        """`every` is the pause between checkpoints, in seconds; what came in between waits.

        `published` is where a checkpoint is written down outside the database before it is shown.
        """
        self._published = published
        self._pool = pool
        self._telemetry = telemetry
        self._every = every
        self._lease_seconds = lease_seconds
        self._logbooks = logbooks
        self._series = series
        self._name = f"publisher/{NAMES[series]}"
        self._signers: dict[tuple[int, str], CheckpointSigner] = {}
        self._signing: tuple[Volume, CheckpointSigner] | None = None
        self._look_at_year = 0.0
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
                self._signing = None  # after a recovery another volume is the one to sign
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
            volume, signer = self._signing or await self._next_to_sign(connection)
            added = await signer.extend(connection, lease)
            await self._turn_volume(connection, lease, volume, added)
        if added and self._series == VERWERKINGEN:
            self._telemetry.count("checkpoints")
            self._telemetry.count("published_entries", added)
        return added

    async def _next_to_sign(self, connection: Connection) -> tuple[Volume, CheckpointSigner]:
        volume = await volume_to_sign(connection, self._series)
        signer = self._signers.get((volume.log, volume.name))
        if signer is None:
            origin = self._logbooks.origin(self._series, volume.name)
            key = self._logbooks.key(self._series)
            remember = None if self._published is None else self._write_down
            signer = CheckpointSigner(volume.log, origin, key, remember)
            self._signers[(volume.log, volume.name)] = signer
        self._signing = volume, signer
        return self._signing

    async def _write_down(self, note: str) -> None:
        assert self._published is not None  # noqa: S101  # looked at by the caller
        await asyncio.to_thread(self._published.remember, note)

    async def _turn_volume(
        self, connection: Connection, lease: Lease, volume: Volume, added: int
    ) -> None:
        """What is closed and signed to its end is named in its successor; a year ends a volume."""
        now = time.monotonic()
        if added or (now < self._look_at_year and volume.closed_at is None):
            return
        self._look_at_year = now + LOOK_AT_YEAR_SECONDS
        # Read anew: another replica may have turned it, or a recovery closed it.
        known, volume = volume, await volume_to_sign(connection, self._series)
        if volume.log != known.log:
            self._signing = None
            return
        async with connection.transaction():
            if not await stands_until_commit(connection, lease):
                raise LeaseLostError
            if volume.closed_at is not None:
                done = await name_predecessor(connection, self._logbooks, volume)
            else:
                year = await year_now(connection)
                done = year > volume.name[:4] and volume.name != ""
                if done:
                    await next_volume(connection, self._series, year)
        if done:
            self._signing = None
            self._look_at_year = 0.0
            self._telemetry.log("log-volume-turned")

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
        if self._signing is not None:
            self._signing[1].forget()  # the tree, and not what it signed last
            self._signing = None
        self._telemetry.log("log-publisher-stepped-down")

    def _report(self, error: Exception) -> None:
        self._telemetry.count("publisher_faults")
        if isinstance(error, LogDamagedError):
            self._telemetry.fault("log-not-signed", error, reason=error.reason, size=error.index)
        else:
            self._telemetry.fault("log-publisher-failed", error)
