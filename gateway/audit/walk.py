"""A log folder walked from its signed root down to its entries.

Rules: RFC 6962 and C2SP tlog-tiles. The partial tiles on the right edge must give the root; from
there each tile vouches for the tiles below it, and the lowest tiles for the entries. So an entry
comes out of here only after the signature is known to cover it, and a walk over all of them has
checked every file. Memory is one bundle and one tile a level.

The walk ends whatever a folder holds: it has no links, so finitely many files, and each is read
a fixed number of times. Where a log is read over the network there is no list of files to check,
and whoever reads sets the bounds.
"""

from collections.abc import Iterator
from typing import Protocol

from gateway.audit import merkle
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.folder import TILE_FOLDER, printable
from gateway.audit.proofs import tree_root
from gateway.audit.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Bundle,
    Tile,
    TileError,
    TileReader,
    edge_tiles,
    parse_path,
    split_bundle,
    split_tile,
)


class LogReader(TileReader, Protocol):
    """Where a log is read from: a folder, or somebody's server."""

    def checkpoint(self) -> bytes:
        """The signed checkpoint's bytes, unverified; `TileError` where there is none."""
        ...

    def files(self) -> Iterator[str] | None:
        """The paths of all its files, or None where nobody can list them."""
        ...


def covered_entries(
    reader: LogReader, checkpoint: Checkpoint
) -> Iterator[tuple[Bundle, list[bytes]]]:
    """The log's bundles in order, with the entries that the checkpoint's root covers.

    `TileError` at the first file that is missing, too many, or not what the root says.
    """
    if tree_root(reader, checkpoint.size) != checkpoint.root:
        raise TileError("the tiles do not lead to the signed root", TILE_FOLDER)
    _check_inventory(reader, checkpoint.size)
    for tile, hashes in _leaf_tiles(reader, checkpoint.size):
        bundle = Bundle(tile.index, tile.width)
        entries = split_bundle(reader.read(bundle), bundle)
        found = merkle.leaf_hashes(entries)
        if found != hashes:
            at = next(n for n, hash_ in enumerate(found) if hash_ != hashes[n])
            index = tile.index * TILE_WIDTH + at
            raise TileError("the entry does not hash to its leaf", bundle.path, index)
        yield bundle, entries


def all_bundles(size: int) -> Iterator[Bundle]:
    """The bundles of a log of `size`, in order."""
    for start in range(0, size, TILE_WIDTH):
        yield Bundle(start // TILE_WIDTH, min(TILE_WIDTH, size - start))


def _check_inventory(reader: LogReader, size: int) -> None:
    # Files beyond the checkpoint hint at a log cut short; and nothing here goes unchecked.
    for found in reader.files() or ():
        try:
            piece = parse_path(found)
        except TileError as error:
            raise TileError(error.rule, printable(found)) from error
        if not _belongs(piece, size):
            raise TileError("the file is not part of a log of the signed size", found)


def _belongs(piece: Tile | Bundle, size: int) -> bool:
    level = piece.level if isinstance(piece, Tile) else 0
    whole, rest = divmod(size >> (TILE_HEIGHT * level), TILE_WIDTH)
    if piece.index == whole:
        return piece.width == rest
    return piece.index < whole and piece.width == TILE_WIDTH


def _leaf_tiles(reader: LogReader, size: int) -> Iterator[tuple[Tile, list[bytes]]]:
    # From the top level down the edge tiles stand in the order of the log.
    for tile in edge_tiles(size):
        yield from _descend(reader, tile, split_tile(reader.read(tile), tile))


def _descend(
    reader: LogReader, tile: Tile, hashes: list[bytes]
) -> Iterator[tuple[Tile, list[bytes]]]:
    if tile.level == 0:
        yield tile, hashes
        return
    for offset, expected in enumerate(hashes):
        child = Tile(tile.level - 1, tile.index * TILE_WIDTH + offset)
        below = split_tile(reader.read(child), child)
        if merkle.root(below) != expected:
            raise TileError("the tile does not hash to its place in the tile above", child.path)
        yield from _descend(reader, child, below)
