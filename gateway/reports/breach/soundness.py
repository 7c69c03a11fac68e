"""Whether the log itself holds over the part of it that a pack rests on.

In this order: the volume's newest checkpoint bears our signature; the tiles at its edge lead to the
root that it states; the leaves of the part are those of the stored tiles; every stored entry hashes
to its leaf; and the tiles stand where they must in the tiles above them. An entry that was altered,
left out or put in shows at one of these. What no checkpoint covers yet is told apart.

Hashing takes time: of a part of more than `REHASHED` entries the hand-overs are rehashed where they
are counted (`gateway/store/exposure.py`), and of the others it is said that they were not. That
nobody signed another log instead is not shown here at all: for that, compare with a checkpoint that
somebody outside kept (docs/reviewing.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.audit.checkpoint import open_checkpoint
from gateway.audit.merkle import HASH_SIZE, leaf_hashes, root
from gateway.audit.note import NoteError
from gateway.audit.series import Logbooks
from gateway.audit.stored import held_tiles
from gateway.audit.tiles import TILE_WIDTH, Tile, TileBuilder, TileError, edge_tiles
from gateway.store.groups import Connection
from gateway.store.log import StoredCheckpoint, leaves_between, newest_checkpoint
from gateway.store.reports import Span, tile_that_differs

REHASHED = 400_000
_PAGE = 16 * TILE_WIDTH
_TILES = 256


@dataclass(frozen=True, slots=True)
class Soundness:
    """What was looked at of one volume, and what was found; `fault` is None where all holds."""

    origin: str
    first: int
    end: int
    size: int
    root: bytes
    checkpoint: str
    fault: str | None
    is_rehashed: bool = True

    @property
    def unsigned(self) -> int:
        """How many of the entries no checkpoint covers yet."""
        return max(0, self.end - max(self.first, self.size))


async def check_span(
    connection: Connection, logbooks: Logbooks, series: int, span: Span
) -> Soundness:
    """Look at one part of a volume. Raises nothing: what does not hold is what it tells."""
    origin = logbooks.origin(series, span.name)
    newest = await newest_checkpoint(connection, span.log)
    if newest is None:
        return Soundness(origin, span.first, span.end, 0, b"", "", "er is nog geen controlepunt")
    fault = await _fault(connection, logbooks, series, span, newest)
    return Soundness(
        origin, span.first, span.end, newest.size, newest.root, newest.note, fault, rehashes(span)
    )


def rehashes(span: Span) -> bool:
    """Whether every entry of a part is rehashed here; if not, its hand-overs are elsewhere."""
    return span.end - span.first <= REHASHED


async def _fault(
    connection: Connection,
    logbooks: Logbooks,
    series: int,
    span: Span,
    newest: StoredCheckpoint,
) -> str | None:
    try:
        keys = [logbooks.verifier(series, span.name)]
        stated = open_checkpoint(newest.note.encode(), keys).checkpoint
    except NoteError:
        return "de handtekening onder het nieuwste controlepunt klopt niet"
    if (stated.size, stated.root) != (newest.size, newest.root):
        return "het nieuwste controlepunt zegt iets anders dan ondertekend is"
    try:
        edges = await held_tiles(connection, span.log, edge_tiles(newest.size))
        if TileBuilder.resume(edges, newest.size).root() != newest.root:
            return "de tegels leiden niet naar het ondertekende controlepunt"
    except TileError:
        return "er ontbreken tegels"
    begin = span.first - span.first % TILE_WIDTH
    end = min(-(-span.end // TILE_WIDTH) * TILE_WIDTH, newest.size)
    if begin < end:
        differs = await tile_that_differs(connection, span.log, begin, end)
        if differs is not None:
            return f"een tegel hoort niet bij zijn regels, vanaf {differs * TILE_WIDTH}"
    if rehashes(span) and (altered := await _altered(connection, span)) is not None:
        return f"er ontbreekt een regel of er is er een veranderd, vanaf {altered}"
    roots = await _roots(connection, span.log, begin // TILE_WIDTH, end // TILE_WIDTH)
    return await _check_above(connection, span.log, roots, newest.size)


async def _altered(connection: Connection, span: Span) -> int | None:
    """Where the first page of entries begins that do not all hash to their leaves."""
    for first in range(span.first, span.end, _PAGE):
        end = min(first + _PAGE, span.end)
        leaves = await leaves_between(connection, span.log, first, end)
        hashes = leaf_hashes(leaf.entry for leaf in leaves)
        if len(leaves) < end - first or hashes != [leaf.hash for leaf in leaves]:
            return first
    return None


async def _roots(connection: Connection, log: int, first: int, end: int) -> dict[int, bytes]:
    """The roots of the full bottom tiles [first, end), by number."""
    roots: dict[int, bytes] = {}
    for begin in range(first, end, _TILES):
        places = [Tile(0, n, TILE_WIDTH) for n in range(begin, min(begin + _TILES, end))]
        tiles = await held_tiles(connection, log, places)
        for place in places:
            held = tiles.get(place, b"")
            roots[place.index] = root(
                [held[n : n + HASH_SIZE] for n in range(0, len(held), HASH_SIZE)]
            )
    return roots


async def _check_above(
    connection: Connection, log: int, roots: dict[int, bytes], size: int
) -> str | None:
    """Whether full tiles stand where they must in the tiles above them, up to the right edge."""
    level, count = 1, size // TILE_WIDTH
    while roots:
        above = sorted({number // TILE_WIDTH for number in roots})
        places = [Tile(level, n, min(TILE_WIDTH, count - n * TILE_WIDTH)) for n in above]
        tiles = await held_tiles(connection, log, places)
        upwards: dict[int, bytes] = {}
        for place in places:
            held = tiles.get(place)
            if held is None:
                return "er ontbreken tegels"
            hashes = [held[n : n + HASH_SIZE] for n in range(0, len(held), HASH_SIZE)]
            if not _stand_in(hashes, place, roots):
                return "een tegel hoort niet bij de tegels eronder"
            if place.width == TILE_WIDTH:
                upwards[place.index] = root(hashes)
        roots, level, count = upwards, level + 1, count // TILE_WIDTH
    return None


def _stand_in(hashes: Sequence[bytes], place: Tile, roots: dict[int, bytes]) -> bool:
    begin = place.index * TILE_WIDTH
    return all(roots.get(begin + at, hash_) == hash_ for at, hash_ in enumerate(hashes))
