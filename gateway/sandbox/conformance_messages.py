"""What a partner sends and gets: decided by the right rule, once, and no other than its own.

In order: later checks lean on what an earlier one left (the referral that was accepted).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import NamedTuple

from gateway.client import Conflict, Declined, NotAdmitted, Refused
from gateway.client.api import as_json
from gateway.client.checkpoints import EvidenceError, read_key
from gateway.client.proving import verify_receipt
from gateway.sandbox.conformance import PASSED, Outcome, Trial, failed, not_asked
from gateway.sandbox.conformance_samples import Sample, household, sample, spoilt
from schemas.casework import CaseStatus, StatusMessage
from schemas.decisions import Outcome as Decision
from schemas.decisions import Rule
from schemas.deliveries import DeliveryReport, RecordOutcome
from schemas.referral import Referral

_CLOCK_SECONDS = 30.0
_NO_FLOW = "het privacyprotocol geeft deze partner vandaag geen stroom van aanmeldingen"
_SEE = "zie docs/partners bij uw formaat"
_TELL = "meld dit de beheerder van de gateway"
_FIRST, _BAD, _REUSED, _ELSEWHERE = 1, 2, 3, 4
_BATCH = (5, 6, 7)


class Worked(NamedTuple):
    """A delivery that was worked off."""

    report: DeliveryReport
    outcomes: list[RecordOutcome]


async def valid_referral(trial: Trial) -> Outcome:
    """A good referral in the partner's own format is accepted."""
    if trial.flow is None:
        return not_asked(_NO_FLOW)
    made = sample(trial.adapter, [_household(trial, _FIRST)])
    worked = await deliver(trial, made)
    if len(worked.outcomes) != 1:
        return failed(f"{len(worked.outcomes)} uitkomsten voor een aanmelding", _SEE)
    (one,) = worked.outcomes
    if one.decision is not Decision.ACCEPTED:
        return failed(f"{one.decision}: {one.rule} {one.field or ''}".strip(), _SEE)
    trial.accepted, trial.sample = one, made.content
    return PASSED


async def same_again(trial: Trial) -> Outcome:
    """The same file again has the same answer, and no second effect."""
    if trial.accepted is None:
        return not_asked("er is geen aanmelding toegelaten")
    made = sample(trial.adapter, [_household(trial, _FIRST)])
    worked = await deliver(trial, made._replace(content=trial.sample))
    same = [one.exchange_id for one in worked.outcomes] == [trial.accepted.exchange_id]
    if worked.report.is_repeat and same:
        return PASSED
    return failed("een herhaling werd als nieuw gezien", _TELL)


async def bad_referral(trial: Trial) -> Outcome:
    """A number that fails the eleven-test is refused, by field and rule, without repeating it."""
    if trial.flow is None:
        return not_asked(_NO_FLOW)
    bsn = trial.bsn(_BAD)
    worked = await deliver(trial, spoilt(sample(trial.adapter, [_household(trial, _BAD)]), bsn))
    refused = [one for one in worked.outcomes if one.decision is Decision.REFUSED]
    if len(refused) != 1:
        return failed("een ongeldig burgerservicenummer werd niet geweigerd", _TELL)
    (one,) = refused
    if one.rule is not Rule.UNREADABLE or not one.findings:
        return failed(f"geweigerd door {one.rule}, waar {Rule.UNREADABLE} hoort", _TELL)
    return PASSED


async def reused_reference(trial: Trial) -> Outcome:
    """A reference that was used before is not taken for other content."""
    if trial.flow is None or trial.accepted is None:
        return not_asked("er is geen aanmelding toegelaten")
    other = household(trial.reference(_FIRST), trial.bsn(_REUSED), trial.flow, today())
    worked = await deliver(trial, sample(trial.adapter, [other]))
    if [one.rule for one in worked.outcomes] == [Rule.REFERENCE_REUSED]:
        return PASSED
    return failed("een kenmerk werd twee keer genomen voor andere inhoud", _TELL)


async def bad_one_in_batch(trial: Trial) -> Outcome:
    """One bad record refuses itself, and none of the others."""
    if trial.flow is None:
        return not_asked(_NO_FLOW)
    made = sample(trial.adapter, [_household(trial, number) for number in _BATCH])
    worked = await deliver(trial, spoilt(made, trial.bsn(_BATCH[1])))
    decisions = [one.decision for one in worked.outcomes]
    if decisions == [Decision.ACCEPTED, Decision.REFUSED, Decision.ACCEPTED]:
        return PASSED
    return failed(f"uitkomsten: {', '.join(decisions)}", _SEE)


async def unknown_purpose(trial: Trial) -> Outcome:
    """A referral that no flow admits is refused, with a signed answer."""
    if trial.flow is None:
        return not_asked(_NO_FLOW)
    made = _household(trial, _ELSEWHERE).model_copy(update={"purpose": "proef-onbekend-doel"})
    try:
        await trial.client.refer(made)
    except Refused as refused:
        answer = refused.answer
    else:
        return failed("een onbekend doel werd toegelaten", _TELL)
    if answer.rule is not Rule.NO_FLOW:
        return failed(f"geweigerd door {answer.rule}, waar {Rule.NO_FLOW} hoort", _TELL)
    key = read_key((await trial.client.log_keys()).processing)
    try:
        verify_receipt(answer, key, as_json(made))
    except EvidenceError:
        return failed("het ontvangstbewijs klopt niet", _TELL)
    skew = abs((datetime.now(UTC) - answer.received_at).total_seconds())
    if skew > _CLOCK_SECONDS:
        return failed(f"de klokken schelen {skew:.0f} s", "zet de klok van deze machine gelijk")
    return PASSED


async def status_back(trial: Trial) -> Outcome:
    """A status comes back under the partner's own reference."""
    if trial.accepted is None or trial.flow is None or not trial.flow.gives_status:
        return not_asked("er komt hier geen status terug")
    if trial.counterpart is None:
        return not_asked("de sleutel van de ontvanger is hier niet; vraag de beheerder erom")
    exchange = trial.accepted.exchange_id
    if exchange is None:
        return failed("de uitkomst noemt geen uitwisseling", _TELL)
    told = StatusMessage.model_validate(
        {
            "kenmerk": trial.reference(_FIRST),
            "uitwisselingId": exchange,
            "status": CaseStatus.ACTIVE,
            "peildatum": today().isoformat(),
        }
    )
    await trial.counterpart.send_status(told)
    trial.waiting = trial.reference(_FIRST)
    async for page in trial.client.pages():
        if any(event.data.get("kenmerk") == trial.waiting for event in page.events):
            return PASSED
    return failed("de status ligt niet in het postvak", _TELL)


async def acknowledged(trial: Trial) -> Outcome:
    """What was pulled and acknowledged does not come again; what is not ours stays."""
    page = await trial.client.page()
    mine = [event.data.get("kenmerk") == trial.waiting for event in page.events]
    if trial.waiting is None or not all(mine) or page.has_more:
        return not_asked("er liggen geen, of ook andere, berichten; die bevestigt u zelf")
    await trial.client.acknowledge(page.next_cursor)
    again = await trial.client.acknowledge(page.next_cursor)
    if again == 0 and not (await trial.client.page()).events:
        return PASSED
    return failed("een bevestigd bericht kwam terug", _TELL)


async def strange_cursor(trial: Trial) -> Outcome:
    """A cursor of somebody else opens nothing."""
    mine = (await trial.client.page(size=1)).next_cursor
    theirs = mine[:-2] + ("AA" if mine[-2:] != "AA" else "BB")
    if trial.counterpart is not None:
        theirs = (await trial.counterpart.page(size=1)).next_cursor
    try:
        await trial.client.acknowledge(theirs)
    except (Conflict, NotAdmitted, Declined) as problem:
        if problem.status == HTTPStatus.BAD_REQUEST:
            return PASSED
        return failed(f"HTTP {problem.status}, waar 400 hoort", _TELL)
    return failed("een vreemde cursor werd genomen", _TELL)


async def deliver(trial: Trial, made: Sample) -> Worked:
    """Send a file, and wait until it was worked off."""

    async def pieces() -> AsyncIterator[bytes]:
        yield made.content

    report = await trial.client.deliver(pieces(), made.media_type)
    done = await trial.client.wait(report.delivery_id)
    outcomes = [one async for one in trial.client.outcomes(report.delivery_id)]
    # Only the answer to the sending itself says whether these bytes were known already.
    return Worked(done.model_copy(update={"is_repeat": report.is_repeat}), outcomes)


def _household(trial: Trial, number: int) -> Referral:
    assert trial.flow is not None  # noqa: S101  # each check looks first
    return household(trial.reference(number), trial.bsn(number), trial.flow, today())


def today() -> date:
    """The day of the trial."""
    return datetime.now(UTC).date()
