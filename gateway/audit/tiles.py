"""Tiles: the Merkle tree cut into files that never change, 256 hashes or entries each.

Rules: C2SP tlog-tiles (tile height 8). A tile at level l holds the roots over 256^l entries each;
a bundle holds the entries themselves, each behind a 16-bit big-endian length. Pure: where tiles
and bundles lie is the reader's business.
"""

import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from gateway.audit import merkle
from gateway.audit.merkle import HASH_SIZE, MAX_SIZE

TILE_HEIGHT = 8
TILE_WIDTH = 256
MAX_TILE_BYTES = TILE_WIDTH * HASH_SIZE
MAX_ENTRY_BYTES = 65_535
MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES)
_MAX_LEVEL = 63
_LONGEST_PATH = 80
_LENGTH = struct.Struct(">H")
_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]{1,2})/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[0-9]{1,3}))?"
)


class TileError(ValueError):
    """A tile, bundle or path breaks a rule; names the rule, the file and the entry it is about."""

    def __init__(self, rule: str, file: str = "", index: int | None = None) -> None:
        super().__init__(f"{file}: {rule}" if file else rule)
        self.rule = rule
        self.file = file
        self.index = index


class TileMissingError(TileError):
    """The reader does not have this tile or bundle."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Which hashes: level, index within the level, and how many (256 when full)."""

    level: int
    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        if not 0 <= self.level <= _MAX_LEVEL:
            raise TileError("a tile's level is 0 to 63")
        _check_place(self.index, self.width)

    @property
    def path(self) -> str:
        return f"tile/{self.level}/{_place(self.index, self.width)}"


@dataclass(frozen=True, slots=True)
class Bundle:
    """Which entries: index of the bundle, and how many entries (256 when full)."""

    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        _check_place(self.index, self.width)

    @property
    def path(self) -> str:
        return f"tile/entries/{_place(self.index, self.width)}"


class TileReader(Protocol):
    """Where tiles and bundles are read from: a folder, a table, a partner's server."""

    def read(self, piece: Tile | Bundle) -> bytes:
        """The file's bytes, unverified; `TileMissingError` where there is none."""
        ...


class HeldTiles(dict[Tile | Bundle, bytes]):
    """Tiles in memory: for callers that fetched, asynchronously, the ones that a proof needs."""

    def read(self, piece: Tile | Bundle) -> bytes:
        if piece not in self:
            raise TileMissingError("not at hand", piece.path)
        return self[piece]


def _check_place(index: int, width: int) -> None:
    if not 0 <= index <= MAX_SIZE:
        raise TileError("a tile's index is out of range")
    if not 1 <= width <= TILE_WIDTH:
        raise TileError("a tile's width is 1 to 256")


def _place(index: int, width: int) -> str:
    place = f"{index % 1000:03}"
    while index := index // 1000:
        place = f"x{index % 1000:03}/{place}"
    return place if width == TILE_WIDTH else f"{place}.p/{width}"


def parse_path(path: str) -> Tile | Bundle:
    """Read a tile's or bundle's path; `TileError` for every spelling but the one we write."""
    found = _PATH.fullmatch(path) if len(path) <= _LONGEST_PATH and path.isascii() else None
    if not found:
        raise TileError("a path is not that of a tile or bundle")
    index = int(found["index"].replace("x", "").replace("/", ""))
    width = int(found["width"] or TILE_WIDTH)
    level = found["level"]
    piece = Bundle(index, width) if level == "entries" else Tile(int(level), index, width)
    if piece.path != path:
        raise TileError("a path has zeros or a width that do not belong there")
    return piece


def join_bundle(entries: Sequence[bytes]) -> bytes:
    """A bundle's bytes; `TileError` for an entry beyond 65,535 bytes."""
    if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise TileError("an entry is longer than 65,535 bytes")
    pack = _LENGTH.pack
    return b"".join([part for entry in entries for part in (pack(len(entry)), entry)])


def split_bundle(data: bytes, bundle: Bundle) -> list[bytes]:
    """The entries of a bundle; `TileError` unless it holds exactly as many as its name says."""
    entries, position, end = [], 0, len(data)
    for _ in range(bundle.width):
        start = position + _LENGTH.size
        if start > end:
            raise TileError("ends before its last entry", bundle.path)
        position = start + (data[start - 2] << 8 | data[start - 1])
        entries.append(data[start:position])
    if position != end:  # also where the last entry was cut short
        raise TileError("does not end with its last entry", bundle.path)
    return entries


def split_tile(data: bytes, tile: Tile) -> list[bytes]:
    """The hashes of a tile; `TileError` unless it holds exactly as many as its name says."""
    if len(data) != tile.width * HASH_SIZE:
        raise TileError("does not hold the number of hashes that its name says", tile.path)
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]


def tile_holding(level: int, index: int, size: int) -> Tile:
    """Tile `index` of a level in a tree of `size`, as wide as it stands then."""
    present = (size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH
    return Tile(level, index, min(TILE_WIDTH, present))


def edge_tiles(size: int) -> tuple[Tile, ...]:
    """The partial tiles of a tree of `size`, top level first: they alone determine its root."""
    counts = [size >> (TILE_HEIGHT * level) for level in range(_levels(size))]
    partial = [(level, count) for level, count in enumerate(counts) if count % TILE_WIDTH]
    return tuple(Tile(level, n // TILE_WIDTH, n % TILE_WIDTH) for level, n in reversed(partial))


def _levels(size: int) -> int:
    return -(-size.bit_length() // TILE_HEIGHT)


class TileBuilder:
    """Grows a tree tile by tile, holding only the tiles on its right edge."""

    __slots__ = ("_edge", "_size")

    def __init__(self) -> None:
        self._size = 0
        self._edge: list[list[bytes]] = []  # per level, the hashes of the tile not yet full

    @classmethod
    def resume(cls, tiles: TileReader, size: int) -> Self:
        """Go on from a tree of `size`, of which `edge_tiles(size)` are read."""
        builder = cls()
        builder._size = size
        builder._edge = [[] for _ in range(_levels(size))]
        for tile in edge_tiles(size):
            builder._edge[tile.level] = split_tile(tiles.read(tile), tile)
        return builder

    @property
    def size(self) -> int:
        return self._size

    def append(self, leaf_hashes: Iterable[bytes]) -> list[tuple[Tile, bytes]]:
        """Add leaf hashes; returns the tiles that this fills, lower levels first."""
        filled: list[tuple[Tile, bytes]] = []
        added, level = list(leaf_hashes), 0
        counts_before = self._size
        self._size += len(added)
        while added:
            if level == len(self._edge):
                self._edge.append([])
            hashes = self._edge[level] + added
            index = counts_before >> (TILE_HEIGHT * (level + 1))
            whole = len(hashes) - len(hashes) % TILE_WIDTH
            full = [hashes[at : at + TILE_WIDTH] for at in range(0, whole, TILE_WIDTH)]
            filled += [(Tile(level, index + n), b"".join(each)) for n, each in enumerate(full)]
            self._edge[level] = hashes[whole:]
            added, level = [merkle.root(each) for each in full], level + 1
        return filled

    def partial_tiles(self, since: int = 0) -> list[tuple[Tile, bytes]]:
        """The partial tiles as they stand; those unchanged since size `since` are left out."""
        return [
            (tile, b"".join(self._edge[tile.level]))
            for tile in reversed(edge_tiles(self._size))
            if since >> (TILE_HEIGHT * tile.level) != self._size >> (TILE_HEIGHT * tile.level)
        ]

    def root(self) -> bytes:
        """The tree's root."""
        subtrees = [
            merkle.root(hashes[low << height : (low + 1) << height])
            for hashes in reversed(self._edge)
            for height, low in merkle.perfect_subtrees(0, len(hashes))
        ]
        return merkle.join_right_edge(subtrees) if subtrees else merkle.EMPTY_ROOT


@dataclass(frozen=True, slots=True)
class Growth:
    """What a log publishes when it grows: the new tiles, and the root at the new size."""

    size: int
    root: bytes
    tiles: tuple[tuple[Tile, bytes], ...]


def grow(tiles: TileReader, size: int, leaf_hashes: Sequence[bytes]) -> Growth:
    """The tiles that arise when these leaves join a tree of `size`.

    Tiles that fill up come first, then the partial ones of the new size that changed. Reads
    `edge_tiles(size)`, which the caller trusts: compare `tree_root` with the last checkpoint.
    """
    builder = TileBuilder.resume(tiles, size)
    filled = builder.append(leaf_hashes)
    return Growth(builder.size, builder.root(), (*filled, *builder.partial_tiles(since=size)))
