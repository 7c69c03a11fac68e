"""Sealed boxes: AES-256-GCM under a data key a person, itself wrapped under an epoch's key.

A box is nonce (12 bytes) and ciphertext; its associated data bind it to exchange, member and
category, so that a box moved elsewhere does not open. Nonces are random: at 2**32 boxes a key the
chance of a repeat is the one NIST SP 800-38D allows, and a person's key seals far fewer.

A data key has two halves that nobody can make from one another: one seals, the other keys the
person's commitments in the log. So the first can be renewed, when what it sealed must open nowhere
any more, also not in a backup, while every entry of the past can still be opened (ADR 0018).
"""

from __future__ import annotations

import os
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.vault.keys import KEY_BYTES, KeyDestroyedError, KeyProvider

NONCE_BYTES = 12
CONTENT = 1
"""The retention class of a person's exchanged content."""
PROOF = 2
"""The class of what outlives an erasure as proof, restricted and until its date."""

_CLASSES = {CONTENT: b"\x01", PROOF: b"\x02"}


class SealBrokenError(Exception):
    """A box does not open: wrong key, wrong place, changed bytes, or a key that was destroyed."""


class WrappedKey(NamedTuple):
    """A data key as it is stored."""

    epoch: int
    wrapped: bytes


class DataKey:
    """A data key in use: `material` seals and opens boxes, `commitments` keys commitments.

    A key that was made before there were halves is one and the same for both.
    """

    __slots__ = ("_cipher", "commitments", "material")

    def __init__(self, material: bytes, commitments: bytes | None = None) -> None:
        self.material = material
        self.commitments = material if commitments is None else commitments
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
    """Makes, wraps, unwraps and re-wraps data keys."""

    def __init__(self, keys: KeyProvider) -> None:
        self._keys = keys
        self._ciphers: dict[int, AESGCM] = {}

    def new_key(self, owner: UUID, retention: int, epoch: int) -> tuple[DataKey, WrappedKey]:
        """A fresh key for one person and retention class, and its wrapped form."""
        random = os.urandom(2 * KEY_BYTES)
        key = DataKey(random[:KEY_BYTES], random[KEY_BYTES:])
        return key, self._wrap(key, owner, retention, epoch)

    def renewed(
        self, key: DataKey, owner: UUID, retention: int, epoch: int
    ) -> tuple[DataKey, WrappedKey]:
        """A fresh key that seals in the place of this one; what it committed to still opens."""
        fresh = DataKey(os.urandom(KEY_BYTES), key.commitments)
        return fresh, self._wrap(fresh, owner, retention, epoch)

    def rewrap(self, owner: UUID, retention: int, key: WrappedKey, epoch: int) -> WrappedKey:
        """The same data key, wrapped for another epoch. Raises `SealBrokenError`."""
        return self._wrap(self.unwrap(owner, retention, key), owner, retention, epoch)

    def unwrap(self, owner: UUID, retention: int, key: WrappedKey) -> DataKey:
        """The data key behind its wrapped form.

        Raises `SealBrokenError`, also where the epoch's key was destroyed, and
        `KeyUnavailableError` where it should be there and is not.
        """
        wrapped = key.wrapped
        try:
            halves = self._cipher(key.epoch).decrypt(
                wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _place(owner, retention)
            )
        except (InvalidTag, KeyDestroyedError) as error:
            raise SealBrokenError("a data key does not unwrap") from error
        return DataKey(halves[:KEY_BYTES], halves[KEY_BYTES:] or None)

    def forget(self, epoch: int) -> None:
        """Let go of an epoch's key that is destroyed: it must not live on in memory."""
        self._ciphers.pop(epoch, None)

    @property
    def remembered(self) -> frozenset[int]:
        """The epochs whose key is in memory."""
        return frozenset(self._ciphers)

    def _wrap(self, key: DataKey, owner: UUID, retention: int, epoch: int) -> WrappedKey:
        halves = key.material
        if key.commitments is not key.material:
            halves += key.commitments
        nonce, place = os.urandom(NONCE_BYTES), _place(owner, retention)
        cipher = self._cipher(epoch, makes=True)
        return WrappedKey(epoch, nonce + cipher.encrypt(nonce, halves, place))

    def _cipher(self, epoch: int, *, makes: bool = False) -> AESGCM:
        cipher = self._ciphers.get(epoch)
        if cipher is None:
            key = self._keys.key_encryption_key(epoch, makes=makes)
            cipher = self._ciphers[epoch] = AESGCM(key)
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
