"""What is protected or sealed, when it is brought: no trace outside, and no data in the open."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import partial

import pytest
from joserfc.jwk import ECKey

from gateway.exchange.mailbox import SealedError
from gateway.exchange.pushing import Pushing
from gateway.identity.encryption import encryption_key, read_encryption_key
from gateway.sandbox.receiver import Reply
from gateway.store.endpoints import Endpoint, endpoint_of, remove_endpoint, set_endpoint
from gateway.store.groups import BESCHERMD
from gateway.store.partners import UnknownPartnerError
from gateway.store.pushes import ask_replay, dead_letters, lane_standings, set_stopped
from tests.gateway.exchange.bringing import house, lane, pushing, told
from tests.gateway.exchange.road import Road, open_road, trace
from tests.support import protected
from tests.support.messages import member, referral
from tests.support.protected import asked, report

TEXT = protected.protocol("1.0")
KEY = ECKey.generate_key("P-256")
SEALING = read_encryption_key(KEY.as_pem(private=False))


@pytest.fixture
async def road(database: str) -> AsyncIterator[Road]:
    async with open_road(database, TEXT) as road:
        yield road


def counted(runner: Pushing) -> dict[str, int]:
    return {name: number for (name, _), number in runner._telemetry.counts.items() if number}


async def test_invariant_14_a_protected_message_that_is_brought_is_told_nowhere_in_the_open(
    road: Road,
) -> None:
    async with house(road, "veilig-thuis") as safe:
        await road.refer(report(member(agreed=None)), "okt")
        runner = pushing(road)
        safe.answer = lambda _: Reply(503)
        await runner.pass_once()
        safe.answer = lambda _: Reply(422)
        for _ in range(6):
            await runner.pass_once()
        await road.refer(report(member(agreed=None)), "okt")
        safe.answer = lambda _: None
        await runner.pass_once()

        assert len(safe.room.stored) == 1
        assert await road.entries() == []
        events = [one.event for one in await road.entries(log=BESCHERMD)]
        assert events.count("ontvangst") == 1
        assert counted(runner) == {}
        assert not [line for name in ("push-fails", "push-dead", "push-recovered")
                    for line in told(road, name)]  # fmt: skip
        async with road.pool.acquire() as connection:
            (standing,) = await lane_standings(connection)
            assert (standing.waiting, standing.dead, standing.oldest) == (0, 0, None)
            assert not await dead_letters(connection, None, protected=False)
            (dead,) = await dead_letters(connection, None, protected=True)
            replay = partial(ask_replay, connection, "veilig-thuis")
            assert await replay(None, road.now(), protected=False) == 0
            assert await replay(dead.exchange, road.now(), protected=False) == 0
            assert await replay(None, road.now(), protected=True) == 1


async def test_invariant_14_a_protected_dead_letter_is_not_told_of_for_what_is_behind_it(
    road: Road,
) -> None:
    """A start after a stop forgets the failures, so that more is released than the one refused."""
    async with house(road) as casebook:
        secret = (await road.refer(asked(member(agreed=None)), "okt"))["uitwisselingId"]
        open_ = (await road.refer(referral(member())))["uitwisselingId"]
        casebook.answer = lambda arrived: (
            Reply(422) if secret in arrived.headers["idempotency-key"] else None
        )
        for _ in range(4):
            await pushing(road).pass_once()
        async with road.pool.acquire() as connection:
            await set_stopped(connection, "casebook", "beheerder")
            await set_stopped(connection, "casebook", None)
        runner = pushing(road)
        await runner.pass_once()
        assert [str(event.id) for event in casebook.room.stored] == [open_]
        assert counted(runner) == {"pushed": 1}
        assert not told(road, "push-dead")


async def test_an_open_message_is_told_of(road: Road) -> None:
    async with house(road) as casebook:
        await road.refer(referral(member()))
        runner = pushing(road)
        casebook.answer = lambda _: Reply(503)
        await runner.pass_once()
        casebook.answer = lambda _: None
        await runner.pass_once()
        assert counted(runner) == {"pushed": 1}
        assert [line["reason"] for line in told(road, "push-fails")] == ["antwoord-503"]
        assert len(told(road, "push-recovered")) == 1


async def test_a_recipient_s_key_seals_what_it_pulls_and_what_it_is_brought(road: Road) -> None:
    await road.refer(referral(member(achternaam="Zilverreiger")))
    await set_endpoint(road.engine, "casebook", Endpoint(None, SEALING.jwk))
    (event,) = await road.pull()
    assert event["datacontenttype"] == "application/jose"
    assert "Zilverreiger" not in json.dumps(event)
    async with house(road) as casebook:
        casebook.room.opens = KEY
        await set_endpoint(road.engine, "casebook", Endpoint(casebook.door.url, SEALING.jwk))
        await pushing(road).pass_once()
        (brought,) = casebook.room.stored
        assert "Zilverreiger" in json.dumps(brought.data)
        assert b"Zilverreiger" not in casebook.came[0].body


async def test_whoever_misses_its_key_for_a_while_loses_nothing(road: Road) -> None:
    async with house(road) as casebook:
        await set_endpoint(road.engine, "casebook", Endpoint(None, SEALING.jwk))
        await road.refer(referral(member()))
        for _ in range(7):
            await pushing(road).pass_once()
        assert (await lane(road))["reason"] == "antwoord-503"
        casebook.room.opens = KEY
        await pushing(road).pass_once()
        assert len(casebook.room.stored) == 1


async def test_a_form_that_cannot_be_sealed_is_refused_and_nothing_is_released(road: Road) -> None:
    await road.refer(referral(member()))
    await set_endpoint(road.engine, "casebook", Endpoint(None, SEALING.jwk))
    before = await road.last_index()
    with pytest.raises(SealedError):
        await road.mailbox.page("casebook", None, 10, trace(), must_be_open=True)
    assert await road.last_index() == before
    assert await remove_endpoint(road.engine, "casebook")
    page = await road.mailbox.page("casebook", None, 10, trace(), must_be_open=True)
    assert len(page.messages) == 1


async def test_nothing_sealed_lies_at_rest(road: Road) -> None:
    """Sealed under the members' own keys, so that it can still be narrowed (ADR 0026)."""
    await set_endpoint(road.engine, "casebook", Endpoint(None, SEALING.jwk))
    await road.refer(referral(member()))
    boxes = await road.pool.fetch("select box from part")
    assert boxes
    assert not any(b"eyJ" in row[0] for row in boxes)


async def test_an_endpoint_is_registered_shown_replaced_and_removed(road: Road) -> None:
    assert await endpoint_of(road.engine, "casebook") is None
    one = Endpoint("https://partner.test/a")
    await set_endpoint(road.engine, "casebook", one)
    assert await endpoint_of(road.engine, "casebook") == one
    other = Endpoint("https://partner.test/b", SEALING.jwk)
    await set_endpoint(road.engine, "casebook", other)
    assert await endpoint_of(road.engine, "casebook") == other
    assert await remove_endpoint(road.engine, "casebook")
    assert not await remove_endpoint(road.engine, "casebook")
    with pytest.raises(UnknownPartnerError):
        await set_endpoint(road.engine, "niemand", one)
    with pytest.raises(UnknownPartnerError):
        await remove_endpoint(road.engine, "niemand")


async def test_another_address_is_sealed_for_the_same_key_and_another_key_goes_to_the_same_address(
    road: Road,
) -> None:
    first, second = Endpoint("https://partner.test/a", SEALING.jwk), "https://partner.test/b"
    await set_endpoint(road.engine, "casebook", first)
    assert await set_endpoint(road.engine, "casebook", Endpoint(second)) == Endpoint(
        second, SEALING.jwk
    )
    rolled = encryption_key(ECKey.generate_key("P-256").as_dict(private=False)).jwk
    await set_endpoint(road.engine, "casebook", Endpoint(None, rolled))
    assert await endpoint_of(road.engine, "casebook") == Endpoint(second, rolled)


async def test_an_operator_s_stop_outlasts_another_address_and_a_stop_of_its_own_does_not(
    road: Road,
) -> None:
    for why, after in (("beheerder", "beheerder"), ("adres-vervallen", None)):
        await set_endpoint(road.engine, "casebook", Endpoint("https://partner.test/a"))
        async with road.pool.acquire() as connection:
            await set_stopped(connection, "casebook", why)
        await set_endpoint(road.engine, "casebook", Endpoint("https://partner.test/b"))
        assert (await lane(road))["stopped"] == after


async def test_two_endpoints_are_claimed_beside_each_other_within_the_bound(road: Road) -> None:
    """With room for one lane at a time both recipients get theirs, in turn."""
    async with house(road) as casebook, house(road, "veilig-thuis") as safe:
        await road.refer(referral(member()))
        await road.refer(report(member(agreed=None)), "okt")
        runner = pushing(road, most=1)
        for _ in range(4):
            await runner.pass_once()
        assert len(casebook.room.stored) == len(safe.room.stored) == 1
