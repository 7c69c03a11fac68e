"""What commands that work on the database itself share: settings, and one piece of work on it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.cli.failures import NOT_NOW, WRONGLY_ASKED, Failure
from gateway.settings import PREFIX, Settings, SettingsError, read_settings
from gateway.store.away import DATABASE_AWAY
from gateway.store.database import open_database
from gateway.store.rules import RulesBusyError
from gateway.telemetry import Telemetry

Result = TypeVar("Result")


def settings_of(home: Path, port: int | None = None) -> Settings:
    """The settings of the environment, with what the command line says."""
    environment = {**os.environ, f"{PREFIX}HOME": str(home)}
    if port is not None:
        environment[f"{PREFIX}PORT"] = str(port)
    try:
        return read_settings(environment)
    except SettingsError as error:
        raise Failure(str(error), "correct the environment variable", WRONGLY_ASKED) from None


def on_database(settings: Settings, work: Callable[[AsyncEngine], Awaitable[Result]]) -> Result:
    """Do one piece of work on the database. Raises `Failure` where it does not answer in time."""

    async def run() -> Result:
        async with open_database(settings.home, settings.database_url, Telemetry()) as addresses:
            engine = create_async_engine(addresses.sqlalchemy_url, hide_parameters=True)
            try:
                return await work(engine)
            finally:
                await engine.dispose()

    try:
        return asyncio.run(run())
    except RulesBusyError as error:
        raise Failure(str(error), "nothing was changed; try again", NOT_NOW) from None
    except DATABASE_AWAY as error:
        # Not its text: a driver's message may quote what it was given.
        told = f"the database does not answer ({type(error).__name__})"
        raise Failure(told, f"see {PREFIX}DATABASE_URL, or start the gateway", NOT_NOW) from None
