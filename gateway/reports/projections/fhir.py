"""Lines as FHIR R4 AuditEvents, shaped as IHE Basic Audit Log Patterns (BALP) ask where they fit.

A hand-over to a recipient is a *Privacy Disclosure at Source*: an export, with us as its source and
observer, the recipient, the patient and what was disclosed. A message that a partner brought is a
*Patient Create*, a look a *Read* or *Patient Read*. These profiles are for what succeeded; what was
refused or failed, and what BALP has no pattern for (a purge, an erasure, a recorded agreement),
is a plain R4 AuditEvent and claims no profile.

One event a person, as BALP asks. A person is a logical reference: our code for them, never a BSN.
The resource's id follows from trace and span, so an event that is sent twice is written once (PUT).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import orjson

from gateway.audit.entries import Event
from gateway.reports.projections.answers import Answer, Poster
from gateway.reports.projections.ldv import Read
from gateway.reports.projections.lines import PROCESSOR, SUBJECT, SUBJECT_TYPE, Line, Status
from gateway.reports.projections.receiving import (
    Confirmed,
    Later,
    Projected,
    Rejected,
    Verdict,
    require_secure,
)

Json = dict[str, object]

_BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_TERMS = "http://terminology.hl7.org/CodeSystem/"
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_REST = "http://hl7.org/fhir/restful-interaction"
_LIFECYCLE = f"{_TERMS}iso-21089-lifecycle"
OIN = "urn:nld:oin"


class _Code(NamedTuple):
    system: str
    code: str
    display: str

    def coding(self) -> Json:
        return {"system": self.system, "code": self.code, "display": self.display}


_SOURCE_ROLE = _Code(_DICOM, "110153", "Source Role ID")
_DESTINATION_ROLE = _Code(_DICOM, "110152", "Destination Role ID")
_EXPORT = _Code(_DICOM, "110106", "Export")
_OPERATION = _Code(f"{_TERMS}audit-event-type", "rest", "RESTful Operation")
_DISCLOSE = _Code(_LIFECYCLE, "disclose", "Disclose Record Lifecycle Event")
_CREATE = _Code(_REST, "create", "create")
_APPLICATION_SERVER = _Code(f"{_TERMS}security-source-type", "4", "Application Server")
_PERSON = _Code(f"{_TERMS}audit-entity-type", "1", "Person")
_PATIENT = _Code(f"{_TERMS}object-role", "1", "Patient")
_OBJECT = _Code(f"{_TERMS}audit-entity-type", "2", "System Object")
_RESOURCE = _Code(f"{_TERMS}object-role", "4", "Domain Resource")


class _Shape(NamedTuple):
    """What kind of event it is. `profile` is claimed for a success about somebody."""

    kind: _Code
    subtype: _Code
    action: str
    profile: str | None = None


_SHAPES: dict[str, _Shape] = {
    Event.DISCLOSURE: _Shape(_EXPORT, _DISCLOSE, "R", "PrivacyDisclosure.Source"),
    Event.DECISION: _Shape(_OPERATION, _CREATE, "C", "PatientCreate"),
    Event.ERASURE: _Shape(
        _Code(_LIFECYCLE, "destroy", "Destroy/Delete Record Lifecycle Event"),
        _Code(_LIFECYCLE, "destroy", "Destroy/Delete Record Lifecycle Event"),
        "D",
    ),
    Event.PURGE: _Shape(
        _Code(_LIFECYCLE, "destroy", "Destroy/Delete Record Lifecycle Event"),
        _Code(_LIFECYCLE, "destroy", "Destroy/Delete Record Lifecycle Event"),
        "D",
    ),
    Event.CORRECTION: _Shape(
        _Code(_LIFECYCLE, "amend", "Amend (Update) Record Lifecycle Event"),
        _Code(_LIFECYCLE, "amend", "Amend (Update) Record Lifecycle Event"),
        "U",
    ),
}
_OTHER = _Shape(
    _Code(_LIFECYCLE, "originate", "Originate/Retain Record Lifecycle Event"),
    _Code(_LIFECYCLE, "originate", "Originate/Retain Record Lifecycle Event"),
    "C",
)
_EXECUTE = _Code(_REST, "operation", "operation")
_INTERACTIONS = {
    "C": _CREATE,
    "R": _Code(_REST, "read", "read"),
    "U": _Code(_REST, "update", "update"),
    "D": _Code(_REST, "delete", "delete"),
}
_ACTS = {"C": "PatientCreate", "R": "PatientRead"}
_RECIPIENT = _Code(f"{_TERMS}v3-ParticipationType", "IRCP", "information recipient")
_URI = "urn:ietf:rfc:3986"
_OUTCOMES = {Status.OK: "0", Status.UNSET: "4", Status.ERROR: "8"}


class Place(NamedTuple):
    """Who records: the gateway's OIN, its address, and the OINs of its partners."""

    oin: str
    base_url: str
    oins: Mapping[str, str]


def events_of(entry: Projected, place: Place) -> list[Json]:
    """An entry's AuditEvents: one a person, or one about nobody."""
    lines = entry.lines
    told = lines if len(lines) == 1 else lines[1:]
    return [audit_event(line, entry.read, place) for line in told]


def audit_event(line: Line, read: Read, place: Place) -> Json:
    """One AuditEvent (R4)."""
    shape = _shape_of(read)
    gateway = _organisation(place.oin)
    event: Json = {
        "resourceType": "AuditEvent",
        "id": f"{line.trace_id}-{line.span_id}",
        "type": shape.kind.coding(),
        "subtype": [shape.subtype.coding()],
        "action": shape.action,
        "period": {"start": _instant(line.start_time), "end": _instant(line.end_time)},
        "recorded": _instant(line.end_time),
        "outcome": _OUTCOMES[line.status],
        "outcomeDesc": _told(line, read),
        "agent": _agents(read, place),
        "source": {
            "site": place.base_url,
            "observer": gateway,
            "type": [_APPLICATION_SERVER.coding()],
        },
        "entity": _entities(line, read),
    }
    if (profile := _profile(shape, line, read)) is not None:
        event["meta"] = {"profile": [_BALP + profile]}
    if read.flow is not None:
        event["purposeOfEvent"] = [{"text": read.flow.purpose}]
    return event


def _told(line: Line, read: Read) -> str:
    """What happened, for people; of an act its name, since a line's is a code there."""
    return str(read.members.get("operation") or line.name)


def _shape_of(read: Read) -> _Shape:
    if read.event != Event.ACCESS:
        return _SHAPES.get(read.event, _OTHER)
    action = str(read.members["action"])
    return _Shape(_OPERATION, _INTERACTIONS.get(action, _EXECUTE), action, _ACTS.get(action))


def _profile(shape: _Shape, line: Line, read: Read) -> str | None:
    """The profile that the event has the shape of: BALP's are for what a client succeeded in."""
    if shape.profile is None or line.status is not Status.OK or read.called_by is None:
        return None
    if line.is_about_a_person:
        return shape.profile
    is_general = read.event == Event.ACCESS
    return shape.profile.removeprefix("Patient") if is_general else None


def _agents(read: Read, place: Place) -> list[Json]:
    """Who sent and who got it; what the gateway began itself has the gateway alone."""
    other = read.called_by
    if other is None and isinstance(actor := read.members.get("actor"), dict):
        return _acting(actor, place)
    # Where data flow to: a message that comes in has its sender as source, a look its reader as
    # destination, although it is the reader who asks.
    is_disclosure = read.event == Event.DISCLOSURE or read.members.get("action") == "R"
    own = _agent(_SOURCE_ROLE if is_disclosure else _DESTINATION_ROLE, place.oin, place.base_url)
    if other is None:
        return [own | {"requestor": True}]
    oin = place.oins.get(other)
    role = _DESTINATION_ROLE if is_disclosure else _SOURCE_ROLE
    # Their network address is not recorded; what is known is who proved to be there, by their key.
    return [own, _agent(role, oin or other, f"urn:sluis:partij:{other}") | {"requestor": True}]


def _acting(actor: Mapping[str, object], place: Place) -> list[Json]:
    """An officer or operator at the gateway itself."""
    user: Json = {
        "type": {"coding": [_RECIPIENT.coding()]},
        "who": {"identifier": {"system": "urn:sluis:gebruiker", "value": str(actor["id"])}},
        "requestor": True,
        "role": [{"text": str(actor["kind"])}],
    }
    return [user, _agent(_SOURCE_ROLE, place.oin, place.base_url)]


def _agent(role: _Code, oin: str, address: str) -> Json:
    return {
        "type": {"coding": [role.coding()]},
        "who": _organisation(oin),
        "requestor": False,
        "network": {"address": address, "type": "5"},
    }


def _organisation(oin: str) -> Json:
    is_oin = len(oin) == 20 and oin.isdigit()
    system = OIN if is_oin else "urn:sluis:partij"
    return {"type": "Organization", "identifier": {"system": system, "value": oin}}


def _entities(line: Line, read: Read) -> list[Json]:
    entities: list[Json] = []
    if line.is_about_a_person:
        entities.append(
            {
                "what": {
                    "type": "Patient",
                    "identifier": {
                        "system": line.attributes[SUBJECT_TYPE],
                        "value": line.attributes[SUBJECT],
                    },
                },
                "type": _PERSON.coding(),
                "role": _PATIENT.coding(),
            }
        )
    what: Json = {
        "what": {"identifier": {"system": _URI, "value": f"urn:uuid:{read.id}"}},
        "type": _OBJECT.coding(),
        "role": _RESOURCE.coding(),
        "name": "logregel",
    }
    details = [
        {"type": name, "valueString": told}
        for name in ("exchange", "flow", "decision", "rule", "reason", "operation", "outcome")
        if isinstance(told := read.members.get(name), str)
    ]
    if PROCESSOR in line.attributes:
        details.append({"type": "processor", "valueString": str(line.attributes[PROCESSOR])})
    if details:
        what["detail"] = details
    entities.append(what)
    return entities


def ndjson(entry: Projected, place: Place) -> Iterable[bytes]:
    """One resource a line, as FHIR Bulk Data files have them."""
    for event in events_of(entry, place):
        yield orjson.dumps(event) + b"\n"


class FhirReceiver:
    """A FHIR server that takes AuditEvents: one batch Bundle a delivery, each event by its id."""

    kind = "fhir"
    size = 0

    def __init__(
        self, address: str, headers: Mapping[str, str], poster: Poster, place: Place
    ) -> None:
        self.target = require_secure(address).rstrip("/")
        self._place = place
        self._poster = poster
        media_type = "application/fhir+json"
        self._headers = {**headers, "Content-Type": media_type, "Accept": media_type}

    async def begin(self, confirmed: int) -> None:
        """A server keeps its own state."""

    async def deliver(self, batch: Sequence[Projected]) -> Verdict:
        """Write the events of a batch, in one request."""
        owners: list[int] = []
        entries: list[Json] = []
        for number, entry in enumerate(batch):
            for event in events_of(entry, self._place):
                owners.append(number)
                request = {"method": "PUT", "url": f"AuditEvent/{event['id']}"}
                entries.append({"resource": event, "request": request})
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
        answer = await self._poster.post(self.target, orjson.dumps(bundle), self._headers)
        return answer if isinstance(answer, Later) else verdict_on(answer, owners)

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()


def verdict_on(answer: Answer, owners: Sequence[int]) -> Verdict:
    """What a server's answer means; `owners` says whose event each part of the bundle is."""
    if answer.status in {400, 413, 422}:
        return Rejected(f"status-{answer.status}")
    if not 200 <= answer.status < 300:
        return Later(f"status-{answer.status}", answer.after)
    try:
        parts = orjson.loads(answer.body)["entry"]
        statuses = [int(str(part["response"]["status"])[:3]) for part in parts]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return Later("answer-unreadable")
    if len(statuses) != len(owners):
        return Later("answer-unreadable")
    refused = {o: s for o, s in zip(owners, statuses, strict=True) if not 200 <= s < 300}
    passing = [s for s in refused.values() if s in {401, 403, 404, 408, 409, 429} or s >= 500]
    if passing:
        return Later(f"status-{passing[0]}", answer.after)
    if not refused:
        return Confirmed()
    return Rejected(f"status-{next(iter(refused.values()))}", frozenset(refused))


def _instant(millis: int) -> str:
    moment = datetime.fromtimestamp(millis / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
