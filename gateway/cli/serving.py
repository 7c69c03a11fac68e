"""A gateway on a port: database up, migrated, application served, and all of it down again."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import NamedTuple, TextIO

import uvicorn

from gateway.api.wire import BoundedHttp
from gateway.app import Gateway, open_gateway
from gateway.audit.access import Act, Action, new_trace
from gateway.cli.current import require_current
from gateway.cli.database import operator
from gateway.cli.failures import NOT_NOW, Failure
from gateway.cli.workers import Workers
from gateway.exchange.accesses import AccessLogBusyError
from gateway.settings import Settings
from gateway.store.away import DATABASE_AWAY
from gateway.store.database import Addresses, KeptServer, database_folder, own_addresses
from gateway.store.migrate import migrate
from gateway.telemetry import Telemetry, quiet_libraries, tracer_to
from gateway.vault.keys import EnvironmentKeys, FileKeys, KeyProvider

Prepare = Callable[[Settings, Addresses], Awaitable[None]]
"""What is to be done on the migrated database before the first request."""

BACKLOG = 1024
GRACE_SECONDS = 10
COLLECT_AFTER = (50_000, 20, 50)


class Serving(NamedTuple):
    """A gateway that answers."""

    settings: Settings
    gateway: Gateway
    database: Addresses
    server: KeptServer | None
    task: asyncio.Task[None]


def telemetry_of(settings: Settings, stream: TextIO | None = None) -> Telemetry:
    """Log lines to `stream` (stderr if none), and spans to the file that the settings name."""
    if settings.spans is None:
        return Telemetry(stream)
    # Open until the process ends: the exporter's thread writes to it at its own pace.
    return Telemetry(stream, tracer_to(settings.spans.open("a", encoding="utf-8")))


def key_provider(settings: Settings) -> KeyProvider:
    """The keys that the settings name."""
    if settings.key_provider == "environment":
        return EnvironmentKeys(os.environ)
    return FileKeys(settings.home / "keys")


@asynccontextmanager
async def serving(
    settings: Settings,
    telemetry: Telemetry,
    *,
    prepare: Prepare | None = None,
    is_worker: bool = False,
) -> AsyncIterator[Serving]:
    """Serve until the context ends. `prepare` sees the migrated database before anyone is let in.

    A worker is one of the processes that another one, which made all ready, started beside it.
    Raises `Failure` when the port is taken, and what starting the database raises.
    """
    quiet_libraries()
    async with AsyncExitStack() as closing:
        listener = _listen(settings)
        closing.callback(listener.close)
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        keys = key_provider(settings)
        server: KeptServer | None = None
        if settings.database_url is None:
            server = KeptServer(database_folder(settings.home), telemetry)
            await closing.enter_async_context(server)
            database = server.addresses
        else:
            database = own_addresses(settings.database_url)
        if not is_worker:
            await migrate(database.sqlalchemy_url)
            # Before anything is prepared: what is written to a database that was put back stays.
            await require_current(settings, database)
        if prepare is not None:
            await prepare(settings, database)
        gateway = await closing.enter_async_context(
            open_gateway(settings, keys, database, telemetry)
        )
        if not is_worker:
            await gateway.accesses.record(_act("begonnen"))
            closing.push_async_callback(_record_end, gateway)
        http = _Server(
            uvicorn.Config(
                gateway.app,
                loop="none",
                http=BoundedHttp,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=GRACE_SECONDS,
                h11_max_incomplete_event_size=64 * 1024,
            )
        )
        task = asyncio.create_task(http.serve(sockets=[listener]))
        closing.push_async_callback(_shut, http, task)
        closing.callback(gateway.end_waiting)
        while not http.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        # What is here now stays for good, and requests leave few cycles: looking for them after
        # every 700 objects, as by default, was 7 % of the CPU of a message (docs/benchmarks.md).
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT_AFTER)
        workers = Workers(settings, database, telemetry)
        if not is_worker:
            workers.start()
            closing.push_async_callback(workers.stop)
        telemetry.log("serving", size=settings.port)
        yield Serving(settings, gateway, database, server, task)


def _act(outcome: str) -> Act:
    now = int(time.time() * 1000)
    return Act("serve", Action.EXECUTE, operator(), new_trace(), now, now, outcome=outcome)


async def _record_end(gateway: Gateway) -> None:
    """Record that the gateway was stopped, if the database still takes it."""
    with suppress(AccessLogBusyError, *DATABASE_AWAY):
        await gateway.accesses.record(_act("beeindigd"))


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the command decides when it ends."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _shut(http: uvicorn.Server, task: asyncio.Task[None]) -> None:
    """Take no more requests, finish those under way, and end."""
    http.should_exit = True
    with suppress(asyncio.CancelledError):
        await task


def _listen(settings: Settings) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if settings.workers > 1:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise Failure(
                f"port {settings.port} is in use",
                "choose another one: --port N, or SLUIS_PORT; 0 takes any that is free",
                NOT_NOW,
            ) from error
        raise
    listener.setblocking(False)
    return listener
