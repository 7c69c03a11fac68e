"""The promise in a receipt: one signature a commit group, an inclusion path a message.

Signing costs 25 microseconds and hashing one, so a group signs the root of its own small tree
(RFC 6962 hashing over the leaf hashes of its entries, in order) once. Whoever holds a receipt can
show that the gateway promised to log exactly this entry; a checkpoint that does not come to hold
it is then proof against the gateway.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.audit.merkle import ProofError, batch, verify_inclusion

HASH_BYTES = 32


class GroupPromise(NamedTuple):
    """A group's root and signature, and each leaf's path, in order."""

    root: bytes
    size: int
    signature: bytes
    paths: Sequence[Sequence[bytes]]


def promised_text(origin: str, size: int, root: bytes) -> bytes:
    """The bytes that are signed for one group."""
    encoded = base64.b64encode(root).decode("ascii")
    return f"sluis-promise/v1\n{origin}\n{size}\n{encoded}\n".encode()


def promise(origin: str, leaf_hashes: Sequence[bytes], key: Ed25519PrivateKey) -> GroupPromise:
    """Promise to log these leaves: 1 to 256 hashes of 32 bytes."""
    tree = batch(leaf_hashes)
    signature = key.sign(promised_text(origin, len(leaf_hashes), tree.root))
    return GroupPromise(tree.root, len(leaf_hashes), signature, tree.paths)


def repeat_promise(leaf_hashes: bytes, signature: bytes) -> GroupPromise:
    """The promise of an earlier group, from what was stored of it."""
    hashes = [leaf_hashes[at : at + HASH_BYTES] for at in range(0, len(leaf_hashes), HASH_BYTES)]
    tree = batch(hashes)
    return GroupPromise(tree.root, len(hashes), signature, tree.paths)


def verify_promise(
    origin: str,
    leaf_hash: bytes,
    index: int,
    size: int,
    path: Sequence[bytes],
    root: bytes,
    signature: bytes,
    key: Ed25519PublicKey,
) -> bool:
    """Whether this leaf was promised under this key."""
    try:
        verify_inclusion(index=index, size=size, leaf=leaf_hash, proof=path, root=root)
        key.verify(signature, promised_text(origin, size, root))
    except (ProofError, InvalidSignature):
        return False
    return True
