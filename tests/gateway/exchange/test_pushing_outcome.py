"""What an endpoint's answers mean, as pure rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange.pushing_outcome import (
    SILENT,
    LaneState,
    Meaning,
    Pace,
    Told,
    after_failure,
    after_probe,
    pause_after,
    told_by,
    wants_probe,
)

PACE = Pace()
AWAY = Told(Meaning.AWAY, "niet-bereikbaar")


def most(low: float, high: float) -> float:
    """Chance at its worst."""
    assert low == 0
    return high


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        *((status, Meaning.TAKEN) for status in (200, 201, 202, 204)),
        *((status, Meaning.AWAY) for status in (301, 302, 307, 308, 401, 403, 404, 405, 408)),
        *((status, Meaning.AWAY) for status in (421, 425, 429, 502, 503, 504)),
        *((status, Meaning.REFUSED) for status in (400, 409, 413, 415, 422)),
        *((status, Meaning.UNCLEAR) for status in (500, 501, 507, 599)),
        (410, Meaning.GONE),
    ],
)
def test_each_status_has_one_meaning(status: int, meaning: Meaning) -> None:
    assert told_by(status).meaning is meaning


@given(st.integers(1, 10_000), st.floats(0, 1e9))
def test_no_pause_is_longer_than_its_bounds(failures: int, told: float) -> None:
    pause = pause_after(failures, told, PACE, most)
    assert 0 <= pause <= PACE.longest + PACE.longest_told


def test_pauses_double_up_to_the_longest() -> None:
    pauses = [pause_after(number, 0.0, PACE, most) for number in range(1, 12)]
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == PACE.longest


@given(st.lists(st.sampled_from([AWAY, told_by(503), told_by(429), told_by(404), SILENT])))
def test_a_recipient_that_is_away_never_costs_a_message(told: list[Told]) -> None:
    state = LaneState()
    for one in told:
        after = after_failure(state, 7, one, PACE, most)
        assert not after.is_dead
        state = after.state


def test_a_refused_message_is_dead_at_the_fifth_attempt() -> None:
    state, dead = LaneState(), []
    for _ in range(5):
        after = after_failure(state, 7, told_by(422), PACE, most)
        state = after.state
        dead.append(after.is_dead)
    assert dead == [False] * 4 + [True]
    assert state.dead_in_a_row == 1


def test_refusals_of_one_message_say_nothing_of_the_next() -> None:
    state = LaneState()
    for position in range(1, 20):
        after = after_failure(state, position, told_by(422), PACE, most)
        assert not after.is_dead
        state = after.state


def test_whoever_refuses_everything_is_the_fault_itself() -> None:
    state = LaneState(dead_in_a_row=PACE.dead_in_a_row)
    for status in (400, 500):
        for _ in range(50):
            after = after_failure(state, 7, told_by(status), PACE, most)
            assert not after.is_dead
            state = after.state
            assert not wants_probe(state, 7, told_by(status), PACE)
        assert state.reason == "weigert-alles"


def test_a_probe_is_asked_for_after_enough_failures_of_one_message() -> None:
    state, told, asked = LaneState(), told_by(500), []
    for _ in range(PACE.unclear):
        asked.append(wants_probe(state, 7, told, PACE))
        state = after_failure(state, 7, told, PACE, most).state
    assert asked == [False] * (PACE.unclear - 1) + [True]
    assert not wants_probe(state, 7, told_by(503), PACE)
    assert not wants_probe(state, 8, told, PACE)


def test_three_probes_in_a_row_between_failures_make_a_dead_letter() -> None:
    state = LaneState(failures=20, trying=7)
    for number in range(1, 4):
        state = after_probe(state, is_probe_answered=True, again=SILENT)
        assert after_failure(state, 7, SILENT, PACE, most).is_dead is (number == 3)
    unanswered = after_probe(state, is_probe_answered=False, again=None)
    assert not after_failure(unanswered, 7, SILENT, PACE, most).is_dead
    mended = after_probe(state, is_probe_answered=True, again=told_by(202))
    assert mended.suspicions == 0


def test_a_probe_that_passed_shows_nothing_where_the_message_did_not_follow() -> None:
    state = LaneState(failures=20, trying=7, suspicions=2)
    assert after_probe(state, is_probe_answered=True, again=None) == state


def test_a_suspected_message_is_not_given_up_while_the_recipient_is_away() -> None:
    state = LaneState(failures=20, trying=7, suspicions=3)
    assert not after_failure(state, 7, AWAY, PACE, most).is_dead
