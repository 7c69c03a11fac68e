"""What was received, or waited too long, goes in time; and nothing goes before."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from gateway.app import Books
from gateway.exchange.retention import Cleared, Retention
from gateway.store.groups import CLEARED, DONE, HELD, PURGED, WAITING
from gateway.telemetry import Telemetry
from gateway.vault.boxes import Vault
from tests.gateway.exchange.road import KEYS, Road, open_road, protocol
from tests.support.messages import fresh_bsn, held_referral, member, referral, status_of

LAPSED = "nl.sluis.vervallen"
HOLD, UNCLAIMED, AFTER_RECEIPT, PRINTS = 42, 28, 14, 30
"""Days, as the example protocol has them, and as fingerprints are kept."""


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database) as road:
        yield road


async def passed(road: Road, days: float) -> Cleared:
    """What a pass clears so many days from now."""
    road.ahead = timedelta(days=days)
    return await road.retention.pass_once()


async def test_received_content_goes_after_its_days_and_not_before(road: Road) -> None:
    answer = await road.refer(referral(member(), member(rol="partner")))
    await road.acknowledge()
    before = await road.last_index()

    assert await passed(road, AFTER_RECEIPT - 0.1) == Cleared(0, 0)
    assert (await road.state(answer), await road.boxes(answer)) == (DONE, 2)
    assert await passed(road, AFTER_RECEIPT + 0.1) == Cleared(1, 0)

    assert (await road.state(answer), await road.boxes(answer)) == (CLEARED, 0)
    # Its receipt was recorded; that its content went by the protocol's own term is no event.
    assert await road.last_index() == before
    assert await passed(road, AFTER_RECEIPT + 1) == Cleared(0, 0)


async def test_a_status_on_a_cleared_exchange_still_finds_its_sender(road: Road) -> None:
    message = referral()
    answer = await road.refer(message)
    await road.acknowledge()
    await passed(road, AFTER_RECEIPT + 1)
    assert await road.state(answer) == CLEARED

    told = await road.report_status(status_of(answer["uitwisselingId"]))

    assert told["besluit"] == "toegelaten"
    (event,) = await road.pull("dwi")
    assert event["data"]["kenmerk"] == message["kenmerk"]


async def test_what_nobody_fetched_lapses_with_an_entry_and_leaves_a_tombstone(road: Road) -> None:
    people = [fresh_bsn(), fresh_bsn()]
    answer = await road.refer(referral(*(member(one) for one in people)))
    later = await road.refer(referral())
    before = await road.last_index()
    await road.pool.execute(
        "update exchange set expires_at = expires_at + interval '1 day' where id = $1",
        UUID(later["uitwisselingId"]),
    )

    assert await passed(road, UNCLAIMED - 0.1) == Cleared(0, 0)
    assert await passed(road, UNCLAIMED + 0.1) == Cleared(1, 0)

    assert (await road.state(answer), await road.boxes(answer)) == (PURGED, 0)
    (entry,) = await road.entries(before)
    assert (entry.event, entry.entry["exchange"]) == ("verwijdering", answer["uitwisselingId"])
    assert (entry.entry["reason"], entry.entry["flow"]) == ("niet-opgehaald", "dwi-aanmelding")
    assert entry.subjects == [await road.subject(one) for one in people]
    assert len(entry.entry["subjects"]) == 2
    for name in (*people, *(str(subject) for subject in entry.subjects)):
        assert name not in str(entry.entry)
    gone, stays = await road.pull()
    assert (gone["id"], gone["type"], gone["sequence"]) == (answer["uitwisselingId"], LAPSED, "1")
    assert stays["id"] == later["uitwisselingId"]
    assert (await road.report_status(status_of(answer["uitwisselingId"])))[
        "regel"
    ] == "uitwisseling-onbekend"


async def test_what_was_fetched_and_never_confirmed_is_not_said_to_be_unfetched(road: Road) -> None:
    await road.refer(referral())
    await road.pull()
    before = await road.last_index()

    await passed(road, UNCLAIMED + 1)

    (entry,) = await road.entries(before)
    assert entry.entry["reason"] == "niet-bevestigd"


async def test_what_waited_too_long_for_agreement_lapses_with_an_entry(road: Road) -> None:
    ann, ben = fresh_bsn(), fresh_bsn()
    answer = await road.refer(referral(member(ann), member(ben, agreed=None)))
    before = await road.last_index()

    assert (await passed(road, HOLD - 0.1)).exchanges == 0
    assert await road.state(answer) == HELD
    assert (await passed(road, HOLD + 0.1)).exchanges == 1

    assert await road.state(answer) == PURGED
    assert await road.pool.fetchval("select count(*) from held") == 0
    entry, told = await road.entries(before)
    assert (told.event, told.entry["about"]) == ("kennisgeving", answer["uitwisselingId"])
    assert (entry.event, entry.entry["reason"]) == ("verwijdering", "niet-vrijgegeven")
    # Also of what was never opened, everybody's own account has its line.
    assert entry.subjects == [await road.subject(ann), await road.subject(ben)]
    assert len(entry.entry["subjects"]) == 2
    assert await road.pull() == []
    # A yes that comes after it brings nothing back.
    await road.say(ben, True)
    assert await road.pull() == []


async def test_what_a_yes_set_free_has_the_term_of_what_arrived_today(road: Road) -> None:
    ben = fresh_bsn()
    answer = await road.refer(referral(member(), member(ben, agreed=None)))
    road.ahead = timedelta(days=HOLD - 1)
    await road.say(ben, True)

    assert (await passed(road, HOLD + 1)).exchanges == 0
    assert await road.state(answer) == WAITING
    assert (await passed(road, HOLD + UNCLAIMED)).exchanges == 1


async def test_a_repeat_is_known_for_thirty_days(road: Road) -> None:
    message = referral()
    told = await road.refer(message)
    await road.acknowledge()

    assert (await passed(road, PRINTS - 0.1)).prints == 0
    assert await road.refer(message) == told
    assert (await passed(road, PRINTS + 0.1)).prints == 1

    assert await road.pool.fetchval("select count(*) from fingerprint") == 0
    assert (await road.refer(message))["uitwisselingId"] != told["uitwisselingId"]


async def test_a_flow_that_the_protocol_no_longer_has_is_cleared_all_the_same(road: Road) -> None:
    waiting = await road.refer(referral())
    held = await road.refer(held_referral())
    head, *flows = protocol("zonder").split("[[gegevensstroom]]")
    stays = [flow for flow in flows if 'id = "dwi-aanmelding"' not in flow]
    assert len(stays) == len(flows) - 1
    await road.put_in_force("[[gegevensstroom]]".join([head, *stays]))

    assert await passed(road, HOLD + 1) == Cleared(2, 2)

    assert [await road.state(one) for one in (waiting, held)] == [PURGED, PURGED]
    *_, first, second, told = await road.entries()
    assert [one.entry["flow"] for one in (first, second, told)] == [None] * 3
    assert told.event == "kennisgeving"


def clearing(road: Road, at_once: int = 500, every: float = 60.0) -> Retention:
    """A replica of its own, which knows nothing yet."""
    telemetry = Telemetry(road.log)
    books, vault = Books(KEYS), Vault(KEYS)
    return Retention(road.pool, books.of, vault, road.now, telemetry, at_once=at_once, every=every)


async def test_a_pass_is_bounded_and_the_next_goes_on(road: Road) -> None:
    road.retention = clearing(road, at_once=3)
    for _ in range(5):
        await road.refer(referral())
    for _ in range(2):
        await road.refer(held_referral())

    cleared = [await passed(road, HOLD + 1) for _ in range(4)]

    assert cleared == [Cleared(3, 3), Cleared(3, 3), Cleared(1, 1), Cleared(0, 0)]
    lapsed = [one for one in await road.entries() if one.event == "verwijdering"]
    assert len({one.entry["exchange"] for one in lapsed}) == 7


async def test_a_damaged_key_keeps_nobodys_content_here(road: Road) -> None:
    ann = fresh_bsn()
    answers = [await road.refer(referral(member(one), member())) for one in (ann, fresh_bsn())]
    await road.pool.execute(
        """update subject set wrapped = set_byte(wrapped, 20, 255 - get_byte(wrapped, 20))
            where id = $1""",
        await road.subject(ann),
    )
    before = await road.last_index()

    assert (await passed(road, UNCLAIMED + 1)).exchanges == 2

    assert [await road.boxes(one) for one in answers] == [0, 0]
    told = {one.entry["exchange"]: len(one.subjects) for one in await road.entries(before)}
    assert told == {answers[0]["uitwisselingId"]: 1, answers[1]["uitwisselingId"]: 2}


async def test_two_replicas_clear_each_message_once(road: Road) -> None:
    for _ in range(20):
        await road.refer(referral())
    road.ahead = timedelta(days=UNCLAIMED + 1)

    cleared = await asyncio.gather(*(clearing(road).pass_once() for _ in range(4)))

    assert sum(one.exchanges for one in cleared) == 20
    lapsed = [one.entry["exchange"] for one in await road.entries() if one.event == "verwijdering"]
    assert len(lapsed) == len(set(lapsed)) == 20


async def test_invariant_02_nothing_is_handed_over_after_it_lapsed(road: Road) -> None:
    """Clearing, pulling and withdrawing at the same moment; each exchange in one order only."""
    for _ in range(20):
        road.ahead = timedelta()
        ann = fresh_bsn()
        answers = [await road.refer(referral(member(ann), member())) for _ in range(3)]
        before = await road.last_index()
        road.ahead = timedelta(days=UNCLAIMED + 1)

        await asyncio.gather(
            road.page(), road.retention.pass_once(), road.say(ann, False), road.page()
        )

        entries = await road.entries(before)
        for exchange in (answer["uitwisselingId"] for answer in answers):
            own = [one.event for one in entries if one.entry["exchange"] == exchange]
            assert own.count("verwijdering") == 1
            assert own[-1] == "verwijdering", own
        # Where the withdrawal came after the page, it is recalled as well.
        assert {one["type"] for one in await road.pull()} <= {LAPSED, "nl.sluis.intrekking"}
        await road.acknowledge()


async def test_invariant_12_where_the_log_cannot_be_written_nothing_is_cleared(road: Road) -> None:
    answer = await road.refer(referral())
    await road.pool.execute(
        """create function refuse() returns trigger language plpgsql as
             $$ begin raise exception 'disk full' using errcode = '53100'; end $$;
           create trigger refuse before insert on log_leaf execute function refuse()"""
    )

    with pytest.raises(asyncpg.DiskFullError):
        await passed(road, UNCLAIMED + 1)

    assert (await road.state(answer), await road.boxes(answer)) == (WAITING, 1)
    await road.pool.execute("drop trigger refuse on log_leaf")
    assert (await passed(road, UNCLAIMED + 1)).exchanges == 1


# For as long as it runs.


@asynccontextmanager
async def running(road: Road) -> AsyncIterator[None]:
    road.retention.start()
    try:
        yield
    finally:
        await road.retention.stop()


async def cleared(road: Road) -> None:
    async with asyncio.timeout(10):
        while await road.pool.fetchval("select count(*) from exchange where state = $1", WAITING):  # noqa: ASYNC110 - it is told by no event
            await asyncio.sleep(0.01)


async def test_it_goes_on_at_once_while_there_is_more(road: Road) -> None:
    road.retention = clearing(road, at_once=2)
    for _ in range(7):
        await road.refer(referral())
    road.ahead = timedelta(days=UNCLAIMED + 1)

    async with running(road):
        await cleared(road)

    assert road.log.getvalue() == ""


async def test_a_fault_is_told_and_ends_nothing(road: Road) -> None:
    answer = await road.refer(referral())
    async with road.pool.acquire() as connection:
        kept = await connection.fetchrow("delete from protocol_version returning *")
    assert kept is not None
    road.retention = clearing(road, every=0.02)
    road.ahead = timedelta(days=UNCLAIMED + 1)

    async with running(road):
        async with asyncio.timeout(10):
            while "retention-waits" not in road.log.getvalue():  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        # A gateway may be started before its protocol is put in force.
        places = ", ".join(f"${n}" for n in range(1, len(kept) + 1))
        await road.pool.execute(f"insert into protocol_version values ({places})", *kept)  # noqa: S608  # places only
        await cleared(road)

    assert await road.state(answer) == PURGED
    first = json.loads(road.log.getvalue().splitlines()[0])
    assert (first["event"], first["error"]) == ("retention-waits", "NoProtocolError")
