"""Fetching a gateway's evidence as a partner: its checkpoint, a proof, or the whole log.

What the gateway sends is believed as far as a verifier key bears it out, and the key should come
from elsewhere. Who has none yet can take the gateway's word for its own: that shows accidents, not
fraud, and `Keys.are_own` says which of the two it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from gateway.audit.checkpoint import Checkpoint, open_checkpoint, read_unverified
from gateway.audit.folder import Progress, write_folder_async
from gateway.audit.merkle import verify_inclusion
from gateway.audit.note import NoteError, VerifierKey, decode_base64, parse_vkey
from gateway.audit.tiles import split_bundle
from gateway.audit.walk import all_bundles
from gateway.client import AsyncSluis
from gateway.client.logbook import LogName

_AT_ONCE = 4
"""Bundles asked for together: hides the round trips, and holds at most 4 x 16 MB."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The verifier keys of the log, and whether they are the checker's own."""

    verifiers: tuple[VerifierKey, ...]
    are_own: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """A checkpoint whose signature was checked, as the bytes that came."""

    checkpoint: Checkpoint
    signed: bytes


@dataclass(frozen=True, slots=True)
class Proven:
    """An entry that stands in the log of a checkpoint, and the way that shows it."""

    index: int
    path: tuple[bytes, ...]
    fetched: Fetched


async def keys_of(
    client: AsyncSluis, vkeys: Sequence[str], log: LogName = LogName.PROCESSING
) -> Keys:
    """The keys that were given, or for want of any those that the gateway states."""
    if vkeys:
        return Keys(tuple(parse_vkey(vkey) for vkey in vkeys), True)
    stated = await client.log_keys()
    vkey = stated.processing if log is LogName.PROCESSING else stated.protected
    if vkey is None:
        raise NoteError("the gateway states no key for this log")
    return Keys((parse_vkey(vkey),), False)


async def fetch_checkpoint(
    client: AsyncSluis, keys: Keys, log: LogName = LogName.PROCESSING
) -> Fetched:
    """The newest checkpoint; raises `NoteError` unless one of the keys signed it."""
    return _opened(await client.checkpoint(log), keys)


async def prove_entry(
    client: AsyncSluis, leaf_hash: bytes, keys: Keys, log: LogName = LogName.PROCESSING
) -> Proven:
    """The proof of one entry, by the leaf hash of its receipt.

    Raises `NoteError` or `ProofError` where it does not hold, `Declined` (404) where there is none.
    """
    proof = await client.proof(leaf_hash, log)
    fetched = _opened(proof.checkpoint.encode(), keys)
    checkpoint = fetched.checkpoint
    if proof.size != checkpoint.size:
        raise NoteError("the proof is of another size than its checkpoint")
    path = tuple(decode_base64(step) for step in proof.path)
    verify_inclusion(
        index=proof.index, size=checkpoint.size, leaf=leaf_hash, proof=path, root=checkpoint.root
    )
    return Proven(proof.index, path, fetched)


async def export_log(
    client: AsyncSluis,
    folder: Path,
    progress: Progress | None = None,
    log: LogName = LogName.PROCESSING,
) -> Checkpoint:
    """Fetch the whole log into `folder`, which must not be there yet and appears only when whole.

    The entries lead to the root of the checkpoint in it; whether that is signed, and by whom, is
    for `verify_folder` to say. Raises `FolderError`, `NoteError`, or `TileError` for a bundle that
    is malformed.
    """
    signed = await client.checkpoint(log)
    entries = _entries(client, read_unverified(signed).size, log)
    return await write_folder_async(folder, entries, signed, progress=progress)


async def _entries(client: AsyncSluis, size: int, log: LogName) -> AsyncIterator[bytes]:
    bundles = all_bundles(size)
    while some := list(islice(bundles, _AT_ONCE)):
        asked = (client.entries(bundle.index, bundle.width, log) for bundle in some)
        for bundle, data in zip(some, await asyncio.gather(*asked), strict=True):
            for entry in split_bundle(data, bundle):
                yield entry


def _opened(signed: bytes, keys: Keys) -> Fetched:
    return Fetched(open_checkpoint(signed, keys.verifiers).checkpoint, signed)
