from __future__ import annotations

from datetime import date
from itertools import islice

import pytest

from gateway.sandbox.population.bsn import is_test_bsn
from gateway.sandbox.population.delivery import dwi_delivery
from gateway.sandbox.population.put_forward import PRACTICES, agreements, put_forward
from gateway.sandbox.population.written import as_referrals
from gateway.sandbox.wire import as_dict
from schemas.referral import Referral

TODAY = date(2026, 11, 22)


def numbers(referrals: list[Referral]) -> set[str]:
    return {
        member["burgerservicenummer"]
        for one in referrals
        for member in as_dict(one)["huishouden"]["leden"]
    }


def test_no_two_parties_put_the_same_person_forward() -> None:
    told = {party: numbers(list(islice(put_forward(party, TODAY), 60))) for party in PRACTICES}
    told["dwi"] = numbers(list(as_referrals(islice(dwi_delivery(), 300))))

    assert sum(map(len, told.values())) == len(set().union(*told.values()))
    assert all(is_test_bsn(number) for one in told.values() for number in one)


@pytest.mark.parametrize("party", PRACTICES)
def test_the_same_seed_and_day_give_the_same_messages_and_another_seed_others(party: str) -> None:
    first = list(islice(put_forward(party, TODAY), 6))

    assert list(islice(put_forward(party, TODAY), 6)) == first
    assert list(islice(put_forward(party, TODAY, skip=4), 2)) == first[4:]
    other = list(islice(put_forward(party, TODAY, 7), 6))
    assert not {one.reference for one in other} & {one.reference for one in first}
    assert numbers(other) != numbers(first)


@pytest.mark.parametrize("party", PRACTICES)
def test_nothing_is_said_of_a_day_that_has_not_come(party: str) -> None:
    for one in islice(put_forward(party, TODAY), 40):
        message = as_dict(one)
        days = [message["aangemeldOp"]]
        for member in message["huishouden"]["leden"]:
            days.append(member["geboortedatum"])
            days += [said["op"] for said in (member.get("instemming"),) if said]
            days += [stated["peildatum"] for stated in member["gezag"]]
        assert max(days) <= TODAY.isoformat()


def test_most_households_agree_and_some_do_not() -> None:
    families = list(islice(put_forward("okt", TODAY), 200))
    said = [
        [member.agreement and member.agreement.given for member in one.household.members]
        for one in families
    ]

    assert 150 < sum(all(one) for one in said) < 200
    assert any(None in one for one in said)
    assert any(False in one for one in said)


@pytest.mark.parametrize(
    ("age", "is_of_all", "expected"),
    [
        (5, True, [("ouder", 0), ("ouder", 1)]),
        (13, True, [("ouder", 0), ("ouder", 1), ("betrokkene", None)]),
        (16, True, [("betrokkene", None)]),
        (13, False, [("ouder", 0)]),
        (40, False, [("betrokkene", None)]),
    ],
)
def test_who_says_it_for_whom_follows_the_age(
    age: int, is_of_all: bool, expected: list[tuple[str, int | None]]
) -> None:
    told = agreements(True, TODAY, age, [0, 1], "IF-1", is_of_all=is_of_all)

    said = [told["instemming"], *told.get("verdereInstemmingen", [])]  # type: ignore[misc]  # JSON
    assert [(one["door"], one.get("doorLid")) for one in said] == expected
