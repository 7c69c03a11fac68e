"""What a draft would have decided, from entries alone; and what cannot be known from them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.protocol import Protocol
from consent.simulation import NO_FLOW, Effect, Judged, Recorded, Simulation
from schemas.decisions import Outcome, Rule
from tests.support.small_protocol import STATUS_FLOW, protocol

TODAY = date(2026, 11, 1)
WAS = protocol()
FIELDS = ("aanmelding.aangemeldOp", "lid.achternaam", "lid.geboortedatum")


def permit(released: tuple[str, ...] = FIELDS, removed: tuple[str, ...] = ()) -> Recorded:
    return recorded(Outcome.ACCEPTED, Rule.PERMITTED, released=released, removed=removed)


def held() -> Recorded:
    return recorded(Outcome.HELD, Rule.AGREEMENT_INCOMPLETE)


def recorded(
    outcome: Outcome,
    rule: Rule,
    *,
    flow: str | None = "dwi-aanmelding",
    sender: str = "dwi",
    field: str | None = None,
    released: tuple[str, ...] = (),
    removed: tuple[str, ...] = (),
) -> Recorded:
    return Recorded(WAS.digest, flow, outcome, rule, field, sender, None, released, removed)


def judged(draft: Protocol, one: Recorded, today: date = TODAY) -> Judged:
    return Simulation(draft, {WAS.digest: WAS}, today).take(one)


def test_the_same_rules_change_nothing() -> None:
    draft = protocol(version="2.0")
    for one in (
        permit(),
        held(),
        recorded(Outcome.REFUSED, Rule.FIELD_REQUIRED, field="aanmelding.aangemeldOp"),
        recorded(Outcome.REFUSED, Rule.GROUND_NOT_ADMITTED, field="aanmelding.grondslag"),
        recorded(Outcome.REFUSED, Rule.NO_FLOW, flow=None, sender="okt"),
    ):
        assert judged(draft, one).effect is Effect.SAME


def test_a_flow_that_is_gone_refuses_what_passed_and_what_waited() -> None:
    draft = protocol((STATUS_FLOW, ""), version="2.0")
    status = recorded(
        Outcome.ACCEPTED, Rule.PERMITTED, flow="terugkoppeling-dwi", sender="casebook"
    )
    assert judged(draft, status) == Judged(
        "terugkoppeling-dwi", Effect.NOW_REFUSED, "geen-gegevensstroom"
    )


def test_a_covenant_that_is_over_refuses_everything() -> None:
    one = judged(protocol(version="2.0"), permit(), date(2031, 1, 1))
    assert (one.effect, one.reason) == (Effect.NOW_REFUSED, "geen-overeenkomst-van-kracht")


def test_a_field_that_becomes_required_refuses_the_messages_that_lack_it() -> None:
    draft = protocol(('["aanmelding.aangemeldOp"]', '["lid.burgerservicenummer"]'), version="2.0")
    assert judged(draft, permit()).effect is Effect.NOW_REFUSED
    assert judged(draft, permit((*FIELDS, "lid.burgerservicenummer"))).effect is Effect.SAME


def test_fields_that_would_leave_stay_or_change_are_named() -> None:
    draft = protocol(
        ('"lid.achternaam" = "identificeren"', '"lid.achternaam" = "weglaten"'),
        ('"lid.geboortedatum" = "generaliseren"', '"lid.geboortedatum" = "identificeren"'),
        ('"lid.burgerservicenummer" = "identificeren"\n', '"lid.geslacht" = "behouden"\n'),
        ('bsn = { artikel = "Wabb art. 10 (te bevestigen)" }\n', ""),
        version="2.0",
    )
    one = judged(draft, permit(removed=("lid.geslacht", "lid.voorletters")))
    assert one == Judged(
        "dwi-aanmelding",
        Effect.FIELDS,
        "",
        leaves=("lid.geslacht",),
        stays=("lid.achternaam",),
        otherwise=("lid.geboortedatum",),
    )


def test_what_a_member_refused_is_not_said_to_leave() -> None:
    draft = protocol(('"lid.achternaam" = "identificeren"', '"lid.achternaam" = "identificeren" '))
    one = judged(draft, permit(released=FIELDS[:1], removed=("lid.achternaam",)))
    assert one.leaves == ()


def test_agreement_that_would_be_asked_anew_is_not_called_a_refusal() -> None:
    draft = protocol(("{ vereist = false }", "{ vereist = true }"), version="2.0")
    status = recorded(
        Outcome.ACCEPTED, Rule.PERMITTED, flow="terugkoppeling-dwi", sender="casebook"
    )
    assert judged(draft, status).effect is Effect.ASKS_AGREEMENT


def test_agreement_that_is_asked_no_more_lets_held_messages_pass() -> None:
    draft = protocol(('{ vereist = true, huishouden = "allen" }', "{ vereist = false }"))
    assert judged(draft, held()).effect is Effect.NOW_PASSES
    assert judged(draft, permit()).effect is Effect.SAME


@pytest.mark.parametrize(
    ("change", "one"),
    [
        (("allen", "beperken"), held()),
        (('huishouden = "allen"', 'huishouden = "allen", leeftijdsregime = "jeugdwet"'), held()),
        (('huishouden = "allen"', 'huishouden = "allen", leeftijdsregime = "jeugdwet"'), permit()),
        (('["participatiewet", "wmo2015"]', '["wmo2015"]'), permit()),
        (
            ('["aanmelding.aangemeldOp"]', "[]"),
            recorded(Outcome.REFUSED, Rule.FIELD_REQUIRED, field="aanmelding.aangemeldOp"),
        ),
        (
            ('["participatiewet", "wmo2015"]', '["participatiewet", "wmo2015", "wgs"]'),
            recorded(Outcome.REFUSED, Rule.GROUND_NOT_ADMITTED, field="aanmelding.grondslag"),
        ),
        (
            ('verplicht = ["aanmelding.aangemeldOp"]', "geheimAdresToegelaten = true"),
            permit((*FIELDS, "huishouden.postcode")),
        ),
    ],
)
def test_what_no_entry_holds_is_not_guessed_at(change: tuple[str, str], one: Recorded) -> None:
    assert judged(protocol(change, version="2.0"), one).effect is Effect.UNKNOWN


def test_a_message_that_found_no_flow_may_find_one_and_nobody_knows() -> None:
    draft = protocol(
        (
            STATUS_FLOW,
            STATUS_FLOW
            + STATUS_FLOW.replace("terugkoppeling-dwi", "terug").replace(
                'doel = "terugkoppeling"', 'doel = "toeleiding"'
            ),
        ),
        version="2.0",
    )
    one = recorded(Outcome.REFUSED, Rule.NO_FLOW, flow=None, sender="casebook")
    assert judged(draft, one) == Judged(NO_FLOW, Effect.UNKNOWN, "bericht-onbekend")


def test_what_the_protocol_has_no_say_in_does_not_change() -> None:
    draft = protocol((STATUS_FLOW, ""), version="2.0")
    for rule in (Rule.REFERENCE_REUSED, Rule.UNKNOWN_EXCHANGE, Rule.PARTNER_SUSPENDED):
        assert judged(draft, recorded(Outcome.REFUSED, rule, flow="terugkoppeling-dwi")).effect is (
            Effect.SAME
        )


def test_a_decision_by_a_version_that_cannot_be_read_is_unknown() -> None:
    draft = protocol(version="2.0")
    one = permit()._replace(protocol=bytes(32))
    assert judged(draft, one) == Judged("dwi-aanmelding", Effect.UNKNOWN, "versie-onbekend")
    without = one._replace(flow=None)
    assert judged(draft, without) == Judged(NO_FLOW, Effect.UNKNOWN, "versie-onbekend")
    other = permit()._replace(flow="weg")
    assert judged(draft, other) == Judged("weg", Effect.UNKNOWN, "stroom-onbekend")


@pytest.mark.parametrize(
    "one",
    [
        permit(),
        held(),
        recorded(Outcome.REFUSED, Rule.DUPLICATE),
        recorded(Outcome.REFUSED, Rule.FIELD_REQUIRED, field="aanmelding.aangemeldOp"),
        recorded(Outcome.REFUSED, Rule.NO_FLOW, flow=None),
        recorded(Outcome.REFUSED, Rule.UNKNOWN_EXCHANGE, flow=None),
    ],
)
def test_what_does_not_change_has_no_reason(one: Recorded) -> None:
    flow = one.flow or NO_FLOW
    assert judged(protocol(version="2.0"), one) == Judged(flow, Effect.SAME, "")
    gone = protocol(
        ("dwi-aanmelding", "dwi-eerste"), ('doel = "toeleiding"', 'doel = "terugkoppeling"')
    )
    refused = recorded(Outcome.REFUSED, Rule.FIELD_REQUIRED, field="x")
    assert judged(gone, refused) == Judged("dwi-aanmelding", Effect.SAME, "")


def test_counts_are_kept_a_flow() -> None:
    draft = protocol(('"lid.achternaam" = "identificeren"', '"lid.achternaam" = "weglaten"'))
    simulation = Simulation(draft, {WAS.digest: WAS}, TODAY)
    for _ in range(3):
        simulation.take(permit())
    simulation.take(held())

    tally = simulation.tallies["dwi-aanmelding"]
    assert (tally.total, tally.changed) == (4, 3)
    assert tally.stays == {"lid.achternaam": 3}
    assert tally.effects == {Effect.FIELDS: 3, Effect.SAME: 1}
    for _ in range(2):
        simulation.take(permit()._replace(protocol=bytes(32)))
    assert (tally.total, tally.changed) == (6, 3)
    assert tally.reasons == {(Effect.UNKNOWN, "versie-onbekend"): 2}


def test_what_is_remembered_is_bounded_and_changes_no_count() -> None:
    simulation = Simulation(protocol(version="2.0"), {WAS.digest: WAS}, TODAY)
    for number in range(5_000):
        simulation.take(permit()._replace(sender=f"partij-{number}"))
    assert simulation.tallies["dwi-aanmelding"].effects == {Effect.SAME: 5_000}


@given(
    st.sets(st.sampled_from(sorted(WAS.flows[0].fields))),
    st.sets(st.sampled_from(sorted(WAS.flows[0].fields))),
)
def test_the_version_that_decided_never_differs_from_itself(
    released: set[str], removed: set[str]
) -> None:
    one = permit(tuple(sorted(released | {"aanmelding.aangemeldOp"})), tuple(sorted(removed)))
    was_released = tuple(p for p in one.released if WAS.flows[0].fields[p] != "weglaten")
    one = one._replace(released=was_released)
    assert judged(WAS, one).effect is Effect.SAME
