"""The database that this process uses: its own embedded PostgreSQL, or the operator's.

The embedded server is our child. Should it end while we live (out of memory, a stray signal), it is
started again; until it answers, requests get 503 with Retry-After and nothing is lost.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from gateway.store.embedded import (
    DataFolderInUse,
    EmbeddedFailure,
    EmbeddedServer,
    running_address,
    start_embedded,
)
from gateway.store.groups import Connection
from gateway.store.migrate import migrate
from gateway.telemetry import Telemetry

LOOK_EVERY_SECONDS = 0.5
CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 30.0
POOL_SIZE = 16
ROOTS_PLACE = Path("/var/lib/sluis")


class UnusableAddressError(Exception):
    """The database's address is not one of PostgreSQL."""


class Addresses(NamedTuple):
    """Where the database answers: for asyncpg, and for SQLAlchemy."""

    dsn: str
    sqlalchemy_url: str


class KeptServer:
    """The embedded server, kept running for as long as the context lasts."""

    def __init__(self, data_folder: Path, telemetry: Telemetry) -> None:
        self._data_folder = data_folder
        self._telemetry = telemetry
        self._server: EmbeddedServer | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def addresses(self) -> Addresses:
        """Where it answers; the same after every restart."""
        assert self._server is not None  # noqa: S101  # started by `__aenter__`
        return Addresses(self._server.dsn, self._server.sqlalchemy_url)

    def cpu_seconds(self) -> float:
        """CPU time of the server so far, for the benches."""
        return 0.0 if self._server is None else self._server.cpu_seconds()

    @property
    def pid(self) -> int | None:
        """The postmaster's process id."""
        return None if self._server is None else self._server.pid

    async def __aenter__(self) -> KeptServer:
        self._server = await self._start()
        self._task = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)

    async def _start(self) -> EmbeddedServer:
        return await asyncio.to_thread(start_embedded, self._data_folder)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            if self._server is None or self._server.is_running:
                continue
            self._telemetry.log("database-ended")
            await asyncio.to_thread(self._server.stop)  # gives its locks back
            try:
                self._server = await self._start()
            except EmbeddedFailure as error:
                self._telemetry.fault("database-restart", error)
            else:
                self._telemetry.log("database-restarted")


def database_folder(home: Path) -> Path:
    """The embedded server's data folder: in the home folder, where the server can reach it.

    Started by root, PostgreSQL runs as another user, who may not enter a home folder under, say,
    /root. Then the data stand under /var/lib/sluis, in a folder that is named after the home.
    """
    home = home.resolve()
    folder = home / "data"
    if os.geteuid() == 0 and not folder.exists():
        for parent in home.parents:
            # One that is missing yet is made so that the server can pass.
            if parent.exists() and not parent.stat().st_mode & 0o001:
                name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
                return ROOTS_PLACE / name
    return folder


@asynccontextmanager
async def open_database(
    home: Path, database_url: str | None, telemetry: Telemetry
) -> AsyncIterator[Addresses]:
    """The database for one command: the operator's, the one that a running gateway started, or
    the embedded one, started for as long as the command lasts. Migrated.
    """
    async with AsyncExitStack() as closing:
        if database_url is not None:
            addresses = own_addresses(database_url)
        else:
            folder = database_folder(home)
            server = KeptServer(folder, telemetry)
            try:
                await closing.enter_async_context(server)
                addresses = server.addresses
            except DataFolderInUse:
                rest = running_address(folder)
                addresses = Addresses(f"postgresql://{rest}", f"postgresql+asyncpg://{rest}")
        await migrate(addresses.sqlalchemy_url)
        yield addresses


def own_addresses(database_url: str) -> Addresses:
    """The operator's own database, from `SLUIS_DATABASE_URL`."""
    scheme, _, rest = database_url.partition("://")
    if scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise UnusableAddressError("SLUIS_DATABASE_URL must begin with postgresql://")
    return Addresses(f"postgresql://{rest}", f"postgresql+asyncpg://{rest}")


async def _end_transaction(connection: asyncpg.Connection) -> None:
    """All that a connection of ours can carry over to its next user; saves a round trip a group.

    Session locks are given back where they are taken, and nothing sets session variables.
    """
    if connection.is_in_transaction():
        await connection.execute("rollback")


Admit = Callable[[Connection], Coroutine[Any, Any, None]]
"""Looks at a connection before anybody uses it; raises where nobody may."""


@asynccontextmanager
async def open_pool(
    dsn: str, size: int = POOL_SIZE, *, admit: Admit | None = None
) -> AsyncIterator[asyncpg.Pool]:
    """A bounded pool; every connect and every statement has a limit in time.

    `admit` is asked for each new connection: a database that was put back has only such.
    """
    pool = await asyncpg.create_pool(
        dsn,
        init=admit,
        min_size=2,
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        reset=_end_transaction,
        server_settings={
            "application_name": "sluis",
            "timezone": "UTC",
            # A process that stopped half-way must not keep everybody waiting for its locks.
            "idle_in_transaction_session_timeout": "10s",
        },
    )
    try:
        yield pool
    finally:
        # Closing politely waits for every user; at the end there is none worth waiting for.
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_SECONDS):
                await pool.close()
        pool.terminate()
