"""Members who refuse, withdraw or leave: what goes with them, and what their going betrays.

Invariant 13: a message reduced by a member equals the one that would have been sent had that
member never been in it; pseudonyms are a person's own, and members are numbered as they were sent.
"""

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.decide import Facts, compile_table, decide
from consent.minimise import MinimisationPlan, Minimised, Part, recount, reduce_stored
from consent.protocol import Flow, HouseholdRule, load
from consent.register import Standing
from schemas.decisions import Permit, Rule
from schemas.fields import FIELDS
from schemas.referral import Referral
from tests.support.minimising import (
    OF_HOUSEHOLD,
    TEAMS,
    TRACES,
    WHOLE,
    canary_couple,
    canary_referral,
    covered,
    everything,
    flow_of,
    minimised,
    permit_of,
    permits,
    pseudonyms_of,
    released,
    wire,
)
from tests.support.strategies import (
    IN_FORCE,
    PREAMBLE,
    flow_toml,
    referral_flows,
    referrals,
    refusals,
    standings,
    unhurried,
)


@unhurried
@given(st.data(), referrals(), referral_flows())
def test_a_withheld_category_leaves_nothing_of_its_member(
    data: st.DataObject, referral: Referral, flow: Flow
) -> None:
    everyone = tuple(range(len(referral.household.members)))
    withheld = tuple(data.draw(refusals()) for _ in everyone)
    result = minimised(flow, referral, permit_of(referral, withheld))
    for member, category in released(result):
        assert not covered(category, withheld[member])


@unhurried
@given(referrals(), referral_flows())
def test_a_no_on_zrm_is_a_no_on_every_domain(referral: Referral, flow: Flow) -> None:
    everyone = len(referral.household.members)
    whole = minimised(flow, referral)
    without = minimised(flow, referral, permit_of(referral, (frozenset({"zrm"}),) * everyone))
    assert not [path for path in without.released if path.startswith("lid.zrm.")]
    assert [p for p in whole.parts if not p.category.startswith("zrm")] == without.parts


def test_a_no_on_one_domain_leaves_the_others() -> None:
    refused = (frozenset({"zrm.inkomen"}),)
    result = minimised(flow_of(WHOLE), canary_referral(), permit_of(canary_referral(), refused))
    left = {path for path in result.released if path.startswith("lid.zrm.")}
    assert left == {path for path in WHOLE if path.startswith("lid.zrm.")} - {"lid.zrm.inkomen"}


def test_what_one_member_withholds_and_another_gives_stands_in_both_lists() -> None:
    referral = canary_couple()
    result = minimised(
        flow_of(WHOLE), referral, permit_of(referral, (frozenset(), frozenset({"identiteit"})))
    )
    assert "lid.achternaam" in result.released
    assert "lid.achternaam" in result.removed
    assert (1, "identiteit") not in released(result)


@pytest.mark.parametrize("category", sorted(OF_HOUSEHOLD))
@pytest.mark.parametrize("who", [0, 1])
def test_a_no_on_what_is_the_households_holds_whoever_says_it(category: str, who: int) -> None:
    referral = canary_couple()
    refused = [frozenset[str](), frozenset[str]()]
    refused[who] = frozenset({category})
    result = minimised(flow_of(WHOLE), referral, permit_of(referral, tuple(refused), 1 - who))
    assert category not in {category_ for _, category_ in released(result)}


def without_members(referral: Referral, kept: tuple[int, ...]) -> Referral:
    sent = wire(referral)
    sent["huishouden"]["leden"] = [sent["huishouden"]["leden"][member] for member in kept]
    return Referral.model_validate(sent)


def flow_toml_of(flow: Flow) -> str:
    return flow_toml(
        fields=flow.fields,
        is_agreement_asked=flow.locks.agreement.required,
        household=flow.locks.agreement.household,
        is_secret_address_admitted=flow.secret_address_admitted,
    )


@unhurried
@given(
    st.data(),
    referrals(),
    referral_flows(household=HouseholdRule.REDUCE),
    TEAMS,
    IN_FORCE,
)
def test_invariant_13_a_reduced_message_is_the_one_sent_without_that_member(
    data: st.DataObject, referral: Referral, flow: Flow, team: str | None, today: date
) -> None:
    # Free text has a test of its own: it falls with any member that it may concern.
    referral = referral.model_copy(update={"note": None})
    asked = [data.draw(standings()) for _ in referral.household.members]
    applicant = data.draw(st.integers(0, len(asked) - 1))
    asked[applicant] = Standing(True, (UUID(int=1),), asked[applicant].refused)
    kept = tuple(n for n, one in enumerate(asked) if one.given is True)
    shorter = without_members(referral, kept)
    table = compile_table(load(PREAMBLE + flow_toml_of(flow)))

    def road(
        message: Referral, whom: list[Standing], who_applies: int, names: list[str]
    ) -> Minimised:
        present = frozenset(FIELDS)
        facts = Facts(message.ground, present, who_applies, whom)
        permit = decide(table, flow, facts, frozenset(), today)
        assert isinstance(permit, Permit)
        return MinimisationPlan(flow).referral(message, permit, names, team, today)

    names = pseudonyms_of(kept)
    reduced = road(referral, asked, applicant, names)
    never_in_it = road(shorter, [asked[n] for n in kept], kept.index(applicant), names)
    assert [
        (kept.index(part.member), part.category, part.fragment) for part in reduced.parts
    ] == never_in_it.parts
    assert (reduced.released, reduced.removed) == (never_in_it.released, never_in_it.removed)


@unhurried
@given(referrals(), referral_flows())
def test_invariant_13_the_members_counted_are_those_who_remain(
    referral: Referral, flow: Flow
) -> None:
    for kept in [(0,), tuple(range(len(referral.household.members)))]:
        permit = Permit("flow", Rule.PERMITTED, kept, (), (), 0)
        counted = [
            values["aantalLeden"]
            for values in released(minimised(flow, referral, permit)).values()
            if "aantalLeden" in values
        ]
        assert counted in ([], [len(kept)])


@unhurried
@given(st.data(), referrals(), referral_flows(), TEAMS)
def test_invariant_13_a_stored_message_that_loses_members_is_the_one_made_without_them(
    data: st.DataObject, referral: Referral, flow: Flow, team: str | None
) -> None:
    referral = referral.model_copy(update={"note": None})
    permit = data.draw(permits(referral))
    holder = permit.holder
    kept = tuple(sorted({holder, *data.draw(st.sets(st.sampled_from(permit.members)))}))
    refused = dict(zip(permit.members, permit.withheld, strict=False))
    withheld = tuple(refused.get(member, frozenset()) for member in kept)
    stored = minimised(flow, referral, permit, team).parts
    shortened = [recount(part, len(kept)) for part in stored if part.member in kept]
    anew = Permit("flow", Rule.PERMITTED, kept, (), withheld, holder)
    assert shortened == minimised(flow, referral, anew, team).parts


def test_recounting_touches_nothing_but_the_count() -> None:
    sent = Part(2, "aanmelding", b'"aantalLeden":12,"aangemeldOp":"2026-01-12"')
    assert recount(sent, 3) == Part(2, "aanmelding", b'"aantalLeden":3,"aangemeldOp":"2026-01-12"')
    without = Part(2, "aanmelding", b'"aangemeldOp":"2026-01-12"')
    assert recount(without, 3) == without
    other = Part(0, "identiteit", b'"achternaam":"aantalLeden"')
    assert recount(other, 3) == other


def test_invariant_13_free_text_falls_with_any_member_left_out() -> None:
    permit = Permit("flow", Rule.PERMITTED, (0,), (), (), 0)
    result = minimised(flow_of(WHOLE), canary_couple(), permit)
    assert "aanmelding.toelichting" in result.removed
    assert TRACES["aanmelding.toelichting"] not in everything(result)


@unhurried
@given(st.data(), referrals(), referral_flows())
def test_invariant_13_what_was_sealed_is_cut_to_what_would_have_been_sent(
    data: st.DataObject, referral: Referral, flow: Flow
) -> None:
    everyone = range(len(referral.household.members))
    stay = tuple(sorted(data.draw(st.sets(st.sampled_from(everyone), min_size=1))))
    withheld = tuple(data.draw(refusals()) for _ in stay)
    holder = data.draw(st.sampled_from(stay))
    sealed = minimised(flow, referral, permit_of(referral, applicant=holder)).parts
    left = [part for part in sealed if part.member in stay]
    cut = reduce_stored(
        left, len(stay), dict(zip(stay, withheld, strict=True)), len(stay) < len(everyone)
    )
    now = Permit("flow", Rule.PERMITTED, stay, (), withheld, holder)
    assert sorted(cut) == sorted(minimised(flow, referral, now).parts)


def test_what_was_sealed_loses_no_more_than_it_must() -> None:
    flow, couple = flow_of(WHOLE), canary_couple()
    sealed = minimised(flow, couple).parts
    assert reduce_stored(sealed, 2, {}, is_shorter=False) == sealed
    # One member's refusal of what is their own leaves the other's; of what is nobody's, nothing.
    own = reduce_stored(sealed, 2, {0: frozenset({"identiteit"})}, is_shorter=False)
    assert [p.member for p in sealed if p not in own] == [0]
    zrm = reduce_stored(sealed, 2, {1: frozenset({"zrm"})}, is_shorter=False)
    assert {(p.member, p.category.partition(".")[0]) for p in sealed if p not in zrm} == {
        (1, "zrm")
    }
    adres = reduce_stored(sealed, 2, {1: frozenset({"adres"})}, is_shorter=False)
    assert {(p.member, p.category) for p in sealed if p not in adres} == {(0, "adres")}
    shorter = reduce_stored(sealed, 1, {}, is_shorter=True)
    gone = {part.category for part in sealed if part.category not in {p.category for p in shorter}}
    assert gone == {"vrije-tekst"}
    (count,) = [part.fragment for part in shorter if part.category == "aanmelding"]
    assert b'"aantalLeden":1' in count
