"""New values take the place of old ones; never is anything added."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from consent.minimise import Part
from consent.protocol import load
from gateway.exchange.rectifying import (
    RECTIFIABLE,
    NotRectifiableError,
    as_message,
    minimised,
    read_values,
    rectified,
)
from gateway.exchange.routing import bundled_routes
from schemas.fields import FIELDS, PLACES, Place
from tests.gateway.exchange.road import EXAMPLE

FLOW = next(flow for flow in load(EXAMPLE).flows if flow.id == "dwi-aanmelding")
TODAY = date(2026, 1, 12)
VALUES: dict[str, Any] = {
    "lid.achternaam": "Nieuw",
    "lid.geboortedatum": "1981-02",
    "lid.zrm.inkomen": 5,
    "lid.zrm.verslaving": 1,
    "lid.zrm.gemetenOp": "2026-01-02",
    "huishouden.postcode": "1102AB",
    "huishouden.straatnaam": "Dam",
    "huishouden.telefoonnummer": "0201234567",
    "aanmelding.toelichting": "Nieuwe tekst.",
}


def part(category: str, member: int = 0, **values: Any) -> Part:
    return Part(member, category, orjson.dumps(values)[1:-1])


def new_of(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return minimised(read_values(values), FLOW, bundled_routes(), TODAY)


def test_the_flow_decides_what_comes_of_the_new_values() -> None:
    assert new_of(VALUES) == {
        "identiteit": {"achternaam": "Nieuw", "geboortedatum": "1981-02"},
        "zrm.inkomen": {"inkomen": 5},
        "zrm": {"gemetenOp": "2026-01-02"},
        "adres": {"postcode": "1102AB", "straatnaam": "Dam"},
        "contact": {"telefoonnummer": "0201234567"},
        "aanmelding": {"wijkteam": "zuidoost"},
    }


def test_only_the_member_who_is_meant_changes() -> None:
    parts = [part("identiteit", 0, achternaam="A"), part("identiteit", 1, achternaam="B")]
    kept, told = rectified(parts, 1, new_of(VALUES), FLOW, makes_secret=False)
    assert kept == [parts[0], part("identiteit", 1, achternaam="Nieuw")]
    assert told == {"identiteit": {"achternaam": "Nieuw"}}


def test_a_secret_address_takes_itself_away_and_nothing_else() -> None:
    parts = [
        part("adres", postcode="1012AB", straatnaam="Dam"),
        part("contact", telefoonnummer="0201234567"),
        part("aanmelding", aantalLeden=2, wijkteam="centrum"),
        part("identiteit", achternaam="A"),
    ]
    values = read_values({"huishouden.geheimhouding": True})
    new = minimised(values, FLOW, bundled_routes(), TODAY)
    kept, told = rectified(parts, None, new, FLOW, makes_secret=values.makes_secret)
    assert kept == [
        part("adres", geheimhouding=True),
        part("aanmelding", aantalLeden=2),
        part("identiteit", achternaam="A"),
    ]
    assert told == {"adres": {"geheimhouding": True}}


PARTS = st.lists(
    st.tuples(
        st.sampled_from(sorted(c for c in PLACES if PLACES[c] in tuple(Place)[:4])),
        st.integers(0, 2),
        st.sets(st.sampled_from(sorted({p.rpartition(".")[2] for p in FIELDS})), min_size=1),
    ),
    max_size=8,
    unique_by=lambda drawn: drawn[:2],
)


@given(
    PARTS,
    st.integers(0, 2),
    st.sets(st.sampled_from(sorted(VALUES)), min_size=1),
    st.booleans(),
)
def test_invariant_04_rectifying_never_adds(
    drawn: list[tuple[str, int, set[str]]], member: int, paths: set[str], secret: bool
) -> None:
    parts = [part(c, n, **dict.fromkeys(sorted(names), "oud")) for c, n, names in drawn]
    values = {path: VALUES[path] for path in paths}
    if secret:
        values["huishouden.geheimhouding"] = True
    read = read_values(values)
    new = minimised(read, FLOW, bundled_routes(), TODAY)

    kept, told = rectified(parts, member, new, FLOW, makes_secret=read.makes_secret)

    before = {(p.member, p.category): names_of(p) for p in parts}
    for one in kept:
        added = names_of(one) - before[one.member, one.category]
        assert added <= ({"geheimhouding"} if secret and one.category == "adres" else set())
    there = {name for one in kept for name in names_of(one)}
    assert {name for found in told.values() for name in found} <= there


def names_of(one: Part) -> set[str]:
    return set(orjson.loads(b"{%b}" % one.fragment))


def test_values_take_the_form_of_the_message() -> None:
    told: dict[str, dict[str, Any]] = {
        "identiteit": {"achternaam": "A"},
        "zrm.inkomen": {"inkomen": 5},
        "adres": {"straatnaam": "Dam"},
        "aanmelding": {"wijkteam": "centrum"},
    }
    assert orjson.loads(as_message(told)) == {
        "aanmelding": {"wijkteam": "centrum"},
        "huishouden": {
            "straatnaam": "Dam",
            "leden": [{"achternaam": "A", "zrm": {"inkomen": 5}}],
        },
    }


@pytest.mark.parametrize("path", sorted(set(FIELDS) - RECTIFIABLE))
def test_what_is_derived_decided_by_or_of_another_message_is_not_rectified(path: str) -> None:
    with pytest.raises(NotRectifiableError):
        read_values({path: "x"})


def test_no_value_that_the_schema_refuses_comes_in() -> None:
    for path, value in (
        ("lid.geboortedatum", "1981-13"),
        ("lid.zrm.inkomen", 6),
        ("huishouden.huisnummer", "7"),
        ("lid.achternaam", "a\x00b"),
    ):
        with pytest.raises(ValidationError):
            read_values({path: value})
