"""Who may decide for a person: age, authority and guardianship, as pure facts.

Sources: UAVG article 5 (below 16, curatele, mentorschap: the legal representative), Jeugdwet 7.3.4
and BW 7:447, 7:450, 7:465 (below 12 the holders of authority, 12 to 15 child and holders, from 16
the person). An unknown or incomplete birth date asks what satisfies every age that it could be
(invariant 9); authority that is unknown, stale or contradicted lets nobody speak for a child.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from consent.protocol import AgeRegime
from schemas.identifiers import PartialDate
from schemas.referral import AuthorityKind, DecidedBy

BIRTHDAYS = (12, 16, 18)
"""The birthdays on which an earlier decision lapses to "ask again"."""
MAX_BIRTHS = 4
"""How many differing birth dates say something of an age; beyond it nothing is known of it."""
UNDER_12, FROM_12, FROM_16, ADULT, UNBORN = 1, 2, 4, 8, 16
ANY_AGE = UNDER_12 | FROM_12 | FROM_16 | ADULT
MINOR_UNDER_16 = UNDER_12 | FROM_12
GUARDIANS = (
    (AuthorityKind.CURATELE, DecidedBy.CURATOR),
    (AuthorityKind.MENTORSHIP, DecidedBy.MENTOR),
)
"""Each guardianship of adults with who speaks by it."""
_AGES = (UNDER_12, FROM_12, FROM_16, ADULT)


class Statement(NamedTuple):
    """One statement about a person's representation, as looked up in a source on a day."""

    kind: AuthorityKind
    holders: frozenset[UUID]
    source: str
    as_of: date


class Voices(NamedTuple):
    """Whose yes is needed. `any_holder`, `all_holders` are of parental authority (gezag)."""

    person: bool
    any_holder: bool
    all_holders: bool
    representative: bool


class PersonFacts(NamedTuple):
    """What is known of a person that bears on who decides.

    `births` are the dates that were given, usually one; none where it is unknown.
    """

    births: tuple[PartialDate, ...] = ()
    statements: tuple[Statement, ...] = ()

    @property
    def is_deceased(self) -> bool:
        return any(s.kind is AuthorityKind.DECEASED for s in self.statements)

    def ages(self, on: date) -> int:
        """The age bands that the person could be in on a day, as a set of bits.

        `UNBORN` is among them where a date lies after that day.
        """
        if not self.births or len(self.births) > MAX_BIRTHS:
            return ANY_AGE
        today, bands = (on.year, on.month, on.day), 0
        for born in self.births:
            bands |= _bands(_years(born.latest, today), _years(born.earliest, today))
        return bands

    def next_birthday(self, on: date) -> date | None:
        """The first day after `on` on which the person may turn 12, 16 or 18."""
        days = [
            day
            for born in self.births
            for turning in BIRTHDAYS
            for year, month, number in (born.earliest, born.latest)
            if (day := birthday(year + turning, month, number)) > on
        ]
        return min(days, default=None)

    def next_statement(self, on: date) -> date | None:
        """The first day after `on` that a statement is dated; it counts from then."""
        return min((s.as_of for s in self.statements if s.as_of > on), default=None)


UNKNOWN = PersonFacts()


class Holders(NamedTuple):
    """Who holds an authority today; nobody where that is unknown, stale or disputed.

    `since` is the first day on which these were stated after others, None where no others ever
    were; `until` the day from which every statement is stale.
    """

    persons: frozenset[UUID]
    since: date | None = None
    until: date | None = None


NOT_KNOWN = Holders(frozenset())


def holders_of(
    statements: Sequence[Statement], kind: AuthorityKind, on: date, valid_days: int
) -> Holders:
    """Who holds one kind of authority on a day, on a statement of at most `valid_days` old.

    Of each source the newest statement counts. Statements that contradict each other, of one
    source on one day or of two sources, leave it unknown; also when one of them is stale, so that
    no dispute is ever settled by waiting.
    """
    stated = [one for one in statements if one.kind is kind and one.as_of <= on]
    current = _newest(stated)
    if not current:
        return NOT_KNOWN
    persons = current[0].holders
    newest = max(one.as_of for one in current)
    if any(one.holders != persons for one in current) or (on - newest).days > valid_days:
        return NOT_KNOWN
    others = max((one.as_of for one in stated if one.holders != persons), default=None)
    since = None
    if others is not None:
        since = min(s.as_of for s in stated if s.holders == persons and s.as_of > others)
    return Holders(persons, since, newest + timedelta(days=valid_days + 1))


def guardianships(statements: Sequence[Statement], on: date) -> list[AuthorityKind]:
    """Each of curatele and mentorschap that some source stated, and did not state to have ended.

    Unlike the holders this never gets stale: an adult does not become free to decide by waiting.
    """
    return [
        kind
        for kind, _ in GUARDIANS
        if any(
            one.holders
            for one in _newest([s for s in statements if s.kind is kind and s.as_of <= on])
        )
    ]


def voices_for(regime: AgeRegime, ages: int, *, is_represented: bool) -> Voices:
    """Whose yes satisfies the regime at every age that the person could have."""
    person = bool(ages & (FROM_16 | ADULT))
    any_holder = all_holders = False
    if regime is AgeRegime.UAVG:
        any_holder = bool(ages & MINOR_UNDER_16)
    else:
        all_holders = bool(ages & MINOR_UNDER_16)
        person = person or bool(ages & FROM_12)
    representative = is_represented and bool(ages & ADULT)
    if representative and ages == ADULT:
        person = False
    return Voices(person, any_holder, all_holders, representative)


def birthday(year: int, month: int, day: int) -> date:
    """The day in `year` on which who was born on this month and day turns a year older."""
    # Who was born on 29 February does so on 1 March in a common year (and `_years` counts it so).
    if (month, day) == (2, 29) and not (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)):
        return date(year, 3, 1)
    return date(year, month, day)


def _newest(stated: Iterable[Statement]) -> list[Statement]:
    """Of each source the newest statement, or all of those that are equally new."""
    newest: dict[str, list[Statement]] = {}
    for one in stated:
        known = newest.get(one.source)
        if known is None or one.as_of > known[0].as_of:
            newest[one.source] = [one]
        elif one.as_of == known[0].as_of:
            known.append(one)
    return [one for group in newest.values() for one in group]


def _years(born: tuple[int, int, int], today: tuple[int, int, int]) -> int:
    return today[0] - born[0] - (today[1:] < born[1:])


def _bands(youngest: int, oldest: int) -> int:
    if oldest < 0:
        return UNBORN
    # Born in a month or year that has begun is born: the person was put forward.
    first, last = _band(max(youngest, 0)), _band(oldest)
    return sum(bit for bit in _AGES if first <= bit <= last)


def _band(age: int) -> int:
    if age < 12:
        return UNDER_12
    if age < 16:
        return FROM_12
    return FROM_16 if age < 18 else ADULT
