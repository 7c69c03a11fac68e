"""The consent register (toestemmingenregister): a pure fold over append-only events.

Each voice that may speak for a person (themself, a holder of authority, all holders, a curator or
mentor) stands where its latest decision puts it; at the same moment a "no" wins, so that the order
of recording never matters. The age regime says whose yes is needed (`representation`), and the
person stands at yes only when all of them said so; a "no" of anybody entitled, and of the person at
any age, blocks. A yes counts until its own end, until it is withdrawn, and no longer than until
the person may have turned 12, 16 or 18; a yes that does not count is as if it were never said, so
that the "no" before it stands again. A "no" never ends by itself.

An event with a date only counts from the start of that day: a withdrawal of the same day stands.
`CATEGORY_ALL` covers every category; a narrower event outweighs it only by a "no", and a narrower
"yes" is an explicit one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache, partial
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from consent.protocol import AgeRegime
from consent.representation import (
    BIRTHDAYS,
    GUARDIANS,
    MINOR_UNDER_16,
    UNBORN,
    UNKNOWN,
    Holders,
    PersonFacts,
    birthday,
    guardianships,
    holders_of,
    voices_for,
)
from schemas.referral import AuthorityKind, DecidedBy

CATEGORY_ALL = "*"
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
"""Where forms are dated and birthdays begin."""
_SURELY_ADULT = 20
"""Years between two calendars' years after which a person is 18, in every time zone."""
# By name of their own, since reaching an enum's member costs more than the comparison.
_SELF, _PARENT = DecidedBy.SELF, DecidedBy.PARENT
_UAVG, _PARENTAL = AgeRegime.UAVG, AuthorityKind.PARENTAL
_REPRESENTATIVES = (DecidedBy.CURATOR, DecidedBy.MENTOR)
_SINGLE_HOLDERS = (DecidedBy.PARENT, DecidedBy.GUARDIAN)


class ConsentEvent(NamedTuple):
    """One recorded yes or no (toestemming, weigering, intrekking).

    `decider` is who decided, where that is known and not the person; `supersedes` the event that
    this one takes back.
    """

    id: UUID
    purpose: str
    recipient: str
    category: str
    given: bool
    decided_at: datetime
    decided_by: DecidedBy = DecidedBy.SELF
    decider: UUID | None = None
    valid_until: datetime | None = None
    supersedes: UUID | None = None


class Standing(NamedTuple):
    """Where a person stands: `given` is None when what was recorded does not suffice.

    `events` are the decisions that a yes rests on; `refused` the categories on which a narrower
    "no" stands, whatever `given` says; `granted` those with an explicit yes of their own. `until`
    is the first moment at which time alone may change a yes or what it covers.
    """

    given: bool | None
    events: tuple[UUID, ...] = ()
    refused: frozenset[str] = frozenset()
    granted: frozenset[str] = frozenset()
    until: datetime | None = None


NOTHING_RECORDED = Standing(None)
REFUSED = Standing(False)
"""A plain no, whatever was recorded: of who withdrew, or objected."""
_NONE: frozenset[str] = frozenset()
# A named tuple's own constructor costs more than all that it takes to tell a plain yes.
_plain: Callable[[tuple[object, ...]], Standing] = partial(tuple.__new__, Standing)


class Asked(NamedTuple):
    """What is asked of the register: for whom and what, by whose law, and when.

    `today` is the day in Amsterdam at `now`; authority statements count for `authority_days`.
    """

    purpose: str
    recipient: str
    regime: AgeRegime
    now: datetime
    today: date
    authority_days: int = 365


# Kept are days and moments, of forms and birthdays, and never whose they are.
@lru_cache(maxsize=4096)
def amsterdam_day(moment: datetime) -> date:
    """The day that it is in Amsterdam, where forms are dated and birthdays begin."""
    if moment.year in (1, 9999):
        return moment.date()
    return moment.astimezone(AMSTERDAM).date()


def standing(
    events: Sequence[ConsentEvent], asked: Asked, person: PersonFacts = UNKNOWN
) -> Standing:
    """Fold one person's events to where they stand on what is asked."""
    if not events:
        return NOTHING_RECORDED
    if len(events) == 1:
        found = at_once(events[0], asked, person)
        if found is not None:
            return found
    return _Fold(events, asked, person).standing()


def at_once(event: ConsentEvent, asked: Asked, person: PersonFacts) -> Standing | None:
    """The fold of one plain yes, of an adult or of the holder of authority over a child.

    Most people stand so. None where it takes more to tell; never another answer than the fold's.
    """
    identity, purpose, recipient, category, given, at, by, decider, end, taken_back = event
    asked_purpose, asked_recipient, regime, now, today, days = asked
    births, statements = person
    if (
        not given
        or category != CATEGORY_ALL
        or purpose != asked_purpose
        or recipient != asked_recipient
        or at > now
        or end is not None
        or taken_back is not None
        or len(births) != 1
    ):
        return None
    born = births[0]
    if by is _SELF:
        if statements or at.year - born.year < _SURELY_ADULT:
            return None
        return _plain((True, (identity,), _NONE, _NONE, None))
    if by is not _PARENT or regime is not _UAVG or len(statements) != 1:
        return None
    kind, holders, _, as_of = statements[0]
    if kind is not _PARENTAL or decider not in holders or as_of > today:
        return None
    year, month, day = born.year, born.month, born.day
    if month is None or day is None:
        return None
    begins, turns_12, turns_16 = _childhood(year, month, day)
    until = turns_12
    if now >= turns_12:
        begins, until = turns_12, turns_16
    stale = _stale_from(as_of, days)
    if at < begins or now >= until or now >= stale:
        return None
    return _plain((True, (identity,), _NONE, _NONE, stale if stale < until else until))


class _Fold:
    """One person's events on what is asked."""

    def __init__(self, events: Sequence[ConsentEvent], asked: Asked, person: PersonFacts) -> None:
        own = [e for e in events if e.purpose == asked.purpose and e.recipient == asked.recipient]
        self._withdrawn = {e.supersedes for e in own}
        self._asked = asked
        self._person = person
        self._is_deceased = person.is_deceased
        today, days, statements = asked.today, asked.authority_days, person.statements
        self._ages = person.ages(today)
        kinds = guardianships(statements, today) if statements else []
        self._is_represented = bool(kinds)
        self._voices = voices_for(asked.regime, self._ages, is_represented=self._is_represented)
        self._parents = holders_of(statements, AuthorityKind.PARENTAL, today, days)
        self._guardians = [
            (role, holders_of(statements, kind, today, days))
            for kind, role in GUARDIANS
            if kind in kinds
        ]
        self._said = [e for e in own if not e.given or self._counts(e)]
        self._coming = [e.decided_at for e in own if e.decided_at > asked.now]

    def standing(self) -> Standing:
        """The whole, and what narrower decisions take from it or add to it."""
        by_category: dict[str, list[ConsentEvent]] = {}
        for event in self._said:
            by_category.setdefault(event.category, []).append(event)
        given, used = self._verdict(by_category.pop(CATEGORY_ALL, []))
        narrow = {category: self._verdict(said)[0] for category, said in by_category.items()}
        refused = frozenset(category for category, one in narrow.items() if one is False)
        if given is not True:
            return Standing(given, (), refused)
        granted = frozenset(category for category, one in narrow.items() if one is True)
        return Standing(True, tuple(e.id for e in used), refused, granted, self._until())

    def _verdict(self, said: Sequence[ConsentEvent]) -> tuple[bool | None, list[ConsentEvent]]:
        """What the voices together say of one category, and the yeses that a yes rests on."""
        latest = _latest(said)
        if any(not e.given and self._is_entitled(e) for e in latest):
            return False, []
        used = self._agreeing([e for e in latest if e.given])
        return (True, used) if used else (None, [])

    def _agreeing(self, yeses: Sequence[ConsentEvent]) -> list[ConsentEvent]:
        """The yeses of everybody who must agree; none where one of them did not."""
        voices, used = self._voices, list[ConsentEvent]()
        groups = []
        if voices.person:
            groups.append([e for e in yeses if e.decided_by is DecidedBy.SELF])
        if voices.any_holder or voices.all_holders:
            groups.append(self._agreeing_holders(yeses, everybody=voices.all_holders))
        if voices.representative:
            for role, holders in self._guardians:
                groups.append([e for e in yeses if _speaks_for(e, holders, (role,))])
        for group in groups:
            if not group:
                return []
            used += group
        return used

    def _agreeing_holders(
        self, yeses: Sequence[ConsentEvent], *, everybody: bool
    ) -> list[ConsentEvent]:
        """The yeses by which the holders of authority agreed; none where they did not."""
        parents = self._parents
        jointly = [e for e in yeses if _speaks_for(e, parents, (DecidedBy.HOLDERS,))]
        if jointly:
            return jointly
        single = [e for e in yeses if _speaks_for(e, parents, _SINGLE_HOLDERS)]
        if not everybody or len(parents.persons) == 1:
            return single
        # Only who is named can be told apart from the other holder.
        named = [e for e in single if e.decider is not None]
        return named if {e.decider for e in named} >= parents.persons else []

    def _counts(self, event: ConsentEvent) -> bool:
        """Whether a yes holds: said, not withdrawn, not ended, and given at the present age.

        Where an age is uncertain a yes lapses both when the birthday may have come and when it
        surely has: the person may have been too young for it.
        """
        now = self._asked.now
        if event.id in self._withdrawn or event.decided_at > now or self._is_deceased:
            return False
        if event.valid_until is not None and event.valid_until <= now:
            return False
        if self._ages & UNBORN:
            return False
        return self._person.ages(amsterdam_day(event.decided_at)) == self._ages

    def _is_entitled(self, event: ConsentEvent) -> bool:
        """Whether a no counts: the person's own always, others' while they may decide."""
        if event.decided_by is DecidedBy.SELF or self._ages & (MINOR_UNDER_16 | UNBORN):
            return True
        return event.decided_by in _REPRESENTATIVES and self._is_represented

    def _until(self) -> datetime | None:
        """The first moment at which a birthday, an end, a statement or a coming yes counts."""
        today, person = self._asked.today, self._person
        days = [person.next_birthday(today), person.next_statement(today), self._parents.until]
        days += [holders.until for _, holders in self._guardians]
        moments = [_start(day) for day in days if day is not None] + self._coming
        moments += [e.valid_until for e in self._said if e.given and e.valid_until is not None]
        return min(moments, default=None)


def _speaks_for(event: ConsentEvent, holders: Holders, roles: Sequence[DecidedBy]) -> bool:
    """Whether a yes is of these holders. Who is not named must have spoken since they hold it."""
    if event.decided_by not in roles or not holders.persons:
        return False
    if event.decider is not None and event.decided_by is not DecidedBy.HOLDERS:
        return event.decider in holders.persons
    return holders.since is None or amsterdam_day(event.decided_at) >= holders.since


def _latest(events: Iterable[ConsentEvent]) -> list[ConsentEvent]:
    """The latest event of each voice; who is named is a voice apart from who is not."""
    latest: dict[tuple[DecidedBy, UUID | None], ConsentEvent] = {}
    for event in events:
        key = (event.decided_by, None if event.decided_by is DecidedBy.SELF else event.decider)
        known = latest.get(key)
        if known is None or _outweighs(event, known):
            latest[key] = event
    return list(latest.values())


def _outweighs(event: ConsentEvent, other: ConsentEvent) -> bool:
    if event.decided_at != other.decided_at:
        return event.decided_at > other.decided_at
    if event.given != other.given:
        return not event.given
    # Same answer, same moment: the smaller id, so that the evidence named is always the same.
    return event.id.int < other.id.int


@lru_cache(maxsize=4096)
def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, AMSTERDAM).astimezone(UTC)


@lru_cache(maxsize=8192)
def _childhood(year: int, month: int, day: int) -> tuple[datetime, datetime, datetime]:
    """When who was born on this day was born, turns 12 and turns 16."""
    first, second, _ = BIRTHDAYS
    return (
        _start(date(year, month, day)),
        _start(birthday(year + first, month, day)),
        _start(birthday(year + second, month, day)),
    )


@lru_cache(maxsize=4096)
def _stale_from(as_of: date, valid_days: int) -> datetime:
    return _start(as_of + timedelta(days=valid_days + 1))
