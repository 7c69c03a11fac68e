"""Retention classes (bewaarklassen): what the gateway holds of a person, and what outlives erasure.

A reviewed table of ours, with the article and, where something stays, the years; each is marked for
confirmation by the municipality. The laws at its end say how long parties keep their own files:
those terms are about the recipient's file, never about a message in transit, and an officer sees
them to tell a resident where else to ask.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from consent.protocol import AgeRegime, Flow
from schemas.referral import Ground

_TABLE = Path(__file__).with_name("retention_classes.toml")


class OnRequest(StrEnum):
    """What becomes of a class when somebody is erased."""

    ERASED = "vernietigd"
    KEPT = "bewaard"


class Since(StrEnum):
    """From which event a term counts."""

    LAST_RECORDED = "laatste-vastlegging"
    LAST_DISCLOSED = "laatste-verstrekking"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RetentionClass(_Part):
    """One class (klasse). `years` count from `since`; without them it has no date of its own."""

    id: str
    description: str = Field(alias="omschrijving")
    on_request: OnRequest = Field(alias="bijVerzoek")
    ground: str = Field(alias="grond")
    years: Annotated[int, Field(ge=1, le=100)] | None = Field(alias="jaren", default=None)
    since: Since | None = Field(alias="vanaf", default=None)
    use: str | None = Field(alias="gebruik", default=None)
    at_latest: str | None = Field(alias="uiterlijk", default=None)
    status: str | None = None

    def until(self, last: date) -> date:
        """The last day on which it is kept, counted from the day of the last event."""
        year = last.year + (self.years or 0)
        leaps = (last.month, last.day) == (2, 29)
        return date(year, 3, 1) if leaps and not _is_leap(year) else last.replace(year=year)


class SectorTerm(_Part):
    """How long a party keeps its own file under one law (wet)."""

    id: str
    grounds: tuple[Ground, ...] = Field(alias="grondslagen", default=())
    regime: AgeRegime | None = Field(alias="leeftijdsregime", default=None)
    title: str = Field(alias="titel")
    article: str = Field(alias="artikel")
    years: Annotated[int, Field(ge=1, le=100)] = Field(alias="jaren")
    since: str = Field(alias="vanaf")
    file: str = Field(alias="dossier")
    on_request: str = Field(alias="vernietiging")
    status: str

    def bears_on(self, flow: Flow) -> bool:
        """Whether a recipient of this flow may keep a file under this law."""
        agreement = flow.locks.agreement
        is_regime = agreement.required and agreement.regime is self.regime
        return is_regime or bool(set(self.grounds) & set(flow.admitted_grounds))


class RetentionTable(_Part):
    """The whole table."""

    version: str = Field(alias="versie")
    reviewed: str = Field(alias="nagezien")
    classes: tuple[RetentionClass, ...] = Field(alias="klasse")
    laws: tuple[SectorTerm, ...] = Field(alias="wet")

    @property
    def erased(self) -> frozenset[str]:
        """The classes that go with every erasure."""
        return frozenset(c.id for c in self.classes if c.on_request is OnRequest.ERASED)

    @property
    def kept(self) -> tuple[RetentionClass, ...]:
        """The classes that stay."""
        return tuple(c for c in self.classes if c.on_request is OnRequest.KEPT)

    def named(self, name: str) -> RetentionClass:
        """One class. Raises `KeyError`."""
        for one in self.classes:
            if one.id == name:
                return one
        raise KeyError(name)

    def laws_of(self, flows: Iterable[Flow]) -> list[SectorTerm]:
        """The laws under which recipients of these flows may keep a file."""
        flows = list(flows)
        return [law for law in self.laws if any(law.bears_on(flow) for flow in flows)]


@cache
def retention_table() -> RetentionTable:
    """The table that comes along."""
    return RetentionTable.model_validate(tomllib.loads(_TABLE.read_text(encoding="utf-8")))


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
