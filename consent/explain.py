"""Why a message passed, waited or was refused, and what would have to change; in plain Dutch.

For somebody who asks, and for the officer who answers. It rests on the protocol and on what an
entry says, so it never tells which member agreed to what: missing, refused and withdrawn agreement
have one answer here too, and what no entry holds is called unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from consent.labels import field_label, rule_told
from consent.protocol import EmergencyRule, Flow, Protocol
from consent.simulation import Recorded
from consent.told import (
    Course,
    FieldTold,
    agreement_told,
    changes_for,
    conditions,
    emergency_field_otherwise,
    emergency_rests_on,
    field_otherwise,
    field_rests_on,
    field_told,
    recorded_field,
    recorded_fields,
    rests_on,
)
from schemas.decisions import Outcome, Rule
from schemas.fields import MessageKind

_ANSWERS = {
    Outcome.HELD: "Dit werd aangehouden: het wacht, verzegeld, en niemand kreeg het.",
    Outcome.REFUSED: "Dit werd geweigerd: er is niets doorgegeven.",
}
_COURSES = {
    Course.WAITS: "Dit mag worden uitgewisseld; de ontvanger heeft het nog niet opgehaald.",
    Course.REMOVED: (
        "Dit mocht, maar is verwijderd voordat de ontvanger het ophaalde: er is niets verstrekt."
    ),
    Course.HANDED_OVER: "Dit mocht worden uitgewisseld.",
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


def explain_recorded(
    protocol: Protocol, recorded: Recorded, course: Course, field: str | None = None
) -> Explanation:
    """Explain one decision by the version that decided it, and by what became of it since.

    With a `field` the answer is about that field alone.
    """
    flow = next((one for one in protocol.flows if one.id == recorded.flow), None)
    outcome, rule = Outcome(recorded.outcome), recorded.rule
    nood = flow.emergency if flow is not None and rule == Rule.EMERGENCY else None
    why = [_answered(outcome, course), rule_told(rule)]
    if recorded.field is not None:
        why.append(f"Het gaat om: {field_label(recorded.field)}.")
    whole = Explanation(
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
        rests_on=() if flow is None else tuple(_rests_on(flow, protocol, nood)),
        agreement=None if flow is None else _agreement(flow, nood),
        fields=() if flow is None else tuple(recorded_fields(flow, recorded, course, nood)),
        otherwise=tuple(changes_for(flow, rule, recorded.field, course)),
    )
    if flow is None or field is None:
        return whole
    return _about(whole, flow, field, course, nood)


def _answered(outcome: Outcome, course: Course) -> str:
    return _COURSES[course] if outcome is Outcome.ACCEPTED else _ANSWERS[outcome]


def _rests_on(
    flow: Flow, protocol: Protocol, nood: EmergencyRule | None
) -> Iterator[tuple[str, str]]:
    return rests_on(flow, protocol) if nood is None else emergency_rests_on(flow, nood)


def _agreement(flow: Flow, nood: EmergencyRule | None) -> str:
    return agreement_told(flow) if nood is None else "niet gevraagd, wegens acuut gevaar"


def _about(
    whole: Explanation, flow: Flow, field: str, course: Course, nood: EmergencyRule | None
) -> Explanation:
    """What an explanation says of one field; a message that did not pass says why it did not."""
    outcome = Outcome(whole.answer)
    one = recorded_field(flow, field, outcome, whole.fields)
    did_pass = outcome is Outcome.ACCEPTED
    if nood is not None:
        otherwise = emergency_field_otherwise(flow, field, nood)
    else:
        otherwise = field_otherwise(flow, field, course if one.goes else Course.WAITS)
    return replace(
        whole,
        why=(whole.why[0], f"Over {one.label}: {one.told}.", *(() if did_pass else whole.why[1:])),
        rests_on=tuple(field_rests_on(flow, field)) if nood is None else whole.rests_on,
        agreement=None,
        fields=(one,),
        otherwise=(*(() if did_pass else whole.otherwise), *otherwise),
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
