"""The road between a gateway and its PostgreSQL, with faults at its one delicate place: COMMIT.

A unix socket that passes the frontend/backend protocol on, message by message. Only commits of
deciding and releasing transactions are looked at; they are known by the rules lock that opens them
(`gateway.store.groups.begin_deciding`). Each fault has its pair: lost before it had effect, and
lost after it, when only the answer is missing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.support.running_gateway import reachable_folder

SOCKET = ".s.PGSQL.5432"
_OPENS = b"pg_advisory_xact_lock_shared"
_COMMIT = b"commit\x00"
_COMMITTED = b"COMMIT\x00"


class Cut(StrEnum):
    """Where the connection breaks."""

    BEFORE_COMMIT = "the COMMIT never reaches the database"
    AFTER_COMMIT = "the database commits, and its answer never comes back"


@dataclass
class DatabaseRoad:
    """A folder with a socket that leads to the database, by way of the faults planned here."""

    folder: Path
    planned: list[Cut] = field(default_factory=list)
    always: Cut | None = None
    done: list[Cut] = field(default_factory=list)
    at_commit: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a commit has come as far as the road."""
    may_commit: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared, commits wait on the road."""
    is_closed: bool = False
    """While set, nobody gets through, and nobody new in."""
    _links: set[_Link] = field(default_factory=set)

    def next_cut(self) -> Cut | None:
        """The fault for the commit that is passing, if one is planned."""
        cut = self.planned.pop(0) if self.planned else self.always
        if cut is not None:
            self.done.append(cut)
        return cut

    def close(self) -> None:
        """Break every connection and let nobody in, as a network that is gone."""
        self.is_closed = True
        for link in list(self._links):
            link.break_off()

    def open(self) -> None:
        """Let everybody through again."""
        self.is_closed = False


class _Link:
    """One connection through the road."""

    def __init__(
        self,
        road: DatabaseRoad,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._road = road
        self._client, self._to_client = client
        self._server, self._to_server = server
        self._is_deciding = False
        self._awaits_commit = False

    async def run(self) -> None:
        both = [asyncio.create_task(self._forth()), asyncio.create_task(self._back())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            self.break_off()

    def break_off(self) -> None:
        self._to_client.close()
        self._to_server.close()

    async def _forth(self) -> None:
        # The first message has no type byte, only its length.
        length = await self._client.readexactly(4)
        rest = await self._client.readexactly(int.from_bytes(length, "big") - 4)
        self._to_server.write(length + rest)
        while True:
            head = await self._client.readexactly(5)
            body = await self._client.readexactly(int.from_bytes(head[1:], "big") - 4)
            if head[:1] == b"Q" and _OPENS in body:
                self._is_deciding = True
            elif head[:1] == b"Q" and body == _COMMIT and self._is_deciding:
                self._is_deciding = False
                self._road.at_commit.set()
                await self._road.may_commit.wait()
                cut = self._road.next_cut()
                if cut is Cut.BEFORE_COMMIT:
                    return
                self._awaits_commit = cut is Cut.AFTER_COMMIT
            self._to_server.write(head + body)
            await self._to_server.drain()

    async def _back(self) -> None:
        while data := await self._server.read(256 * 1024):
            if self._awaits_commit:
                if _COMMITTED in data:
                    return
                continue
            self._to_client.write(data)
            await self._to_client.drain()


@asynccontextmanager
async def database_road(server_folder: Path) -> AsyncIterator[DatabaseRoad]:
    """A road to the server whose socket stands in `server_folder`."""
    with reachable_folder() as folder:
        road = DatabaseRoad(folder)
        road.may_commit.set()

        async def connect(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
            if road.is_closed:
                to_client.close()
                return
            server = await asyncio.open_unix_connection(str(server_folder / SOCKET))
            link = _Link(road, (client, to_client), server)
            road._links.add(link)
            try:
                with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                    await link.run()
            finally:
                road._links.discard(link)

        listening = await asyncio.start_unix_server(connect, str(folder / SOCKET))
        try:
            yield road
        finally:
            listening.close()
            road.close()
