"""Pulling again from an older cursor: what was received, once more, for as long as it may go."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from consent.register import amsterdam_day
from gateway.exchange.mailbox import Page
from gateway.store.groups import CLEARED, DONE
from tests.gateway.exchange.road import PURPOSE, REDUCED, Road, open_road, protocol, trace
from tests.support.messages import Json, fresh_bsn, member, referral, status_of

KEPT = timedelta(days=14)
"""`naOntvangstDagen` of the flow."""


@pytest.fixture
def reducing_rules() -> str:
    return protocol("beperkt", REDUCED)


@pytest.fixture
async def road(database: str, reducing_rules: str) -> AsyncIterator[Road]:
    async with open_road(database, reducing_rules) as opened:
        yield opened


async def start(road: Road) -> str:
    """The cursor before anything that comes now."""
    return (await road.page()).cursor


async def again(road: Road, cursor: str) -> list[Json]:
    page = await road.mailbox.page("casebook", cursor, 1000, trace())
    return [json.loads(one.event) for one in page.messages]


def types_of(events: list[Json]) -> list[str]:
    return [one["type"].removeprefix("nl.sluis.") for one in events]


async def received(road: Road, *members: Json) -> tuple[Json, str, list[Json]]:
    before = await start(road)
    answer = await road.refer(referral(*(members or (member(),))))
    events = await road.pull()
    await road.acknowledge()
    assert await road.state(answer) == DONE
    return answer, before, events


async def test_what_was_received_is_handed_over_once_more_with_an_entry_of_its_own(
    road: Road,
) -> None:
    answer, before, events = await received(road)
    last = await road.last_index()

    assert await again(road, before) == events

    entries = await road.entries(last)
    assert [one.event for one in entries] == ["verstrekking"]
    assert entries[0].entry["exchange"] == answer["uitwisselingId"]
    # Receipt is not undone by it: without a cursor nothing waits.
    assert await road.pull() == []
    assert await road.acknowledge() == 0


async def test_after_its_term_only_the_place_is_left(road: Road) -> None:
    answer, before, _ = await received(road)
    road.ahead = KEPT + timedelta(hours=1)
    while (await road.retention.pass_once()).exchanges:
        pass
    assert await road.state(answer) == CLEARED
    last = await road.last_index()
    (event,) = await again(road, before)
    assert event["type"] == "nl.sluis.vervallen"
    assert "data" not in event
    assert await road.entries(last) == []


async def test_invariant_02_what_was_withdrawn_since_is_not_handed_over_again(road: Road) -> None:
    person = fresh_bsn()
    _, before, _ = await received(road, member(person))
    await road.say(person, False)
    last = await road.last_index()
    assert types_of(await again(road, before)) == ["vervallen", "intrekking"]
    assert [one.entry.get("notice") for one in await road.entries(last)] == ["intrekking"]


async def test_invariant_02_a_restriction_stops_it_too(road: Road) -> None:
    person = fresh_bsn()
    answer, before, _ = await received(road, member(person))
    await road.correct(
        {
            "soort": "beperking",
            "uitwisselingId": answer["uitwisselingId"],
            "lid": {"burgerservicenummer": person},
        }
    )
    assert types_of(await again(road, before)) == ["vervallen", "correctie"]


async def test_invariant_02_a_restriction_outlasts_the_name_of_its_purpose(
    road: Road,
) -> None:
    person = fresh_bsn()
    answer, before, _ = await received(road, member(person))
    await road.correct(
        {
            "soort": "beperking",
            "uitwisselingId": answer["uitwisselingId"],
            "lid": {"burgerservicenummer": person},
        }
    )
    renamed = protocol("hernoemd", REDUCED).replace(PURPOSE, "naar-het-wijkteam")
    await road.put_in_force(renamed)
    await road.say(person, True, purpose="naar-het-wijkteam")
    assert types_of(await again(road, before)) == ["vervallen", "correctie"]


async def test_invariant_02_a_restriction_stops_what_was_told_of_the_case_too(road: Road) -> None:
    person = fresh_bsn()
    answer, _, _ = await received(road, member(person))
    before = (await road.page("dwi")).cursor
    await road.report_status(status_of(answer["uitwisselingId"]))
    await road.acknowledge("dwi")
    restriction = {
        "uitwisselingId": answer["uitwisselingId"],
        "lid": {"burgerservicenummer": person},
    }

    async def told_again() -> str:
        page = await road.mailbox.page("dwi", before, 1, trace())
        return types_of([json.loads(one.event) for one in page.messages])[0]

    await road.correct({"soort": "beperking", **restriction}, partner="casebook")
    assert await told_again() == "vervallen"
    await road.correct({"soort": "opheffing-beperking", **restriction}, partner="casebook")
    assert await told_again() == "statusbericht"


async def test_invariant_02_a_yes_that_ended_since_its_receipt_stops_it_too(road: Road) -> None:
    """While it waited to be fetched it could not have ended; only since."""
    person = member()
    person["instemming"]["geldigTot"] = str(amsterdam_day(road.now() + timedelta(days=30)))
    before = await start(road)
    await road.refer(referral(person))
    road.ahead = timedelta(days=26)
    assert types_of(await road.pull()) == ["aanmelding"]
    await road.acknowledge()

    road.ahead = timedelta(days=29)
    assert types_of(await again(road, before)) == ["aanmelding"]
    road.ahead = timedelta(days=33)
    assert types_of(await again(road, before)) == ["vervallen"]


async def test_invariant_13_who_withdrew_since_is_not_in_it(road: Road) -> None:
    stays, goes = fresh_bsn(), fresh_bsn()
    answer, before, _ = await received(road, member(stays), member(goes, rol="partner"))
    await road.say(goes, False)
    events = await again(road, before)
    data = events[0]["data"]
    assert [one["burgerservicenummer"] for one in data["huishouden"]["leden"]] == [stays]
    assert data["aanmelding"]["aantalLeden"] == 1
    # What was received stays stored as it is until its term: who asks what was shared is told.
    assert await road.boxes(answer) == 2


async def test_a_member_who_left_since_is_told_by_the_correction_and_not_repeated(
    road: Road,
) -> None:
    stays, left = fresh_bsn(), fresh_bsn()
    answer, before, _ = await received(road, member(stays), member(left, rol="partner"))
    await road.correct(
        {
            "soort": "lid-vertrokken",
            "uitwisselingId": answer["uitwisselingId"],
            "lid": {"burgerservicenummer": left},
        }
    )
    assert types_of(await again(road, before)) == ["vervallen", "correctie"]


async def test_a_value_that_was_put_right_since_is_handed_over_right(road: Road) -> None:
    person = fresh_bsn()
    answer, before, _ = await received(road, member(person))
    await road.correct(
        {
            "soort": "rectificatie",
            "uitwisselingId": answer["uitwisselingId"],
            "lid": {"burgerservicenummer": person},
            "waarden": {"lid.achternaam": "Hersteld"},
        }
    )
    first, *_ = await again(road, before)
    assert first["data"]["huishouden"]["leden"][0]["achternaam"] == "Hersteld"


async def test_invariant_02_a_suspended_recipient_pulls_nothing_again(road: Road) -> None:
    _, before, _ = await received(road)
    await road.pool.execute("update partner set is_suspended = true where id = 'casebook'")
    await road.pool.execute("update rules_generation set number = number + 1")
    page: Page = await road.mailbox.page("casebook", before, 1000, trace())
    assert all(one.data is None for one in page.messages)


async def test_clearing_passes_over_what_is_being_handed_over(road: Road) -> None:
    answer, before, _ = await received(road)
    async with road.pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "select 1 from exchange where id = $1 for share", UUID(answer["uitwisselingId"])
        )
        road.ahead = KEPT + timedelta(hours=1)
        await road.retention.pass_once()
    assert types_of(await again(road, before)) == ["aanmelding"]
