"""Persons, authority and agreements by the thousand, drawn so that many a yes suffices.

hypothesis finds the odd case and explains it; this fills the middle, where several people must
agree and nearly all of them do, quickly enough for tens of thousands.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

from consent.protocol import AgeRegime
from consent.register import Asked, ConsentEvent, amsterdam_day
from consent.representation import PersonFacts, Statement
from schemas.identifiers import PartialDate
from schemas.referral import AuthorityKind, DecidedBy
from tests.support.strategies import HOLDERS

_GUARDED = (AuthorityKind.CURATELE, AuthorityKind.MENTORSHIP)
_SPEAKERS = [*DecidedBy, DecidedBy.SELF, DecidedBy.SELF, DecidedBy.PARENT, DecidedBy.PARENT]


class Situation(NamedTuple):
    """One person, what was recorded of them, and what is asked."""

    events: list[ConsentEvent]
    asked: Asked
    person: PersonFacts


def situations(count: int, seed: int = 1) -> Iterator[Situation]:
    """Always the same ones, for one seed."""
    random = Random(seed)  # noqa: S311  # no secret is made of it
    for _ in range(count):
        yield _situation(random)


def _situation(random: Random) -> Situation:
    now = datetime(2026, 6, 1, 12, tzinfo=UTC) + timedelta(days=random.randrange(30))
    today = amsterdam_day(now)
    asked = Asked("hulp", "a", random.choice(list(AgeRegime)), now, today)
    person = PersonFacts(tuple(_births(random, today)), tuple(_statements(random, today)))
    events = [_event(random, number, now) for number in range(random.randrange(1, 7))]
    return Situation(events, asked, person)


def _births(random: Random, today: date) -> Iterator[PartialDate]:
    for _ in range(random.choice([0, 1, 1, 1, 1, 1, 1, 1, 1, 2])):
        age = random.choice([3, 9, 11, 12, 13, 15, 16, 17, 18, 19, 20, 40, 60])
        shift = random.choice([random.randrange(365), random.randrange(-70, 70), 0, 1])
        day = date(today.year - age, today.month, today.day) - timedelta(days=shift)
        yield PartialDate(day.isoformat()[: random.choice([10, 10, 10, 10, 7, 4])])


def _statements(random: Random, today: date) -> Iterator[Statement]:
    kinds = [AuthorityKind.PARENTAL] * random.choice([0, 1, 1, 1, 2, 3])
    kinds += random.choice(
        [[], [], [], [_GUARDED[0]], [_GUARDED[1]], [*_GUARDED], _GUARDED[:1] * 2]
    )
    kinds += [AuthorityKind.DECEASED] * (random.random() < 0.03)
    usual = frozenset(random.choice([HOLDERS, HOLDERS, HOLDERS[:1]]))
    for kind in kinds:
        holders = usual if random.random() < 0.85 else frozenset(random.choice([HOLDERS[1:], ()]))
        ago = random.choice([0, 5, 20, 40, 40, 200, 363, 364, 365, 366, 500, -3])
        source = random.choice(["brp", "brp", "opgave"])
        yield Statement(kind, holders, source, today - timedelta(days=ago))


def _event(random: Random, number: int, now: datetime) -> ConsentEvent:
    hours = random.choice([0, 1, 2, 24, 24 * random.randrange(90), -24 * random.randrange(20)])
    end = now + timedelta(days=random.choice([-5, 0, 3, 40]))
    return ConsentEvent(
        UUID(int=number if random.random() < 0.97 else random.randrange(7)),
        "hulp" if random.random() < 0.98 else "onderzoek",
        "a" if random.random() < 0.98 else "b",
        random.choice(["*", "*", "*", "*", "zrm", "adres"]),
        random.random() < 0.93,
        now - timedelta(hours=hours),
        random.choice(_SPEAKERS),
        random.choice([None, *HOLDERS, *HOLDERS]),
        end if random.random() < 0.1 else None,
        UUID(int=random.randrange(7)) if random.random() < 0.05 else None,
    )
