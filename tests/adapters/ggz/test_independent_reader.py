"""What we write, read by models of FHIR that are not ours: `fhir.resources`.

A dependency of the tests alone (ADR 0032): it knows R4B, of which the resources here are as in R4,
and takes whatever FHIR takes.
"""

from __future__ import annotations

import importlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from adapters.ggz import ADAPTER
from schemas.casework import CaseStatus, CloseReason, OwnStatus, SenderStatus
from schemas.decisions import Outcome, Rule
from schemas.deliveries import Problem, RecordFinding
from tests.adapters.ggz.fhir_xml import resource_of
from tests.adapters.ggz.test_outcome import answer_to
from tests.adapters.ggz.written import FHIR, Json, bundle, with_part

EXAMPLES = Path(__file__).parents[4] / "shared" / "standards" / "fhir" / "nl-core-examples"


def read_by_others(tree: Json) -> Any:
    """The resource as their model. Raises where it is none."""
    kind = str(tree["resourceType"])
    model = getattr(importlib.import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    return model.model_validate_json(json.dumps(tree))


def kind_by_others(tree: Json) -> str:
    return type(read_by_others(tree)).__name__


def test_what_they_refuse_is_refused() -> None:
    wrong = bundle(type="nonsense")
    wrong["entry"][0]["resource"]["birthDate"] = "soon"
    with pytest.raises(ValueError, match="birthDate"):
        read_by_others(wrong)


def test_what_we_take_is_fhir_to_others_as_well() -> None:
    for tree in (bundle(), with_part(2, note=[{"text": "x"}]), with_part(4, status="rejected")):
        assert kind_by_others(tree) == "Bundle"


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("decision", Outcome)
def test_every_answer_is_fhir(decision: Outcome, rule: Rule) -> None:
    told = answer_to(decision, rule)
    assert kind_by_others(told) in ("Bundle", "OperationOutcome")


@pytest.mark.parametrize("problem", Problem)
def test_every_refusal_of_a_bundle_is_an_operation_outcome(problem: Problem) -> None:
    found = RecordFinding(line=1, field="Patient.birthDate", problem=problem)
    told = answer_to(Outcome.REFUSED, Rule.UNREADABLE, found)
    assert kind_by_others(told) == "OperationOutcome"


def test_the_statuses_are_tasks() -> None:
    statuses = [
        OwnStatus(reference="A", status=SenderStatus.ENDED),
        OwnStatus(reference="A", status=CaseStatus.ACTIVE, as_of=date(2014, 2, 3)),
        OwnStatus(
            reference="A", status=CaseStatus.CLOSED_REACHED, close_reason=CloseReason.DECEASED
        ),
    ]
    written: Json = json.loads(ADAPTER.status_writers[FHIR](statuses))
    assert len(read_by_others(written).entry) == len(statuses)


def test_the_statement_of_what_we_can_do_is_fhir() -> None:
    assert ADAPTER.description is not None
    statement: Json = json.loads(ADAPTER.description("https://sluis.voorbeeld.nl/v1/eigen-formaat"))
    assert kind_by_others(statement) == "CapabilityStatement"


def test_the_examples_as_we_send_them_in_tests_are_what_nictiz_published() -> None:
    if not EXAMPLES.is_dir():
        pytest.skip("../shared is not there: the examples were not read")
    kinds = {"Patient", "Consent"}
    trees = [resource_of(path.read_bytes()) for path in EXAMPLES.glob("*.xml")]
    for tree in trees:
        if tree["resourceType"] in kinds:
            read_by_others(tree)
