"""The versions of the privacy protocol: put in force one after another, never edited.

Every log entry names the digest of the version that it was decided by, so each text stays as it
was. Going back to an older text means a new version that says the same. A version may be planned:
it comes in force at its moment, by the database's clock (`begin_deciding` in groups.py). Of two
planned for one moment the one that was recorded last counts, which is how a plan is replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Row, Select, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.store.rules import NoProtocolError, changing_rules, raise_generation
from gateway.store.tables import OFFICER, PROTOCOL_VERSION, RULES_GENERATION

_COLUMNS = PROTOCOL_VERSION.c


class VersionTakenError(Exception):
    """Another text is known under this version; a changed text needs a new version."""


class ApprovalsNeededError(Exception):
    """Officers are registered: a version comes in force with their approvals, or not at all."""


class MomentPassedError(Exception):
    """The moment from which a version was to be in force has passed; nothing was changed."""


class Effect(StrEnum):
    """What putting a text in force came to."""

    PUT_IN_FORCE = "put-in-force"
    ALREADY_IN_FORCE = "already-in-force"
    PLANNED = "planned"
    ALREADY_PLANNED = "already-planned"
    """The text waits for its moment, which stays as it was."""
    SUPERSEDED = "superseded"
    """The text was in force once, a newer version is now, and stays."""


class Placed(NamedTuple):
    """What placing a version came to, and from when it is in force."""

    effect: Effect
    in_force_from: datetime

    @property
    def is_change(self) -> bool:
        return self.effect in (Effect.PUT_IN_FORCE, Effect.PLANNED)


@dataclass(frozen=True, slots=True)
class StoredProtocol:
    """A version of the protocol; `digest` is the SHA-256 of its text."""

    version: str
    digest: bytes
    text: str
    in_force_from: datetime
    is_planned: bool = False
    """Whether its moment has yet to come."""


async def put_in_force(engine: AsyncEngine, version: str, digest: bytes, text: str) -> Effect:
    """Put a checked protocol in force without officers, for trying out; again has no effect.

    From this commit on, nothing is decided or released by an older version. Raises
    `VersionTakenError`, and `ApprovalsNeededError` for a new version where officers are registered.
    """
    async with changing_rules(engine) as connection:
        if not await is_known(connection, digest) and await has_officers(connection):
            raise ApprovalsNeededError("officers are registered, and did not approve this version")
        placed = await place_version(connection, version, digest, text)
        return placed.effect


async def place_version(
    connection: AsyncConnection,
    version: str,
    digest: bytes,
    text: str,
    moment: datetime | None = None,
) -> Placed:
    """Put a text in force now or from `moment`; call inside `changing_rules`.

    Raises `VersionTakenError` or `MomentPassedError`.
    """
    await _bring_in_force_what_is_due(connection)
    rows = await connection.execute(
        select(_COLUMNS.digest, _COLUMNS.in_force_from, _COLUMNS.is_planned).where(
            or_(_COLUMNS.digest == digest, _COLUMNS.version == version)
        )
    )
    known = {row.digest: row for row in rows}
    if (same := known.get(digest)) is not None:
        if same.is_planned:
            return Placed(Effect.ALREADY_PLANNED, same.in_force_from)
        newest = (await connection.execute(_in_force().limit(1))).one()
        is_newest = newest.digest == digest
        effect = Effect.ALREADY_IN_FORCE if is_newest else Effect.SUPERSEDED
        return Placed(effect, same.in_force_from)
    if known:
        raise VersionTakenError("another text is known under this version")
    now = await _next_moment(connection)
    if moment is not None and moment <= now:
        raise MomentPassedError("this moment has passed")
    await connection.execute(
        insert(PROTOCOL_VERSION).values(
            digest=digest,
            version=version,
            body=text,
            in_force_from=moment or now,
            is_planned=moment is not None,
        )
    )
    await _renew_generation(connection)
    return Placed(Effect.PLANNED if moment else Effect.PUT_IN_FORCE, moment or now)


async def protocol_in_force(engine: AsyncEngine) -> StoredProtocol:
    """The version in force. Raises `NoProtocolError`."""
    # A version whose moment has come counts, also if nothing was decided by it yet.
    has_come = or_(~_COLUMNS.is_planned, _COLUMNS.in_force_from <= func.clock_timestamp())
    async with engine.connect() as connection:
        row = (await connection.execute(_newest_first().where(has_come).limit(1))).first()
    if row is None:
        raise NoProtocolError("no privacy protocol is in force")
    return _stored(row)


async def all_protocols(engine: AsyncEngine) -> list[StoredProtocol]:
    """Every version that is, was or will be in force, newest first."""
    async with engine.connect() as connection:
        return [_stored(row) for row in await connection.execute(_newest_first())]


async def is_known(connection: AsyncConnection, digest: bytes) -> bool:
    """Whether this text is, was or will be in force."""
    found = await connection.execute(select(_COLUMNS.digest).where(_COLUMNS.digest == digest))
    return found.first() is not None


async def has_officers(connection: AsyncConnection) -> bool:
    """Whether anybody was ever registered who approves protocols."""
    return (await connection.execute(select(OFFICER.c.id).limit(1))).first() is not None


def _newest_first() -> Select[tuple[str, bytes, str, datetime, bool]]:
    return select(
        _COLUMNS.version,
        _COLUMNS.digest,
        _COLUMNS.body,
        _COLUMNS.in_force_from,
        _COLUMNS.is_planned,
    ).order_by(_COLUMNS.in_force_from.desc(), _COLUMNS.recorded_at.desc())


def _in_force() -> Select[tuple[str, bytes, str, datetime, bool]]:
    return _newest_first().where(~_COLUMNS.is_planned)


async def _next_moment(connection: AsyncConnection) -> datetime:
    # Versions are ordered by this moment, so it must rise, also when the clock was set back; and
    # now() would be the moment before we waited for the rules.
    newest = select(func.max(_COLUMNS.in_force_from)).where(~_COLUMNS.is_planned).scalar_subquery()
    moment = select(func.greatest(func.clock_timestamp(), newest + timedelta(microseconds=1)))
    found: datetime = (await connection.execute(moment)).scalar_one()
    return found


async def _bring_in_force_what_is_due(connection: AsyncConnection) -> None:
    await connection.execute(
        update(PROTOCOL_VERSION)
        .where(_COLUMNS.is_planned, _COLUMNS.in_force_from <= func.clock_timestamp())
        .values(is_planned=False)
    )


async def _renew_generation(connection: AsyncConnection) -> None:
    first = select(func.min(_COLUMNS.in_force_from)).where(_COLUMNS.is_planned).scalar_subquery()
    await connection.execute(update(RULES_GENERATION).values(due_at=first))
    await raise_generation(connection)


def _stored(row: Row[tuple[str, bytes, str, datetime, bool]]) -> StoredProtocol:
    return StoredProtocol(row.version, row.digest, row.body, row.in_force_from, row.is_planned)
