"""What the gateway itself says, in one line that somebody at a screen can act on."""

from __future__ import annotations

from gateway.client import Event
from schemas.casework import Handover, Signal
from schemas.corrections import CorrectionKind
from schemas.notices import Advice, AdviceRule, CorrectionNotice, Recall

_ADVICE = {
    AdviceRule.HOLD_ENDED: "was never released and is destroyed; send it anew if needed",
    AdviceRule.ASK_AGAIN: "agreement lapsed with age: ask again",
    AdviceRule.KEY_EXPIRES: "your key expires: register a new one",
    AdviceRule.ERASE: "erase what you hold of this person, unless a law of yours keeps it",
}
_CORRECTIONS = {
    CorrectionKind.RECTIFY: "correct the fields that it names",
    CorrectionKind.RESTRICT: "use is restricted: keep it, do not use it",
    CorrectionKind.LIFT: "the restriction is lifted",
    CorrectionKind.OBJECT: "the person objects: stop using it",
    CorrectionKind.ANNUL: "annulled by its sender: remove it",
    CorrectionKind.MEMBER_LEFT: "a member left the household: remove their part",
}


def gist_of(event: Event) -> str:
    """A notice in one line; pseudonyms stay out of it."""
    notice = event.notice()
    match notice:
        case Recall():
            what = "all of it" if notice.category == "*" else notice.category
            whose = "" if notice.member is None else " of one member"
            return f"{notice.exchange_id}: use stops, {what}{whose}"
        case Advice():
            return f"{notice.reference or notice.exchange_id}: {_ADVICE[notice.rule]}"
        case CorrectionNotice():
            return f"{notice.exchange_id}: {_CORRECTIONS[notice.kind]}"
        case Handover():
            whence = "" if notice.from_team is None else f" from {notice.from_team}"
            return f"{notice.exchange_id}: handed over{whence} to {notice.to_team}"
        case Signal():
            named = notice.reference or notice.exchange_id
            return f"{named}: no first contact in {notice.term_days} days; ask how it stands"
        case None:
            return ""
