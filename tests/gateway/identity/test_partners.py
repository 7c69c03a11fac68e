"""The partners that a process knows, and how soon it sees a change."""

from __future__ import annotations

import asyncio
import io
import json
import time

import asyncpg
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.identity.errors import IdentityUnavailableError
from gateway.identity.partners import FRESH_SECONDS, PartnerDirectory
from gateway.store.partners import add_key, resume_partner, suspend_partner
from gateway.telemetry import Telemetry
from tests.support.registered import Admission, Party


async def test_a_partner_is_known_with_its_keys(admission: Admission, dwi: Party) -> None:
    partner = admission.partners.book().partners["dwi"]

    assert (partner.adapter, partner.kind, partner.is_suspended) == ("dwi", "keten", False)
    assert partner.keys[dwi.kid].algorithm == "ES256"


async def test_changes_are_seen_within_a_second_without_being_told(
    admission: Admission, engine: AsyncEngine
) -> None:
    async def seen(is_suspended: bool) -> float:
        begun = time.monotonic()
        while admission.partners.book().partners["dwi"].is_suspended is not is_suspended:
            await asyncio.sleep(0.005)
            assert time.monotonic() - begun < 5
        return time.monotonic() - begun

    await suspend_partner(engine, "dwi")
    assert await seen(True) < FRESH_SECONDS
    await resume_partner(engine, "dwi")
    assert await seen(False) < FRESH_SECONDS


async def test_a_refresh_shows_a_change_at_once(admission: Admission, engine: AsyncEngine) -> None:
    await suspend_partner(engine, "dwi")
    await admission.partners.refresh()

    assert admission.partners.book().partners["dwi"].is_suspended


async def test_the_book_is_the_same_while_nothing_changes(
    admission: Admission, engine: AsyncEngine, dwi: Party
) -> None:
    book = admission.partners.book()
    await admission.partners.refresh()
    assert admission.partners.book() is book

    await add_key(engine, "dwi", Party("dwi").stored())
    await admission.partners.refresh()
    assert len(admission.partners.book().partners["dwi"].keys) == 2


async def test_invariant_09_what_is_no_longer_known_for_sure_admits_nobody(
    engine: AsyncEngine, dwi: Party
) -> None:
    elapsed = 100.0
    partners = PartnerDirectory(engine, Telemetry(io.StringIO()), elapsed=lambda: elapsed)
    with pytest.raises(IdentityUnavailableError):
        partners.book()

    await partners.refresh()
    elapsed += FRESH_SECONDS
    assert "dwi" in partners.book().partners

    elapsed += 0.01
    with pytest.raises(IdentityUnavailableError):
        partners.book()


async def test_while_the_database_is_away_nobody_is_admitted_and_afterwards_all_are(
    admission: Admission, pool: asyncpg.Pool, database: str
) -> None:
    name = await pool.fetchval("select current_database()")
    await pool.close()
    server = await asyncpg.connect(database.replace(f"/{name}?", "/postgres?"))
    try:
        await server.execute(f"alter database {name} with allow_connections false")
        await server.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name
        )
        await asyncio.sleep(FRESH_SECONDS + 0.3)
        with pytest.raises(IdentityUnavailableError):
            admission.partners.book()
        with pytest.raises(IdentityUnavailableError):
            await admission.partners.refresh()

        await server.execute(f"alter database {name} with allow_connections true")
        await asyncio.sleep(0.6)
        assert "dwi" in admission.partners.book().partners
    finally:
        await server.execute(f"alter database {name} with allow_connections true")
        await server.close()
    # Once an outage, not four times a second; and by type alone.
    assert [line["event"] for line in admission.logged] == ["partners-unreadable"]
    assert json.dumps(admission.logged).count("dwi") == 0


async def test_one_bad_key_keeps_nobody_else_out(
    admission: Admission, engine: AsyncEngine, pool: asyncpg.Pool, dwi: Party
) -> None:
    await Party("okt").register(engine, oin="00000099000000001002")
    await pool.execute("""update partner_key set jwk = '{"kty": "EC"}' where partner = 'dwi'""")
    await pool.execute("update rules_generation set number = number + 1")
    await admission.partners.refresh()

    partners = admission.partners.book().partners
    assert partners["dwi"].keys == {}
    assert len(partners["okt"].keys) == 1
    assert admission.logged[0]["event"] == "partner-key-unreadable"


async def test_a_stranger_makes_us_look_again(admission: Admission, engine: AsyncEngine) -> None:
    await Party("okt").register(engine, oin="00000099000000001002")

    assert "okt" in (await admission.partners.look_again()).partners


async def test_many_strangers_do_not_make_us_ask_the_database_without_end(
    admission: Admission, engine: AsyncEngine
) -> None:
    asked = 0

    def count(*_: object) -> None:
        nonlocal asked
        asked += 1

    event.listen(engine.sync_engine, "before_cursor_execute", count)
    begun = time.monotonic()
    while time.monotonic() - begun < 1:
        await asyncio.gather(*(admission.partners.look_again() for _ in range(50)))

    assert asked <= 15  # ten by strangers, four by the directory itself
