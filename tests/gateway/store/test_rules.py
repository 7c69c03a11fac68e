"""The rules as a deciding transaction reads them."""

from __future__ import annotations

from hashlib import sha256

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.deciding import begin_deciding
from gateway.store.partners import (
    NewPartner,
    register_partner,
    rules_generation,
    suspend_partner,
)
from gateway.store.protocols import put_in_force
from gateway.store.rules import (
    NoProtocolError,
    Rules,
    RulesBusyError,
    changing_rules,
    raise_generation,
    read_rules,
)


async def test_the_rules_are_the_protocols_and_who_is_suspended(
    engine: AsyncEngine, pool: asyncpg.Pool
) -> None:
    for text in ("een", "twee", "drie"):
        await put_in_force(engine, text, sha256(text.encode()).digest(), text)
    for number, partner in enumerate(("dwi", "okt", "ggz")):
        await register_partner(
            engine, NewPartner(partner, partner, f"0000009900000000{number:04}", "generic")
        )
    await suspend_partner(engine, "okt")

    async with pool.acquire() as connection:
        await begin_deciding(connection)
        found = await read_rules(connection)
        await connection.execute("commit")

    everybody = frozenset({"dwi", "okt", "ggz"})
    assert found == Rules("drie", ("twee", "een"), frozenset({"okt"}), everybody)


async def test_without_a_protocol_there_are_no_rules_to_decide_by(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(NoProtocolError):
            await read_rules(connection)


async def test_a_change_gives_up_rather_than_hold_everybody_up(
    engine: AsyncEngine, pool: asyncpg.Pool
) -> None:
    async with pool.acquire() as stuck:
        before = await begin_deciding(stuck)
        with pytest.raises(RulesBusyError):
            async with changing_rules(engine, longest_wait=0.05) as connection:
                await raise_generation(connection)
        await stuck.execute("commit")

    assert await rules_generation(engine) == before
