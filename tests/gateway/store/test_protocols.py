"""Versions of the protocol: one in force, the older ones kept as they were."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from hashlib import sha256

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.deciding import begin_deciding
from gateway.store.groups import VERWERKINGEN, Leaf, append_leaves
from gateway.store.lifecycle import NewOfficer, add_officer
from gateway.store.partners import rules_generation
from gateway.store.protocols import (
    ApprovalsNeededError,
    Effect,
    MomentPassedError,
    Placed,
    VersionTakenError,
    all_protocols,
    place_version,
    protocol_in_force,
    put_in_force,
)
from gateway.store.rules import NoProtocolError, changing_rules, read_rules

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


async def planned(engine: AsyncEngine, version: str, moment: datetime) -> Placed:
    text = TEXTS[version]
    async with changing_rules(engine) as connection:
        return await place_version(
            connection, version, sha256(text.encode()).digest(), text, moment
        )


async def database_time(pool: asyncpg.Pool) -> datetime:
    found: datetime = await pool.fetchval("select clock_timestamp()")
    return found


async def decided_by(pool: asyncpg.Pool) -> str:
    async with pool.acquire() as connection:
        await begin_deciding(connection)
        rules = await read_rules(connection)
        await connection.execute("commit")
        return rules.in_force


async def test_a_planned_version_comes_in_force_at_its_moment_by_itself(
    engine: AsyncEngine, pool: asyncpg.Pool
) -> None:
    await put(engine, "1.0")
    moment = await database_time(pool) + timedelta(seconds=0.3)
    assert (await planned(engine, "1.1", moment)).effect is Effect.PLANNED

    assert await decided_by(pool) == TEXTS["1.0"]
    assert (await protocol_in_force(engine)).version == "1.0"
    assert (await planned(engine, "1.1", moment)).effect is Effect.ALREADY_PLANNED
    await asyncio.sleep(0.35)

    assert (await protocol_in_force(engine)).version == "1.1"  # read before anything is decided
    assert await decided_by(pool) == TEXTS["1.1"]
    found = await all_protocols(engine)
    assert [(one.version, one.is_planned) for one in found] == [("1.1", False), ("1.0", False)]


async def test_of_two_planned_for_one_moment_the_last_one_recorded_counts(
    engine: AsyncEngine, pool: asyncpg.Pool
) -> None:
    await put(engine, "1.0")
    moment = await database_time(pool) + timedelta(seconds=0.2)
    await planned(engine, "2.0", moment)
    await planned(engine, "1.1", moment)
    await asyncio.sleep(0.25)

    assert await decided_by(pool) == TEXTS["1.1"]
    assert (await protocol_in_force(engine)).version == "1.1"


async def test_a_version_put_in_force_now_does_not_undo_a_planned_one(
    engine: AsyncEngine, pool: asyncpg.Pool
) -> None:
    await put(engine, "1.0")
    await planned(engine, "2.0", await database_time(pool) + timedelta(seconds=0.3))
    await put(engine, "1.1")

    assert await decided_by(pool) == TEXTS["1.1"]
    await asyncio.sleep(0.35)
    assert await decided_by(pool) == TEXTS["2.0"]


async def test_a_moment_that_has_passed_is_refused(engine: AsyncEngine, pool: asyncpg.Pool) -> None:
    await put(engine, "1.0")
    with pytest.raises(MomentPassedError):
        await planned(engine, "1.1", await database_time(pool) - timedelta(seconds=1))
    assert [one.version for one in await all_protocols(engine)] == ["1.0"]


async def test_a_version_due_while_another_is_put_in_force_is_superseded_and_kept(
    engine: AsyncEngine, pool: asyncpg.Pool
) -> None:
    await put(engine, "1.0")
    await planned(engine, "1.1", await database_time(pool) + timedelta(seconds=0.05))
    await asyncio.sleep(0.1)

    assert await put(engine, "2.0") is Effect.PUT_IN_FORCE

    assert await decided_by(pool) == TEXTS["2.0"]
    assert [one.version for one in await all_protocols(engine)] == ["2.0", "1.1", "1.0"]
    assert await put(engine, "1.1") is Effect.SUPERSEDED


async def test_invariant_02_under_load_every_message_is_decided_by_exactly_one_version(
    engine: AsyncEngine, pool: asyncpg.Pool
) -> None:
    await put(engine, "1.0")
    moment = await database_time(pool) + timedelta(seconds=0.4)
    await planned(engine, "1.1", moment)
    until = moment + timedelta(seconds=0.3)

    async def replica(number: int) -> list[tuple[datetime, datetime, str]]:
        seen = []
        async with pool.acquire() as connection:
            while True:
                before: datetime = await connection.fetchval("select clock_timestamp()")
                await begin_deciding(connection)
                began: datetime = await connection.fetchval("select clock_timestamp()")
                version = (await read_rules(connection)).in_force
                await asyncio.sleep(0.001 * (number % 3))
                again = (await read_rules(connection)).in_force
                assert again == version
                leaf = Leaf(sha256(version.encode()).digest(), version.encode(), [])
                await append_leaves(connection, VERWERKINGEN, [leaf])
                await connection.execute("commit")
                seen.append((before, began, version))
                if began > until:
                    return seen

    decided = [one for seen in await asyncio.gather(*map(replica, range(6))) for one in seen]

    old, new = TEXTS["1.0"], TEXTS["1.1"]
    assert {version for _, _, version in decided} == {old, new}
    # Whatever began after the moment was decided by the new version, and nothing by it before.
    assert all(before < moment for before, _, version in decided if version == old)
    assert all(began >= moment for _, began, version in decided if version == new)
    # In the log the old version's entries all stand before the new one's.
    entries = await pool.fetch("select entry from log_leaf order by index")
    versions = [bytes(row[0]).decode() for row in entries]
    assert len(versions) == len(decided)
    assert versions == sorted(versions)


async def test_where_officers_are_registered_nothing_new_comes_in_force_without_them(
    engine: AsyncEngine,
) -> None:
    await put(engine, "1.0")
    await add_officer(engine, NewOfficer("fg", "F. Gerards", "fg", "kid", bytes(32)))

    with pytest.raises(ApprovalsNeededError):
        await put(engine, "1.1")
    assert await put(engine, "1.0") is Effect.ALREADY_IN_FORCE
