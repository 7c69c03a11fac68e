"""Accountability over the road: only what the protocol names, by the receiver's own pseudonym."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from gateway.store.partners import NewPartner, register_partner
from tests.gateway.exchange.road import Road, open_road
from tests.support.messages import Json, fresh_reference, member, referral

SRA = NewPartner("sra", "Stadsregio (proefpartij)", "00000099000000006000", "generic")
ALTRA = NewPartner("altra", "Altra (proefpartij)", "00000099000000007000", "generic")


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database) as opened:
        for partner in (SRA, ALTRA):
            await register_partner(opened.engine, partner)
        yield opened


def statement(exchange: str, recipient: str = "sra", **changes: object) -> Json:
    made = {
        "kenmerk": fresh_reference("VA"),
        "uitwisselingId": exchange,
        "ontvanger": recipient,
        "status": "afgesloten-bereikt",
        "gestartOp": "2026-01-15",
        "beeindigdOp": "2026-06-30",
        "afsluitreden": "verhuisd-binnen-amsterdam",
        "stadsdeel": "Centrum",
        "aantalLeden": 1,
    }
    return {**made, **changes}


async def account(road: Road, message: Json, sender: str = "casebook") -> Json:
    headers = [(b"partner", sender.encode()), (b"content-type", b"application/json")]
    _, _, body = await road.door.account(headers, json.dumps(message).encode())
    told: Json = json.loads(body)
    return told.get("antwoord", told)  # type: ignore[no-any-return]  # as the wire has it


async def handed_over(road: Road) -> str:
    told = await road.refer(referral(member()))
    await road.pull()
    await road.acknowledge()
    return str(told["uitwisselingId"])


async def test_the_funder_gets_it_coarse_and_under_a_pseudonym_of_its_own(road: Road) -> None:
    exchange = await handed_over(road)
    assert (await account(road, statement(exchange)))["besluit"] == "toegelaten"
    assert (await account(road, statement(exchange, "altra")))["besluit"] == "toegelaten"

    (funder,), (institution,) = await road.pull("sra"), await road.pull("altra")

    assert funder["type"] == institution["type"] == "nl.sluis.verantwoording"
    assert funder["subject"] != institution["subject"]
    data = funder["data"]
    assert data["status"] == "beeindigd"
    assert (data["gestartIn"], data["beeindigdIn"]) == ("2026-01", "2026-06")
    assert not {"afsluitreden", "gestartOp", "kenmerk"} & set(data)


async def test_a_case_that_was_never_the_senders_is_not_known(road: Road) -> None:
    exchange = await handed_over(road)
    told = await account(road, statement(exchange), sender="dwi")
    assert (told["besluit"], told["regel"]) == ("geweigerd", "uitwisseling-onbekend")
    assert told["veld"] == "verantwoording.uitwisselingId"


async def test_who_the_protocol_does_not_name_gets_nothing(road: Road) -> None:
    exchange = await handed_over(road)
    told = await account(road, statement(exchange, "dwi"))
    assert (told["besluit"], told["regel"]) == ("geweigerd", "geen-gegevensstroom")
