"""Who may ask for a person's dossier: by age, authority and guardianship, as pure facts.

Sources: GDPR articles 12 and 15; UAVG article 5 (below 16, curatele, mentorschap: the legal
representative exercises the rights); Jeugdwet 7.3.10 and BW 7:456 (from 12 a child has a say of
its own). Where these differ the narrower one holds: from 12 to 15 a holder of authority asks
together with the child. An age that is not surely known asks what satisfies every age that it could
be, and authority that is unknown, stale or disputed is no authority (invariant 9).
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from consent.representation import (
    ADULT,
    FROM_12,
    FROM_16,
    UNBORN,
    UNDER_12,
    PersonFacts,
    guardianships,
    holders_of,
)
from schemas.identifiers import PartialDate
from schemas.referral import AuthorityKind


class Capacity(StrEnum):
    """In which capacity somebody asks (hoedanigheid)."""

    SELF = "self"
    PARENT = "parent"
    GUARDIAN = "guardian"
    CURATOR = "curator"
    MENTOR = "mentor"
    ATTORNEY = "attorney"

    @property
    def is_as_self(self) -> bool:
        """Whether what is told is told to the person, or to whom they sent themselves."""
        return self in (Capacity.SELF, Capacity.ATTORNEY)

    @property
    def is_looked_up(self) -> bool:
        """Whether the register of authority must name the requester."""
        return not self.is_as_self


class Denial(StrEnum):
    """Why somebody may not ask."""

    DECEASED = "deceased"
    AGE_UNKNOWN = "age-unknown"
    TOO_YOUNG = "too-young"
    WITH_CHILD = "with-child"
    OLD_ENOUGH = "old-enough"
    NO_AUTHORITY = "no-authority"
    REPRESENTED = "represented"
    NO_MANDATE = "no-mandate"


DENIALS = {
    Denial.DECEASED: (
        "the person died: nobody can exercise this right for them",
        "the law on the file itself (BW 7:458a, Jeugdwet 7.3.12a) is for the partners that keep it",
    ),
    Denial.AGE_UNKNOWN: (
        "it is not sure how old the person is, so it is not sure who may ask",
        "write the date of birth of the identity document on the second line of the file",
    ),
    Denial.TOO_YOUNG: (
        "the person is below 16 and does not ask alone",
        "a holder of authority asks, from 12 on together with the child",
    ),
    Denial.WITH_CHILD: (
        "from 12 to 15 a holder of authority asks together with the child",
        "hear the child apart, and say so with --together",
    ),
    Denial.OLD_ENOUGH: (
        "from 16 on the person asks, and nobody for them",
        "let the person ask, or authorise somebody in writing (--capacity attorney)",
    ),
    Denial.NO_AUTHORITY: (
        "nothing shows that the requester may speak for the person today",
        "let authority be looked up anew: unknown, disputed or too old is no",
    ),
    Denial.REPRESENTED: (
        "the person has a curator or mentor, who asks for them",
        "let the curator or mentor ask",
    ),
    Denial.NO_MANDATE: (
        "an attorney asks on a written mandate",
        "name where it is on record with --mandate REFERENCE",
    ),
}
"""What an officer is told, and what can be done about it."""


class Asking(NamedTuple):
    """Who asks. `is_together`: the child asks along; `document` is a birth date as it was seen."""

    capacity: Capacity
    requester: UUID | None = None
    is_together: bool = False
    mandate: str | None = None
    document: PartialDate | None = None


def denied(person: PersonFacts, asking: Asking, today: date, valid_days: int) -> Denial | None:
    """Why this requester may not have the dossier; None where they may.

    `valid_days` is how old a statement about authority may be.
    """
    if person.is_deceased:
        return Denial.DECEASED
    if asking.capacity is Capacity.ATTORNEY and not asking.mandate:
        return Denial.NO_MANDATE
    ages = _with_document(person, asking).ages(today)
    if ages & UNBORN:
        return Denial.AGE_UNKNOWN
    bands = [band for band in (UNDER_12, FROM_12, FROM_16, ADULT) if ages & band]
    found = [_denied_at(band, person, asking, today, valid_days) for band in bands]
    refused = [one for one in found if one is not None]
    if not refused:
        return None
    return refused[0] if len(refused) == len(bands) == 1 else _of_several(refused, bands)


def _of_several(refused: list[Denial], bands: list[int]) -> Denial:
    """One reason where the age is not surely known: the age itself, unless it changes nothing."""
    is_all_alike = len(set(refused)) == 1 and len(refused) == len(bands)
    return refused[0] if is_all_alike else Denial.AGE_UNKNOWN


def _with_document(person: PersonFacts, asking: Asking) -> PersonFacts:
    # Beside what was recorded, never in its place: two dates that differ leave the age open.
    if asking.document is None or asking.document in person.births:
        return person
    return person._replace(births=(*person.births, asking.document))


def _denied_at(
    band: int, person: PersonFacts, asking: Asking, today: date, valid_days: int
) -> Denial | None:
    if band in (UNDER_12, FROM_12):
        if asking.capacity.is_as_self:
            return Denial.TOO_YOUNG
        if not _holds(person, asking, AuthorityKind.PARENTAL, today, valid_days):
            return Denial.NO_AUTHORITY
        return Denial.WITH_CHILD if band == FROM_12 and not asking.is_together else None
    if band == FROM_16:
        return None if asking.capacity.is_as_self else Denial.OLD_ENOUGH
    return _denied_adult(person, asking, today, valid_days)


def _denied_adult(
    person: PersonFacts, asking: Asking, today: date, valid_days: int
) -> Denial | None:
    kinds = guardianships(person.statements, today)
    if asking.capacity.is_as_self:
        return Denial.REPRESENTED if kinds else None
    kind = _GUARDIANS.get(asking.capacity)
    if kind is None:
        return Denial.OLD_ENOUGH
    holds = kind in kinds and _holds(person, asking, kind, today, valid_days)
    return None if holds else Denial.NO_AUTHORITY


def _holds(
    person: PersonFacts, asking: Asking, kind: AuthorityKind, today: date, valid_days: int
) -> bool:
    if _KINDS.get(asking.capacity) is not kind or asking.requester is None:
        return False
    return asking.requester in holders_of(person.statements, kind, today, valid_days).persons


_GUARDIANS = {
    Capacity.CURATOR: AuthorityKind.CURATELE,
    Capacity.MENTOR: AuthorityKind.MENTORSHIP,
}
_KINDS = {
    Capacity.PARENT: AuthorityKind.PARENTAL,
    Capacity.GUARDIAN: AuthorityKind.PARENTAL,
    **_GUARDIANS,
}
