"""Serial days and formats, against days that are printed elsewhere."""

import pytest

from adapters.tabular.number_formats import Shown, date_text, hides_text, shown_by, whole, zeros_of


@pytest.mark.parametrize(
    ("serial", "is_1904", "day"),
    [
        # Microsoft's own: 1 January 2008 is 39448; 5 July 1998 is 35981, or 34519 from 1904.
        (39448, False, "2008-01-01"),
        (35981, False, "1998-07-05"),
        (34519, True, "1998-07-05"),
        (61, False, "1900-03-01"),
        (60, False, None),  # Excel's 29 February 1900, which was no day
        (1, False, None),  # programs differ by a day
        (0, True, "1904-01-01"),
        (-1, True, None),
        (2958465, False, "9999-12-31"),
        (2958466, False, None),
        (10**15, True, None),
    ],
)
def test_a_serial_day_is_the_day_that_is_shown(serial: int, is_1904: bool, day: str | None) -> None:
    assert date_text(serial, Shown.DAY, is_1904=is_1904) == day


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (Shown.DAY, "2008-01-01"),
        (Shown.MONTH, "2008-01"),
        (Shown.YEAR, "2008"),
        (Shown.UNCLEAR, None),
        (Shown.NUMBER, None),
    ],
)
def test_only_what_is_shown_is_read(shown: Shown, text: str | None) -> None:
    assert date_text(39448, shown, is_1904=False) == text


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("General", Shown.NUMBER),
        ("@", Shown.NUMBER),
        ("0", Shown.NUMBER),
        ("#,##0.00", Shown.NUMBER),
        ('0" dagen"', Shown.NUMBER),
        ("[Red]0", Shown.NUMBER),
        ("dd\\-mm\\-yyyy", Shown.DAY),
        ("[$-413]d\\ mmmm\\ yyyy;@", Shown.DAY),
        ("yyyy/mm/dd hh:mm", Shown.DAY),
        ("mmm-yy", Shown.MONTH),
        ("yyyy", Shown.YEAR),
        ("d-mmm", Shown.UNCLEAR),
        ("hh:mm", Shown.UNCLEAR),
        ("[h]:mm:ss", Shown.UNCLEAR),
        ("dd-yyyy", Shown.UNCLEAR),
        ("y" * 256, Shown.UNCLEAR),
        ("[" * 255, Shown.UNCLEAR),
        ("", Shown.NUMBER),
        ('General" st"', Shown.NUMBER),
        ("0;-0;;@", Shown.NUMBER),
        ("#,##0", Shown.NUMBER),
        ('"a;b"0', Shown.NUMBER),
        (";;;", Shown.UNCLEAR),
        ('"nee"', Shown.UNCLEAR),
        ('[=1]"nee";"ja"', Shown.UNCLEAR),
        ("0%", Shown.UNCLEAR),
        ("#,##0,", Shown.UNCLEAR),
        ("0,,", Shown.UNCLEAR),
    ],
)
def test_a_format_of_its_own_is_known_by_its_signs(code: str, shown: Shown) -> None:
    assert shown_by(164, code) is shown


def test_a_format_whose_fourth_part_is_no_text_hides_texts() -> None:
    hiding = (";;;", '0;-0;0;"x"', "General;;;")
    showing = (None, "", "@", "0;-0;;@", "dd-mm-yyyy;@", ";;", "General", '"a;b;c;d"0')
    assert all(map(hides_text, hiding))
    assert not any(map(hides_text, showing))


def test_the_formats_without_a_code_are_those_of_the_standard() -> None:
    # ECMA-376 part 1, 18.8.30: 14 mm-dd-yy, 15 d-mmm-yy, 16 d-mmm, 17 mmm-yy, 22 m/d/yy h:mm.
    found = {number: shown_by(number, None) for number in (0, 1, 9, 14, 15, 16, 17, 20, 22, 27, 49)}
    assert found == {
        0: Shown.NUMBER, 1: Shown.NUMBER, 9: Shown.UNCLEAR, 14: Shown.DAY, 15: Shown.DAY,
        16: Shown.UNCLEAR, 17: Shown.MONTH, 20: Shown.UNCLEAR, 22: Shown.DAY,
        27: Shown.UNCLEAR, 49: Shown.NUMBER,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12), ("12.0", 12), ("-3", -3), ("1.2E+1", 12), ("9.99990019E8", 999990019),
        ("12.5", None), ("1e-3", None), ("NaN", None), ("inf", None), ("", None), ("1_000", None),
        ("９", None), ("1" * 16, None), ("1E99", None), (" 1", None),
    ],
)  # fmt: skip
def test_only_whole_numbers_are_read(text: str, number: int | None) -> None:
    assert whole(text) == number


def test_a_format_of_zeros_shows_as_many_digits() -> None:
    assert [zeros_of(code) for code in ("000000000", "0", "0.00", None, "0" * 16)] == [
        9,
        0,
        0,
        0,
        0,
    ]
