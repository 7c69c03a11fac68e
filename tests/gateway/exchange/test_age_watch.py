"""Every machine is held to what any of them published; and old lines of the journal go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.freshness import DatabaseOlderError
from gateway.audit.merkle import EMPTY_ROOT
from gateway.audit.published import Published
from gateway.audit.signing import CheckpointSigner
from gateway.exchange.age_watch import AgeWatch
from gateway.store.database import open_pool
from gateway.store.groups import VERWERKINGEN
from gateway.store.ids import new_id
from gateway.store.lease import take_lease
from gateway.telemetry import Telemetry
from gateway.vault.journal import Journal
from gateway.vault.journal_folder import files_of, make_folder
from tests.gateway.audit.leaves import append
from tests.gateway.exchange.road import KEYS
from tests.support.logbooks import YEAR, KnownKey

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LOGBOOKS = KnownKey(KEY)
ORIGIN = LOGBOOKS.origin(VERWERKINGEN, YEAR)


class Machine:
    """One machine's folder, with a watch on the database that all share."""

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self.folder = folder
        self.now = datetime(2026, 11, 22, tzinfo=UTC)
        self.published = Published(folder)
        self.journal = Journal(folder, KEYS, lambda: self.now)
        self.log = StringIO()
        self.watch = AgeWatch(
            self.published, LOGBOOKS, self.journal, lambda: self.now, Telemetry(self.log),
            keeps=timedelta(days=30),
        )  # fmt: skip


async def sign(pool: asyncpg.Pool, published: Published) -> None:
    async def remember(note: str) -> None:
        published.remember(note)

    async with pool.acquire() as connection:
        lease = await take_lease(connection, "publisher/verwerkingen", new_id(), 60.0)
        assert lease is not None
        await CheckpointSigner(VERWERKINGEN, ORIGIN, KEY, remember).extend(connection, lease)


async def test_a_machine_that_does_not_sign_is_held_to_what_another_signed(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    leads, follows = Machine(tmp_path / "a"), Machine(tmp_path / "b")
    for each in (leads, follows):
        each.watch.watch(pool)
        await each.watch.turn()
    await append(pool, 5)
    await sign(pool, leads.published)

    await follows.watch.turn()

    assert follows.published.newest() == leads.published.newest()
    assert follows.published.newest()[ORIGIN].size == 5


async def test_who_finds_the_database_older_lets_nobody_in(
    database: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    machine = Machine(tmp_path / "a")
    async with open_pool(database, 4, admit=machine.watch.admit) as own:
        machine.watch.watch(own)
        await append(pool, 5)
        await sign(pool, machine.published)
        await machine.watch.turn()
        # What a dump does that is loaded over the connections of those who use the database.
        await pool.execute("delete from log_leaf; delete from log_checkpoint; delete from log_tile")
        await pool.execute("update log_head set size = 0")

        await machine.watch.turn()
        await machine.watch.turn()

        with pytest.raises(DatabaseOlderError):
            await own.fetchval("select 1")
        assert machine.log.getvalue().count("database-older") == 1
        machine.published.settle(ORIGIN, 0, EMPTY_ROOT)
        await machine.watch.turn()
        assert await own.fetchval("select 1") == 1
        assert machine.log.getvalue().count("database-recovered") == 1


async def test_lines_go_once_no_backup_may_be_put_back_that_lacks_them(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    machine = Machine(tmp_path / "a")
    machine.watch.watch(pool)
    first = machine.now
    for _ in range(3):
        await machine.journal.write([{"at": 1, "kind": "proef"}])
        machine.now += timedelta(days=1)

    for days, left in ((29, 3), (30, 3), (31, 2), (32, 1), (90, 1)):
        machine.now = first + timedelta(days=days)
        await machine.watch.turn()
        assert len(files_of(machine.folder)) == left, days
