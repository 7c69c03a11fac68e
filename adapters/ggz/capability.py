"""What this FHIR address can do, as FHIR asks (R4 CapabilityStatement): one transaction, no more.

Nothing can be read or searched here: what passes is not kept as a resource, and a search by
person would put a person into an address.
"""

from __future__ import annotations

import json

from adapters.ggz.version import VERSION

MEDIA_TYPE = "application/fhir+json"
FHIR_VERSION = f"{VERSION}.1"
_DATED = "2026-11-22"
_PROFILES = {
    "Patient": ("nl-core-Patient", "Wie het is; elke Patient is een lid van het huishouden."),
    "ServiceRequest": ("nl-core-Procedure-request", "De vraag: status active, intent order."),
    "Task": (None, "De opdracht: code fulfill, status requested, met uw kenmerk."),
    "Consent": (None, "De uitdrukkelijke toestemming voor deze aanmelding."),
}
_NICTIZ = "http://nictiz.nl/fhir/StructureDefinition/"


def describe(address: str) -> bytes:
    """The CapabilityStatement of the FHIR endpoint at this address."""
    statement = {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": _DATED,
        "kind": "instance",
        "software": {"name": "Sluis"},
        "implementation": {
            "description": "Aanmelden bij een wijkteam, onder één privacyprotocol.",
            "url": address,
        },
        "fhirVersion": FHIR_VERSION,
        "format": [MEDIA_TYPE],
        "rest": [
            {
                "mode": "server",
                "documentation": (
                    "Eén Bundle is één aanmelding: hij wordt geheel genomen of geheel geweigerd."
                ),
                "security": {"description": "OAuth 2.0 client credentials met private_key_jwt."},
                "resource": [_resource(kind) for kind in _PROFILES],
                "interaction": [{"code": "transaction"}],
            }
        ],
    }
    return json.dumps(statement, ensure_ascii=False, separators=(",", ":")).encode()


def _resource(kind: str) -> dict[str, object]:
    profile, documentation = _PROFILES[kind]
    resource: dict[str, object] = {"type": kind}
    if profile is not None:
        resource["supportedProfile"] = [f"{_NICTIZ}{profile}"]
    resource["documentation"] = documentation
    return resource
