"""What the log and the tables hold of one person, read in one transaction and opened.

The same statements are made whoever the person is, and whether or not there is something of them
that is withheld (invariant 14). Of protected exchanges only those are read that an officer decided
may be told of; of others' parts nothing is opened, but for a message that waits as one sealed
whole, of which the person's own member is taken out here and the rest let go.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import orjson

from consent.minimise import Part
from consent.protocol import Protocol, ProtocolError, load
from consent.representation import PersonFacts, Statement
from gateway.audit.entries import Event
from gateway.reports.search import LoggedEntry, entries_of_exchange, entries_of_subject
from gateway.store import dossiers as store
from gateway.store.dossiers import (
    NOBODY,
    StoredConsent,
    StoredExchange,
    StoredPerson,
    StoredStop,
)
from gateway.store.groups import BESCHERMD, TOEGANG, VERWERKINGEN, Connection
from gateway.store.notices import NOTICE
from gateway.store.register import StoredStatement, stored_statements
from gateway.vault.boxes import CONTENT, DataKey, SealBrokenError, Vault, WrappedKey
from schemas.identifiers import PartialDate
from schemas.referral import AuthorityKind, Referral


class Opening(NamedTuple):
    """How sealed parts are opened; whoever seals them says so, and hands it in.

    Each raises `SealBrokenError`, but `births`, for which what is damaged is unknown.
    """

    births: Callable[[UUID, DataKey, bytes | None], tuple[PartialDate, ...]]
    part: Callable[[DataKey, UUID, int, bytes], list[Part]]
    held: Callable[[DataKey, UUID, bytes], Referral]


class Known(NamedTuple):
    """A person with the key that opens what is theirs."""

    id: UUID
    key: DataKey
    facts: PersonFacts


class Line(NamedTuple):
    """One entry at its place in a volume; `subjects` are whom it commits to."""

    log: int
    position: int
    series: int
    hash: bytes
    raw: bytes
    entry: Mapping[str, object]
    subjects: Sequence[UUID]

    @property
    def id(self) -> UUID:
        return UUID(str(self.entry["id"]))

    @property
    def event(self) -> str:
        return str(self.entry["event"])

    @property
    def ended(self) -> int:
        ended = self.entry["endTime"]
        assert isinstance(ended, int)  # noqa: S101  # we wrote it
        return ended

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.ended / 1000, UTC)

    @property
    def exchange(self) -> UUID | None:
        told = self.entry.get("exchange")
        return None if told is None else UUID(str(told))

    def text(self, name: str) -> str | None:
        """A member of the entry, where it is there."""
        told = self.entry.get(name)
        return None if told is None else str(told)


class OwnPlace(NamedTuple):
    """Where the person stands in a message that waits, and whether it is theirs first."""

    referral: Referral
    place: int
    is_owner: bool


@dataclass(slots=True)
class Gathered:
    """All that there is to be told of one person, and some that must not be."""

    person: Known | None = None
    protected: Known | None = None
    statements: list[StoredStatement] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    looks: list[Line] = field(default_factory=list)
    exchanges: dict[UUID, StoredExchange] = field(default_factory=dict)
    parts: dict[UUID, list[Part]] = field(default_factory=dict)
    held: dict[UUID, OwnPlace] = field(default_factory=dict)
    consents: list[StoredConsent] = field(default_factory=list)
    stops: list[StoredStop] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    protocols: dict[bytes, Protocol] = field(default_factory=dict)


async def known_person(
    connection: Connection, row: StoredPerson | None, vault: Vault, opening: Opening
) -> tuple[Known | None, list[StoredStatement]]:
    """A person by their row, with what bears on who speaks for them.

    Raises `SealBrokenError` where their key does not unwrap.
    """
    stored = await stored_statements(connection, [NOBODY if row is None else row.id])
    if row is None:
        return None, stored
    key = vault.unwrap(row.id, CONTENT, WrappedKey(row.epoch, row.wrapped))
    statements = [
        Statement(AuthorityKind(one.kind), frozenset(one.holders), one.source, one.as_of)
        for one in stored
    ]
    births = opening.births(row.id, key, row.facts)
    return Known(row.id, key, PersonFacts(births, tuple(statements))), stored


STEP_SECONDS = 0.05


async def gather(
    connection: Connection,
    handle: bytes,
    protected_handle: bytes,
    vault: Vault,
    opening: Opening,
    protocol: Protocol | None = None,
) -> Gathered:
    """Read everything. `protocol` is a version that was read before, and need not be again.

    It takes whole steps of `STEP_SECONDS`: a row that is found costs a tenth of a millisecond more
    than one that is not, and that must not tell of what is withheld (invariant 14). Raises
    `SealBrokenError` where the person's key does not unwrap.
    """
    begun = time.monotonic()
    try:
        return await _gather(connection, handle, protected_handle, vault, opening, protocol)
    finally:
        await asyncio.sleep(-(time.monotonic() - begun) % STEP_SECONDS)


async def _gather(
    connection: Connection,
    handle: bytes,
    protected_handle: bytes,
    vault: Vault,
    opening: Opening,
    protocol: Protocol | None,
) -> Gathered:
    rows = await store.persons_behind(connection, [handle, protected_handle])
    person, statements = await known_person(connection, rows.get(handle), vault, opening)
    apart = rows.get(protected_handle)
    told = await store.told_protected(connection, NOBODY if apart is None else apart.id)
    found = Gathered(person, _apart(apart, vault, told), statements)
    if protocol is not None:
        found.protocols[protocol.digest] = protocol
    await _read_log(connection, found, told)
    await _read_tables(connection, found)
    await _read_contents(connection, found, vault, opening, told)
    return found


def _apart(row: StoredPerson | None, vault: Vault, told: Sequence[UUID]) -> Known | None:
    """The person as protected exchanges know them, where one of those may be told of."""
    if row is None or not told:
        return None
    key = vault.unwrap(row.id, CONTENT, WrappedKey(row.epoch, row.wrapped))
    return Known(row.id, key, PersonFacts())


async def _read_log(connection: Connection, found: Gathered, told: Sequence[UUID]) -> None:
    subject = NOBODY if found.person is None else found.person.id
    own = await entries_of_subject(connection, subject, series=frozenset({VERWERKINGEN}))
    looks = await entries_of_subject(connection, subject, series=frozenset({TOEGANG}))
    found.looks = [_line(one) for one in looks]
    lines = [_line(one) for one in own]
    named = {line.exchange for line in lines} - {None}
    exchanges = await store.exchanges_told(
        connection, [*[one for one in named if one is not None], *told], told
    )
    found.exchanges = {one.id: one for one in exchanges.values() if one.kind != NOTICE}
    # Who was notified of what is left out, and so is every entry of it: who never may be (safe
    # contact) would show by what is not there, and another member's withdrawal by what is.
    found.lines = [
        line for line in lines if line.exchange is None or line.exchange in found.exchanges
    ]
    known = {line.id for line in found.lines}
    # What was taken back, or did not open, names nobody: it is found by its exchange. What was
    # received in the end needs no such look.
    received = {line.exchange for line in found.lines if line.event == Event.ACKNOWLEDGEMENT}
    for exchange in sorted(found.exchanges.keys() - received):
        series = BESCHERMD if exchange in told else VERWERKINGEN
        for one in await entries_of_exchange(connection, exchange, series=frozenset({series})):
            line = _line(one)
            if line.id not in known and _is_told(line, found.protected):
                found.lines.append(line)
    found.lines.sort(key=lambda line: (line.ended, line.log, line.position))


def _is_told(line: Line, protected: Known | None) -> bool:
    """Whether what is found by its exchange is of this person's part, and of nothing beside it.

    Of a protected exchange there are also entries of who may never be notified, and of officers.
    """
    if not line.subjects:
        return line.event in (Event.TAKEN_BACK, Event.DAMAGED)
    is_own = protected is not None and protected.id in line.subjects
    return is_own and line.event in _OF_MESSAGES


_OF_MESSAGES = (
    Event.DECISION,
    Event.DISCLOSURE,
    Event.ACKNOWLEDGEMENT,
    Event.PURGE,
    Event.CORRECTION,
)


def _line(one: LoggedEntry) -> Line:
    entry: Mapping[str, object] = orjson.loads(one.raw)
    return Line(
        one.hit.log, one.hit.position, one.hit.series, one.hash, one.raw, entry, one.hit.subjects
    )


async def _read_tables(connection: Connection, found: Gathered) -> None:
    subject = NOBODY if found.person is None else found.person.id
    found.consents = await store.consents_of(connection, subject)
    found.stops = await store.stops_of(connection, subject)
    found.names = await store.party_names(connection)
    texts = await store.protocol_texts(connection)
    wanted = {one.protocol for one in found.exchanges.values()}
    found.protocols |= _readable(texts, wanted - found.protocols.keys())


def _readable(texts: Mapping[bytes, str], wanted: Collection[bytes]) -> dict[bytes, Protocol]:
    """The versions that are needed and can still be read."""
    read: dict[bytes, Protocol] = {}
    for digest in wanted:
        if digest in texts:
            with suppress(ProtocolError):
                read[digest] = load(texts[digest])
    return read


async def _read_contents(
    connection: Connection,
    found: Gathered,
    vault: Vault,
    opening: Opening,
    told: Sequence[UUID],
) -> None:
    """What is still there of the person's own, as far as it opens."""
    subject = NOBODY if found.person is None else found.person.id
    protected = NOBODY if found.protected is None else found.protected.id
    boxes = await store.boxes_of(connection, subject, protected, told)
    holds = await store.holds_with(connection, subject)
    for box in boxes:
        known = found.protected if box.exchange in told else found.person
        if known is not None:
            with suppress(SealBrokenError):
                found.parts[box.exchange] = opening.part(
                    known.key, box.exchange, box.member, box.box
                )
    for hold in holds:
        with suppress(SealBrokenError):
            key = vault.unwrap(hold.owner, CONTENT, WrappedKey(hold.epoch, hold.wrapped))
            referral = opening.held(key, hold.exchange, hold.sealed)
            found.held[hold.exchange] = OwnPlace(referral, hold.place, hold.owner == subject)
