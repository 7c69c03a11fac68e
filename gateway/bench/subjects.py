"""What is measured: our gateway in a sandbox of its own, and the baseline on its own PostgreSQL.

A bench knows the gateway from outside only. What it cannot reach itself (the command line that
serves, a PostgreSQL with our settings for the baseline) is handed down in `Parts`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import httpx
from joserfc import jwt
from joserfc.jwk import OKPKey

from gateway.bench.baseline import ALGORITHM, ISSUER
from gateway.bench.processes import started
from gateway.client import Credentials
from gateway.client import credentials as client_credentials
from gateway.client.tokens import TokenAnswer, TokenSource

TOKEN_SECONDS = 3600
PASSABLE = 0o711
"""Mode of our folders: started by root, PostgreSQL is another user and must get through them."""


class Database(NamedTuple):
    """An empty PostgreSQL: its SQLAlchemy URL, and the process whose CPU time is its own."""

    url: str
    pid: int


class Parts(NamedTuple):
    """What a bench is handed, since it may not know the server's own code."""

    serve: Callable[[Path], Sequence[str]]
    """The command that serves a sandboxed gateway, on a free port, with this home folder."""
    database: Callable[[Path], AbstractAsyncContextManager[Database]]
    """A fresh PostgreSQL in this folder, with the very settings of the gateway's own."""
    told: Callable[[str, int, int | None], None]
    """Told how a step goes: its name, how much is done, and of how much."""


class Gateway(NamedTuple):
    """Our gateway, serving; the sandbox partners' credentials stand in its home folder."""

    home: Path
    address: str
    pid: int
    roots: list[int]

    def credentials(self, partner: str) -> Credentials:
        """A sandbox partner's credentials."""
        return client_credentials.load(self.home / "partners" / partner)

    async def token(self, partner: str) -> str:
        """An access token, asked for as any partner does."""
        async with httpx.AsyncClient(base_url=self.address, trust_env=False) as http:

            async def ask(form: Callable[[], dict[str, str]]) -> TokenAnswer:
                answer = await http.post("/oauth/token", data=form())
                return TokenAnswer.model_validate_json(answer.raise_for_status().content)

            return await TokenSource(self.credentials(partner), ask).token()


class Baseline(NamedTuple):
    """The baseline, serving."""

    address: str
    pid: int
    roots: list[int]
    token: str


@asynccontextmanager
async def gateway(
    parts: Parts, folder: Path, settings: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Gateway]:
    """A gateway on a database of its own in `folder`, which must not exist yet.

    `settings` are those in which it differs from the default.
    """
    make_passable(folder)
    async with started(parts.serve(folder), folder / "server.log", settings) as server:
        yield Gateway(folder, server.address, server.pid, [server.pid])


@asynccontextmanager
async def baseline(parts: Parts, folder: Path) -> AsyncIterator[Baseline]:
    """The baseline on a database of its own in `folder`, which must not exist yet."""
    make_passable(folder)
    key = OKPKey.generate_key("Ed25519")
    claims = {"iss": ISSUER, "sub": "dwi", "exp": int(time.time()) + TOKEN_SECONDS}
    token = jwt.encode({"alg": ALGORITHM}, claims, key, algorithms=[ALGORITHM])
    public = json.dumps(key.as_dict(private=False))
    async with AsyncExitStack() as closing:
        database = await closing.enter_async_context(parts.database(folder / "data"))
        command = [sys.executable, "-m", "gateway.bench.baseline", database.url, public]
        server = await closing.enter_async_context(started(command, folder / "server.log"))
        yield Baseline(server.address, server.pid, [server.pid, database.pid], token)


def make_passable(folder: Path) -> None:
    """A new folder that another user may pass through and not look into."""
    folder.mkdir()
    folder.chmod(PASSABLE)
