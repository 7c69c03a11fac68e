"""May this message pass? Permit, Refuse or Hold, as a pure function of recorded facts.

Every unknown that a rule depends on means no (invariant 9). The protocol compiles to a plain
table, looked up by sender and message kind; nothing is read from clock, network or database here.
The answer to a missing, refused or withdrawn agreement is one and the same, so that a benefits
agency cannot tell a refusal from a form not yet filled in.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from consent.protocol import Flow, HouseholdRule, Protocol
from consent.register import Standing
from schemas.decisions import Decision, Hold, Permit, Refuse, Rule
from schemas.fields import MessageKind
from schemas.referral import Ground


class Facts(NamedTuple):
    """What a decision rests on: no identity, and of each field only whether it is there.

    `present` answers for a field's path whether the message holds it; `standings` has one entry a
    member, in the message's order; `applicant` is the place of the member who applies.
    """

    ground: Ground | None
    present: Container[str]
    applicant: int
    standings: Sequence[Standing]


@dataclass(frozen=True, slots=True)
class FlowTable:
    """The protocol compiled for one moment: flows by sender, message kind and recipient."""

    protocol: Protocol
    flows: Mapping[tuple[str, MessageKind, str], Flow]
    only: Mapping[tuple[str, MessageKind], Flow]

    def find(self, sender: str, message: MessageKind, recipient: str | None = None) -> Flow | None:
        """The one admitted flow; None when there is none, or several and no recipient named."""
        if recipient is None:
            return self.only.get((sender, message))
        return self.flows.get((sender, message, recipient))


def compile_table(protocol: Protocol) -> FlowTable:
    """Compile the protocol to its lookup table."""
    flows = {(flow.sender, flow.message, flow.recipient): flow for flow in protocol.flows}
    starts = [(flow.sender, flow.message) for flow in protocol.flows]
    only = {
        (flow.sender, flow.message): flow
        for flow in protocol.flows
        if starts.count((flow.sender, flow.message)) == 1
    }
    return FlowTable(protocol, flows, only)


def decide(
    table: FlowTable, flow: Flow | None, facts: Facts, suspended: frozenset[str], today: date
) -> Decision:
    """Decide on one message as it arrives, on the day of `today`."""
    if flow is None:
        return Refuse(None, Rule.NO_FLOW)
    closed = closed_by(table, flow, suspended, today)
    if closed is not None:
        return Refuse(flow.id, closed)
    if flow.admitted_grounds and facts.ground not in flow.admitted_grounds:
        return Refuse(flow.id, Rule.GROUND_NOT_ADMITTED, "aanmelding.grondslag")
    for path in flow.required:
        if path not in facts.present:
            return Refuse(flow.id, Rule.FIELD_REQUIRED, path)
    return decide_on_agreement(flow, facts.standings, facts.applicant)


def closed_by(table: FlowTable, flow: Flow, suspended: frozenset[str], today: date) -> Rule | None:
    """The rule that closes a whole flow today, if one does; asked on arrival and at release."""
    if flow.sender in suspended or flow.recipient in suspended:
        return Rule.PARTNER_SUSPENDED
    if not table.protocol.covenants[flow.covenant].is_in_force(today):
        return Rule.NO_AGREEMENT_IN_FORCE
    return None


def decide_on_agreement(flow: Flow, standings: Sequence[Standing], applicant: int) -> Permit | Hold:
    """Whether the household's agreement, where the flow asks it, lets the message pass."""
    everyone = tuple(range(len(standings)))
    agreed = everyone
    if flow.locks.agreement.required:
        agreed = tuple(n for n in everyone if standings[n].given is True)
        is_reducible = flow.locks.agreement.household is HouseholdRule.REDUCE
        is_whole = bool(everyone) and len(agreed) == len(everyone)
        if not is_whole and not (is_reducible and applicant in agreed):
            return Hold(flow.id, Rule.AGREEMENT_INCOMPLETE, everyone)
    held = [standings[n] for n in agreed]
    consents = tuple(s.event for s in held if s.event is not None and s.given)
    withheld: tuple[frozenset[str], ...] = ()
    if any(s.refused for s in held):
        withheld = tuple(s.refused for s in held)
    return Permit(flow.id, Rule.PERMITTED, agreed, consents, withheld, applicant)
