"""The table definitions against the database that the migrations make."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import CheckConstraint, Connection, MetaData, Table, UniqueConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.schema import CreateTable

from gateway.store.tables import METADATA

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def columns(table: Table) -> dict[str, tuple[str, bool, bool, bool]]:
    """Type, nullable, part of the key, filled in by the database."""
    return {
        column.name: (
            column.type.compile(DIALECT),
            bool(column.nullable),
            column.primary_key,
            column.server_default is not None,
        )
        for column in table.columns
    }


def rules(table: Table) -> dict[str, Any]:
    """What else the table demands: foreign keys, uniqueness, indexes, number of checks."""
    return {
        "foreign": {(key.parent.name, key.target_fullname) for key in table.foreign_keys},
        "unique": {
            tuple(item.columns.keys())
            for item in table.constraints
            if isinstance(item, UniqueConstraint)
        },
        "indexes": {(item.name, tuple(c.name for c in item.columns)) for item in table.indexes},
        "checks": sum(isinstance(item, CheckConstraint) for item in table.constraints),
    }


@pytest.fixture
async def migrated(engine: AsyncEngine) -> MetaData:
    async with engine.connect() as connection:
        return await connection.run_sync(reflected)


def reflected(connection: Connection) -> MetaData:
    found = MetaData()
    found.reflect(connection, only=list(METADATA.tables))
    return found


async def test_every_table_is_as_the_migrations_made_it(migrated: MetaData) -> None:
    for name, ours in METADATA.tables.items():
        theirs = migrated.tables[name]
        assert columns(ours) == columns(theirs), CreateTable(theirs)
        assert rules(ours) == rules(theirs), CreateTable(theirs)
