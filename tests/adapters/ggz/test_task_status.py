"""Statuses come back as Tasks under the sender's own reference, and no more than was admitted."""

import json
from datetime import date

import pytest

from adapters.ggz import ADAPTER
from schemas.casework import CaseStatus, CloseReason, OwnStatus, SenderStatus
from tests.adapters.ggz.written import FHIR, Json


def written(*statuses: OwnStatus) -> Json:
    return json.loads(ADAPTER.status_writers[FHIR](statuses))


def test_a_status_is_a_task() -> None:
    status = OwnStatus(reference="GGZ-2013-0001", status=CaseStatus.ACTIVE, as_of=date(2014, 2, 3))
    assert written(status) == {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {
                "resource": {
                    "resourceType": "Task",
                    "identifier": [{"value": "GGZ-2013-0001"}],
                    "status": "in-progress",
                    "businessStatus": {
                        "coding": [{"system": "urn:sluis:status", "code": "in-beheer-actief"}]
                    },
                    "intent": "order",
                    "lastModified": "2014-02-03",
                }
            }
        ],
    }


@pytest.mark.parametrize(("status", "task_status"), [
    (SenderStatus.RECEIVED, "received"),
    (SenderStatus.IN_PROGRESS, "in-progress"),
    (SenderStatus.ENDED, "completed"),
    (CaseStatus.INTAKE, "received"),
    (CaseStatus.COORDINATION_CHECK, "received"),
    (CaseStatus.PASSIVE, "in-progress"),
    (CaseStatus.CLOSED_REACHED, "completed"),
    (CaseStatus.CLOSED_NOT_REACHED, "completed"),
])  # fmt: skip
def test_every_status_folds_to_a_state_of_a_task(
    status: SenderStatus | CaseStatus, task_status: str
) -> None:
    (entry,) = written(OwnStatus(reference="A", status=status))["entry"]
    assert entry["resource"]["status"] == task_status
    assert "lastModified" not in entry["resource"]
    assert "statusReason" not in entry["resource"]


def test_a_reason_is_there_only_where_it_was_admitted() -> None:
    status = OwnStatus(
        reference="A", status=CaseStatus.CLOSED_REACHED, close_reason=CloseReason.SHORT_CONTACT
    )
    (entry,) = written(status)["entry"]
    assert entry["resource"]["statusReason"]["coding"] == [
        {"system": "urn:sluis:afsluitreden", "code": "kortdurend-contact"}
    ]


def test_no_statuses_are_a_bundle_without_entries() -> None:
    assert written() == {"resourceType": "Bundle", "type": "collection"}
