"""Versions of the protocol: one in force, the older ones kept as they were."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.partners import rules_generation
from gateway.store.protocols import (
    Effect,
    VersionTakenError,
    all_protocols,
    protocol_in_force,
    put_in_force,
)
from gateway.store.rules import NoProtocolError

TEXTS = {version: f'versie = "{version}"\n' for version in ("1.0", "1.1", "2.0")}


async def put(engine: AsyncEngine, version: str, text: str | None = None) -> Effect:
    text = TEXTS[version] if text is None else text
    return await put_in_force(engine, version, sha256(text.encode()).digest(), text)


async def test_the_newest_is_in_force_and_the_older_stay(engine: AsyncEngine) -> None:
    for version in TEXTS:
        assert await put(engine, version) is Effect.PUT_IN_FORCE

    found = await all_protocols(engine)
    assert [one.version for one in found] == ["2.0", "1.1", "1.0"]
    assert [one.text for one in found] == [TEXTS[one.version] for one in found]
    assert await protocol_in_force(engine) == found[0]


async def test_without_a_protocol_nothing_is_in_force(engine: AsyncEngine) -> None:
    with pytest.raises(NoProtocolError):
        await protocol_in_force(engine)


async def test_the_same_text_again_has_no_effect(engine: AsyncEngine) -> None:
    await put(engine, "1.0")
    before = (await all_protocols(engine), await rules_generation(engine))

    assert await put(engine, "1.0") is Effect.ALREADY_IN_FORCE

    assert (await all_protocols(engine), await rules_generation(engine)) == before


async def test_an_older_text_does_not_come_back_unseen(engine: AsyncEngine) -> None:
    await put(engine, "1.0")
    await put(engine, "1.1")

    assert await put(engine, "1.0") is Effect.SUPERSEDED

    assert (await protocol_in_force(engine)).version == "1.1"


async def test_a_versions_text_is_never_edited(engine: AsyncEngine) -> None:
    await put(engine, "1.0")

    with pytest.raises(VersionTakenError):
        await put(engine, "1.0", "anders")

    assert (await protocol_in_force(engine)).text == TEXTS["1.0"]


async def test_of_two_gateways_that_start_at_once_one_puts_it_in_force(
    engine: AsyncEngine,
) -> None:
    effects = await asyncio.gather(*(put(engine, "1.0") for _ in range(4)))

    assert sorted(effects) == [Effect.ALREADY_IN_FORCE] * 3 + [Effect.PUT_IN_FORCE]


async def test_the_order_stands_also_when_the_clock_was_set_back(
    engine: AsyncEngine, pool: asyncpg.Pool
) -> None:
    await put(engine, "1.0")
    await pool.execute("update protocol_version set in_force_from = now() + interval '1 day'")

    await put(engine, "1.1")

    assert (await protocol_in_force(engine)).version == "1.1"


async def test_putting_in_force_raises_the_generation(engine: AsyncEngine) -> None:
    before = await rules_generation(engine)
    await put(engine, "1.0")
    assert await rules_generation(engine) == before + 1
