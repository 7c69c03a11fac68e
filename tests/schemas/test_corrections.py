"""A correction says one thing, of one exchange, in one way."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.corrections import Correction, CorrectionKind, MemberName

EXCHANGE = "0199c0de-0000-7000-8000-000000000001"


def correction(**changes: Any) -> dict[str, Any]:
    made = {"kenmerk": "C-1", "soort": "annulering", "uitwisselingId": EXCHANGE}
    return {name: value for name, value in (made | changes).items() if value is not None}


def read(message: dict[str, Any]) -> Correction:
    return Correction.model_validate(message, by_alias=True, by_name=False)


NEEDS_A_MEMBER = [kind for kind in CorrectionKind if kind.names_a_member]


@pytest.mark.parametrize("kind", NEEDS_A_MEMBER)
def test_a_right_is_somebodys(kind: CorrectionKind) -> None:
    assert read(correction(soort=kind, lid={"plaats": 0})).kind is kind
    with pytest.raises(ValidationError):
        read(correction(soort=kind))


@pytest.mark.parametrize(
    "changes",
    [
        {"uitwisselingId": None},
        {"berichtKenmerk": "DWI-1"},
        {"waarden": {"huishouden.straatnaam": "Dam"}},
        {"lid": {"plaats": 0}},
        {"soort": "rectificatie"},
        {"soort": "rectificatie", "waarden": {"lid.achternaam": "A"}},
        {"soort": "rectificatie", "waarden": {"huishouden.straatnaam": "D"}, "lid": {"plaats": 0}},
        {"soort": "rectificatie", "waarden": {"achternaam": "A"}, "lid": {"plaats": 0}},
        {"soort": "rectificatie", "waarden": {"huishouden.straatnaam": None}},
        {"kenmerk": "a b"},
    ],
)
def test_what_says_two_things_or_nothing_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read(correction(**changes))


@pytest.mark.parametrize(
    "name",
    [
        {},
        {"plaats": 0, "pseudoniem": "A" * 43},
        {"plaats": -1},
        {"plaats": 30},
        {"plaats": True},
        {"burgerservicenummer": "123456789"},
        {"pseudoniem": "A"},
    ],
)
def test_a_member_is_named_in_exactly_one_way(name: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MemberName.model_validate(name, by_alias=True, by_name=False)


def test_a_correction_shows_nothing_of_itself() -> None:
    message = correction(
        soort="rectificatie", waarden={"lid.achternaam": "Jansen"}, lid={"plaats": 0}
    )
    assert "Jansen" not in repr(read(message))
