"""Fixtures of the tests that reach the database as what runs off the hot road does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    """SQLAlchemy on a fresh, migrated database."""
    url = "postgresql+asyncpg" + database.removeprefix("postgresql")
    made = create_async_engine(url, hide_parameters=True)
    yield made
    await made.dispose()
