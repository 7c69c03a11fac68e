"""Our typed figures against the shared ones, cell by cell, and against their own totals."""

import csv
from datetime import date
from pathlib import Path

import pytest

from gateway.sandbox.population import margins
from gateway.sandbox.population.assumptions import POSTCODE_AREAS
from gateway.sandbox.population.household import Children, District, PostcodeState
from schemas.casework import CaseStatus
from schemas.zrm import ZrmDomain

SHARED = Path(__file__).parents[5] / "shared"
PHASES = {
    "instroom": CaseStatus.INTAKE,
    "beheer_actief": CaseStatus.ACTIVE,
    "beheer_passief": CaseStatus.PASSIVE,
    "afgesloten_bereikt": CaseStatus.CLOSED_REACHED,
    "afgesloten_niet_bereikt": CaseStatus.CLOSED_NOT_REACHED,
}
CHILDREN = {
    "with_children": Children.WITH,
    "without_children": Children.WITHOUT,
    "birthdate_incorrect": Children.UNDETERMINED,
}
POSTCODES = {
    "volledig": PostcodeState.FULL,
    "onvolledig": PostcodeState.INCOMPLETE,
    "niet_ingevuld": PostcodeState.MISSING,
}


def shared(name: str, key: str) -> dict[str, dict[str, str]]:
    path = SHARED / "domain" / name
    if not path.exists():
        pytest.skip(f"../shared/domain/{name} is not here: our figures are NOT compared with it")
    with path.open(encoding="utf-8", newline="") as file:
        return {row.pop(key): row for row in csv.DictReader(file)}


def test_table_3_13_is_typed_over_cell_for_cell() -> None:
    rows = shared("households.csv", "status")
    for name, phase in PHASES.items():
        for place, district in enumerate(District):
            printed = int(rows[name][district.replace("-", "_")])
            assert margins.HOUSEHOLDS[phase][place] == printed
        assert margins.HOUSEHOLDS_BY_PHASE[phase] == int(rows[name]["total"])
    for place, district in enumerate(District):
        printed = int(rows["total"][district.replace("-", "_")])
        assert margins.HOUSEHOLDS_BY_DISTRICT[place] == printed
    assert int(rows["total"]["total"]) == margins.HOUSEHOLDS_WITH_PHASE
    assert set(rows) == {*PHASES, "total"}


def test_table_3_6_is_typed_over_cell_for_cell() -> None:
    rows = shared("households_by_children.csv", "status")
    for column, children in CHILDREN.items():
        place = list(Children).index(children)
        for name, phase in PHASES.items():
            assert margins.HOUSEHOLDS_BY_CHILDREN[phase][place] == int(rows[name][column])
        assert margins.CHILDREN_TOTALS[children] == int(rows["total"][column])
    for name, phase in PHASES.items():
        assert margins.HOUSEHOLDS_BY_PHASE[phase] == int(rows[name]["total"])
    assert int(rows["total"]["total"]) == margins.HOUSEHOLDS_WITH_PHASE


def test_table_3_7_is_typed_over_cell_for_cell() -> None:
    rows = shared("persons.csv", "stadsdeel")
    typed = {district.replace("-", "_"): row for district, row in margins.PERSONS.items()}
    typed["total"] = margins.PERSONS_TOTAL
    assert set(rows) == set(typed)
    for name, row in rows.items():
        assert typed[name] == margins.DistrictPersons(*map(int, row.values()))


def test_table_3_12_is_typed_over_cell_for_cell() -> None:
    rows = shared("zrm.csv", "domain")
    measured = list(map(int, rows.pop("n").values()))
    assert measured == [margins.ZRM_FIRST, margins.ZRM_FOLLOWED, margins.ZRM_FOLLOWED]
    assert len(rows) == len(margins.ZRM_SHARES) == 11
    for name, row in rows.items():
        head, *tail = name.split("_")
        typed = margins.ZRM_SHARES[ZrmDomain(head + "".join(map(str.capitalize, tail)))]
        percents = [round(float(share) * 100) for share in row.values()]
        assert [typed.first, typed.followed_first, typed.followed_second] == percents


def test_table_4_2_is_typed_over_cell_for_cell() -> None:
    path = SHARED / "domain" / "data_quality.csv"
    if not path.exists():
        pytest.skip("../shared/domain/data_quality.csv is not here: our figures are NOT compared")
    with path.open(encoding="utf-8", newline="") as file:
        rows = {(row["field"], row["value"]): row for row in csv.DictReader(file)}
    dossiers = rows.pop(("dossiers", "total"))
    dates = [name for name in dossiers if name.startswith("2013")]
    assert {date.fromisoformat(day): int(dossiers[day]) for day in dates} == margins.DOSSIERS
    found = {key: int(row["2013-12-31"]) for key, row in rows.items()}
    postcodes = {("postcode", name): margins.POSTCODES[state] for name, state in POSTCODES.items()}
    assert found == {
        ("regiecheck", "ja"): margins.COORDINATION_CHECK[True],
        ("regiecheck", "nee"): margins.COORDINATION_CHECK[False],
        ("regiecheck", "niet_ingevuld"): margins.COORDINATION_CHECK[None],
        ("verwezen_via", "ja"): margins.SOURCE_FILLED_IN,
        ("verwezen_via", "niet_ingevuld"): margins.SOURCE_MISSING,
        ("afgesloten", "total"): margins.CLOSED,
        ("afgesloten", "reden_niet_ingevuld"): margins.CLOSED_WITHOUT_REASON,
        **postcodes,
        ("personen", "total"): margins.QUALITY_PERSONS,
        ("achternaam", "niet_ingevuld"): margins.SURNAME_MISSING,
        ("geboortedatum", "niet_ingevuld"): margins.BIRTH_DATE_MISSING,
        ("zrm_0_meting", "volledig"): margins.FIRST_ZRM_COMPLETE,
        ("zrm_0_meting", "onvolledig_of_niet_ingevuld"): margins.FIRST_ZRM_INCOMPLETE,
    }


def test_every_printed_table_adds_up_to_its_own_totals() -> None:
    for phase, total in margins.HOUSEHOLDS_BY_PHASE.items():
        assert sum(margins.HOUSEHOLDS[phase]) == total
        assert sum(margins.HOUSEHOLDS_BY_CHILDREN[phase]) == total
    columns = zip(*margins.HOUSEHOLDS.values(), strict=True)
    assert tuple(map(sum, columns)) == margins.HOUSEHOLDS_BY_DISTRICT
    children = zip(*margins.HOUSEHOLDS_BY_CHILDREN.values(), strict=True)
    assert list(map(sum, children)) == list(margins.CHILDREN_TOTALS.values())
    assert sum(margins.HOUSEHOLDS_BY_DISTRICT) == margins.HOUSEHOLDS_WITH_PHASE
    assert sum(margins.CHILDREN_TOTALS.values()) == margins.HOUSEHOLDS_WITH_PHASE
    for row in (*margins.PERSONS.values(), margins.PERSONS_TOTAL):
        assert row.minors + row.adults + row.without_birth_date == row.persons
    for name in margins.DistrictPersons.__slots__:
        of_districts = sum(getattr(row, name) for row in margins.PERSONS.values())
        assert of_districts == getattr(margins.PERSONS_TOTAL, name)
    dossiers = margins.DOSSIERS[date(2013, 12, 31)]
    assert sum(margins.COORDINATION_CHECK.values()) == dossiers
    assert dossiers == margins.SOURCE_FILLED_IN + margins.SOURCE_MISSING
    assert sum(margins.POSTCODES.values()) == dossiers


def test_tables_that_print_the_same_figure_agree_where_no_contradiction_is_listed() -> None:
    closed = (CaseStatus.CLOSED_REACHED, CaseStatus.CLOSED_NOT_REACHED)
    assert sum(margins.HOUSEHOLDS_BY_PHASE[phase] for phase in closed) == margins.CLOSED
    assert margins.PERSONS_TOTAL.persons == margins.QUALITY_PERSONS
    assert margins.PERSONS_TOTAL.without_birth_date == margins.BIRTH_DATE_MISSING
    assert margins.PERSONS_TOTAL.households == margins.DOSSIERS[date(2013, 12, 31)]
    for place, district in enumerate(District):
        if district is not District.CENTRUM:
            in_3_13 = margins.HOUSEHOLDS_BY_DISTRICT[place]
            assert in_3_13 == margins.PERSONS[district].households


def test_domains_stand_in_the_order_of_the_schema() -> None:
    assert tuple(margins.ZRM_SHARES) == tuple(ZrmDomain)


def test_postcode_areas_lie_in_their_district() -> None:
    path = SHARED / "standards" / "geo" / "amsterdam_pc4_stadsdeel_derived.csv"
    if not path.exists():
        pytest.skip("../shared/standards/geo is not here: our postcode areas are NOT compared")
    with path.open(encoding="utf-8", newline="") as file:
        known = {int(row["pc4"]): row for row in csv.DictReader(file)}
    for district, areas in POSTCODE_AREAS.items():
        for area in areas:
            assert known[area]["stadsdeel_naam"].lower() == district
            assert known[area]["opmerking"] != "postbus"
