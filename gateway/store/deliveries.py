"""The statements of deliveries: sealed pieces of the file, progress, and outcomes.

A delivery exists once its whole file is here; pieces without a delivery are what an interrupted
upload left, and are swept. Progress is raised in the transaction that commits the records it
counts, so that after a crash processing goes on with the first record not yet committed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from gateway.store.groups import Connection
from schemas.deliveries import DeliveryState


class StoredDelivery(NamedTuple):
    """A delivery as it stands."""

    id: UUID
    sender: str
    adapter: str
    media_type: str
    state: str
    epoch: int
    wrapped: bytes
    bytes: int
    received_at: datetime
    finished_at: datetime | None
    records: int
    tally: str
    error: str | None
    trace: str | None
    """The trace of the request that brought it, for what is recorded of it."""


class NewDelivery(NamedTuple):
    """A whole file on its way to becoming a delivery."""

    id: UUID
    sender: str
    adapter: str
    media_type: str
    fingerprint: bytes
    epoch: int
    wrapped: bytes
    bytes: int
    received_at: datetime
    trace: str | None = None


_COLUMNS = """id, sender, adapter, media_type, state, kek_epoch, wrapped, bytes, received_at,
              finished_at, records, tally::text, error, trace"""


class TakenOverError(Exception):
    """Another process went on with this delivery; what this one worked out is dropped."""


async def add_chunk(
    connection: Connection | asyncpg.Pool, delivery: UUID, number: int, sealed: bytes
) -> None:
    """Store one sealed piece of a file that is still arriving."""
    await connection.execute(
        "insert into delivery_chunk (delivery, number, sealed) values ($1, $2, $3)",
        delivery,
        number,
        sealed,
    )


async def drop_chunks(connection: Connection | asyncpg.Pool, delivery: UUID) -> None:
    """Remove a file's pieces: it was processed, refused, or never came whole."""
    await connection.execute("delete from delivery_chunk where delivery = $1", delivery)


async def sweep_orphans(connection: Connection | asyncpg.Pool, older_than: UUID) -> int:
    """Remove the pieces of what never became a delivery nor may go on; ids sort by time."""
    status = await connection.execute(
        """delete from delivery_chunk c where c.delivery < $1
            and not exists (select from delivery d where d.id = c.delivery)
            and not exists (select from upload u where u.id = c.delivery)""",
        older_than,
    )
    return int(status.rpartition(" ")[2])


async def register(
    connection: Connection | asyncpg.Pool, new: NewDelivery
) -> StoredDelivery | None:
    """Make a whole file a delivery; None where the same bytes are one already."""
    row = await connection.fetchrow(
        f"""insert into delivery (id, sender, adapter, media_type, fingerprint, kek_epoch, wrapped,
                                  bytes, received_at, trace, state)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            on conflict (sender, fingerprint) do nothing returning {_COLUMNS}""",
        *new,
        DeliveryState.PROCESSING.value,
    )
    return None if row is None else StoredDelivery(*row)


async def by_fingerprint(
    connection: Connection | asyncpg.Pool, sender: str, fingerprint: bytes
) -> StoredDelivery | None:
    """The delivery that the same bytes made before."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from delivery where sender = $1 and fingerprint = $2",
        sender,
        fingerprint,
    )
    return None if row is None else StoredDelivery(*row)


async def by_id(
    connection: Connection | asyncpg.Pool, sender: str, delivery: UUID
) -> StoredDelivery | None:
    """A sender's own delivery; another's is as if it did not exist."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from delivery where id = $1 and sender = $2", delivery, sender
    )
    return None if row is None else StoredDelivery(*row)


async def unfinished(connection: Connection | asyncpg.Pool) -> list[StoredDelivery]:
    """The deliveries still to be processed, oldest first."""
    rows = await connection.fetch(
        f"select {_COLUMNS} from delivery where state = $1 order by id",
        DeliveryState.PROCESSING.value,
    )
    return [StoredDelivery(*row) for row in rows]


async def chunks(pool: asyncpg.Pool, delivery: UUID) -> AsyncIterator[bytes]:
    """A file's sealed pieces in order, one in memory at a time."""
    number = 0
    while True:
        sealed = await pool.fetchval(
            "select sealed from delivery_chunk where delivery = $1 and number = $2",
            delivery,
            number,
        )
        if sealed is None:
            return
        yield sealed
        number += 1


async def advance(
    connection: Connection | asyncpg.Pool,
    delivery: UUID,
    before: int,
    after: int,
    tally: str,
    sealed_outcomes: bytes,
) -> None:
    """Raise progress and keep outcomes. Raises `TakenOverError` if another process did first."""
    status = await connection.execute(
        """update delivery set records = $3, tally = $4::text::jsonb
            where id = $1 and records = $2 and state = $5""",
        delivery,
        before,
        after,
        tally,
        DeliveryState.PROCESSING.value,
    )
    if status != "UPDATE 1":
        raise TakenOverError("delivery")
    await connection.execute(
        """insert into delivery_outcome (delivery, first_record, last_record, sealed)
           values ($1, $2, $3, $4)""",
        delivery,
        before + 1,
        after,
        sealed_outcomes,
    )


async def finish(
    connection: Connection | asyncpg.Pool, delivery: UUID, state: DeliveryState, error: str | None
) -> None:
    """End a delivery and remove its file."""
    await connection.execute(
        """update delivery set state = $2, error = $3, finished_at = now()
            where id = $1 and state = $4""",
        delivery,
        state.value,
        error,
        DeliveryState.PROCESSING.value,
    )
    await drop_chunks(connection, delivery)


async def outcome_blocks(
    connection: Connection | asyncpg.Pool, delivery: UUID, after: int, limit: int
) -> list[tuple[int, int, bytes]]:
    """Sealed outcomes that cover the records after `after`: first, last, sealed."""
    rows = await connection.fetch(
        """select first_record, last_record, sealed from delivery_outcome
            where delivery = $1 and last_record > $2 order by first_record limit $3""",
        delivery,
        after,
        limit,
    )
    return [(row[0], row[1], row[2]) for row in rows]
