"""What a partner that speaks iJw gets on a JW315: it waits for consent, and has its retour.

A JW315 has no place for consent, so a good one is held where the flow asks for it. The retour is
looked at as a partner's software does: is it a JW316, on this message, with this code?
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gateway.sandbox.conformance import PASSED, Outcome, Trial, failed, not_asked
from gateway.sandbox.conformance_messages import Worked, deliver, today
from gateway.sandbox.conformance_samples import Sample, household
from gateway.sandbox.okt import as_jw315
from gateway.sandbox.outgoing import XML
from schemas.decisions import Outcome as Decision
from schemas.decisions import Rule

_NO_REMARK, _REJECTED = "0200", "0001"
_RELEASE, _OTHER_RELEASE = b"/ijw/3_2/", b"/ijw/3_1/"
_ROOT = re.compile(r"<(?:[\w.-]+:)?Bericht\s[^>]*/ijw/3_2/jw316/schema\"")
_VALUE = re.compile(r"<(?:[\w.-]+:)?(Identificatie|BerichtCode|RetourCode)>([^<]{1,40})</")
_SEE = "zie docs/partners/okt.md, onder What comes back"
_NOT_ADMITTED = (Rule.NO_FLOW, Rule.GROUND_NOT_ADMITTED)
_HELD, _OTHER = 8, 9


class _Answered(NamedTuple):
    worked: Worked
    retour: str


async def held_for_consent(trial: Trial) -> Outcome:
    """A JW315 is read and waits for consent; its JW316 has no remark."""
    if trial.flow is None or not trial.flow.asks_agreement:
        return not_asked("er is geen stroom die op toestemming wacht")
    sent = _jw315(trial, _HELD)
    answered = await _send(trial, sent)
    decided = [(one.decision, one.rule) for one in answered.worked.outcomes]
    if [rule for _, rule in decided if rule in _NOT_ADMITTED]:
        return not_asked("het privacyprotocol laat van deze partner geen JW315 toe")
    if decided != [(Decision.HELD, Rule.AGREEMENT_INCOMPLETE)]:
        told = ", ".join(f"{decision}: {rule}" for decision, rule in decided)
        return failed(told or "geen uitkomst", _SEE)
    return looked_at(answered.retour, sent, _NO_REMARK)


async def other_release(trial: Trial) -> Outcome:
    """A JW315 of another release is not taken, and its JW316 says so."""
    if trial.flow is None:
        return not_asked("er is geen stroom van aanmeldingen")
    good = _jw315(trial, _OTHER)
    sent = good._replace(content=good.content.replace(_RELEASE, _OTHER_RELEASE))
    answered = await _send(trial, sent)
    if [one.rule for one in answered.worked.outcomes] != [Rule.UNREADABLE]:
        return failed("een andere release werd genomen", _SEE)
    return looked_at(answered.retour, sent, _REJECTED)


def _jw315(trial: Trial, number: int) -> Sample:
    assert trial.flow is not None  # noqa: S101  # each check looks first
    person = household(trial.reference(number), trial.bsn(number), trial.flow, today())
    return Sample(as_jw315(person, with_consent=False).content, XML)


async def _send(trial: Trial, sent: Sample) -> _Answered:
    worked = await deliver(trial, sent)
    retour = await trial.client.own_outcome(worked.report.delivery_id, XML)
    return _Answered(worked, retour.decode(errors="replace"))


def looked_at(retour: str, sent: Sample, code: str) -> Outcome:
    """Whether this is the JW316 on what was sent, with this code and no other."""
    told = _VALUE.findall(retour)
    if _ROOT.search(retour) is None or ("BerichtCode", "447") not in told:
        return failed("het antwoord is geen JW316", _SEE)
    asked = [pair for pair in _VALUE.findall(sent.content.decode()) if pair[0] == "Identificatie"]
    if [pair for pair in told if pair[0] == "Identificatie"] != asked:
        return failed("de retour noemt een ander bericht", _SEE)
    codes = [value for name, value in told if name == "RetourCode"]
    if codes != [code]:
        return failed(f"retourcode {', '.join(codes) or 'ontbreekt'}, waar {code} hoort", _SEE)
    return PASSED
