"""Partner messages: one thing each, one way to name a case, and the same state in any order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.partner_update import PartnerUpdate, UpdateKind, newest

CASE = "4b8c9d0e-1f2a-4b3c-8d4e-5f6a7b8c9d0e"
RIGHT: list[dict[str, Any]] = [
    {"soort": "contactgegevens-gewijzigd", "telefoonnummer": "020 555 0001"},
    {"soort": "contactgegevens-gewijzigd"},
    {"soort": "bereikbaarheid-gewijzigd", "bereikbaarheid": "niet-bereikbaar"},
    {"soort": "nieuwe-afspraak", "afspraakOp": "2026-03-09"},
    {"soort": "hulp-gestart", "hulpvorm": "schulden"},
    {"soort": "hulp-gestopt", "toelichting": "In overleg."},
]


def update(**values: object) -> PartnerUpdate:
    made = {"kenmerk": "P-1", "uitwisselingId": CASE, "peildatum": "2026-03-01", **values}
    return PartnerUpdate.model_validate(made)


@pytest.mark.parametrize("values", RIGHT)
def test_each_kind_takes_what_belongs_to_it(values: dict[str, Any]) -> None:
    told = update(**values).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert values.items() <= told.items()


@pytest.mark.parametrize(
    "values",
    [
        {"soort": "hulp-gestart", "telefoonnummer": "020 555 0001"},
        {"soort": "nieuwe-afspraak", "afspraakOp": "2026-03-09", "hulpvorm": "werk"},
        {"soort": "nieuwe-afspraak"},
        {"soort": "bereikbaarheid-gewijzigd"},
        {"soort": "hulp-gestart", "aanmeldingKenmerk": "DWI-1"},
        {"soort": "hulp-gestart", "uitwisselingId": None},
        {"soort": "verzonnen"},
        {"soort": "hulp-gestart", "burgerservicenummer": "999990019"},
    ],
)
def test_what_does_not_belong_is_refused_without_a_word_of_it(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        update(**values)
    assert "999990019" not in str(raised.value)
    assert "555" not in str(raised.value)


_SOME = st.builds(
    lambda kind, day, key: update(
        soort=kind, peildatum=f"2026-03-0{day}", kenmerk=f"P-{key}", **_NEEDS.get(kind, {})
    ),
    st.sampled_from([kind.value for kind in UpdateKind]),
    st.integers(1, 4),
    st.integers(1, 5),
)
_NEEDS: dict[str, dict[str, str]] = {
    "bereikbaarheid-gewijzigd": {"bereikbaarheid": "bereikbaar"},
    "nieuwe-afspraak": {"afspraakOp": "2026-03-09"},
}


@given(
    st.lists(_SOME, max_size=8, unique_by=lambda one: one.reference).flatmap(
        lambda all_: st.tuples(st.just(all_), st.permutations(all_))
    )
)
def test_any_order_of_arrival_ends_in_the_same_state(
    both: tuple[list[PartnerUpdate], list[PartnerUpdate]],
) -> None:
    first, second = both
    # One that comes twice changes nothing either.
    assert newest(first) == newest(second) == newest([*second, *first])


def test_help_that_stopped_after_it_started_has_stopped() -> None:
    started, stopped = (
        update(soort="hulp-gestart", peildatum="2026-03-01"),
        update(soort="hulp-gestopt", peildatum="2026-03-02", kenmerk="P-2"),
    )
    assert list(newest([stopped, started]).values()) == [stopped]
