"""The whole gateway, as it is served, on a fresh database of the session's PostgreSQL.

Composed by the product's own `serving`, on a real port, so that what is tested from outside is
what runs. Partners speak plain httpx with assertions signed by `cryptography` alone: nothing of our
own client stands between a test and the bytes. What a test may look at behind the gateway's back
(mailbox, log, chunks) it reads from the database itself.
"""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from opentelemetry.trace import Tracer
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.cli.serving import Serving, serving
from gateway.cli.setup import prepare_sandbox
from gateway.settings import Settings
from gateway.telemetry import Telemetry
from tests.support.database import TestServer
from tests.support.registered import Party

PATIENCE = 20.0
"""Seconds that anything here may take; what takes longer hangs."""
TOKEN_TRIES = 5
_REACHED = (
    *("exchange", "part", "held", "fingerprint", "subject", "mailbox", "disclosure", "log_leaf"),
    *("consent_event", "authority_statement", "correction", "notice", "restriction"),
    *("delivery", "delivery_chunk", "delivery_outcome", "upload", "upload_ended"),
)


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """A folder that the database's user may pass through, which pytest's own are not for root."""
    place = Path(tempfile.mkdtemp(prefix="sluis-test-")).resolve()
    place.chmod(0o711)
    try:
        yield place
    finally:
        shutil.rmtree(place)


def party_of(home: Path, partner: str) -> Party:
    """A sandbox partner with the key that its folder holds."""
    pem = (home / "partners" / partner / "client.pem").read_bytes()
    key = load_pem_private_key(pem, password=None)
    assert isinstance(key, EllipticCurvePrivateKey)
    return Party(partner, key)


async def bearer_of(http: httpx.AsyncClient, party: Party, base_url: str) -> str:
    """An access token, as the value of the Authorization header."""
    for _ in range(TOKEN_TRIES):
        assertion = party.assertion(aud=f"{base_url}/oauth/token")
        answer = await http.post("/oauth/token", data=party.form(assertion))
        # A gateway that could not look at its register for a second, under load, lets nobody in.
        if answer.status_code != 503:
            break
        await asyncio.sleep(1.0)
    assert answer.status_code == 200, answer.text
    return f"Bearer {answer.json()['access_token']}"


@dataclass
class RunningGateway:
    """A gateway that answers on a port, with what a test sees of it from inside and outside."""

    served: Serving
    pool: asyncpg.Pool
    engine: AsyncEngine
    log: io.StringIO
    telemetry: Telemetry

    @property
    def home(self) -> Path:
        return self.served.settings.home

    @property
    def base_url(self) -> str:
        """What partners call it."""
        return self.served.settings.base_url

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.served.settings.port}"

    @asynccontextmanager
    async def stranger(self) -> AsyncIterator[httpx.AsyncClient]:
        """Somebody without a token."""
        async with httpx.AsyncClient(
            base_url=self.address, timeout=PATIENCE, trust_env=False
        ) as http:
            yield http

    @asynccontextmanager
    async def partner(self, name: str) -> AsyncIterator[httpx.AsyncClient]:
        """A sandbox partner with a token."""
        async with self.stranger() as http:
            party = party_of(self.home, name)
            http.headers["Authorization"] = await bearer_of(http, party, self.base_url)
            yield http

    async def count(self, table: str, where: str = "true", *values: object) -> int:
        """How many rows of a table there are; of log entries, those of processing."""
        if table == "log_leaf":
            where = f"({where}) and log <= 2"
        return int(
            await self.pool.fetchval(f"select count(*) from {table} where {where}", *values)  # noqa: S608  # the test's own words
        )

    async def entries(self) -> list[dict[str, Any]]:
        """Every log entry so far, in order."""
        rows = await self.pool.fetch("select entry from log_leaf where log = 1 order by index")
        return [json.loads(row[0]) for row in rows]

    async def effects(self) -> tuple[int, int, int]:
        """What a repeat must not change: exchanges, mailbox rows, log entries."""
        return (
            await self.count("exchange"),
            await self.count("mailbox"),
            await self.count("log_leaf"),
        )

    async def remains(self) -> dict[str, int]:
        """What anything that is taken leaves behind: the rows of every table that it reaches."""
        return {table: await self.count(table) for table in _REACHED}

    @property
    def logged(self) -> list[dict[str, object]]:
        """The gateway's own log so far."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@asynccontextmanager
async def running_gateway(
    postgres: TestServer,
    *,
    via: str | None = None,
    tracer: Tracer | None = None,
    **settings: Any,
) -> AsyncIterator[RunningGateway]:
    """Serve on a fresh database. `via` is a folder with a socket that leads to the server."""
    name = await postgres.fresh()
    url = postgres.url(name) if via is None else _through(postgres, name, via)
    with reachable_folder() as home:
        made = Settings(home=home, port=0, database_url=url, **settings)
        try:
            async with _serving(made, tracer) as running:
                yield running
        finally:
            await postgres.drop(name)


@asynccontextmanager
async def embedded_gateway(
    home: Path, tracer: Tracer | None = None, **settings: Any
) -> AsyncIterator[RunningGateway]:
    """Serve from `home` with a PostgreSQL of its own, whose files a test may read."""
    async with _serving(Settings(home=home, port=0, **settings), tracer) as running:
        yield running


@asynccontextmanager
async def another_like(gateway: RunningGateway, **settings: Any) -> AsyncIterator[RunningGateway]:
    """A second gateway process, so to speak, on the same database and keys."""
    update = {"port": 0, "public_url": gateway.base_url, **settings}
    async with _serving(gateway.served.settings.model_copy(update=update), None) as running:
        yield running


@asynccontextmanager
async def _serving(settings: Settings, tracer: Tracer | None) -> AsyncIterator[RunningGateway]:
    log = io.StringIO()
    telemetry = Telemetry(log, tracer)
    async with (
        serving(settings, telemetry, prepare=prepare_sandbox) as served,
        asyncpg.create_pool(served.database.dsn, min_size=1, max_size=4) as pool,
    ):
        engine = create_async_engine(served.database.sqlalchemy_url, hide_parameters=True)
        try:
            yield RunningGateway(served, pool, engine, log, telemetry)
        finally:
            await engine.dispose()


def _through(postgres: TestServer, name: str, folder: str) -> str:
    own = quote(str(postgres.server.socket_folder), safe="")
    direct = postgres.url(name)
    assert own in direct
    return direct.replace(own, quote(folder, safe=""))
