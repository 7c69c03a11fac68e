"""Identifiers: the eleven-test against python-stdnum's own, masking, and dates half known."""

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from stdnum.nl import bsn as stdnum_bsn

from schemas.identifiers import Bsn, PartialDate, PartnerId, Postcode, Pseudonym
from tests.support.strategies import bsn_digits, complete_bsn, partial_dates, unhurried

TEST_PERSONS = Path(__file__).parents[3] / "shared/standards/brp/test-persons.json"
DIGITS = "999900018"


def is_bsn(text: str) -> bool:
    try:
        Bsn(text)
    except ValueError:
        return False
    return True


@unhurried
@given(st.from_regex(r"[0-9]{8,9}", fullmatch=True) | bsn_digits())
@example("000000000")
@example("00000000")
@example("000000012")
@example("111222333")
def test_bsn_agrees_with_the_whole_of_stdnum(digits: str) -> None:
    # Its `validate` also rules out zero and compacts; only its `checksum` is what we call.
    assert is_bsn(digits) is bool(stdnum_bsn.is_valid(digits))


@unhurried
@given(bsn_digits())
def test_bsn_takes_every_number_made_by_arithmetic(digits: str) -> None:
    assert Bsn(digits).reveal() == digits


@unhurried
@given(bsn_digits(), st.integers(0, 8), st.integers(1, 9))
def test_one_wrong_digit_never_passes(digits: str, place: int, shift: int) -> None:
    wrong = str((int(digits[place]) + shift) % 10)
    assert not is_bsn(digits[:place] + wrong + digits[place + 1 :])


@unhurried
@given(bsn_digits(), st.integers(0, 7))
def test_two_neighbouring_digits_swapped_never_pass(digits: str, place: int) -> None:
    first, second = digits[place], digits[place + 1]
    swapped = digits[:place] + second + first + digits[place + 2 :]
    assert first == second or not is_bsn(swapped)


def test_eight_digits_are_nine_whose_zero_was_lost() -> None:
    assert Bsn("10000008") == Bsn("010000008")
    assert Bsn("10000008").reveal() == "010000008"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "000000000",
        "00000000",
        "123456783",
        "1234567",
        "0123456782",
        " 123456782",
        "123456782\n",
        "123456782\x00",
        "12345678٢",
        "١٢٣٤٥٦٧٨٢",
        "１２３４５６７８２",
        "²23456782",
        "१२३४५६७८२",
        "+12345678",
        "-12345678",
        "1234.5678",
        "1_2345678",
        "0x1234567",
    ],
)
def test_what_is_no_bsn_is_refused_without_its_value(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"^(a BSN has nine digits|the BSN fails the eleven-test)$"
    ):
        Bsn(text)


def test_the_official_test_persons_have_bsns_that_we_take() -> None:
    if not TEST_PERSONS.exists():
        pytest.skip("the official test persons are not here: shared/standards/brp is missing")
    persons = json.loads(TEST_PERSONS.read_text(encoding="utf-8"))
    numbers = [person["burgerservicenummer"] for person in persons]
    assert len(numbers) > 100
    assert [place for place, number in enumerate(numbers) if not is_bsn(number)] == []


SHOWN: list[Callable[[object], str]] = [
    repr,
    str,
    lambda value: f"{value}",
    lambda value: f"{value!s} {value!r} {value!a}",
    "{}".format,
    lambda value: "%s %r" % (value, value),  # noqa: UP031 - each way of showing is tried
    lambda value: format(value, ""),
    lambda value: str([value, {"a": value}, (value,)]),
    lambda value: str(ValueError(value)),
    lambda value: logging.LogRecord("n", 20, "p", 1, "%s", (value,), None).getMessage(),
]


@pytest.mark.parametrize("show", SHOWN)
def test_a_bsn_is_masked_however_it_is_shown(show: Callable[[object], str]) -> None:
    text = show(Bsn(DIGITS))
    assert "Bsn(*********)" in text
    assert DIGITS not in text


@pytest.mark.parametrize("show", SHOWN)
def test_a_birth_date_is_masked_however_it_is_shown(show: Callable[[object], str]) -> None:
    text = show(PartialDate("1980-05-01"))
    assert "PartialDate(****)" in text
    assert "1980" not in text


@pytest.mark.parametrize("value", [Bsn(DIGITS), PartialDate("1980-05-01")])
def test_a_masked_value_cannot_be_padded_into_view(value: object) -> None:
    with pytest.raises(TypeError, match="unsupported format string") as caught:
        format(value, ">20")
    assert DIGITS not in str(caught.value)


@unhurried
@given(st.text(max_size=12) | st.from_regex(r"[0-9]{8,9}", fullmatch=True))
@example("123456783")
def test_a_refused_bsn_stands_in_no_error(text: str) -> None:
    if is_bsn(text) or len(text) < 4 or text.isalpha():  # a word may be one of our own
        return
    with pytest.raises(ValueError, match="BSN") as refused:
        Bsn(text)
    assert text not in "".join(traceback.format_exception_only(refused.value))
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Bsn).validate_python(text)
    (detail,) = caught.value.errors(include_input=False, include_url=False)
    assert detail == {
        "type": "bsn",
        "loc": (),
        "msg": "moet een burgerservicenummer zijn (elfproef)",
    }
    assert text not in caught.value.json(include_input=False, include_url=False)


@pytest.mark.parametrize("value", [123456782, 123456782.0, True, None, b"123456782", ["123456782"]])
@pytest.mark.parametrize("kind", [Bsn, PartialDate])
def test_only_text_becomes_an_identifier(kind: type, value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)


def test_json_of_a_model_reveals_and_python_does_not() -> None:
    adapter = TypeAdapter(dict[str, Bsn])
    held = adapter.validate_python({"a": DIGITS})
    assert adapter.dump_json(held) == b'{"a":"999900018"}'
    assert DIGITS not in str(adapter.dump_python(held))


def test_equal_numbers_are_equal_and_hash_alike_and_survive_copying() -> None:
    one, other = Bsn(DIGITS), Bsn(DIGITS)
    assert one == other
    assert len({one, other, copy.deepcopy(one), pickle.loads(pickle.dumps(one))}) == 1  # noqa: S301 - our own bytes
    assert one != DIGITS
    assert one != Bsn(complete_bsn("99990003"))
    assert PartialDate("1980") != PartialDate("1980-01")
    assert PartialDate("1980") == PartialDate("1980")
    assert PartialDate("1980") != "1980"


def test_a_masked_value_has_no_open_attributes() -> None:
    assert not hasattr(Bsn(DIGITS), "__dict__")
    assert not hasattr(PartialDate("1980"), "__dict__")


@pytest.mark.parametrize(
    ("text", "earliest", "latest"),
    [
        ("1980", (1980, 1, 1), (1980, 12, 31)),
        ("1980-02", (1980, 2, 1), (1980, 2, 29)),
        ("1981-02", (1981, 2, 1), (1981, 2, 28)),
        ("1900-02", (1900, 2, 1), (1900, 2, 28)),
        ("2000-02", (2000, 2, 1), (2000, 2, 29)),
        ("1980-04", (1980, 4, 1), (1980, 4, 30)),
        ("1980-12", (1980, 12, 1), (1980, 12, 31)),
        ("1980-02-29", (1980, 2, 29), (1980, 2, 29)),
        ("1850-01-01", (1850, 1, 1), (1850, 1, 1)),
        ("2200-12-31", (2200, 12, 31), (2200, 12, 31)),
    ],
)
def test_a_half_known_date_lies_between_its_first_and_last_day(
    text: str, earliest: tuple[int, int, int], latest: tuple[int, int, int]
) -> None:
    found = PartialDate(text)
    assert (found.earliest, found.latest) == (earliest, latest)
    assert found.is_complete is (len(text) == 10)
    assert found.reveal() == text


@unhurried
@given(partial_dates())
def test_first_and_last_day_exist_and_enclose_all_the_date_could_be(born: PartialDate) -> None:
    first, last = date(*born.earliest), date(*born.latest)
    assert first <= last
    assert first.isoformat().startswith(born.reveal())
    assert last.isoformat().startswith(born.reveal())
    before, after = first - timedelta(1), last + timedelta(1)
    assert not before.isoformat().startswith(born.reveal())
    assert not after.isoformat().startswith(born.reveal())


@unhurried
@given(st.integers(1850, 2200), st.integers(0, 13), st.integers(0, 32))
def test_a_whole_date_is_taken_exactly_when_the_calendar_has_it(y: int, m: int, d: int) -> None:
    try:
        date(y, m, d)
    except ValueError:
        with pytest.raises(ValueError, match="the date does not exist"):
            PartialDate(f"{y:04}-{m:02}-{d:02}")
    else:
        assert PartialDate(f"{y:04}-{m:02}-{d:02}").is_complete


@pytest.mark.parametrize(
    "text",
    [
        "",
        "80",
        "1849",
        "2201",
        "0000",
        "1980-",
        "1980-00",
        "1980-00-00",
        "1980-13",
        "1980-05-00",
        "1981-02-29",
        "1900-02-29",
        "1980-04-31",
        "1980-5-1",
        "01-05-1980",
        "19800501",
        "1980-05-01T00:00:00",
        "1980-05-01 ",
        " 1980",
        "١٩٨٠",
        "１９８０-05",
        "onbekend",
    ],
)
def test_what_is_no_date_is_refused_without_its_value(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(a date reads YYYY, YYYY-MM or|the date does not)"):
        PartialDate(text)
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(PartialDate).validate_python(text)
    assert not text.strip() or text not in caught.value.json(include_input=False)


@pytest.mark.parametrize("text", ["1980\n", "1980-05\n", "1980-05-01\n"])
def test_a_date_with_a_line_feed_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match="a date reads"):
        PartialDate(text)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Postcode, ["1012AB", "9999ZZ"], ["0012AB", "1012ab", "1012 AB", "1012A", "1012AB\n"]),
        (PartnerId, ["dwi", "a1", "a-b"], ["d", "DWI", "1a", "-a", "a_b", "a" * 32, "dwi\n", "é1"]),
        (Pseudonym, ["A" * 43, "-" * 43], ["A" * 42, "A" * 44, "A" * 42 + "=", "A" * 43 + "\n"]),
    ],
)
def test_text_identifiers_have_one_spelling(kind: Any, good: list[str], bad: list[str]) -> None:
    adapter = TypeAdapter[str](kind)
    for text in good:
        assert adapter.validate_python(text) == text
    for text in bad:
        with pytest.raises(ValidationError):
            adapter.validate_python(text)
