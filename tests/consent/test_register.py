"""The consent register's fold: order never matters, a "no" is never undone by accident or time."""

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.protocol import AgeRegime
from consent.register import (
    CATEGORY_ALL,
    NOTHING_RECORDED,
    Asked,
    ConsentEvent,
    Standing,
    amsterdam_day,
    at_once,
    standing,
)
from consent.representation import UNKNOWN, PersonFacts, Statement
from schemas.fields import CATEGORIES
from schemas.identifiers import PartialDate
from schemas.referral import AuthorityKind, DecidedBy
from tests.support.situations import situations
from tests.support.standing_oracle import stands as told
from tests.support.strategies import (
    HOLDERS,
    consent_events,
    person_facts,
    unhurried,
    voiced_events,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=2)
EVENTS = st.lists(consent_events(), max_size=8)
VOICED = st.lists(voiced_events(), max_size=6)
ONE, TWO = UUID(int=1), UUID(int=2)
MOTHER, FATHER = HOLDERS
ADULT = PersonFacts((PartialDate("1980-05-01"),))
GEZAG, CURATELE, MENTOR = (
    AuthorityKind.PARENTAL,
    AuthorityKind.CURATELE,
    AuthorityKind.MENTORSHIP,
)
WGBO, JEUGDWET, UAVG = AgeRegime.WGBO, AgeRegime.JEUGDWET, AgeRegime.UAVG
SELF, PARENT, GUARDIAN = DecidedBy.SELF, DecidedBy.PARENT, DecidedBy.GUARDIAN


def asked_at(now: datetime, regime: AgeRegime = UAVG, authority_days: int = 365) -> Asked:
    return Asked("hulp", "a", regime, now, amsterdam_day(now), authority_days)


def said(
    given_: bool,
    hour: int = 0,
    category: str = CATEGORY_ALL,
    identity: UUID = ONE,
    by: DecidedBy = SELF,
    decider: UUID | None = None,
) -> ConsentEvent:
    at = NOON + timedelta(hours=hour)
    return ConsentEvent(identity, "hulp", "a", category, given_, at, by, decider)


def stands(
    *events: ConsentEvent,
    person: PersonFacts = ADULT,
    now: datetime = LATER,
    regime: AgeRegime = UAVG,
) -> Standing:
    return standing(events, asked_at(now, regime), person)


def child(born: str = "2017-06-01", *statements: Statement) -> PersonFacts:
    return PersonFacts((PartialDate(born),), statements or (authority(MOTHER, FATHER),))


def authority(
    *holders: UUID,
    as_of: date = date(2026, 1, 1),
    kind: AuthorityKind = GEZAG,
    source: str = "brp",
) -> Statement:
    return Statement(kind, frozenset(holders), source, as_of)


def test_nothing_recorded_is_neither_yes_nor_no() -> None:
    assert stands() == NOTHING_RECORDED == Standing(None, (), frozenset(), frozenset(), None)


def test_the_latest_decision_stands_and_a_yes_is_the_evidence() -> None:
    assert stands(said(True), said(False, 1, identity=TWO)) == Standing(False)
    assert stands(said(False), said(True, 1, identity=TWO)) == Standing(True, (TWO,))


@pytest.mark.parametrize("no_first", [True, False])
def test_at_equal_moments_no_wins(no_first: bool) -> None:
    yes, no = said(True, identity=ONE), said(False, identity=TWO)
    assert stands(*([no, yes] if no_first else [yes, no])) == Standing(False)


def test_equal_moments_in_different_time_zones_are_equal() -> None:
    yes = said(True)._replace(decided_at=datetime.fromisoformat("2026-03-01T13:00:00+01:00"))
    assert stands(yes, said(False, identity=TWO)).given is False


@pytest.mark.parametrize("first", [ONE, TWO])
def test_of_equal_answers_at_one_moment_the_same_evidence_is_named(first: UUID) -> None:
    second = TWO if first == ONE else ONE
    assert stands(said(True, identity=first), said(True, identity=second)).events == (ONE,)


@pytest.mark.parametrize(
    ("purpose", "recipient"), [("onderzoek", "a"), ("hulp", "b"), ("Hulp", "a"), ("hulp ", "a")]
)
def test_a_yes_for_another_purpose_or_recipient_counts_for_nothing(
    purpose: str, recipient: str
) -> None:
    yes = said(True)._replace(purpose=purpose, recipient=recipient)
    assert stands(yes) == NOTHING_RECORDED
    assert stands(yes, said(True, identity=TWO)) == Standing(True, (TWO,))


def test_a_narrower_no_stands_beside_a_wider_yes() -> None:
    refused = frozenset({"zrm"})
    assert stands(said(True), said(False, -1, "zrm")) == Standing(True, (ONE,), refused)
    assert stands(said(True), said(False, 1, "zrm")) == Standing(True, (ONE,), refused)


def test_a_narrower_yes_widens_nothing() -> None:
    assert stands(said(True, 1, "zrm")) == NOTHING_RECORDED
    assert stands(said(False), said(True, 1, "zrm")) == Standing(False)


def test_a_narrower_yes_beside_a_wider_one_is_explicit() -> None:
    found = stands(said(True), said(True, 1, "zrm", TWO))
    assert found == Standing(True, (ONE,), frozenset(), frozenset({"zrm"}))


def test_a_narrower_yes_ends_the_narrower_no_before_it() -> None:
    found = stands(said(True), said(False, 1, "zrm"), said(True, 2, "zrm", TWO))
    assert found == Standing(True, (ONE,), frozenset(), frozenset({"zrm"}))
    assert stands(said(False, 1, "zrm"), said(True, 1, "zrm")).refused == frozenset({"zrm"})


def test_a_narrower_no_alone_is_no_answer_to_the_whole() -> None:
    assert stands(said(False, 0, "zrm")) == Standing(None, (), frozenset({"zrm"}))
    assert stands(said(False), said(False, 0, "zrm")) == Standing(False, (), frozenset({"zrm"}))


def test_a_yes_ends_at_its_own_end_and_the_no_before_it_stands_again() -> None:
    end = NOON + timedelta(days=1)
    yes = said(True)._replace(valid_until=end)
    assert stands(yes, now=end - timedelta(microseconds=1)) == Standing(True, (ONE,), until=end)
    assert stands(yes, now=end) == NOTHING_RECORDED
    assert stands(said(False, -1), yes, now=end) == Standing(False)
    narrow = [said(True, -2), said(False, -1, "zrm"), yes._replace(category="zrm")]
    assert stands(*narrow, now=NOON).granted == frozenset({"zrm"})
    assert stands(*narrow, now=end).refused == frozenset({"zrm"})


def test_a_yes_does_not_count_before_it_is_given_nor_undo_a_no() -> None:
    coming = said(True, 72, identity=TWO)
    assert stands(coming) == NOTHING_RECORDED
    assert stands(said(False), coming) == Standing(False)
    assert stands(said(True), said(False, 1, "zrm"), coming._replace(category="zrm")) == Standing(
        True, (ONE,), frozenset({"zrm"}), frozenset(), coming.decided_at
    )
    assert stands(coming, now=coming.decided_at).given is True


def test_a_no_counts_from_the_moment_it_is_known() -> None:
    assert stands(said(True), said(False, 72, identity=TWO)) == Standing(False)


def test_a_withdrawal_takes_its_yes_back_whoever_withdraws() -> None:
    yes = said(True)
    for by in DecidedBy:
        back = said(False, -5, identity=TWO, by=by)._replace(supersedes=ONE)
        assert stands(yes, back).given is not True
    assert stands(yes, said(False, -5, "zrm", TWO)._replace(supersedes=ONE)).given is not True


def test_an_event_that_takes_itself_back_is_no_yes() -> None:
    assert stands(said(True)._replace(supersedes=ONE)) == NOTHING_RECORDED
    assert stands(said(True)._replace(supersedes=TWO)) == Standing(True, (ONE,))


def test_a_withdrawal_under_another_purpose_takes_nothing_back() -> None:
    other = said(False, 1, identity=TWO)._replace(purpose="x", supersedes=ONE)
    assert stands(said(True), other) == Standing(True, (ONE,))


def test_the_dead_agree_to_nothing_and_their_no_stands() -> None:
    dead = ADULT._replace(statements=(authority(kind=AuthorityKind.DECEASED),))
    assert stands(said(True), person=dead) == NOTHING_RECORDED
    assert stands(said(True), said(True, 1), person=dead) == NOTHING_RECORDED
    assert stands(said(False), person=dead) == Standing(False)


START = datetime(2026, 5, 31, 22, tzinfo=UTC)
"""When 1 June 2026 begins in Amsterdam, the birthday of everybody below."""


@pytest.mark.parametrize(("born", "age"), [("2014-06-01", 12), ("2010-06-01", 16)])
def test_a_parents_yes_lapses_on_the_birthday(born: str, age: int) -> None:
    del age
    yes = said(True, by=PARENT, decider=MOTHER)
    before = stands(yes, person=child(born), now=START - timedelta(microseconds=1))
    assert before == Standing(True, (ONE,), until=START)
    assert stands(yes, person=child(born), now=START) == NOTHING_RECORDED


def test_ones_own_yes_lapses_when_one_comes_of_age() -> None:
    person = PersonFacts((PartialDate("2008-06-01"),))
    assert stands(said(True), person=person, now=START - timedelta(microseconds=1)) == Standing(
        True, (ONE,), until=START
    )
    assert stands(said(True), person=person, now=START) == NOTHING_RECORDED
    again = said(True)._replace(decided_at=START)
    assert stands(again, person=person, now=START) == Standing(True, (ONE,))
    a_moment_early = said(True)._replace(decided_at=START - timedelta(microseconds=1))
    assert stands(a_moment_early, person=person, now=START) == NOTHING_RECORDED


def test_a_no_never_lapses() -> None:
    for born in ("2014-06-01", "2010-06-01", "2008-06-01"):
        found = stands(said(False), person=child(born), now=NOON + timedelta(days=9000))
        assert found == Standing(False)


def test_a_parents_no_ends_where_their_authority_ends() -> None:
    no = said(False, by=PARENT, decider=MOTHER)
    person = child("2010-06-01")
    assert stands(no, person=person, now=START - timedelta(microseconds=1)) == Standing(False)
    assert stands(no, person=person, now=START) == NOTHING_RECORDED
    own = said(True, identity=TWO)._replace(decided_at=START)
    assert stands(no, own, person=person, now=START).given is True


def test_in_the_year_in_which_somebody_may_turn_16_everybody_is_asked_and_after_it_again() -> None:
    person = child("2010", authority(MOTHER))
    own, hers = said(True), said(True, identity=TWO, by=PARENT, decider=MOTHER)
    assert stands(own, person=person) == NOTHING_RECORDED
    assert stands(hers, person=person) == NOTHING_RECORDED
    first = datetime(2026, 12, 30, 23, tzinfo=UTC)  # 31 December, the last day to turn 16
    found = stands(own, hers, person=person)
    assert found == Standing(True, (ONE, TWO), until=first)
    # Then surely 16; but who was 15 when this was said could not say it alone.
    assert stands(own, hers, person=person, now=first) == NOTHING_RECORDED


def test_invariant_09_unknown_birth_date_asks_person_and_holder() -> None:
    person = PersonFacts((), (authority(MOTHER),))
    own, hers = said(True), said(True, identity=TWO, by=PARENT, decider=MOTHER)
    assert stands(own, person=person) == stands(hers, person=person) == NOTHING_RECORDED
    assert stands(own, hers, person=person).events == (ONE, TWO)
    assert stands(own, hers, person=UNKNOWN) == NOTHING_RECORDED


def test_nobody_agrees_for_who_is_not_born() -> None:
    unborn = child("2026-04-01")
    hers = said(True, by=PARENT, decider=MOTHER)
    assert stands(hers, said(True, identity=TWO), person=unborn) == NOTHING_RECORDED
    assert stands(said(False, by=PARENT), person=unborn) == Standing(False)
    # Nor for who, as another date has it, is an adult.
    disputed = PersonFacts((PartialDate("1980-05-01"), PartialDate("2030-05-01")))
    assert stands(said(True), person=disputed) == NOTHING_RECORDED
    # Nor does a yes that was dated before the birth count after it.
    assert stands(hers, person=unborn, now=NOON + timedelta(days=60)) == NOTHING_RECORDED


@pytest.mark.parametrize(
    ("regime", "born", "who", "given_"),
    [
        # UAVG: below 16 one holder, whoever of them; the child's own yes is not needed.
        (UAVG, "2017-06-01", [(PARENT, MOTHER)], True),
        (UAVG, "2017-06-01", [(PARENT, FATHER)], True),
        (UAVG, "2017-06-01", [(GUARDIAN, FATHER)], True),
        (UAVG, "2017-06-01", [(PARENT, None)], True),
        (UAVG, "2017-06-01", [(DecidedBy.HOLDERS, None)], True),
        (UAVG, "2017-06-01", [(PARENT, TWO)], None),
        (UAVG, "2017-06-01", [(SELF, None)], None),
        (UAVG, "2017-06-01", [(DecidedBy.MENTOR, MOTHER)], None),
        (UAVG, "2012-06-01", [(PARENT, MOTHER)], True),
        (UAVG, "2009-06-01", [(PARENT, MOTHER)], None),
        (UAVG, "2009-06-01", [(SELF, None)], True),
        # Jeugdwet and WGBO: below 12 all holders.
        (WGBO, "2017-06-01", [(PARENT, MOTHER)], None),
        (WGBO, "2017-06-01", [(PARENT, None)], None),
        (WGBO, "2017-06-01", [(PARENT, MOTHER), (PARENT, None)], None),
        (WGBO, "2017-06-01", [(PARENT, MOTHER), (PARENT, FATHER)], True),
        (WGBO, "2017-06-01", [(PARENT, MOTHER), (GUARDIAN, FATHER)], True),
        (WGBO, "2017-06-01", [(PARENT, MOTHER), (PARENT, TWO)], None),
        (WGBO, "2017-06-01", [(DecidedBy.HOLDERS, None)], True),
        (JEUGDWET, "2017-06-01", [(PARENT, MOTHER), (PARENT, FATHER)], True),
        (JEUGDWET, "2017-06-01", [(SELF, None)], None),
        # ... from 12 to 15 the child too ...
        (JEUGDWET, "2012-06-01", [(PARENT, MOTHER), (PARENT, FATHER)], None),
        (JEUGDWET, "2012-06-01", [(DecidedBy.HOLDERS, None)], None),
        (JEUGDWET, "2012-06-01", [(SELF, None)], None),
        (JEUGDWET, "2012-06-01", [(SELF, None), (DecidedBy.HOLDERS, None)], True),
        (JEUGDWET, "2012-06-01", [(SELF, None), (PARENT, MOTHER), (PARENT, FATHER)], True),
        (JEUGDWET, "2012-06-01", [(SELF, None), (PARENT, MOTHER)], None),
        # ... and from 16 the person alone.
        (JEUGDWET, "2009-06-01", [(SELF, None)], True),
        (JEUGDWET, "2009-06-01", [(DecidedBy.HOLDERS, None)], None),
    ],
)
def test_who_must_agree_follows_the_law_and_the_age(
    regime: AgeRegime,
    born: str,
    who: list[tuple[DecidedBy, UUID | None]],
    given_: bool | None,
) -> None:
    events = [
        said(True, identity=UUID(int=n), by=by, decider=decider)
        for n, (by, decider) in enumerate(who, start=1)
    ]
    found = stands(*events, person=child(born), regime=regime)
    assert found.given is given_
    assert set(found.events) == ({e.id for e in events} if given_ else set())


def test_of_one_holder_alone_the_unnamed_yes_is_everybodys() -> None:
    yes = said(True, by=PARENT)
    assert stands(yes, person=child("2017-06-01", authority(MOTHER)), regime=WGBO).given is True
    assert stands(yes, person=child(), regime=WGBO).given is None


def test_what_a_yes_rests_on_leaves_out_who_does_not_decide() -> None:
    found = stands(
        said(True, by=PARENT, decider=MOTHER),
        said(True, identity=TWO),
        said(True, identity=UUID(int=3), by=DecidedBy.MENTOR),
        person=child(),
    )
    assert found.events == (ONE,)


@pytest.mark.parametrize("regime", AgeRegime)
@pytest.mark.parametrize("by", [SELF, PARENT, GUARDIAN, DecidedBy.HOLDERS])
def test_a_no_of_the_child_or_of_any_holder_blocks(regime: AgeRegime, by: DecidedBy) -> None:
    agreed = [
        said(True, by=DecidedBy.HOLDERS),
        said(True, identity=TWO),
        said(True, identity=UUID(int=3), by=PARENT, decider=MOTHER),
    ]
    for born in ("2017-06-01", "2012-06-01"):
        no = said(False, identity=UUID(int=4), by=by, decider=FATHER)
        assert stands(*agreed, person=child(born), regime=regime).given is True
        assert stands(*agreed, no, person=child(born), regime=regime) == Standing(False)


def test_ones_own_voice_is_one_whatever_name_stands_beside_it() -> None:
    no, yes = said(False, decider=MOTHER), said(True, 1, identity=TWO)
    assert stands(no, yes) == Standing(True, (TWO,))


@pytest.mark.parametrize(
    "statements",
    [
        (authority(MOTHER, as_of=date(2024, 1, 1)),),
        (authority(MOTHER), authority(FATHER, source="opgave")),
        (authority(MOTHER), authority(FATHER)),
        (authority(MOTHER, kind=CURATELE),),
        (authority(),),
        (authority(MOTHER, as_of=date(2026, 3, 9)),),
    ],
    ids=["stale", "two sources", "one source", "another kind", "nobody", "not yet"],
)
def test_invariant_09_unknown_authority_lets_nobody_speak(
    statements: tuple[Statement, ...],
) -> None:
    person = child("2017-06-01", *statements)
    for by in DecidedBy:
        for decider in (MOTHER, FATHER, None):
            assert stands(said(True, by=by, decider=decider), person=person) == NOTHING_RECORDED


def test_a_yes_ends_when_the_statement_about_authority_is_stale() -> None:
    person = child("2017-06-01", authority(MOTHER))
    hers = said(True, by=PARENT, decider=MOTHER)
    stale = datetime(2027, 1, 1, 23, tzinfo=UTC)  # 2 January in Amsterdam, 366 days after
    found = stands(hers, person=person)
    assert found == Standing(True, (ONE,), until=stale)
    assert stands(hers, person=person, now=stale - timedelta(microseconds=1)) == found
    assert stands(hers, person=person, now=stale) == NOTHING_RECORDED


def test_whoever_is_not_named_must_have_spoken_since_authority_changed() -> None:
    since = date(2026, 3, 1)
    person = child("2017-06-01", authority(MOTHER), authority(MOTHER, FATHER, as_of=since))
    for by in (DecidedBy.HOLDERS, PARENT):
        before = said(True, -36, by=by)
        assert stands(before, person=person) == NOTHING_RECORDED
        assert stands(said(True, by=by), person=person).given is True
    # A joint yes is of all who held it then, whoever of them is named.
    named = said(True, -36, by=DecidedBy.HOLDERS, decider=MOTHER)
    assert stands(named, person=person) == NOTHING_RECORDED
    assert stands(said(True, -36, by=PARENT, decider=MOTHER), person=person).given is True


@pytest.mark.parametrize("regime", AgeRegime)
def test_curator_and_mentor_speak_each_for_their_own(regime: AgeRegime) -> None:
    own = said(True)
    for kind, by, wrong in [
        (CURATELE, DecidedBy.CURATOR, DecidedBy.MENTOR),
        (MENTOR, DecidedBy.MENTOR, DecidedBy.CURATOR),
    ]:
        person = ADULT._replace(statements=(authority(MOTHER, kind=kind),))
        yes = said(True, identity=TWO, by=by, decider=MOTHER)

        def now(*events: ConsentEvent, person: PersonFacts = person) -> Standing:
            return stands(*events, person=person, regime=regime)

        assert now(own) == NOTHING_RECORDED
        assert now(yes).events == now(own, yes).events == (TWO,)
        assert now(yes._replace(decider=None)).given is True
        assert now(yes._replace(decider=FATHER)) == NOTHING_RECORDED
        assert now(yes._replace(decided_by=wrong)) == NOTHING_RECORDED
        assert now(yes._replace(decided_by=PARENT)) == NOTHING_RECORDED
        assert now(yes, said(False)) == Standing(False)
        assert now(yes, said(False, by=by, decider=FATHER)) == Standing(False)


def test_under_curatele_and_mentorschap_both_are_asked() -> None:
    person = ADULT._replace(
        statements=(authority(MOTHER, kind=CURATELE), authority(FATHER, kind=MENTOR))
    )
    curator = said(True, by=DecidedBy.CURATOR, decider=MOTHER)
    mentor = said(True, identity=TWO, by=DecidedBy.MENTOR, decider=FATHER)
    assert stands(curator, person=person) == stands(mentor, person=person) == NOTHING_RECORDED
    assert stands(curator, mentor, person=person).events == (ONE, TWO)


def test_a_guardianship_that_is_stale_still_takes_the_persons_own_voice() -> None:
    stale = authority(MOTHER, kind=MENTOR, as_of=date(2019, 1, 1))
    person = ADULT._replace(statements=(stale,))
    mentor = said(True, by=DecidedBy.MENTOR, decider=MOTHER)
    assert stands(said(True), mentor, person=person) == NOTHING_RECORDED
    ended = authority(kind=MENTOR, as_of=date(2020, 1, 1))
    assert stands(said(True), person=ADULT._replace(statements=(stale, ended))).given is True


def test_a_mentors_no_counts_for_nothing_over_who_has_none() -> None:
    no = said(False, identity=TWO, by=DecidedBy.MENTOR)
    assert stands(said(True), no) == Standing(True, (ONE,))
    assert stands(said(True), said(False, identity=TWO, by=PARENT)) == Standing(True, (ONE,))
    represented = ADULT._replace(statements=(authority(MOTHER, kind=MENTOR),))
    of_parent = said(False, identity=TWO, by=PARENT)
    assert stands(said(True, by=DecidedBy.MENTOR), of_parent, person=represented).given is True


def test_a_yes_may_end_when_a_statement_for_later_comes_to_count() -> None:
    coming = authority(MOTHER, kind=MENTOR, as_of=date(2026, 6, 1))
    person = ADULT._replace(statements=(coming,))
    assert stands(said(True), person=person) == Standing(True, (ONE,), until=START)
    assert stands(said(True), person=person, now=START) == NOTHING_RECORDED


def test_a_statement_counts_for_a_year_unless_the_protocol_says_otherwise() -> None:
    assert Asked("hulp", "a", UAVG, NOON, NOON.date()).authority_days == 365


def test_until_is_the_first_of_all_that_time_may_change() -> None:
    end = NOON + timedelta(days=20)
    explicit = said(True, identity=TWO, category="zrm", by=PARENT)._replace(valid_until=end)
    found = stands(said(True, by=PARENT), explicit, person=child())
    assert (found.until, found.granted) == (end, frozenset({"zrm"}))
    mentor = authority(MOTHER, kind=MENTOR)
    adult = ADULT._replace(statements=(mentor,))
    yes = said(True, by=DecidedBy.MENTOR)
    assert stands(yes, person=adult).until == datetime(2027, 1, 1, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-03-01T22:59:59+00:00", date(2026, 3, 1)),
        ("2026-03-01T23:00:00+00:00", date(2026, 3, 2)),
        ("2026-06-01T21:59:59+00:00", date(2026, 6, 1)),
        ("2026-06-01T22:00:00+00:00", date(2026, 6, 2)),
        ("2026-03-02T11:00:00+14:00", date(2026, 3, 1)),
        ("0001-01-01T00:00:00+00:00", date(1, 1, 1)),
        ("0001-01-01T00:00:00+14:00", date(1, 1, 1)),
        ("9999-12-31T23:59:59+00:00", date(9999, 12, 31)),
    ],
)
def test_a_day_begins_in_amsterdam(moment: str, day: date) -> None:
    assert amsterdam_day(datetime.fromisoformat(moment)) == day


# The short road: taken by most, never to another answer than the long one's.


def short(
    event: ConsentEvent, person: PersonFacts, now: datetime = LATER, regime: AgeRegime = UAVG
) -> Standing | None:
    return at_once(event, asked_at(now, regime), person)


def test_the_short_road_is_taken_by_a_plain_yes_of_an_adult_and_of_a_parent() -> None:
    assert short(said(True), ADULT) == Standing(True, (ONE,))
    assert short(said(True), PersonFacts((PartialDate("2006"),))) == Standing(True, (ONE,))
    stale = datetime(2027, 1, 1, 23, tzinfo=UTC)
    hers = said(True, by=PARENT, decider=MOTHER)
    assert short(hers, child()) == Standing(True, (ONE,), until=stale)
    assert short(hers, child("2012-06-01")) == Standing(True, (ONE,), until=stale)
    assert short(hers, child("2014-06-01")) == Standing(True, (ONE,), until=START)
    assert short(hers, child("2010-06-01")) == Standing(True, (ONE,), until=START)
    today = authority(MOTHER, as_of=date(2026, 3, 3))
    assert short(hers, child("2010-06-01", today)) == Standing(True, (ONE,), until=START)
    assert short(said(True), ADULT, now=NOON) == Standing(True, (ONE,))
    begun = said(True, by=PARENT, decider=MOTHER)._replace(decided_at=START)
    for born in ("2014-06-01", "2026-06-01"):
        assert short(begun, child(born), now=START) is not None


def test_the_short_road_is_left_to_nobody_else() -> None:
    hers = said(True, by=PARENT, decider=MOTHER)
    for event, person in [
        (said(False), ADULT),
        (said(True, category="zrm"), ADULT),
        (said(True, 49), ADULT),
        (said(True)._replace(valid_until=LATER + timedelta(days=1)), ADULT),
        (said(True)._replace(supersedes=ONE), ADULT),
        (said(True)._replace(purpose="x"), ADULT),
        (said(True)._replace(recipient="x"), ADULT),
        (said(True), UNKNOWN),
        (said(True), PersonFacts((PartialDate("1980"), PartialDate("2015")))),
        (said(True), PersonFacts((PartialDate("2007-01-01"),))),
        (said(True), ADULT._replace(statements=(authority(MOTHER, kind=MENTOR),))),
        (said(True, by=DecidedBy.MENTOR), ADULT),
        (hers._replace(decider=None), child()),
        (hers._replace(decider=TWO), child()),
        (hers, child("2017-06")),
        (hers, child("2017")),
        (hers, child("2010-03-02")),
        (hers, child("2014-03-02")),
        (hers, child("2026-03-02")),
        (hers, child("2009-06-01")),
        (hers, child()._replace(statements=())),
        (hers, child("2017-06-01", authority(MOTHER), authority(MOTHER))),
        (hers, child("2017-06-01", authority(MOTHER, kind=MENTOR))),
        (hers, child("2017-06-01", authority(MOTHER, as_of=date(2026, 3, 4)))),
        (hers, child("2017-06-01", authority(MOTHER, as_of=date(2025, 3, 2)))),
    ]:
        assert short(event, person) is None
    assert short(hers, child(), regime=WGBO) is None
    assert short(hers, child(), regime=JEUGDWET) is None


@pytest.mark.parametrize("hours", [-12, 0, 14])
def test_the_short_road_is_right_in_every_time_zone(hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    for year in (2005, 2006, 2007, 2008):
        person = PersonFacts((PartialDate(f"{year}-12-31"),))
        at = datetime(2026, 1, 1, 1, tzinfo=zone)
        found = standing([said(True)._replace(decided_at=at)], asked_at(at + timedelta(1)), person)
        came_of_age = (year + 18, 12, 31) <= (day := amsterdam_day(at)).timetuple()[:3]
        assert (found.given is True and found.until is None) is (came_of_age and day.year > 0)


@unhurried
@given(voiced_events(), person_facts(), st.sampled_from(AgeRegime), st.integers(0, 900))
def test_the_short_road_never_gives_another_answer(
    event: ConsentEvent, person: PersonFacts, regime: AgeRegime, days: int
) -> None:
    now = datetime(2025, 6, 1, tzinfo=UTC) + timedelta(days=days)
    found = at_once(event, asked_at(now, regime), person)
    if found is not None:
        # Said twice: that is never short, and means the same.
        assert found == standing([event, event], asked_at(now, regime), person)


@unhurried
@given(VOICED, person_facts(), st.sampled_from(AgeRegime), st.integers(0, 900))
def test_a_second_telling_of_the_law_agrees(
    events: list[ConsentEvent], person: PersonFacts, regime: AgeRegime, days: int
) -> None:
    asked = asked_at(datetime(2025, 6, 1, tzinfo=UTC) + timedelta(days=days), regime)
    found = standing(events, asked, person)
    given_, used, refused, granted = told(events, asked, person)
    assert (found.given, frozenset(found.events)) == (given_, used)
    assert (found.refused, found.granted) == (refused, granted)


def test_a_second_telling_of_the_law_agrees_where_several_must_agree() -> None:
    yeses = 0
    for events, asked, person in situations(6000):
        found = standing(events, asked, person)
        given_, used, refused, granted = told(events, asked, person)
        assert (found.given, frozenset(found.events)) == (given_, used)
        assert (found.refused, found.granted) == (refused, granted)
        yeses += found.given is True
    assert yeses > 600


def test_time_alone_takes_and_never_gives_and_not_before_it_said_so() -> None:
    lapsed = 0
    for events, asked, person in situations(4000, seed=2):
        before = standing(events, asked, person)
        if before.given is not True:
            assert before.until is None
            continue
        for later in (timedelta(days=1), timedelta(days=400)):
            now = asked.now + later
            after = standing(events, asked._replace(now=now, today=amsterdam_day(now)), person)
            if before.until is None or now < before.until:
                assert after == before
            lapsed += after.given is not True
        if before.until is not None:
            assert before.until > asked.now
            last = before.until - timedelta(microseconds=1)
            at = asked._replace(now=last, today=amsterdam_day(last))
            assert standing(events, at, person) == before
    assert lapsed > 100


def test_taking_any_decision_back_never_widens() -> None:
    for events, asked, person in situations(1500, seed=3):
        before = standing(events, asked, person)
        for event in events:
            no = event._replace(id=UUID(int=99), given=False, supersedes=event.id)
            after = standing([*events, no], asked, person)
            assert after.given is not True or before.given is True
            assert event.id not in after.events
            assert before.refused <= after.refused
            assert after.granted <= before.granted


def test_saying_less_never_permits_more_unless_it_took_something_back() -> None:
    for events, asked, person in situations(1500, seed=4):
        before = standing(events, asked, person)
        for left_out in events:
            if left_out.given and left_out.supersedes is None:
                fewer = [event for event in events if event is not left_out]
                after = standing(fewer, asked, person)
                assert after.given is not True or before.given is True


# Properties: what must hold of every register.


@unhurried
@given(VOICED.flatmap(lambda e: st.tuples(st.just(e), st.permutations(e))), person_facts())
def test_the_order_of_recording_never_matters(
    events: tuple[list[ConsentEvent], list[ConsentEvent]], person: PersonFacts
) -> None:
    first, second = (stands(*one, person=person) for one in events)
    assert first._replace(events=tuple(sorted(first.events))) == second._replace(
        events=tuple(sorted(second.events))
    )


@unhurried
@given(EVENTS, EVENTS)
def test_recording_twice_changes_nothing(
    some: list[ConsentEvent], more: list[ConsentEvent]
) -> None:
    assert stands(*some, *more, *some) == stands(*some, *more)


@unhurried
@given(VOICED, voiced_events(), person_facts(), st.sampled_from(AgeRegime))
def test_a_no_never_widens(
    events: list[ConsentEvent], event: ConsentEvent, person: PersonFacts, regime: AgeRegime
) -> None:
    # Wherever in time it stands: also a "no" of last month that is recorded today.
    before = stands(*events, person=person, regime=regime)
    after = stands(*events, event._replace(given=False), person=person, regime=regime)
    assert after.given is not True or before.given is True
    assert before.refused <= after.refused
    assert after.granted <= before.granted


@unhurried
@given(EVENTS, st.sampled_from([CATEGORY_ALL, "zrm", "adres"]))
def test_a_withdrawal_that_is_last_is_obeyed(events: list[ConsentEvent], category: str) -> None:
    last = max((event.decided_at for event in events), default=NOON)
    after = stands(*events, said(False, category=category)._replace(decided_at=last))
    if category == CATEGORY_ALL:
        assert after.given is False
    else:
        assert category in after.refused


@unhurried
@given(VOICED, st.integers(0, 5), person_facts(), st.sampled_from(DecidedBy))
def test_a_yes_that_is_withdrawn_is_relied_on_no_more(
    events: list[ConsentEvent], which: int, person: PersonFacts, by: DecidedBy
) -> None:
    if not events:
        return
    taken = events[which % len(events)]
    back = taken._replace(
        id=UUID(int=99), given=False, decided_by=by, decider=None, supersedes=taken.id
    )
    after = stands(*events, back, person=person)
    assert taken.id not in after.events


@unhurried
@given(VOICED, person_facts(), st.sampled_from(AgeRegime))
def test_the_evidence_named_is_a_yes_of_the_persons_own_for_this_flow(
    events: list[ConsentEvent], person: PersonFacts, regime: AgeRegime
) -> None:
    found = stands(*events, person=person, regime=regime)
    assert bool(found.events) is (found.given is True)
    for identity in found.events:
        named = [event for event in events if event.id == identity]
        assert any(
            (e.purpose, e.recipient, e.category, e.given) == ("hulp", "a", CATEGORY_ALL, True)
            for e in named
        )


@unhurried
@given(EVENTS, consent_events(["onderzoek"]), consent_events(recipients=["b"]))
def test_other_purposes_and_recipients_have_no_say(
    events: list[ConsentEvent], elsewhere: ConsentEvent, to_another: ConsentEvent
) -> None:
    own = [event for event in events if (event.purpose, event.recipient) == ("hulp", "a")]
    assert stands(*events) == stands(*own) == stands(*events, elsewhere, to_another)


@unhurried
@given(VOICED, person_facts(), st.sampled_from(AgeRegime))
def test_invariant_09_unknown_never_makes_a_yes(
    events: list[ConsentEvent], person: PersonFacts, regime: AgeRegime
) -> None:
    # Knowing less of a person's age never lets through what knowing more would not.
    if stands(*events, person=UNKNOWN, regime=regime).given is True:
        raise AssertionError("nobody is known to hold authority over who may be a child")
    ageless = person._replace(births=())
    if stands(*events, person=ageless, regime=regime).given is True:
        assert any(e.decided_by is SELF and e.given for e in events)
        assert person.statements


@unhurried
@given(
    VOICED,
    person_facts(),
    st.sampled_from(AgeRegime),
    st.integers(0, 900),
    st.integers(1, 900 * 24),
)
def test_a_longer_time_never_turns_a_no_into_a_yes(
    events: list[ConsentEvent], person: PersonFacts, regime: AgeRegime, days: int, hours: int
) -> None:
    now = datetime(2025, 6, 1, tzinfo=UTC) + timedelta(days=days)
    today = amsterdam_day(now)
    # What is dated later than now is not time alone.
    known = [event for event in events if event.decided_at <= now]
    person = person._replace(statements=tuple(s for s in person.statements if s.as_of <= today))
    before = standing(known, asked_at(now, regime), person)
    after = standing(known, asked_at(now + timedelta(hours=hours), regime), person)
    assert after.given is not True or before.given is True
    if after.given is True:
        assert after.granted <= before.granted
        assert before.refused <= after.refused


@unhurried
@given(
    VOICED,
    person_facts(),
    st.sampled_from(AgeRegime),
    st.integers(0, 900),
    st.integers(1, 900 * 24 * 3600),
)
def test_until_is_honest(
    events: list[ConsentEvent], person: PersonFacts, regime: AgeRegime, days: int, seconds: int
) -> None:
    now = datetime(2025, 6, 1, tzinfo=UTC) + timedelta(days=days)
    before = standing(events, asked_at(now, regime), person)
    if before.given is not True:
        assert before.until is None
        return
    later = now + timedelta(seconds=seconds)
    if before.until is not None:
        assert before.until > now
        later = min(later, before.until - timedelta(microseconds=1))
    assert standing(events, asked_at(later, regime), person) == before


def test_the_word_for_every_category_is_no_category() -> None:
    assert CATEGORY_ALL not in CATEGORIES
