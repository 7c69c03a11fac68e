"""Keys that expire are announced in time, once a stage, and to nobody who need not know."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from gateway.app import Books
from gateway.exchange.key_expiry import STAGES, KeyExpiry, stage_of
from gateway.store.partners import PartnerKey, add_key, resume_partner, suspend_partner
from gateway.telemetry import Telemetry
from tests.gateway.exchange.road import KEYS, Road
from tests.support.registered import Party

NOW = datetime(2026, 3, 2, 11, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("left", "stage"),
    [
        (61 * DAY, None),
        (60 * DAY, 60),
        (31 * DAY, 60),
        (30 * DAY, 30),
        (14 * DAY, 14),
        (7 * DAY, 7),
        (2 * DAY, 7),
        (DAY, 1),
        (timedelta(seconds=1), 1),
        (timedelta(), None),
        (-DAY, None),
    ],
)
def test_the_stage_is_the_nearest_that_was_reached(left: timedelta, stage: int | None) -> None:
    assert stage_of(NOW + left, NOW) == stage


@given(st.integers(min_value=1, max_value=90 * 86400), st.integers(min_value=0, max_value=86400))
def test_a_stage_never_goes_back_as_time_goes_on(left: int, passed: int) -> None:
    ends = NOW + timedelta(seconds=left)
    before, after = stage_of(ends, NOW), stage_of(ends, NOW + timedelta(seconds=passed))
    if after is not None and before is not None:
        assert STAGES.index(after) <= STAGES.index(before)


class Watched:
    """The look at keys on a road, with what it said aside."""

    def __init__(self, road: Road) -> None:
        self.road, self.said = road, io.StringIO()
        self.telemetry = Telemetry(self.said)
        books = Books(KEYS)
        self.part = KeyExpiry(road.pool, books.of, road.vault, road.now, self.telemetry)

    async def notices(self, partner: str) -> list[dict[str, object]]:
        events = await self.road.pull(partner)
        found = [event["data"] for event in events if event["type"] == "nl.sluis.kennisgeving"]
        return [data for data in found if data["regel"] == "sleutel-verloopt"]


@pytest_asyncio.fixture(loop_scope="module")
async def watched(road: Road) -> AsyncIterator[Watched]:
    yield Watched(road)
    road.ahead = timedelta()
    await road.pool.execute("delete from key_notice")
    await road.pool.execute("delete from partner_key")
    for partner in ("dwi", "casebook"):
        await resume_partner(road.engine, partner)
        await road.acknowledge(partner)


async def _give(watched: Watched, partner: str, days: float) -> str:
    party = Party(partner)
    ends = watched.road.now() + timedelta(days=days)
    await add_key(watched.road.engine, partner, PartnerKey(party.kid, party.public.jwk, ends))
    return party.kid


@pytest.mark.asyncio(loop_scope="module")
async def test_each_stage_is_told_once_with_key_and_day_and_stands_in_the_log(
    watched: Watched,
) -> None:
    kid = await _give(watched, "dwi", 59.5)
    last = await watched.road.last_index()

    assert [await watched.part.look() for _ in range(2)] == [1, 0]
    watched.road.ahead = timedelta(days=46)
    assert [await watched.part.look() for _ in range(2)] == [1, 0]

    told = await watched.notices("dwi")
    assert [one["sleutel"] for one in told] == [kid, kid]
    assert all(str(one["verlooptOp"]).endswith("Z") for one in told)
    written = [one for one in await watched.road.entries(last) if one.event == "kennisgeving"]
    assert len(written) == 2
    assert kid not in str([one.entry for one in written])
    assert watched.telemetry.gauges["partner_keys_expiring"] == 1
    assert watched.said.getvalue().count('"partner-key-expires"') == 2


@pytest.mark.asyncio(loop_scope="module")
async def test_who_has_a_newer_key_is_told_nothing(watched: Watched) -> None:
    await _give(watched, "dwi", 5)
    await _give(watched, "dwi", 300)
    assert await watched.part.look() == 0
    assert await watched.notices("dwi") == []


@pytest.mark.asyncio(loop_scope="module")
async def test_a_suspended_partner_is_told_nothing_until_it_is_resumed(watched: Watched) -> None:
    await _give(watched, "dwi", 5)
    await suspend_partner(watched.road.engine, "dwi")
    assert await watched.part.look() == 0
    await resume_partner(watched.road.engine, "dwi")
    assert await watched.part.look() == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_one_that_has_expired_is_counted_and_no_longer_told(watched: Watched) -> None:
    await _give(watched, "dwi", 5)
    watched.road.ahead = timedelta(days=6)
    assert await watched.part.look() == 0
    assert watched.telemetry.gauges["partner_keys_expired"] == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_nobodys_key_goes_once_the_notice_is_cleared(watched: Watched) -> None:
    await _give(watched, "dwi", 5)
    await watched.part.look()
    keeper = await watched.road.pool.fetchval("select keeper from key_notice")
    await watched.road.acknowledge("dwi")
    await watched.road.pool.execute("delete from part where subject = $1", keeper)
    await watched.part.look()
    rows = "select count(*) from subject where id = $1"
    assert await watched.road.pool.fetchval(rows, keeper) == 0
