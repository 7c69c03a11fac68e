"""Entries of the access log as lines with the attributes of the NEN 7513 extension.

Rules: NEN 7513:2024 by way of the concept extension of Logboek Dataverwerkingen, which maps the
norm's fields on a line: `EventID` is the processing activity, `EventActionCode` the name,
`EventDateTime` the start, `EventOutcomeIndicator` the status, and the rest stands under
`dpl.nen7513`. The concept is not adopted, so these lines are a projection of their own, and no line
of the processing log bears an attribute of it.

What the gateway does not know is left out: a user's name (who an account or key is, only their own
organisation knows) and network address. The norm's protocols of authorisation and of treatment
relations are not ours to state. A line's span is the act's own; its caller's is the parent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from gateway.audit.access import Action
from gateway.reports.projections.ldv import Read, Source, named_subject, parent_of
from gateway.reports.projections.lines import (
    ACTIVITY,
    PROCESSOR,
    SUBJECT,
    Attribute,
    Line,
    Scalar,
    Status,
    span_of,
)

EVENT_TYPE = "dpl.nen7513.eventTypeCode"
USERS = "dpl.nen7513.users"
PARTICIPANTS = "dpl.nen7513.participants"
_PERSON, _SYSTEM_OBJECT = "1", "2"
_PATIENT, _JOB = "1", "20"
_LIFE_CYCLES = {
    Action.CREATE: "1",
    Action.READ: "6",
    Action.UPDATE: "3",
    Action.DELETE: "14",
    Action.EXECUTE: "6",
}
"""Where in its life a participating object is (DICOM PS3.15 A.5): creation, amendment, access or
use, logical deletion."""
SOURCE_TYPE = "4"
"""An application server, as the audit source types of DICOM have it."""


def access_lines(read: Read, known: Collection[UUID], source: Source) -> list[Line]:
    """The lines of one entry: about nobody, about one person, or one with a child for each."""
    own = str(read.members["spanId"])
    subjects = read.leaf.subjects
    alone = subjects[0] if len(subjects) == 1 else None
    first = _line(read, known, source, alone, (own, parent_of(read)))
    if len(subjects) < 2:
        return [first]
    return [
        first,
        *(
            _line(read, known, source, subject, (span_of(read.id, ordinal), own))
            for ordinal, subject in enumerate(subjects, 1)
        ),
    ]


def _line(
    read: Read,
    known: Collection[UUID],
    source: Source,
    subject: UUID | None,
    spans: tuple[str, str | None],
) -> Line:
    members = read.members
    is_error = members["status"] == Status.ERROR
    person = {} if subject is None else named_subject(subject, known, source)
    attributes: dict[str, Attribute] = {
        ACTIVITY: source.links.activity(_text(members["attributes"], ACTIVITY)),
        **person,
        EVENT_TYPE: str(members["operation"]),
        USERS: [_user(members)],
        PARTICIPANTS: _participants(members, person),
    }
    if read.called_by is not None and subject is None:
        attributes[PROCESSOR] = source.links.entity(read.called_by)
    if is_error:
        attributes["exception.type"] = str(members.get("outcome") or "mislukt")
        attributes["exception.message"] = "De handeling is geweigerd of mislukt."
    return Line(
        trace_id=str(members["traceId"]),
        span_id=spans[0],
        parent_span_id=spans[1],
        status=Status.ERROR if is_error else Status.OK,
        name=str(members["action"]),
        start_time=_millis(members["startTime"]),
        end_time=_millis(members["endTime"]),
        attributes=attributes,
        resource={
            **source.resource,
            "nen7513.AuditEnterpriseSiteID": source.resource["service.instance.id"],
            "nen7513.AuditSourceId": "sluis",
            "nen7513.AuditSourceTypeCode": SOURCE_TYPE,
        },
    )


def _user(members: Mapping[str, object]) -> dict[str, Scalar]:
    """Who acted; `purposeOfUse` is the reason's code, with the case that it belongs to."""
    actor, reason = members["actor"], members.get("reason")
    user: dict[str, Scalar] = {
        "userID": _text(actor, "id"),
        "userIsRequestor": True,
        "roleIDCode": _text(actor, "kind"),
    }
    if key := _text(actor, "key"):
        user["alternateUserID"] = key
    if code := _text(reason, "code"):
        case = _text(reason, "case")
        user["purposeOfUse"] = f"{code} (zaak {case})" if case else code
    return user


def _participants(
    members: Mapping[str, object], person: Mapping[str, Attribute]
) -> list[dict[str, Scalar]]:
    """The person whom it was about, and what was acted on."""
    life_cycle = _LIFE_CYCLES.get(Action(str(members["action"])), "6")
    found: list[dict[str, Scalar]] = []
    if person:
        found.append(
            {
                "participantObjectTypeCode": _PERSON,
                "participantObjectTypeCodeRole": _PATIENT,
                "participantObjectDataLifeCycle": life_cycle,
                "participantObjectIDTypeCode": "pseudoniem",
                "participantObjectID": str(person[SUBJECT]),
            }
        )
    target = members.get("target")
    if _text(target, "id"):
        found.append(
            {
                "participantObjectTypeCode": _SYSTEM_OBJECT,
                "participantObjectTypeCodeRole": _JOB,
                "participantObjectDataLifeCycle": life_cycle,
                "participantObjectIDTypeCode": _text(target, "kind"),
                "participantObjectID": _text(target, "id"),
            }
        )
    return found


def _text(holder: object, name: str) -> str:
    found = holder.get(name) if isinstance(holder, dict) else None
    return found if isinstance(found, str) else ""


def _millis(value: object) -> int:
    assert isinstance(value, int)  # noqa: S101  # we wrote it
    return value
