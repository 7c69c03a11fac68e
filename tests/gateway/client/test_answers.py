from __future__ import annotations

import json
import traceback
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.client import answers
from gateway.client.errors import (
    Conflict,
    Declined,
    FieldError,
    Garbled,
    NotAdmitted,
    Refused,
    Unacceptable,
    Unavailable,
)
from gateway.client.mailbox import Event
from schemas.decisions import Outcome, Rule
from schemas.deliveries import DeliveryReport
from tests.support.gateway_simulator import answer_of

PROBLEM = "application/problem+json"

REPORT = {
    "leveringId": "0b0f3a9c-0f7e-4c07-9d3c-111111111111",
    "status": "verwerkt",
    "ontvangenOp": "2013-12-31T12:00:00Z",
    "bytes": 1,
    "records": 0,
    "toegelaten": 0,
    "aangehouden": 0,
    "geweigerd": {},
    "dubbel": 0,
    "ontbrekend": {},
}


def _answer(status: int, body: object = None, **headers: str) -> httpx.Response:
    content = b"" if body is None else json.dumps(body).encode()
    return httpx.Response(status, content=content, headers={"Content-Type": PROBLEM, **headers})


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Unacceptable),
        (401, NotAdmitted),
        (403, NotAdmitted),
        (404, Declined),
        (409, Conflict),
        (413, Unacceptable),
        (415, Unacceptable),
        (429, Unavailable),
        (500, Declined),
        (502, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
        (307, Declined),
    ],
)
def test_each_status_has_its_exception(status: int, expected: type[Declined]) -> None:
    problem = answers.problem_of(_answer(status, {"title": "Nee", "status": status}))

    assert type(problem) is expected
    assert (problem.status, problem.title) == (status, "Nee")


def test_a_problem_names_the_fields_and_rules_that_the_gateway_named() -> None:
    body = {
        "type": "https://sluis.test/ongeldig",
        "title": "Ongeldig bericht",
        "detail": "zie fouten",
        "fouten": [{"veld": "huishouden.postcode", "regel": "postcode"}, "niets"],
    }

    problem = answers.problem_of(_answer(400, body))

    assert problem.fields == (FieldError("huishouden.postcode", "postcode"),)
    assert problem.kind == "https://sluis.test/ongeldig"
    assert str(problem) == "400 Ongeldig bericht: zie fouten"


def test_a_refusal_by_the_protocol_carries_its_answer() -> None:
    refused = answer_of(uuid4(), Outcome.REFUSED, Rule.AGREEMENT_INCOMPLETE)
    body = {"title": "Geweigerd", "antwoord": refused.model_dump(mode="json", by_alias=True)}

    problem = answers.problem_of(_answer(403, body))

    assert isinstance(problem, Refused)
    assert problem.answer == refused


def test_an_oauth_error_is_told_in_its_own_words() -> None:
    answer = httpx.Response(401, json={"error": "invalid_client", "error_description": "replayed"})

    assert str(answers.problem_of(answer)) == "401 invalid_client: replayed"


@given(st.binary(max_size=200), st.sampled_from([400, 403, 500, 502]), st.booleans())
def test_any_body_of_a_failure_becomes_a_problem(body: bytes, status: int, is_json: bool) -> None:
    headers = {"Content-Type": PROBLEM if is_json else "text/html"}

    problem = answers.problem_of(httpx.Response(status, content=body, headers=headers))

    assert problem.status == status
    assert problem.title


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("0", 0.0), ("7", 7.0), (" 7 ", 7.0), ("-1", None), ("1.5", None), ("²", None), ("", None)],
)
def test_retry_after_counts_in_whole_seconds_only(told: str, seconds: float | None) -> None:
    answer = httpx.Response(503, headers=[(b"Retry-After", told.encode())])

    assert answers.retry_after_of(answer) == seconds


def test_what_a_later_minor_version_adds_is_passed_over() -> None:
    content = json.dumps({**REPORT, "nieuw": 1}).encode()

    assert answers.read(DeliveryReport, content).records == 0


def test_another_major_version_is_refused() -> None:
    with pytest.raises(Garbled, match=r"2\.0\.0"):
        answers.succeeded(_answer(200, {}, **{"API-Version": "2.0.0"}))


def test_an_unreadable_answer_is_named_by_its_place_and_never_by_its_value() -> None:
    event = {"id": "GEHEIM-1", "source": "GEHEIM-2", "type": "x", "sequence": "GEHEIM-3"}

    with pytest.raises(Garbled) as caught:
        answers.read(Event, json.dumps(event).encode())

    assert str(caught.value) == "the answer is no valid Event: id (uuid_parsing)"
    assert "GEHEIM" not in "".join(traceback.format_exception(caught.value))
