"""Identifiers that sort by time (RFC 9562, v7), so that index pages fill one after another."""

from __future__ import annotations

import os
import time
from uuid import UUID

from asyncpg.pgproto import pgproto

FastUUID = pgproto.UUID  # a UUID built and printed in C, eight times as fast

_TAIL = 10
_BLOCK = 512
_VERSION = bytes(0x70 | number & 0x0F for number in range(256))
_VARIANT = bytes(0x80 | number & 0x3F for number in range(256))
_tails = b""
_at = 0


def new_id() -> UUID:
    """A fresh version 7 UUID: 48 bits of milliseconds, 74 random bits."""
    global _tails, _at  # noqa: PLW0603  # one block of system randomness a process
    if _at >= len(_tails):
        _tails, _at = _random_tails(), 0
    tail = _tails[_at : _at + _TAIL]
    _at += _TAIL
    return FastUUID((time.time_ns() // 1_000_000).to_bytes(6, "big") + tail)


def _random_tails() -> bytes:
    """The last ten bytes of many ids, with version and variant set in all of them at once."""
    tails = bytearray(os.urandom(_TAIL * _BLOCK))
    tails[0::_TAIL] = tails[0::_TAIL].translate(_VERSION)
    tails[2::_TAIL] = tails[2::_TAIL].translate(_VARIANT)
    return bytes(tails)


def as_id(raw: bytes) -> UUID:
    """A UUID from its 16 bytes."""
    return FastUUID(raw)
