"""Officers, drafts and signatures as they are kept: each once, and never edited."""

from __future__ import annotations

from datetime import UTC, date, datetime

import asyncpg
import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.lifecycle import (
    AlreadySignedError,
    NewOfficer,
    OfficerKnownError,
    StoredSignature,
    UnknownDraftError,
    UnknownOfficerError,
    add_officer,
    all_drafts,
    draft_of,
    end_officer,
    insert_draft,
    insert_signature,
    list_officers,
)
from gateway.store.protocols import VersionTakenError

FG = NewOfficer("fg", "F. Gerards", "fg", "kid-fg", bytes(32))
PRIVACY = NewOfficer(
    "po", "P. Otten", "privacyfunctionaris", "kid-po", b"p" * 32, "M-1", date(2027, 1, 1)
)
SIGNED = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


async def test_officers_are_listed_as_registered(engine: AsyncEngine) -> None:
    await add_officer(engine, PRIVACY)
    await add_officer(engine, FG)

    first, second = await list_officers(engine)
    assert (first.id, first.name, first.role, first.public_key) == (
        "fg",
        "F. Gerards",
        "fg",
        bytes(32),
    )
    assert (second.mandate, second.mandate_ends, second.ended_at) == ("M-1", date(2027, 1, 1), None)


@pytest.mark.parametrize(
    ("other", "field"),
    [
        (NewOfficer("fg", "X", "fg", "kid-x", b"x" * 32), "id"),
        (NewOfficer("x", "F. Gerards", "fg", "kid-x", b"x" * 32), "name"),
        (NewOfficer("x", "X", "fg", "kid-fg", b"x" * 32), "key"),
        (NewOfficer("x", "X", "fg", "kid-x", bytes(32)), "key"),
    ],
)
async def test_one_person_is_one_officer_with_one_key(
    engine: AsyncEngine, other: NewOfficer, field: str
) -> None:
    await add_officer(engine, FG)
    with pytest.raises(OfficerKnownError) as caught:
        await add_officer(engine, other)
    assert caught.value.field == field
    assert len(await list_officers(engine)) == 1


async def test_the_database_itself_asks_a_privacy_officers_mandate(engine: AsyncEngine) -> None:
    with pytest.raises(IntegrityError):
        await add_officer(
            engine, NewOfficer("po", "P. Otten", "privacyfunctionaris", "kid", b"p" * 32)
        )


async def test_an_officer_is_ended_once(engine: AsyncEngine) -> None:
    await add_officer(engine, FG)
    assert await end_officer(engine, "fg") is True
    ended = (await list_officers(engine))[0].ended_at
    assert await end_officer(engine, "fg") is False
    assert (await list_officers(engine))[0].ended_at == ended
    with pytest.raises(UnknownOfficerError):
        await end_officer(engine, "niemand")


async def test_a_draft_is_kept_with_the_text_that_was_submitted(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        assert await insert_draft(connection, "1.0", b"d" * 32, "tekst") is True
        assert await insert_draft(connection, "1.0", b"d" * 32, "tekst") is False
        with pytest.raises(VersionTakenError):
            await insert_draft(connection, "1.0", b"e" * 32, "anders")
        assert (await draft_of(connection, "1.0")).text == "tekst"
        with pytest.raises(UnknownDraftError):
            await draft_of(connection, "2.0")


async def test_what_was_signed_stays(engine: AsyncEngine, pool: asyncpg.Pool) -> None:
    await add_officer(engine, FG)
    advice = StoredSignature("fg", SIGNED, b"s" * 64, "negatief", "Niet doen.")
    async with engine.begin() as connection:
        await insert_draft(connection, "1.0", b"d" * 32, "tekst")
        await insert_signature(connection, b"d" * 32, advice)
        with pytest.raises(AlreadySignedError):
            await insert_signature(connection, b"d" * 32, advice._replace(advice="positief"))

    ((draft, signatures),) = await all_drafts(engine)
    assert draft.version == "1.0"
    assert signatures == [advice]
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("update protocol_signature set advice_text = null")
