"""Fixtures that every test may use: a real PostgreSQL, and the shared reference data."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.support.database import TestServer, test_server

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def postgres() -> Iterator[TestServer]:
    """One PostgreSQL for the whole session."""
    # Not in pytest's own folders: started by root, the server's user may not pass through those.
    place = Path(tempfile.mkdtemp(prefix="sluis-test-")).resolve()
    place.chmod(0o711)
    try:
        with test_server(place / "data") as server:
            yield server
    finally:
        shutil.rmtree(place)


@pytest.fixture
async def database(postgres: TestServer) -> AsyncIterator[str]:
    """A fresh, migrated database; gives its asyncpg URL."""
    name = await postgres.fresh()
    yield postgres.url(name)
    await postgres.drop(name)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool on a fresh database."""
    async with asyncpg.create_pool(database, min_size=1, max_size=8) as pool:
        yield pool


@pytest.fixture
def shared() -> Path:
    """The reference data beside the repository; a test that needs it skips where it is not."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not there: its reference data were not compared")
    return SHARED


def pytest_report_header() -> str:
    """Say at the head of every run what it could not look at."""
    there = "read" if SHARED.is_dir() else "NOT THERE: comparisons with it are skipped"
    return f"../shared: {there}; user: {'root' if os.geteuid() == 0 else 'ordinary'}"
