"""Partners and their public keys: registered, listed, suspended and resumed.

A partner is never removed, since what it sent and received refers to it; neither is a key, which
may be ended before its time and then never counts again. A key, and a key's id, is one partner's:
with one in two hands nobody could tell who came in. Every change has the
rules to itself and raises their generation, so that all replicas see it (invariant 2).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql import ColumnElement

from gateway.store.rules import changing_rules, raise_generation
from gateway.store.tables import MAILBOX_HEAD, PARTNER, PARTNER_KEY, RULES_GENERATION

ENDED = "ended"
"""The member of a stored key that says that it was ended before its time."""
Also = Callable[[], Awaitable[None]]
_CERTIFICATE = "x5t#S256"
_MATERIAL = ("crv", "x", "y", "n", "e")


class UnknownPartnerError(Exception):
    """There is no partner with this id."""


class UnknownKeyError(Exception):
    """The partner has no key with this id."""


class AlreadyRegisteredError(Exception):
    """The id, OIN or key id is taken; `field` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(f"this {name} is registered already")
        self.field = name


@dataclass(frozen=True, slots=True)
class NewPartner:
    """What registering a partner takes."""

    id: str
    name: str
    oin: str
    adapter: str
    kind: str = "keten"
    is_testing: bool = False
    """Whether it still tries the road out, with made-up persons (`sluis partner test`)."""


@dataclass(frozen=True, slots=True)
class PartnerKey:
    """A partner's public key (RFC 7517), good until it expires."""

    kid: str
    jwk: Mapping[str, str]
    expires_at: datetime

    @property
    def is_ended(self) -> bool:
        """Whether it was ended before its time."""
        return ENDED in self.jwk


@dataclass(frozen=True, slots=True)
class StoredPartner:
    """A partner as it stands."""

    id: str
    name: str
    oin: str
    adapter: str
    kind: str
    is_suspended: bool
    registered_at: datetime
    keys: Sequence[PartnerKey] = field(default_factory=tuple)
    is_testing: bool = False


async def register_partner(
    engine: AsyncEngine,
    partner: NewPartner,
    keys: Sequence[PartnerKey] = (),
    also: Callable[[AsyncConnection], Awaitable[None]] | None = None,
) -> None:
    """Register a partner with its mailbox and keys. Raises `AlreadyRegisteredError`.

    `also` is done in the same transaction: whatever it raises leaves nothing registered.
    """
    async with changing_rules(engine) as connection:
        taken = await connection.execute(
            select(PARTNER.c.id).where(
                or_(PARTNER.c.id == partner.id, PARTNER.c.oin == partner.oin)
            )
        )
        if ids := taken.scalars().all():
            raise AlreadyRegisteredError("id" if partner.id in ids else "oin")
        await connection.execute(
            insert(PARTNER).values(
                id=partner.id,
                name=partner.name,
                oin=partner.oin,
                adapter=partner.adapter,
                kind=partner.kind,
                is_testing=partner.is_testing,
            )
        )
        await connection.execute(insert(MAILBOX_HEAD).values(recipient=partner.id))
        for key in keys:
            await _insert_key(connection, partner.id, key)
        if also is not None:
            await also(connection)
        await raise_generation(connection)


async def add_key(engine: AsyncEngine, partner: str, key: PartnerKey) -> None:
    """Give a partner one more key; the others stay good until they expire.

    Raises `UnknownPartnerError` or `AlreadyRegisteredError`.
    """
    async with changing_rules(engine) as connection:
        if not await _exists(connection, partner):
            raise UnknownPartnerError("there is no partner with this id")
        await _insert_key(connection, partner, key)
        await raise_generation(connection)


async def end_key(
    engine: AsyncEngine,
    partner: str,
    kid: str,
    also: Callable[[Sequence[str]], Awaitable[None]] | None = None,
) -> bool:
    """Let a key of a partner count no longer, once this returns; whether that is a change.

    Under whatever other id the same key was registered, it ends too; `also` is told all of them
    before the commit. Raises `UnknownPartnerError` or `UnknownKeyError`.
    """
    async with changing_rules(engine) as connection:
        if not await _exists(connection, partner):
            raise UnknownPartnerError("there is no partner with this id")
        own = PARTNER_KEY.c.partner == partner
        found = await connection.execute(
            select(PARTNER_KEY.c.jwk).where(own, PARTNER_KEY.c.kid == kid)
        )
        jwk = found.scalar_one_or_none()
        if jwk is None:
            raise UnknownKeyError("this partner has no key with this id")
        changed = await connection.execute(
            update(PARTNER_KEY)
            .where(own, _is_same_key(jwk), ~PARTNER_KEY.c.jwk.has_key(ENDED))
            .values(
                jwk=PARTNER_KEY.c.jwk.concat({ENDED: "1"}),
                expires_at=func.least(PARTNER_KEY.c.expires_at, func.clock_timestamp()),
            )
            .returning(PARTNER_KEY.c.kid)
        )
        is_change = bool(changed.all())
        if is_change:
            await raise_generation(connection)
        if also is not None:
            same = select(PARTNER_KEY.c.kid).where(own, _is_same_key(jwk))
            await also((await connection.execute(same)).scalars().all())
        return is_change


async def suspend_partner(engine: AsyncEngine, partner: str, also: Also | None = None) -> bool:
    """Let nothing pass to or from a partner, once this returns; whether that is a change.

    `also` is done before the commit, with the rules to itself. Raises `UnknownPartnerError`.
    """
    return await _set_suspended(engine, partner, also, is_suspended=True)


async def resume_partner(engine: AsyncEngine, partner: str, also: Also | None = None) -> bool:
    """End a suspension; whether that is a change, and `also` as above.

    Raises `UnknownPartnerError`.
    """
    return await _set_suspended(engine, partner, also, is_suspended=False)


async def mark_testing(engine: AsyncEngine, partner: str, *, is_testing: bool) -> bool:
    """Say whether a partner still tries out; whether that is a change.

    Raises `UnknownPartnerError`.
    """
    async with changing_rules(engine) as connection:
        if not await _exists(connection, partner):
            raise UnknownPartnerError("there is no partner with this id")
        changed = await connection.execute(
            update(PARTNER)
            .where(PARTNER.c.id == partner, PARTNER.c.is_testing.is_not(is_testing))
            .values(is_testing=is_testing)
            .returning(PARTNER.c.id)
        )
        return changed.first() is not None


async def list_partners(engine: AsyncEngine) -> list[StoredPartner]:
    """Every partner with its keys, by id."""
    async with engine.connect() as connection:
        return await _partners(connection)


async def rules_generation(engine: AsyncEngine) -> int:
    """The number that every change of partners or protocol raises."""
    async with engine.connect() as connection:
        return await _generation(connection)


async def partners_with_generation(engine: AsyncEngine) -> tuple[int, list[StoredPartner]]:
    """Every partner, and a generation that the list is at least as new as.

    The number is read first: a change between the two reads gives a list that is newer than its
    number, and is therefore read again, never one that is older.
    """
    async with engine.connect() as connection:
        return await _generation(connection), await _partners(connection)


async def _set_suspended(
    engine: AsyncEngine, partner: str, also: Also | None, *, is_suspended: bool
) -> bool:
    async with changing_rules(engine) as connection:
        if not await _exists(connection, partner):
            raise UnknownPartnerError("there is no partner with this id")
        changed = await connection.execute(
            update(PARTNER)
            .where(PARTNER.c.id == partner, PARTNER.c.is_suspended.is_not(is_suspended))
            .values(is_suspended=is_suspended)
            .returning(PARTNER.c.id)
        )
        is_change = changed.first() is not None
        if is_change:
            await raise_generation(connection)
        if also is not None:
            await also()
        return is_change


async def _insert_key(connection: AsyncConnection, partner: str, key: PartnerKey) -> None:
    taken = await connection.execute(
        select(PARTNER_KEY).where(or_(PARTNER_KEY.c.kid == key.kid, _is_same_key(key.jwk)))
    )
    if any(_keeps_out(row.partner, row.kid, row.jwk, partner, key) for row in taken):
        raise AlreadyRegisteredError("key")
    await connection.execute(
        insert(PARTNER_KEY).values(
            partner=partner, kid=key.kid, jwk=dict(key.jwk), expires_at=key.expires_at
        )
    )


def _is_same_key(jwk: Mapping[str, str]) -> ColumnElement[bool]:
    material = {name: jwk[name] for name in _MATERIAL if name in jwk}
    return PARTNER_KEY.c.jwk.contains(material)


def _keeps_out(owner: str, kid: str, jwk: Mapping[str, str], partner: str, key: PartnerKey) -> bool:
    """Whether a key that is there leaves no room for a new one, which is like it or named as it."""
    if owner != partner or kid == key.kid or ENDED in jwk:
        return True
    # Beside the one in a certificate it would come in without showing that.
    return _CERTIFICATE in jwk and _CERTIFICATE not in key.jwk


async def _exists(connection: AsyncConnection, partner: str) -> bool:
    found = await connection.execute(select(PARTNER.c.id).where(PARTNER.c.id == partner))
    return found.first() is not None


async def _generation(connection: AsyncConnection) -> int:
    return int((await connection.execute(select(RULES_GENERATION.c.number))).scalar_one())


async def _partners(connection: AsyncConnection) -> list[StoredPartner]:
    keys: dict[str, list[PartnerKey]] = {}
    by_age = select(PARTNER_KEY).order_by(PARTNER_KEY.c.expires_at, PARTNER_KEY.c.kid)
    for row in await connection.execute(by_age):
        keys.setdefault(row.partner, []).append(PartnerKey(row.kid, row.jwk, row.expires_at))
    rows = await connection.execute(select(PARTNER).order_by(PARTNER.c.id))
    return [
        StoredPartner(
            id=row.id,
            name=row.name,
            oin=row.oin,
            adapter=row.adapter,
            kind=row.kind,
            is_suspended=row.is_suspended,
            registered_at=row.registered_at,
            keys=tuple(keys.get(row.id, ())),
            is_testing=row.is_testing,
        )
        for row in rows
    ]
