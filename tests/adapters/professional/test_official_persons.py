"""The official test persons (RvIG) of Amsterdam as a professional would enter them, and routed.

Read from `../shared`, whose SOURCES.md says where they come from; skipped, loudly, without it.
"""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from adapters.registry import ADAPTERS
from gateway.exchange.routing import bundled_routes
from tests.adapters.feeding import read, translated
from tests.adapters.professional.written import FORMS

AMSTERDAM = "0363"


def row_of(number: int, person: dict[str, Any]) -> dict[str, str]:
    place, name = person.get("verblijfplaats", {}), person.get("naam", {})
    return {
        "kenmerk": f"MADI-{number}",
        "aangemeld_op": "02-02-2026",
        "rol": "aanmelder",
        "bsn": person["burgerservicenummer"],
        "voorvoegsel": name.get("voorvoegsel", ""),
        "achternaam": name.get("geslachtsnaam", ""),
        "geboortedatum": person.get("geboorte", {}).get("datum", ""),
        "geslacht": person.get("geslacht", {}).get("code", ""),
        "postcode": place.get("postcode", ""),
        "huisnummer": place.get("huisnummer", ""),
        "geheimhouding": "ja" if person.get("geheimhoudingPersoonsgegevens") == "1" else "nee",
    }


@pytest.mark.parametrize("media_type", FORMS)
def test_official_persons_in_amsterdam_come_in_and_are_routed(
    shared: Path, media_type: str
) -> None:
    path = shared / "standards" / "brp" / "test-persons.json"
    here: Sequence[dict[str, Any]] = [
        person
        for person in json.loads(path.read_text(encoding="utf-8"))
        if person.get("gemeenteVanInschrijving", {}).get("code") == AMSTERDAM
    ]
    assert len(here) > 40
    rows = [row_of(number, person) for number, person in enumerate(here)]
    reader = ADAPTERS["professional"].readers[media_type](date(2026, 2, 2))
    records = read(reader, FORMS[media_type](rows))
    assert len(records) == len(here)
    routes, teams = bundled_routes(), []
    for row, record in zip(rows, records, strict=True):
        referral = translated(record)
        member = referral.household.members[0]
        assert member.bsn is not None
        assert member.bsn.reveal() == row["bsn"]
        assert member.surname == (row["achternaam"] or None)
        assert referral.household.postcode == (row["postcode"] or None)
        if referral.household.postcode is not None:
            teams.append(routes.team(referral.household.postcode, date(2026, 2, 2)))
    # Border postcodes, and Westpoort, which has no team in the programme's figures: to the desk.
    # Two of these have a secret address besides, which the road sends to a desk of its own.
    assert (sum(team == routes.desk for team in teams), len(teams)) == (14, 63)
