"""A delivery (levering): a file in the partner's own format, received whole, then worked off.

The file arrives in pieces, each sealed and stored at once, so memory stays constant; it becomes a
delivery only when it is complete, and an upload that stops half-way leaves nothing behind.
`workoff.py` does the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
import orjson

from adapters.port import Answered, AnswerWriter
from consent.register import AMSTERDAM
from gateway.audit.entries import Trace
from gateway.exchange.arrivals import Sender
from gateway.exchange.committer import GroupCommitter, StorageUnavailableError
from gateway.exchange.workoff import (
    FIRST,
    GROUP,
    RETRY_SECONDS,
    SLIP,
    DeliveryTools,
    Run,
    outcome_place,
    piece_place,
    trace_as_text,
)
from gateway.store import deliveries as store
from gateway.store.deliveries import StoredDelivery, TakenOverError
from gateway.store.ids import new_id
from gateway.vault.boxes import CONTENT, DataKey, Nonces, Vault, WrappedKey
from gateway.vault.keys import epoch_of
from schemas.decisions import Outcome, Rule
from schemas.deliveries import DeliveryReport, DeliveryState, RecordOutcome

CHUNK_BYTES = 256 * 1024


class DigestMismatchError(Exception):
    """The file is not the one that its Content-Digest names."""


class DeliveryTooLargeError(Exception):
    """The file is larger than the gateway takes."""


class Received(NamedTuple):
    """A delivery, and whether the same bytes were one already."""

    delivery: StoredDelivery
    is_repeat: bool


class Deliveries:
    """Receives files and works them off."""

    def __init__(self, pool: asyncpg.Pool, committer: GroupCommitter, tools: DeliveryTools) -> None:
        self._pool = pool
        self._committer = committer
        self._tools = tools
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin working off, with what an earlier run left first."""
        self._task = asyncio.create_task(self._work())
        self._wake.set()

    async def stop(self) -> None:
        """Stop; what was not committed is worked off after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """A delivery is there to be worked off."""
        self._wake.set()

    async def receive(
        self,
        sender: Sender,
        media_type: str,
        pieces: AsyncIterator[bytes],
        expected_digest: bytes | None,
        trace: Trace | None = None,
    ) -> Received:
        """Take a whole file in; what is recorded of it goes on in `trace`.

        Raises `DeliveryTooLargeError`, `DigestMismatchError`, or what the pieces raise when they
        stop early; in each case nothing of it remains. What the database raises leaves it unknown
        whether the file became a delivery, which a repeat tells.
        """
        tools, delivery = self._tools, new_id()
        key, wrapped = tools.vault.new_key(delivery, CONTENT, epoch_of(tools.clock()))
        try:
            size, printed, digest = await self._store(delivery, sender.id, key, pieces)
            if expected_digest is not None and digest != expected_digest:
                raise DigestMismatchError("another file")
        except BaseException:
            # Also when the request is cancelled: the pieces go; a crash here leaves them to the
            # sweep at the next start.
            await asyncio.shield(store.drop_chunks(self._pool, delivery))
            raise
        # Where this is not answered nobody knows whether it was done: then the file is a delivery
        # and needs its pieces, or the sweep takes them.
        stored = await store.register(
            self._pool,
            store.NewDelivery(
                *(delivery, *sender, media_type, printed, *wrapped, size, tools.clock()),
                trace_as_text(trace),
            ),
        )
        if stored is not None:
            self.wake()
            return Received(stored, is_repeat=False)
        await store.drop_chunks(self._pool, delivery)
        earlier = await store.by_fingerprint(self._pool, sender.id, printed)
        if earlier is None:
            raise StorageUnavailableError("delivery")
        return Received(earlier, is_repeat=True)

    async def _store(
        self, delivery: UUID, sender: str, key: DataKey, pieces: AsyncIterator[bytes]
    ) -> tuple[int, bytes, bytes]:
        printed, digest = self._tools.prints.running(sender), hashlib.sha256()
        nonces, size, number = Nonces(), 0, 0
        buffer = bytearray()
        async for piece in pieces:
            size += len(piece)
            if size > self._tools.max_bytes:
                raise DeliveryTooLargeError("file")
            printed.update(piece)
            digest.update(piece)
            buffer += piece
            while len(buffer) >= CHUNK_BYTES:
                sealed = key.seal(
                    bytes(buffer[:CHUNK_BYTES]), piece_place(delivery, number), nonces.take()
                )
                await store.add_chunk(self._pool, delivery, number, sealed)
                del buffer[:CHUNK_BYTES]
                number += 1
        if buffer:
            sealed = key.seal(bytes(buffer), piece_place(delivery, number), nonces.take())
            await store.add_chunk(self._pool, delivery, number, sealed)
        return size, printed.digest(), digest.digest()

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            try:
                await store.sweep_orphans(self._pool, _an_hour_ago(self._tools.clock()))
                for delivery in await store.unfinished(self._pool):
                    await self._work_off(delivery)
            except _AWAY as error:
                self._tools.telemetry.fault("delivery-waits", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            try:
                async with asyncio.timeout(60):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _work_off(self, delivery: StoredDelivery) -> None:
        """Work off one delivery under a lock that falls when this process does."""
        async with self._pool.acquire() as guard:
            lock = delivery.id.int & 0x7FFF_FFFF_FFFF_FFFF
            if not await guard.fetchval("select pg_try_advisory_lock($1)", lock):
                return
            try:
                run = Run(self._pool, self._committer, self._tools, delivery)
                with self._tools.telemetry.span("delivery", delivery=delivery.id):
                    await run.to_the_end()
            except TakenOverError as error:
                self._tools.telemetry.fault("delivery-taken-over", error, delivery=delivery.id)
            except _AWAY:
                raise
            except Exception as error:  # noqa: BLE001  # what we cannot read holds up no other
                self._tools.telemetry.fault("delivery-failed", error, delivery=delivery.id)
            finally:
                if not guard.is_closed():
                    await guard.execute("select pg_advisory_unlock($1)", lock)


_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, StorageUnavailableError)


def _an_hour_ago(now: datetime) -> UUID:
    """An id as it would have been made an hour ago: uploads still under way are younger."""
    millis = int((now.timestamp() - 3600) * 1000)
    return UUID(bytes=millis.to_bytes(6, "big") + bytes(10))


def report_of(delivery: StoredDelivery, *, is_repeat: bool = False) -> DeliveryReport:
    """How a delivery stands, for its sender."""
    tally: dict[str, int] = orjson.loads(delivery.tally)

    def under(prefix: str) -> dict[str, int]:
        return {
            name.removeprefix(prefix): number
            for name, number in sorted(tally.items())
            if name.startswith(prefix)
        }

    return DeliveryReport(
        delivery_id=delivery.id,
        state=DeliveryState(delivery.state),
        received_at=delivery.received_at,
        finished_at=delivery.finished_at,
        bytes_received=delivery.bytes,
        records=delivery.records,
        accepted=tally.get(Outcome.ACCEPTED.value, 0),
        held=tally.get(Outcome.HELD.value, 0),
        refused=under("geweigerd/"),
        duplicates=tally.get("dubbel", 0),
        missing=under("ontbrekend/"),
        error=delivery.error,
        is_repeat=is_repeat,
    )


async def outcomes_of(
    pool: asyncpg.Pool, vault: Vault, delivery: StoredDelivery, after: int, limit: int
) -> list[dict[str, object]]:
    """The outcomes of the records after `after`, in order and in their wire form."""
    found = await _kept_outcomes(pool, vault, delivery, after, limit)
    for outcome in found:
        outcome.pop(SLIP, None)
        outcome.pop(FIRST, None)
    return found


async def answer_of(
    pool: asyncpg.Pool, vault: Vault, delivery: StoredDelivery, write: AnswerWriter, limit: int
) -> bytes | None:
    """The answer in the partner's own format to a delivery that was worked off.

    None where that format has none, or the delivery has more than `limit` records.
    """
    if delivery.finished_at is None or delivery.records > limit:
        return None
    answered = []
    for outcome in await _kept_outcomes(pool, vault, delivery, 0, limit):
        slip, first = outcome.pop(SLIP, None), outcome.pop(FIRST, None)
        told = RecordOutcome.model_validate(outcome)
        answered.append(
            Answered(
                told,
                slip if isinstance(slip, str) else None,
                Rule(first) if isinstance(first, str) else None,
            )
        )
    return write(answered, delivery.id, delivery.finished_at.astimezone(AMSTERDAM))


async def _kept_outcomes(
    pool: asyncpg.Pool, vault: Vault, delivery: StoredDelivery, after: int, limit: int
) -> list[dict[str, object]]:
    wrapped = WrappedKey(delivery.epoch, delivery.wrapped)
    key = vault.unwrap(delivery.id, CONTENT, wrapped)
    found: list[dict[str, object]] = []
    for first, _, sealed in await store.outcome_blocks(
        pool, delivery.id, after, limit // GROUP + 2
    ):
        block = orjson.loads(key.open(sealed, outcome_place(delivery.id, first)))
        found += [outcome for outcome in block if outcome["record"] > after]
    return found[:limit]
