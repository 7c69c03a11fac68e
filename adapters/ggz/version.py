"""Which release of FHIR a Bundle speaks, by what R4 does not have.

A resource does not state its release. What gives another one away is refused as that, rather than
half understood: the same name may mean another thing (in R5 `Consent.provision` denies or permits
by what stands above it). Sources: the resource definitions of STU3 (3.0.2), R4 (4.0.1), R5 (5.0.0).
R4B differs from R4 in none of the resources taken here; only its own mark tells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

VERSION = "4.0"
PLACE = "fhirVersion"

_OTHER_TYPES = {"ReferralRequest", "ProcedureRequest", "DataElement", "BodySite", "Sequence"}
_OTHER_TYPES |= {"DeviceUsage", "Permission", "Transport", "RequestOrchestration"}
_OTHER_NAMES = {
    "Patient": {"animal"},
    "ServiceRequest": {"definition", "context", "reason", "bodyStructure", "focus"},
    "Task": {"definitionUri", "definitionReference", "context", "reason"}
    | {"requestedPerformer", "requestedPeriod", "doNotPerform"},
    "Consent": {"consentingParty", "actor", "action", "except", "purpose", "securityLabel"}
    | {"dataPeriod", "data", "period", "subject", "date", "grantor", "grantee", "manager"}
    | {"controller", "regulatoryBasis", "policyBasis", "policyText", "decision"},
}
"""Elements that STU3 or R5 has at this place, and R4 has not."""
# Dutch profiles of STU3; those of R4 stand under http://nictiz.nl/fhir/.
_DUTCH_STU3 = "http://fhir.nl/fhir/StructureDefinition/"
_BASE = re.compile(r"http://hl7\.org/fhir/(?:(STU3|R4B|R5|[0-9.]+)/)?StructureDefinition/[^|]*")


def is_other_version(resource: Mapping[str, object]) -> bool:
    """Whether this resource shows a release other than R4."""
    kind = resource.get("resourceType")
    if not isinstance(kind, str):
        return False
    names = _OTHER_NAMES.get(kind, set())
    if kind in _OTHER_TYPES or any(name in names for name in resource):
        return True
    if kind == "Consent" and isinstance(resource.get("provision"), list):
        return True
    meta = resource.get("meta")
    profiles = meta.get("profile") if isinstance(meta, dict) else None
    return isinstance(profiles, list) and any(map(_is_other_profile, profiles))


def _is_other_profile(profile: object) -> bool:
    if not isinstance(profile, str):
        return False
    if profile.startswith(_DUTCH_STU3):
        return True
    found = _BASE.match(profile)
    if found is None:
        return False
    folder = found[1] or VERSION
    business = profile[found.end() :].removeprefix("|") or VERSION
    return not (folder.startswith(VERSION) and business.startswith(VERSION))
