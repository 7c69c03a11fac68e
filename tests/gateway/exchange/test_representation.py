"""Who decides for whom, along the whole road: age, authority, validity, and the day they change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest

from schemas.consents import AuthorityRecord
from tests.gateway.exchange.road import Road, open_road, protocol, trace
from tests.support.messages import Json, fresh_bsn, member, referral


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database) as opened:
        yield opened


DAY = timedelta(days=1)
LAPSED = "nl.sluis.vervallen"


def years_ago(road: Road, years: int, *, days: int = 0) -> date:
    """The birth date of who turned, or turns, so many years old `days` days from now."""
    day = road.now().date() + timedelta(days=days)
    return day.replace(year=day.year - years, day=min(day.day, 28) if day.month == 2 else day.day)


def child(
    road: Road, born: date | str, *, authority: str | None = "brp", **changes: object
) -> Json:
    """A child whose parent, the first member, said yes yesterday."""
    yesterday = (road.now() - DAY).date().isoformat()
    made = member(agreed=None, rol="kind", geboortedatum=str(born))
    made["instemming"] = {"gegeven": True, "op": yesterday, "door": "ouder", "doorLid": 0}
    if authority is not None:
        made["gezag"] = [{"houders": [{"lid": 0}], "bron": authority, "peildatum": yesterday}]
    return {**made, **changes}


async def state_authority(road: Road, bsn: str, *holders: str, source: str = "brp") -> None:
    record = AuthorityRecord.model_validate(
        {
            "burgerservicenummer": bsn,
            "houders": list(holders),
            "bron": source,
            "peildatum": road.now().date().isoformat(),
        }
    )
    await road.authorities.record("dwi", record, trace())


async def test_a_parent_with_authority_decides_for_a_child(road: Road) -> None:
    told = await road.refer(referral(member(), child(road, years_ago(road, 9))))
    assert told["besluit"] == "toegelaten"


async def test_invariant_09_unknown_authority_means_no(road: Road) -> None:
    nine = years_ago(road, 9)
    told = await road.refer(referral(member(), child(road, nine, authority=None)))
    assert (told["besluit"], told["regel"]) == ("aangehouden", "instemming-onvolledig")


async def test_what_waits_for_authority_is_set_free_when_it_is_stated(road: Road) -> None:
    parent, minor = member(), child(road, years_ago(road, 9), authority=None)
    await road.refer(referral(parent, minor))

    await state_authority(road, minor["burgerservicenummer"], parent["burgerservicenummer"])

    (event,) = await road.pull()
    assert event["type"] == "nl.sluis.aanmelding"


async def test_invariant_02_sources_that_contradict_each_other_stop_what_waits(road: Road) -> None:
    minor = child(road, years_ago(road, 9))
    await road.refer(referral(member(), minor))

    await state_authority(road, minor["burgerservicenummer"], fresh_bsn(), source="gezagsregister")

    (event,) = await road.pull()
    assert event["type"] == LAPSED


async def test_invariant_09_an_unknown_birth_date_asks_what_satisfies_every_age(
    road: Road,
) -> None:
    nameless = member()
    del nameless["geboortedatum"]
    told = await road.refer(referral(nameless))
    assert told["besluit"] == "aangehouden"


async def test_a_yes_lapses_on_the_twelfth_birthday_and_nothing_goes_from_that_day(
    road: Road,
) -> None:
    turning = child(road, years_ago(road, 12, days=3))
    told = await road.refer(referral(member(), turning))
    assert told["besluit"] == "toegelaten"
    assert [one["type"] for one in await road.pull()] == ["nl.sluis.aanmelding"]

    road.ahead += 4 * DAY

    assert [one["type"] for one in await road.pull()] == [LAPSED]


async def test_a_yes_that_ends_by_itself_ends_what_rests_on_it(road: Road) -> None:
    today = road.now().date()
    brief = {"gegeven": True, "op": "2013-11-01", "geldigTot": str(today + 2 * DAY)}
    told = await road.refer(referral(member(instemming=brief), toelichting="x"))
    assert told["besluit"] == "toegelaten"
    road.ahead += DAY
    assert [one["type"] for one in await road.pull()] == ["nl.sluis.aanmelding"]
    road.ahead += 2 * DAY
    assert [one["type"] for one in await road.pull()] == [LAPSED]


async def test_who_coordinates_is_told_that_agreement_must_be_asked_again(road: Road) -> None:
    turning = child(road, years_ago(road, 16, days=3))
    told = await road.refer(referral(member(), turning))
    await road.pull()
    await road.acknowledge()
    while await road.birthdays.step() is not None:
        pass
    road.ahead += 4 * DAY

    lapsed = [n async for n in _steps(road)]

    assert sum(lapsed) == 1
    (notice,) = [one for one in await road.pull() if one["type"] == "nl.sluis.kennisgeving"]
    assert notice["data"]["regel"] == "opnieuw-vragen"
    assert notice["data"]["uitwisselingId"] == told["uitwisselingId"]
    assert await road.birthdays.step() is None, "once a day"


async def test_a_child_from_twelve_is_asked_itself_under_the_wgbo(database: str) -> None:
    regime = ('leeftijdsregime = "uavg"', 'leeftijdsregime = "wgbo"')
    async with open_road(database, protocol("v1", regime)) as road:
        thirteen = child(road, years_ago(road, 13))
        alone = await road.refer(referral(member(), thirteen))
        own = {"gegeven": True, "op": str((road.now() - DAY).date())}
        both = {**thirteen, "burgerservicenummer": fresh_bsn(), "verdereInstemmingen": [own]}
        together = await road.refer(referral(member(), both))
        assert [alone["besluit"], together["besluit"]] == ["aangehouden", "toegelaten"]


async def _steps(road: Road):  # type: ignore[no-untyped-def]  # a generator of counts
    while (lapsed := await road.birthdays.step()) is not None:
        yield lapsed


async def test_invariant_09_many_birth_dates_never_wash_the_true_one_away(road: Road) -> None:
    minor = child(road, years_ago(road, 9), authority=None)
    own = {"gegeven": True, "op": str((road.now() - DAY).date())}
    for year in (None, 2001, 2002, 2003, 2004, 1980, 1980):
        born = minor["geboortedatum"] if year is None else f"{year}-05-01"
        told = await road.refer(
            referral({**minor, "rol": "aanmelder", "geboortedatum": born, "instemming": own})
        )
        assert told["besluit"] == "aangehouden"


async def test_an_agreement_until_the_last_day_that_there_is_has_no_end(road: Road) -> None:
    endless = {"gegeven": True, "op": "2013-11-01", "geldigTot": "9999-12-31"}
    told = await road.refer(referral(member(instemming=endless)))
    assert told["besluit"] == "toegelaten"
