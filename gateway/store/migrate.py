"""Brings the database to this version's schema before anything is served.

One migrator at a time by an advisory lock: replicas that start together wait for the first, and
find nothing left to do.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

_MIGRATOR_LOCK = 0x51_0150  # an arbitrary number of our own among advisory locks


class NewerDatabaseError(Exception):
    """The database was migrated by a newer version of Sluis."""


async def migrate(sqlalchemy_url: str) -> None:
    """Apply every missing migration. Raises `NewerDatabaseError` on an unknown revision."""
    engine = create_async_engine(sqlalchemy_url, hide_parameters=True)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("select pg_advisory_lock(:key)"), {"key": _MIGRATOR_LOCK})
            await connection.commit()
            try:
                await connection.run_sync(_upgrade)
                await connection.commit()
            finally:
                await connection.execute(
                    text("select pg_advisory_unlock(:key)"), {"key": _MIGRATOR_LOCK}
                )
                await connection.commit()
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    connection.commit()
    if current is not None and current not in known:
        raise NewerDatabaseError("this database belongs to a newer version of Sluis")
    command.upgrade(config, "head")
