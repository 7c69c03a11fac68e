"""A synthetic household (huishouden) as the casework's registration would hold it.

What the report counts is derived here from the members and never stored beside them, so that a
table cannot say something else than the persons that it counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from schemas.casework import CaseStatus, CloseReason
from schemas.referral import Role, Sex

REFERENCE_DATE = date(2013, 12, 31)
"""The day on which the report counts (peildatum)."""

COMING_OF_AGE = date(1995, 12, 31)
"""Who was born on this day or earlier is 18 on the reference date."""


class District(StrEnum):
    """One of the city's seven districts (stadsdeel) of 2013."""

    ZUIDOOST = "zuidoost"
    ZUID = "zuid"
    WEST = "west"
    OOST = "oost"
    NOORD = "noord"
    NIEUW_WEST = "nieuw-west"
    CENTRUM = "centrum"


class Children(StrEnum):
    """Whether children under 18 live there, as table 3.6 divides the households."""

    WITH = "met-kinderen"
    WITHOUT = "zonder-kinderen"
    UNDETERMINED = "geboortedatum-onjuist"


class AgeGroup(StrEnum):
    """The columns of table 3.7."""

    MINOR = "onder-18"
    ADULT = "18-en-ouder"
    UNKNOWN = "geboortedatum-onbekend"


class PostcodeState(StrEnum):
    """How much of the postcode is registered (table 4.2)."""

    FULL = "volledig"
    INCOMPLETE = "onvolledig"
    MISSING = "niet-ingevuld"


class Source(StrEnum):
    """Who referred the household (verwezen via)."""

    DWI = "dwi"
    PROFESSIONAL = "andere-professional"
    TEAM = "teamlid"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One ZRM measurement: eleven scores in the order of `ZrmDomain`, None where not scored."""

    measured_on: date
    scores: tuple[int | None, ...]

    @property
    def is_complete(self) -> bool:
        return None not in self.scores


@dataclass(frozen=True, slots=True)
class Person:
    """One member (lid) of a household; the BSN lies in the range marked for test."""

    bsn: str
    role: Role
    sex: Sex
    initials: str
    prefix: str | None
    surname: str | None
    birth_date: date | None

    @property
    def age_group(self) -> AgeGroup:
        if self.birth_date is None:
            return AgeGroup.UNKNOWN
        return AgeGroup.ADULT if self.birth_date <= COMING_OF_AGE else AgeGroup.MINOR


@dataclass(frozen=True, slots=True)
class Household:
    """One dossier. `members[0]` is the applicant, whose measurements these are.

    `coordination_checked` (regiecheck) and `source` are None where they were not filled in;
    `phase` is None for the one dossier that table 3.7 counts and table 3.13 does not.
    `is_first_zrm_due` says that table 4.2 looked for a first measurement, `is_in_zrm_table` that
    table 3.12 counted it: the report has 2,045 complete ones and computes over 1,683.
    """

    number: int
    district: District
    phase: CaseStatus | None
    close_reason: CloseReason | None
    registered_on: date
    source: Source | None
    coordination_checked: bool | None
    postcode: str | None
    street: str
    house_number: int
    house_number_suffix: str | None
    phone: str | None
    address_is_secret: bool
    members: tuple[Person, ...]
    measurements: tuple[Measurement, ...]
    is_first_zrm_due: bool
    is_in_zrm_table: bool

    @property
    def children(self) -> Children:
        groups = {member.age_group for member in self.members}
        if AgeGroup.MINOR in groups:
            return Children.WITH
        return Children.UNDETERMINED if AgeGroup.UNKNOWN in groups else Children.WITHOUT

    @property
    def postcode_state(self) -> PostcodeState:
        if self.postcode is None:
            return PostcodeState.MISSING
        return PostcodeState.FULL if len(self.postcode) == 6 else PostcodeState.INCOMPLETE

    @property
    def has_complete_first_zrm(self) -> bool:
        return bool(self.measurements) and self.measurements[0].is_complete
