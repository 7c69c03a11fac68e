"""Office hours and public holidays, against dates that anybody can look up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.reports.access_report.hours import AMSTERDAM, easter, holidays, why_outside


@pytest.mark.parametrize(
    "sunday",
    ["1961-04-02", "2000-04-23", "2008-03-23", "2011-04-24", "2019-04-21", "2024-03-31",
     "2025-04-20", "2026-04-05", "2027-03-28", "2038-04-25", "2049-04-18", "2285-03-22"],
)  # fmt: skip
def test_easter_falls_where_the_calendars_say(sunday: str) -> None:
    assert easter(int(sunday[:4])).isoformat() == sunday


@given(st.integers(1900, 2099))
def test_easter_is_the_sunday_after_the_moon_of_gauss(year: int) -> None:
    # Gauss's own rule for these centuries, with his two exceptions.
    moon = (19 * (year % 19) + 24) % 30
    sunday = (2 * (year % 4) + 4 * (year % 7) + 6 * moon + 5) % 7
    if (moon == 29 and sunday == 6) or (moon == 28 and sunday == 6 and year % 19 > 10):
        moon -= 7
    assert easter(year) == date(year, 3, 22) + timedelta(days=moon + sunday)


def test_the_holidays_of_2026_are_those_of_the_calendar() -> None:
    assert sorted(day.isoformat() for day in holidays(2026)) == [
        "2026-01-01", "2026-04-03", "2026-04-05", "2026-04-06", "2026-04-27", "2026-05-05",
        "2026-05-14", "2026-05-24", "2026-05-25", "2026-12-25", "2026-12-26",
    ]  # fmt: skip


def test_the_kings_day_moves_from_a_sunday_to_the_day_before() -> None:
    assert date(2025, 4, 26) in holidays(2025)
    assert date(2025, 4, 27) not in holidays(2025)


@pytest.mark.parametrize(
    ("moment", "why"),
    [
        ("2026-11-17T05:59", "avond of nacht"),
        ("2026-11-17T06:00", None),
        ("2026-11-17T18:59", None),
        ("2026-11-17T19:00", "avond of nacht"),
        ("2026-11-21T12:00", "weekend"),
        ("2026-11-22T12:00", "weekend"),
        ("2026-12-25T12:00", "feestdag"),
        ("2026-05-14T12:00", "feestdag"),
    ],
)
def test_what_lies_outside_office_hours_is_said_why(moment: str, why: str | None) -> None:
    assert why_outside(datetime.fromisoformat(moment).replace(tzinfo=AMSTERDAM)) == why


def test_a_moment_is_judged_by_the_clock_in_amsterdam() -> None:
    # In July it is two hours later there, in January one.
    assert why_outside(datetime(2026, 7, 1, 4, 30, tzinfo=UTC)) is None
    assert why_outside(datetime(2026, 1, 7, 4, 30, tzinfo=UTC)) == "avond of nacht"
    assert why_outside(datetime(2026, 7, 1, 17, 30, tzinfo=UTC)) == "avond of nacht"
