"""Status messages: phases, close reasons, and how they fold for a referrer."""

import json

import pytest
from hypothesis import given
from pydantic import ValidationError

from schemas.casework import (
    SENDER_STATUS,
    CaseStatus,
    CloseReason,
    OwnStatus,
    SenderStatus,
    StatusMessage,
)
from tests.support.strategies import status_messages, unhurried

CLOSED = {CaseStatus.CLOSED_REACHED, CaseStatus.CLOSED_NOT_REACHED}


def read(**values: object) -> StatusMessage:
    body = {
        "kenmerk": "S-1",
        "uitwisselingId": "4b8c9d0e-1f2a-4b3c-8d4e-5f6a7b8c9d0e",
        "status": "regiecheck",
        "peildatum": "2026-03-01",
    }
    return StatusMessage.model_validate_json(json.dumps(body | values))


def test_closed_are_the_two_closed_phases() -> None:
    assert {status for status in CaseStatus if status.is_closed} == CLOSED


@pytest.mark.parametrize("status", CaseStatus)
@pytest.mark.parametrize("reason", CloseReason)
def test_a_close_reason_stands_only_with_a_closed_status(
    status: CaseStatus, reason: CloseReason
) -> None:
    if status.is_closed:
        assert read(status=status, afsluitreden=reason).close_reason is reason
        return
    with pytest.raises(ValidationError) as caught:
        read(status=status, afsluitreden=reason)
    (detail,) = caught.value.errors(include_input=False)
    assert detail["type"] == "afsluitreden"
    assert reason not in detail["msg"]


@pytest.mark.parametrize("status", CaseStatus)
def test_a_status_needs_no_reason(status: CaseStatus) -> None:
    assert read(status=status).close_reason is None
    assert read(status=status, afsluitreden=None).close_reason is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"uitwisselingId": "4b8c9d0e"},
        {"uitwisselingId": None},
        {"kenmerk": "a b"},
        {"kenmerk": ""},
        {"status": "afgesloten"},
        {"status": "ontvangen"},
        {"peildatum": "maart"},
        {"peildatum": None},
        {"afsluitreden": "onbekend", "status": "afgesloten-bereikt"},
        {"toelichting": "x"},
    ],
)
def test_a_wrong_status_message_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        read(**wrong)


@unhurried
@given(status_messages())
def test_every_status_message_survives_its_own_wire(message: StatusMessage) -> None:
    assert StatusMessage.model_validate_json(message.model_dump_json(by_alias=True)) == message


def test_every_phase_folds_to_one_of_three() -> None:
    assert set(SENDER_STATUS) == set(CaseStatus)
    assert set(SENDER_STATUS.values()) == set(SenderStatus)


def test_closed_phases_alone_fold_to_ended() -> None:
    ended = {status for status, fold in SENDER_STATUS.items() if fold is SenderStatus.ENDED}
    assert ended == CLOSED


def test_a_folded_status_is_never_mistaken_for_a_phase() -> None:
    assert not {status.value for status in SenderStatus} & {status.value for status in CaseStatus}


@pytest.mark.parametrize("status", [*SenderStatus, *CaseStatus])
def test_an_own_status_holds_either_kind(status: SenderStatus | CaseStatus) -> None:
    own = OwnStatus.model_validate_json(json.dumps({"kenmerk": "A1", "status": status}))
    assert own.status is status
    assert own.model_dump(exclude_none=True) == {"reference": "A1", "status": status}
