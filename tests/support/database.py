"""A real PostgreSQL for tests: one server a session, one fresh database a test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg

from gateway.store.embedded import EmbeddedServer, start_embedded
from gateway.store.migrate import migrate

TEMPLATE = "sluis_template"
LONGEST_SECONDS = 60.0


class TestServer:
    """The session's server, with a migrated template database."""

    __test__ = False

    def __init__(self, server: EmbeddedServer) -> None:
        self.server = server
        asyncio.run(self._make_template())

    def url(self, database: str) -> str:
        """The asyncpg URL of one database."""
        return self.server.dsn.replace("@/sluis?", f"@/{database}?")

    def sqlalchemy_url(self, database: str) -> str:
        """The SQLAlchemy URL of one database."""
        return self.server.sqlalchemy_url.replace("@/sluis?", f"@/{database}?")

    async def _make_template(self) -> None:
        await self._admin(f"create database {TEMPLATE}")
        await migrate(self.sqlalchemy_url(TEMPLATE))

    async def fresh(self) -> str:
        """The name of a new, migrated, empty database."""
        name = f"test_{uuid4().hex}"
        await self._admin(f"create database {name} template {TEMPLATE} strategy file_copy")
        return name

    async def drop(self, name: str) -> None:
        """Remove a database, whoever is connected.

        A cleaner of the server's own (autovacuum) may be at work in it, which is not ours to end.
        """
        async with asyncio.timeout(LONGEST_SECONDS):
            while True:
                try:
                    return await self._admin(f"drop database {name} with (force)")
                except asyncpg.InsufficientPrivilegeError:
                    await asyncio.sleep(0.2)

    async def _admin(self, statement: str) -> None:
        connection = await asyncpg.connect(self.server.dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def test_server(folder: Path) -> Iterator[TestServer]:
    """Start the session's server."""
    # Nothing here outlives the session, so durability may be traded for speed; the tests of
    # durability start servers of their own.
    settings = {"fsync": "off", "full_page_writes": "off"}
    with start_embedded(folder, settings=settings) as server:
        yield TestServer(server)
