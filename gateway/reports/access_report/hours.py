"""Office hours: when somebody who looks at another person's data is expected to be at work.

From 06:00 to 19:00 in Amsterdam, as Suwinet's review counts them, on working days. Holidays are
those of the Algemene termijnenwet, article 3 (Good Friday stands beside them there), and Easter is
reckoned as everywhere since 1583 (the anonymous Gregorian computus).
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
BEGIN, END = time(6, 0), time(19, 0)
_SATURDAY, _SUNDAY = 5, 6


def easter(year: int) -> date:
    """Easter Sunday."""
    golden, century, rest = year % 19, year // 100, year % 100
    leap, over = divmod(century, 4)
    moon = (19 * golden + century - leap - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    quarter, left = divmod(rest, 4)
    week = (32 + 2 * over + 2 * quarter - moon - left) % 7
    late = (golden + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * late + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=64)
def holidays(year: int) -> frozenset[date]:
    """The public holidays of a year in the Netherlands."""
    sunday = easter(year)
    king = date(year, 4, 27)
    if king.weekday() == _SUNDAY:
        king -= timedelta(days=1)
    return frozenset(
        {
            date(year, 1, 1),
            sunday - timedelta(days=2),
            sunday,
            sunday + timedelta(days=1),
            king,
            date(year, 5, 5),
            sunday + timedelta(days=39),
            sunday + timedelta(days=49),
            sunday + timedelta(days=50),
            date(year, 12, 25),
            date(year, 12, 26),
        }
    )


def why_outside(moment: datetime) -> str | None:
    """Why a moment lies outside office hours, in Dutch; None where it does not."""
    here = moment.astimezone(AMSTERDAM)
    if here.date() in holidays(here.year):
        return "feestdag"
    if here.weekday() in (_SATURDAY, _SUNDAY):
        return "weekend"
    if not BEGIN <= here.time() < END:
        return "avond of nacht"
    return None
