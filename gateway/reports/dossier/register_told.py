"""What the registers say of a person beside messages: agreement, authority, limits, and looks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from consent.protocol import Protocol
from consent.register import amsterdam_day
from gateway.reports.dossier.contents import ConsentTold, Look, Represented, Stop, Value
from gateway.reports.dossier.gathering import Gathered, Line
from gateway.reports.dossier.rules_told import purpose_told
from gateway.store.dossiers import StoredConsent
from schemas.identifiers import PartialDate
from schemas.referral import AuthorityKind, DecidedBy, Manner


def consent_told(number: int, one: StoredConsent, protocol: Protocol) -> ConsentTold:
    """One recorded yes or no."""
    decided = one.decided_at
    # The first moment of the calendar comes back as -infinity, which has no zone.
    day = decided.date() if decided.tzinfo is None else amsterdam_day(decided)
    ends = None if one.valid_until is None else amsterdam_day(one.valid_until)
    return ConsentTold(
        number=number,
        given=one.given,
        is_withdrawal=one.supersedes is not None,
        purpose=one.purpose,
        purpose_told=purpose_told(protocol, one.purpose),
        recipient=one.recipient,
        category=one.category,
        decided_on=day,
        decided_by=DecidedBy(one.decided_by),
        manner=None if one.manner is None else Manner(one.manner),
        valid_until=ends,
        recorded_for=one.recorded_for,
    )


def representation_told(found: Gathered) -> list[Represented]:
    """What was looked up of who may decide; without who that is."""
    return [
        Represented(
            kind=AuthorityKind(one.kind),
            holders=len(one.holders),
            source=one.source,
            as_of=one.as_of,
        )
        for one in sorted(found.statements, key=lambda one: (one.as_of, one.kind, one.source))
    ]


def stops_told(found: Gathered, protocol: Protocol) -> list[Stop]:
    """What was restricted, objected to, or lifted."""
    return [
        Stop(
            purpose=one.purpose,
            purpose_told=purpose_told(protocol, one.purpose),
            kind=one.kind,
            party=one.partner,
            at=one.recorded_at.astimezone(UTC),
            is_lifted=one.is_lifted,
        )
        for one in found.stops
    ]


def look_told(line: Line) -> Look:
    """That somebody looked; without who."""
    actor, reason = line.entry.get("actor"), line.entry.get("reason")
    by = actor.get("kind") if isinstance(actor, dict) else None
    code = reason.get("code") if isinstance(reason, dict) else None
    return Look(
        at=line.moment,
        by=str(by),
        operation=line.text("operation") or "",
        reason=None if code is None else str(code),
        entry=line.id,
    )


def held_told(found: Gathered) -> list[Value]:
    """What lies on the person's own row: the birth dates that decide who may speak for them."""
    births: Sequence[PartialDate] = () if found.person is None else found.person.facts.births
    return [Value(path="lid.geboortedatum", value=born.reveal()) for born in births]
