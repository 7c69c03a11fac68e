"""Merkle tree hashes and proofs over a log's entries.

Rules: RFC 6962 section 2 (a leaf is hashed behind 0x00, a node behind 0x01) and the proof
verification of RFC 9162 section 2.1. Pure: bytes in, bytes out.

A proof is a list of hashes, each standing for a range of leaves. Which ranges those are follows
from the sizes alone (`inclusion_ranges`, `consistency_ranges`), so the prover and the verifier
share that one answer, and a proof with a hash too many or too few fails before any hashing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

HASH_SIZE = 32
MAX_SIZE = 2**63 - 1  # what the checkpoint formats in use carry
MAX_BATCH = 256
EMPTY_ROOT = sha256(b"").digest()


class ProofError(ValueError):
    """A proof does not prove what it is offered for; the message names the rule only."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry as a leaf."""
    return sha256(b"\x00" + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """The leaf hashes of many entries, in one loop without a call of ours for each."""
    hash_ = sha256
    return [hash_(b"\x00" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """The root over these leaf hashes (or over the roots of equally large perfect subtrees)."""
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        level = _level_above(level)
    return level[0]


def _parents(level: Sequence[bytes]) -> list[bytes]:
    hash_ = sha256
    pairs = zip(level[::2], level[1::2], strict=False)  # an odd last one has no parent here
    return [hash_(b"\x01" + left + right).digest() for left, right in pairs]


def _level_above(level: Sequence[bytes]) -> list[bytes]:
    # Moving an odd last hash up unhashed yields RFC 6962's split at the largest power of two.
    above = _parents(level)
    if len(level) % 2:
        above.append(level[-1])
    return above


def join_right_edge(hashes: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees of falling size, as they stand side by side."""
    joined = hashes[-1]
    for left in reversed(hashes[:-1]):
        joined = node_hash(left, joined)
    return joined


def perfect_subtrees(low: int, high: int) -> Iterator[tuple[int, int]]:
    """The (height, index) of the perfect subtrees that make up leaves [low, high).

    `low` must be a multiple of the largest power of two that is at most `high - low`, as it is
    for every range of a proof. The subtree spans leaves [index << height, (index+1) << height).
    """
    while low < high:
        height = (high - low).bit_length() - 1
        yield height, low >> height
        low += 1 << height


def _split(width: int) -> int:
    # RFC 6962: the largest power of two smaller than the width.
    return 1 << ((width - 1).bit_length() - 1)


def _check_size(size: int) -> None:
    # Nothing is in an empty tree and everything extends it: a proof against size 0 proves
    # nothing, yet the textbook algorithms accept some.
    if not 0 < size <= MAX_SIZE:
        raise ProofError("the tree size is zero or out of range")


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The leaf ranges [low, high) of an inclusion proof, from the leaf's sibling to the top."""
    _check_size(size)
    if not 0 <= index < size:
        raise ProofError("the leaf index lies outside the tree")
    low, high, ranges = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    ranges.reverse()
    return ranges


def consistency_ranges(old_size: int, new_size: int) -> list[tuple[int, int]]:
    """The leaf ranges of a consistency proof; empty when the sizes are equal.

    Where the old tree is one perfect subtree of the new one its root is not part of the proof.
    """
    _check_size(new_size)
    if not 0 < old_size <= new_size:
        raise ProofError("the older size is zero or beyond the newer one")
    low, high, ranges = 0, new_size, []
    while high != old_size:
        middle = low + _split(high - low)
        if old_size <= middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    if low:
        ranges.append((low, high))
    ranges.reverse()
    return ranges


def inclusion_proof(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The proof that leaf `index` is in the tree over these leaf hashes."""
    return [root(hashes[low:high]) for low, high in inclusion_ranges(index, len(hashes))]


def consistency_proof(hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """The proof that the tree over these leaf hashes extends its first `old_size` leaves."""
    return [root(hashes[low:high]) for low, high in consistency_ranges(old_size, len(hashes))]


def _check_shape(proof: Sequence[bytes], ranges: Sequence[tuple[int, int]], *roots: bytes) -> None:
    if len(proof) != len(ranges):
        raise ProofError("the proof does not have the length that the sizes require")
    if any(len(hash_) != HASH_SIZE for hash_ in (*proof, *roots)):
        raise ProofError("a hash is not 32 bytes long")


def verify_inclusion(
    *, index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Raise `ProofError` unless `leaf` (a leaf hash) stands at `index` in the tree of `root`."""
    ranges = inclusion_ranges(index, size)
    _check_shape(proof, ranges, leaf, root)
    computed = leaf
    for (low, _), sibling in zip(ranges, proof, strict=True):
        computed = node_hash(sibling, computed) if low < index else node_hash(computed, sibling)
    if computed != root:
        raise ProofError("the inclusion proof leads to another root")


def verify_consistency(
    *, old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise `ProofError` unless the newer tree holds the older one as its beginning."""
    ranges = consistency_ranges(old_size, new_size)
    _check_shape(proof, ranges, old_root, new_root)
    steps = list(zip(ranges, proof, strict=True))
    old = new = old_root
    if steps and steps[0][0][1] == old_size:  # the older tree is no perfect subtree of the newer
        old = new = steps.pop(0)[1]
    for (_, high), sibling in steps:
        if high <= old_size:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    if old != old_root or new != new_root:
        raise ProofError("the consistency proof leads to another root")


class Frontier:
    """The perfect subtrees on a tree's right edge: enough to append and to know the root."""

    __slots__ = ("_by_height", "_size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Resume at `size` from what `hashes` gave then; ValueError where their number differs."""
        if len(hashes) != size.bit_count():
            raise ValueError("a frontier has one hash for every bit set in its size")
        remaining = iter(reversed(hashes))
        self._size = size
        self._by_height: list[bytes | None] = [
            next(remaining) if size >> height & 1 else None for height in range(size.bit_length())
        ]

    @property
    def size(self) -> int:
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The subtree roots, largest subtree first."""
        return tuple(hash_ for hash_ in reversed(self._by_height) if hash_ is not None)

    def root(self) -> bytes:
        return join_right_edge(self.hashes) if self._size else EMPTY_ROOT

    def append(self, hashes: Sequence[bytes]) -> None:
        """Add leaf hashes: about one hash operation each, however they are grouped."""
        self._size += len(hashes)
        carried, height = list(hashes), 0
        while carried:
            if height == len(self._by_height):
                self._by_height.append(None)
            waiting = self._by_height[height]
            if waiting is not None:
                carried.insert(0, waiting)
            self._by_height[height] = carried.pop() if len(carried) % 2 else None
            carried, height = _parents(carried), height + 1


@dataclass(frozen=True, slots=True)
class Batch:
    """A small tree that is signed once for many: its root, and one inclusion path for each leaf."""

    root: bytes
    paths: tuple[tuple[bytes, ...], ...]


def batch(hashes: Sequence[bytes]) -> Batch:
    """The root over up to 256 leaf hashes with every leaf's inclusion path, in n - 1 hashes.

    Path `i` satisfies `verify_inclusion(index=i, size=len(hashes), ...)`.
    """
    if not 0 < len(hashes) <= MAX_BATCH:
        raise ValueError("a batch has 1 to 256 leaves")
    paths: list[list[bytes]] = [[] for _ in hashes]
    level, height = list(hashes), 0
    while len(level) > 1:
        for index, path in enumerate(paths):
            sibling = (index >> height) ^ 1
            if sibling < len(level):  # an odd last hash moves up without a sibling
                path.append(level[sibling])
        level, height = _level_above(level), height + 1
    return Batch(root=level[0], paths=tuple(tuple(path) for path in paths))
