"""GGZ's side: a patient put forward as a FHIR R4 transaction Bundle with nl-core profiles.

docs/partners/ggz.md says what of FHIR is spoken. The Consent is explicit, names purpose and
recipient, and is the patient's own; without it the register alone decides, and so it is held.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from gateway.sandbox.outgoing import FHIR, Door, Outgoing
from gateway.sandbox.wire import as_dict
from schemas.referral import Referral

PURPOSE, RECIPIENT = "hulp-naast-behandeling", "casebook"
_HL7 = "http://hl7.org/fhir/StructureDefinition"
_TERMS = "http://terminology.hl7.org/CodeSystem"
_SEXES = {"M": "male", "V": "female"}


def as_bundle(referral: Referral, *, with_consent: bool = True) -> Outgoing:
    """The applicant as a Patient, with what they said themselves."""
    message = as_dict(referral)
    member = message["huishouden"]["leden"][0]
    patient, request, task, consent = (
        f"urn:uuid:{uuid5(NAMESPACE_URL, f'{referral.reference}/{part}')}"
        for part in ("Patient", "ServiceRequest", "Task", "Consent")
    )
    entries = [
        _entry(patient, _patient(member, message["huishouden"])),
        _entry(request, _request(message, patient)),
        _entry(task, _task(message, patient, request)),
    ]
    said = member.get("instemming")
    if said is not None and with_consent:
        entries.append(_entry(consent, _consent(said, patient)))
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    content = json.dumps(bundle, ensure_ascii=False, indent=1).encode()
    name = f"Bundle-{referral.reference}.json"
    return Outgoing(name, content, FHIR, (referral,), Door.AT_ONCE)


def _entry(url: str, resource: dict[str, Any]) -> dict[str, Any]:
    request = {"method": "POST", "url": resource["resourceType"]}
    return {"fullUrl": url, "request": request, "resource": resource}


def _patient(member: dict[str, Any], household: dict[str, Any]) -> dict[str, Any]:
    own, prefix = member["achternaam"], member.get("voorvoegsel")
    parts = [{"url": f"{_HL7}/humanname-own-prefix", "valueString": prefix}] if prefix else []
    parts.append({"url": f"{_HL7}/humanname-own-name", "valueString": own})
    initials = [f"{one}." for one in member.get("voorletters", "").split(".") if one]
    family = f"{prefix} {own}" if prefix else own
    name: dict[str, Any] = {
        "use": "official",
        "text": " ".join([*initials, family]),  # nl-core-NameInformation-01
        "family": family,
        "_family": {"extension": parts},
    }
    if initials:
        qualified = {"url": f"{_HL7}/iso21090-EN-qualifier", "valueCode": "IN"}
        name |= {"given": initials, "_given": [{"extension": [qualified]} for _ in initials]}
    patient: dict[str, Any] = {
        "resourceType": "Patient",
        "meta": {"profile": ["http://nictiz.nl/fhir/StructureDefinition/nl-core-Patient"]},
        "identifier": [
            {
                "system": "http://fhir.nl/fhir/NamingSystem/bsn",
                "value": member["burgerservicenummer"],
            }
        ],
        "name": [name],
        "gender": _SEXES.get(member.get("geslacht", ""), "unknown"),
        "address": [_address(household)],
    }
    if "geboortedatum" in member:
        patient["birthDate"] = member["geboortedatum"]
    if "telefoonnummer" in household:
        patient["telecom"] = [
            {"system": "phone", "use": "home", "value": household["telefoonnummer"]}
        ]
    if household.get("geheimhouding"):
        patient["extension"] = [{"url": "urn:sluis:fhir:geheimhouding", "valueBoolean": True}]
    return patient


def _address(household: dict[str, Any]) -> dict[str, Any]:
    """nl-core-AddressInformation: the parts of the line stand beside it."""
    named = {
        "streetName": household.get("straatnaam"),
        "houseNumber": household.get("huisnummer"),
        "buildingNumberSuffix": household.get("huisnummertoevoeging"),
    }
    parts = [
        {"url": f"{_HL7}/iso21090-ADXP-{part}", "valueString": str(text)}
        for part, text in named.items()
        if text is not None
    ]
    line = " ".join(str(text) for text in named.values() if text is not None)
    address: dict[str, Any] = {"use": "home"}
    if parts:  # FHIR knows no empty texts and lists
        address |= {"line": [line], "_line": [{"extension": parts}]}
    if "postcode" in household:
        address["postalCode"] = household["postcode"]
    return address


def _request(message: dict[str, Any], patient: str) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": patient},
        "authoredOn": message["aangemeldOp"],
    }


def _task(message: dict[str, Any], patient: str, request: str) -> dict[str, Any]:
    code = {"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"}
    return {
        "resourceType": "Task",
        "identifier": [{"value": message["kenmerk"]}],
        "status": "requested",
        "intent": "order",
        "code": {"coding": [code]},
        "focus": {"reference": request},
        "for": {"reference": patient},
    }


def _consent(said: dict[str, Any], patient: str) -> dict[str, Any]:
    recipient = {"system": "urn:sluis:partner", "value": RECIPIENT}
    role = {"system": f"{_TERMS}/v3-ParticipationType", "code": "IRCP"}
    return {
        "resourceType": "Consent",
        "identifier": [{"value": said.get("bewijs", "FORMULIER")}],
        "status": "active",
        "scope": {"coding": [{"system": f"{_TERMS}/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": f"{_TERMS}/v3-ActCode", "code": "IDSCL"}]}],
        "patient": {"reference": patient},
        "dateTime": said["op"],
        "performer": [{"reference": patient}],
        "policy": [{"uri": "https://wetten.overheid.nl/"}],
        "provision": {
            "type": "permit" if said["gegeven"] else "deny",
            "actor": [{"role": {"coding": [role]}, "reference": {"identifier": recipient}}],
            "purpose": [{"system": "urn:sluis:doel", "code": PURPOSE}],
        },
    }
