"""Officers, drafts of the protocol and what was signed of them: added, and never edited.

A draft keeps the text that was submitted; a changed text is another draft, under another version.
Signatures are stored as they were made; whether they hold is looked at again when the version is
put in force (`gateway/exchange/approval.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store.groups import VERWERKINGEN, Leaf, append_leaves
from gateway.store.history import driver_of
from gateway.store.protocols import VersionTakenError
from gateway.store.tables import OFFICER, PROTOCOL_DRAFT, PROTOCOL_SIGNATURE, PROTOCOL_VERSION

_NAMES = {"id": "id", "name": "name", "key_id": "key", "public_key": "key"}


class OfficerKnownError(Exception):
    """The id, name or key is another officer's already; `field` says which."""

    def __init__(self, field: str) -> None:
        super().__init__(f"this {field} is registered already")
        self.field = field


class UnknownOfficerError(Exception):
    """There is no officer with this id."""


class UnknownDraftError(Exception):
    """No draft was submitted under this version."""


class AlreadySignedError(Exception):
    """The officer signed this draft before; what was signed stays."""


@dataclass(frozen=True, slots=True)
class NewOfficer:
    """What registering an officer takes; `public_key` is an Ed25519 key's 32 bytes."""

    id: str
    name: str
    role: str
    key_id: str
    public_key: bytes
    mandate: str | None = None
    mandate_ends: date | None = None


@dataclass(frozen=True, slots=True)
class StoredOfficer:
    """An officer as registered."""

    id: str
    name: str
    role: str
    key_id: str
    public_key: bytes
    mandate: str | None
    mandate_ends: date | None
    registered_at: datetime
    ended_at: datetime | None


class StoredDraft(NamedTuple):
    """A submitted text."""

    version: str
    digest: bytes
    text: str
    submitted_at: datetime


class StoredSignature(NamedTuple):
    """What one officer signed of a draft; `advice` is None for an approval."""

    officer: str
    signed_at: datetime
    signature: bytes
    advice: str | None = None
    advice_text: str | None = None


async def add_officer(engine: AsyncEngine, officer: NewOfficer) -> None:
    """Register an officer. Raises `OfficerKnownError`."""
    values: dict[str, object] = {
        "id": officer.id,
        "name": officer.name,
        "role": officer.role,
        "key_id": officer.key_id,
        "public_key": officer.public_key,
        "mandate": officer.mandate,
        "mandate_ends": officer.mandate_ends,
    }
    async with engine.begin() as connection:
        statement = insert(OFFICER).values(values).on_conflict_do_nothing().returning(OFFICER.c.id)
        if (await connection.execute(statement)).first() is not None:
            return
        for column, told in _NAMES.items():
            same = select(OFFICER.c.id).where(OFFICER.c[column] == values[column])
            if (await connection.execute(same)).first() is not None:
                raise OfficerKnownError(told)


async def end_officer(engine: AsyncEngine, officer: str) -> bool:
    """Let an officer sign no more; whether that is a change. Raises `UnknownOfficerError`."""
    async with engine.begin() as connection:
        found = await connection.execute(
            update(OFFICER)
            .where(OFFICER.c.id == officer)
            .values(ended_at=func.coalesce(OFFICER.c.ended_at, func.clock_timestamp()))
            .returning(OFFICER.c.ended_at >= func.now())
        )
        row = found.first()
    if row is None:
        raise UnknownOfficerError("there is no officer with this id")
    return bool(row[0])


async def list_officers(engine: AsyncEngine) -> list[StoredOfficer]:
    """Every officer, by id."""
    async with engine.connect() as connection:
        return list((await officers_by_id(connection)).values())


async def officers_by_id(connection: AsyncConnection) -> dict[str, StoredOfficer]:
    """Every officer, by id."""
    rows = await connection.execute(select(OFFICER).order_by(OFFICER.c.id))
    return {row.id: StoredOfficer(**row._mapping) for row in rows}


async def insert_draft(connection: AsyncConnection, version: str, digest: bytes, text: str) -> bool:
    """Keep a submitted text; False where this very text was submitted before.

    Raises `VersionTakenError` where another text has the version, as a draft or on record.
    """
    on_record = await connection.execute(
        select(PROTOCOL_VERSION.c.digest).where(PROTOCOL_VERSION.c.version == version)
    )
    if (row := on_record.first()) is not None and row.digest != digest:
        raise VersionTakenError("another text is known under this version")
    added = await connection.execute(
        insert(PROTOCOL_DRAFT)
        .values(digest=digest, version=version, body=text)
        .on_conflict_do_nothing()
        .returning(PROTOCOL_DRAFT.c.digest)
    )
    if added.first() is not None:
        return True
    draft = await draft_of(connection, version)
    if draft.digest != digest:
        raise VersionTakenError("another text is known under this version")
    return False


async def draft_of(connection: AsyncConnection, version: str) -> StoredDraft:
    """The draft of a version. Raises `UnknownDraftError`."""
    rows = await connection.execute(
        select(PROTOCOL_DRAFT).where(PROTOCOL_DRAFT.c.version == version)
    )
    if (row := rows.first()) is None:
        raise UnknownDraftError("no draft was submitted under this version")
    return _draft(row)


async def all_drafts(engine: AsyncEngine) -> list[tuple[StoredDraft, list[StoredSignature]]]:
    """Every draft with what was signed of it, newest first."""
    newest_first = select(PROTOCOL_DRAFT).order_by(PROTOCOL_DRAFT.c.submitted_at.desc())
    async with engine.connect() as connection:
        drafts = [_draft(row) for row in await connection.execute(newest_first)]
        return [(one, await signatures_of(connection, one.digest)) for one in drafts]


async def insert_signature(
    connection: AsyncConnection, draft: bytes, signature: StoredSignature
) -> None:
    """Keep what an officer signed. Raises `AlreadySignedError`."""
    added = await connection.execute(
        insert(PROTOCOL_SIGNATURE)
        .values(draft=draft, **signature._asdict())
        .on_conflict_do_nothing()
        .returning(PROTOCOL_SIGNATURE.c.officer)
    )
    if added.first() is None:
        raise AlreadySignedError("this officer signed this draft before")


async def signatures_of(connection: AsyncConnection, draft: bytes) -> list[StoredSignature]:
    """What was signed of a draft, in the order of time."""
    columns = PROTOCOL_SIGNATURE.c
    rows = await connection.execute(
        select(PROTOCOL_SIGNATURE)
        .where(columns.draft == draft)
        .order_by(columns.signed_at, columns.officer)
    )
    return [
        StoredSignature(
            row.officer, row.signed_at, bytes(row.signature), row.advice, row.advice_text
        )
        for row in rows
    ]


async def moment_of(connection: AsyncConnection) -> datetime:
    """What the database's clock says."""
    found: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return found


async def append_entries(connection: AsyncConnection, leaves: Sequence[Leaf]) -> None:
    """Append to the processing log in this transaction; last, since its head stays locked."""
    await moment_of(connection)  # SQLAlchemy opens its transaction with its first statement
    await append_leaves(await driver_of(connection), VERWERKINGEN, leaves)


def _draft(row: Row[tuple[object, ...]]) -> StoredDraft:
    return StoredDraft(row.version, bytes(row.digest), row.body, row.submitted_at)
