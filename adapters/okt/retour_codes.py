"""The retour codes that Sluis gives, with the text of the rule (code list WJ001, iJw 3.2).

The road decides; this says in iJw's words what it decided. iJw has no word for a refusal by the
privacy protocol: that is a rejected message, and the delivery's report says on which rule.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.decisions import Outcome, Rule
from schemas.deliveries import RecordOutcome


@dataclass(frozen=True, slots=True)
class RetourCode:
    """One code of the list."""

    code: str
    text: str
    rule: str | None
    kinds: frozenset[str]


def _code(code: str, text: str, rule: str | None, kinds: str = "301 305 307 315") -> RetourCode:
    return RetourCode(code, text, rule, frozenset(kinds.split()))


TECHNICAL = _code("0001", "Bericht is afgekeurd om technische redenen.", None)
NO_REMARK = _code("0200", "Geen opmerking over deze berichtklasse.", None)
IN_FUTURE = _code(
    "8848", "Dagtekening moet gelijk zijn aan of voor de systeemdatum liggen.", "TR135"
)
UNLINKED = _code(
    "9019", "Het regiebericht kan niet gekoppeld worden aan een toewijzing.", "TR019", "305 307"
)
NOT_UNIQUE = _code("9056", "Identificatie moet uniek zijn.", "TR056")
PENDING = _code("9374", "Er is al een verzoek onderhanden.", "TR374", "315")
UNKNOWN_REQUEST = _code(
    "9379",
    "ReferentieAanbieder refereert niet naar een verzoek om toewijzing of verzoek om wijziging,"
    " is onterecht gevuld.",
    "TR379",
    "301",
)
GIVEN = (TECHNICAL, NO_REMARK, IN_FUTURE, UNLINKED, NOT_UNIQUE, PENDING, UNKNOWN_REQUEST)


def code_of(kind: str, outcome: RecordOutcome) -> RetourCode:
    """What the road's outcome on a message of this kind is in iJw's words."""
    if outcome.decision is not Outcome.REFUSED:
        return NO_REMARK
    if outcome.rule is Rule.REFERENCE_REUSED:
        # A request's key is its ReferentieAanbieder, another message's its Identificatie.
        return PENDING if kind == "315" else NOT_UNIQUE
    if outcome.rule is Rule.UNKNOWN_EXCHANGE:
        return {"301": UNKNOWN_REQUEST, "305": UNLINKED, "307": UNLINKED}.get(kind, TECHNICAL)
    return TECHNICAL
