"""The few fields of FHIR R4 that a referral needs, typed; the rest falls away or is refused.

An element of R4 that a referral has no use for (marital status, contacts, the narrative) never
enters a model (GDPR article 5.1.c). What would tell of illness or treatment is refused, so that
its sender stops sending it, and so is what changes the meaning of the rest (FHIR R4, 2.4 modifier
elements). Names that R4 does not have are refused too: nothing crosses by being overlooked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool
from pydantic_core import PydanticCustomError

from schemas.deliveries import Problem

BSN_SYSTEM = "http://fhir.nl/fhir/NamingSystem/bsn"
PARTNER_SYSTEM = "urn:sluis:partner"
PURPOSE_SYSTEM = "urn:sluis:doel"
ROLE_EXTENSION = "urn:sluis:fhir:rol"
SECRECY_EXTENSION = "urn:sluis:fhir:geheimhouding"

MAX_LIST = 200
"""Elements of one list, the entries of a Bundle among them: thirty members with their consents."""
_FEW = 50
_NOT_NOW = ("old", "temp")

_AMSTERDAM = ZoneInfo("Europe/Amsterdam")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_FRACTION = re.compile(r"\.[0-9]+")


_LAST_MINUTE = timedelta(minutes=1)


def _day_or_moment(value: object) -> date | datetime:
    """A `dateTime`, a moment in Amsterdam's time; one without its day is never completed."""
    if isinstance(value, str):
        try:
            if _DAY.fullmatch(value):
                return date.fromisoformat(value)
            if _MOMENT.fullmatch(value):
                moment = datetime.fromisoformat(_FRACTION.sub("", value))
                return moment.astimezone(_AMSTERDAM)
        except (ValueError, OverflowError):
            pass
    raise PydanticCustomError("datum", "moet een hele datum zijn")


def _whole_day(value: object) -> date:
    """The day of a `dateTime`."""
    told = _day_or_moment(value)
    return told.date() if isinstance(told, datetime) else told


WholeDay = Annotated[date, BeforeValidator(_whole_day)]
DayOrMoment = Annotated[datetime | date, BeforeValidator(_day_or_moment)]


class Masked(BaseModel):
    """What is shown of it, in a log or by a failing test, is its kind and nothing else."""

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        return ()


class Element(Masked):
    """A datatype of R4; what of it is not read falls away."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Resource(Masked):
    """A resource of which `sift` kept what is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Extension(Element):
    url: str
    text: str | None = Field(alias="valueString", default=None)
    code: str | None = Field(alias="valueCode", default=None)
    flag: StrictBool | None = Field(alias="valueBoolean", default=None)


class Extended(Element):
    """What stands beside a primitive value, under its name with an underscore before it."""

    extension: list[Extension] = Field(default=[], max_length=_FEW)


class Period(Element):
    start: WholeDay | None = None
    end: DayOrMoment | None = None

    def last_day(self, *, is_whole: bool) -> date | None:
        """The day that it ends on; with `is_whole` the last one that is wholly within it."""
        if not isinstance(self.end, datetime):
            return self.end
        end = self.end + _LAST_MINUTE - timedelta(days=1) if is_whole else self.end
        return end.date()


class Span(Element):
    """A Period of which it only matters whether it is now; its ends may be as short as a year."""

    start: str | None = None
    end: str | None = None


class Dated(Element):
    """What a person had, has or will have. `use` is a modifier element: it may say that not now."""

    use: str | None = None
    period: Span | None = None

    def holds_on(self, today: date) -> bool:
        """Whether it is said to hold on this day."""
        if self.use in _NOT_NOW:
            return False
        start, end = ("", "") if self.period is None else (self.period.start, self.period.end)
        day = today.isoformat()
        has_begun = not start or start[:10] <= day[: len(start)]
        return has_begun and (not end or day[: len(end)] <= end[:10])


class Identifier(Dated):
    system: str | None = None
    value: str | None = None


class Coding(Element):
    system: str | None = None
    code: str | None = None


class Concept(Element):
    coding: list[Coding] = Field(default=[], max_length=_FEW)


class Reference(Element):
    reference: str | None = None
    identifier: Identifier | None = None


class HumanName(Dated):
    family: str | None = None
    family_parts: Extended | None = Field(alias="_family", default=None)
    given: list[str | None] = Field(default=[], max_length=_FEW)
    given_parts: list[Extended | None] = Field(alias="_given", default=[], max_length=_FEW)


class ContactPoint(Dated):
    system: str | None = None
    value: str | None = None


class Address(Dated):
    kind: str | None = Field(alias="type", default=None)
    line_parts: list[Extended | None] = Field(alias="_line", default=[], max_length=_FEW)
    postcode: str | None = Field(alias="postalCode", default=None)


class Patient(Resource):
    extension: list[Extension] = []
    identifier: list[Identifier] = []
    active: Literal[True] | None = None
    name: list[HumanName] = []
    telecom: list[ContactPoint] = []
    gender: Literal["male", "female", "other", "unknown"] | None = None
    birth_date: str | None = Field(alias="birthDate", default=None)
    is_deceased: Literal[False] | None = Field(alias="deceasedBoolean", default=None)
    address: list[Address] = []


class Annotation(Element):
    text: str


class ServiceRequest(Resource):
    status: Literal["active"]
    intent: Literal["order"]
    do_not_perform: Literal[False] | None = Field(alias="doNotPerform", default=None)
    subject: Reference
    authored_on: WholeDay = Field(alias="authoredOn")
    note: list[Annotation] = []


class Task(Resource):
    identifier: list[Identifier] = Field(min_length=1, max_length=1)
    status: Literal["requested"]
    intent: Literal["order"]
    code: Concept
    focus: Reference
    patient: Reference = Field(alias="for")


class Actor(Resource):
    role: Concept
    reference: Reference


class Provision(Resource):
    kind: Literal["permit", "deny"] = Field(alias="type")
    period: Period | None = None
    actor: list[Actor] = []
    action: list[Concept] = []
    purpose: list[Coding] = []


class Consent(Resource):
    identifier: list[Identifier] = []
    status: Literal["active", "rejected"]
    scope: Concept
    patient: Reference
    decided_on: WholeDay = Field(alias="dateTime")
    performer: list[Reference] = []
    provision: Provision | None = None


class Request(Element):
    method: Literal["POST"]
    url: str


class Entry(Resource):
    """One entry: where it says to be, what it is, and what is asked to be done with it."""

    full_url: str | None = Field(alias="fullUrl", default=None)
    resource: dict[str, object]
    request: Request


class Bundle(Resource):
    kind: Literal["transaction"] = Field(alias="type")
    entry: list[dict[str, object]] = Field(min_length=1)


MODELS: dict[str, type[Resource]] = {
    "Bundle": Bundle,
    "Bundle.entry": Entry,
    "Patient": Patient,
    "ServiceRequest": ServiceRequest,
    "Task": Task,
    "Consent": Consent,
    "Consent.provision": Provision,
    "Consent.provision.actor": Actor,
}
_RESOURCE = {"id", "meta", "language"}
_DOMAIN = _RESOURCE | {"text", "extension"}
_LEFT_OUT: dict[str, set[str]] = {
    "Bundle": _RESOURCE | {"identifier", "timestamp", "total", "link", "signature"},
    "Bundle.entry": {"id", "extension", "link", "search"},
    "Bundle.entry.request": {"id", "extension", "ifNoneMatch", "ifModifiedSince", "ifMatch"}
    | {"ifNoneExist"},  # nothing is kept as a resource, so none exists
    "Patient": _DOMAIN
    | {"maritalStatus", "multipleBirthBoolean", "multipleBirthInteger", "photo", "contact"}
    | {"communication", "generalPractitioner", "managingOrganization"},
    "ServiceRequest": _DOMAIN
    | {"identifier", "instantiatesCanonical", "instantiatesUri", "basedOn", "requisition"}
    | {"category", "priority", "code", "quantityQuantity", "quantityRatio", "quantityRange"}
    | {"encounter", "occurrenceDateTime", "occurrencePeriod", "occurrenceTiming"}
    | {"asNeededBoolean", "asNeededCodeableConcept", "requester", "performerType", "performer"}
    | {"locationCode", "locationReference", "insurance"},
    "Task": _DOMAIN
    | {"instantiatesCanonical", "instantiatesUri", "basedOn", "groupIdentifier", "partOf"}
    | {"statusReason", "businessStatus", "priority", "encounter", "executionPeriod"}
    | {"authoredOn", "lastModified", "requester", "performerType", "owner", "location"}
    | {"insurance", "restriction"},
    "Consent": _DOMAIN | {"category", "organization", "policy", "policyRule", "verification"},
    "Consent.provision": {"id", "extension"},
    "Consent.provision.actor": {"id", "extension"},
}
_MODIFIERS = {"implicitRules", "modifierExtension", "contained"}
REFUSED: dict[str, set[str]] = {
    "Bundle": _MODIFIERS,
    "Bundle.entry": {"modifierExtension", "response"},
    "Bundle.entry.request": {"modifierExtension"},
    "Patient": _MODIFIERS | {"deceasedDateTime", "link"},
    "ServiceRequest": _MODIFIERS
    | {"replaces", "orderDetail", "reasonCode", "reasonReference", "supportingInfo", "specimen"}
    | {"bodySite", "patientInstruction", "relevantHistory"},
    "Task": _MODIFIERS
    | {"description", "reasonCode", "reasonReference", "note", "relevantHistory"}
    | {"input", "output"},
    "Consent": _MODIFIERS | {"sourceAttachment", "sourceReference"},
    # Limits that the gateway could not keep: such a yes is not a yes to this referral.
    "Consent.provision": {"modifierExtension", "securityLabel", "class", "code", "dataPeriod"}
    | {"data", "provision"},
    "Consent.provision.actor": {"modifierExtension"},
}
"""Elements of R4 that refuse the Bundle: each tells of illness, or changes what the rest means."""
READ: dict[str, set[str]] = {
    kind: {field.alias or name for name, field in model.model_fields.items()}
    for kind, model in MODELS.items()
} | {"Bundle.entry.request": set(Request.model_fields)}


def sift(
    kind: str, value: Mapping[str, object]
) -> tuple[dict[str, object], list[tuple[str, Problem]]]:
    """What of this element is read, and what it may not hold, by path; unknown names unnamed."""
    kept: dict[str, object] = {}
    wrong: list[tuple[str, Problem]] = []
    for name, part in value.items():
        bare = name.removeprefix("_")
        if name in READ[kind]:
            if isinstance(part, list) and len(part) > MAX_LIST:
                wrong.append((f"{kind}.{name}", Problem.TOO_MANY))
            else:
                kept[name] = part
        elif bare in REFUSED[kind]:
            wrong.append((f"{kind}.{bare}", Problem.UNKNOWN_COLUMN))
        elif bare not in _LEFT_OUT[kind] and bare not in READ[kind] and name != "resourceType":
            wrong.append((kind, Problem.UNKNOWN_COLUMN))
    return kept, wrong
