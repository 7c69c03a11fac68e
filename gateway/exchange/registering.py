"""What a referral says of agreement, and of who may decide, enters the register (stage 5, before).

Only for flows that ask agreement, and nothing of what must leave no mark there: the road asks
`register_flow` first. What is known already is not recorded twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from uuid import UUID

from consent.protocol import Flow
from consent.register import AMSTERDAM, CATEGORY_ALL, ConsentEvent
from consent.representation import MAX_BIRTHS, PersonFacts, Statement
from gateway.exchange.arrivals import StatedAuthority, SubjectRef
from gateway.exchange.persons import Person, seal_births
from gateway.store.groups import GroupRows
from gateway.store.ids import new_id
from gateway.vault.boxes import Nonces
from schemas.identifiers import PartialDate
from schemas.referral import Agreement


def record_facts(
    members: Sequence[SubjectRef],
    authority: Sequence[Sequence[StatedAuthority]],
    sender: str,
    persons: Sequence[Person],
    holders: Mapping[bytes, Person],
    flow: Flow,
    rows: GroupRows,
    nonces: Nonces,
) -> None:
    """Birth dates and authority, member by member; `holders` are persons outside the household."""
    for ref, stated, person in zip(members, authority, persons, strict=True):
        before, is_first = person.facts, person.id not in rows.facts
        if ref.birth is not None:
            _learn_birth(person, ref.birth, rows, nonces)
        for one in stated:
            ids = [persons[h].id if isinstance(h, int) else holders[h].id for h in one.holders]
            _learn_authority(person, one, ids, sender, rows)
        if person.facts is not before:
            # This message is decided by what it tells: only those before it are looked at again.
            person.gate += is_first
            # Whose yes is needed may be known by it, of what waits too.
            rows.agreed.add((person.id, (flow.purpose, flow.recipient)))


def _learn_birth(person: Person, born: PartialDate, rows: GroupRows, nonces: Nonces) -> None:
    births = person.facts.births
    # Beyond the bound nothing is known any more, and one more date must not make it known.
    if born in births or len(births) > MAX_BIRTHS:
        return
    births = (*births, born)
    person.facts = PersonFacts(births, person.facts.statements)
    rows.facts[person.id] = seal_births(person.id, person.key, births, nonces.take())


def _learn_authority(
    person: Person, stated: StatedAuthority, holders: list[UUID], sender: str, rows: GroupRows
) -> None:
    statement = Statement(stated.kind, frozenset(holders), stated.source, stated.as_of)
    if statement in person.facts.statements:
        return
    person.facts = PersonFacts(person.facts.births, (*person.facts.statements, statement))
    rows.facts.setdefault(person.id, None)
    rows.statements.append(
        (new_id(), person.id, stated.kind, holders, stated.source, stated.as_of, sender)
    )


def record_agreements(
    agreements: Sequence[Sequence[Agreement]],
    sender: str,
    persons: Sequence[Person],
    flow: Flow,
    rows: GroupRows,
    nonces: Nonces,
) -> None:
    """What the sender recorded of members' agreement to this flow's purpose and recipient."""
    for said, person in zip(agreements, persons, strict=True):
        for agreement in said:
            event = _event(agreement, persons, flow)
            if any(known[1:] == event[1:] for known in person.consents):
                continue
            person.consents.append(event)
            if agreement.given:
                rows.agreed.add((person.id, (flow.purpose, flow.recipient)))
            else:
                rows.refusals.append((person.id, flow.purpose, flow.recipient))
            rows.consents.append(_row(event, agreement, person, sender, nonces))


def _event(agreement: Agreement, persons: Sequence[Person], flow: Flow) -> ConsentEvent:
    decider, last = agreement.decider, agreement.valid_until
    ends = None
    if last is not None and last != date.max:
        ends = first_moment(last + timedelta(days=1))  # the last day itself still counts
    return ConsentEvent(
        new_id(),
        flow.purpose,
        flow.recipient,
        CATEGORY_ALL,
        agreement.given,
        # A date counts from its first moment, so that a withdrawal of the same day stands.
        first_moment(agreement.decided_on),
        agreement.decided_by,
        None if decider is None else persons[decider].id,
        ends,
    )


def _row(
    event: ConsentEvent, agreement: Agreement, person: Person, sender: str, nonces: Nonces
) -> tuple[object, ...]:
    """The event in the order of `CONSENT_COLUMNS`."""
    evidence = None
    if agreement.evidence is not None:
        bound = event.id.bytes + b"bewijs"
        evidence = person.key.seal(agreement.evidence.encode(), bound, nonces.take())
    return (
        event.id,
        person.id,
        event.purpose,
        event.recipient,
        event.category,
        event.given,
        agreement.decided_by,
        event.decided_at,
        sender,
        evidence,
        None,
        event.decider,
        event.valid_until,
        agreement.manner,
        agreement.evidence_hash,
    )


@lru_cache(maxsize=4096)
def first_moment(day: date) -> datetime:
    """The start of a day in Amsterdam, where forms are dated."""
    # The very first day began in Amsterdam before UTC's calendar does.
    zone = UTC if day == date.min else AMSTERDAM
    return datetime.combine(day, time.min, zone)
