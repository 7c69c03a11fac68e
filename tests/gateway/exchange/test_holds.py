"""A sender sees what of its own waits, and nothing of why, or of anybody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from gateway.exchange.holds import HoldCursorError
from tests.gateway.exchange.road import Road, notices, open_road
from tests.support.messages import fresh_bsn, held_referral, member, referral

HOLD_DAYS = 42


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database) as road:
        yield road


async def test_it_lists_what_waits_oldest_first_under_the_senders_own_reference(
    road: Road,
) -> None:
    messages = [held_referral() for _ in range(3)]
    answers = [await road.refer(one) for one in messages]
    await road.refer(referral())

    page = await road.holds.page("dwi", None, 10)

    assert page.cursor is None
    assert [one.reference for one in page.held] == [one["kenmerk"] for one in messages]
    assert [str(one.exchange_id) for one in page.held] == [a["uitwisselingId"] for a in answers]
    assert {one.rule for one in page.held} == {"instemming-onvolledig"}
    assert {(one.ends_at - one.since).days for one in page.held} == {HOLD_DAYS}


async def test_missing_refused_and_withdrawn_look_the_same(road: Road) -> None:
    missing, refused, withdrawn = fresh_bsn(), fresh_bsn(), fresh_bsn()
    await road.say(refused, False)
    given = await road.say(withdrawn, True)
    await road.withdraw(given.consent_id)
    for one in (missing, refused, withdrawn):
        await road.refer(referral(member(), member(one, agreed=None)))

    page = await road.holds.page("dwi", None, 10)

    shown = [one.model_dump(exclude={"exchange_id", "reference"}) for one in page.held]
    assert len({str(sorted(one)) for one in shown}) == 1
    assert len({one["rule"] for one in shown}) == 1
    assert len({one["ends_at"] - one["since"] for one in shown}) <= len(shown)


async def test_another_partner_sees_none_of_it(road: Road) -> None:
    await road.refer(held_referral())
    for partner in ("casebook", "okt", "toezicht"):
        assert (await road.holds.page(partner, None, 10)).held == []


async def test_pages_follow_on_each_other_without_gap_or_repeat(road: Road) -> None:
    answers = [await road.refer(held_referral()) for _ in range(5)]
    found, cursor = [], None
    while True:
        page = await road.holds.page("dwi", cursor, 2)
        found += [str(one.exchange_id) for one in page.held]
        cursor = page.cursor
        if cursor is None:
            break
    assert found == [one["uitwisselingId"] for one in answers]


async def test_a_cursor_is_its_partners_own(road: Road) -> None:
    for _ in range(3):
        await road.refer(held_referral())
    cursor = (await road.holds.page("dwi", None, 1)).cursor
    assert cursor is not None
    wrong = [("casebook", cursor), ("dwi", cursor[:-4] + "AAAA"), ("dwi", "x"), ("dwi", "é" * 44)]
    for partner, given in wrong:
        with pytest.raises(HoldCursorError):
            await road.holds.page(partner, given, 1)


async def test_a_hold_that_ends_is_told_to_its_sender(road: Road) -> None:
    message = referral(member(), member(agreed=None))
    answer = await road.refer(message)
    road.ahead = timedelta(days=HOLD_DAYS + 1)

    await road.retention.pass_once()

    assert (await road.holds.page("dwi", None, 10)).held == []
    (told,) = notices(await road.pull("dwi"), "kennisgeving")
    assert told == {
        "regel": "niet-vrijgegeven",
        "uitwisselingId": answer["uitwisselingId"],
        "kenmerk": message["kenmerk"],
    }
    assert await road.pull("casebook") == []
    assert await road.acknowledge("dwi") == 1
    assert await road.pull("dwi") == []


async def test_what_is_set_free_is_not_told_of(road: Road) -> None:
    ben = fresh_bsn()
    await road.refer(referral(member(), member(ben, agreed=None)))
    await road.say(ben, True)
    road.ahead = timedelta(days=HOLD_DAYS + 1)
    await road.retention.pass_once()
    assert await road.pull("dwi") == []


async def test_a_notice_that_nobody_fetches_goes_in_its_time(road: Road) -> None:
    await road.refer(held_referral())
    road.ahead = timedelta(days=HOLD_DAYS + 1)
    await road.retention.pass_once()
    road.ahead = timedelta(days=HOLD_DAYS + 360)
    await road.retention.pass_once()
    assert len(notices(await road.pull("dwi"), "kennisgeving")) == 1

    road.ahead = timedelta(days=HOLD_DAYS + 370)
    await road.retention.pass_once()

    assert [one["type"] for one in await road.pull("dwi")] == ["nl.sluis.vervallen"]
