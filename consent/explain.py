"""Why a message passed, waited or was refused, and what would have to change; in plain Dutch.

For somebody who asks, and for the officer who answers. It rests on the protocol and on what an
entry says, so it never tells which member agreed to what: missing, refused and withdrawn agreement
have one answer here too, and what no entry holds is called unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from consent.labels import field_label, rule_told
from consent.protocol import Flow, Protocol
from consent.simulation import Recorded
from consent.told import (
    FieldTold,
    agreement_told,
    changes_for,
    conditions,
    field_otherwise,
    field_told,
    recorded_fields,
    rests_on,
)
from schemas.decisions import Outcome, Rule
from schemas.fields import MessageKind

_ANSWERS = {
    Outcome.ACCEPTED: "Dit mocht worden uitgewisseld.",
    Outcome.HELD: "Dit werd aangehouden: het wacht, verzegeld, en niemand kreeg het.",
    Outcome.REFUSED: "Dit werd geweigerd: er is niets doorgegeven.",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """One answer with all that led to it; `otherwise` is what would give another."""

    version: str
    digest: str
    flow: str | None
    sender: str
    recipient: str | None
    message: str | None
    answer: str
    rule: str
    why: tuple[str, ...]
    purpose: str | None
    rests_on: tuple[tuple[str, str], ...]
    agreement: str | None
    fields: tuple[FieldTold, ...]
    otherwise: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A message that might be sent; `field` asks about one field of it."""

    sender: str
    recipient: str
    message: MessageKind
    purpose: str | None = None
    field: str | None = None


def explain_recorded(protocol: Protocol, recorded: Recorded) -> Explanation:
    """Explain one decision by the version that decided it."""
    flow = next((one for one in protocol.flows if one.id == recorded.flow), None)
    outcome, rule = Outcome(recorded.outcome), recorded.rule
    why = [_ANSWERS[outcome], rule_told(rule)]
    if recorded.field is not None:
        why.append(f"Het gaat om: {field_label(recorded.field)}.")
    return Explanation(
        version=protocol.version,
        digest=protocol.digest.hex(),
        flow=recorded.flow,
        sender=recorded.sender,
        recipient=recorded.recipient,
        message=None if flow is None else flow.message.value,
        answer=outcome.value,
        rule=rule,
        why=tuple(why),
        purpose=None if flow is None else protocol.purposes[flow.purpose].description,
        rests_on=() if flow is None else tuple(rests_on(flow, protocol)),
        agreement=None if flow is None else agreement_told(flow),
        fields=() if flow is None else tuple(recorded_fields(flow, recorded)),
        otherwise=tuple(changes_for(flow, rule, recorded.field)),
    )


def explain_possible(protocol: Protocol, question: Question, today: date) -> list[Explanation]:
    """Explain what the protocol would say to a message of this kind, for each purpose."""
    flows = [
        flow
        for flow in protocol.flows
        if (flow.sender, flow.recipient, flow.message)
        == (question.sender, question.recipient, question.message)
        and question.purpose in (None, flow.purpose)
    ]
    if not flows:
        return [_possible(protocol, question, None, today)]
    return [_possible(protocol, question, flow, today) for flow in flows]


def _possible(
    protocol: Protocol, question: Question, flow: Flow | None, today: date
) -> Explanation:
    outcome, rule = _likely(protocol, flow, today)
    why = [_supposed(outcome, rule)]
    if flow is not None and rule is Rule.PERMITTED:
        why += conditions(flow)
    fields: Sequence[FieldTold] = ()
    otherwise = list(changes_for(flow, rule, None))
    if flow is not None and question.field is not None:
        fields = [field_told(flow, question.field)]
        why.insert(0, f"Over {fields[0].label}: {fields[0].told}.")
        otherwise = [*field_otherwise(flow, question.field), *otherwise]
    elif flow is not None:
        fields = [field_told(flow, path) for path in flow.fields]
    return Explanation(
        version=protocol.version,
        digest=protocol.digest.hex(),
        flow=None if flow is None else flow.id,
        sender=question.sender,
        recipient=question.recipient,
        message=question.message.value,
        answer=outcome.value,
        rule=rule.value,
        why=tuple(why),
        purpose=None if flow is None else protocol.purposes[flow.purpose].description,
        rests_on=() if flow is None else tuple(rests_on(flow, protocol)),
        agreement=None if flow is None else agreement_told(flow),
        fields=tuple(fields),
        otherwise=tuple(otherwise),
    )


def _likely(protocol: Protocol, flow: Flow | None, today: date) -> tuple[Outcome, Rule]:
    if flow is None:
        return Outcome.REFUSED, Rule.NO_FLOW
    if not all(protocol.covenants[name].is_in_force(today) for name in flow.agreements):
        return Outcome.REFUSED, Rule.NO_AGREEMENT_IN_FORCE
    return Outcome.ACCEPTED, Rule.PERMITTED


def _supposed(outcome: Outcome, rule: Rule) -> str:
    if outcome is Outcome.REFUSED:
        return f"Zo'n bericht wordt geweigerd. {rule_told(rule)}"
    return "Zo'n bericht mag, als aan de voorwaarden hieronder is voldaan."
