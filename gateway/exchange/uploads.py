"""Uploads that may break off and go on where they stopped (draft-ietf-httpbis-resumable-upload).

What is acknowledged is durable: each whole piece is sealed and stored with the offset that counts
it, and what a broken request left of a piece is stored as it is and completed by the next one.
Whoever asks how an upload stands, or appends to it, takes it over: a request that hangs on a dead
line can write no more (the draft's "Concurrency"; `gateway.store.uploads` says how). The pieces
become a delivery under the same id and key, in one transaction, once the last byte is there and
the digest holds; until then nothing of it is read. See ADR 0031.

Bounded: how many and how many bytes a sender may have open, and how long (a fixed term, so that
nobody keeps one alive by drops). Memory: one piece. An upload in several requests is read back
once at its end for its digest and print: the state of a running hash cannot be stored.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from gateway.audit.entries import Trace
from gateway.exchange.arrivals import Sender
from gateway.exchange.deliveries import (
    DeliveryTooLargeError,
    DigestMismatchError,
    Received,
)
from gateway.exchange.repeating import Repeated
from gateway.exchange.upload_pieces import (
    InconsistentLengthError,
    LengthExceededError,
    PieceWriter,
    read_back,
)
from gateway.exchange.workoff import DeliveryTools, trace_as_text
from gateway.store import deliveries as delivered
from gateway.store import uploads as store
from gateway.store.away import DATABASE_AWAY
from gateway.store.ids import new_id
from gateway.store.uploads import StoredUpload, UploadOvertakenError
from gateway.telemetry import Telemetry
from gateway.vault.boxes import CONTENT, DataKey, Nonces, SealBrokenError, WrappedKey
from gateway.vault.keys import epoch_of

SWEEP_SECONDS = 60.0
_CANNOT_WRITE: tuple[type[Exception], ...] = (UploadOvertakenError, *DATABASE_AWAY)


class UnknownUploadError(Exception):
    """There is no such upload of this sender, or its time is over."""


class TooManyUploadsError(Exception):
    """This sender has as many uploads, or bytes in them, as it may have."""


class OffsetMismatchError(Exception):
    """The upload does not stand where the sender thinks; `offset` is where it does."""

    def __init__(self, offset: int, *, is_complete: bool = False) -> None:
        super().__init__(offset)
        self.offset = offset
        self.is_complete = is_complete


class UploadBounds(NamedTuple):
    """How many uploads one sender may have open, their bytes together, and how long each lasts."""

    most: int
    most_bytes: int
    lifetime: timedelta


class Standing(NamedTuple):
    """How an upload stands: `offset` bytes are durable, and it can be used for `seconds_left`."""

    upload: UUID
    offset: int
    length: int | None
    is_complete: bool
    seconds_left: int


@dataclass(frozen=True, slots=True)
class Part:
    """What a request says of the bytes that it brings."""

    pieces: AsyncIterator[bytes]
    is_last: bool
    length: int | None = None
    """The whole file's, as far as the request tells."""
    content_digest: bytes | None = None
    file_digest: bytes | None = None


class Uploads:
    """Begins uploads, goes on with them, and makes deliveries of them."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        tools: DeliveryTools,
        bounds: UploadBounds,
        arrived: Callable[[], None],
    ) -> None:
        """`arrived` is called once a new delivery is there to be worked off."""
        self._pool = pool
        self._tools = tools
        self._bounds = bounds
        self._arrived = arrived

    @property
    def largest(self) -> int:
        """Bytes that one upload may have."""
        return self._tools.max_bytes

    async def begin(self, sender: Sender, media_type: str, part: Part) -> Standing:
        """Begin an upload with the bytes that came, which may be none.

        Raises `TooManyUploadsError`, and what `append` raises. If the bytes break off nothing
        remains: its sender does not know the upload's address yet.
        """
        if part.length is not None and part.length > self.largest:
            raise DeliveryTooLargeError("upload")
        tools, id_, now = self._tools, new_id(), self._tools.clock()
        key, wrapped = tools.vault.new_key(id_, CONTENT, epoch_of(now))
        digest = part.file_digest
        sealed = None if digest is None else key.seal(digest, _digest_place(id_), Nonces().take())
        expires = now + self._bounds.lifetime
        new = store.NewUpload(id_, *sender, media_type, part.length, *wrapped, sealed, expires)
        most, most_bytes, _ = self._bounds
        async with self._pool.acquire() as connection, connection.transaction():
            if not await store.create(connection, new, now, most, most_bytes, self.largest):
                raise TooManyUploadsError("open uploads")
        try:
            upload = await self._taken(sender.id, id_)
            received = await self._write(upload, key, part)
        except BaseException:
            await asyncio.shield(self.cancel(sender.id, id_))
            raise
        return self._standing(upload, received)

    async def stand(self, sender: str, upload: UUID) -> Standing:
        """How an upload stands; it is taken over, so that the answer stays true.

        Raises `UnknownUploadError`.
        """
        now = self._tools.clock()
        found = await store.take(self._pool, sender, upload, now)
        if found is not None:
            return self._standing(found, found.received)
        ended = await store.ended(self._pool, sender, upload, now)
        if ended is None:
            raise UnknownUploadError("upload")
        left = _seconds_left(ended.expires_at, now)
        return Standing(upload, ended.size, ended.size, is_complete=True, seconds_left=left)

    async def append(
        self, sender: Sender, upload: UUID, offset: int, part: Part, trace: Trace
    ) -> Standing | Received:
        """Append bytes; the last of them make it a delivery. What broke off before stays.

        Raises `UnknownUploadError`, `OffsetMismatchError`, `InconsistentLengthError`,
        `UploadOvertakenError`, `DeliveryTooLargeError`, `DigestMismatchError`, or what the pieces
        raise when they stop early.
        """
        found = await store.take(self._pool, sender.id, upload, self._tools.clock())
        if found is None:
            return await self._again(sender.id, upload, offset, part)
        if offset != found.received:
            raise OffsetMismatchError(found.received)
        if part.length is not None:
            found = await self._of_length(found, part.length)
        try:
            key = self._key(found)
            received = await self._write(found, key, part)
            if not part.is_last:
                return self._standing(found, received)
            if found.length is not None and received != found.length:
                raise InconsistentLengthError("length")
            return await self._complete(found, key, received, part.file_digest, trace)
        except (DeliveryTooLargeError, DigestMismatchError, LengthExceededError):
            # It can never become what it should be.
            await self.cancel(sender.id, upload)
            raise
        except SealBrokenError:
            # A piece is damaged: what was acknowledged is not there any more, so nothing of it is.
            await self.cancel(sender.id, upload)
            raise UnknownUploadError("piece") from None

    async def cancel(self, sender: str, upload: UUID) -> bool:
        """Give an upload up; False where there is none that is not complete."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await store.drop(connection, sender, upload)

    async def _taken(self, sender: str, upload: UUID) -> StoredUpload:
        found = await store.take(self._pool, sender, upload, self._tools.clock())
        if found is None:
            raise UploadOvertakenError("upload")
        return found

    async def _of_length(self, upload: StoredUpload, length: int) -> StoredUpload:
        if length > self.largest:
            await self.cancel(upload.sender, upload.id)
            raise DeliveryTooLargeError("upload")
        if length < upload.received or upload.length not in (None, length):
            raise InconsistentLengthError("length")
        if upload.length is None:
            await store.note_length(self._pool, upload.id, upload.fence, length)
        return upload._replace(length=length)

    def _key(self, upload: StoredUpload) -> DataKey:
        wrapped = WrappedKey(upload.epoch, upload.wrapped)
        try:
            return self._tools.vault.unwrap(upload.id, CONTENT, wrapped)
        except SealBrokenError:
            # Its epoch's key is gone: what was received cannot be read, and will not be.
            raise UnknownUploadError("key") from None

    async def _write(self, upload: StoredUpload, key: DataKey, part: Part) -> int:
        """Store what comes; how many bytes of the file are durable then."""
        writer = PieceWriter(self._pool, upload, key, self.largest, upload.received)
        digest = None if part.content_digest is None else hashlib.sha256()
        await writer.open_tail()
        try:
            async for piece in part.pieces:
                if digest is not None:
                    digest.update(piece)
                await writer.take(piece)
        except (DeliveryTooLargeError, LengthExceededError):
            raise
        except BaseException:
            # The line broke, the time was over, or we are stopped: what came counts. Not where
            # the storing itself failed: then what is durable is all there is.
            if not writer.is_writing:
                with suppress(*_CANNOT_WRITE):
                    await asyncio.shield(writer.settle())
            raise
        await writer.settle()
        if digest is not None and digest.digest() != part.content_digest:
            raise DigestMismatchError("other content")
        return writer.received

    async def _complete(
        self,
        upload: StoredUpload,
        key: DataKey,
        received: int,
        stated: bytes | None,
        trace: Trace,
    ) -> Received:
        printed, digest = await read_back(self._pool, upload, key, received, self._tools.prints)
        expected = [] if stated is None else [stated]
        if upload.sealed_digest is not None:
            expected.append(key.open(upload.sealed_digest, _digest_place(upload.id)))
        if any(one != digest for one in expected):
            raise DigestMismatchError("another file")
        now, traced = self._tools.clock(), trace_as_text(trace)
        async with self._pool.acquire() as connection, connection.transaction():
            stored, is_repeat = await store.complete(connection, upload, printed, now, traced)
        if not is_repeat:
            self._arrived()
        return Received(stored, is_repeat)

    async def _again(self, sender: str, upload: UUID, offset: int, part: Part) -> Received:
        """The answer to a completion that was answered before, to somebody who did not hear it."""
        now = self._tools.clock()
        ended = await store.ended(self._pool, sender, upload, now)
        if ended is None:
            raise UnknownUploadError("upload")
        if not part.is_last or offset != ended.size:
            raise OffsetMismatchError(ended.size, is_complete=True)
        stored = await delivered.by_id(self._pool, sender, ended.delivery)
        if stored is None:
            raise UnknownUploadError("delivery")
        return Received(stored, ended.is_repeat)

    def _standing(self, upload: StoredUpload, received: int) -> Standing:
        left = _seconds_left(upload.expires_at, self._tools.clock())
        return Standing(upload.id, received, upload.length, is_complete=False, seconds_left=left)


class UploadSweep(Repeated):
    """Gives up uploads whose time is over."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        clock: Callable[[], datetime],
        telemetry: Telemetry,
        *,
        every: float = SWEEP_SECONDS,
    ) -> None:
        super().__init__("uploads-wait", telemetry, every)
        self._pool = pool
        self._clock = clock
        self._telemetry = telemetry

    async def turn(self) -> bool:
        """A pass; another follows at once where it was full."""
        async with self._pool.acquire() as connection, connection.transaction():
            dropped = await store.sweep(connection, self._clock())
        if dropped:
            self._telemetry.log("uploads-lapsed", count=dropped)
        return dropped == store.AT_ONCE


def _digest_place(upload: UUID) -> bytes:
    return b"%b/digest" % upload.bytes


def _seconds_left(expires_at: datetime, now: datetime) -> int:
    return max(0, int((expires_at - now).total_seconds()))
