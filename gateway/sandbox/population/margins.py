"""What the programme's progress report of 2014 prints, as constants: each with its table.

Source: Voortgangsrapportage Samen DOEN in de buurt 2014 (Gemeentebladen Amsterdam, afdeling 3B
nummer 64, 16 April 2014). Facts, kept as printed; where two tables disagree both stand here and
`contradictions` says which one is followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gateway.sandbox.population.household import Children, District, PostcodeState
from schemas.casework import CaseStatus
from schemas.zrm import ZrmDomain

PHASES = (
    CaseStatus.INTAKE,
    CaseStatus.ACTIVE,
    CaseStatus.PASSIVE,
    CaseStatus.CLOSED_REACHED,
    CaseStatus.CLOSED_NOT_REACHED,
)

# Table 3.13: households by phase and district; columns in the order of District.
HOUSEHOLDS: dict[CaseStatus, tuple[int, ...]] = {
    CaseStatus.INTAKE: (26, 6, 0, 57, 109, 203, 25),
    CaseStatus.ACTIVE: (245, 117, 193, 157, 50, 346, 56),
    CaseStatus.PASSIVE: (14, 17, 35, 24, 16, 117, 22),
    CaseStatus.CLOSED_REACHED: (44, 23, 181, 65, 175, 167, 65),
    CaseStatus.CLOSED_NOT_REACHED: (75, 59, 331, 126, 222, 253, 68),
}
HOUSEHOLDS_BY_PHASE: dict[CaseStatus, int] = {
    CaseStatus.INTAKE: 426,
    CaseStatus.ACTIVE: 1164,
    CaseStatus.PASSIVE: 245,
    CaseStatus.CLOSED_REACHED: 720,
    CaseStatus.CLOSED_NOT_REACHED: 1134,
}
HOUSEHOLDS_BY_DISTRICT = (404, 222, 740, 429, 572, 1086, 236)
HOUSEHOLDS_WITH_PHASE = 3689

# Table 3.6: the same by phase; columns in the order of Children.
HOUSEHOLDS_BY_CHILDREN: dict[CaseStatus, tuple[int, ...]] = {
    CaseStatus.INTAKE: (198, 193, 35),
    CaseStatus.ACTIVE: (651, 452, 61),
    CaseStatus.PASSIVE: (125, 108, 12),
    CaseStatus.CLOSED_REACHED: (299, 352, 69),
    CaseStatus.CLOSED_NOT_REACHED: (447, 508, 179),
}
CHILDREN_TOTALS: dict[Children, int] = {
    Children.WITH: 1720,
    Children.WITHOUT: 1613,
    Children.UNDETERMINED: 356,
}


@dataclass(frozen=True, slots=True)
class DistrictPersons:
    """One row of table 3.7."""

    households_at_start: int
    households: int
    minors: int
    adults: int
    without_birth_date: int
    persons: int


# Table 3.7: households on 1 January and 31 December 2013, and persons by age group.
PERSONS: dict[District, DistrictPersons] = {
    District.CENTRUM: DistrictPersons(102, 237, 105, 301, 13, 419),
    District.NIEUW_WEST: DistrictPersons(293, 1086, 1109, 1656, 180, 2945),
    District.NOORD: DistrictPersons(264, 572, 612, 832, 24, 1468),
    District.OOST: DistrictPersons(155, 429, 250, 525, 79, 854),
    District.WEST: DistrictPersons(431, 740, 704, 1225, 105, 2034),
    District.ZUID: DistrictPersons(75, 222, 128, 266, 21, 415),
    District.ZUIDOOST: DistrictPersons(96, 404, 610, 539, 86, 1235),
}
PERSONS_TOTAL = DistrictPersons(1416, 3690, 3518, 5344, 508, 9370)


@dataclass(frozen=True, slots=True)
class ProblemShares:
    """One row of table 3.12, in percents: all first measurements, and those measured twice."""

    first: int
    followed_first: int
    followed_second: int


# Table 3.12 A and B: share with a problem per domain.
ZRM_SHARES: dict[ZrmDomain, ProblemShares] = {
    ZrmDomain.INCOME: ProblemShares(77, 84, 77),
    ZrmDomain.DAYTIME: ProblemShares(80, 83, 75),
    ZrmDomain.HOUSING: ProblemShares(27, 33, 21),
    ZrmDomain.FAMILY: ProblemShares(40, 44, 32),
    ZrmDomain.PHYSICAL_HEALTH: ProblemShares(28, 33, 23),
    ZrmDomain.MENTAL_HEALTH: ProblemShares(45, 48, 34),
    ZrmDomain.ADDICTION: ProblemShares(8, 9, 5),
    ZrmDomain.DAILY_LIVING: ProblemShares(25, 28, 21),
    ZrmDomain.SOCIAL_NETWORK: ProblemShares(41, 48, 38),
    ZrmDomain.PARTICIPATION: ProblemShares(53, 57, 50),
    ZrmDomain.JUSTICE: ProblemShares(28, 8, 9),
}
ZRM_FIRST = 1683
ZRM_FOLLOWED = 256
DAYS_BETWEEN_ZRM = 226
"""On average, between the two measurements of the followed persons."""

# In the text: shares of households, in percents, by the number of domains with a problem.
PROBLEMS_NONE, PROBLEMS_ONE, PROBLEMS_THREE_UP, PROBLEMS_FIVE_UP = 4, 8, 74, 46

# Table 4.2: completeness of the registration.
DOSSIERS: dict[date, int] = {
    date(2013, 7, 16): 2801,
    date(2013, 9, 26): 3154,
    date(2013, 12, 31): 3690,
}
# The rest of table 4.2 at 31 December 2013 only.
COORDINATION_CHECK: dict[bool | None, int] = {True: 3546, False: 115, None: 29}
SOURCE_FILLED_IN, SOURCE_MISSING = 3639, 51
CLOSED, CLOSED_WITHOUT_REASON = 1854, 121
POSTCODES: dict[PostcodeState, int] = {
    PostcodeState.FULL: 3575,
    PostcodeState.INCOMPLETE: 23,
    PostcodeState.MISSING: 92,
}
QUALITY_PERSONS = 9370
SURNAME_MISSING = 176
BIRTH_DATE_MISSING = 508
FIRST_ZRM_COMPLETE, FIRST_ZRM_INCOMPLETE = 2045, 767

# In the text: a screening of 7,000 DWI clients in 2013 yielded this many referrals; the
# programme meant to screen so many clients in all.
DWI_REFERRALS, DWI_CLIENTS = 2200, 15_000
