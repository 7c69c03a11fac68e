"""Statuses back as Tasks: where the casework on a referral stands, under the sender's own key.

FHIR's Task states fold the programme's steps to three; the step itself, as far as the protocol
lets it through, is the Task's business status (R4 Task, 8.15.2).
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from schemas.casework import SENDER_STATUS, CaseStatus, OwnStatus, SenderStatus

STATUS_SYSTEM = "urn:sluis:status"
REASON_SYSTEM = "urn:sluis:afsluitreden"

TASK_STATUS: dict[SenderStatus, str] = {
    SenderStatus.RECEIVED: "received",
    SenderStatus.IN_PROGRESS: "in-progress",
    SenderStatus.ENDED: "completed",
}


def write_tasks(statuses: Iterable[OwnStatus]) -> bytes:
    """A `collection` Bundle with one Task a status, in their order."""
    entries = [{"resource": _task(status)} for status in statuses]
    bundle: dict[str, object] = {"resourceType": "Bundle", "type": "collection"}
    if entries:  # FHIR knows no empty lists
        bundle["entry"] = entries
    return json.dumps(bundle, ensure_ascii=False, separators=(",", ":")).encode()


def _task(status: OwnStatus) -> dict[str, object]:
    stated = status.status
    folded = SENDER_STATUS[stated] if isinstance(stated, CaseStatus) else stated
    task: dict[str, object] = {
        "resourceType": "Task",
        "identifier": [{"value": status.reference}],
        "status": TASK_STATUS[folded],
        "businessStatus": {"coding": [{"system": STATUS_SYSTEM, "code": stated.value}]},
        "intent": "order",
    }
    if status.close_reason is not None:
        coding = {"system": REASON_SYSTEM, "code": status.close_reason.value}
        task["statusReason"] = {"coding": [coding]}
    if status.as_of is not None:
        task["lastModified"] = status.as_of.isoformat()
    return task
