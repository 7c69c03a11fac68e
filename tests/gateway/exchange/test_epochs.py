"""Key epochs: live keys move along, an old epoch's key goes in time, and no crash closes a row."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from gateway.exchange.epochs import (
    EpochInUseError,
    KeyEpochs,
    NotYetError,
    backups_until,
    destroy,
    look,
    rewrap,
)
from gateway.store import epochs as store
from gateway.store.epochs import WRAPPED
from gateway.store.groups import Connection
from gateway.telemetry import Telemetry
from gateway.vault.boxes import CONTENT, Vault, WrappedKey
from gateway.vault.keys import FileKeys, KeyDestroyedError, epoch_ends, epoch_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TERM = timedelta(days=30)
WEEK = timedelta(days=7)
EPOCH = epoch_of(NOW)


@pytest.fixture
def keys(tmp_path: Path) -> FileKeys:
    return FileKeys(tmp_path / "keys")


@pytest.fixture
async def connection(pool: asyncpg.Pool) -> AsyncIterator[Connection]:
    async with pool.acquire() as held:
        yield held


async def add_subjects(connection: Connection, vault: Vault, epoch: int, count: int) -> set[UUID]:
    rows = []
    for _ in range(count):
        subject = uuid4()
        rows.append((subject, *vault.new_key(subject, CONTENT, epoch)[1]))
    await connection.copy_records_to_table(
        "subject", records=rows, columns=("id", "kek_epoch", "wrapped")
    )
    return {row[0] for row in rows}


async def all_open(connection: Connection, vault: Vault) -> bool:
    rows = await connection.fetch("select id, kek_epoch, wrapped from subject")
    return all(vault.unwrap(row[0], CONTENT, WrappedKey(row[1], row[2])) for row in rows)


def running(pool: asyncpg.Pool, keys: FileKeys, now: datetime) -> KeyEpochs:
    return KeyEpochs(
        pool, keys, Vault(keys), lambda: now, Telemetry(io.StringIO()), TERM, at_once=7
    )


async def test_every_table_with_wrapped_keys_is_moved(connection: Connection) -> None:
    rows = await connection.fetch(
        "select table_name from information_schema.columns where column_name = 'kek_epoch'"
        " and table_schema = 'public'"
    )
    found = {row[0] for row in rows} - {"key_epoch"}
    assert found == {table.name for table in WRAPPED}
    for table in WRAPPED:
        kind = await connection.fetchval(
            "select data_type from information_schema.columns"
            " where table_name = $1 and column_name = $2",
            table.name,
            table.owner,
        )
        assert kind == "uuid", table


async def test_invariant_10_live_keys_move_along_in_batches(
    connection: Connection, keys: FileKeys
) -> None:
    vault = Vault(keys)
    await add_subjects(connection, vault, EPOCH - 2, 20)
    await add_subjects(connection, vault, EPOCH - 1, 5)
    await add_subjects(connection, vault, EPOCH, 3)

    batches = [one async for one in rewrap(connection, vault, EPOCH, at_once=7)]

    assert sum(one.moved for one in batches) == 25
    assert max(one.moved for one in batches) <= 7
    assert await connection.fetchval("select array_agg(distinct kek_epoch) from subject") == [EPOCH]
    assert await all_open(connection, Vault(keys))
    assert [one async for one in rewrap(connection, vault, EPOCH)] == []


async def test_invariant_10_a_crash_between_batches_leaves_every_key_open(
    connection: Connection, keys: FileKeys
) -> None:
    vault = Vault(keys)
    await add_subjects(connection, vault, EPOCH - 1, 30)
    async for _ in rewrap(connection, vault, EPOCH, at_once=4):
        break
    counts = await store.in_use(connection)
    assert counts[EPOCH - 1]["subject"] == 26
    assert await all_open(connection, Vault(keys))
    await look(connection, keys, NOW, TERM)
    with pytest.raises(EpochInUseError):
        await destroy(connection, keys, vault, EPOCH - 1, NOW + 2 * TERM, TERM)
    assert await all_open(connection, Vault(keys))


async def test_rows_that_somebody_holds_are_passed_over_and_taken_later(
    pool: asyncpg.Pool, connection: Connection, keys: FileKeys
) -> None:
    vault = Vault(keys)
    one, *_ = await add_subjects(connection, vault, EPOCH - 1, 5)
    async with pool.acquire() as other, other.transaction():
        await other.execute("select 1 from subject where id = $1 for share", one)
        moved = [batch.moved async for batch in rewrap(connection, vault, EPOCH)]
    assert sum(moved) == 4
    assert sum([batch.moved async for batch in rewrap(connection, vault, EPOCH)]) == 1


async def test_a_damaged_key_stays_and_keeps_its_epoch(
    connection: Connection, keys: FileKeys
) -> None:
    vault = Vault(keys)
    (one,) = await add_subjects(connection, vault, EPOCH - 1, 1)
    await connection.execute(
        """update subject set wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)
            where id = $1""",
        one,
    )
    (batch,) = [batch async for batch in rewrap(connection, vault, EPOCH)]
    assert (batch.moved, batch.damaged) == (0, 1)
    states = {one.epoch: one for one in await look(connection, keys, NOW, TERM)}
    assert states[EPOCH - 1].emptied_at is None


async def test_invariant_10_a_key_is_destroyed_one_term_after_its_last_use(
    pool: asyncpg.Pool, connection: Connection, keys: FileKeys
) -> None:
    vault = Vault(keys)
    (one,) = await add_subjects(connection, vault, EPOCH - 1, 1)
    old = await connection.fetchval("select wrapped from subject where id = $1", one)

    ahead = timedelta()
    part = KeyEpochs(
        pool, keys, Vault(keys), lambda: NOW + ahead, Telemetry(io.StringIO()), TERM, at_once=7
    )
    assert await part.pass_once()
    ahead = TERM - timedelta(minutes=1)
    assert await part.pass_once()
    assert keys.key_encryption_key(EPOCH - 1)
    with pytest.raises(NotYetError):
        await destroy(connection, keys, vault, EPOCH - 1, NOW + timedelta(days=29), TERM)
    ahead = TERM + timedelta(minutes=1)
    assert await part.pass_once()

    with pytest.raises(KeyDestroyedError):
        keys.key_encryption_key(EPOCH - 1)
    assert await all_open(connection, Vault(keys))
    with pytest.raises(Exception, match="unwrap"):
        Vault(keys).unwrap(one, CONTENT, WrappedKey(EPOCH - 1, old))
    rows = await connection.fetch("select entry from log_leaf where log = 1 order by index")
    entries = [json.loads(row[0]) for row in rows]
    (said,) = [one for one in entries if one["event"] == "sleutelvernietiging"]
    assert said["epoch"] == EPOCH - 1
    assert said["lastUse"] == int(NOW.timestamp() * 1000)
    assert said["subjects"] == []


async def test_what_was_destroyed_before_is_not_destroyed_again(
    pool: asyncpg.Pool, connection: Connection, keys: FileKeys
) -> None:
    keys.key_encryption_key(EPOCH - 1, makes=True)
    vault = Vault(keys)
    await look(connection, keys, NOW, TERM)
    assert await destroy(connection, keys, vault, EPOCH - 1, NOW + 2 * TERM, TERM) is not None
    assert await destroy(connection, keys, vault, EPOCH - 1, NOW + 2 * TERM, TERM) is None
    await running(pool, keys, NOW + 3 * TERM).pass_once()
    entries = [row[0] for row in await connection.fetch("select entry from log_leaf")]
    assert sum(b"sleutelvernietiging" in entry for entry in entries) == 1


async def test_a_key_that_comes_back_with_a_backup_of_the_keys_stays_dead(
    connection: Connection, keys: FileKeys, tmp_path: Path
) -> None:
    drawn = keys.key_encryption_key(EPOCH - 1, makes=True)
    vault = Vault(keys)
    await look(connection, keys, NOW, TERM)
    await destroy(connection, keys, vault, EPOCH - 1, NOW + 2 * TERM, TERM)
    (tmp_path / "keys" / f"kek-{EPOCH - 1}.key").write_bytes(drawn)
    with pytest.raises(KeyDestroyedError):
        keys.key_encryption_key(EPOCH - 1)
    await destroy(connection, keys, vault, EPOCH - 1, NOW + 2 * TERM, TERM)
    assert not (tmp_path / "keys" / f"kek-{EPOCH - 1}.key").exists()


async def test_a_crash_between_key_and_commit_is_made_good(
    connection: Connection, keys: FileKeys
) -> None:
    keys.key_encryption_key(EPOCH - 1, makes=True)
    vault = Vault(keys)
    await look(connection, keys, NOW, TERM)
    keys.destroy(EPOCH - 1)  # and the transaction was never committed
    assert await destroy(connection, keys, vault, EPOCH - 1, NOW + 2 * TERM, TERM) is not None
    states = {one.epoch: one for one in await look(connection, keys, NOW, TERM)}
    assert states[EPOCH - 1].is_destroyed


async def test_of_two_processes_one_works_and_both_forget(
    pool: asyncpg.Pool, connection: Connection, keys: FileKeys
) -> None:
    await add_subjects(connection, Vault(keys), EPOCH - 1, 3)
    first, second = running(pool, keys, NOW), running(pool, keys, NOW)
    await all_open(connection, second._vault)
    assert second._vault.remembered == {EPOCH - 1}

    assert await first.pass_once()
    assert not await second.pass_once()
    assert (await store.in_use(connection)) == {EPOCH: {"subject": 3}}
    await destroy(connection, keys, first._vault, EPOCH - 1, NOW + 2 * TERM, TERM)
    assert not await second.pass_once()
    assert EPOCH - 1 not in first._vault.remembered | second._vault.remembered


async def test_backups_have_forgotten_after_the_week_a_day_and_the_term() -> None:
    for days in range(8):
        at = NOW + timedelta(days=days)
        until = backups_until(at, TERM)
        assert until == epoch_ends(epoch_of(at)) + timedelta(days=31)
        assert TERM + timedelta(days=1) < until - at <= TERM + WEEK + timedelta(days=1)
