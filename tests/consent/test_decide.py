"""Permit, Refuse or Hold: every rule, one at a time, and what must never follow from a "no"."""

from collections.abc import Container, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice, product
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.decide import (
    Emergency,
    Facts,
    FlowTable,
    asked_of,
    closed_by,
    compile_table,
    decide,
    decide_on_agreement,
    explicit_categories,
    is_protected,
)
from consent.protocol import AgeRegime, HouseholdRule, Protocol, load
from consent.register import Asked, ConsentEvent, Standing, amsterdam_day, standing
from consent.representation import PersonFacts
from schemas.decisions import Decision, Hold, Permit, Refuse, Rule
from schemas.fields import FIELDS, MessageKind, Treatment
from schemas.identifiers import PartialDate
from schemas.referral import Ground
from tests.support.situations import Situation, situations
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
YES, NO, NEVER_ASKED = Standing(True, (UUID(int=1),)), Standing(False), Standing(None)
NARROW = Standing(True, (UUID(int=3),), frozenset({"zrm"}))
ASKED = Asked("hulp", "casebook", AgeRegime.UAVG, datetime(2026, 3, 1, tzinfo=UTC), TODAY)
ADULT = PersonFacts((PartialDate("1980"),))
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
        assert found.consents == tuple(e for n in members for e in standings_[n].events)


def test_where_no_agreement_is_asked_none_is_waited_for() -> None:
    table = protocol_of(is_agreement_asked=False)
    for standings_ in product([YES, NO, NEVER_ASKED, NARROW], repeat=2):
        found = decided(facts_of(*standings_), table)
        assert isinstance(found, Permit)
        assert found.members == (0, 1)
        # Whatever anybody said, the permit does not rest on it.
        assert found.consents == ()


def test_narrower_refusals_go_with_their_members() -> None:
    table = protocol_of(household=HouseholdRule.REDUCE)
    found = decided(facts_of(YES, NO, NARROW), table)
    assert isinstance(found, Permit)
    assert found.members == (0, 2)
    assert found.withheld == (frozenset(), frozenset({"zrm"}))
    unrefused = decided(facts_of(YES, Standing(False, (), frozenset({"zrm"}))), table)
    assert isinstance(unrefused, Permit)
    assert unrefused.withheld == ()


@pytest.mark.parametrize("household", HouseholdRule)
@pytest.mark.parametrize("place", [0, 1])
def test_a_refusal_a_withdrawal_and_a_form_not_filled_in_get_one_answer(
    household: HouseholdRule, place: int
) -> None:
    answers = {
        without_applicant(decided(facts_of(*both), protocol_of(household=household)))
        for standing_ in (NEVER_ASKED, NO, Standing(False, (), frozenset({"zrm"})))
        for both in [(standing_, YES) if place == 0 else (YES, standing_)]
    }
    assert len(answers) == 1


def test_a_flow_is_found_by_sender_and_kind_and_recipient() -> None:
    table = compile_table(load(EXAMPLE.read_text(encoding="utf-8")))
    found = table.find("dwi", MessageKind.REFERRAL)
    assert found is not None
    assert found.id == "dwi-aanmelding"
    assert table.find("dwi", MessageKind.REFERRAL, "casebook") is found
    assert table.find("casebook", MessageKind.STATUS, "dwi") is not None


def test_invariant_09_unknown_flow_is_refused() -> None:
    table = compile_table(load(EXAMPLE.read_text(encoding="utf-8")))
    for sender, kind, recipient in [
        ("sra", MessageKind.REFERRAL, None),
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
        assert found.consents == tuple(e for n in found.members for e in members[n].events)


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
        folded = [standing(events, ASKED, ADULT) for events in recorded]
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


def test_time_alone_never_permits_and_takes_nothing_before_a_permits_end() -> None:
    tables = [protocol_of(household=household) for household in HouseholdRule]
    permitted = 0
    for drawn in batched(situations(3000, seed=5), 3):
        for table in tables:
            before = decided_at(table, drawn, timedelta())
            permitted += isinstance(before, Permit)
            for later in (timedelta(days=1), timedelta(days=40), timedelta(days=400)):
                after = decided_at(table, drawn, later)
                if not isinstance(after, Permit):
                    continue
                assert isinstance(before, Permit)
                assert set(after.members) <= set(before.members)
                if before.until is None or drawn[0].asked.now + later < before.until:
                    assert after == before
    assert permitted > 100


def test_an_agreement_to_something_else_changes_no_decision() -> None:
    table = protocol_of(household=HouseholdRule.REDUCE)
    for drawn in batched(situations(600, seed=6), 2):
        more = [
            one._replace(events=[*one.events, *(e._replace(purpose="anders") for e in one.events)])
            for one in drawn
        ]
        assert decided_at(table, more, timedelta()) == decided_at(table, drawn, timedelta())


def batched(drawn: Iterator[Situation], size: int) -> Iterator[list[Situation]]:
    while household := list(islice(drawn, size)):
        yield household


def decided_at(table: FlowTable, drawn: list[Situation], later: timedelta) -> Decision:
    """A household of these persons, with what the first is asked, that much later."""
    asked = drawn[0].asked
    now = asked.now + later
    # What is dated later than the first look is not time alone.
    standings_ = [
        standing(
            [event for event in one.events if event.decided_at <= asked.now],
            asked._replace(now=now, today=amsterdam_day(now)),
            one.person._replace(
                statements=tuple(s for s in one.person.statements if s.as_of <= asked.today)
            ),
        )
        for one in drawn
    ]
    return decided(facts_of(*standings_), table)


@unhurried
@given(protocols(), IN_FORCE, STANDINGS)
def test_deciding_is_pure(protocol: Protocol, today: date, members: list[Standing]) -> None:
    table = compile_table(protocol)
    for flow in protocol.flows:
        facts = Facts(None, frozenset(), 0, tuple(members))
        first = decide(table, flow, facts, NOBODY, today)
        assert decide(table, flow, facts, NOBODY, today) == first
        assert decide(compile_table(load(protocol.text)), flow, facts, NOBODY, today) == first


NEEDS_A_PROCESSOR = {
    'overeenkomst = "convenant"': 'overeenkomst = "convenant"\nverwerker = "Leverancier"\n'
    'verwerkersovereenkomst = "verwerking"',
    "[[gegevensstroom]]": """[[overeenkomst]]
id = "verwerking"
soort = "verwerkersovereenkomst"
titel = "Verwerking"
partijen = ["dwi", "casebook"]
ingang = 2026-02-01
einde = 2026-06-30

[[gegevensstroom]]""",
}
ALWAYS = {
    "[gegevensstroom.sloten]": """bescherming = { soort = "altijd", artikel = "art. 1" }

[gegevensstroom.sloten]"""
}
ON_REQUEST = {
    "[gegevensstroom.sloten]": """bescherming = { soort = "professional", artikel = "art. 1" }

[gegevensstroom.sloten]"""
}
EMERGENCY = {
    "bescherming = ": (
        'nood = { artikel = "art. 2", velden = ["lid.rol"], meldcodeStappen = [3, 5], uren = 8 }\n'
        "bescherming = "
    )
}
NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
SPECIAL = {"lid.rol": Treatment.KEEP, "lid.zrm.verslaving": Treatment.KEEP}


def table_of(
    changes: dict[str, str],
    fields: dict[str, Treatment] | None = None,
    *,
    is_agreement_asked: bool = True,
    household: HouseholdRule = HouseholdRule.ALL,
) -> FlowTable:
    text = PREAMBLE + flow_toml(
        fields=fields or {"lid.rol": Treatment.KEEP},
        is_agreement_asked=is_agreement_asked,
        household=household,
    )
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return compile_table(load(text))


@pytest.mark.parametrize(
    ("day", "is_open"),
    [
        (date(2026, 1, 31), False),
        (date(2026, 2, 1), True),
        (date(2026, 6, 30), True),
        (date(2026, 7, 1), False),
        (date(2025, 12, 31), False),
    ],
)
def test_a_processors_agreement_must_be_in_force_too(day: date, is_open: bool) -> None:
    table = table_of(NEEDS_A_PROCESSOR)
    found = decided(facts_of(YES), table, today=day)
    if is_open:
        assert isinstance(found, Permit)
    else:
        assert found == Refuse(FLOW, Rule.NO_AGREEMENT_IN_FORCE)
    flow = table.find("dwi", MessageKind.REFERRAL)
    assert flow is not None
    closed = closed_by(table, flow, NOBODY, day)
    assert closed is (None if is_open else Rule.NO_AGREEMENT_IN_FORCE)


def test_what_the_register_is_asked_is_the_flows_own() -> None:
    table = table_of({"huishouden =": 'leeftijdsregime = "wgbo", huishouden ='})
    flow = table.find("dwi", MessageKind.REFERRAL)
    assert flow is not None
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    tomorrow = date(2026, 3, 2)
    assert asked_of(flow, table.protocol, late) == Asked(
        "hulp", "casebook", AgeRegime.WGBO, late, tomorrow, 365
    )
    short = table_of({'titel = "Proef"': 'titel = "Proef"\ngezagGeldigDagen = 30'})
    asked = asked_of(flow, short.protocol, late)
    assert asked.authority_days == 30


def explicit_table(household: HouseholdRule = HouseholdRule.ALL) -> FlowTable:
    by_consent = {'artikel = "art. 9" }': 'artikel = "art. 9", uitdrukkelijkeToestemming = true }'}
    return table_of(by_consent, SPECIAL, household=household)


def test_a_category_by_explicit_consent_goes_with_its_own_yes_only() -> None:
    table, category = explicit_table(), "zrm.verslaving"
    flow = table.find("dwi", MessageKind.REFERRAL)
    assert flow is not None
    assert explicit_categories(flow) == frozenset({category})
    explicit = YES._replace(granted=frozenset({category}))
    for granted, withheld in [
        (frozenset({category}), ()),
        # A yes on the whole of `zrm` says nothing of health.
        (frozenset({"zrm"}), (frozenset({category}),)),
        (frozenset({"zrm.justitie"}), (frozenset({category}),)),
        (frozenset[str](), (frozenset({category}),)),
    ]:
        found = decided(facts_of(YES._replace(granted=granted)), table)
        assert isinstance(found, Permit)
        assert found.withheld == withheld
    both = decided(facts_of(explicit, YES), table)
    assert isinstance(both, Permit)
    assert both.withheld == (frozenset(), frozenset({category}))
    refused = explicit._replace(refused=frozenset({"adres"}))
    one = decided(facts_of(explicit, refused), table)
    assert isinstance(one, Permit)
    assert one.withheld == (frozenset(), frozenset({"adres"}))


@pytest.mark.parametrize("treatment", Treatment)
def test_a_dropped_field_asks_no_explicit_yes(treatment: Treatment) -> None:
    flow = explicit_table().protocol.flows[0]
    if treatment not in FIELDS["lid.zrm.verslaving"].treatments:
        return
    fields = flow.fields | {"lid.zrm.verslaving": treatment}
    found = explicit_categories(flow.model_copy(update={"fields": fields}))
    assert found == (frozenset() if treatment is Treatment.DROP else {"zrm.verslaving"})


def test_an_exception_by_article_asks_no_explicit_yes() -> None:
    table = table_of({}, SPECIAL)
    assert explicit_categories(table.protocol.flows[0]) == frozenset()
    found = decided(facts_of(YES), table)
    assert isinstance(found, Permit)
    assert found.withheld == ()


def test_a_permit_ends_with_the_first_yes_that_it_rests_on() -> None:
    first, last = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    early, late = YES._replace(until=first), NARROW._replace(until=last)
    for standings_, until in [
        ((YES, NARROW), None),
        ((early, late), first),
        ((late, early), first),
        ((YES, late), last),
        ((late, YES), last),
    ]:
        found = decided(facts_of(*standings_), table_of({}))
        assert isinstance(found, Permit)
        assert found.until == until
    reduced = table_of({}, household=HouseholdRule.REDUCE)
    left_out = decided(facts_of(late, NO._replace(until=first)), reduced)
    assert isinstance(left_out, Permit)
    assert left_out.until == last


def test_on_agreement_alone_the_answer_is_the_same() -> None:
    for table in (table_of({}), table_of({}, household=HouseholdRule.REDUCE)):
        flow = table.protocol.flows[0]
        for standings_ in product([YES, NO, NARROW], repeat=2):
            whole = decided(facts_of(*standings_), table)
            assert decide_on_agreement(table, flow, standings_, 0) == whole


def test_a_permit_says_who_applied() -> None:
    for applicant in (0, 1):
        found = decided(facts_of(YES, YES, applicant=applicant), table_of({}))
        assert isinstance(found, Permit)
        assert (found.applicant, found.holder) == (applicant, applicant)


def test_a_protected_exchange_asks_nobody() -> None:
    always = table_of(ALWAYS, is_agreement_asked=False)
    for standings_ in [(NO,), (NEVER_ASKED, NO), (YES, YES)]:
        everyone = tuple(range(len(standings_)))
        expected = Permit(FLOW, Rule.PERMITTED, everyone, applicant=0, is_protected=True)
        assert decided(facts_of(*standings_), always) == expected
        asked = facts_of(*standings_)._replace(asks_protection=True)
        assert decided(asked, always) == expected
        assert decided(asked, table_of(ON_REQUEST)) == expected
        assert decided(
            facts_of(*standings_, applicant=1)._replace(asks_protection=True), table_of(ON_REQUEST)
        ) == expected._replace(applicant=1)


def test_protection_is_given_where_the_protocol_admits_it() -> None:
    asked = facts_of(YES)._replace(asks_protection=True)
    refused = Refuse(FLOW, Rule.PROTECTION_NOT_ADMITTED, "aanmelding.bescherming")
    assert decided(asked, table_of({})) == refused
    # Where nobody asks it, an exchange of such a flow is as any other.
    found = decided(facts_of(YES), table_of(ON_REQUEST))
    assert isinstance(found, Permit)
    assert not found.is_protected
    assert isinstance(decided(facts_of(NO), table_of(ON_REQUEST)), Hold)
    flows = [
        table_of(change, is_agreement_asked=False).protocol.flows[0]
        for change in ({}, ON_REQUEST, ALWAYS)
    ]
    assert [is_protected(flow, asks_protection=False) for flow in flows] == [False, False, True]
    assert [is_protected(flow, asks_protection=True) for flow in flows] == [False, True, True]


def test_a_protected_exchange_carries_nothing_that_only_a_yes_admits() -> None:
    by_consent = {'artikel = "art. 9" }': 'artikel = "art. 9", uitdrukkelijkeToestemming = true }'}
    table = table_of(ON_REQUEST | by_consent, SPECIAL)
    agreed = YES._replace(granted=frozenset({"zrm"}))
    found = decided(facts_of(agreed, agreed)._replace(asks_protection=True), table)
    assert isinstance(found, Permit)
    assert found.withheld == (frozenset({"zrm.verslaving"}),) * 2
    assert found.consents == ()


def test_the_other_rules_hold_for_protected_and_emergency_exchanges_too() -> None:
    protected = facts_of(YES)._replace(asks_protection=True)
    urgent = facts_of(YES)._replace(
        emergency=Emergency(3, NOW + timedelta(hours=1)), now=NOW, ground=None
    )
    table = table_of(ON_REQUEST | EMERGENCY)
    for facts in (protected, urgent):
        assert decided(facts, table, frozenset({"dwi"})) == Refuse(FLOW, Rule.PARTNER_SUSPENDED)
        closed = decided(facts, table, today=date(2031, 1, 1))
        assert closed == Refuse(FLOW, Rule.NO_AGREEMENT_IN_FORCE)


@pytest.mark.parametrize(
    ("step", "hours", "is_admitted"),
    [
        (3, 8, True),
        (5, 1, True),
        (4, 1, False),
        (1, 1, False),
        (3, 8.001, False),
        (3, 0, False),
        (3, -1, False),
        (3, 0.001, True),
    ],
)
def test_an_emergency_release_is_admitted_by_step_and_hours(
    step: int, hours: float, is_admitted: bool
) -> None:
    until = NOW + timedelta(hours=hours)
    facts = facts_of(NO, NEVER_ASKED, applicant=1)._replace(
        emergency=Emergency(step, until), now=NOW
    )
    found = decided(facts, table_of(ON_REQUEST | EMERGENCY))
    if is_admitted:
        assert found == Permit(FLOW, Rule.EMERGENCY, (0, 1), applicant=1, until=until)
    else:
        refused = Refuse(FLOW, Rule.EMERGENCY_NOT_ADMITTED, "aanmelding.noodverstrekking")
        assert found == refused
    assert isinstance(decided(facts._replace(now=None), table_of(ON_REQUEST | EMERGENCY)), Refuse)
    assert isinstance(decided(facts, table_of(ON_REQUEST)), Refuse)


def test_an_emergency_is_hidden_where_the_exchange_would_be() -> None:
    urgent = facts_of(YES)._replace(emergency=Emergency(3, NOW + timedelta(hours=1)), now=NOW)
    for change, asks, is_hidden in [
        (ON_REQUEST, False, False),
        (ON_REQUEST, True, True),
        (ALWAYS, False, True),
    ]:
        table = table_of(change | EMERGENCY, is_agreement_asked=False)
        found = decided(urgent._replace(asks_protection=asks), table)
        assert isinstance(found, Permit)
        assert (found.rule, found.is_protected) == (Rule.EMERGENCY, is_hidden)


def test_of_several_flows_recipient_and_purpose_choose() -> None:
    other = '\n[[doel]]\nid = "onderzoek"\nomschrijving = "Onderzoek."\n'
    fields = {"lid.rol": Treatment.KEEP}
    texts = [
        flow_toml(fields=fields, recipient=recipient)
        .replace('doel = "hulp"', f'doel = "{purpose}"')
        .replace(f'id = "dwi-{recipient}-aanmelding"', f'id = "{recipient}-{purpose}"')
        for recipient, purpose in [
            ("casebook", "hulp"),
            ("casebook", "onderzoek"),
            ("okt", "hulp"),
        ]
    ]
    table = compile_table(load(PREAMBLE + other + "".join(texts)))

    def found(recipient: str | None, purpose: str | None) -> str | None:
        flow = table.find("dwi", MessageKind.REFERRAL, recipient, purpose)
        return None if flow is None else flow.id

    assert found("casebook", "hulp") == "casebook-hulp"
    assert found("casebook", "onderzoek") == "casebook-onderzoek"
    assert found(None, "onderzoek") == "casebook-onderzoek"
    assert found("okt", None) == found("okt", "hulp") == "okt-hulp"
    # Not enough is named, or what is named is not there: none, rather than one of them.
    for unknown in [(None, None), ("casebook", None), (None, "hulp"), ("okt", "onderzoek")]:
        assert found(*unknown) is None


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
