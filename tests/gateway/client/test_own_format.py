from __future__ import annotations

import base64
from uuid import uuid4

import httpx
import pytest

from gateway.client import Garbled, NotAdmitted
from gateway.client.own_format import RECEIPT, own_answer
from schemas.decisions import Outcome, Rule
from tests.support.gateway_simulator import answer_of

FHIR, PROBLEM = "application/fhir+json", "application/problem+json"


def answered(status: int, media_type: str, receipt: str | None = None) -> httpx.Response:
    headers = {"Content-Type": media_type} | ({} if receipt is None else {RECEIPT: receipt})
    return httpx.Response(status, headers=headers, content=b'{"title": "Nee"}')


@pytest.mark.parametrize(
    ("status", "outcome", "rule"),
    [
        (200, Outcome.HELD, Rule.AGREEMENT_INCOMPLETE),
        (403, Outcome.REFUSED, Rule.NO_FLOW),
    ],
)
def test_a_refusal_is_an_answer_as_an_acceptance_is(
    status: int, outcome: Outcome, rule: Rule
) -> None:
    decided = answer_of(uuid4(), outcome, rule)
    receipt = base64.b64encode(decided.model_dump_json(by_alias=True).encode()).decode()

    told = own_answer(answered(status, f"{FHIR}; fhirVersion=4.0", receipt), FHIR)

    assert (told.status, told.media_type, told.answer) == (status, FHIR, decided)
    assert told.content == b'{"title": "Nee"}'


def test_what_could_not_be_read_has_an_answer_and_no_decision() -> None:
    assert own_answer(answered(400, FHIR), FHIR).answer is None


def test_a_problem_in_another_form_is_raised() -> None:
    with pytest.raises(NotAdmitted, match="401 Nee"):
        own_answer(answered(401, PROBLEM), FHIR)


def test_a_success_in_another_form_is_no_answer() -> None:
    with pytest.raises(Garbled, match="not in the format"):
        own_answer(answered(200, "application/json"), FHIR)


@pytest.mark.parametrize("receipt", ["geheim!", base64.b64encode(b"{}").decode()])
def test_a_receipt_that_is_none_is_not_repeated(receipt: str) -> None:
    with pytest.raises(Garbled) as raised:
        own_answer(answered(200, FHIR, receipt), FHIR)

    assert receipt not in str(raised.value)
    assert raised.value.__context__ is None
