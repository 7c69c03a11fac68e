"""What of all that is known is told, exchange by exchange; pure.

What would tell of another member is left out here, once and for all (ADR 0022): the log has one
list of fields for a whole household, so which fields went of the person is told from the log only
where an entry is of them alone; who represents somebody is told less of what belongs to the
household. A message that waits, is gone or was refused is told in the words that its sender got,
and never whose agreement it lacked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from consent.protocol import Flow, Protocol
from gateway.audit.decisions import read_decision
from gateway.audit.entries import Event
from gateway.reports.dossier.authority import Capacity
from gateway.reports.dossier.contents import (
    ConsentTold,
    Course,
    Dossier,
    FieldTold,
    Happening,
    Sharing,
    What,
)
from gateway.reports.dossier.gathering import Gathered, Line
from gateway.reports.dossier.register_told import (
    consent_told,
    held_told,
    look_told,
    representation_told,
    stops_told,
)
from gateway.reports.dossier.rules_told import (
    asks_agreement,
    field_told,
    flow_of,
    grounds_of,
    is_nameless,
    kept_at_most,
    purpose_told,
)
from gateway.reports.dossier.values import Copied, copied_held, copied_parts
from gateway.store.dossiers import StoredExchange
from schemas.decisions import Outcome
from schemas.fields import FIELDS, Treatment

_PLAIN = {
    Event.DECISION: What.DECIDED,
    Event.DISCLOSURE: What.FETCHED,
    Event.ACKNOWLEDGEMENT: What.CONFIRMED,
    Event.TAKEN_BACK: What.NOT_SENT,
    Event.PURGE: What.REMOVED,
    Event.DAMAGED: What.DAMAGED,
    Event.LAPSE: What.LAPSED,
    Event.AUTHORITY: What.AUTHORITY,
    Event.CONSENT: What.CONSENT,
    Event.ERASURE: What.ERASED,
}
_CORRECTIONS = {
    # Whose value, or which member, is told of nobody: one word for both.
    "rectificatie": What.CORRECTED,
    "lid-vertrokken": What.CORRECTED,
    "annulering": What.ANNULLED,
    "beperking": What.RESTRICTED,
    "bezwaar": What.OBJECTED,
    "opheffing-beperking": What.LIFTED,
}
_REASONS = ("niet-meer-toegelaten", "niet-vrijgegeven", "niet-bevestigd", "niet-opgehaald")


def tell(
    found: Gathered,
    protocol: Protocol,
    *,
    dossier: UUID,
    salt: str,
    case: str,
    made_at: datetime,
    capacity: Capacity,
) -> Dossier:
    """The dossier; `protocol` is the one in force, for what is not tied to an older one."""
    consents = [consent_told(n, one, protocol) for n, one in enumerate(found.consents, 1)]
    teller = _Teller(found, capacity, consents)
    sharings = list(teller.sharings())
    parties = {one.sender for one in sharings} | {c.recipient for c in consents}
    parties |= {one.recipient for one in sharings if one.recipient} | {
        c.recorded_for for c in consents
    }
    parties |= {h.party for one in sharings for h in one.happenings if h.party}
    parties |= {stop.partner for stop in found.stops}
    represented, held = representation_told(found), held_told(found)
    stops, others = stops_told(found, protocol), list(teller.others())
    # Who is known as somebody that may decide for another is told what a stranger is told: that
    # would be of the other. Nor do looks at nothing tell that there is a row to look at. And who
    # represents somebody is not told of looks: another's request may have been their cause.
    is_known = any((sharings, consents, represented, held, stops, others))
    return Dossier(
        id=dossier,
        salt=salt,
        case=case,
        made_at=made_at,
        capacity=capacity,
        is_known=is_known,
        parties={one: found.names.get(one, one) for one in sorted(parties)},
        controllers=sorted({one.controller for one in sharings if one.controller}),
        protocol=f"{protocol.title}, {protocol.version}",
        sharings=sharings,
        consents=consents,
        represented=represented,
        stops=stops,
        looks=[look_told(line) for line in found.looks] if is_known and capacity.is_as_self else [],
        others=others,
        held=held,
    )


class _Teller:
    """One dossier in the making."""

    def __init__(
        self, found: Gathered, capacity: Capacity, consents: Sequence[ConsentTold]
    ) -> None:
        self._found = found
        self._is_as_self = capacity.is_as_self
        self._consents = consents
        self._lines: dict[UUID, list[Line]] = {}
        for line in found.lines:
            if line.exchange is not None:
                self._lines.setdefault(line.exchange, []).append(line)

    def sharings(self) -> Iterator[Sharing]:
        """Every message about the person, oldest first, numbered by what is told."""
        told = [
            one
            for one in sorted(
                self._found.exchanges.values(), key=lambda one: (one.received_at, one.id)
            )
            if self._decision(one.id) is not None
        ]
        for number, one in enumerate(told, 1):
            yield self._sharing(number, one)

    def others(self) -> Iterator[Happening]:
        """What happened that belongs to no message."""
        for line in self._found.lines:
            if line.exchange is None and line.event != Event.CONSENT:
                yield self._happening(line)

    def _decision(self, exchange: UUID) -> Line | None:
        """The decision that stands: what agreement set free was decided on twice."""
        decided = [x for x in self._lines.get(exchange, ()) if _is_decision(x)]
        return decided[-1] if decided else None

    def _sharing(self, number: int, one: StoredExchange) -> Sharing:
        decided = self._decision(one.id)
        assert decided is not None  # noqa: S101  # looked for before
        recorded = read_decision(dict(decided.entry))
        protocol = self._found.protocols.get(recorded.protocol)
        flow = flow_of(protocol, recorded.flow)
        is_alone = len(_commitments(decided)) <= 1
        course = self._course(one, Outcome(recorded.outcome))
        fields, is_exact = self._fields(one, flow, recorded.released, course, is_alone=is_alone)
        copied = self._copied(one, flow, is_alone=is_alone)
        purpose = None if flow is None else flow.purpose
        happenings = [
            Happening(at=one.received_at.astimezone(UTC), what=What.ARRIVED, entry=decided.id)
        ]
        happenings += [self._happening(line) for line in self._lines[one.id]]
        return Sharing(
            number=number,
            exchange=one.id,
            message=None if flow is None else flow.message,
            sender=recorded.sender,
            recipient=recorded.recipient,
            received_at=one.received_at.astimezone(UTC),
            purpose=purpose,
            purpose_told=purpose_told(protocol, purpose),
            course=course,
            rule=recorded.rule,
            field=recorded.field if is_alone else None,
            is_emergency=one.is_emergency,
            review=one.review,
            is_nameless=flow is not None and is_nameless(flow),
            is_stopped=self._is_stopped(one, flow, course),
            is_agreed=None if flow is None else asks_agreement(flow, one),
            regime=flow.locks.agreement.regime if flow and asks_agreement(flow, one) else None,
            controller=None if flow is None else flow.controller,
            processor=None if flow is None else flow.processor,
            protocol=None if protocol is None else protocol.version,
            grounds=[] if flow is None else list(grounds_of(flow, one)),
            is_exact=is_exact,
            fields=fields,
            left=sorted(recorded.removed, key=_place) if is_alone and self._is_as_self else [],
            kept=None if flow is None else kept_at_most(flow),
            gone_at=one.expires_at.astimezone(UTC) if copied.values else None,
            happenings=happenings,
            consents=[
                c.number
                for c in self._consents
                if flow is not None and (c.purpose, c.recipient) == (flow.purpose, flow.recipient)
            ],
            copy_=copied.values,
            is_copy_whole=copied.is_whole,
        )

    def _course(self, one: StoredExchange, outcome: Outcome) -> Course:
        """What became of the person's own part, and not of the message's others."""
        events = [line.event for line in self._lines[one.id]]
        sent = events.count(Event.DISCLOSURE) - events.count(Event.TAKEN_BACK)
        if sent > 0 or Event.ACKNOWLEDGEMENT in events:
            return Course.SHARED
        if outcome is Outcome.REFUSED:
            return Course.REFUSED
        if one.id in self._found.held:
            return Course.HELD
        if one.id in self._found.parts:
            return Course.WAITS
        return Course.REMOVED

    def _fields(
        self,
        one: StoredExchange,
        flow: Flow | None,
        released: Sequence[str],
        course: Course,
        *,
        is_alone: bool,
    ) -> tuple[list[FieldTold], bool]:
        """Which fields went, or may have: never which fields of another member went."""
        if flow is None or course in (Course.REFUSED, Course.HELD):
            return [], True
        if is_alone and self._is_as_self and released:
            return [field_told(flow, path) for path in sorted(released, key=_place)], True
        admitted = [
            path
            for path in FIELDS
            if flow.fields.get(path, Treatment.DROP) is not Treatment.DROP
            and (flow.emergency is None or not one.is_emergency or path in flow.emergency.fields)
        ]
        return [field_told(flow, path) for path in admitted], False

    def _copied(self, one: StoredExchange, flow: Flow | None, *, is_alone: bool) -> Copied:
        place = self._found.held.get(one.id)
        if place is not None and flow is not None:
            return copied_held(place, flow, is_as_self=self._is_as_self)
        parts = self._found.parts.get(one.id)
        if parts is None or flow is None:
            return Copied([], is_whole=parts is None and place is None)
        return copied_parts(parts, flow, is_as_self=self._is_as_self, is_alone=is_alone)

    def _is_stopped(self, one: StoredExchange, flow: Flow | None, course: Course) -> bool:
        """Whether its recipient may use it no more, by what the person said since.

        Worked out from what was said, and not from whether the recipient was told: who may never
        be notified of somebody (safe contact) must not show, nor that another member withdrew.
        """
        if flow is None or course is not Course.SHARED:
            return False
        stops = [x.is_lifted for x in self._found.stops if x.purpose == flow.purpose]
        said = [
            x.given
            for x in self._consents
            if (x.purpose, x.recipient, x.category) == (flow.purpose, flow.recipient, "*")
        ]
        is_taken_back = asks_agreement(flow, one) and said[-1:] == [False]
        return is_taken_back or stops[-1:] == [False]

    def _happening(self, line: Line) -> Happening:
        event, what = line.event, What.OTHER
        if event == Event.CORRECTION:
            what = _CORRECTIONS.get(line.text("correction") or "", What.OTHER)
        elif event == Event.REGISTRATION:
            ended = line.text("act") == "beeindigd"
            what = What.KNOWN_NO_LONGER if ended else What.KNOWN
        elif event in _PLAIN:
            what = _PLAIN[Event(event)]
        reason = line.text("reason")
        return Happening(
            at=line.moment,
            what=what,
            party=self._party(line, what),
            reason=reason if reason in _REASONS else _decided(line),
            entry=line.id,
        )

    def _party(self, line: Line, what: What) -> str | None:
        """Who did it, where the entry or its message says so."""
        if what in _BY_SENDER:
            return line.text("sender")
        if line.exchange is None or what not in (What.FETCHED, What.CONFIRMED, What.NOT_SENT):
            return None
        one = self._found.exchanges.get(line.exchange)
        return None if one is None else one.recipient


_BY_SENDER = (
    What.RESTRICTED, What.OBJECTED, What.LIFTED, What.ANNULLED, What.AUTHORITY, What.KNOWN,
    What.KNOWN_NO_LONGER,
)  # fmt: skip
"""What was done by whom an entry names as its sender."""


def _place(path: str) -> int:
    return _ORDER.get(path, len(_ORDER))


_ORDER = {path: number for number, path in enumerate(FIELDS)}


def _is_decision(line: Line) -> bool:
    """Whether it says what was decided on a message; of one that went to a successor, this does."""
    return line.event == Event.DECISION or (
        line.event == Event.SUCCESSION and line.text("decision") is not None
    )


def _commitments(line: Line) -> Sequence[object]:
    subjects = line.entry["subjects"]
    assert isinstance(subjects, list)  # noqa: S101  # we wrote it
    return subjects


def _decided(line: Line) -> str | None:
    return line.text("decision") if line.event == Event.DECISION else None
