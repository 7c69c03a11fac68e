"""The road of what the casebook says of a case: the same stages, on an earlier exchange.

The casebook names the exchange that it pulled. A status message goes to the sender of that exchange
and to nobody else, under that sender's own reference, which only this road opens. A statement of
accountability goes to whom it names, where the protocol has such a flow, under the pseudonym by
which that recipient knows the person.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import date, datetime
from typing import NamedTuple, TypeGuard
from uuid import UUID

from consent.decide import Facts, decide
from consent.protocol import Flow
from consent.register import NOTHING_RECORDED, amsterdam_day
from gateway.exchange.arrivals import Arrival
from gateway.exchange.boxes import pack
from gateway.exchange.partner_update import NO_EXCHANGE, other_party, unknown, verdict_on
from gateway.exchange.persons import Person, standings_of
from gateway.exchange.recording import (
    ACCOUNTABILITY,
    PARTNER_UPDATE,
    STATUS,
    Filed,
    Verdict,
    bound_reference,
    bound_to,
    file_entry,
)
from gateway.exchange.referral import gate_of
from gateway.exchange.rules import CompiledFlow, RuleBook
from gateway.exchange.successors import Carry
from gateway.store.groups import HELD, PURGED, REFUSED, WAITING, GroupRows, Original
from gateway.vault.boxes import Nonces
from schemas.casework import Accountability, CaseStatus, CloseReason, StatusMessage
from schemas.decisions import Hold, Permit, Refuse, Rule
from schemas.fields import MessageKind
from schemas.partner_update import PartnerUpdate

_NEVER_HANDED_OVER = (HELD, REFUSED, PURGED)
MESSAGES = {STATUS: MessageKind.STATUS, ACCOUNTABILITY: MessageKind.ACCOUNTABILITY}
MOVED = (CloseReason.MOVED_WITHIN, CloseReason.MOVED_OUTSIDE)
_KINDS: dict[type, int] = {
    StatusMessage: STATUS,
    Accountability: ACCOUNTABILITY,
    PartnerUpdate: PARTNER_UPDATE,
}


class ArrivedStatus(NamedTuple):
    """Stage 2: a message on a case by a known sender; it names no person (stage 3 has no work)."""

    arrival: Arrival
    message: StatusMessage | Accountability | PartnerUpdate
    case: bytes | None = None
    """The print of the sender's own key of what it referred, where it names the case by that."""
    is_hidden: bool = False
    """Whether nobody may know where the household is."""

    @property
    def kind(self) -> int:
        """The kind of exchange, as a row keeps it."""
        return _KINDS[type(self.message)]

    @property
    def about(self) -> UUID:
        """The exchange that the case began with; of nobody's where none is known."""
        return self.message.exchange_id or NO_EXCHANGE

    @property
    def closes(self) -> bool:
        """Whether the case ends with it."""
        return isinstance(self.message, StatusMessage) and self.message.status.is_closed

    @property
    def unknown(self) -> Refuse:
        """The answer where the case was never this sender's."""
        if isinstance(self.message, PartnerUpdate):
            return unknown(self.message)
        path = f"{MESSAGES[self.kind]}.uitwisselingId"
        return Refuse(None, Rule.UNKNOWN_EXCHANGE, path)


def translate(body: bytes) -> StatusMessage:
    """2. The canonical message from canonical JSON. Raises pydantic's `ValidationError`."""
    return StatusMessage.model_validate_json(body, by_alias=True, by_name=False)


def translate_accountability(body: bytes) -> Accountability:
    """2. The same for a statement of accountability. Raises pydantic's `ValidationError`."""
    return Accountability.model_validate_json(body, by_alias=True, by_name=False)


def translate_partner_update(body: bytes) -> PartnerUpdate:
    """2. The same for a partner's message on a case. Raises pydantic's `ValidationError`."""
    return PartnerUpdate.model_validate_json(body, by_alias=True, by_name=False)


def walk(
    status: ArrivedStatus,
    original: Original | None,
    owner: Person | None,
    book: RuleBook,
    group: UUID,
    rows: GroupRows,
    nonces: Nonces,
    now: datetime,
) -> Filed:
    """Stages 4 to 8 of one status message, into the rows of its group."""
    verdict, persons = _verdict(status, original, owner, book, rows, nonces, now)
    apart = stands_apart(status, original)
    return file_entry(
        status.arrival, status.kind, verdict, persons, book, group, rows, now, is_protected=apart
    )


def may_tell_place(message: object) -> TypeGuard[ArrivedStatus]:
    """Whether a message may say something of where the household is."""
    if not isinstance(message, ArrivedStatus):
        return False
    told = message.message
    return not isinstance(told, StatusMessage) or told.close_reason in MOVED


def without_place(status: ArrivedStatus, hidden: AbstractSet[UUID]) -> ArrivedStatus:
    """A message as it may be told of a household whose place is hidden.

    No stadsdeel, and not whether it left the city; what a partner tells is cut by its flow.
    """
    if status.about not in hidden:
        return status
    message, unsaid = status.message, dict[str, None]()
    if isinstance(message, Accountability):
        unsaid["district"] = None
    if not isinstance(message, PartnerUpdate) and message.close_reason in MOVED:
        unsaid["close_reason"] = None
    return status._replace(message=message.model_copy(update=unsaid), is_hidden=True)


def may_tell_of(
    kind: int, sender: str, recipient: str, case: Flow, book: RuleBook, today: date
) -> bool:
    """Whether a message on a case can be on one that was referred by this flow: by who tells whom.

    No row leads from it to the exchange that it is about; of two cases of one person between the
    same parties it may be on either. Who took over tells, and is told, as their predecessor was.
    """
    taken = book.successions
    referrers = {case.sender, taken.of(case.sender, Carry.REFERENCES, today)}
    receivers = {case.recipient, taken.of(case.recipient, Carry.CASES, today)}
    if case.message is not MessageKind.REFERRAL:
        return False
    if kind == ACCOUNTABILITY:
        return sender in receivers
    if kind == PARTNER_UPDATE and sender in referrers and recipient in receivers:
        return True
    return kind in (STATUS, PARTNER_UPDATE) and sender in receivers and recipient in referrers


def tells_of_contact(status: ArrivedStatus, original: Original | None) -> bool:
    """Whether the one who has the case says that it went beyond `instroom`.

    Whatever the protocol lets the sender know of it: nobody has to be signalled any more.
    """
    message = status.message
    if not isinstance(message, StatusMessage) or message.status is CaseStatus.INTAKE:
        return False
    return original is not None and original.recipient == status.arrival.sender


def stands_apart(status: ArrivedStatus, original: Original | None) -> bool:
    """Whether it answers a protected exchange, and says so as the one who was handed it.

    To whoever else names such an exchange it does not exist: the answer must be recorded where any
    other answer of that kind is.
    """
    if original is None or not original.is_protected:
        return False
    if isinstance(status.message, PartnerUpdate):
        return other_party(status.arrival.sender, original) is not None
    return original.recipient == status.arrival.sender


def _verdict(
    status: ArrivedStatus,
    original: Original | None,
    owner: Person | None,
    book: RuleBook,
    rows: GroupRows,
    nonces: Nonces,
    now: datetime,
) -> tuple[Verdict, list[Person]]:
    sender = status.arrival.sender
    if isinstance(status.message, PartnerUpdate):
        return verdict_on(
            status.arrival, status.message, original, owner, book, rows, nonces, now,
            is_hidden=status.is_hidden,
        )  # fmt: skip
    # A case that was never this sender's is answered as one that does not exist.
    if original is None or original.recipient != sender or original.state in _NEVER_HANDED_OVER:
        return Verdict(status.unknown), []
    if owner is None or original.sealed_reference is None:
        return Verdict(status.unknown), []
    message, recipient = status.message, original.sender
    if isinstance(message, Accountability):
        if original.is_protected:
            # Whoever is accounted to stands outside the exchange, and must not learn of it.
            return Verdict(status.unknown), [owner]
        recipient = message.recipient
    flow = book.table.find(sender, MESSAGES[status.kind], recipient)
    standings = [NOTHING_RECORDED]
    if flow is not None and flow.locks.agreement.required:
        standings = standings_of([owner], flow, book.protocol, now)
    facts = Facts(None, frozenset(), 0, standings)
    decision = decide(book.table, flow, facts, book.suspended, amsterdam_day(now))
    if isinstance(decision, Hold):
        # It names no person whose later yes could set it free: what cannot wait is refused.
        decision = Refuse(decision.flow, decision.rule)
    if isinstance(decision, Permit) and flow is not None:
        case = book.flows.get(original.flow or "")
        purposes = {flow.purpose} if case is None else {flow.purpose, case.flow.purpose}
        if purposes & owner.barred:
            # Restricted or objected to (GDPR articles 18 and 21), here or for the case that it
            # answers, and told as any missing agreement.
            decision = Refuse(flow.id, Rule.AGREEMENT_INCOMPLETE)
    if not isinstance(decision, Permit):
        return Verdict(decision, None if flow is None else flow.recipient), [owner]
    compiled = book.flows[decision.flow]
    verdict = _enqueue(status, original, owner, compiled, decision, rows, nonces, now)
    return verdict, [owner]


def _enqueue(
    status: ArrivedStatus,
    original: Original,
    owner: Person,
    flow: CompiledFlow,
    permit: Permit,
    rows: GroupRows,
    nonces: Nonces,
    now: datetime,
) -> Verdict:
    """6 to 8. Minimise, seal under the key of the person whom the case is about, and queue."""
    today = amsterdam_day(now)
    if isinstance(status.message, Accountability):
        name = flow.domain.pseudonym(owner.id)
        content = flow.plan.accountability(status.message, permit, name, today)
    else:
        assert isinstance(status.message, StatusMessage)  # noqa: S101  # the third has its own road
        assert original.sealed_reference is not None  # noqa: S101  # checked before the decision
        bound = bound_reference(original.id.bytes)
        reference = owner.key.open(original.sealed_reference, bound).decode("ascii")
        content = flow.plan.status(status.message, permit, reference, today)
    exchange = status.arrival.exchange
    box = owner.key.seal(pack(content.parts), bound_to(exchange.bytes, 0), nonces.take())
    rows.parts.append((exchange, 0, owner.id, gate_of(owner, permit, flow, now), box))
    rows.mailbox.setdefault(flow.flow.recipient, []).append(exchange)
    return Verdict(
        permit,
        flow.flow.recipient,
        WAITING,
        flow.unclaimed,
        owner.id,
        None,
        content.released,
        content.removed,
    )
