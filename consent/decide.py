"""May this message pass? Permit, Refuse or Hold, as a pure function of recorded facts.

Every unknown that a rule depends on means no (invariant 9). The protocol compiles to a plain
table, looked up by sender and message kind; nothing is read from clock, network or database here.
The answer to a missing, refused or withdrawn agreement is one and the same, so that a benefits
agency cannot tell a refusal from a form not yet filled in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from consent.protocol import Flow, HouseholdRule, Protocol
from consent.register import Standing
from schemas.decisions import Decision, Hold, Permit, Refuse, Rule
from schemas.fields import MessageKind
from schemas.referral import Ground


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision rests on: no identity, and of each field only whether it is there."""

    ground: Ground | None
    present: frozenset[str]
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
    """Decide on one message. `standings` holds one entry a member, in the message's order."""
    if flow is None:
        return Refuse(None, Rule.NO_FLOW)
    if flow.sender in suspended or flow.recipient in suspended:
        return Refuse(flow.id, Rule.PARTNER_SUSPENDED)
    if not table.protocol.covenants[flow.covenant].is_in_force(today):
        return Refuse(flow.id, Rule.NO_AGREEMENT_IN_FORCE)
    if flow.admitted_grounds and facts.ground not in flow.admitted_grounds:
        return Refuse(flow.id, Rule.GROUND_NOT_ADMITTED, "aanmelding.grondslag")
    for path in flow.required:
        if path not in facts.present:
            return Refuse(flow.id, Rule.FIELD_REQUIRED, path)
    everyone = tuple(range(len(facts.standings)))
    if not flow.locks.agreement.required:
        return _permit(flow, facts, everyone)
    agreed = tuple(n for n in everyone if facts.standings[n].given is True)
    if len(agreed) < len(everyone):
        is_reducible = flow.locks.agreement.household is HouseholdRule.REDUCE
        if not is_reducible or facts.applicant not in agreed:
            return Hold(flow.id, Rule.AGREEMENT_INCOMPLETE, everyone)
    return _permit(flow, facts, agreed)


def _permit(flow: Flow, facts: Facts, members: tuple[int, ...]) -> Permit:
    standings = [facts.standings[n] for n in members]
    consents = tuple(s.event for s in standings if s.event is not None and s.given)
    withheld: tuple[frozenset[str], ...] = ()
    if any(s.refused for s in standings):
        withheld = tuple(s.refused for s in standings)
    return Permit(flow.id, Rule.PERMITTED, members, consents, withheld)
