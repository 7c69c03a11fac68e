"""A gateway process that admits partners, and a partner that is registered with it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.registered import Admission, Party


@pytest.fixture
async def dwi(engine: AsyncEngine) -> Party:
    party = Party("dwi")
    await party.register(engine)
    return party


@pytest.fixture
async def admission(engine: AsyncEngine, dwi: Party) -> AsyncIterator[Admission]:
    async with Admission(engine) as running:
        yield running
