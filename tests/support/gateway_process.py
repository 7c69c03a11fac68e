"""A gateway as a process of its own, with its own PostgreSQL, to be killed and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx

from gateway.store.database import database_folder
from gateway.store.embedded import running_address
from tests.support.parties import SLUIS
from tests.support.registered import Party
from tests.support.running_gateway import PATIENCE, bearer_of, party_of

START_SECONDS = 60.0


@dataclass
class GatewayProcess:
    """`sluis serve --sandbox` on one home; the address stays the same over all its lives."""

    home: Path
    environment: dict[str, str]
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log_path(self) -> Path:
        return self.home / "gateway.log"

    async def start(self) -> float:
        """Start it; returns the seconds until it said that it serves."""
        begun = time.monotonic()
        self._spawn()
        told = await asyncio.wait_for(asyncio.to_thread(self._first_line), START_SECONDS)
        address = told.removeprefix("serving on http://127.0.0.1:")
        assert address != told, f"it did not start: {self.log_path.read_text()[-2000:]}"
        self.port = int(address)
        return time.monotonic() - begun

    def _spawn(self) -> None:
        command = [*SLUIS, "serve", "--sandbox", "--home", str(self.home), "--port", str(self.port)]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **self.environment},
            )

    def _first_line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().strip()

    async def kill(self) -> None:
        """kill -9, and gone."""
        assert self._process is not None
        self._process.kill()
        await asyncio.to_thread(self._process.wait)
        self._close()

    async def stop(self) -> int:
        """Ask it to end, as a service manager does; gives its exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        status = await asyncio.to_thread(self._process.wait, START_SECONDS)
        self._close()
        return status

    def _close(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.stdout.close()

    def database_pid(self) -> int:
        """Its PostgreSQL, which is its child."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state = (folder / "stat").read_bytes().rpartition(b")")[2].split()
                words = (folder / "cmdline").read_bytes().split(b"\x00")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(state[1]) == self.pid and words[0].endswith(b"/postgres"):
                return int(folder.name)
        raise AssertionError("its database does not run")

    @asynccontextmanager
    async def partner(self, name: str) -> AsyncIterator[httpx.AsyncClient]:
        """A sandbox partner with a token, which outlives the process."""
        async with httpx.AsyncClient(
            base_url=self.base_url, timeout=PATIENCE, trust_env=False
        ) as http:
            http.headers["Authorization"] = await bearer_of(http, self.party(name), self.base_url)
            yield http

    def party(self, name: str) -> Party:
        return party_of(self.home, name)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[asyncpg.Pool]:
        """A look into its database from behind."""
        rest = running_address(database_folder(self.home))
        async with asyncpg.create_pool(f"postgresql://{rest}", min_size=1, max_size=2) as pool:
            yield pool


@asynccontextmanager
async def gateway_process(home: Path, **environment: str) -> AsyncIterator[GatewayProcess]:
    """A gateway that serves from `home`; ended with the context, whatever became of it."""
    process = GatewayProcess(home, environment)
    await process.start()
    try:
        yield process
    finally:
        if process.is_running:
            await process.stop()
