"""Opening every series anew after a database was put back, by an entry that says what was cut.

The volume that lost entries is signed to its end as far as it is still what was published, and
closed. The next one begins with an entry that names it: its origin, the newest size and root that
were published, and those that were put back. Whoever holds an older checkpoint sees that a cut
happened, and where; nobody can take what follows for what was there (ADR 0019).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.audit.entry import decode_entry
from gateway.audit.freshness import Lost, root_at
from gateway.audit.note import encode_base64
from gateway.audit.published import Published, Remembered
from gateway.audit.series import NAMES, Logbooks
from gateway.audit.signing import CheckpointSigner
from gateway.audit.volumes import predecessor_leaf
from gateway.store.groups import Connection, append_leaves
from gateway.store.ids import new_id
from gateway.store.lease import Lease, give_up_lease, stands_until_commit, take_lease
from gateway.store.log import (
    LeaseLostError,
    finish_volume,
    log_size,
    next_volume,
    now_millis,
    open_volume,
    volumes_of,
    year_now,
)
from gateway.store.recovery import first_entries, lock_open_volumes

LEASE_SECONDS = 60.0
LEASE_TRIES = 40
TRY_AGAIN_SECONDS = 0.5
_LOOK_AT = 16
"""Entries at the start of a volume among which the one that names its predecessor is looked for."""


class StillPublishedError(Exception):
    """Another gateway signs this database's log: it does not know yet what is the matter."""


class Reopened(NamedTuple):
    """What one series was cut from and to, and the volume that it goes on in."""

    series: int
    origin: str
    published: int
    restored: int
    volume: str


async def reopen(
    connection: Connection,
    lost: Sequence[Lost],
    known: Mapping[str, Remembered],
    logbooks: Logbooks,
) -> list[Reopened]:
    """Close and open every series in one transaction; none where that was done before.

    `known` is the newest that was published, by origin. Raises `StillPublishedError`, or what
    signing and the database raise.
    """
    named = {one.series for one in lost if await _is_named(connection, one)}
    if {one.series for one in lost} <= named:
        return []
    leases = [await _lease(connection, series) for series in NAMES]
    forked = {one.series for one in lost if one.is_forked}
    for series, lease in zip(NAMES, leases, strict=True):
        if series not in forked:
            await _sign_to_end(connection, series, lease, logbooks)
    by_origin = {one.published.origin: one for one in lost}
    done: list[Reopened] = []
    async with connection.transaction():
        for lease in leases:
            if not await stands_until_commit(connection, lease):
                raise LeaseLostError
        await lock_open_volumes(connection)
        year = await year_now(connection)
        for series in NAMES:
            done.append(await _turn(connection, series, year, by_origin, known, logbooks))
    for lease in leases:
        await give_up_lease(connection, lease)
    return done


def settle(published: Published, lost: Sequence[Lost]) -> None:
    """From now on each volume is held to what was put back of it: the gateway serves again."""
    for one in lost:
        root = one.root or one.published.root
        published.settle(one.published.origin, one.restored, root)


async def _turn(
    connection: Connection,
    series: int,
    year: str,
    lost: Mapping[str, Lost],
    known: Mapping[str, Remembered],
    logbooks: Logbooks,
) -> Reopened:
    volume = await open_volume(connection, series)
    origin = logbooks.origin(series, volume.name)
    of_series = [one for one in lost.values() if one.series == series]
    # Where the whole volume is gone, that is what came before; and else what stands open here.
    cut = next((one for one in of_series if one.volume is None), lost.get(origin))
    root = await root_at(connection, volume.log, volume.size)
    remembered = known.get(origin)
    named = cut.published if cut is not None else remembered
    if named is None or (cut is None and named.size < volume.size):
        named = Remembered(origin, volume.size, root, None)
    names = {one.name for one in await volumes_of(connection, series)}
    name = next(
        candidate
        for candidate in (year, *(f"{year}-{number}" for number in range(2, 10_000)))
        if candidate not in names and logbooks.origin(series, candidate) not in known
    )
    await finish_open(connection, series, volume.log, name)
    restored = {"root": encode_base64(root), "size": volume.size}
    if cut is not None and cut.volume is None:
        restored |= {"origin": origin}
    leaf = predecessor_leaf(
        {
            "predecessor": {
                "origin": named.origin,
                "root": encode_base64(named.root),
                "size": named.size,
                "restored": restored,
            }
        },
        await now_millis(connection),
    )
    await append_leaves(connection, series, [leaf])
    return Reopened(series, named.origin, named.size, volume.size, name)


async def finish_open(connection: Connection, series: int, log: int, name: str) -> None:
    """Close the open volume for good, signed as far as it is, and open the next."""
    await next_volume(connection, series, name)
    await finish_volume(connection, log)


async def _is_named(connection: Connection, one: Lost) -> bool:
    """Whether the open volume says already what this one was cut from."""
    for entry in await first_entries(connection, one.series, _LOOK_AT):
        predecessor = decode_entry(entry).get("predecessor")
        if isinstance(predecessor, dict) and "restored" in predecessor:
            told = (predecessor.get("origin"), predecessor.get("size"))
            if told == (one.published.origin, one.published.size):
                return True
    return False


async def _lease(connection: Connection, series: int) -> Lease:
    holder = new_id()
    for _ in range(LEASE_TRIES):
        lease = await take_lease(connection, f"publisher/{NAMES[series]}", holder, LEASE_SECONDS)
        if lease is not None:
            return lease
        await asyncio.sleep(TRY_AGAIN_SECONDS)
    raise StillPublishedError("another gateway still signs this database's log: stop it first")


async def _sign_to_end(
    connection: Connection, series: int, lease: Lease, logbooks: Logbooks
) -> None:
    """What was put back is a beginning of what was published: every entry of it gets its proof."""
    for volume in await volumes_of(connection, series):
        if volume.is_final:
            continue
        origin = logbooks.origin(series, volume.name)
        signer = CheckpointSigner(volume.log, origin, logbooks.key(series))
        while await signer.extend(connection, lease):
            pass
        if volume.closed_at is None and await log_size(connection, volume.log) != volume.size:
            raise StillPublishedError("another gateway still writes to this database")
