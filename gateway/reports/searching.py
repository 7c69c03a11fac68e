"""A search as an officer does it: who may, in which logs, and whom it turned out to be about.

A privacy officer under mandate and the FG may search; protected exchanges are searched apart, and
by a privacy officer alone, so that neither a result nor its absence tells of them (invariant 14).
Whoever asks shows with a signature that they are who they say. A person is named by their handle;
one whom nobody knows is found as little as one of whom nothing is logged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.audit.series import NAMES, OPEN_TO_ALL
from gateway.identity.acts import Act, Sign, check_officer, may_look, signed_act
from gateway.identity.approvals import whole_second
from gateway.pseudonyms.domains import ProtectedHandles
from gateway.reports.index import Hit
from gateway.reports.search import Place, Wanted, catch_up, facets_in, find, place_of
from gateway.store.consents import subject_of
from gateway.store.groups import Connection, stored_keys
from gateway.store.history import driver_of
from gateway.store.lifecycle import moment_of, officers_by_id
from gateway.store.log import volumes_of
from gateway.store.search import Facets
from gateway.vault.boxes import CONTENT, DataKey, SealBrokenError, Vault, WrappedKey

PROTECTED = frozenset(NAMES) - OPEN_TO_ALL
_ALL = UUID(int=0)
"""Signed in the place of an exchange by who searches all of them."""

Concerns = Callable[[Sequence[tuple[UUID, DataKey]]], None]
"""Told whom the search is about, so that its entry in the access log commits to them."""


class Asked(NamedTuple):
    """What an officer asks: of `wanted` everything but series and person; `handle` is a person's.

    `terms` is what they sign: the conditions, without the person.
    """

    wanted: Wanted
    handle: bytes | None
    is_protected: bool
    limit: int
    before: Place | None
    terms: dict[str, str]


class Given(NamedTuple):
    """What was found, newest first; where it goes on, if it does; and what the volumes are called.

    `unknown` are the conditions that no entry fulfils, each with the values that there are.
    """

    hits: list[Hit]
    next: Place | None
    volumes: dict[int, str]
    unknown: dict[str, list[str]]


async def search_as(
    engine: AsyncEngine,
    vault: Vault,
    apart: ProtectedHandles,
    officer_id: str,
    sign: Sign,
    asked: Asked,
    concerns: Concerns,
    told: Callable[[int, int], None] | None = None,
) -> Given:
    """Search as an officer. Raises `MayNotActError`; the caller records the act before it shows."""
    series = PROTECTED if asked.is_protected else OPEN_TO_ALL
    async with engine.connect() as connection:
        await _authorise(connection, officer_id, sign, asked)
        raw = await driver_of(connection)
        await catch_up(raw, series, told)
        wanted: Wanted | None = replace(asked.wanted, series=series)
        if asked.handle is not None:
            wanted = await _about(raw, asked, series, vault, apart, concerns)
        hits = []
        if wanted is not None:
            hits = await find(raw, wanted, limit=asked.limit + 1, before=asked.before)
        goes_on = len(hits) > asked.limit
        shown = hits[: asked.limit]
        volumes = {
            one.log: f"{NAMES[number]}/{one.name}".removesuffix("/")
            for number in sorted(series)
            for one in await volumes_of(raw, number)
        }
        unknown = {} if hits else _unknown(asked.wanted, await facets_in(raw, series))
        return Given(shown, place_of(shown[-1]) if goes_on else None, volumes, unknown)


async def _authorise(
    connection: AsyncConnection, officer_id: str, sign: Sign, asked: Asked
) -> None:
    now = whole_second(await moment_of(connection))
    found = (await officers_by_id(connection)).get(officer_id)
    officer = check_officer(found, now) if asked.is_protected else may_look(found, now)
    signed_act(officer, Act.SEARCH, _ALL, now, asked.terms, sign)
    await connection.rollback()  # what was begun to read this; the index is written in its own


async def _about(
    connection: Connection,
    asked: Asked,
    series: frozenset[int],
    vault: Vault,
    apart: ProtectedHandles,
    concerns: Concerns,
) -> Wanted | None:
    """The same of one person alone; None where nobody knows them."""
    assert asked.handle is not None  # noqa: S101  # why we are asked
    handle = apart.of(asked.handle) if asked.is_protected else asked.handle
    subject = await subject_of(connection, handle)
    if subject is None:
        return None
    concerns(await _key_of(connection, subject, vault))
    return replace(asked.wanted, series=series, subject=subject)


async def _key_of(
    connection: Connection, subject: UUID, vault: Vault
) -> list[tuple[UUID, DataKey]]:
    """The person with the key that commits to them; nobody where it is damaged."""
    for stored in await stored_keys(connection, [subject]):
        with suppress(SealBrokenError):
            wrapped = WrappedKey(stored.epoch, stored.wrapped)
            return [(subject, vault.unwrap(subject, CONTENT, wrapped))]
    return []


def _unknown(wanted: Wanted, kinds: set[Facets]) -> dict[str, list[str]]:
    """The conditions that nothing in these logs fulfils: a typing error, as a rule."""
    met = {
        "partner": {one for kind in kinds for one in (kind.sender, kind.recipient, kind.actor)},
        "flow": {kind.flow for kind in kinds},
        "rule": {kind.rule for kind in kinds},
        "decision": {kind.decision for kind in kinds},
        "event": {one for kind in kinds for one in (kind.event, kind.operation)},
    }
    return {
        name: sorted(one for one in values if one is not None)
        for name, values in met.items()
        if (asked := getattr(wanted, name)) is not None and asked not in values
    }
