"""What commands that work on the database itself share: settings, and one piece of work on it.

Each leaves an entry in the access log under its own name (`partner.suspend`), with what it was
about: a change in the transaction that makes it, a look before anything is shown, a failure too.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.audit.access import (
    Act,
    Action,
    Actor,
    ActorKind,
    Reason,
    Target,
    access_leaf,
    running_trace,
)
from gateway.audit.entries import Trace, commitment
from gateway.audit.freshness import DatabaseOlderError
from gateway.cli.current import require_current
from gateway.cli.failures import NOT_NOW, WRONGLY_ASKED, Failure
from gateway.exchange.deciding import LoadBook
from gateway.exchange.rules import RuleBook
from gateway.identity.acts import MayNotActError
from gateway.settings import PREFIX, Settings, SettingsError, read_settings
from gateway.store.away import DATABASE_AWAY
from gateway.store.database import open_database
from gateway.store.groups import TOEGANG, Connection, append_leaves
from gateway.store.history import driver_of
from gateway.store.ids import new_id
from gateway.store.lifecycle import officers_by_id
from gateway.store.rules import RulesBusyError, join_deciding
from gateway.telemetry import Telemetry
from gateway.vault.boxes import DataKey

Result = TypeVar("Result")


class Doing(NamedTuple):
    """What a command does: to what, why, and as whom, if not as the operator of this machine."""

    action: Action
    target: Target | None = None
    reason: Reason | None = None
    actor: Actor | None = None
    is_protected: bool = False


LOOKING = Doing(Action.READ)
_COMMAND: ContextVar[str] = ContextVar("command", default="sluis")


def named_act(name: str, command: Callable[..., Result]) -> Callable[..., Result]:
    """A command whose acts are recorded under this name."""

    @wraps(command)
    def named(*given: object, **options: object) -> Result:
        token = _COMMAND.set(name)
        try:
            return command(*given, **options)
        finally:
            _COMMAND.reset(token)

    return named


def settings_of(home: Path, port: int | None = None) -> Settings:
    """The settings of the environment, with what the command line says."""
    environment = {**os.environ, f"{PREFIX}HOME": str(home)}
    if port is not None:
        environment[f"{PREFIX}PORT"] = str(port)
    try:
        return read_settings(environment)
    except SettingsError as error:
        raise Failure(str(error), "correct the environment variable", WRONGLY_ASKED) from None


def on_database(
    settings: Settings,
    work: Callable[[RecordingEngine], Awaitable[Result]],
    doing: Doing = LOOKING,
) -> Result:
    """Do one piece of work on the database. Raises `Failure` where it does not answer in time."""

    async def run() -> Result:
        with running_trace() as trace:
            act = act_of(doing, trace)
            async with open_database(settings.home, settings.database_url, Telemetry()) as place:
                await require_current(settings, place)
                engine = RecordingEngine(place.sqlalchemy_url, act)
                try:
                    return await engine.recorded(partial(_as_its_actor, work, act.actor))
                finally:
                    await engine.dispose()

    try:
        return asyncio.run(run())
    except RulesBusyError as error:
        raise Failure(str(error), "nothing was changed; try again", NOT_NOW) from None
    except DatabaseOlderError:
        raise
    except DATABASE_AWAY as error:
        # Not its text: a driver's message may quote what it was given.
        told = f"the database does not answer ({type(error).__name__})"
        raise Failure(told, f"see {PREFIX}DATABASE_URL, or start the gateway", NOT_NOW) from None


async def _as_its_actor(
    work: Callable[[RecordingEngine], Awaitable[Result]], actor: Actor, engine: RecordingEngine
) -> Result:
    """Do the work, if it is not recorded under the name of an officer whose key this is not.

    Not every act is signed, but each is recorded as somebody's. Raises `MayNotActError`.
    """
    if actor.kind is ActorKind.OFFICER:
        async with engine.connect() as connection:
            known = (await officers_by_id(connection)).get(actor.id)
        # Whoever is not registered at all is the act's own to refuse.
        if known is not None and known.key_id != actor.key:
            raise MayNotActError(f"this is not the key that is registered for {actor.id}")
    return await work(engine)


@asynccontextmanager
async def deciding_on(
    engine: RecordingEngine, load_book: LoadBook
) -> AsyncIterator[tuple[Connection, RuleBook]]:
    """A deciding transaction that ends with the command's own entry."""
    async with engine.begin() as connection:
        await connection.exec_driver_sql("select 1")  # SQLAlchemy begins with its first statement
        raw = await driver_of(connection)
        yield raw, await load_book(raw, await join_deciding(raw))


class RecordingEngine(AsyncEngine):
    """An engine for one act: what it commits, it commits with the act's entry."""

    def __init__(self, url: str, act: Act) -> None:
        super().__init__(create_async_engine(url, hide_parameters=True).sync_engine)
        self._act = act
        self._persons: list[tuple[UUID, DataKey]] = []
        self._is_recorded = False

    def about(self, persons: Sequence[tuple[UUID, DataKey]]) -> None:
        """Name the persons whom the act turned out to be about; call it before the commit."""
        self._persons += persons

    def apart(self) -> None:
        """The act turned out to be about a protected exchange: its entry stands with those."""
        self._act = replace(self._act, is_protected=True)

    def within(self, case: str) -> None:
        """Name the case that the act turned out to be part of, where its command asks for none."""
        reason = self._act.reason
        if reason is not None and reason.case is None:
            self._act = replace(self._act, reason=reason._replace(case=case))

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that ends with the act's entry: the log's head is locked last."""
        async with super().begin() as connection:
            yield connection
            await self._append(connection, self._act)

    async def recorded(self, work: Callable[[RecordingEngine], Awaitable[Result]]) -> Result:
        """Do the work; nothing is given back before its entry is committed (invariant 12)."""
        try:
            done = await work(self)
        except DATABASE_AWAY:
            raise
        except Exception as error:
            # What went wrong is what the person must hear, also where it cannot be recorded.
            with suppress(*DATABASE_AWAY):
                await self._append_alone(self._act.failed(type(error).__name__))
            raise
        if not self._is_recorded:
            await self._append_alone(self._act)
        return done

    async def _append_alone(self, act: Act) -> None:
        async with super().begin() as connection:
            await self._append(connection, act)

    async def _append(self, connection: AsyncConnection, act: Act) -> None:
        await connection.exec_driver_sql("select 1")  # SQLAlchemy begins with its first statement
        entry = new_id()
        persons = [(person, commitment(key, entry, person)) for person, key in self._persons]
        leaf = access_leaf(act.ending(_now()), persons, entry)
        await append_leaves(await driver_of(connection), TOEGANG, [leaf])
        self._is_recorded = True


def operator() -> Actor:
    """The account of this machine that runs the command, and whose it became by sudo."""
    name = f"os:{os.getuid()}"
    if by := os.environ.get("SUDO_UID", ""):
        name = f"os:{by} als {os.getuid()}" if by.isdecimal() else name
    return Actor(ActorKind.OPERATOR, name)


def act_of(doing: Doing, trace: Trace) -> Act:
    """The act of the command that runs."""
    now = _now()
    return Act(
        _COMMAND.get(),
        doing.action,
        doing.actor or operator(),
        trace,
        now,
        now,
        target=doing.target,
        reason=doing.reason,
        is_protected=doing.is_protected,
    )


def _now() -> int:
    return int(time.time() * 1000)
