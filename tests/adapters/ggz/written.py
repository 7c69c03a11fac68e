"""A Bundle as a GGZ partner would write it, for tests to change a part of."""

from __future__ import annotations

import copy
import json
from typing import Any

from adapters.ggz import ADAPTER
from adapters.port import DeliveryReader
from schemas.deliveries import Record, Translated
from schemas.referral import Referral
from tests.adapters.feeding import TODAY, read

FHIR = "application/fhir+json"
PATIENT, REQUEST, TASK, CONSENT = (
    f"urn:uuid:4d1b6d9e-0c5e-4a5e-9a3e-00000000000{number}" for number in range(1, 5)
)
HL7 = "http://hl7.org/fhir/StructureDefinition/"
TERMS = "http://terminology.hl7.org/CodeSystem/"
Json = Any  # a tree that tests reach into


def entry(full_url: str, resource: Json) -> Json:
    request = {"method": "POST", "url": resource["resourceType"]}
    return {"fullUrl": full_url, "resource": resource, "request": request}


def patient(bsn: str = "999990019", **more: Json) -> Json:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": bsn}],
        "name": [{"use": "official", "family": "Proef", "given": ["Hendrik", "Jan"]}],
        "gender": "female",
        "birthDate": "1980-05-04",
        "address": [{"use": "home", "postalCode": "1012 AB"}],
        **more,
    }


def service_request(**more: Json) -> Json:
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": PATIENT},
        "authoredOn": "2013-12-31",
        **more,
    }


def task(**more: Json) -> Json:
    return {
        "resourceType": "Task",
        "identifier": [{"value": "GGZ-2013-0001"}],
        "status": "requested",
        "intent": "order",
        "code": {
            "coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"}]
        },
        "focus": {"reference": REQUEST},
        "for": {"reference": PATIENT},
        **more,
    }


def consent(**more: Json) -> Json:
    return {
        "resourceType": "Consent",
        "identifier": [{"value": "FORM-1"}],
        "status": "active",
        "scope": {"coding": [{"system": f"{TERMS}consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": f"{TERMS}v3-ActCode", "code": "IDSCL"}]}],
        "patient": {"reference": PATIENT},
        "dateTime": "2013-12-30",
        "performer": [{"reference": PATIENT}],
        "policy": [{"uri": "https://wetten.overheid.nl/"}],
        "provision": provision(),
        **more,
    }


def provision(**more: Json) -> Json:
    role = {"coding": [{"system": f"{TERMS}v3-ParticipationType", "code": "IRCP"}]}
    recipient = {"identifier": {"system": "urn:sluis:partner", "value": "casebook"}}
    return {
        "type": "permit",
        "actor": [{"role": role, "reference": recipient}],
        "purpose": [{"system": "urn:sluis:doel", "code": "hulp-naast-behandeling"}],
        **more,
    }


def bundle(*entries: Json, **more: Json) -> Json:
    """A Bundle of these entries; without any, a whole and valid one."""
    whole = entries or (
        entry(PATIENT, patient()),
        entry(REQUEST, service_request()),
        entry(TASK, task()),
        entry(CONSENT, consent()),
    )
    made = {"resourceType": "Bundle", "type": "transaction", "entry": list(whole), **more}
    return copy.deepcopy(made)


def with_part(number: int, **more: Json) -> Json:
    """The valid Bundle with these elements of the resource in entry `number`, counted from 1."""
    changed = bundle()
    changed["entry"][number - 1]["resource"].update(copy.deepcopy(more))
    return changed


def reader() -> DeliveryReader:
    return ADAPTER.readers[FHIR](TODAY)


def record_of(tree: Json) -> Record:
    (record,) = read(reader(), json.dumps(tree).encode())
    return record


def referral_of(tree: Json) -> Referral:
    record = record_of(tree)
    assert isinstance(record, Translated), record.findings
    assert isinstance(record.message, Referral)
    return record.message


def told_of(tree: Json) -> list[tuple[int, str, str]]:
    """Why this Bundle was refused."""
    record = record_of(tree)
    assert not isinstance(record, Translated)
    return [(one.line, one.field, one.problem.value) for one in record.findings]
