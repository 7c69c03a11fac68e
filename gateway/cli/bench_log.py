"""What `sluis bench log` measures: a log in a PostgreSQL of its own, and a plain table beside it.

Entries are those of a decision on two persons. Their bytes are made beforehand but for the ids;
hashing, sending, indexing and signing them is what is measured.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from uuid import UUID

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.checkpoint import open_checkpoint
from gateway.audit.entries import EntryHead, Event, RuleFacts, Trace, commitment, write_entry
from gateway.audit.merkle import Frontier, leaf_hash, leaf_hashes
from gateway.audit.publisher import LogPublisher
from gateway.audit.series import NAMES, Logbooks
from gateway.bench.log import WRITERS, Book, Logging
from gateway.bench.processes import BenchFailed
from gateway.bench.subjects import Database
from gateway.store.groups import VERWERKINGEN, Leaf, append_leaves
from gateway.store.ids import new_id
from gateway.store.log import leaves_between, newest_checkpoint, open_volume
from gateway.store.migrate import migrate
from gateway.telemetry import Telemetry
from gateway.vault.boxes import DataKey

_PAGE = 5_000
_PATIENCE = 120.0


class _FreshKey(Logbooks):
    """The logs of a gateway that nobody knows, under a key made for the occasion."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._oin = "bench"
        self._keys = dict.fromkeys(NAMES, key)


class LogBook:
    """A log with writers and its publisher, and the plain table."""

    def __init__(
        self,
        writers: Sequence[asyncpg.Connection],
        publisher: LogPublisher,
        books: Logbooks,
        roots: Sequence[int],
    ) -> None:
        self.roots = roots
        self._writers = writers
        self._publisher = publisher
        self._books = books
        self._ids = count(1)
        self._before, self._after, self._subjects = _template()
        self.entry_bytes = len(self._entry())

    async def append(self, writer: int, size: int) -> None:
        """Commit one group of so many new entries."""
        connection = self._writers[writer]
        entries = [self._entry() for _ in range(size)]
        leaves = [Leaf(leaf_hash(entry), entry, self._subjects) for entry in entries]
        async with connection.transaction():
            await append_leaves(connection, VERWERKINGEN, leaves)
        self._publisher.wake()

    async def settle(self) -> None:
        """Return once a signed checkpoint covers every committed entry."""
        connection = self._writers[0]
        async with asyncio.timeout(_PATIENCE):
            while True:
                volume = await open_volume(connection, VERWERKINGEN)
                newest = await newest_checkpoint(connection, volume.log)
                if newest is not None and newest.size == volume.size:
                    return
                self._publisher.wake()
                await asyncio.sleep(0.02)

    async def plain(self, writer: int, size: int) -> None:
        """Commit the same bytes to a plain table, by plain inserts."""
        connection = self._writers[writer]
        rows = [(self._entry(),) for _ in range(size)]
        async with connection.transaction():
            await connection.executemany("insert into plain (entry) values ($1)", rows)

    async def check(self) -> int:
        """The entries in the log, once their root is what was signed; raises `BenchFailed`."""
        connection = self._writers[0]
        volume = await open_volume(connection, VERWERKINGEN)
        newest = await newest_checkpoint(connection, volume.log)
        if newest is None or newest.size != volume.size:
            raise BenchFailed("no signed checkpoint covers the whole log")
        key = self._books.verifier(VERWERKINGEN, volume.name)
        stated = open_checkpoint(newest.note.encode(), [key]).checkpoint
        tree = Frontier()
        for first in range(0, volume.size, _PAGE):
            leaves = await leaves_between(connection, volume.log, first, first + _PAGE)
            tree.append(leaf_hashes(leaf.entry for leaf in leaves))
        if (tree.size, tree.root()) != (stated.size, stated.root):
            raise BenchFailed("the signed root is not that over the entries")
        return tree.size

    def _entry(self) -> bytes:
        return b"%b%032x%b" % (self._before, next(self._ids), self._after)


def logging(
    database: Callable[[Path], AbstractAsyncContextManager[Database]],
    told: Callable[[str, int, int | None], None],
) -> Logging:
    """What the bench measures."""
    return Logging(partial(_open, database), told)


@asynccontextmanager
async def _open(
    database: Callable[[Path], AbstractAsyncContextManager[Database]], folder: Path
) -> AsyncIterator[Book]:
    async with database(folder) as empty:
        await migrate(empty.url)
        url = empty.url.replace("+asyncpg", "", 1)
        pool = await asyncpg.create_pool(url, min_size=1, max_size=2)
        writers = [await asyncpg.connect(url) for _ in range(WRITERS)]
        books = _FreshKey(Ed25519PrivateKey.generate())
        publisher = LogPublisher(pool, books, VERWERKINGEN, Telemetry())
        try:
            await writers[0].execute(
                """create table plain (
                       id bigint generated always as identity primary key, entry bytea not null)"""
            )
            publisher.start()
            yield LogBook(writers, publisher, books, [empty.pid])
        finally:
            await publisher.stop()
            for writer in writers:
                await writer.close()
            await pool.close()


def _template() -> tuple[bytes, bytes, list[UUID]]:
    """An entry of a decision before and after its id, which stands without hyphens."""
    entry, subjects, key = new_id(), [new_id(), new_id()], DataKey(bytes(32))
    rule = RuleFacts(
        flow="dwi-aanmelding-wijkteam",
        activity="https://register.voorbeeld.nl/verwerkingen/aanmelding",
        protocol_version="2026-01",
        protocol_digest=bytes(32),
        locks={"grondslag": "publieke-taak", "bsn": "wettelijk", "instemming": "gegeven"},
    )
    head = EntryHead(entry, Event.DECISION, Trace(entry.hex, entry.hex[:16]), new_id(), 0, 0)
    written = write_entry(
        head,
        rule,
        [commitment(key, entry, subject) for subject in subjects],
        {
            "decision": "toegelaten",
            "field": None,
            "recipient": "casebook",
            "released": [f"lid.veld{n}" for n in range(8)],
            "removed": ["lid.telefoonnummer"],
            "rule": "toegelaten",
            "sender": "dwi",
        },
    )
    before, after = written.split(f'"id":"{entry}"'.encode())
    return before + b'"id":"', b'"' + after, subjects
