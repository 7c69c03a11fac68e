"""Proofs and roots read from tiles alone, without any entry.

Rules: RFC 6962 section 2.1 over C2SP tlog-tiles. What is read is as trustworthy as the tiles:
whoever receives a proof verifies it against a signed root (`merkle.verify_inclusion` and
`merkle.verify_consistency`).

`held` is the size of the tree whose tiles the reader has, when that is larger than the tree the
proof is about: every hash of a smaller tree's proof stands in the larger tree's tiles too, so old
partial tiles need not be kept. The `tiles_for_...` functions name the tiles that a proof reads,
for callers that must fetch them first.
"""

from collections.abc import Iterable, Iterator

from gateway.audit import merkle
from gateway.audit.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    TileReader,
    split_tile,
    tile_holding,
)

Ranges = Iterable[tuple[int, int]]


def tree_root(tiles: TileReader, size: int, *, held: int | None = None) -> bytes:
    """The root of the tree of `size`."""
    if size == 0:
        return merkle.EMPTY_ROOT
    return _SubtreeRoots(tiles, held or size).over(0, size)


def inclusion_proof(
    tiles: TileReader, index: int, size: int, *, held: int | None = None
) -> list[bytes]:
    """The proof that leaf `index` is in the tree of `size`."""
    ranges = merkle.inclusion_ranges(index, size)
    roots = _SubtreeRoots(tiles, held or size)
    return [roots.over(low, high) for low, high in ranges]


def consistency_proof(
    tiles: TileReader, old_size: int, new_size: int, *, held: int | None = None
) -> list[bytes]:
    """The proof that the tree of `new_size` begins with the tree of `old_size`."""
    ranges = merkle.consistency_ranges(old_size, new_size)
    roots = _SubtreeRoots(tiles, held or new_size)
    return [roots.over(low, high) for low, high in ranges]


def tiles_for_root(size: int, *, held: int | None = None) -> tuple[Tile, ...]:
    """What `tree_root` reads."""
    return _tiles_under([(0, size)], held or size)


def tiles_for_inclusion(index: int, size: int, *, held: int | None = None) -> tuple[Tile, ...]:
    """What `inclusion_proof` reads."""
    return _tiles_under(merkle.inclusion_ranges(index, size), held or size)


def tiles_for_consistency(
    old_size: int, new_size: int, *, held: int | None = None
) -> tuple[Tile, ...]:
    """What `consistency_proof` reads."""
    return _tiles_under(merkle.consistency_ranges(old_size, new_size), held or new_size)


def _tiles_under(ranges: Ranges, held: int) -> tuple[Tile, ...]:
    return tuple(dict.fromkeys(tile for tile, _ in _places(ranges, held)))


def _places(ranges: Ranges, held: int) -> Iterator[tuple[Tile, slice]]:
    for low, high in ranges:
        for height, index in merkle.perfect_subtrees(low, high):
            yield _place(height, index, held)


def _place(height: int, index: int, held: int) -> tuple[Tile, slice]:
    # A perfect subtree never straddles tiles: it is a run of hashes in one tile, or one hash.
    level, above = divmod(height, TILE_HEIGHT)
    first = index << above
    start = first % TILE_WIDTH
    return tile_holding(level, first // TILE_WIDTH, held), slice(start, start + (1 << above))


class _SubtreeRoots:
    """Roots over ranges of leaves, reading each tile once."""

    def __init__(self, tiles: TileReader, held: int) -> None:
        self._tiles = tiles
        self._held = held
        self._read: dict[Tile, list[bytes]] = {}

    def over(self, low: int, high: int) -> bytes:
        places = _places([(low, high)], self._held)
        return merkle.join_right_edge([merkle.root(self._hashes(*place)) for place in places])

    def _hashes(self, tile: Tile, part: slice) -> list[bytes]:
        if tile not in self._read:
            self._read[tile] = split_tile(self._tiles.read(tile), tile)
        return self._read[tile][part]
