from __future__ import annotations

from datetime import date
from itertools import islice

from gateway.client import Event
from gateway.sandbox.casework import seeded_casework
from gateway.sandbox.onward import (
    ALTRA,
    GI,
    SCALE_DOWN,
    SPIRIT,
    VEILIG_THUIS,
    account_of,
    referred_onward,
    seeded_onward,
)
from gateway.sandbox.population.put_forward import put_forward
from gateway.sandbox.wire import as_dict
from schemas.casework import CaseStatus
from schemas.referral import Ground
from tests.support.referred import handed_over

TODAY = date(2026, 11, 22)


def families(count: int = 40) -> list[Event]:
    referrals = islice(put_forward("okt", TODAY), count)
    return [handed_over(one, position) for position, one in enumerate(referrals, 1)]


def test_a_family_is_referred_onward_as_it_was_received_with_a_new_agreement() -> None:
    for event in families():
        made = referred_onward(event, ALTRA)
        assert made is not None
        assert (made.recipient, made.purpose, made.ground) == (
            "altra",
            "jeugdhulp",
            Ground.YOUTH_ACT,
        )
        received = event.data["huishouden"]
        assert isinstance(received, dict)
        sent = as_dict(made)["huishouden"]
        assert {name: sent[name] for name in received if name != "leden"} == {
            name: value for name, value in received.items() if name != "leden"
        }
        assert all(member["instemming"]["gegeven"] for member in sent["leden"])
        assert all("pseudoniem" not in member for member in sent["leden"])


def test_doing_it_again_says_the_same_under_the_same_reference() -> None:
    event = families(1)[0]

    assert referred_onward(event, ALTRA) == referred_onward(event, ALTRA)
    to = {
        made.reference for d in (ALTRA, SPIRIT, SCALE_DOWN) if (made := referred_onward(event, d))
    }
    assert len(to) == 3


def test_who_is_no_family_or_lacks_what_help_needs_goes_nowhere() -> None:
    alone = handed_over(next(iter(put_forward("ggz", TODAY))))
    whole = families(1)[0]
    unborn = whole.model_copy(deep=True)
    household = unborn.data["huishouden"]
    assert isinstance(household, dict)
    members = household["leden"]
    assert isinstance(members, list)
    assert isinstance(members[0], dict)
    del members[0]["geboortedatum"]
    child = whole.model_copy(deep=True)
    household = child.data["huishouden"]
    assert isinstance(household, dict)
    assert isinstance(household["leden"], list)
    household["leden"] = household["leden"][1:]
    lapsed = whole.model_copy(update={"data": {}})

    assert [referred_onward(one, ALTRA) for one in (alone, unborn, child, lapsed)] == [None] * 4


def test_a_report_for_safety_asks_nobody() -> None:
    for to in (GI, VEILIG_THUIS):
        made = referred_onward(families(1)[0], to)
        assert made is not None
        assert all(member.agreement is None for member in made.household.members)


def test_a_case_that_ended_is_accounted_for_and_no_other() -> None:
    decide = seeded_casework(2013)
    for event in families():
        account, last = account_of(event, decide), decide(event)[-1]
        assert (account is not None) == last.status.is_closed
        if account is not None:
            assert (account.status, account.recipient) == (last.status, "sra")
            assert account.reference == f"VA-{event.id.hex}"


def test_only_families_that_were_helped_go_back_to_okt() -> None:
    decide = seeded_casework(2013)
    onward = seeded_onward(2013, decide)
    gone: dict[str, int] = {}
    for event in families(300):
        for made in onward(event):
            gone[made.recipient or ""] = gone.get(made.recipient or "", 0) + 1
            if made.recipient == "okt":
                assert decide(event)[-1].status is CaseStatus.CLOSED_REACHED

    assert set(gone) == {"altra", "spirit", "okt", "gi", "veilig-thuis"}
    assert 10 < sum(gone.values()) < 90
