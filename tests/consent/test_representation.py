"""Who may decide: ages by counting birthdays, authority by what sources say, voices by the law."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.protocol import AgeRegime
from consent.representation import (
    ADULT,
    ANY_AGE,
    BIRTHDAYS,
    FROM_12,
    FROM_16,
    GUARDIANS,
    MINOR_UNDER_16,
    NOT_KNOWN,
    UNBORN,
    UNDER_12,
    UNKNOWN,
    Holders,
    PersonFacts,
    Statement,
    Voices,
    birthday,
    guardianships,
    holders_of,
    voices_for,
)
from schemas.identifiers import PartialDate
from schemas.referral import AuthorityKind, DecidedBy
from tests.support.strategies import person_facts, statements, unhurried

TODAY = date(2026, 3, 1)
MOTHER, FATHER, OTHER = (UUID(int=n) for n in (1, 2, 3))
GEZAG, CURATELE, MENTOR = (
    AuthorityKind.PARENTAL,
    AuthorityKind.CURATELE,
    AuthorityKind.MENTORSHIP,
)
YEAR = 365


def born(*texts: str) -> PersonFacts:
    return PersonFacts(tuple(PartialDate(text) for text in texts))


def stated(
    *holders: UUID,
    days_ago: int = 10,
    source: str = "brp",
    kind: AuthorityKind = GEZAG,
) -> Statement:
    return Statement(kind, frozenset(holders), source, TODAY - timedelta(days=days_ago))


def test_the_birthdays_are_those_of_the_law() -> None:
    assert BIRTHDAYS == (12, 16, 18)
    assert ANY_AGE == UNDER_12 + FROM_12 + FROM_16 + ADULT
    assert ANY_AGE & UNBORN == 0
    assert len({UNDER_12, FROM_12, FROM_16, ADULT, UNBORN}) == 5
    assert dict(GUARDIANS) == {CURATELE: DecidedBy.CURATOR, MENTOR: DecidedBy.MENTOR}


@pytest.mark.parametrize(
    ("births", "on", "ages"),
    [
        (["2014-03-02"], TODAY, UNDER_12),
        (["2014-03-01"], TODAY, FROM_12),
        (["2010-03-02"], TODAY, FROM_12),
        (["2010-03-01"], TODAY, FROM_16),
        (["2008-03-02"], TODAY, FROM_16),
        (["2008-03-01"], TODAY, ADULT),
        (["1931-05-05"], TODAY, ADULT),
        (["2026-03-01"], TODAY, UNDER_12),
        (["2026-03-02"], TODAY, UNBORN),
        ([], TODAY, ANY_AGE),
        (["2014"], TODAY, UNDER_12 | FROM_12),
        (["2014-03"], TODAY, UNDER_12 | FROM_12),
        (["2014-02"], TODAY, FROM_12),
        (["2014-04"], TODAY, UNDER_12),
        (["2008"], date(2026, 12, 30), FROM_16 | ADULT),
        (["2008"], date(2026, 12, 31), ADULT),
        (["2026"], TODAY, UNDER_12),  # put forward, so born
        (["2026-03"], TODAY, UNDER_12),
        (["2026-04"], TODAY, UNBORN),
        (["1980-01-01", "2014-03-02"], TODAY, ADULT | UNDER_12),
        (["1980-01-01", "2030-01-01"], TODAY, ADULT | UNBORN),
        (["2012-02-29"], date(2024, 2, 28), UNDER_12),
        (["2012-02-29"], date(2024, 2, 29), FROM_12),
        (["2010-02-28", "2010-03-01"], date(2026, 2, 28), FROM_12 | FROM_16),
        (["2010-02-29"[:7]], date(2026, 2, 28), FROM_16),
    ],
)
def test_the_ages_that_a_person_could_have(births: list[str], on: date, ages: int) -> None:
    assert born(*births).ages(on) == ages


def test_who_was_born_on_29_february_turns_older_on_1_march() -> None:
    leap = born("2008-02-29")
    assert [leap.ages(date(2026, 2, 28)), leap.ages(date(2026, 3, 1))] == [FROM_16, ADULT]
    assert leap.next_birthday(date(2019, 1, 1)) == date(2020, 2, 29)
    assert leap.next_birthday(date(2025, 1, 1)) == date(2026, 3, 1)
    assert birthday(2100, 2, 29) == date(2100, 3, 1)
    assert birthday(2000, 2, 29) == date(2000, 2, 29)
    assert birthday(2024, 2, 29) == date(2024, 2, 29)
    assert birthday(2025, 2, 29) == date(2025, 3, 1)
    assert birthday(2400, 2, 29) == date(2400, 2, 29)
    assert birthday(2025, 2, 28) == date(2025, 2, 28)
    assert birthday(2025, 3, 29) == date(2025, 3, 29)


def age_on(first: date, on: date) -> int:
    """The age by counting birthdays, one by one."""
    age = 0
    while (first.year + age + 1, first.month, first.day) <= (on.year, on.month, on.day):
        age += 1
    return age


def band_on(first: date, on: date) -> int:
    if first > on:
        return UNBORN
    age = age_on(first, on)
    return UNDER_12 if age < 12 else FROM_12 if age < 16 else FROM_16 if age < 18 else ADULT


def days_of(one: PartialDate) -> list[date]:
    first, last = date(*one.earliest), date(*one.latest)
    return [first + timedelta(n) for n in range((last - first).days + 1)]


@unhurried
@given(person_facts(), st.dates(date(2025, 1, 1), date(2028, 1, 1)))
def test_invariant_09_unknown_age_is_every_age_that_it_could_be(
    person: PersonFacts, on: date
) -> None:
    expected = set()
    for one in person.births:
        bands = {band_on(day, on) for day in days_of(one)}
        # Of a month or year that has begun, the days to come are no birth dates.
        expected |= bands - {UNBORN} or bands
    assert person.ages(on) == (sum(expected) if person.births else ANY_AGE)


@unhurried
@given(person_facts(), st.dates(date(2025, 1, 1), date(2028, 1, 1)))
def test_ages_change_on_no_day_but_a_birthday_that_is_told_before(
    person: PersonFacts, on: date
) -> None:
    coming = person.next_birthday(on)
    days = {
        birthday(day.year + age, day.month, day.day)
        for one in person.births
        for day in (date(*one.earliest), date(*one.latest))
        for age in BIRTHDAYS
    }
    assert coming == min((day for day in days if day > on), default=None)
    if UNBORN & person.ages(on):
        return
    last = on + timedelta(days=800) if coming is None else coming - timedelta(days=1)
    assert person.ages(last) == person.ages(on)


def test_a_coming_birthday_is_the_first_after_the_day() -> None:
    child = born("2014-03-01")
    assert child.next_birthday(date(2026, 2, 28)) == date(2026, 3, 1)
    assert child.next_birthday(date(2026, 3, 1)) == date(2030, 3, 1)
    assert child.next_birthday(date(2030, 3, 1)) == date(2032, 3, 1)
    assert child.next_birthday(date(2032, 3, 1)) is None
    assert UNKNOWN.next_birthday(TODAY) is None
    assert born("2014").next_birthday(date(2025, 6, 1)) == date(2026, 1, 1)
    assert born("2014").next_birthday(date(2026, 1, 1)) == date(2026, 12, 31)


def test_a_coming_statement_is_the_first_dated_after_the_day() -> None:
    facts = PersonFacts((), (stated(days_ago=0), stated(days_ago=-3), stated(days_ago=-2)))
    assert facts.next_statement(TODAY) == TODAY + timedelta(days=2)
    assert facts.next_statement(TODAY + timedelta(days=3)) is None
    assert UNKNOWN.next_statement(TODAY) is None


def test_the_dead_are_known_by_a_statement() -> None:
    dead = stated(kind=AuthorityKind.DECEASED)
    assert PersonFacts((), (stated(MOTHER), dead)).is_deceased
    assert not PersonFacts((), (stated(MOTHER),)).is_deceased
    assert not UNKNOWN.is_deceased


def parents(*statements_: Statement, on: date = TODAY, valid_days: int = YEAR) -> Holders:
    return holders_of(statements_, GEZAG, on, valid_days)


STALE_FROM = TODAY + timedelta(days=YEAR - 10 + 1)


@pytest.mark.parametrize(
    ("statements_", "expected"),
    [
        ([], NOT_KNOWN),
        ([stated(MOTHER, FATHER)], Holders(frozenset({MOTHER, FATHER}), None, STALE_FROM)),
        ([stated()], Holders(frozenset(), None, STALE_FROM)),
        ([stated(MOTHER, kind=MENTOR)], NOT_KNOWN),
        ([stated(MOTHER, days_ago=-1)], NOT_KNOWN),
        ([stated(MOTHER, days_ago=YEAR + 1)], NOT_KNOWN),
        # The newest of a source stands; of equally new ones none where they differ.
        (
            [stated(MOTHER, days_ago=20), stated(FATHER)],
            Holders(frozenset({FATHER}), TODAY - timedelta(days=10), STALE_FROM),
        ),
        (
            [stated(FATHER), stated(MOTHER, days_ago=20)],
            Holders(frozenset({FATHER}), TODAY - timedelta(days=10), STALE_FROM),
        ),
        (
            [stated(MOTHER, days_ago=300), stated(FATHER, days_ago=200), stated(MOTHER)],
            Holders(frozenset({MOTHER}), TODAY - timedelta(days=10), STALE_FROM),
        ),
        # On the day of a dispute neither is known to hold it yet.
        (
            [
                stated(FATHER, days_ago=200),
                stated(MOTHER, days_ago=200, source="opgave"),
                stated(MOTHER),
            ],
            Holders(frozenset({MOTHER}), TODAY - timedelta(days=10), STALE_FROM),
        ),
        ([stated(MOTHER), stated(FATHER)], NOT_KNOWN),
        ([stated(MOTHER), stated(MOTHER)], Holders(frozenset({MOTHER}), None, STALE_FROM)),
        # Sources that agree, and that do not; also where one is stale.
        (
            [stated(MOTHER, days_ago=90), stated(MOTHER, source="opgave")],
            Holders(frozenset({MOTHER}), None, STALE_FROM),
        ),
        ([stated(MOTHER), stated(FATHER, days_ago=90, source="opgave")], NOT_KNOWN),
        ([stated(MOTHER), stated(FATHER, days_ago=YEAR + 9, source="opgave")], NOT_KNOWN),
        ([stated(MOTHER), stated(source="opgave")], NOT_KNOWN),
        (
            [
                stated(MOTHER, days_ago=YEAR + 9),
                stated(MOTHER, FATHER, days_ago=200, source="opgave"),
                stated(FATHER, days_ago=100),
                stated(FATHER, days_ago=150, source="opgave"),
                stated(FATHER),
            ],
            Holders(frozenset({FATHER}), TODAY - timedelta(days=150), STALE_FROM),
        ),
    ],
)
def test_who_holds_authority(statements_: list[Statement], expected: Holders) -> None:
    assert parents(*statements_) == expected
    assert parents(*reversed(statements_)) == expected


def test_a_statement_counts_on_its_last_day_and_not_after() -> None:
    statement = stated(MOTHER, days_ago=YEAR)
    assert parents(statement).persons == {MOTHER}
    assert parents(statement).until == TODAY + timedelta(days=1)
    assert parents(statement, on=TODAY + timedelta(days=1)) == NOT_KNOWN
    assert parents(stated(MOTHER, days_ago=8), valid_days=7) == NOT_KNOWN
    assert parents(stated(MOTHER, days_ago=0)).persons == {MOTHER}


@unhurried
@given(
    st.lists(statements(), max_size=4),
    st.dates(date(2024, 1, 1), date(2028, 1, 1)),
    st.integers(1, 900),
)
def test_no_dispute_is_settled_by_waiting(said: list[Statement], on: date, later: int) -> None:
    if any(statement.as_of > on for statement in said):
        return
    before, after = (holders_of(said, GEZAG, day, YEAR) for day in (on, on + timedelta(days=later)))
    assert after in (before, NOT_KNOWN)
    if before.until is not None:
        assert (after == before) is (on + timedelta(days=later) < before.until)


def test_a_guardianship_stands_until_its_end_is_stated() -> None:
    years_ago = 3000
    begun = stated(OTHER, days_ago=years_ago, kind=CURATELE)
    assert guardianships([begun], TODAY) == [CURATELE]
    assert guardianships([begun, stated(kind=CURATELE)], TODAY) == []
    assert guardianships([stated(kind=CURATELE), begun], TODAY) == []
    # The end of one is not that of the other, and one source does not end what another says.
    assert guardianships([begun, stated(kind=MENTOR)], TODAY) == [CURATELE]
    assert guardianships([begun, stated(kind=CURATELE, source="opgave")], TODAY) == [CURATELE]
    assert guardianships([begun, stated(OTHER, kind=MENTOR)], TODAY) == [CURATELE, MENTOR]
    assert guardianships([stated(OTHER, kind=CURATELE), stated(kind=CURATELE)], TODAY) == [CURATELE]


def test_a_guardianship_that_is_stated_for_later_has_not_begun_nor_ended() -> None:
    begun = stated(OTHER, kind=CURATELE)
    assert guardianships([begun, stated(days_ago=-1, kind=CURATELE)], TODAY) == [CURATELE]
    assert guardianships([stated(OTHER, days_ago=-1, kind=CURATELE)], TODAY) == []
    assert guardianships([stated(OTHER, days_ago=0, kind=CURATELE)], TODAY) == [CURATELE]
    assert guardianships([stated(MOTHER)], TODAY) == []


@pytest.mark.parametrize(
    ("regime", "ages", "represented", "voices"),
    [
        # UAVG article 5: one legal representative below 16, the person from 16.
        (AgeRegime.UAVG, UNDER_12, False, Voices(False, True, False, False)),
        (AgeRegime.UAVG, FROM_12, False, Voices(False, True, False, False)),
        (AgeRegime.UAVG, FROM_16, False, Voices(True, False, False, False)),
        (AgeRegime.UAVG, ADULT, False, Voices(True, False, False, False)),
        (AgeRegime.UAVG, ANY_AGE, False, Voices(True, True, False, False)),
        (AgeRegime.UAVG, UNDER_12 | FROM_12, False, Voices(False, True, False, False)),
        (AgeRegime.UAVG, FROM_12 | FROM_16, False, Voices(True, True, False, False)),
        # Jeugdwet 7.3.4 and BW 7:447, 7:450: holders below 12, both from 12, the person from 16.
        *[
            (regime, ages, False, Voices(person, False, holders, False))
            for regime in (AgeRegime.JEUGDWET, AgeRegime.WGBO)
            for ages, person, holders in [
                (UNDER_12, False, True),
                (FROM_12, True, True),
                (FROM_16, True, False),
                (ADULT, True, False),
                (ANY_AGE, True, True),
                (UNDER_12 | FROM_12, True, True),
                (FROM_12 | FROM_16, True, True),
                (FROM_16 | ADULT, True, False),
            ]
        ],
        # Curatele and mentorschap speak for an adult; who may be a minor speaks too.
        *[(regime, ADULT, True, Voices(False, False, False, True)) for regime in AgeRegime],
        *[
            (regime, FROM_16 | ADULT, True, Voices(True, False, False, True))
            for regime in AgeRegime
        ],
        (AgeRegime.UAVG, FROM_16, True, Voices(True, False, False, False)),
        (AgeRegime.UAVG, UNDER_12, True, Voices(False, True, False, False)),
        (AgeRegime.WGBO, ANY_AGE, True, Voices(True, False, True, True)),
    ],
)
def test_whose_yes_the_law_asks(
    regime: AgeRegime, ages: int, represented: bool, voices: Voices
) -> None:
    assert voices_for(regime, ages, is_represented=represented) == voices


@given(st.sampled_from(AgeRegime), st.integers(1, ANY_AGE), st.booleans())
def test_invariant_09_unknown_age_asks_every_voice_that_some_age_asks(
    regime: AgeRegime, ages: int, represented: bool
) -> None:
    # But for the person under guardianship as an adult, whose voice another has.
    bands = [band for band in (UNDER_12, FROM_12, FROM_16, ADULT) if band & ages]
    each = [voices_for(regime, band, is_represented=represented) for band in bands]
    whole = voices_for(regime, ages, is_represented=represented)
    assert whole.any_holder is any(one.any_holder for one in each)
    assert whole.all_holders is any(one.all_holders for one in each)
    assert whole.representative is any(one.representative for one in each)
    assert whole.person or not any(one.person for one in each)
    assert any(whole)
    assert not (whole.any_holder and whole.all_holders)
    assert MINOR_UNDER_16 & ages or not (whole.any_holder or whole.all_holders)
