"""OP080: order and time of arrival mean nothing. Each message is judged by itself, and whoever
orders statuses by the day that they name stands in the same place at the end."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from schemas.casework import CaseStatus, StatusMessage
from schemas.deliveries import Record, Translated
from tests.adapters.okt.written import codes_in, linked, record_of, retour_on, started, stopped
from tests.support.strategies import unhurried

STORY = (
    linked(started("2026-11-02", number="A1")),
    linked(stopped("20", day="2026-11-05", number="A2")),
    linked(started("2026-11-09", number="A3")),
    linked(stopped("31", day="2026-11-09", number="A4")),
)
STEPS = tuple(CaseStatus)


def standing(records: list[Record]) -> StatusMessage:
    """As docs/partners/okt.md tells the casebook: the latest day, and on one day the furthest."""
    statuses = [record.message for record in records if isinstance(record, Translated)]
    assert all(isinstance(one, StatusMessage) for one in statuses)
    return max(
        (one for one in statuses if isinstance(one, StatusMessage)),
        key=lambda one: (one.as_of, STEPS.index(one.status)),
    )


def test_every_order_gives_the_same_records_retours_and_standing() -> None:
    expected = {delivery: record_of(delivery) for delivery in STORY}
    for order in permutations(STORY):
        records = [record_of(delivery) for delivery in order]
        assert records == [expected[delivery] for delivery in order]
        assert standing(records).status is CaseStatus.CLOSED_REACHED


@unhurried
@given(st.lists(st.sampled_from(STORY), min_size=1, max_size=8).flatmap(
    lambda drawn: st.tuples(st.just(drawn), st.permutations(drawn))
))  # fmt: skip
def test_repeats_and_gaps_in_any_order_stand_where_the_same_set_stands(
    drawn: tuple[list[bytes], list[bytes]],
) -> None:
    sent, shuffled = drawn
    first = standing([record_of(one) for one in sent])
    assert standing([record_of(one) for one in set(shuffled)]) == first
    assert standing([record_of(one) for one in shuffled]) == first


def test_no_code_is_given_for_coming_early_or_late() -> None:
    for delivery in reversed(STORY):
        assert codes_in(retour_on(record_of(delivery))) == ["0200"]
