"""The life cycle of a version on a real database: each step, its entry, and who may not take it."""

from __future__ import annotations

from datetime import date, timedelta
from hashlib import sha256

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncEngine

from consent.protocol import Protocol, load
from gateway.audit.entry import decode_entry
from gateway.cli.setup import EXAMPLE
from gateway.exchange.approval import Advice, MayNotSignError, enforce, sign_draft, submit
from gateway.identity.approvals import AdviceKind, NotApprovedError, OfficerRole
from gateway.store.lifecycle import (
    AlreadySignedError,
    NewOfficer,
    UnknownDraftError,
    add_officer,
    all_drafts,
    end_officer,
)
from gateway.store.protocols import Effect, VersionTakenError, protocol_in_force

ADVICE = Advice(AdviceKind.CONDITIONAL, "Mits de bewaartermijn korter wordt.")
TEXT = EXAMPLE.read_text(encoding="utf-8")


def version(name: str, note: str = "") -> Protocol:
    first = load(TEXT)
    return load(TEXT.replace(f'versie = "{first.version}"', f'versie = "{name}"') + note)


def key_of(officer: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(officer.encode()).digest())


@pytest.fixture
async def officers(engine: AsyncEngine) -> None:
    ends = await _today(engine) + timedelta(days=30)
    for officer, role in (
        ("eigenaar", OfficerRole.PROCESS_OWNER),
        ("privacy", OfficerRole.PRIVACY_OFFICER),
        ("toezicht", OfficerRole.FG),
    ):
        public = key_of(officer).public_key().public_bytes_raw()
        mandate, until = ("M-1", ends) if role is OfficerRole.PRIVACY_OFFICER else (None, None)
        await add_officer(
            engine,
            NewOfficer(officer, f"Naam {officer}", role, f"kid-{officer}", public, mandate, until),
        )


async def sign(engine: AsyncEngine, name: str, officer: str, signer: str | None = None) -> None:
    advice = ADVICE if officer == "toezicht" else None
    await sign_draft(engine, name, officer, key_of(signer or officer).sign, advice)


async def approve_fully(engine: AsyncEngine, name: str) -> None:
    for officer in ("toezicht", "eigenaar", "privacy"):
        await sign(engine, name, officer)


async def entries(pool: asyncpg.Pool) -> list[dict[str, object]]:
    rows = await pool.fetch("select entry, hash from log_leaf order by index")
    assert all(sha256(b"\x00" + row[0]).digest() == row[1] for row in rows)
    return [decode_entry(row[0]) for row in rows]


async def test_a_version_is_submitted_advised_on_approved_and_put_in_force(
    engine: AsyncEngine, pool: asyncpg.Pool, officers: None
) -> None:
    new = version("2.0")
    assert await submit(engine, new) is True
    assert await submit(engine, new) is False
    await approve_fully(engine, "2.0")
    assert (await enforce(engine, new, None)).effect is Effect.PUT_IN_FORCE
    assert (await enforce(engine, new, None)).effect is Effect.ALREADY_IN_FORCE

    assert (await protocol_in_force(engine)).digest == new.digest
    found = await entries(pool)
    assert [one["step"] for one in found] == [
        "voorgelegd",
        "geadviseerd",
        "goedgekeurd",
        "goedgekeurd",
        "van-kracht",
    ]
    for one in found:
        assert one["event"] == "protocol"
        assert one["protocol"] == {"digest": new.digest.hex(), "version": "2.0"}
        assert one["subjects"] == []
    assert found[-1]["keys"] == ["kid-eigenaar", "kid-privacy"]
    assert found[-1]["advice"] == "met-voorwaarden"


async def test_no_officers_name_stands_in_the_log(
    engine: AsyncEngine, pool: asyncpg.Pool, officers: None
) -> None:
    new = version("2.0")
    await submit(engine, new)
    await approve_fully(engine, "2.0")
    await enforce(engine, new, None)

    for (entry,) in await pool.fetch("select entry from log_leaf"):
        assert b"Naam" not in entry
        assert b"bewaartermijn" not in entry  # nor the advice's text
        assert not any(f'"{name}"'.encode() in entry for name in ("eigenaar", "toezicht"))


async def test_without_officers_a_version_comes_in_force_with_its_entry(
    engine: AsyncEngine, pool: asyncpg.Pool
) -> None:
    await enforce(engine, version("2.0"), None)
    (entry,) = await entries(pool)
    assert (entry["step"], entry["keys"], entry["advice"]) == ("van-kracht", [], None)


async def test_invariant_11_once_there_are_officers_an_unapproved_version_leaves_no_trace(
    engine: AsyncEngine, pool: asyncpg.Pool, officers: None
) -> None:
    new = version("2.0")
    with pytest.raises(UnknownDraftError):
        await enforce(engine, new, None)
    await submit(engine, new)
    await sign(engine, "2.0", "eigenaar")
    with pytest.raises(NotApprovedError) as caught:
        await enforce(engine, new, None)

    assert caught.value.objections == [
        "the approval of a privacy officer under mandate is missing",
        "the FG's advice is not attached",
    ]
    assert [one["step"] for one in await entries(pool)] == ["voorgelegd", "goedgekeurd"]
    assert await pool.fetchval("select count(*) from protocol_version") == 0


async def test_a_changed_text_under_an_approved_version_is_refused(
    engine: AsyncEngine, officers: None
) -> None:
    await submit(engine, version("2.0"))
    await approve_fully(engine, "2.0")
    with pytest.raises(UnknownDraftError):
        await enforce(engine, version("2.0", "# anders\n"), None)
    with pytest.raises(VersionTakenError):
        await submit(engine, version("2.0", "# anders\n"))


async def test_a_version_on_record_cannot_be_submitted_with_another_text(
    engine: AsyncEngine,
) -> None:
    await enforce(engine, version("2.0"), None)
    with pytest.raises(VersionTakenError):
        await submit(engine, version("2.0", "# anders\n"))


async def test_the_stored_signature_is_looked_at_again_when_it_comes_in_force(
    engine: AsyncEngine, pool: asyncpg.Pool, officers: None
) -> None:
    new = version("2.0")
    await submit(engine, new)
    await approve_fully(engine, "2.0")
    await pool.execute(
        """update protocol_signature set signature = (
           select signature from protocol_signature where officer = 'privacy')
           where officer = 'eigenaar'"""
    )
    with pytest.raises(NotApprovedError, match="does not verify"):
        await enforce(engine, new, None)


async def test_an_officer_who_left_after_approving_opens_nothing(
    engine: AsyncEngine, officers: None
) -> None:
    new = version("2.0")
    await submit(engine, new)
    await approve_fully(engine, "2.0")
    assert await end_officer(engine, "privacy") is True
    assert await end_officer(engine, "privacy") is False
    with pytest.raises(NotApprovedError, match="officer no longer"):
        await enforce(engine, new, None)


async def test_who_may_not_sign_is_told_why_and_nothing_is_kept(
    engine: AsyncEngine, pool: asyncpg.Pool, officers: None
) -> None:
    await submit(engine, version("2.0"))
    with pytest.raises(MayNotSignError, match="never approves"):
        await sign_draft(engine, "2.0", "toezicht", key_of("toezicht").sign)
    with pytest.raises(MayNotSignError, match="FG alone"):
        await sign_draft(engine, "2.0", "eigenaar", key_of("eigenaar").sign, ADVICE)
    with pytest.raises(MayNotSignError, match="not the key"):
        await sign(engine, "2.0", "eigenaar", signer="privacy")
    await pool.execute("update officer set mandate_ends = current_date - 2 where id = 'privacy'")
    with pytest.raises(MayNotSignError, match="mandate of privacy ended"):
        await sign(engine, "2.0", "privacy")

    assert [signatures for _, signatures in await all_drafts(engine)] == [[]]


async def test_an_officer_signs_a_version_once(engine: AsyncEngine, officers: None) -> None:
    await submit(engine, version("2.0"))
    await sign(engine, "2.0", "eigenaar")
    with pytest.raises(AlreadySignedError):
        await sign(engine, "2.0", "eigenaar")


async def test_a_version_may_be_planned_and_is_logged_with_its_moment(
    engine: AsyncEngine, pool: asyncpg.Pool, officers: None
) -> None:
    new = version("2.0")
    await submit(engine, new)
    await approve_fully(engine, "2.0")
    moment = await pool.fetchval("select clock_timestamp() + interval '1 day'")

    placed = await enforce(engine, new, moment)

    assert placed == (Effect.PLANNED, moment)
    found = await entries(pool)
    assert found[-1]["inForceFrom"] == int(moment.timestamp() * 1000)


async def _today(engine: AsyncEngine) -> date:
    async with engine.connect() as connection:
        found: date = (await connection.exec_driver_sql("select current_date")).scalar_one()
        return found
