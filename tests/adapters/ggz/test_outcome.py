"""What comes back to a sender of a Bundle: findings at their FHIRPath, codes in their system."""

import json
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from adapters.ggz import ADAPTER
from adapters.ggz.outcome import ISSUE_TYPES, PATHS, expression_of
from adapters.port import Answered
from schemas.decisions import Outcome, Rule
from schemas.deliveries import Problem, RecordFinding, RecordOutcome
from schemas.fields import FIELDS
from tests.adapters.ggz.written import FHIR, Json, bundle, record_of

AT = datetime(2014, 1, 1, 9, 30, tzinfo=ZoneInfo("Europe/Amsterdam"))
DELIVERY = UUID(int=1)
EXCHANGE = UUID(int=7)


def answer_to(
    decision: Outcome, rule: Rule, *findings: RecordFinding, field: str | None = None
) -> Json:
    outcome = RecordOutcome(
        record=1,
        line=1,
        reference="GGZ-2013-0001",
        decision=decision,
        rule=rule,
        field=field,
        exchange_id=None if rule is Rule.UNREADABLE else EXCHANGE,
        findings=list(findings),
    )
    slip = None if rule is Rule.UNREADABLE else record_of(bundle()).slip
    written = ADAPTER.answer_writers[FHIR]([Answered(outcome, slip)], DELIVERY, AT)
    assert written is not None
    return json.loads(written)


def test_what_was_taken_is_answered_entry_by_entry() -> None:
    missing = RecordFinding(line=1, field="lid.geboortedatum", problem=Problem.INCOMPLETE)
    answer = answer_to(Outcome.ACCEPTED, Rule.PERMITTED, missing)
    assert (answer["resourceType"], answer["type"]) == ("Bundle", "transaction-response")
    assert [one["response"]["status"] for one in answer["entry"]] == ["202 Accepted"] * 4
    assert ["resource" in one for one in answer["entry"]] == [False, False, True, False]
    task = answer["entry"][2]["resource"]
    assert task == {
        "resourceType": "Task",
        "identifier": [
            {"value": "GGZ-2013-0001"},
            {"system": "urn:sluis:uitwisseling", "value": str(EXCHANGE)},
        ],
        "status": "received",
        "businessStatus": {"coding": [{"system": "urn:sluis:besluit", "code": "toegelaten"}]},
        "intent": "order",
        "lastModified": "2014-01-01T09:30:00.000+01:00",
    }
    decided, noted = answer["entry"][2]["response"]["outcome"]["issue"]
    assert decided["details"]["coding"] == [{"system": "urn:sluis:regel", "code": "toegelaten"}]
    assert (noted["severity"], noted["code"]) == ("information", "incomplete")
    assert noted["expression"] == ["Bundle.entry[0].resource.birthDate"]


def test_what_is_held_is_a_task_on_hold() -> None:
    answer = answer_to(Outcome.HELD, Rule.AGREEMENT_INCOMPLETE)
    assert answer["entry"][2]["resource"]["status"] == "on-hold"


@pytest.mark.parametrize(("rule", "code"), [
    (Rule.NO_AGREEMENT_IN_FORCE, "forbidden"),
    (Rule.PARTNER_SUSPENDED, "forbidden"),
    (Rule.REFERENCE_REUSED, "conflict"),
    (Rule.FIELD_REQUIRED, "required"),
])  # fmt: skip
def test_what_is_refused_is_an_operation_outcome_by_its_rule(rule: Rule, code: str) -> None:
    answer = answer_to(Outcome.REFUSED, rule, field="aanmelding.aangemeldOp")
    assert answer["resourceType"] == "OperationOutcome"
    (issue,) = answer["issue"]
    assert (issue["severity"], issue["code"]) == ("error", code)
    assert issue["details"]["coding"] == [{"system": "urn:sluis:regel", "code": rule.value}]
    assert issue["expression"] == ["Bundle.entry.resource.ofType(ServiceRequest).authoredOn"]


@pytest.mark.parametrize(("line", "field", "expression"), [
    (0, "Bundle", "Bundle"),
    (0, "Bundle.type", "Bundle.type"),
    (2, "Bundle.entry.request.url", "Bundle.entry[1].request.url"),
    (5, "Bundle.entry.resource", "Bundle.entry[4].resource"),
    (5, "Bundle.entry.resource.Condition", "Bundle.entry[4].resource.ofType(Condition)"),
    (0, "Bundle.entry.resource.Task", "Bundle.entry.resource.ofType(Task)"),
    (3, "Task.focus", "Bundle.entry[2].resource.focus"),
    (3, "Task", "Bundle.entry[2].resource"),
    (4, "Consent.provision.purpose", "Bundle.entry[3].resource.provision.purpose"),
    (2, "fhirVersion", "Bundle.entry[1].resource"),
    (0, "fhirVersion", "Bundle"),
    (1, "lid.burgerservicenummer", "Bundle.entry[0].resource.identifier"),
    (1, "lid.instemming.op", "Bundle.entry.resource.ofType(Consent).dateTime"),
    (1, "aanmelding.kenmerk", "Bundle.entry.resource.ofType(Task).identifier"),
    (1, "huishouden.leden", "Bundle"),
])  # fmt: skip
def test_a_finding_is_told_by_its_fhirpath(line: int, field: str, expression: str) -> None:
    answer = answer_to(
        Outcome.REFUSED,
        Rule.UNREADABLE,
        RecordFinding(line=line, field=field, problem=Problem.INVALID),
    )
    (issue,) = answer["issue"]
    assert issue["expression"] == [expression]
    assert expression_of(RecordFinding(line=line, field=field, problem=Problem.INVALID)) == (
        expression
    )
    assert issue["severity"] == "error"
    assert issue["details"]["coding"] == [{"system": "urn:sluis:bevinding", "code": "ongeldig"}]


def test_a_file_that_held_no_bundle_has_no_answer_of_its_own() -> None:
    assert ADAPTER.answer_writers[FHIR]([], DELIVERY, AT) is None


def test_a_zrm_that_a_bundle_cannot_hold_is_not_asked_of_its_sender() -> None:
    missing = RecordFinding(line=1, field="lid.zrm", problem=Problem.MISSING)
    answer = answer_to(Outcome.ACCEPTED, Rule.PERMITTED, missing)
    assert len(answer["entry"][2]["response"]["outcome"]["issue"]) == 1


def test_every_problem_has_an_issue_type_and_every_path_a_field() -> None:
    assert set(ISSUE_TYPES) == set(Problem)
    known = set(FIELDS) | {"aanmelding.kenmerk", "aanmelding.doel", "aanmelding.ontvanger"}
    known |= {field for field in PATHS if field.startswith("lid.instemming.")}
    assert set(PATHS) <= known
