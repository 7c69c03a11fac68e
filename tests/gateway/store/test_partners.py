"""Partners in the database: who is there, and that every change is seen."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.deciding import RULES_LOCK, begin_deciding
from gateway.store.partners import (
    AlreadyRegisteredError,
    NewPartner,
    PartnerKey,
    UnknownKeyError,
    UnknownPartnerError,
    add_key,
    end_key,
    list_partners,
    partners_with_generation,
    register_partner,
    resume_partner,
    rules_generation,
    suspend_partner,
)

DWI = NewPartner("dwi", "Dienst Werk en Inkomen", "00000099000000001001", "dwi")
UNTIL = datetime(2030, 1, 1, tzinfo=UTC)
KEY = PartnerKey("k1", {"kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ"}, UNTIL)


async def test_a_registered_partner_is_listed_with_its_keys_and_has_a_mailbox(
    engine: AsyncEngine, pool: asyncpg.Pool
) -> None:
    await register_partner(engine, DWI, [KEY])

    (found,) = await list_partners(engine)
    assert (found.id, found.name, found.oin, found.adapter, found.kind) == (
        "dwi",
        "Dienst Werk en Inkomen",
        "00000099000000001001",
        "dwi",
        "keten",
    )
    assert found.keys == (KEY,)
    assert not found.is_suspended
    assert await pool.fetchval("select last_position from mailbox_head where recipient='dwi'") == 0


@pytest.mark.parametrize(
    ("second", "field"),
    [
        (NewPartner("dwi", "Anders", "00000099000000001002", "dwi"), "id"),
        (NewPartner("dwi2", "Anders", DWI.oin, "dwi"), "oin"),
    ],
)
async def test_an_id_or_oin_is_given_out_once(
    engine: AsyncEngine, second: NewPartner, field: str
) -> None:
    await register_partner(engine, DWI)
    before = await partners_with_generation(engine)

    with pytest.raises(AlreadyRegisteredError) as raised:
        await register_partner(engine, second)

    assert raised.value.field == field
    assert await partners_with_generation(engine) == before


async def test_of_two_registrations_at_once_one_wins(engine: AsyncEngine) -> None:
    results = await asyncio.gather(
        *(register_partner(engine, DWI, [KEY]) for _ in range(4)), return_exceptions=True
    )

    assert [type(one) for one in results if one is not None] == [AlreadyRegisteredError] * 3
    assert len(await list_partners(engine)) == 1


async def test_a_second_key_stands_beside_the_first(engine: AsyncEngine) -> None:
    await register_partner(engine, DWI, [KEY])
    second = PartnerKey("k2", KEY.jwk, UNTIL + timedelta(days=1))

    await add_key(engine, "dwi", second)

    assert (await list_partners(engine))[0].keys == (KEY, second)
    with pytest.raises(AlreadyRegisteredError):
        await add_key(engine, "dwi", second)
    with pytest.raises(UnknownPartnerError):
        await add_key(engine, "okt", second)


async def test_a_key_and_its_id_are_one_partners_alone(engine: AsyncEngine) -> None:
    okt = NewPartner("okt", "OKT", "00000099000000001002", "okt")
    await register_partner(engine, DWI, [KEY])

    for theirs in (
        PartnerKey("k9", KEY.jwk, UNTIL),
        PartnerKey(KEY.kid, {"kty": "EC", "crv": "P-256", "x": "eB", "y": "eC"}, UNTIL),
    ):
        with pytest.raises(AlreadyRegisteredError) as raised:
            await register_partner(engine, okt, [theirs])
        assert raised.value.field == "key"
    assert [one.id for one in await list_partners(engine)] == ["dwi"]


async def test_a_key_in_a_certificate_is_not_registered_without_it(engine: AsyncEngine) -> None:
    await register_partner(engine, DWI, [PartnerKey("c1", {**KEY.jwk, "x5t#S256": "c1"}, UNTIL)])

    with pytest.raises(AlreadyRegisteredError):
        await add_key(engine, "dwi", KEY)
    renewed = PartnerKey("c2", {**KEY.jwk, "x5t#S256": "c2"}, UNTIL + timedelta(days=1))
    await add_key(engine, "dwi", renewed)
    assert (await list_partners(engine))[0].keys[1] == renewed


async def test_a_key_that_was_ended_is_over_under_every_id_and_never_comes_back(
    engine: AsyncEngine,
) -> None:
    other = PartnerKey("k3", {"kty": "EC", "crv": "P-256", "x": "eB", "y": "eC"}, UNTIL)
    await register_partner(engine, DWI, [KEY, PartnerKey("k2", KEY.jwk, UNTIL), other])
    before = await rules_generation(engine)

    assert await end_key(engine, "dwi", "k1") is True

    assert await rules_generation(engine) == before + 1
    keys = {one.kid: one for one in (await list_partners(engine))[0].keys}
    assert {kid: one.is_ended for kid, one in keys.items()} == {"k1": True, "k2": True, "k3": False}
    assert keys["k1"].expires_at <= datetime.now(UTC) < keys["k3"].expires_at
    for again in (KEY, PartnerKey("k4", KEY.jwk, UNTIL)):
        with pytest.raises(AlreadyRegisteredError):
            await add_key(engine, "dwi", again)
    assert await end_key(engine, "dwi", "k1") is False
    assert await rules_generation(engine) == before + 1
    with pytest.raises(UnknownKeyError):
        await end_key(engine, "dwi", "k9")
    with pytest.raises(UnknownPartnerError):
        await end_key(engine, "okt", "k1")


async def test_every_change_raises_the_generation_and_no_change_does_not(
    engine: AsyncEngine,
) -> None:
    numbers = [await rules_generation(engine)]
    for change in (
        lambda: register_partner(engine, DWI),
        lambda: add_key(engine, "dwi", KEY),
        lambda: suspend_partner(engine, "dwi"),
        lambda: resume_partner(engine, "dwi"),
    ):
        await change()
        numbers.append(await rules_generation(engine))
    assert numbers == [numbers[0] + step for step in range(5)]

    assert await resume_partner(engine, "dwi") is False
    assert await rules_generation(engine) == numbers[-1]


async def test_suspending_says_whether_it_changed_anything(engine: AsyncEngine) -> None:
    await register_partner(engine, DWI)

    assert await suspend_partner(engine, "dwi") is True
    assert await suspend_partner(engine, "dwi") is False
    assert (await list_partners(engine))[0].is_suspended
    assert await resume_partner(engine, "dwi") is True
    with pytest.raises(UnknownPartnerError):
        await suspend_partner(engine, "okt")


async def test_invariant_02_a_suspension_waits_for_what_is_being_decided(
    engine: AsyncEngine, pool: asyncpg.Pool
) -> None:
    await register_partner(engine, DWI)
    async with pool.acquire() as deciding, pool.acquire() as later:
        before = await begin_deciding(deciding)
        suspension = asyncio.create_task(suspend_partner(engine, "dwi"))
        await _until_someone_waits(pool)
        next_one = asyncio.create_task(begin_deciding(later))
        await asyncio.sleep(0.05)
        assert not suspension.done()
        assert not next_one.done()  # what comes after the suspension waits for it

        await deciding.execute("commit")

        assert await suspension
        assert await next_one == before + 1
        assert await later.fetchval("select is_suspended from partner")
        await later.execute("commit")


async def _until_someone_waits(pool: asyncpg.Pool) -> None:
    waiting = "select count(*) from pg_locks where not granted and objid = $1"
    for _ in range(1000):
        if await pool.fetchval(waiting, RULES_LOCK):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits for the rules")
