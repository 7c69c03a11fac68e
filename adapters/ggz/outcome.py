"""What a sender of a Bundle is answered: an OperationOutcome, by itself or with the Task.

A Bundle that was taken is answered by its `transaction-response`, an entry each in the order of
the request; the Task bears what was decided. Codes are ours (`urn:sluis:...`), beside FHIR's own
issue types. Places are FHIRPath; no answer repeats a value, but for the sender's own reference.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from adapters.ggz.bundle import TAKEN
from adapters.ggz.version import PLACE
from adapters.port import Answered
from schemas.decisions import Outcome, Rule
from schemas.deliveries import Problem, RecordFinding, RecordOutcome

FINDING_SYSTEM = "urn:sluis:bevinding"
RULE_SYSTEM = "urn:sluis:regel"
DECISION_SYSTEM = "urn:sluis:besluit"
EXCHANGE_SYSTEM = "urn:sluis:uitwisseling"

ISSUE_TYPES: dict[Problem, str] = {
    Problem.MISSING: "required",
    Problem.INVALID: "value",
    Problem.INCOMPLETE: "incomplete",
    Problem.ELEVEN_TEST: "value",
    Problem.IN_FUTURE: "business-rule",
    Problem.UNKNOWN_CODE: "code-invalid",
    Problem.UNKNOWN_COLUMN: "not-supported",
    Problem.TOO_LONG: "too-long",
    Problem.TOO_MANY: "structure",
    Problem.CONTRADICTION: "invariant",
    Problem.BROKEN: "structure",
    Problem.ENCODING: "structure",
}
_RULES = {
    Rule.REFERENCE_REUSED: "conflict",
    Rule.FIELD_REQUIRED: "required",
    Rule.UNREADABLE: "invalid",
}
PATHS = {
    "aanmelding.kenmerk": "Task.identifier",
    "aanmelding.aangemeldOp": "ServiceRequest.authoredOn",
    "aanmelding.toelichting": "ServiceRequest.note",
    "aanmelding.doel": "Consent.provision.purpose",
    "aanmelding.ontvanger": "Consent.provision.actor",
    "huishouden.postcode": "Patient.address.postalCode",
    "huishouden.straatnaam": "Patient.address.line",
    "huishouden.huisnummer": "Patient.address.line",
    "huishouden.huisnummertoevoeging": "Patient.address.line",
    "huishouden.telefoonnummer": "Patient.telecom",
    "lid.burgerservicenummer": "Patient.identifier",
    "lid.voorletters": "Patient.name.given",
    "lid.voorvoegsel": "Patient.name.family",
    "lid.achternaam": "Patient.name.family",
    "lid.geboortedatum": "Patient.birthDate",
    "lid.geslacht": "Patient.gender",
    "lid.instemming.op": "Consent.dateTime",
    "lid.instemming.geldigTot": "Consent.provision.period",
    "lid.instemming.bewijs": "Consent.identifier",
}
"""Where a field of the protocol stands in a Bundle; a field that is not here has no place in one.

Those of `Patient` are the only ones that stand at the entry which a finding bears the number of.
"""
_OF_TYPE = "Bundle.entry.resource."
_TASK_STATUS = {Outcome.ACCEPTED: "received", Outcome.HELD: "on-hold"}
_TEXTS = {
    Outcome.ACCEPTED: "Toegelaten en vastgelegd.",
    Outcome.HELD: "Vastgelegd en aangehouden: de instemming is niet volledig.",
    Outcome.REFUSED: "Geweigerd door het privacyprotocol; de weigering is vastgelegd.",
}


def write_outcome(
    answered: Sequence[Answered],
    delivery: UUID,  # noqa: ARG001  # the port's; an OperationOutcome has no number of its own
    at: datetime,
) -> bytes | None:
    """The answer to one Bundle, which is one record; None for a file that held no record."""
    if len(answered) != 1:
        return None
    outcome, kinds = answered[0].outcome, (answered[0].slip or "").split()
    is_refused = outcome.decision is Outcome.REFUSED
    issues = [] if outcome.rule is Rule.UNREADABLE else [_decided(outcome)]
    severity = "error" if outcome.rule is Rule.UNREADABLE else "information"
    # A Bundle has no place for a ZRM, so its sender can do nothing about one that is missing.
    issues += [_issue(one, severity) for one in outcome.findings if one.field != "lid.zrm"]
    told: dict[str, object] = {"resourceType": "OperationOutcome", "issue": issues}
    if is_refused or not kinds:
        return _written(told)
    return _written(_response(kinds, outcome, at, told))


def _response(
    kinds: Sequence[str], outcome: RecordOutcome, at: datetime, told: dict[str, object]
) -> dict[str, object]:
    entries: list[dict[str, object]] = []
    for kind in kinds:
        # Nothing is kept as a resource, so there is no place to read it again.
        answered: dict[str, object] = {"response": {"status": "202 Accepted"}}
        if kind == "Task":
            answered["resource"] = _task(outcome, at)
            answered["response"] = {"status": "202 Accepted", "outcome": told}
        entries.append(answered)
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}


def _task(outcome: RecordOutcome, at: datetime) -> dict[str, object]:
    identifiers = []
    if outcome.reference is not None:
        identifiers.append({"value": outcome.reference})
    if outcome.exchange_id is not None:
        identifiers.append({"system": EXCHANGE_SYSTEM, "value": str(outcome.exchange_id)})
    decision = {"system": DECISION_SYSTEM, "code": outcome.decision.value}
    return {
        "resourceType": "Task",
        "identifier": identifiers,
        "status": _TASK_STATUS[outcome.decision],
        "businessStatus": {"coding": [decision]},
        "intent": "order",
        "lastModified": at.isoformat(timespec="milliseconds"),
    }


def _decided(outcome: RecordOutcome) -> dict[str, object]:
    is_refused = outcome.decision is Outcome.REFUSED
    issue: dict[str, object] = {
        "severity": "error" if is_refused else "information",
        "code": _RULES.get(outcome.rule, "forbidden") if is_refused else "informational",
        "details": {
            "coding": [{"system": RULE_SYSTEM, "code": outcome.rule.value}],
            "text": _TEXTS[outcome.decision],
        },
    }
    if outcome.field in PATHS:
        issue["expression"] = [_generic(PATHS[outcome.field])]
    return issue


def _issue(finding: RecordFinding, severity: str) -> dict[str, object]:
    return {
        "severity": severity,
        "code": ISSUE_TYPES[finding.problem],
        "details": {
            "coding": [{"system": FINDING_SYSTEM, "code": finding.problem.value}],
            "text": f"{finding.field}: {finding.problem.value}",
        },
        "expression": [expression_of(finding)],
    }


def expression_of(finding: RecordFinding) -> str:
    """The FHIRPath of what a finding is about."""
    path = PATHS.get(finding.field, finding.field)
    kind, _, rest = path.partition(".")
    entry = f"Bundle.entry[{finding.line - 1}]" if finding.line else "Bundle.entry"
    if path.startswith(_OF_TYPE):
        return f"{entry}.resource.ofType({path.removeprefix(_OF_TYPE)})"
    if kind == "Bundle":
        return path.replace("Bundle.entry", entry, 1)
    if path == PLACE and finding.line:
        return f"{entry}.resource"
    if kind not in TAKEN:
        return "Bundle"
    # A field of the protocol is known by its member, so only the Patient's entry is.
    if finding.line and (finding.field == path or kind == "Patient"):
        return ".".join(filter(None, (f"{entry}.resource", rest)))
    return _generic(path)


def _generic(path: str) -> str:
    kind, _, rest = path.partition(".")
    return ".".join(filter(None, (f"Bundle.entry.resource.ofType({kind})", rest)))


def _written(resource: dict[str, object]) -> bytes:
    return json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()
