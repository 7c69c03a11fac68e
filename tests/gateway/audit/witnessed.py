"""Witnesses and logs that grow, for tests: every hash by hand from the entries."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import merkle
from gateway.audit.note import KeyKind, VerifierKey
from gateway.audit.witness import Submission
from tests.gateway.audit.logs import KEY, ORIGIN, Log, numbered

WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
WITNESS = VerifierKey.of("getuige.test/een", WITNESS_KEY, KeyKind.COSIGNATURE)
LOG_KEY = VerifierKey.of(ORIGIN, KEY)
TRUSTED = {ORIGIN: [LOG_KEY]}


def consistency(log: Log, old: int, new: int) -> tuple[bytes, ...]:
    """The proof from one size to another; none where none is needed."""
    if old == 0:
        return ()
    return tuple(merkle.consistency_proof(merkle.leaf_hashes(log.entries[:new]), old))


def submission(log: Log, old: int, new: int, proof: Sequence[bytes] | None = None) -> Submission:
    """What a log submits on its way from one size to another."""
    given = consistency(log, old, new) if proof is None else tuple(proof)
    return Submission(old, given, log.signed(new))


def forked(size: int, at: int) -> Log:
    """The same log up to an entry, and another one from there."""
    log = numbered(size)
    other = [merkle.leaf_hash(entry) + b"" for entry in log.entries[at:]]
    return Log([*log.entries[:at], *other])
