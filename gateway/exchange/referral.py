"""The road of one referral, stage by stage.

    1  authenticate            identity: who sends, from the credential
    2  translate               the sender's format to the one canonical message
    3  pseudonymise            each member a keyed handle; names go behind a door
    4  route                   full postcode to team label, before it may be dropped
    5  decide                  Permit, Refuse or Hold, from the protocol and recorded agreement
    6  minimise                only the fields that the protocol names, as it names them
    7  seal                    each member's each category in a box of its own
    8  record and enqueue      entry, queue row and content in one commit
    9  release                 `mailbox.py`: re-checked and recorded, then handed over
    10 acknowledge             `mailbox.py`: the outcome recorded

Stages 1 to 3 run per request, 4 to 8 per group of requests inside its one transaction (`group.py`).
Each takes what the stage before it returns, so that none can be skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import NamedTuple, assert_never
from uuid import UUID
from zoneinfo import ZoneInfo

from consent.decide import Facts, decide
from consent.minimise import Minimised, Part
from consent.register import CATEGORY_ALL, NOTHING_RECORDED, ConsentEvent, standing
from gateway.exchange.arrivals import Arrival, SealedIdentity, SubjectRef
from gateway.exchange.boxes import pack
from gateway.exchange.recording import (
    REFERRAL,
    Filed,
    Person,
    Verdict,
    bound_held,
    bound_reference,
    bound_to,
    file_entry,
)
from gateway.exchange.routing import Routes
from gateway.exchange.rules import CompiledFlow, RuleBook
from gateway.pseudonyms.domains import Handles
from gateway.store.groups import HELD, WAITING, GroupRows
from gateway.store.ids import new_id
from gateway.vault.boxes import Nonces
from schemas.decisions import Decision, Hold, Permit, Refuse
from schemas.fields import MessageKind
from schemas.referral import Agreement, Ground, Referral, Role

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


class TranslatedReferral(NamedTuple):
    """Stage 2."""

    arrival: Arrival
    referral: Referral


class PseudonymisedReferral(NamedTuple):
    """Stage 3: persons by handle, facts for deciding, and the names behind their door."""

    arrival: Arrival
    members: tuple[SubjectRef, ...]
    agreements: tuple[Agreement | None, ...]
    applicant: int
    ground: Ground | None
    identity: SealedIdentity


class RoutedReferral(NamedTuple):
    """Stage 4."""

    message: PseudonymisedReferral
    team: str


class DecidedReferral(NamedTuple):
    """Stage 5."""

    routed: RoutedReferral
    persons: Sequence[Person]
    decision: Decision
    flow: CompiledFlow | None


class PermittedReferral(NamedTuple):
    """Stage 5, where the answer was yes: the only thing that stage 6 takes."""

    routed: RoutedReferral
    persons: Sequence[Person]
    permit: Permit
    flow: CompiledFlow


class MinimisedReferral(NamedTuple):
    """Stage 6."""

    permitted: PermittedReferral
    content: Minimised


class SealedReferral(NamedTuple):
    """Stage 7: one box a member, in the order of the message."""

    content: Minimised
    boxes: list[tuple[int, bytes]]


def translate(body: bytes) -> Referral:
    """2. The canonical message from canonical JSON. Raises pydantic's `ValidationError`."""
    return Referral.model_validate_json(body, by_alias=True, by_name=False)


def pseudonymise(translated: TranslatedReferral, handles: Handles) -> PseudonymisedReferral:
    """3. Each member a handle; from here on names are reached with a Permit only."""
    referral = translated.referral
    members = referral.household.members
    applicant = 0
    for number, member in enumerate(members):
        if member.role is Role.APPLICANT:
            applicant = number
            break
    return PseudonymisedReferral(
        translated.arrival,
        tuple(SubjectRef(None if m.bsn is None else handles.of(m.bsn)) for m in members),
        tuple(m.agreement for m in members),
        applicant,
        referral.ground,
        SealedIdentity(referral),
    )


def route(message: PseudonymisedReferral, routes: Routes) -> RoutedReferral:
    """4. The team's label, or the desk where people decide."""
    return RoutedReferral(message, routes.team(message.identity.route_key()))


def record_agreements(
    message: PseudonymisedReferral,
    persons: Sequence[Person],
    book: RuleBook,
    rows: GroupRows,
    nonces: Nonces,
) -> None:
    """5, first half. What the sender recorded of members' agreement enters the register."""
    flow = book.table.find(message.arrival.sender, MessageKind.REFERRAL)
    if flow is None or not flow.locks.agreement.required:
        return
    for agreement, person in zip(message.agreements, persons, strict=True):
        if agreement is None:
            continue
        # A date counts from its first moment, so that a withdrawal of the same day stands.
        moment = first_moment(agreement.decided_on)
        event = ConsentEvent(
            new_id(), flow.purpose, flow.recipient, CATEGORY_ALL, agreement.given, moment
        )
        if person.consents and any(_says_the_same(event, known) for known in person.consents):
            continue
        evidence = None
        if agreement.evidence is not None:
            bound = event.id.bytes + b"bewijs"
            evidence = person.key.seal(agreement.evidence.encode(), bound, nonces.take())
        if not agreement.given:
            rows.refusals.append((person.id, flow.purpose, flow.recipient))
        person.consents.append(event)
        rows.consents.append(
            (
                event.id,
                person.id,
                event.purpose,
                event.recipient,
                event.category,
                event.given,
                agreement.decided_by,
                event.decided_at,
                message.arrival.sender,
                evidence,
                None,
            )
        )


@lru_cache(maxsize=4096)
def first_moment(day: date) -> datetime:
    """The start of a day in Amsterdam, where forms are dated."""
    # The very first day began in Amsterdam before UTC's calendar does.
    zone = UTC if day == date.min else AMSTERDAM
    return datetime.combine(day, time.min, zone)


def _says_the_same(event: ConsentEvent, known: ConsentEvent) -> bool:
    return known[1:] == event[1:]


def decide_on(
    routed: RoutedReferral, persons: Sequence[Person], book: RuleBook, today: date
) -> DecidedReferral:
    """5. Permit, Refuse or Hold; the register is consulted where the flow asks agreement."""
    message = routed.message
    flow = book.table.find(message.arrival.sender, MessageKind.REFERRAL)
    if flow is None or not flow.locks.agreement.required:
        standings = [NOTHING_RECORDED] * len(persons)
    else:
        standings = [standing(p.consents, flow.purpose, flow.recipient) for p in persons]
    facts = Facts(message.ground, message.identity, message.applicant, standings)
    decision = decide(book.table, flow, facts, book.suspended, today)
    compiled = None if flow is None else book.flows[flow.id]
    return DecidedReferral(routed, persons, decision, compiled)


def minimise(permitted: PermittedReferral, today: date) -> MinimisedReferral:
    """6. Build what may leave from nothing, for the members that the permit names."""
    routed, persons, permit, flow = permitted
    pseudonyms = [flow.domain.pseudonym(persons[n].id) for n in permit.members]
    referral = routed.message.identity.open(permit)
    content = flow.plan.referral(referral, permit, pseudonyms, routed.team, today)
    return MinimisedReferral(permitted, content)


def seal(minimised: MinimisedReferral, nonces: Nonces) -> SealedReferral:
    """7. Each member's parts in a box under the member's own key, bound to its place."""
    permitted = minimised.permitted
    exchange = permitted.routed.message.arrival.exchange.bytes
    persons, boxes = permitted.persons, []
    by_member: dict[int, list[Part]] = {number: [] for number in permitted.permit.members}
    for part in minimised.content.parts:
        by_member[part.member].append(part)
    for number, parts in by_member.items():
        key, bound = persons[number].key, bound_to(exchange, number)
        boxes.append((number, key.seal(pack(parts), bound, nonces.take())))
    return SealedReferral(minimised.content, boxes)


def enqueue(
    decided: DecidedReferral, sealed: SealedReferral | None, rows: GroupRows, nonces: Nonces
) -> Verdict:
    """8, first half. Boxes and queue row for a Permit, one sealed whole for a Hold."""
    message, persons, flow = decided.routed.message, decided.persons, decided.flow
    decision, exchange = decided.decision, message.arrival.exchange
    recipient = None if flow is None else flow.flow.recipient
    match decision:
        case Permit():
            assert flow is not None  # noqa: S101  # a Permit names its flow
            assert sealed is not None  # noqa: S101  # stages 6 and 7 went before
            for number, box in sealed.boxes:
                person = persons[number]
                rows.parts.append((exchange, number, person.id, person.gate, box))
            rows.mailbox.setdefault(flow.flow.recipient, []).append(exchange)
            owner = persons[decision.holder]
            return Verdict(
                decision,
                recipient,
                WAITING,
                flow.unclaimed,
                owner.id,
                _seal_reference(message, owner, nonces),
                sealed.content.released,
                sealed.content.removed,
            )
        case Hold():
            assert flow is not None  # noqa: S101  # a Hold names its flow
            owner = persons[message.applicant]
            whole = message.identity.keep(decision)
            kept = owner.key.seal(whole, bound_held(exchange.bytes), nonces.take())
            rows.held.append((exchange, kept, [person.id for person in persons]))
            reference = _seal_reference(message, owner, nonces)
            return Verdict(decision, recipient, HELD, flow.hold, owner.id, reference)
        case Refuse():
            return Verdict(decision, recipient)
        case _:
            assert_never(decision)


def _seal_reference(message: PseudonymisedReferral, owner: Person, nonces: Nonces) -> bytes:
    bound = bound_reference(message.arrival.exchange.bytes)
    return owner.key.seal(message.identity.sender_reference(), bound, nonces.take())


def settle(
    message: PseudonymisedReferral,
    persons: Sequence[Person],
    book: RuleBook,
    routes: Routes,
    rows: GroupRows,
    nonces: Nonces,
    today: date,
) -> Verdict:
    """Stages 4 to 7 and the first half of 8: what is to be recorded of one referral."""
    routed = route(message, routes)
    decided = decide_on(routed, persons, book, today)
    sealed = None
    if isinstance(decided.decision, Permit) and decided.flow is not None:
        permitted = PermittedReferral(routed, persons, decided.decision, decided.flow)
        sealed = seal(minimise(permitted, today), nonces)
    return enqueue(decided, sealed, rows, nonces)


def walk(
    message: PseudonymisedReferral,
    persons: Sequence[Person],
    book: RuleBook,
    routes: Routes,
    group: UUID,
    rows: GroupRows,
    nonces: Nonces,
    now: datetime,
) -> Filed:
    """Stages 4 to 8 of one referral as it arrives, into the rows of its group."""
    record_agreements(message, persons, book, rows, nonces)
    verdict = settle(message, persons, book, routes, rows, nonces, now.date())
    return file_entry(message.arrival, REFERRAL, verdict, persons, book, group, rows, now)
