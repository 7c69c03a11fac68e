"""May this message pass? Permit, Refuse or Hold, as a pure function of recorded facts.

Every unknown that a rule depends on means no (invariant 9). The protocol compiles to a plain
table, looked up by sender and message kind, and by recipient and purpose where the message names
them; nothing is read from clock, network or database here. The answer to a missing, refused or
withdrawn agreement, and to authority that is not clear, is one and the same, so that a benefits
agency cannot tell a refusal from a form not yet filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from typing import NamedTuple
from uuid import UUID

from consent.protocol import EmergencyRule, Flow, HouseholdRule, Protection, Protocol
from consent.register import Asked, Standing, amsterdam_day
from schemas.decisions import Decision, Hold, Permit, Refuse, Rule
from schemas.fields import FIELDS, MessageKind, Special, Treatment
from schemas.referral import Ground

PROTECTION_FIELD = "aanmelding.bescherming"
EMERGENCY_FIELD = "aanmelding.noodverstrekking"
_PERMITTED = Rule.PERMITTED
# A named tuple's own constructor costs as much as half of a decision.
_permit: Callable[[tuple[object, ...]], Permit] = partial(tuple.__new__, Permit)


@lru_cache(maxsize=64)
def _everyone(members: int) -> tuple[int, ...]:
    return tuple(range(members))


class Emergency(NamedTuple):
    """What an emergency release asks: at which step of the meldcode, and until when."""

    step: int
    until: datetime


class Facts(NamedTuple):
    """What a decision rests on: no identity, and of each field only whether it is there.

    `present` answers for a field's path whether the message holds it; `standings` has one entry a
    member, in the message's order; `applicant` is the place of the member who applies.
    `asks_protection`: a named professional asks that the household must not learn of it.
    """

    ground: Ground | None
    present: Container[str]
    applicant: int
    standings: Sequence[Standing]
    asks_protection: bool = False
    emergency: Emergency | None = None
    now: datetime | None = None


Chosen = tuple[str, MessageKind, str | None, str | None]


class Conditions(NamedTuple):
    """What a decision asks of one flow, laid out flat.

    `opens` and `closes` are the first and last day on which all its agreements are in force;
    `explicit` the categories that go with an explicit yes only.
    """

    id: str
    parties: frozenset[str]
    opens: date
    closes: date
    grounds: tuple[Ground, ...]
    required: tuple[str, ...]
    protection: Protection | None
    is_agreement_asked: bool
    is_reducible: bool
    explicit: frozenset[str]


@dataclass(frozen=True, slots=True)
class FlowTable:
    """The protocol compiled: each way to name a flow, with the one flow that it names."""

    protocol: Protocol
    flows: Mapping[Chosen, Flow]
    conditions: Mapping[str, Conditions]
    """By the flow's id."""

    def find(
        self,
        sender: str,
        message: MessageKind,
        recipient: str | None = None,
        purpose: str | None = None,
    ) -> Flow | None:
        """The one admitted flow; None when there is none, or several and not enough named."""
        return self.flows.get((sender, message, recipient, purpose))


def compile_table(protocol: Protocol) -> FlowTable:
    """Compile the protocol to its lookup table."""
    flows: dict[Chosen, Flow] = {}
    ambiguous: set[Chosen] = set()
    for flow in protocol.flows:
        for recipient in (flow.recipient, None):
            for purpose in (flow.purpose, None):
                key = (flow.sender, flow.message, recipient, purpose)
                if key in flows:
                    ambiguous.add(key)
                flows[key] = flow
    for key in ambiguous:
        del flows[key]
    return FlowTable(
        protocol, flows, {flow.id: _compile(flow, protocol) for flow in protocol.flows}
    )


def _compile(flow: Flow, protocol: Protocol) -> Conditions:
    signed = [protocol.covenants[name] for name in flow.agreements]
    agreement = flow.locks.agreement
    return Conditions(
        flow.id,
        frozenset((flow.sender, flow.recipient)),
        max(covenant.starts for covenant in signed),
        min(covenant.ends for covenant in signed),
        flow.admitted_grounds,
        flow.required,
        None if flow.protection is None else flow.protection.when,
        agreement.required,
        agreement.household is HouseholdRule.REDUCE,
        explicit_categories(flow),
    )


def explicit_categories(flow: Flow) -> frozenset[str]:
    """The categories whose exception is explicit consent: each needs a yes of its own."""
    by_consent = {ground.special for ground in flow.locks.special if ground.by_consent}
    return frozenset(
        FIELDS[path].category
        for path, treatment in flow.fields.items()
        if treatment is not Treatment.DROP
        and FIELDS[path].special is not Special.NONE
        and FIELDS[path].special in by_consent
    )


def asked_of(flow: Flow, protocol: Protocol, now: datetime) -> Asked:
    """What a flow asks of the consent register at a moment."""
    return Asked(
        flow.purpose,
        flow.recipient,
        flow.locks.agreement.regime,
        now,
        amsterdam_day(now),
        protocol.authority_days,
    )


def decide(
    table: FlowTable, flow: Flow | None, facts: Facts, suspended: frozenset[str], today: date
) -> Decision:
    """Decide on one message as it arrives, on the day of `today`."""
    if flow is None:
        return Refuse(None, Rule.NO_FLOW)
    rules = table.conditions[flow.id]
    if suspended or not rules.opens <= today <= rules.closes:
        closed = _closed(rules, suspended, today)
        if closed is not None:
            return Refuse(flow.id, closed)
    ground, present, applicant, standings, asks_protection, emergency, _ = facts
    if rules.grounds and ground not in rules.grounds:
        return Refuse(flow.id, Rule.GROUND_NOT_ADMITTED, "aanmelding.grondslag")
    for path in rules.required:
        if path not in present:
            return Refuse(flow.id, Rule.FIELD_REQUIRED, path)
    if emergency is not None:
        return _decide_on_emergency(flow, facts, emergency)
    if asks_protection or rules.protection is not None:
        if rules.protection is None:
            return Refuse(flow.id, Rule.PROTECTION_NOT_ADMITTED, PROTECTION_FIELD)
        if is_protected(flow, asks_protection=asks_protection):
            return permit_protected(table, flow, len(standings), applicant)
    return _on_agreement(rules, standings, applicant)


def is_protected(flow: Flow, *, asks_protection: bool) -> bool:
    """Whether an exchange under this flow is one that the household must not learn of."""
    rule = flow.protection
    return rule is not None and (asks_protection or rule.when is Protection.ALWAYS)


def closed_by(table: FlowTable, flow: Flow, suspended: frozenset[str], today: date) -> Rule | None:
    """The rule that closes a whole flow today, if one does; asked on arrival and at release."""
    return _closed(table.conditions[flow.id], suspended, today)


def _closed(rules: Conditions, suspended: frozenset[str], today: date) -> Rule | None:
    if suspended and suspended & rules.parties:
        return Rule.PARTNER_SUSPENDED
    if not rules.opens <= today <= rules.closes:
        return Rule.NO_AGREEMENT_IN_FORCE
    return None


def decide_on_agreement(
    table: FlowTable, flow: Flow, standings: Sequence[Standing], applicant: int
) -> Permit | Hold:
    """Whether the household's agreement, where the flow asks it, lets the message pass."""
    return _on_agreement(table.conditions[flow.id], standings, applicant)


def _on_agreement(
    rules: Conditions, standings: Sequence[Standing], applicant: int
) -> Permit | Hold:
    everyone = _everyone(len(standings))
    if not rules.is_agreement_asked:
        return Permit(rules.id, _PERMITTED, everyone, applicant=applicant)
    is_whole = bool(everyone)
    events: list[UUID] = []
    until: datetime | None = None
    is_narrowed = bool(rules.explicit)
    for given, rests_on, refused, _, ends in standings:
        if given is not True:
            is_whole = False
            continue
        events += rests_on
        if refused:
            is_narrowed = True
        if ends is not None and (until is None or ends < until):
            until = ends
    members = everyone
    if not is_whole:
        members = tuple([number for number in everyone if standings[number].given is True])
        if not rules.is_reducible or applicant not in members:
            return Hold(rules.id, Rule.AGREEMENT_INCOMPLETE, everyone)
    withheld: tuple[frozenset[str], ...] = ()
    if is_narrowed:
        withheld = _withheld([standings[number] for number in members], rules.explicit)
    return _permit(
        (rules.id, _PERMITTED, members, tuple(events), withheld, applicant, until, False)
    )


def _withheld(agreed: Sequence[Standing], explicit: frozenset[str]) -> tuple[frozenset[str], ...]:
    """What each member does not let go: what they refused, and what they said no own yes to."""
    withheld = tuple(
        one.refused | frozenset(c for c in explicit if not _is_granted(one, c)) for one in agreed
    )
    return withheld if any(withheld) else ()


def permit_protected(table: FlowTable, flow: Flow, members: int, applicant: int) -> Permit:
    """A protected exchange: nobody's agreement is asked, and nobody's explicit yes is there."""
    explicit = table.conditions[flow.id].explicit
    withheld = (explicit,) * members if explicit else ()
    everyone = _everyone(members)
    return Permit(flow.id, _PERMITTED, everyone, (), withheld, applicant, is_protected=True)


def _decide_on_emergency(flow: Flow, facts: Facts, asked: Emergency) -> Permit | Refuse:
    rule = flow.emergency
    if rule is None or facts.now is None or not _is_admitted(rule, asked, facts.now):
        return Refuse(flow.id, Rule.EMERGENCY_NOT_ADMITTED, EMERGENCY_FIELD)
    everyone = _everyone(len(facts.standings))
    # What the household must not learn of by rule, it must not learn of in an emergency either.
    is_hidden = is_protected(flow, asks_protection=facts.asks_protection)
    applicant, until = facts.applicant, asked.until
    return Permit(
        flow.id, Rule.EMERGENCY, everyone, (), (), applicant, until, is_protected=is_hidden
    )


def _is_admitted(rule: EmergencyRule, asked: Emergency, now: datetime) -> bool:
    return asked.step in rule.steps and now < asked.until <= now + timedelta(hours=rule.hours)


def _is_granted(one: Standing, category: str) -> bool:
    # A yes on the whole of `zrm` says nothing of health: explicit consent names what it is for.
    return category in one.granted
