"""A status under a protocol that asks the household's agreement to that as well."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from schemas.consents import ConsentRecord
from tests.gateway.exchange.road import Road, open_road, protocol, trace
from tests.support.messages import fresh_bsn, member, referral, status_of

_FLOW, _NOT_ASKED = 'id = "casebook-terugkoppeling-dwi"', "instemming = { vereist = false }"
_ASKED = 'instemming = { vereist = true, huishouden = "allen", leeftijdsregime = "uavg" }'


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    before, flow, after = protocol("stand-gevraagd").partition(_FLOW)
    async with open_road(database, before + flow + after.replace(_NOT_ASKED, _ASKED, 1)) as opened:
        yield opened


async def say(
    road: Road,
    person: str,
    *,
    given: bool = True,
    category: str = "*",
    ends: datetime | None = None,
) -> None:
    record = {
        "burgerservicenummer": person,
        "doel": "terugkoppeling",
        "ontvanger": "dwi",
        "categorie": category,
        "gegeven": given,
        "op": road.now(),
        "geldigTot": ends,
    }
    await road.consents.record("casebook", ConsentRecord.model_validate(record), trace())


async def case_of(road: Road, person: str) -> str:
    answer = await road.refer(referral(member(person)))
    await road.acknowledge()
    return str(answer["uitwisselingId"])


async def test_without_a_yes_it_is_refused_since_it_cannot_wait(road: Road) -> None:
    answer = await road.report_status(status_of(await case_of(road, fresh_bsn())))
    assert (answer["besluit"], answer["regel"]) == ("geweigerd", "instemming-onvolledig")


async def test_invariant_02_a_yes_that_ends_while_it_waits_takes_it_out(road: Road) -> None:
    person = fresh_bsn()
    case = await case_of(road, person)
    await say(road, person, ends=road.now() + timedelta(days=1))
    assert (await road.report_status(status_of(case)))["besluit"] == "toegelaten"
    assert [one["type"] for one in await road.pull("dwi")] == ["nl.sluis.statusbericht"]

    road.ahead = timedelta(days=2)
    assert [one["type"] for one in await road.pull("dwi")] == ["nl.sluis.vervallen"]


async def test_what_the_person_refuses_of_it_does_not_leave(road: Road) -> None:
    person = fresh_bsn()
    case = await case_of(road, person)
    await say(road, person)
    await say(road, person, given=False, category="casusstatus")
    await road.report_status(status_of(case))
    assert [one["data"] for one in await road.pull("dwi")] == [{}]
