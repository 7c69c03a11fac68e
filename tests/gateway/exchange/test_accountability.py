"""Accountability over the road: only what the protocol names, by the receiver's own pseudonym."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from gateway.store.groups import PURGED
from tests.gateway.exchange.road import Road, notices, open_road
from tests.support.messages import Json, fresh_reference, member, referral, status_of


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database) as opened:
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


async def test_a_restriction_on_the_case_stops_its_statuses_and_accountability(road: Road) -> None:
    person = member()
    answer = await road.refer(referral(person))
    exchange = str(answer["uitwisselingId"])
    await road.pull()
    await road.acknowledge()
    said = await road.report_status(status_of(exchange))
    told = await account(road, statement(exchange))
    assert said["besluit"] == told["besluit"] == "toegelaten"
    await road.pull("sra")
    waits = await account(road, statement(exchange, "altra"))

    await road.correct(
        {
            "soort": "beperking",
            "uitwisselingId": exchange,
            "lid": {"burgerservicenummer": person["burgerservicenummer"]},
        },
        partner="casebook",
    )

    assert (await road.report_status(status_of(exchange)))["regel"] == "instemming-onvolledig"
    assert (await account(road, statement(exchange)))["regel"] == "instemming-onvolledig"
    # What waited goes, and the funder, who has it, is told that use is restricted.
    for one in (said, waits):
        assert await road.state(one) == PURGED
    (notice,) = notices(await road.pull("sra"), "correctie")
    assert (notice["soort"], notice["uitwisselingId"]) == ("beperking", told["uitwisselingId"])


async def test_an_objection_to_another_purpose_leaves_the_case_alone(road: Road) -> None:
    person = member()
    first = await road.refer(referral(person))
    await road.acknowledge()
    subject = await road.subject(person["burgerservicenummer"])
    await road.pool.execute(
        """insert into restriction (subject, purpose, correction, is_lifted, recorded_at)
           values ($1, 'opschalen-gezin', gen_random_uuid(), false, now())""",
        subject,
    )
    said = await road.report_status(status_of(first["uitwisselingId"]))
    assert said["besluit"] == "toegelaten"
