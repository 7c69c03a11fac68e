"""The consent register's fold: order never matters, a "no" is never undone by accident."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.register import CATEGORY_ALL, NOTHING_RECORDED, ConsentEvent, Standing, standing
from schemas.fields import CATEGORIES
from tests.support.strategies import consent_events, unhurried

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENTS = st.lists(consent_events(), max_size=8)
ONE, TWO = UUID(int=1), UUID(int=2)


def said(
    given_: bool, hour: int = 0, category: str = CATEGORY_ALL, identity: UUID = ONE
) -> ConsentEvent:
    return ConsentEvent(identity, "hulp", "a", category, given_, NOON + timedelta(hours=hour))


def stands(*events: ConsentEvent) -> Standing:
    return standing(events, "hulp", "a")


def test_nothing_recorded_is_neither_yes_nor_no() -> None:
    assert stands() == NOTHING_RECORDED == Standing(None, None, frozenset())


def test_the_latest_decision_stands_and_is_the_evidence() -> None:
    assert stands(said(True), said(False, 1, identity=TWO)) == Standing(False, TWO)
    assert stands(said(False), said(True, 1, identity=TWO)) == Standing(True, TWO)


@pytest.mark.parametrize("no_first", [True, False])
def test_at_equal_moments_no_wins(no_first: bool) -> None:
    yes, no = said(True, identity=ONE), said(False, identity=TWO)
    assert stands(*([no, yes] if no_first else [yes, no])) == Standing(False, TWO)


def test_equal_moments_in_different_time_zones_are_equal() -> None:
    yes = said(True)._replace(decided_at=datetime.fromisoformat("2026-03-01T13:00:00+01:00"))
    assert stands(yes, said(False, identity=TWO)).given is False


@pytest.mark.parametrize("first", [ONE, TWO])
def test_of_equal_answers_at_one_moment_the_same_evidence_is_named(first: UUID) -> None:
    second = TWO if first == ONE else ONE
    assert stands(said(True, identity=first), said(True, identity=second)).event == ONE


@pytest.mark.parametrize(
    ("purpose", "recipient"), [("onderzoek", "a"), ("hulp", "b"), ("Hulp", "a"), ("hulp ", "a")]
)
def test_a_yes_for_another_purpose_or_recipient_counts_for_nothing(
    purpose: str, recipient: str
) -> None:
    yes = said(True)._replace(purpose=purpose, recipient=recipient)
    assert stands(yes) == NOTHING_RECORDED


def test_a_narrower_no_stands_beside_a_wider_yes() -> None:
    assert stands(said(True), said(False, -1, "zrm")) == Standing(True, ONE, frozenset({"zrm"}))
    assert stands(said(True), said(False, 1, "zrm")) == Standing(True, ONE, frozenset({"zrm"}))


def test_a_narrower_yes_widens_nothing() -> None:
    assert stands(said(True, 1, "zrm")) == NOTHING_RECORDED
    assert stands(said(False), said(True, 1, "zrm")) == Standing(False, ONE)


def test_a_narrower_yes_ends_the_narrower_no_before_it() -> None:
    assert stands(said(True), said(False, 1, "zrm"), said(True, 2, "zrm")) == Standing(True, ONE)
    assert stands(said(False, 1, "zrm"), said(True, 1, "zrm")).refused == frozenset({"zrm"})


def test_a_narrower_no_alone_is_no_answer_to_the_whole() -> None:
    assert stands(said(False, 0, "zrm")) == Standing(None, None, frozenset({"zrm"}))


@unhurried
@given(EVENTS.flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))))
def test_the_order_of_recording_never_matters(
    events: tuple[list[ConsentEvent], list[ConsentEvent]],
) -> None:
    assert stands(*events[0]) == stands(*events[1])


@unhurried
@given(EVENTS, EVENTS)
def test_recording_twice_changes_nothing(
    some: list[ConsentEvent], more: list[ConsentEvent]
) -> None:
    assert stands(*some, *more, *some) == stands(*some, *more)


@unhurried
@given(EVENTS, consent_events())
def test_a_no_never_widens(events: list[ConsentEvent], event: ConsentEvent) -> None:
    # Wherever in time it stands: also a "no" of last month that is recorded today.
    before, after = stands(*events), stands(*events, event._replace(given=False))
    assert after.given is not True or before.given is True
    assert before.refused <= after.refused


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
@given(EVENTS)
def test_the_evidence_named_is_one_of_the_persons_own_for_this_flow(
    events: list[ConsentEvent],
) -> None:
    found = stands(*events)
    assert (found.event is None) is (found.given is None)
    if found.event is not None:
        named = [event for event in events if event.id == found.event]
        assert any(
            (e.purpose, e.recipient, e.category, e.given)
            == ("hulp", "a", CATEGORY_ALL, found.given)
            for e in named
        )


@unhurried
@given(EVENTS)
def test_other_purposes_and_recipients_have_no_say(events: list[ConsentEvent]) -> None:
    own = [event for event in events if (event.purpose, event.recipient) == ("hulp", "a")]
    assert stands(*events) == stands(*own)


def test_the_word_for_every_category_is_no_category() -> None:
    assert CATEGORY_ALL not in CATEGORIES
