"""The pieces of an upload: written as bytes come, and read back as one file.

All are whole but the last, so that the offset alone says which piece is next and how much of it is
there. A piece that was put is durable, with the offset that counts it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import asyncpg

from gateway.exchange.arrivals import Prints
from gateway.exchange.deliveries import CHUNK_BYTES, DeliveryTooLargeError
from gateway.exchange.workoff import piece_place
from gateway.store import uploads as store
from gateway.store.uploads import StoredUpload, UploadOvertakenError
from gateway.vault.boxes import DataKey, Nonces


class InconsistentLengthError(Exception):
    """What the sender says of the file's length does not agree with itself, or with the file."""


class LengthExceededError(InconsistentLengthError):
    """More bytes came than the file has, by its sender's own words; the upload is given up."""


@dataclass(slots=True)
class PieceWriter:
    """Writes one request's bytes to an upload, after what it had; `received` are durable."""

    pool: asyncpg.Pool
    upload: StoredUpload
    key: DataKey
    most: int
    received: int
    is_writing: bool = False
    buffer: bytearray = field(default_factory=bytearray)
    nonces: Nonces = field(default_factory=Nonces)

    async def open_tail(self) -> None:
        """Read the last piece back where it is not whole: the next bytes go into the same one."""
        number, there = divmod(self.received, CHUNK_BYTES)
        if there:
            sealed = await store.piece(self.pool, self.upload.id, number)
            if sealed is None:
                raise UploadOvertakenError("tail")
            self.buffer += self.key.open(sealed, piece_place(self.upload.id, number))

    async def take(self, piece: bytes) -> None:
        """Take bytes in, and store what is whole."""
        self.buffer += piece
        size = self.received // CHUNK_BYTES * CHUNK_BYTES + len(self.buffer)
        if size > self.most:
            raise DeliveryTooLargeError("upload")
        if self.upload.length is not None and size > self.upload.length:
            raise LengthExceededError("length")
        while len(self.buffer) >= CHUNK_BYTES:
            await self._put(CHUNK_BYTES)

    async def settle(self) -> None:
        """Store what is left, as far as it is not stored already."""
        if len(self.buffer) > self.received % CHUNK_BYTES:
            await self._put(len(self.buffer))

    async def _put(self, size: int) -> None:
        number = self.received // CHUNK_BYTES
        after = number * CHUNK_BYTES + size
        place = piece_place(self.upload.id, number)
        sealed = self.key.seal(bytes(self.buffer[:size]), place, self.nonces.take())
        self.is_writing = True
        await store.put_piece(
            self.pool, self.upload.id, self.upload.fence, number, sealed, self.received, after
        )
        self.received, self.is_writing = after, False
        if size == CHUNK_BYTES:
            del self.buffer[:size]


async def read_back(
    pool: asyncpg.Pool, upload: StoredUpload, key: DataKey, received: int, prints: Prints
) -> tuple[bytes, bytes]:
    """The whole file's keyed print and its SHA-256, from the pieces as they are stored."""
    printed, digest = prints.running(upload.sender), hashlib.sha256()
    number = size = 0
    async for sealed in store.pieces(pool, upload.id, upload.fence):
        piece = key.open(sealed, piece_place(upload.id, number))
        printed.update(piece)
        digest.update(piece)
        number += 1
        size += len(piece)
    if size != received:
        raise UploadOvertakenError("pieces")  # somebody newer goes on with it, or gave it up
    return printed.digest(), digest.digest()
