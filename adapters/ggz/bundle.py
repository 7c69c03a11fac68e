"""A transaction Bundle opened: its entries by kind, and what may be referred to within it.

References lead to entries of the same Bundle and are followed one step, never onward, so circles
harm nobody. Nothing is fetched. Every finding bears the number of its entry, counted from 1; the
Bundle itself is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from adapters.ggz.resources import (
    MODELS,
    READ,
    Bundle,
    Consent,
    Entry,
    Patient,
    Reference,
    Resource,
    ServiceRequest,
    Task,
    sift,
)
from adapters.ggz.version import PLACE, is_other_version
from adapters.violations import MAX_FINDINGS
from schemas.deliveries import Finding, Problem

TAKEN = ("Patient", "ServiceRequest", "Task", "Consent")

_PROBLEMS = {
    "missing": Problem.MISSING,
    "too_short": Problem.MISSING,
    "too_long": Problem.TOO_MANY,
    "literal_error": Problem.UNKNOWN_CODE,
    "extra_forbidden": Problem.UNKNOWN_COLUMN,
    "string_unicode": Problem.ENCODING,
}
_DIAGNOSES = frozenset({"Condition", "Observation", "DiagnosticReport", "Procedure"})
_DIAGNOSES |= {"MedicationRequest", "MedicationStatement", "CarePlan", "Encounter"}


@dataclass(slots=True)
class Opened:
    """What a Bundle holds, by entry number, and what was wrong with it."""

    patients: dict[int, Patient] = field(default_factory=dict)
    requests: dict[int, ServiceRequest] = field(default_factory=dict)
    tasks: dict[int, Task] = field(default_factory=dict)
    consents: dict[int, Consent] = field(default_factory=dict)
    wrong: list[Finding] = field(default_factory=list)
    targets: dict[str, int] = field(default_factory=dict)

    def object(self, entry: int, place: str, problem: Problem) -> None:
        """Note what refuses the Bundle."""
        if len(self.wrong) < MAX_FINDINGS:
            self.wrong.append(Finding(entry, place, problem))

    def patient_at(self, reference: Reference) -> int | None:
        """The entry of the Patient that is referred to, if it is in the Bundle."""
        entry = self.targets.get(reference.reference or "")
        return entry if entry in self.patients else None


def open_bundle(value: Mapping[str, object]) -> Opened:
    """Every entry of this Bundle, checked; what is wrong stands in `wrong`."""
    opened = Opened()
    if value.get("resourceType") != "Bundle":
        opened.object(0, "Bundle.resourceType", Problem.INVALID)
        return opened
    if is_other_version(value):
        opened.object(0, PLACE, Problem.INVALID)
        return opened
    bundle = _read("Bundle", value, 0, opened)
    if not isinstance(bundle, Bundle):
        return opened
    for number, raw in enumerate(bundle.entry, 1):
        _open_entry(raw, number, opened)
    return opened


def _open_entry(raw: Mapping[str, object], number: int, opened: Opened) -> None:
    resource = raw.get("resource")
    if isinstance(resource, dict) and is_other_version(resource):
        opened.object(number, PLACE, Problem.INVALID)
        return
    entry = _read("Bundle.entry", raw, number, opened)
    if not isinstance(entry, Entry):
        return
    kind = entry.resource.get("resourceType")
    if not isinstance(kind, str) or kind not in TAKEN:
        # Only names of R4 are repeated: another may be anything.
        is_named = isinstance(kind, str) and kind in _DIAGNOSES
        place = f"Bundle.entry.resource.{kind}" if is_named else "Bundle.entry.resource"
        opened.object(number, place, Problem.UNKNOWN_COLUMN)
        return
    if entry.request.url != kind:
        opened.object(number, "Bundle.entry.request.url", Problem.INVALID)
    _point(entry, kind, number, opened)
    match _read(kind, entry.resource, number, opened):
        case Patient() as patient:
            opened.patients[number] = patient
        case ServiceRequest() as request:
            opened.requests[number] = request
        case Task() as task:
            opened.tasks[number] = task
        case Consent() as consent:
            opened.consents[number] = consent


def _point(entry: Entry, kind: str, number: int, opened: Opened) -> None:
    """Have the entry found by its address and by its relative one."""
    names = {entry.full_url} if entry.full_url else set()
    own = entry.resource.get("id")
    if isinstance(own, str):
        names.add(f"{kind}/{own}")
    for name in names:
        if opened.targets.setdefault(name, number) != number:
            opened.object(number, "Bundle.entry.fullUrl", Problem.CONTRADICTION)


def _read(kind: str, value: Mapping[str, object], number: int, opened: Opened) -> Resource | None:
    kept, wrong = sift(kind, value)
    if kind == "Consent":
        wrong += _sift_provision(kept)
    request = kept.get("request")
    if kind == "Bundle.entry" and isinstance(request, dict):
        kept["request"], objections = sift("Bundle.entry.request", request)
        wrong += objections
    for place, problem in wrong:
        opened.object(number, place, problem)
    if any(problem is Problem.TOO_MANY for _, problem in wrong):
        return None  # without the list it would seem to be missing
    try:
        return MODELS[kind].model_validate(kept, by_alias=True, by_name=False)
    except ValidationError as error:
        for place, problem in _violations(kind, error):
            opened.object(number, place, problem)
    return None


def _sift_provision(consent: dict[str, object]) -> list[tuple[str, Problem]]:
    """Sift what is nested in a Consent as well, in place."""
    provision = consent.get("provision")
    if not isinstance(provision, dict):
        return []
    kept, wrong = sift("Consent.provision", provision)
    actors = kept.get("actor")
    if isinstance(actors, list):
        sifted: list[object] = []
        for actor in actors:
            if isinstance(actor, dict):
                known, objections = sift("Consent.provision.actor", actor)
                sifted.append(known)
                wrong += objections
            else:
                sifted.append(actor)
        kept["actor"] = sifted
    consent["provision"] = kept
    return wrong


def _violations(kind: str, error: ValidationError) -> dict[tuple[str, Problem], None]:
    found: dict[tuple[str, Problem], None] = {}
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        names = [step for step in detail["loc"] if isinstance(step, str)]
        place = kind
        # The first name is always ours; deeper ones are told where the models know the place.
        for name in names:
            if name not in READ.get(place, set()):
                break
            place = f"{place}.{name}"
        found[place, _PROBLEMS.get(detail["type"], Problem.INVALID)] = None
        if len(found) == MAX_FINDINGS:
            break
    return found
