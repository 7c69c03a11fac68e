"""Sealed boxes: AES-256-GCM under a data key a person, itself wrapped under an epoch's key.

A box is nonce (12 bytes) and ciphertext; its associated data bind it to exchange, member and
category, so that a box moved elsewhere does not open. Nonces are random: at 2**32 boxes a key the
chance of a repeat is the one NIST SP 800-38D allows, and a person's key seals far fewer.
"""

from __future__ import annotations

import os
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.vault.keys import KEY_BYTES, KeyProvider

NONCE_BYTES = 12
CONTENT = 1
"""The retention class of a person's exchanged content. Later classes outlive an erasure."""


_CLASSES = {CONTENT: b"\x01"}


class SealBrokenError(Exception):
    """A box does not open: wrong key, wrong place, or changed bytes."""


class WrappedKey(NamedTuple):
    """A data key as it is stored."""

    epoch: int
    wrapped: bytes


class DataKey:
    """A data key in use: seals and opens boxes, and keys commitments."""

    __slots__ = ("_cipher", "material")

    def __init__(self, material: bytes) -> None:
        self.material = material
        self._cipher = AESGCM(material)

    def seal(self, content: bytes, bound_to: bytes, nonce: bytes) -> bytes:
        """Seal `content`; `nonce` is 12 fresh random bytes."""
        return nonce + self._cipher.encrypt(nonce, content, bound_to)

    def open(self, box: bytes, bound_to: bytes) -> bytes:
        """Open a box. Raises `SealBrokenError`."""
        try:
            return self._cipher.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], bound_to)
        except InvalidTag as error:
            raise SealBrokenError("a sealed part does not open") from error


class Vault:
    """Makes, wraps and unwraps data keys."""

    def __init__(self, keys: KeyProvider) -> None:
        self._keys = keys
        self._ciphers: dict[int, AESGCM] = {}

    def new_key(self, owner: UUID, retention: int, epoch: int) -> tuple[DataKey, WrappedKey]:
        """A fresh key for one person and retention class, and its wrapped form."""
        random = os.urandom(KEY_BYTES + NONCE_BYTES)
        material, nonce = random[:KEY_BYTES], random[KEY_BYTES:]
        place = _place(owner, retention)
        wrapped = nonce + self._cipher(epoch).encrypt(nonce, material, place)
        return DataKey(material), WrappedKey(epoch, wrapped)

    def unwrap(self, owner: UUID, retention: int, key: WrappedKey) -> DataKey:
        """The data key behind its wrapped form. Raises `SealBrokenError`."""
        wrapped = key.wrapped
        try:
            material = self._cipher(key.epoch).decrypt(
                wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _place(owner, retention)
            )
        except InvalidTag as error:
            raise SealBrokenError("a data key does not unwrap") from error
        return DataKey(material)

    def _cipher(self, epoch: int) -> AESGCM:
        cipher = self._ciphers.get(epoch)
        if cipher is None:
            cipher = self._ciphers[epoch] = AESGCM(self._keys.key_encryption_key(epoch))
        return cipher


class Nonces:
    """Fresh random nonces, drawn from the system in blocks."""

    __slots__ = ("_block", "_next")

    _BLOCK = 512

    def __init__(self) -> None:
        self._block = b""
        self._next = 0

    def take(self) -> bytes:
        """Twelve random bytes, never handed out before."""
        at = self._next
        if at >= len(self._block):
            self._block, at = os.urandom(NONCE_BYTES * self._BLOCK), 0
        self._next = at + NONCE_BYTES
        return self._block[at : at + NONCE_BYTES]


def _place(owner: UUID, retention: int) -> bytes:
    return owner.bytes + _CLASSES[retention]
