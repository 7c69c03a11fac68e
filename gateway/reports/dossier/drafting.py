"""From a request to a dossier that an officer released: draft, look, release or refuse.

A draft is made and kept sealed under the person's own key; a privacy officer under mandate reads it
and releases it, and where somebody asks for another, or a protected exchange is told of, that is
another person than who made it (invariant 11). At the release everything that it rests on is asked
again: who may ask, and what may be told. Every step is an act, whose entry in the access log bears
the person's commitment and is committed with it; a request that is denied leaves one too.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from consent.protocol import Protocol, load
from consent.register import amsterdam_day
from consent.representation import UNKNOWN, PersonFacts
from gateway.audit.access import (
    Act,
    Action,
    Actor,
    ActorKind,
    Reason,
    Target,
    access_leaf,
    new_trace,
)
from gateway.audit.entries import commitment
from gateway.audit.note import encode_base64
from gateway.audit.series import Logbooks
from gateway.identity.acts import Act as Signed
from gateway.identity.acts import MayNotActError, Sign, check_officer, signed_act
from gateway.identity.approvals import whole_second
from gateway.pseudonyms.domains import ProtectedHandles
from gateway.reports.dossier.authority import Asking, Capacity, Denial, denied
from gateway.reports.dossier.contents import Release, Written
from gateway.reports.dossier.evidence import keys_used, origins_of, prove, proven_now
from gateway.reports.dossier.gathering import Gathered, Known, Opening, gather, known_person
from gateway.reports.dossier.telling import tell
from gateway.store import dossiers as store
from gateway.store.dossiers import NewDossier, StoredDossier
from gateway.store.groups import TOEGANG_BESCHERMD, Connection, append_leaves
from gateway.store.history import driver_of
from gateway.store.ids import new_id
from gateway.store.lifecycle import StoredOfficer, moment_of, officers_by_id
from gateway.store.protected import may_disclose
from gateway.store.protocols import protocol_in_force
from gateway.vault.boxes import DataKey, Nonces, SealBrokenError, Vault
from schemas.identifiers import PartialDate

KEPT = timedelta(days=30)
"""How long a draft waits, and what was released can be written again: the term for an answer."""
ASKED = "inzageverzoek"
"""The reason of every act here, with the number of the case."""
LISTED = 1000
_OPERATION = "dossier.subject"


class DeniedError(Exception):
    """This requester gets no dossier; `denial` says why."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.value)
        self.denial = denial


class UnknownDossierError(Exception):
    """There is no such dossier, or it says nothing any more."""


class StaleDossierError(Exception):
    """What the draft rests on has changed: it is to be made anew."""


class Identified(StrEnum):
    """By what the requester was identified; the kind of document, and never its number."""

    PASSPORT = "paspoort"
    CARD = "identiteitskaart"
    LICENCE = "rijbewijs"
    PERMIT = "verblijfsdocument"
    DIGID = "digid"


class Ground(StrEnum):
    """Why a dossier is not given (UAVG article 41, GDPR articles 12 and 15(4))."""

    OTHERS = "rechten-van-anderen"
    CHILD = "belang-van-het-kind"
    IDENTITY = "identiteit-niet-zeker"
    WITHDRAWN = "verzoek-ingetrokken"
    REPEATED = "buitensporig-herhaald"


About = Callable[[Sequence[tuple[UUID, DataKey]]], None]
"""Names the persons whom an act is about, so that its entry commits to them."""


def unheard(_: str) -> None:
    """For whoever keeps no account of an act's case."""


class Tools(NamedTuple):
    """What a dossier takes besides the database; `about` and `within` are of the one act that is
    being done: its persons, and its case.
    """

    vault: Vault
    protected: ProtectedHandles
    opening: Opening
    logbooks: Logbooks
    about: About
    within: Callable[[str], None] = unheard


class Asked(NamedTuple):
    """A request as an officer took it in; persons by their handles."""

    person: bytes
    requester: bytes | None
    capacity: Capacity
    identified_by: Identified
    case: str
    is_together: bool = False
    mandate: str | None = None
    document: PartialDate | None = None


class Drafted(NamedTuple):
    """A draft, and until when it waits."""

    written: Written
    ends_at: datetime


class _Acting(NamedTuple):
    """An officer at work inside a transaction."""

    connection: Connection
    officer: StoredOfficer
    officers: Mapping[str, StoredOfficer]
    now: datetime


class _Opened(NamedTuple):
    """A dossier with its contents, and the person whom it is about, where they are known."""

    row: StoredDossier
    written: Written
    person: Known | None
    document: PartialDate | None


async def draft(
    engine: AsyncEngine, tools: Tools, asked: Asked, officer_id: str, sign: Sign
) -> Drafted:
    """Make a draft. Raises `DeniedError` where this requester gets none, and `MayNotActError`."""
    protocol = load((await protocol_in_force(engine)).text)
    async with _acting(engine, officer_id) as acting:
        connection, officer, _, now = acting
        found, requester = await _found(connection, tools, asked, protocol)
        facts = None if found.person is None else found.person.facts
        asking = Asking(asked.capacity, requester, asked.is_together, asked.mandate, asked.document)
        denial = _denied(facts, asking, now, protocol)
        id_ = new_id()
        _concerns(tools, found.person, asked.case)
        if denial is not None:
            raise DeniedError(denial)
        written = await compose(connection, tools, found, protocol, id_, asked, now)
        digest = written.digest()
        signature = signed_act(
            officer, Signed.DRAFT_DOSSIER, id_, now, {"digest": digest.hex()}, sign
        )
        owner = found.person or found.protected
        await store.insert_dossier(
            connection,
            NewDossier(
                id_, None if owner is None else owner.id, requester, asked.capacity.value,
                asked.identified_by.value, asked.mandate, asked.is_together, asked.case,
                officer.id, now, signature, now + KEPT,
                _sealed(owner, written, asked.document), digest,
            ),
        )  # fmt: skip
        if found.protected is not None:
            await _record_apart(acting, id_, asked.case, found.protected)
        return Drafted(written, now + KEPT)


async def compose(
    connection: Connection,
    tools: Tools,
    found: Gathered,
    protocol: Protocol,
    dossier: UUID,
    asked: Asked,
    now: datetime,
    salt: str | None = None,
) -> Written:
    """What is told of what was found, with its proofs."""
    told = tell(
        found,
        protocol,
        dossier=dossier,
        salt=secrets.token_hex(16) if salt is None else salt,
        case=asked.case,
        made_at=now,
        capacity=asked.capacity,
    )
    origins = await origins_of(connection, tools.logbooks)
    shown = {one.entry for one in told.looks}
    looks = [line for line in found.looks if line.id in shown]
    lines = [line for line in [*found.lines, *looks] if line.log in origins.origins]
    proofs = []
    if found.person is not None:
        proofs = await prove(
            connection, lines, found.person, origins, is_as_self=asked.capacity.is_as_self
        )
    told = told.model_copy(update={"keys": keys_used(lines, origins)})
    return Written(dossier=told, proofs=proofs)


async def look(
    engine: AsyncEngine, tools: Tools, dossier: UUID, officer_id: str
) -> tuple[StoredDossier, Written]:
    """A draft or a released dossier, for the officer who judges it.

    Raises `MayNotActError`, `UnknownDossierError` or `StaleDossierError`.
    """
    async with _acting(engine, officer_id) as acting:
        opened = await _open(acting, tools, dossier)
        _concerns(tools, opened.person, opened.row.case_number)
        return opened.row, opened.written


async def release(
    engine: AsyncEngine, tools: Tools, dossier: UUID, officer_id: str, sign: Sign
) -> Written:
    """Release a draft, or give again what was released.

    Raises `MayNotActError`, `UnknownDossierError`, or `StaleDossierError` where who may ask or what
    may be told is no longer what it was.
    """
    protocol = load((await protocol_in_force(engine)).text)
    async with _acting(engine, officer_id) as acting:
        connection, officer, officers, now = acting
        opened = await _open(acting, tools, dossier)
        row, written, person, document = opened
        _concerns(tools, person, row.case_number)
        await _check_still(connection, opened, now, protocol)
        if row.state == "concept":
            is_of_two = await _needs_two(connection, opened)
            if is_of_two and _person(officer) == _person(officers[row.drafted_by]):
                raise MayNotActError(
                    f"{officer.id} made this draft; another privacy officer releases it"
                )
            written = written.model_copy(
                update={"proofs": await proven_now(connection, written.proofs)}
            )
            digest = written.digest()
            signature = signed_act(
                officer, Signed.RELEASE_DOSSIER, dossier, now, {"digest": digest.hex()}, sign
            )
            released = Release(
                at=now,
                key=officer.key_id,
                digest=digest.hex(),
                signature=encode_base64(signature),
            )
            written = written.model_copy(update={"release": released})
            await store.decide_dossier(
                connection, dossier, "vrijgegeven", officer.id, now, signature
            )
            await store.replace_contents(
                connection, dossier, _sealed(person, written, document), digest
            )
        return written


async def refuse(
    engine: AsyncEngine, tools: Tools, dossier: UUID, officer_id: str, ground: Ground, sign: Sign
) -> StoredDossier:
    """Decide that a draft is not released. Raises `MayNotActError` or `UnknownDossierError`."""
    async with _acting(engine, officer_id) as acting:
        connection, officer, _, now = acting
        row = await store.lock_dossier(connection, dossier)
        if row is None or row.state != "concept":
            raise UnknownDossierError("no draft has this id")
        decided = {"ground": ground.value}
        signature = signed_act(officer, Signed.REFUSE_DOSSIER, dossier, now, decided, sign)
        await store.decide_dossier(
            connection, dossier, "geweigerd", officer.id, now, signature, ground.value
        )
        with suppress(SealBrokenError):  # a damaged key must not keep what is refused here
            _concerns(tools, await _person_of(connection, tools, row), row.case_number)
        return row


async def list_all(engine: AsyncEngine, officer_id: str) -> list[StoredDossier]:
    """The dossiers, newest first; what ended is dropped first. Raises `MayNotActError`."""
    async with _acting(engine, officer_id) as acting:
        return await store.list_dossiers(acting.connection, LISTED)


@asynccontextmanager
async def _acting(engine: AsyncEngine, officer_id: str) -> AsyncIterator[_Acting]:
    async with engine.begin() as connection:
        now = await moment_of(connection)
        officers = await officers_by_id(connection)
        officer = check_officer(officers.get(officer_id), now)
        raw = await driver_of(connection)
        await store.forget_ended(raw, now)
        yield _Acting(raw, officer, officers, whole_second(now))


async def _found(
    connection: Connection, tools: Tools, asked: Asked, protocol: Protocol
) -> tuple[Gathered, UUID | None]:
    apart = tools.protected.of(asked.person)
    found = await gather(connection, asked.person, apart, tools.vault, tools.opening, protocol)
    if asked.requester is None:
        return found, None
    row = (await store.persons_behind(connection, [asked.requester])).get(asked.requester)
    return found, None if row is None else row.id


def _denied(
    facts: PersonFacts | None, asking: Asking, now: datetime, protocol: Protocol
) -> Denial | None:
    return denied(facts or UNKNOWN, asking, amsterdam_day(now), protocol.authority_days)


async def _open(acting: _Acting, tools: Tools, dossier: UUID) -> _Opened:
    """The contents of a dossier that waits or was released."""
    row = await store.lock_dossier(acting.connection, dossier)
    if row is None or row.sealed is None:
        raise UnknownDossierError("no dossier with contents has this id")
    person = await _person_of(acting.connection, tools, row)
    try:
        raw = row.sealed if person is None else person.key.open(row.sealed, _bound(row.id))
    except SealBrokenError:
        # Somebody of the household was erased since, which closes what was sealed before.
        raise StaleDossierError("the draft does not open any more") from None
    if row.subject is not None and person is None:
        raise StaleDossierError("the person was erased since")
    kept = orjson.loads(raw)
    written = Written.model_validate_json(kept["written"])
    document = None if kept["document"] is None else PartialDate(kept["document"])
    return _Opened(row, written, person, document)


async def _person_of(connection: Connection, tools: Tools, row: StoredDossier) -> Known | None:
    if row.subject is None:
        return None
    stored = await store.person_row(connection, row.subject)
    person, _ = await known_person(connection, stored, tools.vault, tools.opening)
    return person


async def _check_still(
    connection: Connection, opened: _Opened, now: datetime, protocol: Protocol
) -> None:
    """Whether the requester may still ask, and all of it may still be told."""
    row = opened.row
    facts = None if opened.person is None else opened.person.facts
    asking = Asking(
        Capacity(row.capacity), row.requester, row.is_together, row.mandate, opened.document
    )
    # Of whom nobody is known there is nothing to keep from anybody, and no birth date was kept.
    if row.subject is not None and _denied(facts, asking, now, protocol) is not None:
        raise StaleDossierError("the requester may not ask any more")
    for one in opened.written.dossier.sharings:
        if not await may_disclose(connection, one.exchange):
            raise StaleDossierError("something in it may not be told any more")


async def _needs_two(connection: Connection, opened: _Opened) -> bool:
    """Whether another officer releases it: asked for somebody else, or of what was hidden."""
    if opened.row.capacity != Capacity.SELF:
        return True
    told = [one.exchange for one in opened.written.dossier.sharings]
    return await store.any_protected(connection, told)


def _sealed(owner: Known | None, written: Written, document: PartialDate | None) -> bytes:
    """What is kept of it: under the person's key, or as it is where it tells of nobody."""
    kept = orjson.dumps(
        {
            "document": None if document is None or owner is None else document.reveal(),
            "written": written.model_dump_json(by_alias=True),
        }
    )
    if owner is None:
        return kept
    return owner.key.seal(kept, _bound(written.dossier.id), Nonces().take())


def _bound(dossier: UUID) -> bytes:
    return dossier.bytes + b"dossier"


def _person(officer: StoredOfficer) -> str:
    # One person registered twice, under two ids and with two keys, still has one name.
    return " ".join(officer.name.casefold().split())


def _concerns(tools: Tools, person: Known | None, case: str) -> None:
    tools.within(case)
    if person is not None:
        tools.about([(person.id, person.key)])


async def _record_apart(acting: _Acting, dossier: UUID, case: str, person: Known) -> None:
    """The same act in the access log of protected exchanges, of which some are told."""
    entry, millis = new_id(), int(acting.now.timestamp() * 1000)
    act = Act(
        _OPERATION,
        Action.CREATE,
        Actor(ActorKind.OFFICER, acting.officer.id, acting.officer.key_id),
        new_trace(),
        millis,
        millis,
        target=Target("dossier", str(dossier)),
        reason=Reason(ASKED, case),
        is_protected=True,
    )
    subjects = [(person.id, commitment(person.key, entry, person.id))]
    leaf = access_leaf(act, subjects, entry)
    await append_leaves(acting.connection, TOEGANG_BESCHERMD, [leaf])
