"""Permit, Refuse or Hold: every rule, one at a time, and what must never follow from a "no"."""

from collections.abc import Container
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.decide import Facts, FlowTable, closed_by, compile_table, decide
from consent.protocol import HouseholdRule, Protocol, load
from consent.register import ConsentEvent, Standing, standing
from schemas.decisions import Decision, Hold, Permit, Refuse, Rule
from schemas.fields import FIELDS, MessageKind, Treatment
from schemas.referral import Ground
from tests.support.strategies import (
    IN_FORCE,
    PREAMBLE,
    consent_events,
    flow_toml,
    protocols,
    standings,
    unhurried,
)

TODAY = date(2026, 3, 1)
EXAMPLE = Path(__file__).parents[2] / "consent/protocols/samen-doen-voorbeeld.toml"
YES, NO, NEVER_ASKED = Standing(True, UUID(int=1)), Standing(False, UUID(int=2)), Standing(None)
NARROW = Standing(True, UUID(int=3), frozenset({"zrm"}))
NOBODY: frozenset[str] = frozenset()
FLOW = "dwi-casebook-aanmelding"


def protocol_of(
    *,
    is_agreement_asked: bool = True,
    household: HouseholdRule = HouseholdRule.ALL,
    grounds: tuple[Ground, ...] = (Ground.PARTICIPATION_ACT, Ground.SOCIAL_SUPPORT_ACT),
    required: tuple[str, ...] = ("lid.rol", "huishouden.postcode"),
) -> FlowTable:
    fields = {"lid.rol": Treatment.KEEP, "huishouden.postcode": Treatment.GENERALISE}
    text = flow_toml(
        fields=fields,
        is_agreement_asked=is_agreement_asked,
        household=household,
        grounds=grounds,
        required=required,
    )
    return compile_table(load(PREAMBLE + text))


def facts_of(
    *standings_: Standing,
    ground: Ground | None = Ground.PARTICIPATION_ACT,
    present: Container[str] = ("lid.rol", "huishouden.postcode"),
    applicant: int = 0,
) -> Facts:
    return Facts(ground, present, applicant, standings_)


def decided(
    facts: Facts,
    table: FlowTable | None = None,
    suspended: frozenset[str] = NOBODY,
    today: date = TODAY,
) -> Decision:
    table = table or protocol_of()
    return decide(table, table.find("dwi", MessageKind.REFERRAL), facts, suspended, today)


@pytest.mark.parametrize(
    ("changes", "suspended", "today", "expected"),
    [
        ({}, NOBODY, TODAY, Permit(FLOW, Rule.PERMITTED, (0,), (UUID(int=1),))),
        ({}, {"dwi"}, TODAY, Refuse(FLOW, Rule.PARTNER_SUSPENDED)),
        ({}, {"casebook"}, TODAY, Refuse(FLOW, Rule.PARTNER_SUSPENDED)),
        ({}, {"dwi", "casebook"}, TODAY, Refuse(FLOW, Rule.PARTNER_SUSPENDED)),
        ({}, NOBODY, date(2025, 12, 31), Refuse(FLOW, Rule.NO_AGREEMENT_IN_FORCE)),
        ({}, NOBODY, date(2031, 1, 1), Refuse(FLOW, Rule.NO_AGREEMENT_IN_FORCE)),
        (
            {"ground": Ground.YOUTH_ACT},
            NOBODY,
            TODAY,
            Refuse(FLOW, Rule.GROUND_NOT_ADMITTED, "aanmelding.grondslag"),
        ),
        (
            {"ground": Ground.NONE},
            NOBODY,
            TODAY,
            Refuse(FLOW, Rule.GROUND_NOT_ADMITTED, "aanmelding.grondslag"),
        ),
        (
            {"present": frozenset({"lid.rol"})},
            NOBODY,
            TODAY,
            Refuse(FLOW, Rule.FIELD_REQUIRED, "huishouden.postcode"),
        ),
        ({"present": NOBODY}, NOBODY, TODAY, Refuse(FLOW, Rule.FIELD_REQUIRED, "lid.rol")),
    ],
)
def test_each_rule_ends_the_road_by_its_own_code(
    changes: dict[str, Any], suspended: set[str], today: date, expected: Decision
) -> None:
    found = decided(facts_of(YES, **changes), suspended=frozenset(suspended), today=today)
    assert without_applicant(found) == expected


def without_applicant(decision: Decision) -> Decision:
    """Who holds the household's own part is asked of minimisation, not of the rules."""
    if isinstance(decision, Permit):
        return Permit(
            decision.flow, decision.rule, decision.members, decision.consents, decision.withheld
        )
    return decision


def test_a_flow_can_be_asked_alone_whether_it_is_closed() -> None:
    table = protocol_of()
    flow = table.find("dwi", MessageKind.REFERRAL)
    assert flow is not None
    assert closed_by(table, flow, NOBODY, TODAY) is None
    assert closed_by(table, flow, frozenset({"casebook"}), TODAY) is Rule.PARTNER_SUSPENDED
    assert closed_by(table, flow, NOBODY, date(2031, 1, 1)) is Rule.NO_AGREEMENT_IN_FORCE


def test_suspending_another_partner_harms_nobody() -> None:
    assert isinstance(decided(facts_of(YES), suspended=frozenset({"okt", "ggz"})), Permit)


def test_the_first_and_the_last_day_of_a_covenant_count() -> None:
    for today in (date(2026, 1, 1), date(2030, 12, 31)):
        assert isinstance(decided(facts_of(YES), today=today), Permit)


def test_rules_are_tried_in_one_order() -> None:
    # All is wrong at once; each mended fault shows the next, agreement last.
    facts = facts_of(NEVER_ASKED, ground=Ground.NONE, present=NOBODY)
    yesterday, nobody = date(2020, 1, 1), NOBODY
    seen = [
        decide(protocol_of(), None, facts, frozenset({"dwi"}), yesterday).rule,
        decided(facts, suspended=frozenset({"dwi"}), today=yesterday).rule,
        decided(facts, suspended=nobody, today=yesterday).rule,
        decided(facts).rule,
        decided(facts_of(NEVER_ASKED, present=NOBODY)).rule,
        decided(facts_of(NEVER_ASKED)).rule,
        decided(facts_of(YES)).rule,
    ]
    assert seen == [
        Rule.NO_FLOW,
        Rule.PARTNER_SUSPENDED,
        Rule.NO_AGREEMENT_IN_FORCE,
        Rule.GROUND_NOT_ADMITTED,
        Rule.FIELD_REQUIRED,
        Rule.AGREEMENT_INCOMPLETE,
        Rule.PERMITTED,
    ]


@pytest.mark.parametrize(
    ("household", "applicant", "standings_", "members"),
    [
        (HouseholdRule.ALL, 0, (YES, YES), (0, 1)),
        (HouseholdRule.ALL, 0, (YES, NARROW), (0, 1)),
        (HouseholdRule.ALL, 0, (YES, NO), None),
        (HouseholdRule.ALL, 0, (YES, NEVER_ASKED), None),
        (HouseholdRule.ALL, 1, (NO, YES), None),
        (HouseholdRule.REDUCE, 0, (YES, YES), (0, 1)),
        (HouseholdRule.REDUCE, 0, (YES, NO), (0,)),
        (HouseholdRule.REDUCE, 0, (YES, NEVER_ASKED), (0,)),
        (HouseholdRule.REDUCE, 0, (YES, NO, YES), (0, 2)),
        (HouseholdRule.REDUCE, 1, (NO, YES, NEVER_ASKED), (1,)),
        (HouseholdRule.REDUCE, 0, (NO, YES), None),
        (HouseholdRule.REDUCE, 0, (NEVER_ASKED, YES), None),
        (HouseholdRule.REDUCE, 1, (YES, NO), None),
        (HouseholdRule.REDUCE, 0, (NO, NO), None),
    ],
)
def test_agreement_is_asked_of_each_member(
    household: HouseholdRule,
    applicant: int,
    standings_: tuple[Standing, ...],
    members: tuple[int, ...] | None,
) -> None:
    found = decided(facts_of(*standings_, applicant=applicant), protocol_of(household=household))
    if members is None:
        everyone = tuple(range(len(standings_)))
        assert found == Hold(FLOW, Rule.AGREEMENT_INCOMPLETE, everyone)
    else:
        assert isinstance(found, Permit)
        assert found.members == members
        assert found.consents == tuple(standings_[n].event for n in members)


def test_where_no_agreement_is_asked_none_is_waited_for() -> None:
    table = protocol_of(is_agreement_asked=False)
    for standings_ in product([YES, NO, NEVER_ASKED, NARROW], repeat=2):
        found = decided(facts_of(*standings_), table)
        assert isinstance(found, Permit)
        assert found.members == (0, 1)
        # A "no" is no evidence of anything that the permit rests on.
        assert UUID(int=2) not in found.consents


def test_narrower_refusals_go_with_their_members() -> None:
    table = protocol_of(household=HouseholdRule.REDUCE)
    found = decided(facts_of(YES, NO, NARROW), table)
    assert isinstance(found, Permit)
    assert found.members == (0, 2)
    assert found.withheld == (frozenset(), frozenset({"zrm"}))
    unrefused = decided(facts_of(YES, Standing(False, NO.event, frozenset({"zrm"}))), table)
    assert isinstance(unrefused, Permit)
    assert unrefused.withheld == ()


@pytest.mark.parametrize("household", HouseholdRule)
@pytest.mark.parametrize("place", [0, 1])
def test_a_refusal_a_withdrawal_and_a_form_not_filled_in_get_one_answer(
    household: HouseholdRule, place: int
) -> None:
    answers = {
        without_applicant(decided(facts_of(*both), protocol_of(household=household)))
        for standing_ in (NEVER_ASKED, NO, Standing(False, UUID(int=9), frozenset({"zrm"})))
        for both in [(standing_, YES) if place == 0 else (YES, standing_)]
    }
    assert len(answers) == 1


def test_a_flow_is_found_by_sender_and_kind_and_recipient() -> None:
    table = compile_table(load(EXAMPLE.read_text(encoding="utf-8")))
    found = table.find("dwi", MessageKind.REFERRAL)
    assert found is not None
    assert found.id == "dwi-aanmelding"
    assert table.find("dwi", MessageKind.REFERRAL, "casebook") is found
    assert table.find("casebook", MessageKind.STATUS) is not None


def test_invariant_09_unknown_flow_is_refused() -> None:
    table = compile_table(load(EXAMPLE.read_text(encoding="utf-8")))
    for sender, kind, recipient in [
        ("okt", MessageKind.REFERRAL, None),
        ("DWI", MessageKind.REFERRAL, None),
        ("", MessageKind.REFERRAL, None),
        ("dwi", MessageKind.STATUS, None),
        ("casebook", MessageKind.REFERRAL, None),
        ("dwi", MessageKind.REFERRAL, "okt"),
        ("dwi", MessageKind.REFERRAL, "dwi"),
        ("casebook", MessageKind.STATUS, "casebook"),
    ]:
        assert table.find(sender, kind, recipient) is None
    assert decide(table, None, facts_of(YES), NOBODY, TODAY) == Refuse(None, Rule.NO_FLOW)


def test_invariant_09_unknown_recipient_among_several_is_refused() -> None:
    fields = {"lid.rol": Treatment.KEEP}
    text = PREAMBLE + flow_toml(fields=fields) + flow_toml(fields=fields, recipient="okt")
    table = compile_table(load(text))
    assert table.find("dwi", MessageKind.REFERRAL) is None
    found = table.find("dwi", MessageKind.REFERRAL, "okt")
    assert found is not None
    assert found.recipient == "okt"


def test_invariant_09_unknown_ground_is_refused() -> None:
    found = decided(facts_of(YES, ground=None))
    assert found == Refuse(FLOW, Rule.GROUND_NOT_ADMITTED, "aanmelding.grondslag")


def test_invariant_09_unknown_agreement_holds() -> None:
    for household in HouseholdRule:
        found = decided(facts_of(NEVER_ASKED, YES), protocol_of(household=household))
        assert isinstance(found, Hold)


@pytest.mark.parametrize("applicant", [-1, 2, 99])
def test_invariant_09_unknown_applicant_never_reduces(applicant: int) -> None:
    table = protocol_of(household=HouseholdRule.REDUCE)
    assert isinstance(decided(facts_of(YES, NO, applicant=applicant), table), Hold)


@pytest.mark.parametrize("household", HouseholdRule)
def test_invariant_09_unknown_members_never_permit(household: HouseholdRule) -> None:
    assert not isinstance(decided(facts_of(), protocol_of(household=household)), Permit)


GROUNDS = st.none() | st.sampled_from(Ground)
PRESENT = st.frozensets(st.sampled_from(sorted(FIELDS)))
PARTNERS = st.sampled_from(["dwi", "okt", "casebook", "ggz"])
STANDINGS = st.lists(standings(), min_size=1, max_size=4)


@unhurried
@given(
    st.data(),
    protocols(),
    STANDINGS,
    GROUNDS,
    PRESENT,
    st.dates(date(2020, 1, 1), date(2035, 1, 1)),
)
def test_invariant_09_unknown_or_missing_anything_a_rule_asks_never_permits(
    data: st.DataObject,
    protocol: Protocol,
    members: list[Standing],
    ground: Ground | None,
    present: frozenset[str],
    today: date,
) -> None:
    table = compile_table(protocol)
    sender, kind = data.draw(PARTNERS), data.draw(st.sampled_from(MessageKind))
    flow = table.find(sender, kind, data.draw(st.none() | PARTNERS))
    suspended = data.draw(st.frozensets(PARTNERS, max_size=1))
    facts = Facts(ground, present, data.draw(st.integers(-1, 4)), members)
    found = decide(table, flow, facts, suspended, today)
    if not isinstance(found, Permit):
        return
    assert flow is not None
    assert (flow.sender, flow.message) == (sender, kind)
    assert not {flow.sender, flow.recipient} & suspended
    assert date(2026, 1, 1) <= today <= date(2030, 12, 31)
    assert not flow.admitted_grounds or ground in flow.admitted_grounds
    assert set(flow.required) <= present
    if flow.locks.agreement.required:
        assert found.members
        assert all(members[n].given is True for n in found.members)
        assert len(found.consents) == len(found.members)


@unhurried
@given(
    st.sampled_from(HouseholdRule),
    st.lists(st.lists(consent_events(["hulp"], ["casebook"]), max_size=4), min_size=1, max_size=4),
    consent_events(["hulp"], ["casebook"]),
    st.data(),
)
def test_withdrawing_never_widens_a_decision(
    household: HouseholdRule,
    recorded: list[list[ConsentEvent]],
    event: ConsentEvent,
    data: st.DataObject,
) -> None:
    applicant = data.draw(st.integers(0, len(recorded) - 1))
    who = data.draw(st.integers(0, len(recorded) - 1))
    table = protocol_of(household=household)

    def answer() -> Decision:
        folded = [standing(events, "hulp", "casebook") for events in recorded]
        return decided(facts_of(*folded, applicant=applicant), table)

    before = answer()
    recorded[who].append(event._replace(given=False))
    after = answer()
    if not isinstance(after, Permit):
        return
    assert isinstance(before, Permit)
    assert set(after.members) <= set(before.members)
    was = dict(zip(before.members, before.withheld, strict=False))
    now = dict(zip(after.members, after.withheld, strict=False))
    for member in after.members:
        assert was.get(member, frozenset()) <= now.get(member, frozenset())


@unhurried
@given(protocols(), IN_FORCE, STANDINGS)
def test_deciding_is_pure(protocol: Protocol, today: date, members: list[Standing]) -> None:
    table = compile_table(protocol)
    for flow in protocol.flows:
        facts = Facts(None, frozenset(), 0, tuple(members))
        first = decide(table, flow, facts, NOBODY, today)
        assert decide(table, flow, facts, NOBODY, today) == first
        assert decide(compile_table(load(protocol.text)), flow, facts, NOBODY, today) == first


def test_the_example_protocol_holds_dwis_referral_until_all_have_agreed() -> None:
    table = compile_table(load(EXAMPLE.read_text(encoding="utf-8")))
    dated = {"aanmelding.aangemeldOp"}
    wmo, youth = Ground.SOCIAL_SUPPORT_ACT, Ground.YOUTH_ACT
    found = [
        decided(facts_of(YES, NEVER_ASKED, ground=wmo, present=dated), table),
        decided(facts_of(YES, YES, ground=youth, present=dated), table),
        decided(facts_of(YES, YES, ground=wmo, present=()), table),
    ]
    assert found == [
        Hold("dwi-aanmelding", Rule.AGREEMENT_INCOMPLETE, (0, 1)),
        Refuse("dwi-aanmelding", Rule.GROUND_NOT_ADMITTED, "aanmelding.grondslag"),
        Refuse("dwi-aanmelding", Rule.FIELD_REQUIRED, "aanmelding.aangemeldOp"),
    ]
    assert isinstance(decided(facts_of(YES, YES, ground=wmo, present=dated), table), Permit)
