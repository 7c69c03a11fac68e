"""The retour codes that Sluis gives, with the text of the rule (code list WJ001, iJw 3.2).

The road decides; this says in iJw's words what it decided. iJw has no word for a refusal by the
privacy protocol: that is a rejected message, and the delivery's report says on which rule.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.decisions import Outcome, Rule
from schemas.deliveries import NUMBER_FIELD, RecordOutcome


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
OTHER_MUNICIPALITY = _code("S300", "Gemeentecode ongeldig.", "TR378")
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
GIVEN = (
    TECHNICAL,
    NO_REMARK,
    IN_FUTURE,
    OTHER_MUNICIPALITY,
    UNLINKED,
    NOT_UNIQUE,
    PENDING,
    UNKNOWN_REQUEST,
)


def code_of(kind: str, outcome: RecordOutcome, first: Rule | None = None) -> RetourCode:
    """What the road's outcome on a message of this kind is in iJw's words.

    `first` is the rule that an earlier sending of the same message met: the answer is the same.
    """
    if outcome.decision is not Outcome.REFUSED:
        return NO_REMARK
    rule = outcome.rule if first is None else first
    if rule is Rule.REFERENCE_REUSED:
        # A request's key is its ReferentieAanbieder, another message's its Identificatie.
        is_request = kind == "315" and outcome.field != NUMBER_FIELD
        return PENDING if is_request else NOT_UNIQUE
    if rule is Rule.UNKNOWN_EXCHANGE:
        return {"301": UNKNOWN_REQUEST, "305": UNLINKED, "307": UNLINKED}.get(kind, TECHNICAL)
    return TECHNICAL
