"""What a number in a workbook shows: its format decides whether it is a date, and how much of one.

ECMA-376 part 1, 18.8.30 (numFmt, with the formats that need no code) and 18.17.4.1 (serial dates).
A person who types "mei 1980" gets 1 May stored and "mei-80" shown: only what the format shows was
ever said, so the day is left out and not believed.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from enum import Enum


class Shown(Enum):
    """What a cell's format lets a person see of a number."""

    NUMBER = "getal"
    DAY = "jaar, maand en dag"
    MONTH = "jaar en maand"
    YEAR = "jaar"
    UNCLEAR = "iets anders"  # a time, a date without its year, another number, or nothing


_BUILT_IN = {14: Shown.DAY, 15: Shown.DAY, 16: Shown.UNCLEAR, 17: Shown.MONTH, 22: Shown.DAY}
# Shares, times, and the dates of other calendars that these mean in some languages.
_BUILT_IN |= dict.fromkeys((9, 10, *range(18, 22), *range(27, 37), *range(45, 48), *range(50, 59)),
                           Shown.UNCLEAR)  # fmt: skip

_NOT_SHOWN = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]')
_PLACE = re.compile(r"[0#?]")
_SCALED = re.compile(r"[0#?],+(?![0#?,])")
_TEXT_PART = 3
"""The fourth part of a format is for texts."""
_ZEROS = re.compile(r"0{2,15}")
_WHOLE = re.compile(r"-?[0-9]{1,15}(?:\.0+)?")
_SCIENTIFIC = re.compile(r"-?[0-9](?:\.[0-9]{1,15})?E\+?[0-9]{1,2}", re.IGNORECASE)

_MAX_CODE = 255
"""Signs of a format's code, as in every spreadsheet program."""
_FIRST_CERTAIN = 61
"""1 March 1900. Before it programs differ by a day: Excel has a 29 February 1900."""
_LAST = 2_958_465  # 31 December 9999
_EPOCH, _EPOCH_1904 = date(1899, 12, 30), date(1904, 1, 1)


def shown_by(number: int, code: str | None) -> Shown:
    """What a format shows, by its number and, where it has one of its own, its code."""
    if not code:
        return _BUILT_IN.get(number, Shown.NUMBER)
    if len(code) > _MAX_CODE:
        return Shown.UNCLEAR
    plain = _sections(code)[0]
    signs = {sign for sign in plain if sign in "ymdhs"}
    if not signs:
        return Shown.NUMBER if _shows_number(plain) else Shown.UNCLEAR
    if "y" not in signs:
        return Shown.UNCLEAR
    if "d" in signs:
        return Shown.DAY if "m" in signs else Shown.UNCLEAR
    if signs & {"h", "s"}:
        return Shown.UNCLEAR
    return Shown.MONTH if "m" in signs else Shown.YEAR


def _sections(code: str) -> list[str]:
    """A format's parts, for numbers above zero first, without the texts and signs around."""
    return _NOT_SHOWN.sub("", code).lower().split(";")


def _shows_number(plain: str) -> bool:
    """Whether a part shows the number as it is: not hidden, a fixed text, a share or thousands."""
    if "%" in plain or _SCALED.search(plain):
        return False
    return "general" in plain or "@" in plain or _PLACE.search(plain) is not None


def hides_text(code: str | None) -> bool:
    """Whether a text is not shown by this format, as by `;;;`."""
    parts = [] if code is None or len(code) > _MAX_CODE else _sections(code)
    return len(parts) > _TEXT_PART and "@" not in parts[_TEXT_PART]


def zeros_of(code: str | None) -> int:
    """How many digits a format of nothing but zeros shows (`000000000` for a BSN); 0 if none."""
    return len(code) if code is not None and _ZEROS.fullmatch(code) else 0


def whole(text: str) -> int | None:
    """A whole number as a workbook stores it; `None` for fractions and for what is no number."""
    if _WHOLE.fullmatch(text):
        return int(text.partition(".")[0])
    if _SCIENTIFIC.fullmatch(text):
        number = float(text)
        if number.is_integer() and abs(number) < 1e15:
            return int(number)
    return None


def date_text(serial: int, shown: Shown, *, is_1904: bool) -> str | None:
    """The date as far as it is shown: `1980-05-01`, `1980-05` or `1980`; `None` if none is."""
    if is_1904:
        if not 0 <= serial <= _LAST - 1462:
            return None
        day = _EPOCH_1904 + timedelta(serial)
    else:
        if not _FIRST_CERTAIN <= serial <= _LAST:
            return None
        day = _EPOCH + timedelta(serial)
    match shown:
        case Shown.DAY:
            return day.isoformat()
        case Shown.MONTH:
            return f"{day.year:04}-{day.month:02}"
        case Shown.YEAR:
            return f"{day.year:04}"
        case Shown.NUMBER | Shown.UNCLEAR:
            return None
