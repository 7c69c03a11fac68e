"""A yes sets free what waited for it: decided anew, by today's protocol, once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from consent.protocol import load
from consent.register import amsterdam_day
from gateway.store.groups import HELD, WAITING
from gateway.store.partners import resume_partner, suspend_partner
from tests.gateway.exchange.road import (
    EXAMPLE,
    REDUCED,
    Road,
    open_road,
    protocol,
    without_envelope,
)
from tests.support.messages import fresh_bsn, fresh_reference, member, referral

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("empty_mailboxes"),
]


async def test_a_yes_sets_a_held_referral_free(road: Road) -> None:
    partner = fresh_bsn()
    message = referral(member(), member(partner, agreed=None, rol="partner"))
    answer = await road.refer(message)
    assert (answer["besluit"], await road.state(answer)) == ("aangehouden", HELD)
    assert await road.pull() == []
    before = await road.last_index()

    receipt = await road.say(partner, True)

    assert await road.state(answer) == WAITING
    recorded, decided = await road.entries(before)
    assert recorded.entry["id"] == str(receipt.entry_id)
    assert (decided.event, decided.entry["exchange"]) == ("besluit", answer["uitwisselingId"])
    assert (decided.entry["decision"], decided.entry["rule"]) == ("toegelaten", "toegelaten")
    assert decided.entry["traceId"] == recorded.entry["traceId"]
    assert len(decided.entry["subjects"]) == len(decided.subjects) == 2
    (event,) = await road.pull()
    assert event["id"] == answer["uitwisselingId"]
    family = event["data"]["huishouden"]["leden"]
    assert [one["rol"] for one in family] == ["aanmelder", "partner"]
    assert await road.pool.fetchval("select count(*) from held") == 0


async def test_what_is_freed_equals_what_would_have_passed_at_once(road: Road) -> None:
    first, second = member(), member(agreed=None, rol="partner")
    agreed = {**second, "instemming": first["instemming"]}
    await road.refer(referral(first, second))
    await road.say(second["burgerservicenummer"], True)
    await road.refer(referral(first, agreed))

    freed, at_once = without_envelope(await road.pull())

    assert freed == at_once


async def test_the_earlier_answer_stays_when_the_sender_repeats_its_message(road: Road) -> None:
    partner = fresh_bsn()
    message = referral(member(), member(partner, agreed=None, rol="partner"))
    told = await road.refer(message)
    await road.say(partner, True)
    entries = await road.last_index()

    assert await road.refer(message) == told
    assert told["besluit"] == "aangehouden"
    assert await road.last_index() == entries
    assert len(await road.pull()) == 1


async def test_a_yes_of_one_of_two_is_not_enough(road: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    answer = await road.refer(referral(member(ann, agreed=None), member(ben, agreed=None)))
    before = await road.last_index()

    await road.say(ann, True)

    assert await road.state(answer) == HELD
    assert await road.pull() == []
    assert [one.event for one in await road.entries(before)] == ["instemming"]
    await road.say(ben, True)
    assert [event["id"] for event in await road.pull()] == [answer["uitwisselingId"]]


async def test_a_yes_frees_every_message_that_waited_for_it_alone(road: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    alone = [await road.refer(referral(member(ann, agreed=None))) for _ in range(3)]
    together = await road.refer(referral(member(ann, agreed=None), member(ben, agreed=None)))

    await road.say(ann, True)

    freed = {event["id"] for event in await road.pull()}
    assert freed == {answer["uitwisselingId"] for answer in alone}
    assert await road.state(together) == HELD


@pytest.mark.parametrize(
    "said",
    [
        {"given": False},
        {"given": True, "purpose": "terugkoppeling", "recipient": "dwi"},
        {"given": True, "category": "zrm"},
    ],
    ids=["a no", "a yes to something else", "a yes to a part"],
)
async def test_only_the_yes_that_the_flow_asks_frees(road: Road, said: dict[str, object]) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann, agreed=None)))

    await road.say(ann, **said)  # type: ignore[arg-type]  # as the parameters have it

    assert await road.state(answer) == HELD
    assert await road.pull() == []


async def test_a_yes_that_an_earlier_decision_outweighs_frees_nothing(road: Road) -> None:
    ann = fresh_bsn()
    answer = await road.refer(referral(member(ann, agreed=None)))
    await road.say(ann, False)

    await road.say(ann, True, at=road.now() - timedelta(days=1))

    assert await road.state(answer) == HELD
    await road.say(ann, True)
    assert await road.state(answer) == WAITING
    await road.pull()


async def test_members_who_answer_at_the_same_moment_free_their_message_once(road: Road) -> None:
    for _ in range(15):
        household = [fresh_bsn() for _ in range(4)]
        answer = await road.refer(referral(*(member(one, agreed=None) for one in household)))

        await asyncio.gather(*(road.say(one, True) for one in household))

        assert [event["id"] for event in await road.pull()] == [answer["uitwisselingId"]]
        decided = [
            one.entry["decision"]
            for one in await road.entries()
            if one.entry["exchange"] == answer["uitwisselingId"] and one.event == "besluit"
        ]
        assert decided == ["aangehouden", "toegelaten"]
        await road.acknowledge()
    assert "Deadlock" not in road.log.getvalue()


async def test_a_yes_and_a_no_at_the_same_moment_never_hand_over_against_the_no(
    road: Road,
) -> None:
    for _ in range(15):
        ann, ben = fresh_bsn(), fresh_bsn()
        await road.refer(referral(member(ann, agreed=None), member(ben)))
        await asyncio.gather(road.say(ann, True), road.say(ben, False), road.page())

        assert [event for event in await road.pull() if "data" in event] == []


async def test_a_damaged_message_keeps_nobody_from_saying_yes(road: Road) -> None:
    ann = fresh_bsn()
    damaged, sound = [await road.refer(referral(member(ann, agreed=None))) for _ in range(2)]
    await road.pool.execute(
        """update held set sealed = set_byte(sealed, 20, 255 - get_byte(sealed, 20))
            where exchange = $1""",
        damaged["uitwisselingId"],
    )

    await road.say(ann, True)

    assert [await road.state(one) for one in (damaged, sound)] == [HELD, WAITING]


# What today's protocol says.

SCORED = {"gemetenOp": "2013-11-01", "scores": {"inkomen": 2, "huisvesting": 4}}
COARSE = ('"lid.zrm.inkomen" = "behouden"', '"lid.zrm.inkomen" = "generaliseren"')


async def test_it_is_decided_by_the_protocol_of_today(database: str) -> None:
    old = protocol("oud", COARSE)
    async with open_road(database, old) as road:
        ann = fresh_bsn()
        answer = await road.refer(referral(member(ann, agreed=None, zrm=SCORED)))
        await road.put_in_force(EXAMPLE)

        await road.say(ann, True)

        (event,) = await road.pull()
        assert event["data"]["huishouden"]["leden"][0]["zrm"]["inkomen"] == 2
        digests = {
            one.entry["decision"]: one.entry["protocol"]["digest"]
            for one in await road.entries()
            if one.event == "besluit" and one.entry["exchange"] == answer["uitwisselingId"]
        }
        assert digests == {
            "aangehouden": load(old).digest.hex(),
            "toegelaten": load(EXAMPLE).digest.hex(),
        }


async def test_what_was_freed_under_one_protocol_is_narrowed_from_that_one(database: str) -> None:
    """Not from the one that it arrived under: that one, like today's, admits coarse scores only."""
    async with open_road(database, protocol("v1", COARSE)) as road:
        ann = fresh_bsn()
        await road.refer(referral(member(ann, agreed=None, zrm=SCORED)))
        await road.put_in_force(EXAMPLE)
        await road.say(ann, True)
        await road.put_in_force(protocol("v3", COARSE))

        (event,) = await road.pull()

        assert event["data"]["huishouden"]["leden"][0]["zrm"] == {
            "gemetenOp": "2013-11-01",
            "huisvesting": 4,
        }


async def test_it_goes_to_the_recipient_of_today(database: str) -> None:
    moved = protocol(
        "verhuisd",
        ('partijen = ["dwi", "casebook", ', 'partijen = ["dwi", "casebook", "toezicht", '),
        ('ontvanger = "casebook"', 'ontvanger = "toezicht"'),
    )
    async with open_road(database) as road:
        ann = fresh_bsn()
        answer = await road.refer(referral(member(ann, agreed=None)))
        await road.put_in_force(moved)

        await road.say(ann, True, recipient="toezicht")

        assert await road.pull("casebook") == []
        assert [one["id"] for one in await road.pull("toezicht")] == [answer["uitwisselingId"]]
        # And a no to that recipient finds it there.
        await road.say(ann, False, recipient="toezicht")
        assert [one["type"] for one in await road.pull("toezicht")] == [
            "nl.sluis.vervallen",
            "nl.sluis.intrekking",
        ]


async def test_what_today_would_refuse_stays_held(database: str) -> None:
    async with open_road(database) as road:
        ann = fresh_bsn()
        answer = await road.refer(referral(member(ann, agreed=None)))
        await road.put_in_force(protocol("strenger", ('"participatiewet", ', "")))

        await road.say(ann, True)

        assert await road.state(answer) == HELD
        assert await road.pull() == []


async def test_where_a_household_may_be_reduced_the_applicants_yes_frees_their_own_part(
    database: str,
) -> None:
    async with open_road(database, protocol("beperkt", REDUCED)) as road:
        ann, ben, cas = member(agreed=None), member(agreed=None, rol="partner"), member(rol="kind")
        answer = await road.refer(referral(ann, ben, cas))
        await road.say(ben["burgerservicenummer"], False)
        assert await road.state(answer) == HELD

        await road.say(ann["burgerservicenummer"], True)

        (event,) = await road.pull()
        assert [one["rol"] for one in event["data"]["huishouden"]["leden"]] == ["aanmelder", "kind"]
        assert event["data"]["aanmelding"]["aantalLeden"] == 2
        # Who agrees later is in no part of what went on its way without them.
        await road.say(ben["burgerservicenummer"], True)
        assert [one.get("data") for one in await road.pull()] == [event["data"]]


async def test_a_yes_that_comes_with_a_later_referral_sets_free_what_waited(road: Road) -> None:
    ann, ben = member(), member(agreed=None, rol="partner")
    waits = await road.refer(referral(ann, ben))
    assert waits["besluit"] == "aangehouden"

    later = await road.refer(referral({**ben, "instemming": ann["instemming"]}))

    exchanges = {waits["uitwisselingId"], later["uitwisselingId"]}
    assert {one["id"] for one in await road.pull()} == exchanges


async def test_authority_that_comes_with_a_later_referral_sets_free_what_waited(road: Road) -> None:
    parent, yes = member(), {"gegeven": True, "op": "2025-11-01", "door": "ouder", "doorLid": 0}
    child = member(rol="kind", geboortedatum="2018-01-01", instemming=yes)
    waits = await road.refer(referral(parent, child))
    assert waits["besluit"] == "aangehouden"

    day = str(amsterdam_day(road.now()))
    stated = {"houders": [{"lid": 0}], "bron": "brp", "peildatum": day}
    later = await road.refer(referral(parent, {**child, "gezag": [stated]}))

    exchanges = {waits["uitwisselingId"], later["uitwisselingId"]}
    assert {one["id"] for one in await road.pull()} == exchanges


async def test_a_yes_sets_free_what_the_same_delivery_brought_before_it(road: Road) -> None:
    ann, ben = member(), member(agreed=None, rol="partner")
    agrees = {**ben, "instemming": ann["instemming"]}

    told = await road.deliver(referral(ann, ben), referral(agrees))

    assert [one["besluit"] for one in told] == ["aangehouden", "toegelaten"]
    assert {one["id"] for one in await road.pull()} == {one["uitwisselingId"] for one in told}


async def test_a_yes_in_a_suspended_partners_delivery_frees_nothing(database: str) -> None:
    """What it had delivered is worked off and refused; by its word nothing else may go."""
    async with open_road(database) as road:
        ann = member(agreed=None)
        waits = await road.refer(referral(ann, grondslag="wmo2015"), "dwzs")
        assert waits["besluit"] == "aangehouden"
        await suspend_partner(road.engine, "dwi")

        agrees = referral({**ann, "instemming": member()["instemming"]})
        (told,) = await road.deliver(agrees)
        assert (told["besluit"], told["regelcode"]) == ("geweigerd", "partner-geschorst")
        assert await road.state(waits) == HELD

        await resume_partner(road.engine, "dwi")
        (told,) = await road.deliver({**agrees, "kenmerk": fresh_reference()})
        assert told["besluit"] == "toegelaten"
        assert await road.state(waits) == WAITING
