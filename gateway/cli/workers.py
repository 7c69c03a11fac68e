"""More processes on the same port, for a machine with more cores: each a whole gateway.

Replicas share nothing but the database, so a worker is one more of them. The kernel spreads
connections over the processes (SO_REUSEPORT). A worker ends when its standard input does, which
is when we do, however we end; one that ends by itself is started again.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress

from gateway.settings import PREFIX, Settings
from gateway.store.database import Addresses
from gateway.telemetry import Telemetry

COMMAND = "serve-worker"
_START = "import sys; from gateway.cli import main; sys.exit(main())"
RESTART_SECONDS = 1.0
STOP_SECONDS = 15.0


class Workers:
    """The other processes of one gateway."""

    def __init__(self, settings: Settings, database: Addresses, telemetry: Telemetry) -> None:
        self._settings = settings
        self._telemetry = telemetry
        # Where the database is goes by the environment: arguments are for everybody to see.
        self._environment = {
            **os.environ,
            f"{PREFIX}HOME": str(settings.home),
            f"{PREFIX}PORT": str(settings.port),
            f"{PREFIX}WORKERS": str(settings.workers),
            f"{PREFIX}DATABASE_URL": database.dsn,
        }
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start all but the first, which is this process itself."""
        for _ in range(self._settings.workers - 1):
            self._tasks.append(asyncio.create_task(self._keep()))

    async def stop(self) -> None:
        """End them: no more requests, those under way finished."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _START, COMMAND, stdin=PIPE, env=self._environment
            )
            try:
                await process.wait()
            except asyncio.CancelledError:
                await _end(process)
                raise
            self._telemetry.log("worker-ended", status=process.returncode)
            await asyncio.sleep(RESTART_SECONDS)


async def _end(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()


async def until_orphaned() -> None:
    """Wait for the end of standard input: the process that started this one is gone."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
