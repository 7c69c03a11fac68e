"""Every line of decisions.toml, through the example protocol, register, decision and minimisation.

The table is what an officer signs for: what is expected stands there, in words, and nothing here
computes it from the rules. Beside the lines themselves, the table is held to cover every flow with
a permit, and with a near miss for each of its locks.
"""

from collections import Counter

import pytest

from consent.minimise import covers
from consent.protocol import Flow, Protection
from consent.register import AMSTERDAM
from schemas.decisions import Hold, Permit, Refuse, Rule
from schemas.fields import FIELDS, MessageKind, Treatment
from tests.support.scenario_page import PAGE, page
from tests.support.scenario_table import REFUSED_PROTOCOL, Scenario, table
from tests.support.scenarios import (
    expected_fields,
    flow_named,
    flows,
    paths_of,
    problems_without,
    run,
    values_of,
)

SCENARIOS = table().scenarios()
DECIDED = [one for one in SCENARIOS if one.besluit != REFUSED_PROTOCOL]
BY_FLOW = {
    name: [one for one in SCENARIOS if one.stroom == name and one.van is None] for name in flows()
}


def locks_needed(flow: Flow) -> set[str]:
    """The locks that a flow cannot do without: taken out, its protocol is refused."""
    needed = {"grondslag", "instemming"}
    if flow.locks.special:
        needed.add("bijzonder")
    if flow.locks.bsn is not None:
        needed.add("bsn")
    if flow.fields.get("aanmelding.toelichting", Treatment.DROP) is not Treatment.DROP:
        needed.add("beroepsgeheim")
    return needed


@pytest.mark.parametrize("scenario", DECIDED, ids=lambda one: one.titel)
def test_the_decision_is_the_one_in_the_table(scenario: Scenario) -> None:
    decision, content = run(scenario)
    match decision:
        case Permit():
            assert scenario.besluit == "toegelaten"
            assert decision.rule == (scenario.regel or Rule.PERMITTED)
            check_permit(scenario, decision)
            assert content is not None
        case Hold():
            assert scenario.besluit == "aangehouden"
            assert decision.rule == Rule.AGREEMENT_INCOMPLETE
        case Refuse():
            assert scenario.besluit == "geweigerd"
            assert (decision.rule, decision.field) == (scenario.regel, scenario.veld)
    assert decision.flow == (None if scenario.regel == Rule.NO_FLOW else scenario.stroom)


def check_permit(scenario: Scenario, permit: Permit) -> None:
    members = len(scenario.leden) or 1
    whole = tuple(range(1, members + 1))
    assert tuple(n + 1 for n in permit.members) == (scenario.blijven or whole)
    assert permit.is_protected is scenario.buiten_zicht
    if scenario.geldt_tot is not None:
        assert permit.until is not None
        assert f"{permit.until.astimezone(AMSTERDAM):%Y-%m-%d %H:%M}" == scenario.geldt_tot


@pytest.mark.parametrize(
    "scenario", [one for one in DECIDED if one.besluit == "toegelaten"], ids=lambda one: one.titel
)
def test_exactly_the_fields_in_the_table_leave(scenario: Scenario) -> None:
    decision, content = run(scenario)
    flow = flow_named(scenario)
    assert isinstance(decision, Permit)
    assert content is not None
    assert flow is not None
    released, removed = expected_fields(scenario, flow)
    assert frozenset(content.released) == released
    if scenario.mee:
        assert released == {path for name in scenario.mee for path in paths_of(name)}
    withheld = {category for names in scenario.ingehouden.values() for category in names}
    partly = {path for path in released if covers(withheld, FIELDS[path].category)}
    assert frozenset(content.removed) == removed | partly
    for number, names in scenario.ingehouden.items():
        own = [part.category for part in content.parts if part.member == int(number) - 1]
        assert own, "nothing at all is left of this member"
        assert not [category for category in own if covers(frozenset(names), category)]
    if flow.message is MessageKind.REFERRAL and "aanmelding.aantalLeden" in released:
        assert values_of(content)["aantalLeden"] == len(decision.members)
    assert scenario.luidt.items() <= values_of(content).items()


@pytest.mark.parametrize(
    "scenario",
    [one for one in SCENARIOS if one.besluit == REFUSED_PROTOCOL],
    ids=lambda one: one.titel,
)
def test_a_protocol_without_that_lock_is_refused(scenario: Scenario) -> None:
    assert scenario.zonder is not None
    problems = problems_without(scenario)
    # Loading names a whole missing part by its place in the file, and a needed lock by its flow.
    place = list(flows()).index(scenario.stroom or "")
    named = (f"gegevensstroom {scenario.stroom}: ", f"gegevensstroom.{place}.")
    assert problems
    assert all(problem.startswith(named) for problem in problems)
    assert any(f"sloten.{scenario.zonder}" in problem for problem in problems)


def test_the_table_is_long_enough_and_no_line_stands_there_twice() -> None:
    assert len(SCENARIOS) >= 200
    assert [
        title for title, count in Counter(s.titel for s in SCENARIOS).items() if count > 1
    ] == []
    told = [one.model_dump_json(exclude={"titel"}) for one in SCENARIOS]
    assert [line for line, count in Counter(told).items() if count > 1] == []


@pytest.mark.parametrize("name", list(flows()))
def test_every_flow_is_hit_by_a_permit_and_by_a_near_miss_of_each_lock(name: str) -> None:
    flow, lines = flows()[name], BY_FLOW[name]
    rules = {one.regel for one in lines if one.besluit == "geweigerd"}
    assert any(one.besluit == "toegelaten" for one in lines)
    needed = {Rule.NO_AGREEMENT_IN_FORCE, Rule.PARTNER_SUSPENDED}
    if flow.admitted_grounds:
        needed.add(Rule.GROUND_NOT_ADMITTED)
    if set(flow.required) - {"aanmelding.aangemeldOp"}:  # which a referral cannot lack
        needed.add(Rule.FIELD_REQUIRED)
    if flow.message is MessageKind.REFERRAL:
        needed.add(Rule.EMERGENCY_NOT_ADMITTED)
        if flow.protection is None:
            needed.add(Rule.PROTECTION_NOT_ADMITTED)
    if flow.protection is not None:
        assert any(one.buiten_zicht for one in lines)
        if flow.protection.when is Protection.PROFESSIONAL:
            assert any(one.besluit == "aangehouden" for one in lines if not one.beschermd)
    assert needed <= rules
    if flow.locks.agreement.required and flow.message is MessageKind.REFERRAL:
        assert any(one.besluit == "aangehouden" for one in lines)
    if flow.emergency is not None:
        assert any(one.regel == Rule.EMERGENCY for one in lines)
    assert locks_needed(flow) <= {one.zonder for one in lines if one.zonder}
    assert any(one.mee for one in lines), "no line says outright which fields go"


def test_the_page_is_the_table() -> None:
    # `make decisions` writes it anew.
    assert PAGE.read_text(encoding="utf-8") == page()
