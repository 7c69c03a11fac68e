"""The whole application in this process, on a real database and without a socket.

Composed by the product's own composition root; whoever asks does so as any ASGI server would.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from gateway.api.border import Border
from gateway.app import open_gateway
from gateway.cli.setup import prepare_sandbox
from gateway.settings import Settings
from gateway.store.database import Addresses
from gateway.telemetry import Telemetry
from gateway.vault.keys import FileKeys
from tests.support.database import TestServer
from tests.support.running_gateway import bearer_of, party_of, reachable_folder

PUBLIC = "https://sluis.voorbeeld.nl"


@dataclass
class Inside:
    """A gateway that answers calls of this process."""

    app: Border
    home: Path
    log: io.StringIO

    @asynccontextmanager
    async def stranger(self) -> AsyncIterator[httpx.AsyncClient]:
        """Somebody without a token."""
        road = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=road, base_url=PUBLIC) as http:
            yield http

    @asynccontextmanager
    async def partner(self, name: str) -> AsyncIterator[httpx.AsyncClient]:
        """A sandbox partner with a token."""
        async with self.stranger() as http:
            http.headers["Authorization"] = await bearer_of(http, party_of(self.home, name), PUBLIC)
            yield http


@asynccontextmanager
async def gateway_inside(postgres: TestServer, **settings: object) -> AsyncIterator[Inside]:
    """Open the gateway on a fresh database."""
    name = await postgres.fresh()
    log = io.StringIO()
    database = Addresses(postgres.url(name), postgres.sqlalchemy_url(name))
    with reachable_folder() as home:
        made = Settings.model_validate({"home": home, "public_url": PUBLIC, **settings})
        try:
            await prepare_sandbox(made, database)
            keys = FileKeys(home / "keys")
            async with open_gateway(made, keys, database, Telemetry(log)) as gateway:
                yield Inside(gateway.app, home, log)
        finally:
            await postgres.drop(name)
