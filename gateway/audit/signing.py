"""One step of the log: from leaves that are committed to a checkpoint that states them.

What is signed cannot be taken back, so nothing is signed unless it is known to follow from what
was signed before (RFC 6962, and C2SP tlog-checkpoint: an append-only log has one root a size):

1. On the first step, and after any error: the newest checkpoint bears our signature, the stored
   tiles lead to its root, and it extends the last one that this process stored.
2. The leaves after it are all there, and every entry hashes to its leaf. All are rehashed, each
   once: 1 of the 5 microseconds that publishing an entry of 900 bytes costs, in large steps.
3. With synchronous standbys: they have all of it on disk too (`gateway/store/replication.py`).
4. The signed checkpoint is written down outside the database, before anybody can be shown it.
5. Tiles and checkpoint are stored together, if the newest checkpoint is still that of 1 and the
   lease still stands (`gateway/store/log.py`).

Memory is one page of leaves and the tiles of one step, however far behind the log is.

A crash in 1 to 3 leaves nothing behind, and in 4 a checkpoint of committed leaves that nobody saw:
the next one states at least as many. In 5 it leaves all or nothing, and a signature that was made
but not stored was never shown to anyone; the next step reads which of the two it was.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from gateway.audit.merkle import leaf_hashes
from gateway.audit.note import NoteError, VerifierKey
from gateway.audit.proofs import tiles_for_root, tree_root
from gateway.audit.stored import held_tiles
from gateway.audit.tiles import TileBuilder, TileError, edge_tiles
from gateway.store.groups import Connection
from gateway.store.lease import Lease
from gateway.store.log import (
    StoredCheckpoint,
    StoredLeaf,
    StoredTile,
    leaves_between,
    log_size,
    newest_checkpoint,
    store_checkpoint,
)
from gateway.store.replication import has_standbys, require_replicated

PAGE_LEAVES = 512
"""Read and hashed between two looks at the event loop: about a millisecond of work."""
STEP_LEAVES = 16_384
"""Under one checkpoint at most, so that a log far behind catches up in bounded steps."""


STANDBYS_SECONDS = 5.0
"""How often is asked whether the database has standbys: a setting that seldom changes."""


class LogDamagedError(Exception):
    """The stored log contradicts itself or what was signed; nothing more is signed on it.

    `reason` is one of our own codes, `index` the entry or the size that it is about.
    """

    def __init__(self, reason: str, index: int) -> None:
        super().__init__(f"{reason} at {index}")
        self.reason = reason
        self.index = index


class _Tip(NamedTuple):
    """The newest checkpoint, and the tree at its size."""

    newest: StoredCheckpoint | None
    builder: TileBuilder


class CheckpointSigner:
    """Signs one log's checkpoints; keeps the tree's right edge between steps."""

    def __init__(
        self,
        log: int,
        origin: str,
        key: Ed25519PrivateKey,
        remember: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        """`remember` is handed each signed checkpoint before it can be read by anybody."""
        self._remember = remember
        self._has_standbys = False
        self._look_at_standbys = 0.0
        self._log = log
        self._origin = origin
        self._key = key
        self._verifier = VerifierKey.of(origin, key)
        self._tip: _Tip | None = None
        self._stored: StoredCheckpoint | None = None

    def forget(self) -> None:
        """Read the tree anew at the next step: another replica may have moved it on."""
        self._tip = None

    async def extend(self, connection: Connection, lease: Lease) -> int:
        """Publish what is new, up to `STEP_LEAVES`; gives the number of entries newly covered.

        An empty log gets a checkpoint too. Raises `LogDamagedError`, or what `store_checkpoint`
        and the database raise.
        """
        # Taken away while in use: after an error the tree is half-grown, and is read anew.
        tip, self._tip = self._tip, None
        if tip is None:
            tip = await self._resume(connection)
        size = tip.builder.size
        head = await log_size(connection, self._log)
        if head < size:
            raise LogDamagedError("shorter-than-signed", head)
        end = min(head, size + STEP_LEAVES)
        if end > size or tip.newest is None:
            tip = await self._publish(connection, lease, tip, end)
        self._tip = tip
        return end - size

    async def _resume(self, connection: Connection) -> _Tip:
        newest = await newest_checkpoint(connection, self._log)
        await self._check_extends_stored(connection, newest)
        if newest is None:
            return _Tip(None, TileBuilder())
        self._check_ours(newest)
        tiles = await held_tiles(connection, self._log, edge_tiles(newest.size))
        try:
            builder = TileBuilder.resume(tiles, newest.size)
        except TileError as error:
            raise LogDamagedError("tile-missing", newest.size) from error
        if builder.root() != newest.root:
            raise LogDamagedError("tile-altered", newest.size)
        return _Tip(newest, builder)

    async def _check_extends_stored(
        self, connection: Connection, newest: StoredCheckpoint | None
    ) -> None:
        # A database put back under a running gateway: partners hold the checkpoint that it lost.
        stored = self._stored
        if stored is None:
            return
        if newest is None or newest.size < stored.size:
            raise LogDamagedError("rolled-back", stored.size)
        places = tiles_for_root(stored.size, held=newest.size)
        tiles = await held_tiles(connection, self._log, places)
        try:
            root = tree_root(tiles, stored.size, held=newest.size)
        except TileError as error:
            raise LogDamagedError("tile-missing", stored.size) from error
        if root != stored.root:
            raise LogDamagedError("rewritten", stored.size)

    def _check_ours(self, newest: StoredCheckpoint) -> None:
        try:
            stated = open_checkpoint(newest.note.encode(), [self._verifier]).checkpoint
        except NoteError as error:
            raise LogDamagedError("signed-by-another-key", newest.size) from error
        if (stated.size, stated.root) != (newest.size, newest.root):
            raise LogDamagedError("checkpoint-altered", newest.size)

    async def _publish(self, connection: Connection, lease: Lease, tip: _Tip, end: int) -> _Tip:
        newest, builder = tip
        since = builder.size
        grown = []
        for first in range(since, end, PAGE_LEAVES):
            page_end = min(first + PAGE_LEAVES, end)
            leaves = await leaves_between(connection, self._log, first, page_end)
            grown += builder.append(_rehashed(leaves, first, page_end))
        grown += builder.partial_tiles(since)
        tiles = [StoredTile(tile.level, tile.index, hashes) for tile, hashes in grown]
        now = time.monotonic()
        if now >= self._look_at_standbys:
            self._has_standbys = await has_standbys(connection)
            self._look_at_standbys = now + STANDBYS_SECONDS
        if self._has_standbys:
            await require_replicated(connection, lease.name)
        # Up to here a crash loses work and nothing else; from the next line on a signature exists,
        # which no one has seen. It is for the same leaves that the next attempt will find.
        checkpoint = Checkpoint(self._origin, builder.size, builder.root())
        note = sign_checkpoint(checkpoint, self._key).decode()
        if self._remember is not None:
            # A database that is put back cannot know what was said of it; this can.
            await self._remember(note)
        signed = StoredCheckpoint(checkpoint.size, checkpoint.root, note)
        await store_checkpoint(connection, self._log, lease, newest, tiles, signed)
        # Committed: from now on it may be in somebody's hands, and every later one must extend it.
        self._stored = signed
        return _Tip(signed, builder)


def _rehashed(leaves: Sequence[StoredLeaf], first: int, end: int) -> list[bytes]:
    """The leaf hashes [first, end), each the hash of its entry."""
    if [leaf.position for leaf in leaves] != list(range(first, end)):
        raise LogDamagedError("leaf-missing", first)
    hashes = leaf_hashes(leaf.entry for leaf in leaves)
    for leaf, hash_ in zip(leaves, hashes, strict=True):
        if leaf.hash != hash_:
            raise LogDamagedError("leaf-altered", leaf.position)
    return hashes
