"""A release looks again by the protocol of that moment, which may ask more than the one before."""

from __future__ import annotations

import pytest

from gateway.store.groups import HELD, PURGED, WAITING
from tests.gateway.exchange.road import (
    REDUCED,
    WITH_NOTE,
    open_road,
    protocol,
    without_envelope,
)
from tests.support.messages import member, referral

PARTIES = 'id = "dwi-aanmelding"\nverzender = "dwi"\nontvanger = "casebook"'
NOT_ASKED = ('vereist = true, huishouden = "allen"', "vereist = false")


async def test_invariant_02_a_protocol_that_asks_agreement_asks_it_of_what_waits(
    database: str,
) -> None:
    async with open_road(database) as road:
        ann = member(agreed=None)
        # Where agreement is asked, the gateway learns who may give it.
        await road.refer(referral(ann))
        await road.put_in_force(protocol("v1", NOT_ASKED))
        unasked = await road.refer(referral(member(agreed=None)))
        agreed = await road.refer(referral(ann))
        assert [one["besluit"] for one in (unasked, agreed)] == ["toegelaten"] * 2
        await road.put_in_force(protocol("v2"))
        await road.say(ann["burgerservicenummer"], True)

        gone, stays, _ = await road.pull()

        assert (gone["id"], gone["type"]) == (unasked["uitwisselingId"], "nl.sluis.vervallen")
        assert stays["id"] == agreed["uitwisselingId"]
        assert [await road.state(one) for one in (unasked, agreed)] == [PURGED, WAITING]


@pytest.mark.parametrize(
    "others",
    [
        PARTIES.replace('verzender = "dwi"', 'verzender = "madi"'),
        PARTIES.replace('ontvanger = "casebook"', 'ontvanger = "dwzs"'),
    ],
    ids=["sender", "recipient"],
)
async def test_invariant_02_a_flow_that_is_between_others_now_lets_nothing_through(
    database: str, others: str
) -> None:
    async with open_road(database, protocol("v1", NOT_ASKED)) as road:
        answer = await road.refer(referral())
        assert [one["type"] for one in await road.pull()] == ["nl.sluis.aanmelding"]
        await road.put_in_force(protocol("v2", NOT_ASKED, (PARTIES, others)))

        assert [one["type"] for one in await road.pull()] == ["nl.sluis.vervallen"]
        assert await road.state(answer) == PURGED


GROUNDS = 'toegelatenGrondslagen = ["participatiewet", "wmo2015", "wgs"]'


async def test_invariant_02_a_ground_that_is_admitted_no_more_lets_nothing_of_before_through(
    database: str,
) -> None:
    async with open_road(database) as road:
        dropped = await road.refer(referral(grondslag="participatiewet"))
        kept = await road.refer(referral(grondslag="wmo2015"))
        held_by = member(agreed=None)
        held = await road.refer(referral(held_by, grondslag="participatiewet"))
        await road.put_in_force(protocol("v2", (GROUNDS, 'toegelatenGrondslagen = ["wmo2015"]')))
        await road.say(held_by["burgerservicenummer"], True)

        first, second = await road.pull()

        assert (first["id"], first["type"]) == (dropped["uitwisselingId"], "nl.sluis.vervallen")
        assert (second["id"], second["type"]) == (kept["uitwisselingId"], "nl.sluis.aanmelding")
        assert await road.state(dropped) == PURGED
        assert await road.state(held) == HELD


async def test_invariant_02_a_ground_that_is_asked_since_lets_through_what_stated_one(
    database: str,
) -> None:
    async with open_road(database, protocol("v1", (GROUNDS, ""))) as road:
        unstated = await road.refer(referral(grondslag=None))
        stated = await road.refer(referral(grondslag="wgs"))
        await road.put_in_force(protocol("v2"))

        types = {event["id"]: event["type"] for event in await road.pull()}

        assert types[unstated["uitwisselingId"]] == "nl.sluis.vervallen"
        assert types[stated["uitwisselingId"]] == "nl.sluis.aanmelding"


async def test_invariant_13_a_protocol_that_reduces_reduces_what_waits_each_time(
    database: str,
) -> None:
    async with open_road(database) as road:
        ann, ben = member(agreed=None), member(agreed=None, rol="partner")
        await road.refer(referral(ann, ben))
        await road.put_in_force(protocol("v1", NOT_ASKED, WITH_NOTE))
        await road.refer(referral(ann, ben, toelichting="Ben kan niet lezen."))
        await road.put_in_force(protocol("v2", REDUCED, WITH_NOTE))
        await road.say(ann["burgerservicenummer"], True)
        await road.refer(referral(ann))

        first, *_, without_ben = without_envelope(await road.pull())
        again, *_ = without_envelope(await road.pull())

        assert first == without_ben == again


async def test_a_protocol_that_changes_nothing_for_a_message_takes_nothing_from_it(
    database: str,
) -> None:
    async with open_road(database, protocol("v1", WITH_NOTE)) as road:
        await road.refer(referral(member(), toelichting="Graag bellen."))
        whole = without_envelope(await road.pull())
        await road.put_in_force(protocol("v2", WITH_NOTE))

        assert without_envelope(await road.pull()) == whole
        assert whole[0]["aanmelding"]["toelichting"] == "Graag bellen."
