"""A database older than what was published is known as such, and opened anew so that it shows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.checkpoint import Checkpoint, sign_checkpoint
from gateway.audit.freshness import (
    DatabaseOlderError,
    JournalMissingError,
    lost_of,
    require_fresh,
    root_at,
)
from gateway.audit.merkle import root
from gateway.audit.note import decode_base64
from gateway.audit.published import Published
from gateway.audit.publisher import LogPublisher
from gateway.audit.reopening import reopen, settle
from gateway.audit.series import NAMES
from gateway.audit.signing import CheckpointSigner
from gateway.store.groups import VERWERKINGEN, Connection
from gateway.store.ids import new_id
from gateway.store.lease import give_up_lease, take_lease
from gateway.store.log import newest_checkpoint, open_volume, volumes_of
from gateway.store.recovery import first_entries
from gateway.telemetry import Telemetry
from gateway.vault.journal_folder import make_folder
from tests.gateway.audit.leaves import append
from tests.support.logbooks import YEAR, KnownKey

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LOGBOOKS = KnownKey(KEY)
ORIGIN = LOGBOOKS.origin(VERWERKINGEN, YEAR)


@pytest.fixture
async def connection(pool: asyncpg.Pool) -> AsyncIterator[Connection]:
    async with pool.acquire() as connection:
        yield connection


@pytest.fixture
def published(tmp_path: Path) -> Published:
    folder = tmp_path / "journal"
    make_folder(folder)
    return Published(folder)


async def sign(connection: Connection, published: Published | None = None) -> None:
    """Sign what is there, as the publisher does, and write it down first where it is told to."""

    async def remember(note: str) -> None:
        assert published is not None
        published.remember(note)

    lease = await take_lease(connection, "publisher/verwerkingen", new_id(), 60.0)
    assert lease is not None
    volume = await open_volume(connection, VERWERKINGEN)
    origin = LOGBOOKS.origin(VERWERKINGEN, volume.name)
    signer = CheckpointSigner(volume.log, origin, KEY, remember if published else None)
    while await signer.extend(connection, lease):
        pass
    await give_up_lease(connection, lease)


def say(published: Published, size: int, fill: int = 7, origin: str = ORIGIN) -> None:
    """Something was published that this database does not have."""
    checkpoint = Checkpoint(origin, size, bytes([fill]) * 32)
    published.remember(sign_checkpoint(checkpoint, KEY).decode())


async def test_a_database_that_is_as_new_is_fresh(
    pool: asyncpg.Pool, connection: Connection, published: Published
) -> None:
    await append(pool, 300)
    await sign(connection, published)
    await append(pool, 5)  # committed, and not signed yet

    await require_fresh(connection, published, LOGBOOKS)


async def test_a_crash_between_writing_down_and_storing_is_no_older_database(
    pool: asyncpg.Pool, connection: Connection, published: Published
) -> None:
    hashes = await append(pool, 300)
    await sign(connection)
    hashes += await append(pool, 5)
    checkpoint = Checkpoint(ORIGIN, 305, root(hashes))
    published.remember(sign_checkpoint(checkpoint, KEY).decode())

    await require_fresh(connection, published, LOGBOOKS)
    await sign(connection, published)


async def test_fewer_entries_than_were_published_are_too_few(
    pool: asyncpg.Pool, connection: Connection, published: Published
) -> None:
    hashes = await append(pool, 10)
    await sign(connection)
    say(published, 12)

    with pytest.raises(DatabaseOlderError, match="holds 10 of the 12 entries"):
        await require_fresh(connection, published, LOGBOOKS)
    (lost,) = await lost_of(connection, published, LOGBOOKS)
    assert (lost.entries, lost.restored, lost.is_forked) == (2, 10, False)
    assert lost.root == root(hashes)


@pytest.mark.parametrize("signed", [True, False])
async def test_other_entries_than_were_published_are_another_log(
    pool: asyncpg.Pool, connection: Connection, published: Published, signed: bool
) -> None:
    await append(pool, 10)
    say(published, 7)
    if signed:
        await sign(connection)

    with pytest.raises(DatabaseOlderError, match="other entries than were published"):
        await require_fresh(connection, published, LOGBOOKS)


async def test_a_volume_that_is_not_there_is_lost(
    connection: Connection, published: Published
) -> None:
    say(published, 3, origin=LOGBOOKS.origin(VERWERKINGEN, "2999"))

    with pytest.raises(DatabaseOlderError, match="holds 0 of the 3"):
        await require_fresh(connection, published, LOGBOOKS)


async def test_another_gateways_checkpoints_say_nothing(
    connection: Connection, published: Published
) -> None:
    say(published, 3, origin="sluis/andere/verwerkingen/2026")

    await require_fresh(connection, published, LOGBOOKS)


async def test_a_folder_that_knows_of_nothing_is_not_the_journal(
    pool: asyncpg.Pool, connection: Connection, published: Published
) -> None:
    await require_fresh(connection, published, LOGBOOKS)  # a new gateway
    await append(pool, 1)
    await sign(connection)

    with pytest.raises(JournalMissingError):
        await require_fresh(connection, published, LOGBOOKS)
    await require_fresh(connection, published, LOGBOOKS, needs_journal=False)


async def test_the_publisher_does_not_sign_a_log_that_was_put_back(
    pool: asyncpg.Pool, connection: Connection, published: Published
) -> None:
    await append(pool, 5)
    say(published, 9)
    telemetry = Telemetry()
    publisher = LogPublisher(pool, LOGBOOKS, VERWERKINGEN, telemetry, published=published)

    with pytest.raises(Exception, match="older than what was published"):
        await publisher._turn()

    assert await newest_checkpoint(connection, VERWERKINGEN) is None
    await publisher.stop()


async def opening_of(connection: Connection, series: int) -> dict[str, object]:
    """What the entry that opens the newest volume says of the one before."""
    first = json.loads((await first_entries(connection, series, 1))[0])
    assert first["event"] == "voorganger"
    told: dict[str, object] = first["predecessor"]
    return told


async def test_every_series_begins_anew_and_names_what_was_cut(
    pool: asyncpg.Pool, connection: Connection, published: Published
) -> None:
    hashes = await append(pool, 10)
    await sign(connection)
    await append(pool, 2)
    say(published, 30)
    lost = await lost_of(connection, published, LOGBOOKS)

    done = await reopen(connection, lost, published.newest(), LOGBOOKS)
    again = await reopen(connection, lost, published.newest(), LOGBOOKS)

    assert [one.series for one in done] == list(NAMES)
    assert {one.volume for one in done} == {f"{YEAR}-2"}
    assert again == [], "a recovery that broke off finds this done"
    named = await opening_of(connection, VERWERKINGEN)
    assert (named["origin"], named["size"]) == (ORIGIN, 30)
    assert decode_base64(str(named["root"])) == bytes([7]) * 32
    restored = named["restored"]
    assert isinstance(restored, dict)
    assert restored["size"] == 12
    assert decode_base64(restored["root"]) == await root_at(connection, 1, 12)
    # All that was put back has its proof, and nothing more is ever written there.
    first, second = await volumes_of(connection, VERWERKINGEN)
    newest = await newest_checkpoint(connection, first.log)
    assert newest is not None
    assert (newest.size, first.is_final) == (12, True)
    assert first.closed_at is not None
    assert second.size == 1
    assert len(hashes) == 10

    with pytest.raises(DatabaseOlderError):
        await require_fresh(connection, published, LOGBOOKS)
    settle(published, await lost_of(connection, published, LOGBOOKS))
    await require_fresh(connection, published, LOGBOOKS)
    await sign(connection, published)
    await require_fresh(connection, published, LOGBOOKS)


async def test_a_fork_is_named_and_never_signed_further(
    pool: asyncpg.Pool, connection: Connection, published: Published
) -> None:
    await append(pool, 10)
    say(published, 7)
    lost = await lost_of(connection, published, LOGBOOKS)

    await reopen(connection, lost, published.newest(), LOGBOOKS)

    assert await newest_checkpoint(connection, 1) is None
    named = await opening_of(connection, VERWERKINGEN)
    assert named["size"] == 7
    restored = named["restored"]
    assert isinstance(restored, dict)
    assert restored["size"] == 10
    settle(published, await lost_of(connection, published, LOGBOOKS))
    await require_fresh(connection, published, LOGBOOKS)


async def test_a_second_restore_to_before_the_first_recovery_takes_no_used_name(
    pool: asyncpg.Pool, connection: Connection, published: Published
) -> None:
    """The volume that the first recovery opened was published, and is gone with the database."""
    await append(pool, 3)
    say(published, 5)
    say(published, 4, origin=f"{ORIGIN}-2")
    lost = await lost_of(connection, published, LOGBOOKS)
    assert {one.published.origin for one in lost} == {ORIGIN, f"{ORIGIN}-2"}

    done = await reopen(connection, lost, published.newest(), LOGBOOKS)

    # The name is free in the database, and taken by what partners hold.
    assert {one.volume for one in done if one.series == VERWERKINGEN} == {f"{YEAR}-3"}
    named = await opening_of(connection, VERWERKINGEN)
    assert (named["origin"], named["size"]) == (f"{ORIGIN}-2", 4)
    settle(published, await lost_of(connection, published, LOGBOOKS))
    await require_fresh(connection, published, LOGBOOKS)
