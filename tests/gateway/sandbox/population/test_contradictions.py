"""Each listed contradiction, recomputed from the printed figures."""

from datetime import date

from gateway.sandbox.population import margins
from gateway.sandbox.population.contradictions import contradictions
from gateway.sandbox.population.generate import population
from gateway.sandbox.population.household import District
from schemas.casework import CaseStatus
from schemas.zrm import ZrmDomain

SUBJECTS = {one.subject: one for one in contradictions()}


def said(subject: str) -> str:
    found = SUBJECTS[subject]
    return " ".join([*(f"{r.where}: {r.says}" for r in found.readings), found.followed])


def test_every_contradiction_has_two_readings_and_says_which_is_followed() -> None:
    assert len(SUBJECTS) == len(contradictions()) == 6
    for one in contradictions():
        assert len(one.readings) == 2
        assert len({reading.says for reading in one.readings}) == 2
        assert one.followed


def test_the_number_of_households() -> None:
    assert margins.HOUSEHOLDS_WITH_PHASE == sum(margins.HOUSEHOLDS_BY_PHASE.values()) == 3689
    assert margins.PERSONS_TOTAL.households == margins.DOSSIERS[date(2013, 12, 31)] == 3690
    told = said("Aantal huishoudens op 31-12-2013")
    assert "3.689" in told
    assert "3.690" in told


def test_centrum() -> None:
    assert margins.HOUSEHOLDS_BY_DISTRICT[list(District).index(District.CENTRUM)] == 236
    assert margins.PERSONS[District.CENTRUM].households == 237
    assert "236" in said("Huishoudens in Centrum")


def test_complete_first_measurements() -> None:
    assert (margins.ZRM_FIRST, margins.FIRST_ZRM_COMPLETE) == (1683, 2045)
    assert margins.FIRST_ZRM_COMPLETE - margins.ZRM_FIRST == 362
    assert "362" in said("Volledige eerste ZRM-metingen")


def test_both_readings_of_the_first_measurements_give_the_printed_shares() -> None:
    complete = [h for h in population(1).households if h.has_complete_first_zrm]
    assert len(complete) == 2045
    for place, shares in enumerate(margins.ZRM_SHARES.values()):
        problems = sum((h.measurements[0].scores[place] or 5) < 4 for h in complete)
        assert round(100 * problems / len(complete)) == shares.first


def test_dossiers_in_which_a_first_measurement_was_looked_for() -> None:
    looked = margins.FIRST_ZRM_COMPLETE + margins.FIRST_ZRM_INCOMPLETE
    assert (looked, margins.PERSONS_TOTAL.households - looked) == (2812, 878)
    passed = [h for h in population(1).households if not h.is_first_zrm_due]
    by_phase = [h.phase for h in passed]
    assert by_phase.count(CaseStatus.INTAKE) == 426
    assert by_phase.count(CaseStatus.CLOSED_NOT_REACHED) == 452
    assert len(passed) == 878


def test_justice() -> None:
    shares = margins.ZRM_SHARES[ZrmDomain.JUSTICE]
    assert (shares.first, shares.followed_first, shares.followed_second) == (28, 8, 9)
    others = 1683 - 256
    assert others == 1427
    assert round(100 * (round(0.28 * 1683) - round(0.08 * 256)) / others) == 32
    lower = [d for d, s in margins.ZRM_SHARES.items() if s.followed_first < s.first]
    assert lower == [ZrmDomain.JUSTICE]


def test_referrals_by_dwi() -> None:
    start, end = margins.PERSONS_TOTAL.households_at_start, margins.PERSONS_TOTAL.households
    assert end - start == 2274
    assert end - start - margins.DWI_REFERRALS == 74
    assert "2.274" in said("Aanmeldingen door DWI in 2013")
