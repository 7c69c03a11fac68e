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

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple, assert_never
from uuid import UUID

from consent.decide import Emergency, Facts, decide, is_protected
from consent.minimise import Minimised, Part
from consent.protocol import Flow
from consent.register import (
    NOTHING_RECORDED,
    amsterdam_day,
)
from gateway.exchange.arrivals import Arrival, SealedIdentity, StatedAuthority, SubjectRef
from gateway.exchange.boxes import pack
from gateway.exchange.persons import Person, standings_of
from gateway.exchange.recording import (
    REFERRAL,
    Filed,
    Verdict,
    bound_held,
    bound_reference,
    bound_to,
    file_entry,
)
from gateway.exchange.registering import record_agreements, record_facts
from gateway.exchange.routing import Routes
from gateway.exchange.rules import CompiledFlow, RuleBook
from gateway.pseudonyms.domains import Handles
from gateway.store.groups import HELD, WAITING, GroupRows
from gateway.vault.boxes import Nonces
from schemas.casework import WaitReason
from schemas.decisions import Decision, Hold, Permit, Refuse, Rule
from schemas.fields import MessageKind, Treatment
from schemas.referral import Agreement, Authority, Ground, Referral, Role

LOOKED_AT_EACH_TIME = -2
"""The gate of parts whose permit time alone may end: every release decides on them anew."""


class TranslatedReferral(NamedTuple):
    """Stage 2."""

    arrival: Arrival
    referral: Referral


class PseudonymisedReferral(NamedTuple):
    """Stage 3: persons by handle, facts for deciding, and the names behind their door."""

    arrival: Arrival
    members: tuple[SubjectRef, ...]
    agreements: tuple[list[Agreement], ...]
    authority: tuple[list[StatedAuthority], ...]
    applicant: int
    ground: Ground | None
    chosen: tuple[str | None, str | None]
    asks_protection: bool
    emergency: Emergency | None
    identity: SealedIdentity

    @property
    def holder_handles(self) -> list[bytes]:
        """Persons outside the household who hold authority over a member of it."""
        return [
            holder
            for stated in self.authority
            for one in stated
            for holder in one.holders
            if isinstance(holder, bytes)
        ]


class RoutedReferral(NamedTuple):
    """Stage 4. `waits` where a person must place it, `is_secret` where nobody may know where."""

    message: PseudonymisedReferral
    team: str
    waits: WaitReason | None = None
    is_secret: bool = False


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
    asked = referral.emergency
    return PseudonymisedReferral(
        translated.arrival,
        tuple(
            [
                SubjectRef(None if m.bsn is None else handles.of(m.bsn), m.birth_date)
                for m in members
            ]
        ),
        tuple([m.agreements for m in members]),
        tuple([[_stated(one, handles) for one in m.authority] for m in members]),
        applicant,
        referral.ground,
        (referral.recipient, referral.purpose),
        referral.protection is not None,
        None if asked is None else Emergency(asked.step, asked.until),
        SealedIdentity(referral),
    )


def _stated(authority: Authority, handles: Handles) -> StatedAuthority:
    holders: list[int | bytes] = []
    for one in authority.holders:
        if one.bsn is not None:
            holders.append(handles.of(one.bsn))
        elif one.member is not None:
            holders.append(one.member)
    return StatedAuthority(authority.kind, tuple(holders), authority.source, authority.as_of)


def flow_of(message: PseudonymisedReferral, book: RuleBook) -> Flow | None:
    """The flow that a referral travels by: its sender's only one, or the one that it names."""
    return book.table.find(message.arrival.sender, MessageKind.REFERRAL, *message.chosen)


def stands_apart(message: PseudonymisedReferral, book: RuleBook) -> bool:
    """Whether it is kept from everything else: asked to be protected, or protected by its flow.

    Whatever is decided of it: that somebody asked, and was refused, is for nobody else either.
    """
    if message.asks_protection:
        return True
    flow = flow_of(message, book)
    return flow is not None and is_protected(flow, asks_protection=False)


def register_flow(message: PseudonymisedReferral, book: RuleBook) -> Flow | None:
    """The flow whose register takes in what a message says of agreement, birth and authority.

    None where the flow asks no agreement, and for what must leave no mark there: a protected
    exchange, an emergency, which rests on no agreement, and what a suspended partner says, by whose
    word another's message would go on its way.
    """
    flow = flow_of(message, book)
    if message.arrival.sender in book.suspended:
        return None
    if flow is None or not flow.locks.agreement.required or message.emergency is not None:
        return None
    return None if stands_apart(message, book) else flow


def route(message: PseudonymisedReferral, routes: Routes) -> RoutedReferral:
    """4. The team's label on the day of arrival, or the desk where people decide."""
    postcode, is_secret = message.identity.route_key()
    arrived_on = amsterdam_day(message.arrival.received_at)
    team, waits = routes.place(postcode, arrived_on, is_secret=is_secret)
    return RoutedReferral(message, team, waits, is_secret)


def decide_on(
    routed: RoutedReferral, persons: Sequence[Person], book: RuleBook, now: datetime
) -> DecidedReferral:
    """5. Permit, Refuse or Hold; the register is consulted where the flow asks agreement."""
    message = routed.message
    flow = flow_of(message, book)
    if flow is None or not flow.locks.agreement.required:
        standings = [NOTHING_RECORDED] * len(persons)
    else:
        standings = standings_of(persons, flow, book.protocol, now)
    facts = Facts(
        message.ground,
        message.identity,
        message.applicant,
        standings,
        message.asks_protection,
        message.emergency,
        now,
    )
    decision = decide(book.table, flow, facts, book.suspended, amsterdam_day(now))
    if isinstance(decision, Permit) and flow is not None and _is_barred(decision, flow, persons):
        decision = Hold(flow.id, Rule.AGREEMENT_INCOMPLETE, decision.members)
    compiled = None if flow is None else book.flows[flow.id]
    return DecidedReferral(routed, persons, decision, compiled)


def _is_barred(permit: Permit, flow: Flow, persons: Sequence[Person]) -> bool:
    """Whether a restriction or objection stops what asks nobody's agreement.

    Not a protected exchange, which the household knows nothing of and which its safety demands; nor
    an emergency, which GDPR article 18(2) lets pass for the sake of another person.
    """
    if permit.is_protected or permit.rule is Rule.EMERGENCY or flow.locks.agreement.required:
        return False
    return any(flow.purpose in persons[n].barred for n in permit.members)


def minimise(permitted: PermittedReferral, today: date) -> MinimisedReferral:
    """6. Build what may leave from nothing, for the members that the permit names."""
    routed, persons, permit, flow = permitted
    pseudonyms = [flow.domain.pseudonym(persons[n].id) for n in permit.members]
    referral = routed.message.identity.open(permit)
    plan = flow.plan
    if permit.rule is Rule.EMERGENCY and flow.emergency is not None:
        plan = flow.emergency
    content = plan.referral(referral, permit, pseudonyms, routed.team, today)
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
    decided: DecidedReferral,
    sealed: SealedReferral | None,
    rows: GroupRows,
    nonces: Nonces,
    now: datetime,
) -> Verdict:
    """8, first half. Boxes and queue row for a Permit, one sealed whole for a Hold."""
    message, persons, flow = decided.routed.message, decided.persons, decided.flow
    decision, exchange = decided.decision, message.arrival.exchange
    recipient = None if flow is None else flow.flow.recipient
    match decision:
        case Permit():
            assert flow is not None  # noqa: S101  # a Permit names its flow
            assert sealed is not None  # noqa: S101  # stages 6 and 7 went before
            keeps = flow.unclaimed
            if decision.rule is Rule.EMERGENCY and decision.until is not None:
                # Nobody keeps what may not be handed over any more.
                keeps = min(keeps, decision.until - now)
            for number, box in sealed.boxes:
                person = persons[number]
                gate = gate_of(person, decision, flow, now)
                rows.parts.append((exchange, number, person.id, gate, box))
            rows.mailbox.setdefault(flow.flow.recipient, []).append(exchange)
            note_route(decided.routed, flow.flow, rows, now)
            owner = persons[decision.holder]
            return Verdict(
                decision,
                recipient,
                WAITING,
                keeps,
                owner.id,
                _seal_reference(message, owner, nonces),
                sealed.content.released,
                sealed.content.removed,
                message.ground or "",
            )
        case Hold():
            assert flow is not None  # noqa: S101  # a Hold names its flow
            owner = persons[message.applicant]
            whole = message.identity.keep(decision)
            kept = owner.key.seal(whole, bound_held(exchange.bytes), nonces.take())
            rows.held.append((exchange, kept, [person.id for person in persons]))
            reference = _seal_reference(message, owner, nonces)
            return Verdict(
                decision, recipient, HELD, flow.hold, owner.id, reference,
                ground=message.ground or "",
            )  # fmt: skip
        case Refuse():
            return Verdict(decision, recipient)
        case _:
            assert_never(decision)


def gate_of(person: Person, permit: Permit, flow: CompiledFlow, now: datetime) -> int:
    """8, of a part: what its releases compare the person's gate with."""
    if permit.until is not None and permit.until <= now + flow.here:
        return LOOKED_AT_EACH_TIME
    return person.gate


def note_route(routed: RoutedReferral, flow: Flow, rows: GroupRows, now: datetime) -> None:
    """8, of the route: what waits for a person, where its recipient has teams; no team, no place.

    Of a secret address nothing is kept but a print that says that it is one (`placing.py`).
    """
    exchange = routed.message.arrival.exchange
    if routed.is_secret:
        rows.hidden.append(exchange)
    elif routed.waits is not None and has_teams(flow):
        rows.placements.append((exchange, flow.recipient, routed.waits.value, now))


def has_teams(flow: Flow) -> bool:
    """Whether a flow's recipient works in teams: it is told which."""
    return flow.fields.get("aanmelding.wijkteam") is Treatment.KEEP


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
    now: datetime,
) -> Verdict:
    """Stages 4 to 7 and the first half of 8: what is to be recorded of one referral."""
    routed = route(message, routes)
    decided = decide_on(routed, persons, book, now)
    sealed = None
    if isinstance(decided.decision, Permit) and decided.flow is not None:
        permitted = PermittedReferral(routed, persons, decided.decision, decided.flow)
        sealed = seal(minimise(permitted, amsterdam_day(now)), nonces)
    return enqueue(decided, sealed, rows, nonces, now)


def walk(
    message: PseudonymisedReferral,
    persons: Sequence[Person],
    holders: Mapping[bytes, Person],
    book: RuleBook,
    routes: Routes,
    group: UUID,
    rows: GroupRows,
    nonces: Nonces,
    now: datetime,
) -> Filed:
    """Stages 4 to 8 of one referral as it arrives, into the rows of its group."""
    flow = register_flow(message, book)
    if flow is not None:
        sender = message.arrival.sender
        record_facts(
            message.members, message.authority, sender, persons, holders, flow, rows, nonces
        )
        record_agreements(message.agreements, sender, persons, flow, rows, nonces)
    verdict = settle(message, persons, book, routes, rows, nonces, now)
    apart = stands_apart(message, book)
    return file_entry(
        message.arrival, REFERRAL, verdict, persons, book, group, rows, now, is_protected=apart
    )
