"""Tiles, bundles and proofs from the database: what a checkpoint states, and nothing beyond it.

Which tiles a proof needs follows from the sizes alone, so they are read in one query and the pure
part does the rest. A proof is verified before it is handed out: what the database lost or altered
shows here as an error, and not at whoever checks us.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.audit.merkle import HASH_SIZE, verify_consistency, verify_inclusion
from gateway.audit.proofs import (
    consistency_proof,
    inclusion_proof,
    tiles_for_consistency,
    tiles_for_inclusion,
    tiles_for_root,
    tree_root,
)
from gateway.audit.tiles import TILE_WIDTH, Bundle, HeldTiles, Tile, TileError, join_bundle
from gateway.store.groups import Connection
from gateway.store.log import leaves_between, newest_checkpoint, place_of_leaf, stored_tiles


@dataclass(frozen=True, slots=True)
class StoredProof:
    """An entry's way to the root of its volume's newest checkpoint, which is `note`."""

    log: int
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


async def prove_inclusion(
    connection: Connection, series: int, leaf_hash: bytes
) -> StoredProof | None:
    """The proof for one leaf hash of a series, or None while no checkpoint covers it.

    Raises `TileError` or `ProofError` where the stored tiles do not bear the checkpoint out.
    """
    place = await place_of_leaf(connection, series, leaf_hash)
    if place is None:
        return None
    log, index = place
    # The tiles are read after the checkpoint, so they are at least as wide as it needs.
    newest = await newest_checkpoint(connection, log)
    if newest is None or index >= newest.size:
        return None
    tiles = await held_tiles(connection, log, tiles_for_inclusion(index, newest.size))
    path = inclusion_proof(tiles, index, newest.size)
    verify_inclusion(index=index, size=newest.size, leaf=leaf_hash, proof=path, root=newest.root)
    return StoredProof(log, index, newest.size, path, newest.note)


async def prove_consistency(
    connection: Connection, log: int, old_size: int, new_size: int
) -> list[bytes] | None:
    """The proof that the tree of `new_size` begins with that of `old_size`, which is above 0.

    None where no checkpoint states as much yet. Raises `TileError` or `ProofError` where the
    stored tiles do not lead from the one to the other.
    """
    newest = await newest_checkpoint(connection, log)
    if newest is None or new_size > newest.size:
        return None
    held = newest.size
    places = {
        *tiles_for_consistency(old_size, new_size, held=held),
        *tiles_for_root(old_size, held=held),
        *tiles_for_root(new_size, held=held),
    }
    tiles = await held_tiles(connection, log, places)
    proof = consistency_proof(tiles, old_size, new_size, held=held)
    verify_consistency(
        old_size=old_size,
        new_size=new_size,
        old_root=tree_root(tiles, old_size, held=held),
        new_root=tree_root(tiles, new_size, held=held),
        proof=proof,
    )
    return proof
