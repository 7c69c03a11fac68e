"""Names, dates and addresses in one spelling, and what is near."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.client import Event
from gateway.client.particulars import (
    birth_of,
    initials_of,
    is_near_name,
    is_run_together,
    is_swapped,
    persons_in,
    plain,
    sound,
    surname_parts,
)


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("van der Meij", ("mey",)),
        ("Meij, van der", ("mey",)),
        ("van 't Hof", ("hof",)),
        ("'s Gravesande", ("gravesande",)),
        ("de Vries-van den Berg", ("vries", "berg")),
        ("El Idrissi", ("idrissi",)),
        ("Müller", ("muller",)),
        ("Çelik", ("celik",)),
        ("van", ("van",)),
        ("Jansen ½", ("jansen",)),
        ("", ()),
        ("  ", ()),
    ],
)
def test_a_surname_is_compared_without_prefixes_and_diacritics(
    written: str, parts: tuple[str, ...]
) -> None:
    assert surname_parts(written) == parts


@pytest.mark.parametrize(
    ("written", "initials"),
    [("A.B.", "AB"), ("AB", "AB"), ("a b", "AB"), ("Anna Bea", "AB"), ("Anna", "A"), ("É.", "E"),
     ("", ""), ("..", ""), ("A. ½ \ufe70", "A")],
)  # fmt: skip
def test_initials_are_those_of_names_written_out_too(written: str, initials: str) -> None:
    assert initials_of(written) == initials


@pytest.mark.parametrize(
    ("written", "birth"),
    [("1980-05-01", (1980, 5, 1)), ("1980-05", (1980, 5, None)), ("1980", (1980, None, None)),
     ("1980-00-00", (1980, None, None)), ("0000-00-00", None), ("", None), ("onbekend", None)],
)  # fmt: skip
def test_a_birth_date_is_known_as_far_as_it_is_written(
    written: str, birth: tuple[int, int | None, int | None] | None
) -> None:
    assert birth_of(written) == birth


def test_day_and_month_may_have_changed_places() -> None:
    assert is_swapped((1980, 5, 1), (1980, 1, 5))
    assert not is_swapped((1980, 5, 1), (1981, 1, 5))


@pytest.mark.parametrize(
    ("one", "other", "is_near"),
    [("jansen", "janssen", True), ("jansen", "jasnen", True), ("jansen", "jansem", True),
     ("jansen", "jansen", True), ("jansen", "janse", True), ("jansen", "hansens", False),
     ("li", "lo", False), ("bakker", "bekkar", False)],
)  # fmt: skip
def test_one_slip_is_near_and_two_are_not(one: str, other: str, *, is_near: bool) -> None:
    assert is_near_name(one, other) is is_near
    assert is_near_name(other, one) is is_near


@given(st.text("abcdeinsr", min_size=5, max_size=12), st.data())
def test_any_single_slip_is_near(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 2))
    letter = data.draw(st.sampled_from("xyz"))
    for slip in (
        name[:at] + name[at + 1 :],
        name[:at] + letter + name[at:],
        name[:at] + letter + name[at + 1 :],
        name[:at] + name[at + 1] + name[at] + name[at + 2 :],
    ):
        assert is_near_name(name, slip)


def test_prefixes_may_be_written_into_a_name() -> None:
    assert is_run_together("vandenberg", "berg")
    assert is_run_together("meer", "vandermeer")
    assert not is_run_together("heuvelberg", "berg")


@given(st.text(max_size=40))
def test_no_name_is_too_strange_to_look_up(text: str) -> None:
    for part in surname_parts(text):
        assert part
        assert len(sound(part)) <= 4
    assert " " not in initials_of(text)
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize(
    "data",
    [{}, {"huishouden": None}, {"huishouden": {"leden": None}}, {"huishouden": {"leden": [1]}},
     {"huishouden": {"leden": [{}]}}, {"huishouden": {"leden": [{"achternaam": 7}]}}],
)  # fmt: skip
def test_what_a_message_lacks_is_missing_and_no_fault(data: dict[str, object]) -> None:
    event = Event.model_validate(
        {"id": uuid4(), "source": "s", "type": "nl.sluis.aanmelding", "sequence": 1,
         "time": datetime(2026, 1, 1, tzinfo=UTC), "data": data}
    )  # fmt: skip
    for one in persons_in(event):
        assert one.birth is None
        assert one.address == ""
