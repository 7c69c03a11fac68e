import json
from itertools import pairwise
from math import gcd
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.nl import bsn as stdnum_bsn

from gateway.sandbox.population.bsn import (
    _STRIDE,
    CAPACITY,
    POPULATION,
    SCREENING,
    BsnSeries,
    failing_eleven_test,
    is_test_bsn,
)

SHARED = Path(__file__).parents[5] / "shared"
INDICES = st.integers(0, CAPACITY - 1)


@given(st.integers(0, 10**9), INDICES)
def test_every_number_passes_the_eleven_test_and_is_marked_for_test(seed: int, index: int) -> None:
    digits = BsnSeries(seed).at(index)
    assert stdnum_bsn.is_valid(digits)
    assert "900200000" <= digits <= "999899999"
    assert is_test_bsn(digits)


@given(st.integers(0, 10**9), INDICES, INDICES)
def test_two_indices_never_give_one_number(seed: int, one: int, other: int) -> None:
    series = BsnSeries(seed)
    assert (series.at(one) == series.at(other)) == (one == other)


def test_numbers_of_a_long_run_are_unique() -> None:
    series = BsnSeries(1)
    assert len({series.at(index) for index in range(300_000)}) == 300_000


def test_neighbouring_places_of_the_whole_range_are_distinct() -> None:
    # Undoing the stride walks the range in numerical order, so equal numbers would be neighbours.
    assert gcd(_STRIDE, CAPACITY) == 1
    back = pow(_STRIDE, -1, CAPACITY)
    series = BsnSeries(0)
    origin = series.at(0)
    walked = [series.at(place * back % CAPACITY) for place in range(100_000)]
    assert walked[0] == origin
    assert sum(after <= before for before, after in pairwise(walked)) <= 1  # the wrap-around
    assert len(set(walked)) == len(walked)


def test_households_and_screened_clients_have_stretches_of_their_own() -> None:
    assert POPULATION.start == 0
    assert POPULATION.stop == SCREENING.start
    assert SCREENING.stop == CAPACITY == 997_000 * 9


@pytest.mark.parametrize("index", [-1, CAPACITY])
def test_a_spent_range_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match="spent"):
        BsnSeries(1).at(index)


@given(INDICES)
def test_a_broken_number_never_passes_the_eleven_test(index: int) -> None:
    broken = failing_eleven_test(BsnSeries(5).at(index))
    assert len(broken) == 9
    assert not stdnum_bsn.is_valid(broken)
    assert not is_test_bsn(broken)


@pytest.mark.parametrize("digits", ["111222333", "123456782", "", "99999999", "9x9999999"])
def test_other_numbers_are_not_marked_for_test(digits: str) -> None:
    assert not is_test_bsn(digits)


def test_no_number_is_one_of_an_official_test_person() -> None:
    path = SHARED / "standards" / "brp" / "test-persons.json"
    if not path.exists():
        pytest.skip("../shared/standards/brp is not here: official numbers are NOT compared")
    persons = json.loads(path.read_text(encoding="utf-8"))
    official = {person.get("burgerservicenummer", "") for person in persons}
    assert len([digits for digits in official if digits.startswith("9999")]) == 410
    assert not [digits for digits in official if "900200000" <= digits <= "999899999"]
