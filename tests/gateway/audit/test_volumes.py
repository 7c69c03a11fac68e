"""Volumes of a series: a year ends one, nothing is lost at it, and each names the one before."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import asyncpg

from gateway.audit import merkle
from gateway.audit.folder import write_folder
from gateway.audit.note import decode_base64
from gateway.audit.stored import prove_inclusion
from gateway.audit.verify import verify_folder
from gateway.store.groups import VERWERKINGEN, append_leaves
from gateway.store.log import (
    leaves_between,
    newest_checkpoint,
    next_volume,
    open_volume,
    volumes_of,
)
from tests.gateway.audit.leaves import append, leaf
from tests.gateway.audit.logs import KEY
from tests.gateway.audit.test_publisher import Replica, running, until
from tests.support.logbooks import YEAR, KnownKey

LAST_YEAR = "2025"


async def volumes(pool: asyncpg.Pool) -> list[tuple[str, int, bool]]:
    async with pool.acquire() as connection:
        found = await volumes_of(connection, VERWERKINGEN)
    return [(one.name, one.size, one.is_final) for one in found]


async def exported(pool: asyncpg.Pool, log: int, folder: Path) -> Path:
    async with pool.acquire() as connection:
        newest = await newest_checkpoint(connection, log)
        assert newest is not None
        leaves = await leaves_between(connection, log, 0, newest.size)
    write_folder(folder, [one.entry for one in leaves], newest.note.encode())
    return folder


async def test_a_year_ends_a_volume_and_its_successor_names_it(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    await pool.execute("update log_head set name = $1 where series = 1", LAST_YEAR)
    await append(pool, 300)
    replica = Replica(pool)

    async def is_turned() -> bool:
        found = await volumes(pool)
        return len(found) == 2 and found[0][2] and found[1][1] == 1

    async with running(replica):
        await until(is_turned)
        (hash_,) = await append(pool, 1)

        async def is_proven() -> object:
            async with pool.acquire() as connection:
                return await prove_inclusion(connection, VERWERKINGEN, hash_)

        await until(is_proven)

    assert await volumes(pool) == [(LAST_YEAR, 300, True), (YEAR, 2, False)]
    books = KnownKey(KEY)
    async with pool.acquire() as connection:
        now = await open_volume(connection, VERWERKINGEN)
        first, _ = await leaves_between(connection, now.log, 0, 2)
    old = verify_folder(
        await exported(pool, 1, tmp_path / "old"), [books.vkey(VERWERKINGEN, LAST_YEAR)]
    )
    new = verify_folder(
        await exported(pool, now.log, tmp_path / "new"), [books.vkey(VERWERKINGEN, YEAR)]
    )
    assert (old.size, new.size, new.origin) == (300, 2, f"sluis/proef/verwerkingen/{YEAR}")
    told = json.loads(first.entry)
    assert told["event"] == "voorganger"
    assert told["predecessor"]["origin"] == old.origin
    assert told["predecessor"]["size"] == 300
    assert decode_base64(told["predecessor"]["root"]) == old.root


async def test_nothing_is_lost_or_doubled_while_a_volume_turns(pool: asyncpg.Pool) -> None:
    written: list[bytes] = []

    async def write() -> None:
        for _ in range(40):
            one = leaf()
            async with pool.acquire() as connection, connection.transaction():
                await append_leaves(connection, VERWERKINGEN, [one])
            written.append(one.hash)

    async def turn() -> None:
        for name in ("a", "b", "c"):
            await asyncio.sleep(0.02)
            async with pool.acquire() as connection, connection.transaction():
                await next_volume(connection, VERWERKINGEN, name)

    await asyncio.gather(write(), write(), write(), turn())

    rows = await pool.fetch("select log, index, hash from log_leaf order by log, index")
    assert sorted(row[2] for row in rows) == sorted(written)
    for name, size, _ in await volumes(pool):
        log = await pool.fetchval("select log from log_head where name = $1 and series = 1", name)
        assert [row[1] for row in rows if row[0] == log] == list(range(size))


async def test_several_volumes_that_wait_are_signed_in_turn(pool: asyncpg.Pool) -> None:
    for name in ("a", "b", YEAR + "-9"):
        await append(pool, 10)
        async with pool.acquire() as connection, connection.transaction():
            await next_volume(connection, VERWERKINGEN, name)

    async def is_done() -> bool:
        return [one[2] for one in await volumes(pool)] == [True, True, True, False]

    async with running(Replica(pool)):
        await until(is_done)
    rows = await pool.fetch("select entry from log_leaf where log = any($1) order by index", [6, 7])
    named = [json.loads(row[0])["predecessor"]["origin"] for row in rows if b"voorganger" in row[0]]
    assert all(name.startswith("sluis/proef/verwerkingen/") for name in named)
    hashes = [merkle.leaf_hash(row[0]) for row in rows]
    assert len(set(hashes)) == len(hashes)
