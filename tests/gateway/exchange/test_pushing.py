"""Bringing mail: order, evidence, outages, refusals, and nothing that may not go (ADR 0026)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from gateway.exchange.pushing_outcome import Pace
from gateway.exchange.pushing_road import Limits
from gateway.sandbox.receiver import Arrived, Reply
from gateway.store.endpoints import Endpoint, set_endpoint, write_endpoint
from gateway.store.groups import DONE, PURGED, WAITING
from gateway.store.partners import resume_partner, suspend_partner
from gateway.store.pushes import (
    DeadLetter,
    ask_replay,
    dead_letters,
    lane_standings,
    lock_open_lane,
    set_stopped,
)
from tests.gateway.exchange.bringing import House, house, lane, pushing, told, until
from tests.gateway.exchange.road import Road
from tests.support.messages import fresh_bsn, member, referral, status_of

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("empty_mailboxes"),
]


@pytest_asyncio.fixture(loop_scope="module")
async def casebook(road: Road) -> AsyncIterator[House]:
    async with house(road) as made:
        yield made


async def sent(road: Road, number: int) -> list[str]:
    """So many referrals, each of a household of one; their ids in order."""
    answers = [await road.refer(referral(member())) for _ in range(number)]
    assert all("uitwisselingId" in one for one in answers), answers
    return [one["uitwisselingId"] for one in answers]


async def test_mail_is_brought_in_order_with_the_entries_of_a_pull(
    road: Road, casebook: House
) -> None:
    before = await road.last_index()
    ids = await sent(road, 5)

    await pushing(road).pass_once()

    assert casebook.ids == ids
    assert casebook.sequence == sorted(casebook.sequence)
    entries = [one for one in await road.entries(before) if one.event != "besluit"]
    assert [one.event for one in entries].count("verstrekking") == 5
    assert [one.event for one in entries].count("ontvangst") == 5
    assert casebook.room.refused == 0
    states = await road.pool.fetch(
        "select state from exchange where id = any($1)", [UUID(one) for one in ids]
    )
    assert {row[0] for row in states} == {DONE}


async def test_every_message_has_an_idempotency_key_of_its_own(road: Road, casebook: House) -> None:
    await sent(road, 3)
    await pushing(road).pass_once()
    assert len(casebook.room.known) == 3


async def test_a_recipient_that_is_down_for_a_day_gets_everything_in_order_and_harms_nobody(
    road: Road,
) -> None:
    day, played = timedelta(hours=24), Day(road)
    async with house(road) as casebook, house(road, "dwi") as dwi:
        (first,) = await sent(road, 1)
        runner = pushing(road, pace=Pace(), clock=played.now, uniform=played.chance.uniform)
        await runner.pass_once()
        await casebook.door.stop()
        before, ids, statuses = await road.last_index(), await sent(road, 6), 0
        while played.ahead < day:
            played.ahead += timedelta(minutes=10)
            if played.ahead.seconds % 7200 == 0:
                await road.report_status(status_of(first))
                statuses += 1
            await runner.pass_once()
            # Others are never slowed: theirs came in this very turn.
            assert len(dwi.room.stored) == statuses
        entries = await road.entries(before)
        assert not [one for one in entries if one.entry.get("exchangeId") in ids and one.event
                    in ("verstrekking", "teruggenomen")]  # fmt: skip
        assert not await dead_letters_of(road)
        await casebook.door.start()
        played.ahead += timedelta(minutes=5)
        await runner.pass_once()
        assert casebook.ids == [first, *ids]
        assert (await lane(road))["failures"] == 0


async def test_a_day_of_503_makes_no_dead_letter(road: Road, casebook: House) -> None:
    played = Day(road)
    runner = pushing(road, pace=Pace(), clock=played.now, uniform=played.chance.uniform)
    casebook.answer = lambda _: Reply(503, {"Retry-After": "600"})
    ids = await sent(road, 3)
    for _ in range(144):
        played.ahead += timedelta(minutes=10)
        await runner.pass_once()
    assert not await dead_letters_of(road)
    assert casebook.ids == []
    # A message at a time while it fails, and never one behind the other.
    assert {one.headers["idempotency-key"][1:37] for one in casebook.came} == {ids[0]}
    casebook.answer = lambda _: None
    played.ahead += timedelta(hours=2)
    await runner.pass_once()
    assert casebook.ids == ids


async def test_a_refused_message_becomes_a_dead_letter_and_the_rest_goes_on(
    road: Road, casebook: House
) -> None:
    ids = await sent(road, 4)
    casebook.answer = refusing(ids[1], 422)
    await turns(road, 8)

    assert casebook.ids == [ids[0], ids[2], ids[3]]
    (dead,) = await dead_letters_of(road)
    assert (str(dead.exchange), dead.reason) == (ids[1], "antwoord-422")
    assert tries(casebook, ids[1]) == 5
    assert await state(road, ids[1]) == WAITING  # it was never received, and is not said to be
    assert told(road, "push-dead")


async def test_a_replay_is_brought_as_a_new_disclosure_before_what_is_newer(
    road: Road, casebook: House
) -> None:
    ids = await sent(road, 3)
    casebook.answer = refusing(ids[0], 400)
    await turns(road, 8)
    casebook.answer = lambda _: None
    newer = await sent(road, 1)
    before = await road.last_index()
    async with road.pool.acquire() as connection:
        assert await ask_replay(connection, "casebook", None, road.now(), protected=False) == 1

    await turns(road, 1)

    assert casebook.ids == [ids[1], ids[2], ids[0], *newer]
    assert not await dead_letters_of(road)
    assert await state(road, ids[0]) == DONE
    events = [one.event for one in await road.entries(before) if one.entry["exchange"] == ids[0]]
    assert events == ["verstrekking", "ontvangst"]


async def test_a_replay_that_is_refused_again_rests_again(road: Road, casebook: House) -> None:
    ids = await sent(road, 2)
    casebook.answer = refusing(ids[0], 400)
    await turns(road, 8)
    async with road.pool.acquire() as connection:
        await ask_replay(connection, "casebook", UUID(ids[0]), road.now(), protected=False)
    await turns(road, 8)
    (dead,) = await dead_letters_of(road)
    assert dead.replayed_at is None
    assert casebook.ids == [ids[1]]


async def test_a_message_that_breaks_the_endpoint_is_told_from_an_endpoint_that_is_broken(
    road: Road, casebook: House
) -> None:
    ids = await sent(road, 2)
    casebook.answer = refusing(ids[0], 500)
    await turns(road, 20)
    assert casebook.ids == [ids[1]]
    (dead,) = await dead_letters_of(road)
    assert dead.reason == "antwoord-500"
    assert casebook.room.probes == 3


async def test_an_endpoint_that_fails_on_everything_loses_nothing(
    road: Road, casebook: House
) -> None:
    ids = await sent(road, 2)
    casebook.answer = lambda _: Reply(500)
    await turns(road, 40)
    assert not await dead_letters_of(road)
    casebook.answer = lambda _: None
    await turns(road, 1)
    assert casebook.ids == ids


async def test_whoever_refuses_everything_loses_no_more_than_ten(
    road: Road, casebook: House
) -> None:
    ids = await sent(road, 13)
    casebook.answer = lambda _: Reply(400)
    await turns(road, 80)
    assert len(await dead_letters_of(road)) == 10
    assert (await lane(road))["reason"] == "weigert-alles"
    casebook.answer = lambda _: None
    await turns(road, 1)
    assert casebook.ids == ids[10:]


async def test_an_endpoint_that_takes_probes_and_no_message_loses_no_more_than_ten(
    road: Road, casebook: House
) -> None:
    """What stores nothing of a probe takes it also while its own database is down."""
    ids = await sent(road, 13)
    casebook.answer = fails_on_all_but_probes
    await turns(road, 13 * 16)
    assert len(await dead_letters_of(road)) == 10
    assert (await lane(road))["reason"] == "weigert-alles"
    casebook.answer = lambda _: None
    await turns(road, 1)
    assert casebook.ids == ids[10:]


async def test_a_message_that_did_not_follow_its_probe_is_not_suspected(
    road: Road, casebook: House
) -> None:
    """Here the answer took so long that the release lapsed: nothing may be sent by it any more."""
    await sent(road, 1)
    casebook.answer = fails_on_all_but_probes
    casebook.slow = 0.4
    await turns(road, 1)
    await road.pool.execute("update push_lane set failures = 20")
    runner = pushing(road, lapse=0.3)
    for _ in range(4):
        await runner.pass_once()
    assert casebook.room.probes == 4
    assert not await dead_letters_of(road)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 421])
async def test_an_answer_about_the_place_costs_no_message(
    road: Road, casebook: House, status: int
) -> None:
    ids = await sent(road, 1)
    casebook.answer = lambda _: Reply(status)
    await turns(road, 8)
    assert not await dead_letters_of(road)
    casebook.answer = lambda _: None
    await turns(road, 1)
    assert casebook.ids == ids


async def test_a_redirect_is_not_followed(road: Road, casebook: House) -> None:
    ids = await sent(road, 1)
    async with house(road, "dwi") as elsewhere:
        casebook.answer = lambda _: Reply(307, {"Location": elsewhere.door.url})
        await turns(road, 3)
        assert not elsewhere.came
    casebook.answer = lambda _: None
    await turns(road, 1)
    assert casebook.ids == ids


async def test_gone_stops_the_lane(road: Road, casebook: House) -> None:
    await sent(road, 2)
    casebook.answer = lambda _: Reply(410)
    await turns(road, 5)
    assert len(casebook.came) == 1
    assert (await lane(road))["stopped"] == "adres-vervallen"


@pytest.mark.parametrize(
    "reply", [Reply(410), Reply(503, {"Retry-After": "3600"}), Reply(202)], ids=str
)
async def test_what_the_old_address_answers_says_nothing_of_the_new_one(
    road: Road, casebook: House, reply: Reply
) -> None:
    await sent(road, 1)
    casebook.slow, casebook.answer = 0.3, lambda _: reply
    turn = asyncio.create_task(turns(road, 1))
    await until(lambda: bool(casebook.came))
    await set_endpoint(road.engine, "casebook", Endpoint("https://partner.test/nieuw"))
    fresh = await lane(road)
    await turn
    assert await lane(road) == fresh


async def test_who_was_paused_past_its_lease_writes_nothing_of_the_lane(
    road: Road, casebook: House
) -> None:
    await sent(road, 1)
    casebook.slow, casebook.answer = 0.3, lambda _: Reply(503, {"Retry-After": "3600"})
    turn = asyncio.create_task(turns(road, 1))
    await until(lambda: bool(casebook.came))
    await road.pool.execute(
        "update lease set token = token + 1, expires_at = now() where name = 'push/casebook'"
    )
    await turn
    assert (await lane(road))["failures"] == 0


async def test_another_address_may_be_registered_while_a_lane_asks_for_the_old_one(
    road: Road, casebook: House
) -> None:
    async with (
        road.pool.acquire() as operator,
        road.pool.acquire() as other,
        other.transaction(),
    ):
        async with operator.transaction():
            await operator.execute("select from endpoint where partner = 'casebook' for update")
            asks = asyncio.create_task(lock_open_lane(other, "casebook", casebook.door.url))
            await asyncio.sleep(0.1)
            await write_endpoint(operator, "casebook", Endpoint("https://partner.test/nieuw"))
        assert not await asks


async def test_a_stopped_lane_brings_nothing_until_it_is_started(
    road: Road, casebook: House
) -> None:
    ids = await sent(road, 1)
    await stop(road, "beheerder")
    await turns(road, 2)
    assert not casebook.came
    await stop(road, None)
    await turns(road, 1)
    assert casebook.ids == ids


async def test_a_stop_reaches_what_is_released_and_not_sent(road: Road, casebook: House) -> None:
    await sent(road, 30)
    runner = pushing(road)
    casebook.slow = 0.02
    runner.start()
    await until(lambda: len(casebook.came) >= 10)
    await stop(road, "beheerder")
    await asyncio.sleep(0.1)
    after = len(casebook.came)
    await asyncio.sleep(0.3)
    assert len(casebook.came) == after < 30
    await runner.stop()


async def test_a_suspended_recipient_is_brought_nothing(road: Road, casebook: House) -> None:
    ids = await sent(road, 2)
    await suspend_partner(road.engine, "casebook")
    try:
        await turns(road, 2)
        assert not casebook.came
    finally:
        await resume_partner(road.engine, "casebook")
    await turns(road, 1)
    assert casebook.ids == ids


async def test_what_is_withdrawn_while_it_waits_is_never_sent(road: Road, casebook: House) -> None:
    number = fresh_bsn()
    answer = await road.refer(referral(member(number)))
    consent = await road.say(number, True)
    casebook.answer = lambda _: Reply(503)
    await turns(road, 1)
    seen = len(casebook.came)
    await road.withdraw(consent.consent_id)
    await road.say(number, False)
    casebook.answer = lambda _: None
    await turns(road, 2)
    later = [one.body for one in casebook.came[seen:]]
    assert all(b'"data":{"aanmelding"' not in body for body in later)
    assert await road.state(answer) == PURGED


async def test_a_dead_letter_that_is_withdrawn_is_not_replayed(road: Road, casebook: House) -> None:
    number = fresh_bsn()
    answer = await road.refer(referral(member(number)))
    casebook.answer = refusing(answer["uitwisselingId"], 422)
    await turns(road, 8)
    seen = tries(casebook, answer["uitwisselingId"])
    casebook.answer = lambda _: None
    async with road.pool.acquire() as connection:
        await ask_replay(connection, "casebook", None, road.now(), protected=False)
    await road.say(number, False)
    await turns(road, 2)
    assert tries(casebook, answer["uitwisselingId"]) == seen


async def test_nothing_is_brought_while_entries_wait_too_long_for_their_signature(
    road: Road, casebook: House
) -> None:
    ids = await sent(road, 1)
    await pushing(road, is_shut=lambda: True).pass_once()
    assert not casebook.came
    await turns(road, 1)
    assert casebook.ids == ids


async def test_a_release_that_lapsed_before_its_sending_is_taken_back(
    road: Road, casebook: House
) -> None:
    ids, before = await sent(road, 1), await road.last_index()
    await pushing(road, lapse=-1.0).pass_once()
    assert not casebook.came
    events = [one.event for one in await road.entries(before)]
    assert events == ["verstrekking", "teruggenomen"]
    await turns(road, 1)
    assert casebook.ids == ids


async def test_an_answer_that_stays_away_is_given_up_and_sent_again_under_the_same_key(
    road: Road, casebook: House
) -> None:
    ids = await sent(road, 1)
    casebook.slow = 0.5
    limits = Limits(answer=0.1)
    await pushing(road, limits=limits).pass_once()
    casebook.slow = 0.0
    await pushing(road, limits=limits).pass_once()
    assert casebook.ids == ids
    keys = {one.headers["idempotency-key"] for one in casebook.came}
    assert len(casebook.came) == 2
    assert len(keys) == 1


async def test_an_endpoint_that_closes_after_each_answer_is_brought_each_message_once(
    road: Road, casebook: House
) -> None:
    await sent(road, 10)
    before, failed = await road.last_index(), len(told(road, "push-fails"))
    casebook.answer = closing
    await turns(road, 1)
    assert len(casebook.came) == 10
    events = [one.event for one in await road.entries(before)]
    assert (events.count("verstrekking"), events.count("ontvangst")) == (10, 10)
    assert len(told(road, "push-fails")) == failed


async def test_what_was_not_sent_since_the_endpoint_closed_for_good_is_taken_back(
    road: Road, casebook: House
) -> None:
    ids = await sent(road, 3)
    before = await road.last_index()

    def closes_for_good(_: Arrived) -> Reply:
        assert casebook.door._server is not None
        casebook.door._server.close()
        return closing(_)

    casebook.answer = closes_for_good
    await turns(road, 1)
    assert len(casebook.came) == 1
    events = [one.event for one in await road.entries(before)]
    assert events.count("verstrekking") == 3
    assert events.count("teruggenomen") == 2
    assert (await lane(road))["reason"] == "niet-bereikbaar"
    await casebook.door.stop()
    await casebook.door.start()
    casebook.answer = lambda _: None
    await turns(road, 1)
    assert casebook.ids == ids[1:]


async def test_two_processes_share_recipients_and_bring_each_message_once(road: Road) -> None:
    async with house(road) as casebook, house(road, "dwi") as dwi:
        first = (await sent(road, 1))[0]
        one, other = pushing(road), pushing(road)
        one.start()
        other.start()
        ids = [first, *await sent(road, 40)]
        for _ in range(20):
            await road.report_status(status_of(first))
        await until(lambda: len(casebook.came) >= 41 and len(dwi.came) >= 20)
        await one.stop()
        await other.stop()
        assert casebook.ids == ids
        assert len(casebook.came) == 41
        assert len(dwi.came) == 20
        assert dwi.sequence == sorted(dwi.sequence)


async def test_a_slow_recipient_slows_nobody_else(road: Road) -> None:
    async with house(road, slow=0.4) as casebook, house(road, "dwi") as dwi:
        first = (await sent(road, 1))[0]
        await sent(road, 5)
        for _ in range(20):
            await road.report_status(status_of(first))
        runner = pushing(road)
        runner.start()
        await until(lambda: len(dwi.room.stored) >= 20)
        assert len(casebook.room.stored) < 5
        await runner.stop()


async def test_an_orderly_end_keeps_what_was_taken_and_claims_nothing_else(
    road: Road, casebook: House
) -> None:
    ids = await sent(road, 10)
    casebook.slow = 0.02
    runner = pushing(road)
    runner.start()
    await until(lambda: len(casebook.room.stored) >= 3)
    await runner.stop()
    casebook.slow = 0.0
    await turns(road, 1)  # its lease was given up: nobody waits for it to run out
    assert casebook.ids == ids
    assert casebook.room.repeats <= 1


async def test_an_answer_too_large_or_no_http_takes_no_memory_and_no_message(
    road: Road, casebook: House
) -> None:
    ids = await sent(road, 1)
    casebook.answer = lambda _: Reply(503, {"X-Long": "x" * 100_000})
    await turns(road, 2)
    assert (await lane(road))["reason"] == "antwoord-te-groot"
    casebook.answer = lambda _: None
    await turns(road, 1)
    assert casebook.ids == ids


async def test_a_private_address_is_refused_unless_it_was_admitted(
    road: Road, casebook: House
) -> None:
    await sent(road, 1)
    await pushing(road, may_be_private=False).pass_once()
    assert not casebook.came
    assert (await lane(road))["reason"] == "adres-niet-toegestaan"


async def test_an_address_that_cannot_be_signed_costs_no_release(
    road: Road, casebook: House
) -> None:
    await sent(road, 1)
    before = await road.last_index()
    await set_endpoint(road.engine, "casebook", Endpoint(f"{casebook.door.url}/brïef"))
    await turns(road, 2)
    assert await road.entries(before) == []
    assert (await lane(road))["reason"] == "adres-niet-toegestaan"


async def test_a_name_that_stands_for_a_private_address_is_refused(
    road: Road, casebook: House
) -> None:
    await sent(road, 1)
    url = f"https://localhost:{casebook.door.port}/postvak"
    await road.pool.execute("update endpoint set url = $1 where partner = 'casebook'", url)
    await pushing(road, may_be_private=False).pass_once()
    assert not casebook.came
    assert (await lane(road))["reason"] == "adres-niet-toegestaan"


async def test_plain_tls_that_nobody_vouches_for_is_refused(road: Road, casebook: House) -> None:
    await sent(road, 1)
    url = f"https://localhost:{casebook.door.port}/postvak"  # it does not speak TLS at all
    await road.pool.execute("update endpoint set url = $1 where partner = 'casebook'", url)
    await pushing(road).pass_once()
    assert not casebook.came
    assert (await lane(road))["reason"] in ("tls-niet-vertrouwd", "niet-bereikbaar")


async def test_the_standing_of_a_lane_is_told(road: Road, casebook: House) -> None:
    await sent(road, 3)
    casebook.answer = lambda _: Reply(503)
    await turns(road, 2)
    async with road.pool.acquire() as connection:
        (standing,) = await lane_standings(connection)
    assert (standing.partner, standing.waiting, standing.failures) == ("casebook", 3, 2)
    assert standing.reason == "antwoord-503"
    assert standing.oldest is not None


class Day:
    """A day played in a second: a clock of its own, and chance that repeats."""

    def __init__(self, road: Road) -> None:
        self._road = road
        self.ahead = timedelta()
        self.chance = random.Random(26)  # noqa: S311  # a test's own

    def now(self) -> datetime:
        return self._road.now() + self.ahead


async def turns(road: Road, number: int) -> None:
    """So many turns of one runner, each to its end."""
    runner = pushing(road)
    for _ in range(number):
        await runner.pass_once()
    await runner.stop()


def refusing(exchange: str, status: int) -> Callable[[Arrived], Reply | None]:
    def answer(arrived: Arrived) -> Reply | None:
        return Reply(status) if exchange in arrived.headers["idempotency-key"] else None

    return answer


def closing(_: Arrived) -> Reply:
    return Reply(200, {"Connection": "close"})


def fails_on_all_but_probes(arrived: Arrived) -> Reply | None:
    return None if b'"nl.sluis.proef"' in arrived.body else Reply(500)


def tries(at: House, exchange: str) -> int:
    return sum(exchange in one.headers["idempotency-key"] for one in at.came)


async def dead_letters_of(road: Road) -> list[DeadLetter]:
    async with road.pool.acquire() as connection:
        return await dead_letters(connection, "casebook", protected=False)


async def state(road: Road, exchange: str) -> int:
    found = await road.pool.fetchval("select state from exchange where id = $1", UUID(exchange))
    return int(found)


async def stop(road: Road, why: str | None) -> None:
    async with road.pool.acquire() as connection:
        await set_stopped(connection, "casebook", why)
