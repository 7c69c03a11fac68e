"""Checking what the gateway says of its log: signed checkpoints, and proofs between them.

Rules: C2SP signed-note and tlog-checkpoint (Ed25519), and the verification of RFC 9162 section
2.1.3.2 and 2.1.4.2, written from those texts. It is what a partner runs against a gateway, so it
shares no code with it; a test holds it against the gateway's own. Errors name the rule, never
what came in.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EMPTY_ROOT = sha256(b"").digest()
_ED25519 = b"\x01"
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_MAX_NOTE = 64 * 1024


class EvidenceError(ValueError):
    """A checkpoint, key or proof does not hold; the message names the rule."""


@dataclass(frozen=True, slots=True)
class LogKey:
    """The key of a log, by the name that it signs under: its origin (a C2SP vkey)."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def encode(self) -> str:
        """The vkey's text."""
        return f"{self.name}+{self.key_id.hex()}+{_b64(_ED25519 + self.public)}"

    def named(self, origin: str) -> LogKey:
        """The same key under another origin: a series signs all of its volumes with one."""
        return LogKey(origin, self.public)


@dataclass(frozen=True, slots=True)
class Stated:
    """What a checkpoint says, and the note that says it; not verified yet."""

    origin: str
    size: int
    root: bytes
    note: bytes


def read_key(vkey: str) -> LogKey:
    """A verifier key; raise `EvidenceError` if it is malformed or no Ed25519 key."""
    name, _, rest = vkey.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    data = from_base64(encoded)
    if len(data) != 33 or data[:1] != _ED25519 or not name:
        raise EvidenceError("a log's key is an Ed25519 verifier key")
    key = LogKey(name, data[1:])
    if key.key_id.hex() != key_id:
        raise EvidenceError("the key's id is not that of its name and key")
    return key


def read_checkpoint(note: bytes) -> Stated:
    """What a note says; its signatures are for `verify_signed`."""
    try:
        text = note.decode()
    except UnicodeDecodeError:
        raise EvidenceError("a checkpoint is UTF-8") from None
    body, separator, signatures = text.rpartition("\n\n")
    lines = body.split("\n")
    if len(note) > _MAX_NOTE or not separator or not signatures.endswith("\n") or len(lines) < 3:
        raise EvidenceError("a checkpoint has an origin, a size, a root and signatures")
    if not lines[0] or not _SIZE.fullmatch(lines[1]):
        raise EvidenceError("a checkpoint's size is a plain decimal number")
    root = from_base64(lines[2])
    size = int(lines[1])
    if len(root) != 32 or (size == 0) != (root == EMPTY_ROOT):
        raise EvidenceError("a checkpoint's root is a hash, and an empty log's the empty one")
    return Stated(lines[0], size, root, note)


def verify_signed(stated: Stated, key: LogKey) -> None:
    """Raise `EvidenceError` unless the log's own key signed it, under the checkpoint's origin."""
    if key.name != stated.origin:
        raise EvidenceError("the checkpoint is of another log than the key")
    body, _, signatures = stated.note.decode().rpartition("\n\n")
    for line in signatures.split("\n")[:-1]:
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.rpartition(" ")
        if dash != "\u2014" or name != key.name:
            continue
        blob = from_base64(encoded)
        if blob[:4] == key.key_id:
            _verify(key.public, blob[4:], f"{body}\n".encode())
            return
    raise EvidenceError("the log's own key did not sign the checkpoint")


def verify_consistency(old: Stated, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raise `EvidenceError` unless the newer tree begins with the older (RFC 9162, 2.1.4.2)."""
    if not 0 <= old.size <= new_size or any(len(step) != 32 for step in proof):
        raise EvidenceError("the consistency proof has a step or size that cannot be")
    if old.size in (0, new_size):
        if proof or (old.size and old.root != new_root):
            raise EvidenceError("two checkpoints of one size differ")
        return
    path = list(proof)
    if old.size & (old.size - 1) == 0:
        path.insert(0, old.root)
    if not path:
        raise EvidenceError("the consistency proof is too short")
    first, last = old.size - 1, new_size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    older = newer = path[0]
    for step in path[1:]:
        if last == 0:
            raise EvidenceError("the consistency proof is too long")
        if first & 1 or first == last:
            older, newer = _node(step, older), _node(step, newer)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            newer = _node(newer, step)
        first, last = first >> 1, last >> 1
    if last or older != old.root or newer != new_root:
        raise EvidenceError("the log does not hold what it stated before")


def verify_inclusion(
    leaf_hash: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Raise `EvidenceError` unless the leaf stands at `index` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or any(len(step) != 32 for step in path):
        raise EvidenceError("the inclusion proof has a step or place that cannot be")
    at, last, found = index, size - 1, leaf_hash
    for step in path:
        if last == 0:
            raise EvidenceError("the inclusion proof is too long")
        if at & 1 or at == last:
            found = _node(step, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = _node(found, step)
        at, last = at >> 1, last >> 1
    if last or found != root:
        raise EvidenceError("the inclusion proof leads to another root")


def verify_promise(series: str, size: int, root: bytes, signature: bytes, public: bytes) -> None:
    """Raise `EvidenceError` unless this root of a commit group was promised under this key."""
    text = f"sluis-promise/v1\n{series}\n{size}\n{_b64(root)}\n"
    _verify(public, signature, text.encode())


def leaf_hash_of(entry: bytes) -> bytes:
    """The hash of an entry as a leaf (RFC 6962)."""
    return sha256(b"\x00" + entry).digest()


def from_base64(text: str) -> bytes:
    """Standard base64 in its one canonical spelling."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise EvidenceError("base64 is malformed") from None
    if _b64(decoded) != text:
        raise EvidenceError("base64 is not in its canonical spelling")
    return decoded


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _verify(public: bytes, signature: bytes, message: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise EvidenceError("a signature does not verify") from None
