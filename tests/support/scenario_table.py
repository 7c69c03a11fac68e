"""The scenario table (tests/consent/decisions.toml), as officers write it and as it is read.

A scenario says who lives there, what each said and when, and what must come of it. What is said
and who holds authority stand there as short Dutch sentences, which are parsed here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field

from consent.protocol import Flow
from consent.register import AMSTERDAM, CATEGORY_ALL, ConsentEvent
from consent.representation import PersonFacts, Statement
from schemas.fields import CATEGORIES, MessageKind
from schemas.identifiers import PartialDate
from schemas.referral import AuthorityKind, DecidedBy

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "tests/consent/decisions.toml"
ADULT = "1980-06-15"
"""The birth date of who has none in the table: plainly an adult."""
REFUSED_PROTOCOL = "protocol geweigerd"

_SAID = re.compile(
    r"^(?P<said>ja|nee|intrekking)"
    r"(?: van (?P<role>betrokkene|ouder|voogd|gezaghouders|mentor|curator)"
    r"(?: (?P<name>[A-Z]\w+))?)?"
    r"(?: over (?P<category>[\w.-]+))?"
    r"(?: op (?P<day>\d{4}-\d\d-\d\d)(?: om (?P<hour>\d\d:\d\d))?)?"
    r"(?: tot en met (?P<until>\d{4}-\d\d-\d\d))?"
    r"(?: voor (?P<purpose>[a-z-]+) aan (?P<recipient>[a-z-]+))?$"
)
_AUTHORITY = re.compile(
    r"^(?P<kind>gezag|curatele|mentorschap|overleden)"
    r"(?: (?P<names>niemand|[A-Z]\w+(?: en [A-Z]\w+)*))?"
    r" volgens (?P<source>brp|gezagsregister|rechterlijke-uitspraak|opgave)"
    r" op (?P<day>\d{4}-\d\d-\d\d)$"
)


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Resident(_Row):
    """One member of the household (lid), as far as it matters to the scenario."""

    geboren: str = ADULT
    rol: str | None = None
    zegt: tuple[str, ...] = ()
    gezag: tuple[str, ...] = ()


class EmergencyAsked(_Row):
    """An emergency release that is asked for (nood)."""

    stap: int
    uren: float


class Scenario(_Row):
    """One line of the table."""

    titel: str
    stroom: str | None = None
    van: str | None = None
    bericht: MessageKind = MessageKind.REFERRAL
    aan: str | None = None
    doel: str | None = None
    noemt: tuple[str, ...] = ("ontvanger", "doel")
    dag: date = date(2026, 3, 2)
    tijd: str = "12:00"
    grondslag: str | None = None
    leden: tuple[Resident, ...] = ()
    mist: tuple[str, ...] = ()
    geheim: bool = False
    geschorst: tuple[str, ...] = ()
    beschermd: bool = False
    nood: EmergencyAsked | None = None
    status: str = "in-beheer-actief"
    zonder: str | None = None
    besluit: str
    regel: str | None = None
    veld: str | None = None
    blijven: tuple[int, ...] | None = None
    mee: tuple[str, ...] = ()
    niet_mee: tuple[str, ...] = ()
    ingehouden: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    luidt: dict[str, str | int] = Field(default_factory=dict)
    geldt_tot: str | None = None
    buiten_zicht: bool = False


class Chapter(_Row):
    """Scenarios that belong together (hoofdstuk); what it names counts for each of them."""

    titel: str
    uitleg: str
    stroom: str | None = None
    gevallen: tuple[dict[str, Any], ...]

    def scenarios(self) -> Iterator[Scenario]:
        for row in self.gevallen:
            yield Scenario.model_validate({"stroom": self.stroom} | row)


class Table(_Row):
    """The whole file."""

    begrippen: dict[str, tuple[str, ...]]
    hoofdstuk: tuple[Chapter, ...]

    def scenarios(self) -> list[Scenario]:
        return [one for chapter in self.hoofdstuk for one in chapter.scenarios()]


@cache
def table() -> Table:
    return Table.model_validate(tomllib.loads(TABLE.read_text(encoding="utf-8")))


def now_of(scenario: Scenario) -> datetime:
    """The moment at which a scenario is decided."""
    return datetime.combine(scenario.dag, time.fromisoformat(scenario.tijd), AMSTERDAM)


def person_of(one: Resident) -> PersonFacts:
    """What is known of a member that bears on who decides."""
    births = () if one.geboren == "onbekend" else tuple(map(PartialDate, one.geboren.split(" of ")))
    return PersonFacts(births, tuple(_statement(text) for text in one.gezag))


def events_of(scenario: Scenario, flow: Flow, one: Resident, member: int) -> list[ConsentEvent]:
    """What a member said, and what was said for them, as the register holds it."""
    events: list[ConsentEvent] = []
    for number, text in enumerate(one.zegt):
        found = _SAID.fullmatch(text)
        assert found is not None, f"not read: {text}"
        day = date.fromisoformat(found["day"]) if found["day"] else scenario.dag - timedelta(10)
        hour, until = time.fromisoformat(found["hour"] or "00:00"), found["until"]
        category = found["category"] or CATEGORY_ALL
        assert category == CATEGORY_ALL or category in CATEGORIES, category
        earlier = [e.id for e in events if e.given and e.category == category]
        events.append(
            ConsentEvent(
                id=uuid5(identity(scenario.titel), f"{member}/{number}"),
                purpose=found["purpose"] or flow.purpose,
                recipient=found["recipient"] or flow.recipient,
                category=category,
                given=found["said"] == "ja",
                decided_at=datetime.combine(day, hour, AMSTERDAM),
                decided_by=DecidedBy(found["role"] or "betrokkene"),
                decider=identity(found["name"]) if found["name"] else None,
                valid_until=_day_after(until) if until else None,
                supersedes=earlier[-1] if found["said"] == "intrekking" and earlier else None,
            )
        )
    return events


def _statement(text: str) -> Statement:
    found = _AUTHORITY.fullmatch(text)
    assert found is not None, f"not read: {text}"
    names = found["names"] or "niemand"
    holders = frozenset() if names == "niemand" else frozenset(map(identity, names.split(" en ")))
    day = date.fromisoformat(found["day"])
    return Statement(AuthorityKind(found["kind"]), holders, found["source"], day)


def identity(name: str) -> UUID:
    """The same id for the same name, wherever it stands."""
    return uuid5(NAMESPACE_DNS, name)


def _day_after(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day) + timedelta(1), time.min, AMSTERDAM)
