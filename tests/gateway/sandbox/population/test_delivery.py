from datetime import date
from itertools import islice

import pytest

from gateway.sandbox.population.delivery import DwiReferral, Flaw, dwi_delivery
from gateway.sandbox.population.generate import households, population
from gateway.sandbox.population.household import Source
from schemas.referral import DecidedBy, Role

SCREENED = list(dwi_delivery(20131231))


def test_the_default_delivery_is_all_of_the_population_that_came_through_dwi() -> None:
    through_dwi = [h for h in population(20131231).households if h.source is Source.DWI]
    assert [referral.household for referral in SCREENED] == through_dwi
    assert len(SCREENED) == 2200


def test_every_referral_has_the_applicant_s_scores_from_before_it() -> None:
    for referral in SCREENED:
        assert referral.zrm.is_complete
        assert referral.zrm.measured_on <= referral.referred_on
        assert referral.referred_on.year == 2013
        assert 1 <= referral.ladder <= 6


def test_the_programme_s_gaps_are_in_the_delivery() -> None:
    people = [member for referral in SCREENED for member in referral.household.members]
    without_birth_date = sum(person.birth_date is None for person in people) / len(people)
    without_surname = sum(person.surname is None for person in people) / len(people)
    assert 0.04 < without_birth_date < 0.07
    assert 0.01 < without_surname < 0.03
    assert any(referral.household.postcode is None for referral in SCREENED)


def test_most_agree_some_refuse_and_of_some_nothing_is_recorded() -> None:
    def share(wanted: object) -> float:
        found = [
            (agreement.given if agreement else None)
            for referral in SCREENED
            for agreement in referral.agreements
        ]
        return found.count(wanted) / len(found)  # type: ignore[arg-type]

    assert 0.84 < share(True) < 0.92
    assert 0.03 < share(False) < 0.08
    assert 0.05 < share(None) < 0.09


def test_a_parent_decides_for_a_child_under_sixteen() -> None:
    for referral in SCREENED:
        for member, agreement in zip(referral.household.members, referral.agreements, strict=True):
            if agreement is None or member.birth_date is None:
                continue
            born = member.birth_date
            turned_16 = date(born.year + 16, born.month, min(born.day, 28))
            if turned_16 > referral.referred_on:
                assert agreement.decided_by is DecidedBy.PARENT
            if member.role is Role.APPLICANT:
                assert agreement.decided_by is DecidedBy.SELF


def test_flawed_records_come_on_top_and_change_no_good_one() -> None:
    mixed = list(dwi_delivery(20131231, with_errors=True))
    assert [referral for referral in mixed if referral.flaw is None] == SCREENED
    assert [r.flaw for r in mixed if r.flaw is not None] == list(Flaw)
    assert len({referral.reference for referral in mixed}) == 2200 + len(Flaw)
    assert mixed[0].flaw is None
    flawed = [r.household for r in mixed if r.flaw is not None]
    assert all(household.source is not Source.DWI for household in flawed)


@pytest.mark.parametrize("count", [0, 1, 7, 2500])
def test_any_number_of_referrals_can_be_asked(count: int) -> None:
    found: list[DwiReferral] = list(dwi_delivery(1, count, with_errors=True))
    assert sum(referral.flaw is None for referral in found) == count
    assert len(found) == count + len(Flaw)


def test_too_few_households_are_said_so() -> None:
    with pytest.raises(ValueError, match="fewer"):
        list(dwi_delivery(1, 100, source=households(1, 20)))


def test_the_same_seed_gives_the_same_delivery() -> None:
    again = list(islice(dwi_delivery(20131231), 300))
    assert again == SCREENED[:300]
