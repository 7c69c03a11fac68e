"""Tiles, bundles and proofs from the database: what a checkpoint states, and nothing beyond it.

Which tiles a proof needs follows from the sizes alone, so they are read in one query and the pure
part does the rest. A proof is verified before it is handed out: what the database lost or altered
shows here as an error, and not at whoever checks us.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.audit.merkle import HASH_SIZE, verify_inclusion
from gateway.audit.proofs import inclusion_proof, tiles_for_inclusion
from gateway.audit.tiles import TILE_WIDTH, Bundle, HeldTiles, Tile, TileError, join_bundle
from gateway.store.groups import Connection
from gateway.store.log import index_of_leaf, leaves_between, newest_checkpoint, stored_tiles


@dataclass(frozen=True, slots=True)
class StoredProof:
    """An entry's way to the root of the newest checkpoint, which is `note`."""

    index: int
    size: int
    path: list[bytes]
    note: str


async def held_tiles(connection: Connection, log: int, tiles: Iterable[Tile]) -> HeldTiles:
    """These tiles, each as narrow as asked; one that is not stored as wide is left out."""
    wanted = tuple(tiles)
    stored = await stored_tiles(connection, log, {(tile.level, tile.index) for tile in wanted})
    held = HeldTiles()
    for tile in wanted:
        hashes = stored.get((tile.level, tile.index), b"")[: tile.width * HASH_SIZE]
        if len(hashes) == tile.width * HASH_SIZE:
            held[tile] = hashes
    return held


async def held_bundle(connection: Connection, log: int, bundle: Bundle) -> bytes | None:
    """A bundle's bytes, or None unless the newest checkpoint states all of its entries."""
    first = bundle.index * TILE_WIDTH
    newest = await newest_checkpoint(connection, log)
    if newest is None or first + bundle.width > newest.size:
        return None
    leaves = await leaves_between(connection, log, first, first + bundle.width)
    if len(leaves) != bundle.width:
        raise TileError("a stated entry is missing", bundle.path)
    return join_bundle([leaf.entry for leaf in leaves])


async def prove_inclusion(connection: Connection, log: int, leaf_hash: bytes) -> StoredProof | None:
    """The proof for one leaf hash, or None while no checkpoint covers it.

    Raises `TileError` or `ProofError` where the stored tiles do not bear the checkpoint out.
    """
    index = await index_of_leaf(connection, log, leaf_hash)
    # The tiles are read after the checkpoint, so they are at least as wide as it needs.
    newest = await newest_checkpoint(connection, log)
    if index is None or newest is None or index >= newest.size:
        return None
    tiles = await held_tiles(connection, log, tiles_for_inclusion(index, newest.size))
    path = inclusion_proof(tiles, index, newest.size)
    verify_inclusion(index=index, size=newest.size, leaf=leaf_hash, proof=path, root=newest.root)
    return StoredProof(index, newest.size, path, newest.note)
