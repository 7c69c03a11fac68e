"""The statements of uploads that may break off and go on (see `gateway.exchange.uploads`).

`fence` is what keeps two writers apart, also in two processes: whoever may write takes the next
number, and a piece is stored only under the newest one. A piece and the offset that counts it are
one statement, so that no crash leaves the one without the other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from gateway.store import deliveries
from gateway.store.deliveries import NewDelivery, StoredDelivery
from gateway.store.groups import Connection

AT_ONCE = 100
_LOCKS = 0x75706C64
"""The class of advisory locks under which a sender's uploads are counted."""


class StoredUpload(NamedTuple):
    """An upload as it stands; `received` bytes of it are durable."""

    id: UUID
    sender: str
    adapter: str
    media_type: str
    length: int | None
    received: int
    fence: int
    epoch: int
    wrapped: bytes
    sealed_digest: bytes | None
    expires_at: datetime


class NewUpload(NamedTuple):
    """An upload that begins."""

    id: UUID
    sender: str
    adapter: str
    media_type: str
    length: int | None
    epoch: int
    wrapped: bytes
    sealed_digest: bytes | None
    expires_at: datetime


class EndedUpload(NamedTuple):
    """What became of a complete upload, and whether the same bytes were a delivery before."""

    delivery: UUID
    size: int
    is_repeat: bool
    expires_at: datetime


class UploadOvertakenError(Exception):
    """A newer request writes to this upload, or it was given up; this one may not go on."""


_COLUMNS = """id, sender, adapter, media_type, length, received, fence, kek_epoch, wrapped,
              sealed_digest, expires_at"""


async def create(
    connection: Connection, new: NewUpload, now: datetime, most: int, most_bytes: int, largest: int
) -> bool:
    """Begin an upload; False where its sender has too many, or they take too many bytes.

    One whose length is not known counts for the largest there may be. Within a transaction.
    """
    await connection.execute("select pg_advisory_xact_lock($1, hashtext($2))", _LOCKS, new.sender)
    row = await connection.fetchrow(
        """select count(*), coalesce(sum(coalesce(length, $3)), 0)::bigint from upload
            where sender = $1 and expires_at > $2""",
        new.sender,
        now,
        largest,
    )
    assert row is not None  # noqa: S101 - an aggregate gives a row
    length = largest if new.length is None else new.length
    if row[0] >= most or row[1] + length > most_bytes:
        return False
    await connection.execute(
        """insert into upload (id, sender, adapter, media_type, length, kek_epoch, wrapped,
                               sealed_digest, expires_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        *new,
    )
    return True


async def take(pool: asyncpg.Pool, sender: str, upload: UUID, now: datetime) -> StoredUpload | None:
    """A sender's own upload under the next fence: who wrote to it before no longer can."""
    row = await pool.fetchrow(
        f"""update upload set fence = fence + 1
             where id = $1 and sender = $2 and expires_at > $3 returning {_COLUMNS}""",
        upload,
        sender,
        now,
    )
    return None if row is None else StoredUpload(*row)


async def note_length(pool: asyncpg.Pool, upload: UUID, fence: int, length: int) -> None:
    """Note how long the file is, now that its sender knows. Raises `UploadOvertakenError`."""
    status = await pool.execute(
        "update upload set length = $3 where id = $1 and fence = $2", upload, fence, length
    )
    if status != "UPDATE 1":
        raise UploadOvertakenError("length")


async def put_piece(
    pool: asyncpg.Pool,
    upload: UUID,
    fence: int,
    number: int,
    sealed: bytes,
    before: int,
    after: int,
) -> None:
    """Store one sealed piece and count its bytes. Raises `UploadOvertakenError`.

    The last piece may be put again with more bytes in it; all others are whole.
    """
    status = await pool.execute(
        """with counted as (
               update upload set received = $6 where id = $1 and fence = $2 and received = $5
               returning id)
           insert into delivery_chunk (delivery, number, sealed) select id, $3, $4 from counted
               on conflict (delivery, number) do update set sealed = excluded.sealed""",
        upload,
        fence,
        number,
        sealed,
        before,
        after,
    )
    if status != "INSERT 0 1":
        raise UploadOvertakenError("piece")


async def piece(pool: asyncpg.Pool, upload: UUID, number: int) -> bytes | None:
    """One sealed piece."""
    found: bytes | None = await pool.fetchval(
        "select sealed from delivery_chunk where delivery = $1 and number = $2", upload, number
    )
    return found


async def pieces(pool: asyncpg.Pool, upload: UUID, fence: int) -> AsyncIterator[bytes]:
    """All of them in order, one in memory at a time; no more once a newer request goes on."""
    number = 0
    while True:
        sealed = await pool.fetchval(
            """select c.sealed from delivery_chunk c join upload u on u.id = c.delivery
                where c.delivery = $1 and c.number = $2 and u.fence = $3""",
            upload,
            number,
            fence,
        )
        if sealed is None:
            return
        yield sealed
        number += 1


async def complete(
    connection: Connection,
    upload: StoredUpload,
    fingerprint: bytes,
    received_at: datetime,
    trace: str | None,
) -> tuple[StoredDelivery, bool]:
    """Make a whole upload a delivery: gives it, and whether its bytes were one before.

    Within a transaction. Raises `UploadOvertakenError`; then nothing was done.
    """
    row = await connection.fetchrow(
        """delete from upload where id = $1 and fence = $2
            returning kek_epoch, wrapped, received, expires_at""",
        upload.id,
        upload.fence,
    )
    if row is None:
        raise UploadOvertakenError("completion")
    # The wrapped key as it is in this transaction: it may have moved to another epoch meanwhile.
    epoch, wrapped, received, expires_at = row
    whole = NewDelivery(
        *(upload.id, upload.sender, upload.adapter, upload.media_type, fingerprint),
        *(epoch, wrapped, received, received_at, trace),
    )
    stored = await deliveries.register(connection, whole)
    is_repeat = stored is None
    if stored is None:
        await deliveries.drop_chunks(connection, upload.id)
        stored = await deliveries.by_fingerprint(connection, upload.sender, fingerprint)
        if stored is None:
            raise UploadOvertakenError("fingerprint")
    await connection.execute(
        "insert into upload_ended values ($1, $2, $3, $4, $5, $6)",
        upload.id,
        upload.sender,
        stored.id,
        received,
        is_repeat,
        expires_at,
    )
    return stored, is_repeat


async def ended(pool: asyncpg.Pool, sender: str, upload: UUID, now: datetime) -> EndedUpload | None:
    """What became of a sender's own upload."""
    row = await pool.fetchrow(
        """select delivery, size, is_repeat, expires_at from upload_ended
            where id = $1 and sender = $2 and expires_at > $3""",
        upload,
        sender,
        now,
    )
    return None if row is None else EndedUpload(*row)


async def drop(connection: Connection, sender: str, upload: UUID) -> bool:
    """Give an upload up, with what was received of it; False where there is none. In a
    transaction: whoever writes to it finds it gone.
    """
    status = await connection.execute(
        "delete from upload where id = $1 and sender = $2", upload, sender
    )
    if status != "DELETE 1":
        return False
    await deliveries.drop_chunks(connection, upload)
    return True


async def sweep(connection: Connection, now: datetime) -> int:
    """Give up some of the uploads whose time is over, and forget what ended; how many uploads."""
    rows = await connection.fetch(
        """delete from upload where id in (
               select id from upload where expires_at <= $1 limit $2 for update skip locked)
           returning id""",
        now,
        AT_ONCE,
    )
    await connection.execute(
        "delete from delivery_chunk where delivery = any($1)", [row[0] for row in rows]
    )
    await connection.execute("delete from upload_ended where expires_at <= $1", now)
    return len(rows)
