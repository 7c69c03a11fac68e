"""What a draft would have decided on what was decided before, from log entries alone.

An entry holds flow, decision, rule and field names, and no content. So a part can be told for
certain, a part only as far as agreement or grounds that no entry holds allow, and that is said:
an effect that ends in "unless" or "unknown" is no prediction. Nothing here widens or permits
anything; it counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from consent.protocol import Flow, HouseholdRule, Protocol
from schemas.decisions import Outcome, Rule
from schemas.fields import FIELDS, MessageKind, Special, Treatment

NO_FLOW = "(geen gegevensstroom)"


class Effect(StrEnum):
    """What the draft would come to for one decision."""

    SAME = "ongewijzigd"
    FIELDS = "andere-velden"
    NOW_REFUSED = "nu-geweigerd"
    ASKS_AGREEMENT = "nu-instemming-gevraagd"
    """It passed; the draft asks agreement that nobody asked then: held unless it is there."""
    NOW_PASSES = "nu-zonder-instemming"
    """It was held for agreement, which the draft does not ask."""
    UNKNOWN = "niet-te-bepalen"
    """It depends on what no entry holds: agreement by other rules, the ground, content."""


class Recorded(NamedTuple):
    """What an entry says of one decision."""

    protocol: bytes
    flow: str | None
    outcome: str
    rule: str
    field: str | None
    sender: str
    recipient: str | None
    released: tuple[str, ...]
    removed: tuple[str, ...]


class Judged(NamedTuple):
    """What the draft comes to for one decision, and which fields move."""

    flow: str
    effect: Effect
    reason: str
    leaves: tuple[str, ...] = ()
    """Fields that stayed behind and would leave."""
    stays: tuple[str, ...] = ()
    """Fields that left and would stay behind."""
    otherwise: tuple[str, ...] = ()
    """Fields that left and would leave in another treatment."""


@dataclass(slots=True)
class FlowTally:
    """One flow's counts."""

    total: int = 0
    effects: Counter[Effect] = field(default_factory=Counter)
    reasons: Counter[tuple[Effect, str]] = field(default_factory=Counter)
    leaves: Counter[str] = field(default_factory=Counter)
    stays: Counter[str] = field(default_factory=Counter)
    otherwise: Counter[str] = field(default_factory=Counter)

    @property
    def changed(self) -> int:
        """Decisions that would surely come out otherwise."""
        return self.total - self.effects[Effect.SAME] - self.effects[Effect.UNKNOWN]


class Simulation:
    """Judges decisions against a draft, and counts. `versions` are all that were in force.

    `today` decides whether a covenant of the draft is in force: the draft is asked what it would
    decide now, not what it would have decided before it was written.
    """

    def __init__(self, draft: Protocol, versions: Mapping[bytes, Protocol], today: date) -> None:
        self._draft = draft
        self._versions = versions
        self._today = today
        self._known: dict[Recorded, Judged] = {}
        self.tallies: dict[str, FlowTally] = {}

    def take(self, recorded: Recorded) -> Judged:
        """Judge one decision and count it."""
        judged = self._known.get(recorded)
        if judged is None:
            if len(self._known) >= _KNOWN_BOUND:
                self._known.clear()
            judged = self._known[recorded] = self._judge(recorded)
        tally = self.tallies.setdefault(judged.flow, FlowTally())
        tally.total += 1
        tally.effects[judged.effect] += 1
        if judged.reason:
            tally.reasons[judged.effect, judged.reason] += 1
        tally.leaves.update(judged.leaves)
        tally.stays.update(judged.stays)
        tally.otherwise.update(judged.otherwise)
        return judged

    def _judge(self, recorded: Recorded) -> Judged:
        older = self._versions.get(recorded.protocol)
        if older is None:
            return Judged(recorded.flow or NO_FLOW, Effect.UNKNOWN, "versie-onbekend")
        if recorded.flow is None:
            return self._without_flow(recorded, older)
        was = next((flow for flow in older.flows if flow.id == recorded.flow), None)
        if was is None:
            return Judged(recorded.flow, Effect.UNKNOWN, "stroom-onbekend")
        if recorded.rule in _NOT_OF_THE_PROTOCOL:
            return Judged(was.id, Effect.SAME, "")
        becomes = same_stream(self._draft, was)
        refused = recorded.outcome == Outcome.REFUSED
        if becomes is None:
            return _closed(was, Rule.NO_FLOW, is_refused=refused)
        if not all(self._draft.covenants[a].is_in_force(self._today) for a in becomes.agreements):
            return _closed(was, Rule.NO_AGREEMENT_IN_FORCE, is_refused=refused)
        match recorded.outcome:
            case Outcome.ACCEPTED:
                return _judge_permit(recorded, was, becomes)
            case Outcome.HELD:
                return _judge_hold(was, becomes)
            case _:
                return _judge_refusal(recorded, was, becomes)

    def _without_flow(self, recorded: Recorded, older: Protocol) -> Judged:
        if recorded.rule != Rule.NO_FLOW:
            return Judged(NO_FLOW, Effect.SAME, "")
        known = {_stream(flow) for flow in older.flows}
        new = [f for f in self._draft.flows if f.sender == recorded.sender]
        if all(_stream(flow) in known for flow in new):
            return Judged(NO_FLOW, Effect.SAME, "")
        return Judged(NO_FLOW, Effect.UNKNOWN, "bericht-onbekend")


_KNOWN_BOUND = 4096
_NOT_OF_THE_PROTOCOL = frozenset(
    {Rule.UNKNOWN_EXCHANGE, Rule.UNREADABLE, Rule.REFERENCE_REUSED, Rule.DUPLICATE}
    | {Rule.PARTNER_SUSPENDED}
)
_STREAM = tuple[str, str, MessageKind, str]


def same_stream(protocol: Protocol, flow: Flow) -> Flow | None:
    """The flow of a protocol that a message of this flow would go by."""
    wanted = _stream(flow)
    found = next((one for one in protocol.flows if _stream(one) == wanted), None)
    if found is not None:
        return found
    # A purpose that was given another name is the same flow under the same id.
    named = next((one for one in protocol.flows if one.id == flow.id), None)
    return named if named is not None and _stream(named)[:3] == wanted[:3] else None


def _stream(flow: Flow) -> _STREAM:
    return (flow.sender, flow.recipient, flow.message, flow.purpose)


def _closed(was: Flow, rule: Rule, *, is_refused: bool) -> Judged:
    if is_refused:
        return Judged(was.id, Effect.SAME, "")
    return Judged(was.id, Effect.NOW_REFUSED, rule.value)


def _judge_permit(recorded: Recorded, was: Flow, becomes: Flow) -> Judged:
    if recorded.rule == Rule.EMERGENCY:
        return _judge_emergency(recorded, was, becomes)
    present = {*recorded.released, *recorded.removed}
    for path in becomes.required:
        if path not in present:
            return Judged(was.id, Effect.NOW_REFUSED, Rule.FIELD_REQUIRED.value)
    if becomes.admitted_grounds and not _admits_all(becomes, was):
        return Judged(was.id, Effect.UNKNOWN, "grondslag-van-de-verzender")
    if becomes.locks.agreement.required and not _is_asked_as_before(was, becomes):
        if not was.locks.agreement.required:
            return Judged(was.id, Effect.ASKS_AGREEMENT, Rule.AGREEMENT_INCOMPLETE.value)
        return Judged(was.id, Effect.UNKNOWN, "instemming-onder-andere-regels")
    if _depends_on_secrecy(recorded, was, becomes):
        return Judged(was.id, Effect.UNKNOWN, "geheim-adres-of-uitdrukkelijke-toestemming")
    return _judge_fields(recorded, was, becomes)


def _judge_emergency(recorded: Recorded, was: Flow, becomes: Flow) -> Judged:
    if becomes.emergency is None:
        return Judged(was.id, Effect.NOW_REFUSED, Rule.EMERGENCY_NOT_ADMITTED.value)
    if was.emergency != becomes.emergency:
        return Judged(was.id, Effect.UNKNOWN, "noodverstrekking-onder-andere-regels")
    return _judge_fields(recorded, was, becomes)


def _judge_fields(recorded: Recorded, was: Flow, becomes: Flow) -> Judged:
    leaves, stays, otherwise = [], [], []
    for path in recorded.released:
        then, now = treatment_of(was, path), treatment_of(becomes, path)
        if now is Treatment.DROP:
            stays.append(path)
        elif now is not then:
            otherwise.append(path)
    for path in recorded.removed:
        # What a member refused, or a secret address hid, stays behind under the draft as well.
        is_dropped = treatment_of(was, path) is Treatment.DROP
        if is_dropped and treatment_of(becomes, path) is not Treatment.DROP:
            leaves.append(path)
    is_same = not (leaves or stays or otherwise)
    effect = Effect.SAME if is_same else Effect.FIELDS
    return Judged(was.id, effect, "", tuple(leaves), tuple(stays), tuple(otherwise))


def _judge_hold(was: Flow, becomes: Flow) -> Judged:
    if not becomes.locks.agreement.required:
        # Grounds and required fields were looked at before it was held.
        if becomes.required == was.required and _admits_all(becomes, was):
            return Judged(was.id, Effect.NOW_PASSES, "")
        return Judged(was.id, Effect.UNKNOWN, "inhoud-van-het-bericht")
    if was.locks.agreement != becomes.locks.agreement or was.purpose != becomes.purpose:
        return Judged(was.id, Effect.UNKNOWN, "instemming-onder-andere-regels")
    return Judged(was.id, Effect.SAME, "")


def _judge_refusal(recorded: Recorded, was: Flow, becomes: Flow) -> Judged:
    stands = False
    if recorded.rule == Rule.FIELD_REQUIRED:
        stands = recorded.field in becomes.required
    elif recorded.rule == Rule.GROUND_NOT_ADMITTED:
        stands = bool(becomes.admitted_grounds) and set(becomes.admitted_grounds) <= set(
            was.admitted_grounds
        )
    elif recorded.rule == Rule.PROTECTION_NOT_ADMITTED:
        stands = becomes.protection is None
    elif recorded.rule == Rule.EMERGENCY_NOT_ADMITTED:
        stands = becomes.emergency == was.emergency
    if stands:
        return Judged(was.id, Effect.SAME, "")
    return Judged(was.id, Effect.UNKNOWN, "weigering-vervalt-de-rest-staat-niet-in-het-logboek")


def treatment_of(flow: Flow, path: str) -> Treatment:
    """What a flow does with a field; what it does not name it drops."""
    return flow.fields.get(path, Treatment.DROP)


def _admits_all(becomes: Flow, was: Flow) -> bool:
    """Whether every ground that was admitted still is."""
    if not becomes.admitted_grounds:
        return True
    return bool(was.admitted_grounds) and set(was.admitted_grounds) <= set(becomes.admitted_grounds)


def _is_asked_as_before(was: Flow, becomes: Flow) -> bool:
    """Whether who agreed then has agreed to what the draft asks."""
    then, now = was.locks.agreement, becomes.locks.agreement
    if not then.required or was.purpose != becomes.purpose or then.regime is not now.regime:
        return False
    if _by_consent(becomes) - _by_consent(was):
        return False
    return then.household is now.household or then.household is HouseholdRule.ALL


def _depends_on_secrecy(recorded: Recorded, was: Flow, becomes: Flow) -> bool:
    """Whether what left turns on a secret address, or an explicit yes, that no entry holds."""
    is_other_address = was.secret_address_admitted is not becomes.secret_address_admitted
    address = {*recorded.released, *recorded.removed} if is_other_address else set()
    if any(path.startswith("huishouden.") for path in address):
        return True
    withheld = [p for p in recorded.removed if treatment_of(was, p) is not Treatment.DROP]
    freed = _by_consent(was) - _by_consent(becomes)
    return any(path in FIELDS and FIELDS[path].special in freed for path in withheld)


def _by_consent(flow: Flow) -> set[Special]:
    return {ground.special for ground in flow.locks.special if ground.by_consent}
