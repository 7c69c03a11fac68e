"""What each kind of correction does to what waits, what is held, and who was told before.

Each deed changes content in place and gives back entries, notices, and whose held messages are to
be decided on anew; its caller holds the gate of everybody concerned and writes the heads last.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from consent.minimise import covers
from consent.protocol import Flow
from consent.register import amsterdam_day
from consent.representation import MAX_BIRTHS
from gateway.audit.entries import Trace
from gateway.exchange.boxes import pack, unpack
from gateway.exchange.hiding import hide_place
from gateway.exchange.holding import resealed
from gateway.exchange.moves import add_handover, note_place, team_before
from gateway.exchange.notices import ALL, Topic, Whom, add_notice
from gateway.exchange.persons import open_births, read_persons, seal_births, standings_of
from gateway.exchange.placing import hidden_of
from gateway.exchange.purging import Purged, purge_leaf
from gateway.exchange.recall import NO, Affected
from gateway.exchange.recording import bound_to
from gateway.exchange.rectifying import (
    POSTCODE,
    SECRECY,
    ByCategory,
    Rectification,
    as_message,
    in_whole,
    minimised,
    rectified,
    released_fields,
    without_member,
)
from gateway.exchange.referral import has_teams
from gateway.exchange.rules import RuleBook
from gateway.exchange.status import may_tell_of
from gateway.exchange.tools import GroupTools
from gateway.exchange.withdrawal import open_boxes, reduce_told, without
from gateway.store import corrections as store
from gateway.store.consents import raise_gate, replace_boxes
from gateway.store.corrections import Subject
from gateway.store.first_contact import end_waiting
from gateway.store.groups import (
    HELD,
    WAITING,
    Connection,
    GroupRows,
    Leaf,
    stored_keys,
    write_facts,
)
from gateway.store.held import HeldWhole, held_wholes, replace_held
from gateway.store.mailbox import StoredPart, drop_members, purge_exchanges, stored_parts
from gateway.store.notices import NoticeRows, Told, lock_told, notices_about, restricted
from gateway.store.placing import wait_no_more
from gateway.vault.boxes import DataKey, Nonces, SealBrokenError
from schemas.corrections import CorrectionKind
from schemas.fields import FIELDS
from schemas.notices import CorrectionNotice, NoticeKind


class Case(NamedTuple):
    """One correction with all that it is about; `whom` are everybody of the exchange."""

    id: UUID
    kind: CorrectionKind
    partner: str
    subject: Subject
    flow: Flow | None
    whom: list[Whom]
    person: Whom | None
    values: Rectification | None
    book: RuleBook
    tools: GroupTools
    trace: Trace
    now: datetime
    entry: UUID


@dataclass(slots=True)
class Done:
    """What a correction led to; `frees` are persons whose held messages may go now."""

    notices: NoticeRows = field(default_factory=NoticeRows)
    leaves: list[Leaf] = field(default_factory=list)
    frees: list[UUID] = field(default_factory=list)


async def annul(connection: Connection, case: Case) -> Done:
    """The whole message goes, wherever it is, and who received it is told."""
    done, subject = Done(), case.subject
    if subject.state in (HELD, WAITING):
        done.leaves.append(_purge_entry(case))
    await purge_exchanges(connection, [subject.exchange])
    before = await notices_about(connection, [subject.exchange])
    if not any(one.kind == NoticeKind.CORRECTION and one.category == ALL for one in before):
        _tell(done.notices, case, category=ALL)
    return done


async def member_left(connection: Connection, case: Case) -> Done:
    """The message becomes the one that would have been sent without the member."""
    assert case.person is not None  # noqa: S101  # the schema asks for a member
    done, subject, leaver = Done(), case.subject, case.person
    if subject.owner == leaver.subject:
        # Nobody waits for the first contact, or the team, of who is put forward no more.
        await end_waiting(connection, [subject.exchange], case.now)
        await wait_no_more(connection, [subject.exchange])
    if subject.state in (HELD, WAITING):
        done.leaves.append(_purge_entry(case))
        parts = await stored_parts(connection, [subject.exchange])
        opened = open_boxes(parts, case.tools.vault)
        if subject.owner == leaver.subject or len(opened) < len(parts):
            # Nobody is put forward without whom it is about first; what is damaged stays whole.
            await purge_exchanges(connection, [subject.exchange])
        elif subject.state == WAITING:
            boxes = list(without(opened, leaver.subject))
            await drop_members(connection, [(subject.exchange, leaver.member)])
            await replace_boxes(connection, boxes)
        elif await _edit_held(connection, case):
            done.frees.append(subject.owner or leaver.subject)
    _tell(done.notices, case)
    return done


async def rectify(connection: Connection, case: Case) -> Done:
    """New values in the place of the old, as the flow lets them pass."""
    assert case.values is not None  # noqa: S101  # the schema asks for values
    assert case.flow is not None  # noqa: S101  # looked for when the case was opened
    done, subject = Done(), case.subject
    # First: whoever decides below decides by it.
    await _learn_birth(connection, case, case.values)
    if subject.state == HELD:
        if await _edit_held(connection, case):
            done.frees.append(subject.owner or case.whom[0].subject)
        return done
    paths = released_fields(list(case.values.values), case.flow)
    parts = await stored_parts(connection, [subject.exchange])
    await _route_anew(connection, case, case.values, case.flow, done)
    if not paths and not case.values.makes_secret:
        return done
    told: ByCategory = {}
    if subject.flow in case.book.flows:
        told = await _rectify_parts(connection, case, parts)
    if not paths:
        return done  # a flow that never tells of secrecy tells nobody that it came
    gates = {part.subject: part.is_current for part in parts}
    # A gate that was raised since makes a release decide anew before it brings any values.
    whom = [
        one if gates[one.subject] else one._replace(gate=-1)
        for one in case.whom
        if one.subject in gates
    ]
    values = as_message(told) if told else b""
    _tell(done.notices, case, whom=whom or case.whom, fields=paths, values=values)
    return done


async def _route_anew(
    connection: Connection,
    case: Case,
    values: Rectification,
    flow: Flow,
    done: Done,
) -> None:
    """A postcode that is put right leads to its own team, or to the desk; a secret one nowhere."""
    subject, handles = case.subject, case.tools.protected.handles
    if values.makes_secret:
        done.leaves += await hide_place(
            connection, subject, case.whom, case.book, case.tools, case.trace, case.now
        )
    if POSTCODE not in values.values or not has_teams(flow) or values.makes_secret:
        return
    if await hidden_of(connection, handles, [subject.exchange]):
        return
    today = amsterdam_day(case.now)
    to = case.tools.routes.place(values.referral.household.postcode, today)
    before = await team_before(connection, subject, case.tools.vault)
    await note_place(connection, subject, to, case.now)
    if subject.is_released and before != to.team:
        add_handover(
            done.notices, subject, before, to, today, case.whom, case.book, case.trace, case.now,
            cause=case.id,
        )  # fmt: skip


async def _learn_birth(connection: Connection, case: Case, values: Rectification) -> None:
    """A birth date that is put right bears on who decides, where the flow asks agreement.

    As on arrival it stands beside what was known (`registering.py`): nobody makes a child an adult
    by correcting it, and who was thought a child asks for both until an officer looks into it.
    """
    born = values.referral.household.members[0].birth_date
    if born is None or case.person is None or case.flow is None or case.subject.is_protected:
        return
    if not case.flow.locks.agreement.required:
        return
    subject, key = case.person.subject, case.person.key
    (stored,) = await stored_keys(connection, [subject])
    births = open_births(subject, key, stored.facts)
    if born in births or len(births) > MAX_BIRTHS:
        return
    rows = GroupRows()
    rows.facts[subject] = seal_births(subject, key, (*births, born), Nonces().take())
    await write_facts(connection, rows)


async def restrict(connection: Connection, case: Case) -> Done:
    """Nothing more about the person for this purpose, until it is lifted; all who have it hear."""
    assert case.person is not None  # noqa: S101  # the schema asks for a member
    assert case.flow is not None  # noqa: S101  # looked for when the case was opened
    person, purpose = case.person.subject, case.flow.purpose
    await store.restrict(connection, person, purpose, case.id, case.now, is_lifted=False)
    await raise_gate(connection, person)
    done = Done()
    affected = await _of_purpose(connection, case)
    vault = case.tools.vault
    done.leaves += await reduce_told(
        connection, affected, person, case.book, vault, case.trace, case.now
    )
    _tell_all(done.notices, case, affected)
    return done


async def lift(connection: Connection, case: Case) -> Done:
    """The restriction or objection ends: what is held is decided on anew."""
    assert case.person is not None  # noqa: S101  # the schema asks for a member
    assert case.flow is not None  # noqa: S101  # looked for when the case was opened
    person, purpose = case.person.subject, case.flow.purpose
    await store.restrict(connection, person, purpose, case.id, case.now, is_lifted=True)
    if purpose in (await restricted(connection, [person])).get(person, ()):
        # What another partner recorded stands, and nobody may learn that it does.
        return Done()
    done = Done(frees=[person])
    _tell_all(done.notices, case, await _of_purpose(connection, case))
    return done


async def _of_purpose(connection: Connection, case: Case) -> list[Affected]:
    """Every message with a part of the person's under this purpose, whoever sent it; locked.

    With them go the messages on such a case, whose flows may have other purposes.
    """
    assert case.person is not None  # noqa: S101  # checked by the callers
    affected = []
    for one in await lock_told(connection, case.person.subject, None):
        flow = case.book.flow_to(one.recipient, one.flow)
        older = case.book.older.get((one.protocol, one.flow or ""))
        purposes = {then.flow.purpose for then in (flow, older) if then is not None}
        if (
            one.exchange == case.subject.exchange
            or (case.flow is not None and case.flow.purpose in purposes)
            or _is_of_case(one, case)
        ):
            affected.append(Affected(one, flow, NO))
    return affected


def _is_of_case(one: Told, case: Case) -> bool:
    """Whether a message tells of a case under this purpose, as far as can be told."""
    if case.flow is None or case.person is None or one.owner != case.person.subject:
        return False
    today = amsterdam_day(case.now)
    return may_tell_of(one.kind, one.sender, one.recipient, case.flow, case.book, today)


def _tell_all(rows: NoticeRows, case: Case, affected: list[Affected]) -> None:
    handed = [
        one
        for one in affected
        if one.told.released_at is not None and one.told.recipient != case.partner
    ]
    for one in handed:
        told, name = one.told, None
        if one.flow is not None and case.person is not None:
            name = one.flow.domain.pseudonym(case.person.subject)
        purpose = None if case.flow is None else case.flow.purpose
        notice = CorrectionNotice(
            correction_id=case.id,
            exchange_id=told.exchange,
            kind=case.kind,
            purpose=purpose,
            member=name,
        )
        topic = Topic(
            NoticeKind.CORRECTION, told.exchange, told.recipient, told.flow, case.id, None,
            told.member, told.is_protected,
        )  # fmt: skip
        # Whose right it is concerns nobody else of the household.
        whom = [] if case.person is None else [case.person]
        add_notice(rows, topic, notice, whom, case.book, case.trace, case.now)


def _tell(
    rows: NoticeRows,
    case: Case,
    *,
    category: str | None = None,
    whom: list[Whom] | None = None,
    fields: list[str] | None = None,
    values: bytes = b"",
) -> None:
    """The recipient of this very exchange, if it was handed over, and is not who says it."""
    subject = case.subject
    if not subject.is_released or subject.recipient in (None, case.partner):
        return
    assert subject.recipient is not None  # noqa: S101  # checked above
    compiled = case.book.flow_to(subject.recipient, subject.flow)
    name = None
    if case.person is not None and compiled is not None:
        name = compiled.domain.pseudonym(case.person.subject)
    notice = CorrectionNotice(
        correction_id=case.id,
        exchange_id=subject.exchange,
        kind=case.kind,
        purpose=None if case.flow is None else case.flow.purpose,
        member=name,
        fields=fields or [],
    )
    member = None if case.person is None else case.person.member
    topic = Topic(
        NoticeKind.CORRECTION, subject.exchange, subject.recipient, subject.flow, case.id,
        category, member, subject.is_protected,
    )  # fmt: skip
    add_notice(
        rows, topic, notice, whom or case.whom, case.book, case.trace, case.now,
        holder=subject.owner, values=values,
    )  # fmt: skip


async def _rectify_parts(connection: Connection, case: Case, parts: list[StoredPart]) -> ByCategory:
    """The stored parts of an exchange with the new values; gives those that took a place."""
    assert case.values is not None  # noqa: S101  # checked by the caller
    assert case.flow is not None  # noqa: S101  # checked by the caller
    opened = open_boxes(parts, case.tools.vault)
    pieces = [piece for one in opened for piece in unpack(one.stored.member, one.content)]
    exchange, makes_secret = case.subject.exchange, case.values.makes_secret
    is_hidden = bool(await hidden_of(connection, case.tools.protected.handles, [exchange]))
    today = amsterdam_day(case.now)
    new = minimised(case.values, case.flow, case.tools.routes, today, is_hidden=is_hidden)
    member = None if case.person is None else case.person.member
    holder = await _holder(connection, case, case.flow) if makes_secret else None
    kept, told = rectified(
        pieces, member, new, case.flow, makes_secret=makes_secret, is_hidden=is_hidden,
        holder=holder,
    )  # fmt: skip
    nonces, boxes = Nonces(), []
    for one in opened:
        number = one.stored.member
        content = pack(piece for piece in kept if piece.member == number)
        if content != one.content:
            place = bound_to(exchange.bytes, number)
            boxes.append((exchange, number, one.key.seal(content, place, nonces.take())))
    if boxes:
        await replace_boxes(connection, boxes)
    return told


async def _holder(connection: Connection, case: Case, flow: Flow) -> int | None:
    """With whose parts the household's stand; none where somebody refuses what is said there."""
    subjects = [one.subject for one in case.whom]
    persons = await read_persons(connection, subjects, case.tools.vault)
    if flow.locks.agreement.required and not case.subject.is_protected:
        standings = standings_of(list(persons.values()), flow, case.book.protocol, case.now)
        if any(covers(one.refused, FIELDS[SECRECY].category) for one in standings):
            return None
    owner = case.subject.owner
    return next((one.member for one in case.whom if one.subject == owner), None)


async def _edit_held(connection: Connection, case: Case) -> bool:
    """Change a held message; False where it is damaged, and stays as it is.

    Raises pydantic's `ValidationError` where the values do not fit the message.
    """
    held = next(iter(await held_wholes(connection, [case.subject.exchange])), None)
    owner = next((one for one in case.whom if one.subject == case.subject.owner), None)
    if held is None or owner is None:
        return False
    with suppress(SealBrokenError):
        await replace_held(connection, [_resealed(case, held, owner.key)])
        return True
    return False


def _resealed(case: Case, held: HeldWhole, owner: DataKey) -> HeldWhole:
    place = None
    if case.person is not None:
        place = held.subjects.index(case.person.subject)
    values = case.values
    if values is not None:
        return resealed(held, owner, lambda whole: in_whole(whole, place, values), held.subjects)
    assert place is not None  # noqa: S101  # who left is named
    gone = place
    stays = [one for number, one in enumerate(held.subjects) if number != gone]
    return resealed(held, owner, lambda whole: without_member(whole, gone), stays)


def _purge_entry(case: Case) -> Leaf:
    subject = case.subject
    purged = Purged(subject.exchange, subject.flow, subject.sender, subject.is_protected)
    persons = [(one.subject, one.key) for one in case.whom]
    return purge_leaf(purged, persons, case.kind.value, case.book, case.trace, case.now)
