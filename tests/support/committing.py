"""Stages 1 to 3 and the group committer on a database of its own, without HTTP around them.

The writers can be held up by a lock on the log's head, as a busy database would, so that what
queues meanwhile forms the next group.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.port import Adapter
from adapters.registry import ADAPTERS
from gateway.app import Books
from gateway.audit.entries import Trace
from gateway.cli.setup import SANDBOX, read_protocol
from gateway.exchange import referral as road
from gateway.exchange.arrivals import Arrival, Prints
from gateway.exchange.committer import GroupCommitter
from gateway.exchange.deliveries import Deliveries
from gateway.exchange.referral import PseudonymisedReferral
from gateway.exchange.routing import bundled_routes
from gateway.exchange.tools import GroupTools, ProtectedSide
from gateway.exchange.workoff import DeliveryTools
from gateway.pseudonyms.domains import Handles, ProtectedHandles
from gateway.store.deliveries import StoredDelivery, by_id
from gateway.store.ids import new_id
from gateway.store.partners import register_partner
from gateway.store.protocols import put_in_force
from gateway.telemetry import Telemetry
from gateway.vault.boxes import Vault
from gateway.vault.keys import EnvironmentKeys, KeyProvider, signing_key
from schemas.deliveries import DeliveryState
from schemas.referral import Referral
from tests.support.journals import fresh_journal

ROOT_KEY = {"SLUIS_ROOT_KEY": "S" * 43 + "="}
TRACE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")


_SOMEBODY_WAITS = "select exists (select from pg_locks where not granted)"


@dataclass
class Desk:
    """What makes messages ready for the committer."""

    keys: KeyProvider
    pool: asyncpg.Pool
    engine: AsyncEngine
    books: Books
    tools: GroupTools
    handles: Handles
    prints: Prints
    log: io.StringIO

    def arrived(self, message: dict[str, Any], sender: str = "dwi") -> PseudonymisedReferral:
        """Stages 1 to 3 of a referral."""
        body, exchange = json.dumps(message).encode(), new_id()
        arrival = Arrival(
            exchange,
            sender,
            self.prints.reference(sender, message["kenmerk"]),
            self.prints.body(sender, body),
            self.prints.commitment(exchange, body),
            datetime.now(UTC),
            TRACE,
            (),
            len(body),
        )
        translated = road.TranslatedReferral(arrival, Referral.model_validate_json(body))
        return road.pseudonymise(translated, self.handles)

    @asynccontextmanager
    async def committer(
        self,
        *,
        writers: int = 1,
        group_size: int = 256,
        bytes_per_sender: int = 1024 * 1024,
    ) -> AsyncIterator[GroupCommitter]:
        """A committer that runs."""
        made = GroupCommitter(
            self.pool,
            self.books.of,
            self.tools,
            Telemetry(self.log),
            writers=writers,
            group_size=group_size,
            bytes_per_sender=bytes_per_sender,
        )
        made.start()
        try:
            yield made
        finally:
            await made.stop()

    @asynccontextmanager
    async def writers_held(self) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Every writer stops at the log's head; gives what waits until one has come there."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute("select 1 from log_head for update")

            yield self.somebody_waits

    @asynccontextmanager
    async def deliveries(
        self,
        committer: GroupCommitter,
        adapters: Mapping[str, Adapter] = ADAPTERS,
        max_bytes: int = 16 * 1024 * 1024,
    ) -> AsyncIterator[Deliveries]:
        """Deliveries that are received and worked off."""
        made = Deliveries(
            self.pool,
            committer,
            DeliveryTools(
                adapters,
                self.tools.vault,
                self.handles,
                self.prints,
                self.tools.clock,
                Telemetry(self.log),
                max_bytes,
            ),
        )
        made.start()
        try:
            yield made
        finally:
            await made.stop()

    async def worked_off(self, delivery: UUID, sender: str = "dwi") -> StoredDelivery:
        """A delivery once it is done."""
        async with asyncio.timeout(20):
            while True:
                stored = await by_id(self.pool, sender, delivery)
                assert stored is not None
                if stored.state != DeliveryState.PROCESSING:
                    return stored
                await asyncio.sleep(0.02)

    async def somebody_waits(self) -> None:
        """Until a transaction waits for a lock."""
        async with asyncio.timeout(10):
            while not await self.pool.fetchval(_SOMEBODY_WAITS):  # noqa: ASYNC110  # no event tells
                await asyncio.sleep(0.005)

    async def count(self, table: str) -> int:
        return int(await self.pool.fetchval(f"select count(*) from {table}"))  # noqa: S608  # a test's own word

    async def effects(self) -> tuple[int, int, int]:
        """Exchanges, mailbox rows, log entries."""
        return (
            await self.count("exchange"),
            await self.count("mailbox"),
            await self.count("log_leaf"),
        )


@asynccontextmanager
async def open_desk(database: str) -> AsyncIterator[Desk]:
    """A desk on a migrated database, with the sandbox's partners and example protocol."""
    engine = create_async_engine("postgresql+asyncpg" + database.removeprefix("postgresql"))
    keys = EnvironmentKeys(ROOT_KEY)
    protocol = read_protocol(None)
    await put_in_force(engine, protocol.version, protocol.digest, protocol.text)
    for partner in SANDBOX:
        await register_partner(engine, partner)
    tools = GroupTools(
        Vault(keys),
        bundled_routes(),
        "sluis/proef/verwerkingen",
        signing_key(keys, "log/proef"),
        lambda: datetime.now(UTC),
        Handles(keys),
        ProtectedSide(
            "sluis/proef/beschermd", signing_key(keys, "log/apart"), ProtectedHandles(keys)
        ),
        fresh_journal(keys),
    )
    log = io.StringIO()
    async with asyncpg.create_pool(database, min_size=2, max_size=8) as pool:
        try:
            yield Desk(keys, pool, engine, Books(keys), tools, Handles(keys), Prints(keys), log)
        finally:
            await engine.dispose()
