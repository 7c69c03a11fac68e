"""What the report does not print and a population needs: our own choices, in one place.

None of these is a fact about the programme. Weights are relative; shares are percents.
"""

from __future__ import annotations

from datetime import date

from gateway.sandbox.population.household import District, Source
from schemas.casework import CaseStatus, CloseReason

# Sources: the report ranks DWI first, then professionals, then the teams. All 2,200 referrals of
# DWI's screening are taken to be dossiers registered in 2013; the others divide what remains.
OTHER_SOURCES: dict[Source, int] = {Source.PROFESSIONAL: 2, Source.TEAM: 1}

# The 878 dossiers in which table 4.2 looked for no first measurement: those in intake, and the
# rest among those closed without having been reached.
WITHOUT_FIRST_ZRM = (CaseStatus.INTAKE, CaseStatus.CLOSED_NOT_REACHED)
# Of the incomplete or missing first measurements, the share that holds some scores.
PARTLY_SCORED = 50
SCORES_KEPT = 6
"""How many of the eleven domains a partly filled in measurement scores."""

# Which scores make a problem (below 4) and which do not.
PROBLEM_SCORES: dict[int, int] = {1: 3, 2: 7, 3: 10}
SUFFICIENT_SCORES: dict[int, int] = {4: 6, 5: 4}

CLOSE_REASONS: dict[CaseStatus, dict[CloseReason, int]] = {
    CaseStatus.CLOSED_REACHED: {
        CloseReason.SHORT_CONTACT: 12,
        CloseReason.NO_RESPONSE: 3,
        CloseReason.MOVED_WITHIN: 2,
        CloseReason.MOVED_OUTSIDE: 2,
        CloseReason.DECEASED: 1,
    },
    CaseStatus.CLOSED_NOT_REACHED: {
        CloseReason.NO_RESPONSE: 9,
        CloseReason.WANTS_NO_CONTACT: 7,
        CloseReason.MOVED_WITHIN: 2,
        CloseReason.MOVED_OUTSIDE: 1,
        CloseReason.DECEASED: 1,
    },
}

# Household composition within the printed totals.
MOST_MINORS, MOST_ADULTS, MOST_UNKNOWN = 8, 5, 3
SECOND_ADULT_IS_PARTNER = 80
OLDEST, OLDEST_PARENT, YOUNGEST_PARENT = 85, 55, 19

FIRST_REGISTRATION = date(2012, 1, 2)
LAST_DAY_OF_2012 = date(2012, 12, 31)
# Second measurements follow the first by 226 days on average, at most this many more or fewer.
FOLLOW_UP_SPREAD = 120
MEASURED_WITHIN = 90
"""Days after registration in which a first measurement is made."""

HAS_PREFIX, HAS_SUFFIX, HAS_PHONE, HAS_SECRET_ADDRESS = 15, 20, 75, 1

# Agreement with being put forward, as DWI would record it, per household.
AGREEMENT_ALL, AGREEMENT_NONE, AGREEMENT_NOT_RECORDED, AGREEMENT_ONE_REFUSES = 86, 4, 7, 3
REPRESENTED_BELOW = 16
"""Age under which a parent decides (UAVG article 5)."""
HAS_NOTE = 5

# Four-digit postcodes wholly in one district. Left out: post boxes, and 1014, 1046, 1058 and
# 1061, which straddle a border.
POSTCODE_AREAS: dict[District, tuple[int, ...]] = {
    District.ZUIDOOST: (1101, 1102, 1103, 1104, 1105, 1106, 1107, 1108),
    District.ZUID: (1071, 1072, 1073, 1074, 1075, 1076, 1077, 1078, 1079, 1081, 1082, 1083),
    District.WEST: (1013, 1051, 1052, 1053, 1054, 1055, 1056, 1057),
    District.OOST: (1019, 1086, 1087, 1091, 1092, 1093, 1094, 1095, 1096, 1097, 1098),
    District.NOORD: (1021, 1022, 1023, 1024, 1025, 1031, 1032, 1033, 1034, 1035),
    District.NIEUW_WEST: (1060, 1062, 1063, 1064, 1065, 1066, 1067, 1068, 1069),
    District.CENTRUM: (1011, 1012, 1015, 1016, 1017, 1018),
}
