"""The self-sufficiency matrix (Zelfredzaamheid-Matrix, ZRM): eleven domains, scores 1 to 5.

The domains are those of the programme's own report of 2014; each is a category of its own,
since health, addiction and justice are special-category or criminal data (GDPR articles 9, 10).
Scores: 1 acute problem, 2 not, 3 barely, 4 sufficiently, 5 completely self-reliant. We ship the
names, not the criteria, which are the GGD Amsterdam's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schemas.identifiers import Day

Score = Annotated[int, Field(ge=1, le=5, strict=True)]

PROBLEM_BELOW = 4
"""A score below this counts as a problem. Our reading: the report does not print its rule."""


class ZrmDomain(StrEnum):
    """One domain (leefgebied) of the matrix, by its wire name."""

    INCOME = "inkomen"
    DAYTIME = "dagbesteding"
    HOUSING = "huisvesting"
    FAMILY = "gezinsrelaties"
    PHYSICAL_HEALTH = "fysiekeGezondheid"
    MENTAL_HEALTH = "geestelijkeGezondheid"
    ADDICTION = "verslaving"
    DAILY_LIVING = "adlVaardigheden"
    SOCIAL_NETWORK = "sociaalNetwerk"
    PARTICIPATION = "maatschappelijkeParticipatie"
    JUSTICE = "justitie"


class ZrmMeasurement(BaseModel):
    """One measurement (meting) of one person; domains that were not scored are absent."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    measured_on: Day = Field(alias="gemetenOp")
    scores: dict[ZrmDomain, Score] = Field(alias="scores", min_length=1)

    @property
    def is_complete(self) -> bool:
        return len(self.scores) == len(ZrmDomain)
