import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sandbox.population.chance import seeded
from gateway.sandbox.population.joint import fit, incidence, mix

TABLES = st.lists(st.lists(st.integers(0, 60), min_size=3, max_size=3), min_size=2, max_size=8)
MARKS = st.lists(st.sets(st.integers(0, 10)), min_size=2, max_size=40)


@given(TABLES)
def test_a_fitted_table_has_exactly_the_totals(table: list[list[int]]) -> None:
    rows = [sum(line) for line in table]
    columns = [sum(line[j] for line in table) for j in range(3)]
    found = fit([[1.0, 2.0, 0.5] for _ in table], rows, columns)
    assert [sum(line) for line in found] == rows
    assert [sum(line[j] for line in found) for j in range(3)] == columns
    assert all(value >= 0 for line in found for value in line)


def totals(marks: list[set[int]]) -> tuple[list[int], list[int]]:
    return [len(row) for row in marks], [sum(j in row for row in marks) for j in range(11)]


@given(MARKS)
def test_marks_are_found_whenever_they_exist(marks: list[set[int]]) -> None:
    rows, columns = totals(marks)
    assert totals(incidence(rows, columns)) == (rows, columns)


@given(MARKS, st.integers(0, 999))
def test_mixing_keeps_every_total(marks: list[set[int]], seed: int) -> None:
    before = totals(marks)
    mix(marks, seeded(seed, "mix"), 50)
    assert totals(marks) == before


@pytest.mark.parametrize(("rows", "columns"), [([1, 1], [1, 0]), ([2], [2]), ([3, 0], [1, 1])])
def test_totals_without_a_table_are_refused(rows: list[int], columns: list[int]) -> None:
    with pytest.raises(ValueError, match="no table"):
        incidence(rows, columns)
