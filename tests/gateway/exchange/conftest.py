"""Roads that the tests of one file share: opening one costs more than most of the tests on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from tests.gateway.exchange.road import EXAMPLE, REDUCED, Road, open_road, protocol
from tests.support.database import TestServer


@pytest.fixture(scope="module")
def rules() -> str:
    """The protocol of `road`: every member must agree. A file with another names it the same."""
    return EXAMPLE


@pytest.fixture(scope="module")
def reducing_rules() -> str:
    """The protocol of `reducing`: who does not agree is left out."""
    return protocol("beperkt", REDUCED)


@asynccontextmanager
async def _on_a_database_of_its_own(postgres: TestServer, text: str) -> AsyncIterator[Road]:
    name = await postgres.fresh()
    async with open_road(postgres.url(name), text) as road:
        yield road
    await postgres.drop(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def road(postgres: TestServer, rules: str) -> AsyncIterator[Road]:
    async with _on_a_database_of_its_own(postgres, rules) as road:
        yield road


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reducing(postgres: TestServer, reducing_rules: str) -> AsyncIterator[Road]:
    async with _on_a_database_of_its_own(postgres, reducing_rules) as road:
        yield road


@pytest_asyncio.fixture(loop_scope="module")
async def empty_mailboxes(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """No mail of one test waits for the next, on whichever of the roads it was sent."""
    yield
    for one in request.node.funcargs.values():
        if isinstance(one, Road):
            await one.acknowledge()
            await one.acknowledge("dwi")
