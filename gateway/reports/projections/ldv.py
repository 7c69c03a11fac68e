"""Entries of the processing log as lines of Logboek Dataverwerkingen: one data subject a line.

Rules: the standard's "Component: Applicatie". An entry about nobody or about one person is one
line. One about more is a line about nobody, with under it (`parent_span_id`) a line for each person
with a span of its own. Only attributes of the namespace `dpl.core`, and `exception.*` for errors,
stand in a line: others may be used once their extension is adopted, and ours is none.

The person is named by the code of the projection's domain, never by what identifies them; one that
was erased is named no more, whenever the line is made. The activity is a link into the register
that the gateway serves, which keeps every version with its time. `processor` stands where another
application called us, and links to whose it is; its own span, where it sent one (W3C Trace
Context), is the parent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

import orjson

from gateway.audit.access import ActorKind
from gateway.audit.entries import Event
from gateway.pseudonyms.projections import ProjectedPseudonyms
from gateway.reports.projections.activities import activity_of
from gateway.reports.projections.lines import (
    ACTIVITY,
    PROCESSOR,
    SUBJECT,
    SUBJECT_TYPE,
    Attribute,
    Line,
    Links,
    Scalar,
    Status,
    span_of,
)
from gateway.store.projections import SourceLeaf
from schemas.decisions import Outcome

_NAMES: dict[str, str] = {
    Event.DECISION: "Besluit over een bericht",
    Event.UNREADABLE: "Weigering van een onleesbaar bericht",
    Event.DISCLOSURE: "Verstrekking aan de ontvanger",
    Event.TAKEN_BACK: "Verstrekking teruggenomen voordat zij weg was",
    Event.ACKNOWLEDGEMENT: "Ontvangst bevestigd",
    Event.CONSENT: "Instemming of intrekking vastgelegd",
    Event.AUTHORITY: "Vastgelegd wie voor iemand beslist",
    Event.LAPSE: "Instemming vervallen",
    Event.DAMAGED: "Opgeslagen bericht bleek beschadigd",
    Event.PURGE: "Bericht uit het postvak gehaald of verkleind",
    Event.ERASURE: "Gegevens van een betrokkene vernietigd",
    Event.ERASURE_DECISION: "Besloten over het vernietigen van gegevens",
    Event.KEY_DESTROYED: "Verouderde sleutel vernietigd",
    Event.CORRECTION: "Recht van een betrokkene uitgevoerd",
    Event.NOTICE: "Ontvanger in kennis gesteld",
    Event.PROTOCOL: "Stap in het beheer van het privacyprotocol",
    Event.REVIEW: "Uitzondering beoordeeld",
    Event.READING: "Beschermde gegevens ingezien",
    Event.DISCLOSURE_DECISION: "Besloten over het noemen van een beschermde uitwisseling",
    Event.SAFE_CONTACT: "Veilig contact vastgelegd of beëindigd",
    Event.SUCCESSION: "Stap in het opvolgen van een ketenpartner door een andere",
    Event.PSEUDONYM_EPOCH: "Stap in het wisselen van pseudoniemen",
    Event.PLACEMENT: "Aanmelding toegedeeld door een medewerker",
    Event.MOVE: "Verhuizing van een huishouden verwerkt",
    Event.REGISTRATION: "Vastgelegd of beëindigd dat een ontvanger iemand kent",
    Event.PREDECESSOR: "Vorig deel van het logboek vastgelegd",
}
_CALLED_BY_SENDER = frozenset(
    {
        Event.DECISION, Event.UNREADABLE, Event.CONSENT, Event.AUTHORITY, Event.CORRECTION,
        Event.SAFE_CONTACT, Event.REGISTRATION,
    }
)  # fmt: skip
_CALLED_BY_RECIPIENT = frozenset({Event.DISCLOSURE, Event.TAKEN_BACK, Event.ACKNOWLEDGEMENT})
_EXCEPTIONS: dict[str, str] = {Event.DAMAGED: "De opgeslagen gegevens openen niet meer."}
GATEWAY = "sluis"
"""Whom entries name as the sender of what the gateway itself began."""


@dataclass(frozen=True, slots=True)
class FlowFacts:
    """What the protocol that an entry names says of its flow, as far as lines tell of it."""

    sender: str
    recipient: str
    purpose: str
    controller: str


Flows = Mapping[tuple[str, str], FlowFacts]
"""Flows by protocol digest (hexadecimal) and flow id."""


@dataclass(frozen=True, slots=True)
class Source:
    """What lines say of where they come from, and how they name persons."""

    links: Links
    pseudonyms: ProjectedPseudonyms
    resource: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Read:
    """One entry on its way into lines: its members, where it stands, and who in it is known."""

    leaf: SourceLeaf
    members: Mapping[str, object]
    id: UUID
    event: str
    flow: FlowFacts | None

    @property
    def called_by(self) -> str | None:
        """The partner whose application asked for this; None for what the gateway began."""
        sender, actor = self.members.get("sender"), self.members.get("actor")
        if isinstance(actor, dict):
            return str(actor["id"]) if actor["kind"] == ActorKind.PARTNER else None
        if self.event in _CALLED_BY_RECIPIENT:
            return None if self.flow is None else self.flow.recipient
        if self.event in _CALLED_BY_SENDER and isinstance(sender, str) and sender != GATEWAY:
            return sender
        return None


def read_leaf(leaf: SourceLeaf, flows: Flows) -> Read:
    """An entry as it stands in the log."""
    members = orjson.loads(leaf.entry)
    protocol, flow = members.get("protocol"), members.get("flow")
    digest = protocol.get("digest") if isinstance(protocol, dict) else None
    facts = flows.get((str(digest), flow)) if isinstance(flow, str) else None
    return Read(leaf, members, UUID(members["id"]), str(members["event"]), facts)


def lines_of(read: Read, known: Collection[UUID], source: Source) -> list[Line]:
    """The lines of one entry, the entry's own first. `known` are the persons not erased."""
    attributes = _attributes(read, source)
    own = span_of(read.id)
    subjects = read.leaf.subjects
    if len(subjects) == 1:
        attributes |= named_subject(subjects[0], known, source)
    first = _line(read, source, own, parent_of(read), attributes)
    if len(subjects) < 2:
        return [first]
    # A called action that has parts is the parent of its parts; nobody else called those.
    beneath = {name: value for name, value in attributes.items() if name != PROCESSOR}
    return [
        first,
        *(
            _line(
                read,
                source,
                span_of(read.id, ordinal),
                own,
                beneath | named_subject(subject, known, source),
            )
            for ordinal, subject in enumerate(subjects, 1)
        ),
    ]


def _line(
    read: Read, source: Source, span: str, parent: str | None, attributes: dict[str, Attribute]
) -> Line:
    members = read.members
    return Line(
        trace_id=str(members["traceId"]),
        span_id=span,
        parent_span_id=parent,
        status=status_of(read),
        name=name_of(read),
        start_time=_millis(members["startTime"]),
        end_time=_millis(members["endTime"]),
        attributes=attributes,
        resource=source.resource,
    )


def status_of(read: Read) -> Status:
    """How it went. What was wrong with what somebody sent, and was handled, is no error."""
    if read.members.get("status") == Status.ERROR or read.event == Event.DAMAGED:
        return Status.ERROR
    if read.event == Event.UNREADABLE or read.members.get("decision") == Outcome.REFUSED:
        return Status.UNSET
    return Status.OK


def name_of(read: Read) -> str:
    """What the action is called, for people; never empty."""
    name = _NAMES.get(read.event) or read.event or "Handeling"
    decision, flow = read.members.get("decision"), read.members.get("flow")
    if read.event == Event.DECISION and isinstance(decision, str):
        name += f": {decision}"
    return f"{name} ({flow})" if isinstance(flow, str) else name


def _attributes(read: Read, source: Source) -> dict[str, Attribute]:
    stated = read.members.get("attributes")
    uri = stated.get(ACTIVITY, "") if isinstance(stated, dict) else ""
    attributes: dict[str, Attribute] = {
        ACTIVITY: source.links.activity(activity_of(uri, read.event))
    }
    if read.called_by is not None:
        attributes[PROCESSOR] = source.links.entity(read.called_by)
    if status_of(read) is Status.ERROR:
        attributes["exception.type"] = read.event
        attributes["exception.message"] = _EXCEPTIONS.get(read.event, "De handeling mislukte.")
    return attributes


def named_subject(subject: UUID, known: Collection[UUID], source: Source) -> dict[str, Attribute]:
    """How a line names its person; not at all once they were erased."""
    if subject not in known:
        return {}
    pseudonyms = source.pseudonyms
    return {SUBJECT: pseudonyms.of(subject), SUBJECT_TYPE: pseudonyms.id_type}


def parent_of(read: Read) -> str | None:
    """The caller's span, where it sent one; ours stand in no line of this log."""
    parent = read.members.get("parentSpanId")
    return parent if isinstance(parent, str) and read.called_by is not None else None


def _millis(value: object) -> int:
    assert isinstance(value, int)  # noqa: S101  # we wrote it
    return value
