"""A proof that one entry stands in a signed log, as a text that is checked offline.

Rules: C2SP tlog-proof. The text holds the entry's index, its path to the root (RFC 6962) and the
signed checkpoint with whatever witnesses cosigned it. Which entry it is about is not in it: the
verifier brings the entry or its leaf hash, and the keys.

The `extra` line is nobody's word: it is not signed, so nothing here believes it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.audit.checkpoint import VerifiedCheckpoint
from gateway.audit.merkle import HASH_SIZE, ProofError, verify_inclusion
from gateway.audit.note import (
    MAX_NOTE_BYTES,
    NoteError,
    VerifierKey,
    decode_base64,
    encode_base64,
)
from gateway.audit.trusted import open_trusted

SUFFIX = ".tlog-proof"
MAX_PROOF_BYTES = MAX_NOTE_BYTES
_FIRST = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)


class TlogProofError(ProofError):
    """The text is no tlog-proof; the message names the rule, never the contents."""


@dataclass(frozen=True, slots=True)
class TlogProof:
    """An entry's place, its path from the leaf's sibling upwards, and the signed checkpoint."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """The text, which is what a `.tlog-proof` file holds."""
        lines = [_FIRST]
        if self.extra is not None:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines += [f"index {self.index}", *map(encode_base64, self.path), "", ""]
        return "\n".join(lines).encode() + self.checkpoint


def read_tlog_proof(data: bytes) -> TlogProof:
    """Take a proof apart, unverified; `TlogProofError` for any other spelling than the one."""
    if len(data) > MAX_PROOF_BYTES:
        raise TlogProofError("the proof is too long")
    head, separator, checkpoint = data.partition(b"\n\n")
    lines = head.decode("utf-8", "replace").split("\n")
    if not separator or lines.pop(0) != _FIRST:
        raise TlogProofError("this is no tlog-proof")
    try:
        extra = decode_base64(lines.pop(0)[6:]) if lines and lines[0][:6] == "extra " else None
        place = _INDEX.fullmatch(lines.pop(0)) if lines else None
        path = tuple(decode_base64(line) for line in lines)
    except NoteError as error:
        raise TlogProofError(str(error)) from error
    if place is None:
        raise TlogProofError("the proof names no index")
    if any(len(step) != HASH_SIZE for step in path):
        raise TlogProofError("a hash is not 32 bytes long")
    return TlogProof(int(place[1]), path, checkpoint, extra)


def verify_tlog_proof(
    proof: TlogProof, leaf_hash: bytes, keys: Sequence[VerifierKey], quorum: int = 0
) -> VerifiedCheckpoint:
    """The checkpoint that holds the entry, once the keys and `quorum` witnesses vouch for it.

    Raises `NoteError` where they do not, `ProofError` where the path leads elsewhere.
    """
    opened = open_trusted(proof.checkpoint, keys, quorum)
    stated = opened.checkpoint
    verify_inclusion(
        index=proof.index, size=stated.size, leaf=leaf_hash, proof=proof.path, root=stated.root
    )
    return opened
