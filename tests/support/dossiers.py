"""An officer's desk beside a road: dossiers drafted, looked at, released and refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent.protocol import load
from gateway.audit.access import Act, Action, Actor, ActorKind, new_trace
from gateway.audit.publisher import LogPublisher
from gateway.cli.database import RecordingEngine
from gateway.cli.dossier import opening
from gateway.pseudonyms.domains import ProtectedHandles
from gateway.reports.dossier import drafting
from gateway.reports.dossier.authority import Capacity
from gateway.reports.dossier.contents import Written
from gateway.reports.dossier.drafting import About, Asked, Ground, Identified, Tools
from gateway.reports.dossier.gathering import gather
from gateway.store.dossiers import StoredDossier
from gateway.store.groups import TOEGANG, VERWERKINGEN
from gateway.store.lifecycle import NewOfficer, add_officer
from gateway.store.protocols import protocol_in_force
from gateway.telemetry import Telemetry
from schemas.identifiers import Bsn, PartialDate
from tests.gateway.exchange.road import KEYS, LOGBOOKS, Road

T = TypeVar("T")
CASE = "INZ-2026-17"
MOMENT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
FIXED = UUID("01900000-0000-7000-8000-000000000001")


class Desk:
    """Two privacy officers and what they work with; each act as a command does it."""

    def __init__(self, road: Road) -> None:
        self.road = road
        self.keys = {name: Ed25519PrivateKey.generate() for name in ("pf", "pf-twee")}

    def tools(self, about: About = lambda _: None) -> Tools:
        """What an act takes besides the database."""
        return Tools(self.road.vault, ProtectedHandles(KEYS), opening(), LOGBOOKS, about)

    async def act(self, name: str, work: Callable[[RecordingEngine, Tools], Awaitable[T]]) -> T:
        """One act with its entry, as `on_database` does it."""
        now = int(datetime.now(UTC).timestamp() * 1000)
        actor = Actor(ActorKind.OFFICER, "pf", "kid-pf")
        act = Act(f"dossier.{name}", Action.EXECUTE, actor, new_trace(), now, now)
        url = self.road.engine.url.render_as_string(hide_password=False)
        engine = RecordingEngine(url, act)
        try:
            return await engine.recorded(lambda one: work(one, self.tools(one.about)))
        finally:
            await engine.dispose()

    async def open(self) -> Desk:
        """Register the officers."""
        ends = (datetime.now(UTC) + timedelta(days=30)).date()
        for name, key in self.keys.items():
            raw = key.public_key().public_bytes_raw()
            await add_officer(
                self.road.engine,
                NewOfficer(
                    name, name, "privacyfunctionaris", f"kid-{name}", raw, "besluit 7", ends
                ),
            )
        return self

    def asked(
        self,
        bsn: str,
        capacity: Capacity = Capacity.SELF,
        requester: str | None = None,
        **changes: Any,
    ) -> Asked:
        handle = self.road.handles.of
        return Asked(
            handle(Bsn(bsn)),
            None if requester is None else handle(Bsn(requester)),
            capacity,
            Identified.PASSPORT,
            CASE,
            **changes,
        )

    async def draft(
        self,
        bsn: str,
        capacity: Capacity = Capacity.SELF,
        requester: str | None = None,
        **changes: Any,
    ) -> Written:
        asked, sign = self.asked(bsn, capacity, requester, **changes), self.keys["pf"].sign
        made = await self.act(
            "subject", lambda engine, tools: drafting.draft(engine, tools, asked, "pf", sign)
        )
        return made.written

    async def look(self, dossier: UUID, officer: str = "pf") -> Written:
        _, written = await self.act(
            "show", lambda engine, tools: drafting.look(engine, tools, dossier, officer)
        )
        return written

    async def release(self, dossier: UUID, officer: str = "pf") -> Written:
        sign = self.keys[officer].sign
        return await self.act(
            "release",
            lambda engine, tools: drafting.release(engine, tools, dossier, officer, sign),
        )

    async def refuse(self, dossier: UUID, officer: str = "pf") -> StoredDossier:
        sign = self.keys[officer].sign
        return await self.act(
            "refuse",
            lambda engine, tools: drafting.refuse(
                engine, tools, dossier, officer, Ground.OTHERS, sign
            ),
        )

    async def composed(
        self, bsn: str, capacity: Capacity = Capacity.SELF, **changes: Any
    ) -> Written:
        """What a draft would say, at a moment and under an id of our own; nothing is kept."""
        asked, tools = self.asked(bsn, capacity, **changes), self.tools()
        protocol = load((await protocol_in_force(self.road.engine)).text)
        async with self.road.pool.acquire() as connection:
            found = await gather(
                connection, asked.person, tools.protected.of(asked.person),
                self.road.vault, tools.opening, protocol,
            )  # fmt: skip
            return await drafting.compose(
                connection, tools, found, protocol, FIXED, asked, MOMENT, "00"
            )

    @asynccontextmanager
    async def publishing(self) -> AsyncIterator[None]:
        """Sign what is logged, for as long as the context lasts; it ends once all is signed."""
        publishers = [
            LogPublisher(self.road.pool, LOGBOOKS, series, Telemetry(self.road.log), every=0.05)
            for series in (VERWERKINGEN, TOEGANG)
        ]
        for one in publishers:
            one.start()
        try:
            yield
            await self._all_signed()
        finally:
            for one in publishers:
                await one.stop()

    async def _all_signed(self) -> None:
        async with asyncio.timeout(10):
            while await self.road.pool.fetchval(  # noqa: ASYNC110  # no event tells
                """select exists (select from log_head h where h.series in (1, 3)
                     and h.size > coalesce((select max(size) from log_checkpoint
                                             where log = h.log), 0))"""
            ):
                await asyncio.sleep(0.05)


def born(text: str) -> PartialDate:
    """A birth date as a document has it."""
    return PartialDate(text)
