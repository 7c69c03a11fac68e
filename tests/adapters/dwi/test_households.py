"""Consecutive rows with one reference are one household, whole or not at all."""

import pytest

from schemas.deliveries import Finding, Problem, Record
from schemas.referral import MAX_MEMBERS, Role
from tests.adapters.dwi.written import GOOD_BSN, ROW, csv_of, csv_reader
from tests.adapters.feeding import TODAY, findings, outcomes, read, translated

HEADER = "kenmerk;aangemeld_op;achternaam;postcode\n"
BROKEN = Problem.BROKEN


def records_of(*lines: str) -> list[Record]:
    return read(csv_reader(TODAY), (HEADER + "\n".join(lines) + "\n").encode())


def test_rows_with_one_reference_are_one_household() -> None:
    first, second = records_of(
        "A1;2013-12-31;a;1012AB", "A1;2013-12-31;b;1012AB", "A1;;c;", "A2;2013-12-31;d;"
    )
    members = translated(first).household.members
    assert [member.surname for member in members] == ["a", "b", "c"]
    assert [member.role for member in members] == [Role.APPLICANT, Role.OTHER, Role.OTHER]
    assert (first.line, second.line) == (2, 5)


def test_findings_carry_the_line_of_their_member() -> None:
    rows = [{**ROW, "bsn": "1"}, {**ROW, "bsn": GOOD_BSN}, {**ROW, "bsn": "2"}]
    (record,) = read(csv_reader(TODAY), csv_of(rows))
    lines = [finding.line for finding in record.findings if finding.problem is Problem.ELEVEN_TEST]
    assert lines == [2, 4]


def test_a_reference_that_returns_later_is_a_record_of_its_own() -> None:
    records = records_of("A1;2013-12-31;a;", "A2;2013-12-31;b;", "A1;2013-12-31;c;")
    assert [translated(record).reference for record in records] == ["A1", "A2", "A1"]


def test_a_different_value_for_the_household_refuses_the_record() -> None:
    (record,) = records_of("A1;2013-12-31;a;1012AB", "A1;2013-12-30;b;1013AB")
    assert findings(record) == [
        (3, "aanmelding.aangemeldOp", Problem.CONTRADICTION),
        (3, "huishouden.postcode", Problem.CONTRADICTION),
    ]


def test_a_value_that_the_first_row_leaves_empty_contradicts_it() -> None:
    (record,) = records_of("A1;2013-12-31;a;", "A1;;b;1012AB")
    assert findings(record) == [(3, "huishouden.postcode", Problem.CONTRADICTION)]


def test_the_same_value_written_otherwise_does_not_contradict() -> None:
    (record,) = records_of("A1;2013-12-31;a;1012AB", "A1;31-12-2013;b;1012 ab")
    assert len(translated(record).household.members) == 2


def test_the_largest_household_is_taken_and_a_larger_one_refused() -> None:
    lines = ["A1;2013-12-31;a;"] * MAX_MEMBERS
    (largest,) = records_of(*lines)
    assert len(translated(largest).household.members) == MAX_MEMBERS
    too_large, after = records_of(*lines, "A1;;a;", "A1;;a;", "A2;2013-12-31;b;")
    assert too_large.findings == (Finding(2, "huishouden.leden", Problem.TOO_MANY),)
    assert translated(after).reference == "A2"


def test_a_member_may_leave_out_all_that_its_household_says() -> None:
    (record,) = records_of("A1;2013-12-31;a;1012AB", ";;b;", ";;c;")
    assert [member.surname for member in translated(record).household.members] == ["a", "b", "c"]


def test_a_whole_row_without_a_reference_joins_nobody() -> None:
    records = records_of("A1;2013-12-31;a;1012AB", ";2013-12-31;b;1013AB", "A2;2013-12-31;c;")
    assert outcomes(records) == [(2, "ok"), (3, None), (4, "ok")]
    assert findings(records[1]) == [(3, "aanmelding.kenmerk", Problem.MISSING)]


def test_a_member_after_a_broken_row_joins_nobody() -> None:
    records = records_of("A1;2013-12-31;a;", "B", ";;c;", "A2;2013-12-31;d;")
    assert outcomes(records) == [(2, "ok"), (3, None), (4, None), (5, "ok")]
    assert len(translated(records[0]).household.members) == 1


def test_a_first_row_without_a_reference_is_refused() -> None:
    records = records_of(";;a;", "A2;2013-12-31;c;")
    assert outcomes(records) == [(2, None), (3, "ok")]


@pytest.mark.parametrize(
    "lines",
    [
        ("A1;2013-12-31;a;", "A1;;b", "A1;;c;"),  # its own, by what stands in its place
        ("A1;2013-12-31;a;", "A1;;b"),
        ("A1;;b", "A1;2013-12-31;a;"),
        ("A1;2013-12-31;a;", '"x', "A1;;c;"),  # between two rows of the household
        ("A1;2013-12-31;a;", "B", "A1;;c;"),
    ],
)
def test_a_household_never_goes_on_without_a_member_whose_row_is_broken(
    lines: tuple[str, ...],
) -> None:
    (record,) = records_of(*lines)
    assert outcomes([record]) == [(2, "A1")]
    assert [finding.problem for finding in record.findings] == [BROKEN]


def test_a_broken_row_between_households_spoils_neither() -> None:
    records = records_of("A1;2013-12-31;a;", "zomaar iets", "A2;2013-12-31;b;")
    assert outcomes(records) == [(2, "ok"), (3, None), (4, "ok")]


def test_what_stands_in_the_place_of_a_reference_is_not_repeated() -> None:
    # The separator in a surname shifted the row: what stands first is no reference.
    (record,) = records_of("Jansen;2013-12-31;a")
    assert outcomes([record]) == [(2, None)]


def test_broken_rows_without_end_are_told_one_by_one() -> None:
    records = records_of("A1;2013-12-31;a;", *["x"] * 100, "A1;2013-12-31;b;")
    assert outcomes(records) == [(2, "ok"), *((line, None) for line in range(3, 103)), (103, "ok")]
