"""The consent register told a second time, slowly and from the law, to hold the fold against.

Ages are counted day by day over every date that a person could be born on; who must agree is asked
of each age apart. Nothing of `consent/representation.py` or `consent/register.py` is called.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from consent.protocol import AgeRegime
from consent.register import Asked, ConsentEvent
from consent.representation import PersonFacts, Statement
from schemas.identifiers import PartialDate
from schemas.referral import AuthorityKind, DecidedBy

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
BANDS = ["onder 12", "12 tot en met 15", "16 en 17", "18 en ouder"]
ROLE_OF = {AuthorityKind.CURATELE: DecidedBy.CURATOR, AuthorityKind.MENTORSHIP: DecidedBy.MENTOR}
Position = tuple[bool | None, frozenset[UUID]]


def stands(
    events: Sequence[ConsentEvent], asked: Asked, person: PersonFacts
) -> tuple[bool | None, frozenset[UUID], frozenset[str], frozenset[str]]:
    """The answer, the yeses that it rests on, and the categories refused and granted."""
    own = [e for e in events if (e.purpose, e.recipient) == (asked.purpose, asked.recipient)]
    taken_back = {e.supersedes for e in own}
    said = [e for e in own if not e.given or _holds(e, taken_back, asked, person)]
    narrow = {
        category: _position([e for e in said if e.category == category], asked, person)[0]
        for category in {e.category for e in said} - {"*"}
    }
    refused = frozenset(category for category, given in narrow.items() if given is False)
    granted = frozenset(category for category, given in narrow.items() if given)
    given, used = _position([e for e in said if e.category == "*"], asked, person)
    return given, used, refused, granted if given else frozenset()


def bands_of(person: PersonFacts, on: date) -> frozenset[str]:
    """Each age band that some possible birth date gives; of no date at all, every one."""
    found: set[str] = set()
    for born in person.births:
        found |= _bands_of(born, on)
    return frozenset(found) if person.births else frozenset(BANDS)


@lru_cache(maxsize=20_000)
def _bands_of(born: PartialDate, on: date) -> frozenset[str]:
    first, last = date(*born.earliest), date(*born.latest)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    met = [day for day in days if day <= on]
    return frozenset(BANDS[sum(_age(day, on) >= age for age in (12, 16, 18))] for day in met) or (
        frozenset({"ongeboren"})
    )


def _age(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _holds(
    event: ConsentEvent, taken_back: set[UUID | None], asked: Asked, person: PersonFacts
) -> bool:
    then = bands_of(person, _day(event.decided_at))
    return not (
        event.id in taken_back
        or event.decided_at > asked.now
        or (event.valid_until or asked.now + timedelta(days=1)) <= asked.now
        or then != bands_of(person, asked.today)
        or "ongeboren" in then
        or AuthorityKind.DECEASED in {s.kind for s in person.statements}
    )


def _day(moment: datetime) -> date:
    return moment.astimezone(AMSTERDAM).date()


def _position(said: Sequence[ConsentEvent], asked: Asked, person: PersonFacts) -> Position:
    bands = bands_of(person, asked.today)
    is_young = bool({*BANDS[:2], "ongeboren"} & bands)
    guarded = _guarded(person.statements, asked.today)
    voices: dict[object, list[ConsentEvent]] = {}
    for event in said:
        is_own = event.decided_by is DecidedBy.SELF
        voices.setdefault((event.decided_by, None if is_own else event.decider), []).append(event)
    last = [
        max(one, key=lambda e: (e.decided_at, not e.given, -e.id.int)) for one in voices.values()
    ]
    for event in last:
        is_of_guardian = event.decided_by in ROLE_OF.values()
        is_heard = event.decided_by is DecidedBy.SELF or is_young or (is_of_guardian and guarded)
        if not event.given and is_heard:
            return False, frozenset()
    yeses = [event for event in last if event.given]
    used: set[UUID] = set()
    for agreed in _asked_of(yeses, bands, guarded, asked, person):
        if not agreed:
            return None, frozenset()
        used |= {event.id for event in agreed}
    return (True, frozenset(used)) if used else (None, frozenset())


def _asked_of(
    yeses: Sequence[ConsentEvent],
    bands: frozenset[str],
    guarded: list[AuthorityKind],
    asked: Asked,
    person: PersonFacts,
) -> Iterable[list[ConsentEvent]]:
    """For each of whom a yes is asked at some possible age: those of theirs that were given."""
    own = [e for e in yeses if e.decided_by is DecidedBy.SELF]
    parents = _holders(person.statements, AuthorityKind.PARENTAL, asked)
    of_parents = [e for e in yeses if e.decided_by in (DecidedBy.PARENT, DecidedBy.GUARDIAN)]
    single = [e for e in of_parents if _is_of(e, parents)]
    jointly = [e for e in yeses if e.decided_by is DecidedBy.HOLDERS]
    joint = [e for e in jointly if _is_of(e._replace(decider=None), parents)]
    each = [e for e in single if e.decider is not None]
    is_each = parents[0] <= {e.decider for e in each}
    everybody = joint or (single if len(parents[0]) == 1 else each if is_each else [])
    is_uavg = asked.regime is AgeRegime.UAVG
    if BANDS[0] in bands:
        yield (joint or single) if is_uavg else everybody
    if BANDS[1] in bands:
        yield (joint or single) if is_uavg else everybody
        if not is_uavg:
            yield own
    if BANDS[2] in bands:
        yield own
    if BANDS[3] in bands:
        for kind in guarded:
            guardians = _holders(person.statements, kind, asked)
            yield [e for e in yeses if e.decided_by is ROLE_OF[kind] and _is_of(e, guardians)]
        if not guarded or bands != {BANDS[3]}:
            yield own


def _guarded(statements: Sequence[Statement], on: date) -> list[AuthorityKind]:
    return [
        kind
        for kind in ROLE_OF
        if any(one.holders for one in _newest_of_each_source(statements, kind, on))
    ]


def _newest_of_each_source(
    statements: Sequence[Statement], kind: AuthorityKind, on: date
) -> list[Statement]:
    known = [s for s in statements if s.kind is kind and s.as_of <= on]
    return [s for s in known if s.as_of == max(o.as_of for o in known if o.source == s.source)]


def _holders(
    statements: Sequence[Statement], kind: AuthorityKind, asked: Asked
) -> tuple[frozenset[UUID], date]:
    """Who holds it, nobody where that is not known, and since when nobody else was stated to."""
    newest = _newest_of_each_source(statements, kind, asked.today)
    said = {one.holders for one in newest}
    oldest_fresh = asked.today - timedelta(days=asked.authority_days)
    if len(said) != 1 or all(one.as_of < oldest_fresh for one in newest):
        return frozenset(), date.max
    (persons,) = said
    since = date.min
    known = [s for s in statements if s.kind is kind and s.as_of <= asked.today]
    for one in sorted(known, key=lambda s: (s.as_of, s.holders == persons)):
        if one.holders != persons:
            since = date.max
        elif since == date.max:
            since = one.as_of
    # Of one day that says both, the change is later than that day.
    return persons, since


def _is_of(event: ConsentEvent, holders: tuple[frozenset[UUID], date]) -> bool:
    persons, since = holders
    if event.decider is not None:
        return event.decider in persons
    return bool(persons) and _day(event.decided_at) >= since
