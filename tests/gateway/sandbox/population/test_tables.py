"""The comparison must be able to fail: whatever is changed in the population is marked."""

from dataclasses import replace

import pytest

from gateway.sandbox.population.generate import population
from gateway.sandbox.population.household import District, Household
from gateway.sandbox.population.tables import compare, differences, lines
from schemas.casework import CaseStatus, CloseReason
from schemas.zrm import ZrmDomain

EXACT = population(4).households


def marked(changed: list[Household]) -> set[tuple[str, str, str]]:
    return {(line.table, line.row, line.column) for line in differences(compare(changed))}


def first(**wanted: object) -> int:
    return next(
        place
        for place, household in enumerate(EXACT)
        if all(getattr(household, name) == value for name, value in wanted.items())
    )


def test_a_household_moved_to_another_district_is_marked_in_both() -> None:
    place = first(phase=CaseStatus.INTAKE, district=District.ZUID)
    changed = list(EXACT)
    changed[place] = replace(EXACT[place], district=District.WEST)
    found = marked(changed)
    assert ("3.13", "instroom", "zuid") in found
    assert ("3.13", "instroom", "west") in found
    assert ("3.13", "totaal", "totaal") not in found
    assert ("3.7", "zuid", "personen") in found


def test_a_lost_birth_date_is_marked_in_two_tables() -> None:
    place = first(phase=CaseStatus.ACTIVE)
    person = replace(EXACT[place].members[0], birth_date=None)
    changed = list(EXACT)
    changed[place] = replace(EXACT[place], members=(person, *EXACT[place].members[1:]))
    found = marked(changed)
    assert ("4.2", "geboortedatum: niet ingevuld", "stand") in found
    assert ("3.7", "totaal", "geboortedatum-onbekend") in found


def test_a_dossier_too_few_is_marked() -> None:
    assert ("4.2", "dossiers op 31-12-2013", "stand") in marked(list(EXACT[1:]))


def test_a_filled_in_reason_is_marked() -> None:
    place = first(close_reason=CloseReason.NOT_FILLED_IN)
    changed = list(EXACT)
    changed[place] = replace(EXACT[place], close_reason=CloseReason.DECEASED)
    assert marked(changed) == {("4.2", "afgesloten: reden niet ingevuld", "stand")}


def test_changed_scores_are_marked_beyond_the_printed_rounding() -> None:
    place = list(ZrmDomain).index(ZrmDomain.JUSTICE)
    measured = [n for n, household in enumerate(EXACT) if len(household.measurements) == 2]
    sound = [n for n in measured if (EXACT[n].measurements[1].scores[place] or 0) >= 4]
    changed = list(EXACT)
    for n in sound[:10]:
        first_one, second = EXACT[n].measurements
        scores = (*second.scores[:place], 1, *second.scores[place + 1 :])
        worse = replace(second, scores=scores)
        changed[n] = replace(EXACT[n], measurements=(first_one, worse))
    assert marked(changed) == {("3.12", "justitie", "tweede meting, gevolgden")}


def test_one_line_holds_both_figures() -> None:
    line = lines(compare(EXACT))[0]
    assert (line.table, line.row, line.column) == ("3.13", "instroom", "zuidoost")
    assert (line.generated, line.printed, line.differs) == (26, 26, False)


@pytest.mark.parametrize("empty", [(), EXACT[:1]])
def test_hardly_any_households_are_compared_without_a_fault(empty: tuple[Household, ...]) -> None:
    assert len(lines(compare(empty))) == 179
