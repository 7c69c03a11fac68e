"""The versions of the privacy protocol: put in force one after another, never edited.

Every log entry names the digest of the version that it was decided by, so each text stays as it
was. Going back to an older text means a new version that says the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Row, Select, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store.rules import NoProtocolError, changing_rules, raise_generation
from gateway.store.tables import PROTOCOL_VERSION

_COLUMNS = PROTOCOL_VERSION.c


class VersionTakenError(Exception):
    """Another text is known under this version; a changed text needs a new version."""


class Effect(StrEnum):
    """What putting a text in force came to."""

    PUT_IN_FORCE = "put-in-force"
    ALREADY_IN_FORCE = "already-in-force"
    SUPERSEDED = "superseded"
    """The text was in force once, a newer version is now, and stays."""


@dataclass(frozen=True, slots=True)
class StoredProtocol:
    """A version of the protocol; `digest` is the SHA-256 of its text."""

    version: str
    digest: bytes
    text: str
    in_force_from: datetime


async def put_in_force(engine: AsyncEngine, version: str, digest: bytes, text: str) -> Effect:
    """Put a checked protocol in force; the same text again has no effect.

    From this commit on, nothing is decided or released by an older version. Raises
    `VersionTakenError`.
    """
    async with changing_rules(engine) as connection:
        newest = (await connection.execute(_newest_first().limit(1))).first()
        same = await connection.execute(
            select(_COLUMNS.digest).where(
                (_COLUMNS.digest == digest) | (_COLUMNS.version == version)
            )
        )
        known = same.scalars().all()
        if digest in known:
            is_newest = newest is not None and newest.digest == digest
            return Effect.ALREADY_IN_FORCE if is_newest else Effect.SUPERSEDED
        if known:
            raise VersionTakenError("another text is known under this version")
        await connection.execute(
            insert(PROTOCOL_VERSION).values(
                digest=digest,
                version=version,
                body=text,
                in_force_from=await _next_moment(connection),
            )
        )
        await raise_generation(connection)
        return Effect.PUT_IN_FORCE


async def protocol_in_force(engine: AsyncEngine) -> StoredProtocol:
    """The version in force. Raises `NoProtocolError`."""
    async with engine.connect() as connection:
        row = (await connection.execute(_newest_first().limit(1))).first()
    if row is None:
        raise NoProtocolError("no privacy protocol is in force")
    return _stored(row)


async def all_protocols(engine: AsyncEngine) -> list[StoredProtocol]:
    """Every version that is or was in force, newest first."""
    async with engine.connect() as connection:
        return [_stored(row) for row in await connection.execute(_newest_first())]


def _newest_first() -> Select[tuple[str, bytes, str, datetime]]:
    return select(
        _COLUMNS.version, _COLUMNS.digest, _COLUMNS.body, _COLUMNS.in_force_from
    ).order_by(_COLUMNS.in_force_from.desc())


async def _next_moment(connection: AsyncConnection) -> datetime:
    # Versions are ordered by this moment, so it must rise, also when the clock was set back; and
    # now() would be the moment before we waited for the rules.
    after_newest = func.max(_COLUMNS.in_force_from) + timedelta(microseconds=1)
    moment = select(func.greatest(func.clock_timestamp(), after_newest))
    found: datetime = (await connection.execute(moment)).scalar_one()
    return found


def _stored(row: Row[tuple[str, bytes, str, datetime]]) -> StoredProtocol:
    return StoredProtocol(row.version, row.digest, row.body, row.in_force_from)
