"""The road of what a partner tells of a running case: a status's road, walked the other way.

Whoever sent the exchange that a case began with speaks to whoever was handed it; who was handed it
may speak to its sender. The person that the case is about first is the one whom the message
concerns: their agreement is asked where the flow asks one, and a withdrawal takes the message out
of the mailbox as it does the referral. What may not go is refused and never waits.

Nobody may learn here that a case is protected, or was withdrawn: to who is no party to it, and
where it does not run (any more), it does not exist. Of a protected exchange nothing can be told.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from consent.decide import Facts, decide
from consent.register import NOTHING_RECORDED, amsterdam_day
from gateway.exchange.arrivals import Arrival
from gateway.exchange.boxes import pack
from gateway.exchange.persons import Person, standings_of
from gateway.exchange.recording import REFERRAL, Verdict, bound_reference, bound_to
from gateway.exchange.referral import gate_of
from gateway.exchange.rules import CompiledFlow, RuleBook
from gateway.store.groups import CLEARED, DONE, WAITING, GroupRows, Original
from gateway.vault.boxes import Nonces
from schemas.decisions import Decision, Hold, Permit, Refuse, Rule
from schemas.fields import MessageKind
from schemas.partner_update import PartnerUpdate

_RUNNING = (WAITING, DONE, CLEARED)
NO_EXCHANGE = UUID(int=0)
"""Stands for the case of a message that names none that is known."""


def unknown(message: PartnerUpdate) -> Refuse:
    """The answer where the case is none of this sender's, or does not run."""
    name = "uitwisselingId" if message.referral is None else "aanmeldingKenmerk"
    return Refuse(None, Rule.UNKNOWN_EXCHANGE, f"{MessageKind.PARTNER_UPDATE}.{name}")


def other_party(sender: str, original: Original) -> str | None:
    """To whom somebody speaks who was a party to this exchange; None for anybody else."""
    if sender == original.sender:
        return original.recipient
    return original.sender if sender == original.recipient else None


def verdict_on(
    arrival: Arrival,
    message: PartnerUpdate,
    original: Original | None,
    owner: Person | None,
    book: RuleBook,
    rows: GroupRows,
    nonces: Nonces,
    now: datetime,
    *,
    is_hidden: bool,
) -> tuple[Verdict, list[Person]]:
    """5 to 8. What is to be recorded of one message, and whom it concerns.

    `is_hidden` where nobody may know where the household is: no phone number of it, no free text.
    """
    if original is None or owner is None or original.state not in _RUNNING:
        return Verdict(unknown(message)), []
    if original.kind != REFERRAL:
        # A message on a case is none: whoever reads it would look for a referral of that id.
        return Verdict(unknown(message)), []
    recipient = other_party(arrival.sender, original)
    if recipient is None:
        return Verdict(unknown(message)), []
    if original.is_protected:
        return Verdict(unknown(message)), [owner]
    flow = book.table.find(arrival.sender, MessageKind.PARTNER_UPDATE, recipient)
    compiled = None if flow is None else book.flows[flow.id]
    decision = _decide(compiled, original, owner, book, now)
    if not isinstance(decision, Permit) or compiled is None:
        return Verdict(decision, None if compiled is None else recipient), [owner]
    verdict = _enqueue(
        arrival, message, original, owner, compiled, decision, rows, nonces, now,
        is_hidden=is_hidden,
    )  # fmt: skip
    return verdict, [owner]


def _decide(
    compiled: CompiledFlow | None, original: Original, owner: Person, book: RuleBook, now: datetime
) -> Decision:
    flow = None if compiled is None else compiled.flow
    standings = [NOTHING_RECORDED]
    if flow is not None and flow.locks.agreement.required:
        standings = standings_of([owner], flow, book.protocol, now)
    facts = Facts(None, frozenset(), 0, standings)
    decision = decide(book.table, flow, facts, book.suspended, amsterdam_day(now))
    if isinstance(decision, Hold):
        return Refuse(decision.flow, decision.rule)
    if isinstance(decision, Permit) and flow is not None:
        case = book.flows.get(original.flow or "")
        purposes = {flow.purpose} if case is None else {flow.purpose, case.flow.purpose}
        if purposes & owner.barred:
            # Restricted or objected to (GDPR articles 18 and 21): told as any missing agreement.
            return Refuse(flow.id, Rule.AGREEMENT_INCOMPLETE)
    return decision


def _enqueue(
    arrival: Arrival,
    message: PartnerUpdate,
    original: Original,
    owner: Person,
    flow: CompiledFlow,
    permit: Permit,
    rows: GroupRows,
    nonces: Nonces,
    now: datetime,
    *,
    is_hidden: bool,
) -> Verdict:
    """6 to 8. Minimise, seal under the key of the person whom the case is about, and queue."""
    reference = None
    if flow.flow.recipient == original.sender and original.sealed_reference is not None:
        # Who referred reads its own key of the case; nobody else ever does.
        bound = bound_reference(original.id.bytes)
        reference = owner.key.open(original.sealed_reference, bound).decode("ascii")
    today = amsterdam_day(now)
    content = flow.plan.partner_update(
        message, permit, str(original.id), reference, today, hides=is_hidden
    )
    box = owner.key.seal(pack(content.parts), bound_to(arrival.exchange.bytes, 0), nonces.take())
    gate = gate_of(owner, permit, flow, now)
    rows.parts.append((arrival.exchange, 0, owner.id, gate, box))
    rows.mailbox.setdefault(flow.flow.recipient, []).append(arrival.exchange)
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
