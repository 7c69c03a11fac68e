"""Every cell is read one way or not at all: each column, what it takes, and what refuses it."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dwi.values import COLUMNS
from schemas.deliveries import Problem, Translated, Unreadable
from schemas.fields import FIELDS
from schemas.referral import Referral
from schemas.zrm import ZrmDomain
from tests.adapters.dwi.written import GOOD_BSN, ROW, csv_of, csv_reader
from tests.adapters.feeding import TODAY, findings, read, translated

COMPLETE = {
    **ROW,
    "bsn": GOOD_BSN,
    "achternaam": "x",
    "geboortedatum": "1980-05-01",
    "postcode": "1012AB",
    "zrm_datum": "2013-11-01",
    **{name: "3" for name in COLUMNS if name.startswith("zrm_") and name != "zrm_datum"},
}
"""A row without any remark."""


def outcome(**cells: str) -> list[tuple[str, Problem]]:
    """What is remarked on the complete row with these cells instead."""
    (record,) = read(csv_reader(TODAY), csv_of([{**COMPLETE, **cells}]))
    return [(path, problem) for _, path, problem in findings(record)]


def referral(**cells: str) -> Referral:
    (record,) = read(csv_reader(TODAY), csv_of([{**COMPLETE, **cells}]))
    return translated(record)


def test_a_complete_row_has_no_remarks() -> None:
    assert outcome() == []


@pytest.mark.parametrize("cell", ["2013-12-31", "31-12-2013", "20131231", "2013-12-31 "])
def test_dates_are_read_in_each_form(cell: str) -> None:
    assert referral(aangemeld_op=cell).referred_on == date(2013, 12, 31)


@pytest.mark.parametrize("cell", ["1-5-2013", "2013-5-1", "01-05-2013"])
def test_a_day_or_month_may_lack_its_leading_zero(cell: str) -> None:
    assert referral(aangemeld_op=cell).referred_on == date(2013, 5, 1)


@pytest.mark.parametrize(
    "cell",
    ["2013", "2013-12", "31-12-13", "12/31/2013", "2013-W01-1", "41639", "31-12-2013 10:00",
     "2013-12-3१", "0000-00-00", "2013-02-30", "20130230", "30-02-2013", "1388448000"],
)  # fmt: skip
def test_another_form_of_a_date_refuses_the_record(cell: str) -> None:
    assert outcome(aangemeld_op=cell) == [("aanmelding.aangemeldOp", Problem.INVALID)]
    assert outcome(zrm_datum=cell) == [("lid.zrm.gemetenOp", Problem.INVALID)]


@pytest.mark.parametrize(
    ("cell", "known"),
    [
        ("1980-05-01", "1980-05-01"),
        ("01-05-1980", "1980-05-01"),
        ("1-5-1980", "1980-05-01"),
        ("19800501", "1980-05-01"),
        ("1980", "1980"),
        ("00-00-1980", "1980"),
        ("0-0-1980", "1980"),
        ("19800000", "1980"),
        ("1980-00-00", "1980"),
        ("1980-05", "1980-05"),
        ("1980-5", "1980-05"),
        ("00-05-1980", "1980-05"),
        ("1980-05-00", "1980-05"),
        ("19800500", "1980-05"),
        ("29-02-1980", "1980-02-29"),
    ],
)
def test_birth_dates_are_read_in_each_form_and_not_completed(cell: str, known: str) -> None:
    born = referral(geboortedatum=cell).household.members[0].birth_date
    assert born is not None
    assert born.reveal() == known
    incomplete = [] if len(known) == 10 else [("lid.geboortedatum", Problem.INCOMPLETE)]
    assert outcome(geboortedatum=cell) == incomplete


@pytest.mark.parametrize("cell", ["", " ", "00000000", "0000-00-00", "00-00-0000"])
def test_no_birth_date_is_noted(cell: str) -> None:
    assert outcome(geboortedatum=cell) == [("lid.geboortedatum", Problem.MISSING)]
    assert referral(geboortedatum=cell).household.members[0].birth_date is None


@pytest.mark.parametrize(
    "cell",
    ["29-02-1981", "31-00-1980", "1980-13", "1980-00-05", "0000-05-01", "80", "onbekend", "1700",
     "01051980", "1-5-80", "19801301"],
)  # fmt: skip
def test_an_impossible_birth_date_refuses_the_record(cell: str) -> None:
    assert outcome(geboortedatum=cell) == [("lid.geboortedatum", Problem.INVALID)]


@pytest.mark.parametrize(
    ("column", "cell", "path"),
    [
        ("aangemeld_op", "2014-01-02", "aanmelding.aangemeldOp"),
        ("zrm_datum", "02-01-2014", "lid.zrm.gemetenOp"),
        ("geboortedatum", "20140102", "lid.geboortedatum"),
    ],
)
def test_a_date_in_the_future_refuses_the_record(column: str, cell: str, path: str) -> None:
    assert outcome(**{column: cell}) == [(path, Problem.IN_FUTURE)]
    assert outcome(**{column: "2014-01-01"}) == []


def test_an_agreement_in_the_future_refuses_the_record() -> None:
    assert outcome(instemming="ja", instemming_op="2014-01-02") == [
        ("lid.instemming.op", Problem.IN_FUTURE)
    ]


@pytest.mark.parametrize("cell", ["2015", "2014-02", "00-00-2015"])
def test_an_incomplete_birth_date_that_must_be_in_the_future_refuses_the_record(cell: str) -> None:
    assert outcome(geboortedatum=cell) == [("lid.geboortedatum", Problem.IN_FUTURE)]
    assert outcome(geboortedatum="2014") == [("lid.geboortedatum", Problem.INCOMPLETE)]


@pytest.mark.parametrize(
    ("cell", "digits"), [("099999031", "099999031"), ("99999031", "099999031")]
)
def test_a_bsn_gets_its_lost_zero_back_without_a_remark(cell: str, digits: str) -> None:
    bsn = referral(bsn=cell).household.members[0].bsn
    assert bsn is not None
    assert bsn.reveal() == digits
    assert outcome(bsn=cell) == []


@pytest.mark.parametrize(
    "cell", ["999990018", "000000000", "1234567", "9999900190", "9.9999E+08", "99999001९"]
)
def test_a_bsn_that_fails_the_eleven_test_refuses_the_record(cell: str) -> None:
    assert outcome(bsn=cell) == [("lid.burgerservicenummer", Problem.ELEVEN_TEST)]


@pytest.mark.parametrize("cell", ["1012AB", "1012 AB", "1012ab", "1012  Ab"])
def test_a_postcode_is_read_with_or_without_its_space(cell: str) -> None:
    assert referral(postcode=cell).household.postcode == "1012AB"


@pytest.mark.parametrize("cell", ["1012", "1012 A", "AB", "0012AB", "B-2000", "1012ABC"])
def test_what_is_no_full_postcode_is_left_out_and_noted(cell: str) -> None:
    assert outcome(postcode=cell) == [("huishouden.postcode", Problem.INCOMPLETE)]
    assert referral(postcode=cell).household.postcode is None


@pytest.mark.parametrize(
    ("column", "path"),
    [
        ("bsn", "lid.burgerservicenummer"),
        ("achternaam", "lid.achternaam"),
        ("geboortedatum", "lid.geboortedatum"),
        ("postcode", "huishouden.postcode"),
    ],
)
def test_what_the_programme_misses_daily_is_noted_not_refused(column: str, path: str) -> None:
    assert outcome(**{column: ""}) == [(path, Problem.MISSING)]


def test_an_incomplete_measurement_is_noted() -> None:
    assert outcome(zrm_justitie="") == [("lid.zrm", Problem.INCOMPLETE)]


def test_scores_without_their_date_are_left_out() -> None:
    assert ("lid.zrm.gemetenOp", Problem.MISSING) in outcome(zrm_datum="")
    assert referral(zrm_datum="").household.members[0].zrm is None


def test_a_date_without_scores_is_left_out() -> None:
    (record,) = read(csv_reader(TODAY), csv_of([{**ROW, "zrm_datum": "2013-11-01"}]))
    assert (2, "lid.zrm", Problem.INCOMPLETE) in findings(record)
    assert translated(record).household.members[0].zrm is None


@pytest.mark.parametrize("domain", ZrmDomain)
@pytest.mark.parametrize("cell", ["0", "6", "3.0", "drie", "³"])
def test_a_score_outside_one_to_five_refuses_the_record(domain: ZrmDomain, cell: str) -> None:
    (name,) = (column.name for column in COLUMNS.values() if column.key == domain)
    assert outcome(**{name: cell}) == [(f"lid.zrm.{domain}", Problem.INVALID)]


@pytest.mark.parametrize(
    ("column", "cell", "path", "problem"),
    [
        ("kenmerk", "A 1", "aanmelding.kenmerk", Problem.INVALID),
        ("kenmerk", "x" * 65, "aanmelding.kenmerk", Problem.INVALID),
        ("kenmerk", "=1+1", "aanmelding.kenmerk", Problem.INVALID),
        ("aangemeld_op", "", "aanmelding.aangemeldOp", Problem.MISSING),
        ("grondslag", "wwb", "aanmelding.grondslag", Problem.UNKNOWN_CODE),
        ("rol", "oma", "lid.rol", Problem.UNKNOWN_CODE),
        ("geslacht", "1", "lid.geslacht", Problem.UNKNOWN_CODE),
        ("uitkering", "soms", "lid.ontvangtUitkering", Problem.UNKNOWN_CODE),
        ("geheimhouding", "x", "huishouden.geheimhouding", Problem.UNKNOWN_CODE),
        ("trede", "7", "lid.participatietrede", Problem.INVALID),
        ("huisnummer", "12A", "huishouden.huisnummer", Problem.INVALID),
        ("huisnummer", "0", "huishouden.huisnummer", Problem.INVALID),
        ("huisnummer", "١٢", "huishouden.huisnummer", Problem.INVALID),
        ("toevoeging", "x" * 11, "huishouden.huisnummertoevoeging", Problem.TOO_LONG),
        ("telefoon", "geen", "huishouden.telefoonnummer", Problem.INVALID),
        ("achternaam", "x" * 201, "lid.achternaam", Problem.TOO_LONG),
        ("toelichting", "x" * 4001, "aanmelding.toelichting", Problem.TOO_LONG),
    ],
)
def test_a_wrong_cell_refuses_the_record(
    column: str, cell: str, path: str, problem: Problem
) -> None:
    assert outcome(**{column: cell}) == [(path, problem)]


def test_every_wrong_cell_of_a_record_is_told_at_once() -> None:
    assert outcome(bsn="1", geboortedatum="x", zrm_inkomen="9", achternaam="x" * 201) == [
        ("lid.geboortedatum", Problem.INVALID),
        ("lid.zrm.inkomen", Problem.INVALID),
        ("lid.burgerservicenummer", Problem.ELEVEN_TEST),
        ("lid.achternaam", Problem.TOO_LONG),
    ]


@pytest.mark.parametrize(
    ("cells", "path"),
    [
        ({"instemming": "ja"}, "lid.instemming.op"),
        ({"instemming": "nee"}, "lid.instemming.op"),
        ({"instemming_op": "2013-12-30"}, "lid.instemming.gegeven"),
    ],
)
def test_an_agreement_needs_its_date_and_its_answer(cells: dict[str, str], path: str) -> None:
    assert outcome(**cells) == [(path, Problem.MISSING)]


@pytest.mark.parametrize(("cell", "given"), [("ja", True), ("N", False), ("1", True), ("0", False)])
def test_yes_and_no_are_read_in_each_form(cell: str, given: bool) -> None:
    agreement = referral(instemming=cell, instemming_op="2013-12-30").household.members[0].agreement
    assert agreement is not None
    assert agreement.given is given


@pytest.mark.parametrize("cell", ["Participatiewet", "WMO2015", "jeugdwet", "Wgs", "GEEN"])
def test_a_ground_is_read_in_capitals_or_not(cell: str) -> None:
    ground = referral(grondslag=cell).ground
    assert ground is not None
    assert ground.value == cell.lower()


def test_every_column_leads_to_a_field_of_the_protocol_or_to_the_message_around_it() -> None:
    around = {"aanmelding.kenmerk", "lid.instemming", "lid.gezag"}
    for column in COLUMNS.values():
        assert column.path in FIELDS or column.path.startswith(tuple(around)), column.name


@given(st.sampled_from(sorted(COLUMNS)), st.text(max_size=30))
def test_any_text_in_any_column_gives_one_outcome(name: str, cell: str) -> None:
    records = read(csv_reader(TODAY), csv_of([{**COMPLETE, name: cell}]))
    assert all(isinstance(record, Translated | Unreadable) for record in records)
    assert [record.line for record in records][:1] == [2]
