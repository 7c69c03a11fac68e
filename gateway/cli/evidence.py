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

from gateway.audit.checkpoint import Checkpoint, read_unverified
from gateway.audit.folder import Progress, write_folder_async
from gateway.audit.merkle import verify_inclusion
from gateway.audit.note import NoteError, VerifierKey, decode_base64, parse_vkey
from gateway.audit.tiles import split_bundle
from gateway.audit.trusted import open_trusted
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
    client: AsyncSluis,
    vkeys: Sequence[str],
    log: LogName = LogName.PROCESSING,
    volume: str | None = None,
) -> Keys:
    """The keys that were given, or for want of any those that the gateway states."""
    if vkeys:
        return Keys(tuple(parse_vkey(vkey) for vkey in vkeys), True)
    volumes = await client.volumes(log)
    stated = [one.vkey for one in volumes if volume in (None, one.name)]
    if not stated:
        raise NoteError("the gateway states no key for this log")
    # The newest first: an entry of years ago is proven in the volume that it stands in.
    return Keys(tuple(parse_vkey(vkey) for vkey in reversed(stated)), False)


async def fetch_checkpoint(
    client: AsyncSluis,
    keys: Keys,
    log: LogName = LogName.PROCESSING,
    volume: str | None = None,
    *,
    is_witnessed: bool = False,
) -> Fetched:
    """The newest checkpoint, or the newest that enough witnesses cosigned.

    Raises `NoteError` unless one of the keys signed it.
    """
    if is_witnessed:
        return _opened(await client.witnessed_checkpoint(log, volume), keys)
    return _opened(await client.checkpoint(log, volume), keys)


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
    volume: str | None = None,
) -> Checkpoint:
    """Fetch the whole log into `folder`, which must not be there yet and appears only when whole.

    The entries lead to the root of the checkpoint in it; whether that is signed, and by whom, is
    for `verify_folder` to say. Raises `FolderError`, `NoteError`, or `TileError` for a bundle that
    is malformed.
    """
    # Named, so that it stays the same one should the next be opened meanwhile.
    name = volume if volume is not None else (await client.volumes(log))[-1].name
    signed = await client.checkpoint(log, name)
    entries = _entries(client, read_unverified(signed).size, log, name)
    return await write_folder_async(folder, entries, signed, progress=progress)


async def _entries(
    client: AsyncSluis, size: int, log: LogName, volume: str | None
) -> AsyncIterator[bytes]:
    bundles = all_bundles(size)
    while some := list(islice(bundles, _AT_ONCE)):
        asked = (client.entries(bundle.index, bundle.width, log, volume) for bundle in some)
        for bundle, data in zip(some, await asyncio.gather(*asked), strict=True):
            for entry in split_bundle(data, bundle):
                yield entry


def _opened(signed: bytes, keys: Keys) -> Fetched:
    return Fetched(open_trusted(signed, keys.verifiers).checkpoint, signed)
