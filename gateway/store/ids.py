"""Identifiers that sort by time (RFC 9562, v7), so that index pages fill one after another."""

from __future__ import annotations

import os
import time
from uuid import UUID

from asyncpg.pgproto import pgproto

FastUUID = pgproto.UUID  # a UUID built and printed in C, eight times as fast

_BLOCK = 10 * 512
_block = b""
_at = 0


def new_id() -> UUID:
    """A fresh version 7 UUID: 48 bits of milliseconds, 74 random bits."""
    global _block, _at  # noqa: PLW0603  # one block of system randomness a process
    if _at >= len(_block):
        _block, _at = os.urandom(_BLOCK), 0
    random = _block[_at : _at + 10]
    _at += 10
    millis = time.time_ns() // 1_000_000
    return FastUUID(
        millis.to_bytes(6, "big")
        + bytes((0x70 | random[0] & 0x0F, random[1], 0x80 | random[2] & 0x3F))
        + random[3:]
    )


def as_id(raw: bytes) -> UUID:
    """A UUID from its 16 bytes."""
    return FastUUID(raw)
