"""Decisions: three outcomes, each with its wire name and its rule."""

from typing import get_args

import pytest

from schemas.decisions import Decision, Hold, Outcome, Permit, Refuse, Rule, outcome_of

DECISIONS: dict[type, Decision] = {
    Permit: Permit("flow", Rule.PERMITTED, (0,)),
    Refuse: Refuse(None, Rule.NO_FLOW),
    Hold: Hold("flow", Rule.AGREEMENT_INCOMPLETE, (0,)),
}


def test_every_decision_has_an_outcome_of_its_own() -> None:
    assert set(DECISIONS) == set(get_args(Decision))
    outcomes = [outcome_of(decision) for decision in DECISIONS.values()]
    assert sorted(outcomes) == sorted(Outcome)


@pytest.mark.parametrize(
    ("kind", "name"), [(Permit, "toegelaten"), (Hold, "aangehouden"), (Refuse, "geweigerd")]
)
def test_outcomes_have_their_dutch_names(kind: type, name: str) -> None:
    assert outcome_of(DECISIONS[kind]).value == name


def test_rules_have_codes_that_fit_a_url_and_a_metric() -> None:
    codes = [rule.value for rule in Rule]
    assert len(set(codes)) == len(codes)
    assert all(code.replace("-", "").isascii() and code.islower() for code in codes)


@pytest.mark.parametrize("decision", DECISIONS.values())
def test_a_decision_is_not_changed_after_it_was_made(decision: Decision) -> None:
    with pytest.raises(AttributeError):
        decision.rule = Rule.PERMITTED  # type: ignore[misc]  # that is the test
    assert not hasattr(decision, "__dict__")


@pytest.mark.parametrize(
    ("members", "applicant", "holder"),
    [((0, 1), 1, 1), ((0, 1), 0, 0), ((1, 2), 0, 1), ((1, 2), None, 1), ((2,), 99, 2)],
)
def test_the_households_own_part_goes_with_the_applicant_if_the_permit_has_them(
    members: tuple[int, ...], applicant: int | None, holder: int
) -> None:
    assert Permit("flow", Rule.PERMITTED, members, applicant=applicant).holder == holder
