"""What the protocol decided on one message: Permit, Refuse or Hold (besluit).

Outcomes are values, matched exhaustively; none is an exception, since raising would undo the
entry that records it. Every outcome names the rule that led to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class Rule(StrEnum):
    """The rules that can end a message's road, by the code that senders and entries see."""

    PERMITTED = "toegelaten"
    NO_FLOW = "geen-gegevensstroom"
    GROUND_NOT_ADMITTED = "grondslag-niet-toegelaten"
    NO_AGREEMENT_IN_FORCE = "geen-overeenkomst-van-kracht"
    PARTNER_SUSPENDED = "partner-geschorst"
    AGREEMENT_INCOMPLETE = "instemming-onvolledig"
    FIELD_REQUIRED = "verplicht-gegeven-ontbreekt"
    UNKNOWN_EXCHANGE = "uitwisseling-onbekend"
    UNREADABLE = "niet-leesbaar"
    PROTECTION_NOT_ADMITTED = "bescherming-niet-toegelaten"
    EMERGENCY = "noodverstrekking"
    EMERGENCY_NOT_ADMITTED = "noodverstrekking-niet-toegelaten"
    REFERENCE_REUSED = "kenmerk-hergebruikt"
    DUPLICATE = "dubbel"


class Permit(NamedTuple):
    """The message may pass, for these members, on these recorded agreements.

    `withheld` names, a member each in the order of `members`, the categories that the member
    refused; empty when nobody refused any. `holder` is the member whose part the household's own
    fields go with: the applicant, where the permit has them. `until` is the first moment at which
    time alone may end what the permit rests on; a release from then on decides anew.
    `is_protected`: the household must not learn of it (protected exchange).
    """

    flow: str
    rule: Rule
    members: tuple[int, ...]
    consents: tuple[UUID, ...] = ()
    withheld: tuple[frozenset[str], ...] = ()
    applicant: int | None = None
    until: datetime | None = None
    is_protected: bool = False

    @property
    def holder(self) -> int:
        return self.applicant if self.applicant in self.members else self.members[0]


@dataclass(frozen=True, slots=True)
class Refuse:
    """The message does not pass. `field` is the path concerned, if one is."""

    flow: str | None
    rule: Rule
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """The message waits, sealed, for what `rule` names (at most the flow's holding term)."""

    flow: str
    rule: Rule
    members: tuple[int, ...]


Decision = Permit | Refuse | Hold


class Outcome(StrEnum):
    """A decision's name on the wire."""

    ACCEPTED = "toegelaten"
    HELD = "aangehouden"
    REFUSED = "geweigerd"


def outcome_of(decision: Decision) -> Outcome:
    """The wire name of a decision."""
    match decision:
        case Permit():
            return Outcome.ACCEPTED
        case Hold():
            return Outcome.HELD
        case Refuse():
            return Outcome.REFUSED
