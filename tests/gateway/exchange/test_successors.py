"""Who stands in whose place: only what was decided, from its day on, and nothing that is hidden."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange.recording import REFERRAL
from gateway.exchange.successors import Carry, Successions, Successor, successions_of
from gateway.store.groups import Original

TODAY = date(2026, 1, 3)
PARTIES = st.sampled_from(["a", "b", "c", "d"])
ROWS = st.lists(
    st.tuples(
        PARTIES,
        PARTIES,
        st.dates(date(2026, 1, 1), date(2026, 1, 5)),
        st.lists(st.sampled_from(["zaken", "kenmerken", "postvak"]), min_size=1),
    ),
    max_size=4,
)


def _original(recipient: str, sender: str, *, is_protected: bool) -> Original:
    return Original(uuid4(), REFERRAL, sender, recipient, None, None, 1, is_protected)


@given(ROWS, PARTIES, PARTIES, PARTIES, st.dates(date(2026, 1, 1), date(2026, 1, 5)))
def test_invariant_14_whatever_was_decided_a_protected_exchange_stays_as_it_was(
    rows: list[tuple[str, str, date, list[str]]], one: str, other: str, teller: str, day: date
) -> None:
    hidden = _original(one, other, is_protected=True)
    assert successions_of(rows).as_told_by(teller, hidden, day) == hidden


@given(ROWS, PARTIES, PARTIES, PARTIES, st.dates(date(2026, 1, 1), date(2026, 1, 5)))
def test_nobody_gets_a_case_but_by_a_decision_that_names_cases(
    rows: list[tuple[str, str, date, list[str]]], one: str, other: str, teller: str, day: date
) -> None:
    told = successions_of(rows).as_told_by(teller, _original(one, other, is_protected=False), day)
    assert told is not None
    if told.recipient != one:
        assert any("zaken" in what and new == told.recipient for _, new, _, what in rows)
    if told.sender != other:
        assert any("kenmerken" in what and new == told.sender for _, new, _, what in rows)


def test_a_chain_is_followed_as_far_as_each_decision_carries_it() -> None:
    cases = frozenset({Carry.CASES})
    chain = Successions({"a": Successor("b", TODAY, cases), "b": Successor("c", TODAY, cases)})
    assert chain.of("a", Carry.CASES, TODAY) == "c"
    assert chain.of("a", Carry.MAIL, TODAY) == "a"
    assert chain.of("a", Carry.CASES, TODAY - timedelta(days=1)) == "a"


def test_of_partners_that_took_over_from_each_other_each_stands_for_itself() -> None:
    both = frozenset({Carry.REFERENCES})
    ring = Successions({"a": Successor("b", TODAY, both), "b": Successor("a", TODAY, both)})
    assert [ring.of(one, Carry.REFERENCES, TODAY) for one in "ab"] == ["a", "b"]
    led_there = Successions({**ring.by_predecessor, "c": Successor("a", TODAY, both)})
    assert led_there.of("c", Carry.REFERENCES, TODAY) == "a"
