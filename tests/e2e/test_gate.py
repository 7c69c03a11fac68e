"""Invariant 2: what was permitted on arrival is looked at again when it is handed over.

Between the two a partner is suspended, a protocol changes, a member says no; or the hand-over is
recorded and then takes too long. Consents in depth: tests/gateway/exchange/test_withdrawal.py.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx
import pytest
import pytest_asyncio

from consent.protocol import load
from gateway.cli.setup import EXAMPLE
from gateway.store.deciding import RULES_LOCK
from gateway.store.partners import resume_partner, suspend_partner
from gateway.store.protocols import put_in_force
from tests.support.database import TestServer
from tests.support.log_oracle import assert_log_tells_all
from tests.support.messages import fresh_bsn, lines_of, member, referral, status_of
from tests.support.pulling import (
    acknowledge,
    deliver,
    pull,
    pull_all,
    refer,
    report_status,
)
from tests.support.refusals import assert_problem
from tests.support.running_gateway import RunningGateway, another_like, running_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")


class World(NamedTuple):
    gateway: RunningGateway
    dwi: httpx.AsyncClient
    casebook: httpx.AsyncClient

    async def events_of(self, exchange: str) -> list[str]:
        """What the log says of one exchange, in order."""
        return [e["event"] for e in await self.gateway.entries() if e["exchange"] == exchange]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(postgres: TestServer) -> AsyncIterator[World]:
    async with (
        running_gateway(postgres) as gateway,
        gateway.partner("dwi") as dwi,
        gateway.partner("casebook") as casebook,
    ):
        yield World(gateway, dwi, casebook)
        await assert_log_tells_all(gateway)


@pytest_asyncio.fixture(loop_scope="module")
async def world(served: World) -> World:
    """Empty mailboxes, and everybody let in."""
    for partner in ("dwi", "casebook"):
        await resume_partner(served.gateway.engine, partner)
    await asyncio.sleep(0.4)  # tokens are good again within a quarter of a second
    await pull_all(served.casebook)
    await pull_all(served.dwi)
    return served


async def sent(world: World, *members: dict[str, Any], **changes: Any) -> str:
    answer = await refer(world.dwi, referral(*members, **changes))
    assert answer.status_code == 202, answer.text
    exchange: str = answer.json()["uitwisselingId"]
    return exchange


async def force(world: World, change: Callable[[str], str]) -> None:
    """Put the example protocol in force with a change, under a version of its own."""
    text = change(EXAMPLE.read_text(encoding="utf-8"))
    text = text.replace("2026.1-voorbeeld", f"proef-{time.monotonic_ns()}")
    await put_in_force(world.gateway.engine, *_parsed(text))


def _parsed(text: str) -> tuple[str, bytes, str]:
    protocol = load(text)
    return protocol.version, protocol.digest, protocol.text


def is_tombstone(event: dict[str, Any]) -> bool:
    return event["type"] == "nl.sluis.vervallen" and "data" not in event and "subject" not in event


async def test_invariant_02_a_suspended_sender_hands_nothing_over(world: World) -> None:
    exchange = await sent(world)

    await suspend_partner(world.gateway.engine, "dwi")
    (event,) = (await pull(world.casebook)).json()["berichten"]

    assert event["id"] == exchange
    assert is_tombstone(event)
    assert await world.events_of(exchange) == ["besluit", "verwijdering"]
    assert await world.gateway.count("part", "exchange = $1::text::uuid", exchange) == 0
    # Not brought back by an end of the suspension.
    await resume_partner(world.gateway.engine, "dwi")
    (event,) = (await pull(world.casebook)).json()["berichten"]
    assert is_tombstone(event)


async def test_invariant_02_a_suspended_recipient_gets_nothing(world: World) -> None:
    await sent(world)
    before = await world.gateway.count("mailbox", "released_at is null")

    await suspend_partner(world.gateway.engine, "casebook")
    async with asyncio.timeout(1):
        answer = await pull(world.casebook)
        while answer.status_code == 200:
            # Its token may be good for another moment; what it gets is empty.
            assert all(is_tombstone(event) for event in answer.json()["berichten"])
            answer = await pull(world.casebook)

    assert_problem(answer, 401)
    assert await world.gateway.count("mailbox", "released_at is null") == before


async def test_invariant_02_a_message_of_a_suspended_partner_is_refused_by_its_rule(
    world: World,
) -> None:
    """Received before, worked off after: the suspension holds where the decision is taken."""
    body = lines_of([referral() for _ in range(3)])
    async with world.gateway.pool.acquire() as connection, connection.transaction():
        # Nobody can decide while we hold the rules; the upload itself needs none.
        await connection.execute("select pg_advisory_xact_lock($1)", RULES_LOCK)
        delivery = (await deliver(world.dwi, body)).json()["leveringId"]
        await connection.execute("update partner set is_suspended = true where id = 'dwi'")
        await connection.execute("update rules_generation set number = number + 1")
    async with asyncio.timeout(10):
        while not await world.gateway.count(  # noqa: ASYNC110  # no event tells
            "delivery", "id = $1::text::uuid and state <> 'in-verwerking'", delivery
        ):
            await asyncio.sleep(0.02)

    tally = await world.gateway.pool.fetchval(
        "select tally::text from delivery where id = $1::text::uuid", delivery
    )
    assert json.loads(tally)["geweigerd/partner-geschorst"] == 3
    assert "toegelaten" not in json.loads(tally)


async def test_invariant_02_a_flow_that_the_protocol_no_longer_has_is_closed(
    world: World,
) -> None:
    exchange = await sent(world)

    await force(world, lambda text: text.replace('"dwi-aanmelding"', '"dwi-melding"'))
    (event,) = (await pull(world.casebook)).json()["berichten"]

    assert is_tombstone(event)
    assert await world.events_of(exchange) == ["besluit", "verwijdering"]
    await force(world, lambda text: text)


async def test_invariant_02_a_covenant_that_ended_closes_its_flows(world: World) -> None:
    exchange = await sent(world)

    await force(world, lambda text: text.replace("einde = 2030-12-31", "einde = 2026-01-02"))
    (event,) = (await pull(world.casebook)).json()["berichten"]
    refused = await refer(world.dwi, referral())

    assert is_tombstone(event)
    assert await world.events_of(exchange) == ["besluit", "verwijdering"]
    problem = assert_problem(refused, 403)
    assert problem["antwoord"]["regel"] == "geen-overeenkomst-van-kracht"
    await force(world, lambda text: text)


async def test_invariant_02_a_field_that_the_protocol_no_longer_names_does_not_leave(
    world: World,
) -> None:
    exchange = await sent(world)

    await force(
        world,
        lambda text: text.replace(
            '"lid.achternaam" = "identificeren"', '"lid.achternaam" = "weglaten"', 1
        ),
    )
    (event,) = (await pull(world.casebook)).json()["berichten"]

    assert event["id"] == exchange
    (person,) = event["data"]["huishouden"]["leden"]
    assert "achternaam" not in person
    assert person["burgerservicenummer"]
    await force(world, lambda text: text)


async def test_invariant_02_what_a_newer_protocol_adds_is_not_added_afterwards(
    world: World,
) -> None:
    """A message leaves with what both versions admit; nothing is sealed that was not admitted."""
    field = '"lid.zrm.verslaving"'
    await sent(world, member(zrm={"gemetenOp": "2013-11-01", "scores": {"verslaving": 2}}))

    def admit(text: str) -> str:
        text = text.replace(f'{field} = "weglaten"', f'{field} = "behouden"', 1)
        exception = 'bijzonder = [{ soort = "gezondheid", artikel = "proef" }]'
        return text.replace("beroepsgeheim =", f"{exception}\nberoepsgeheim =", 1)

    await force(world, admit)
    (event,) = (await pull(world.casebook)).json()["berichten"]

    newer = await sent(world, member(zrm={"gemetenOp": "2013-11-01", "scores": {"verslaving": 2}}))
    assert not is_tombstone(event)
    assert "verslaving" not in str(event["data"])
    event = (await pull(world.casebook)).json()["berichten"][1]
    assert event["id"] == newer
    assert event["data"]["huishouden"]["leden"][0]["zrm"]["verslaving"] == 2
    await force(world, lambda text: text)


async def test_invariant_02_a_suspended_referrer_gets_no_status(world: World) -> None:
    exchange = await sent(world)
    await pull_all(world.casebook)
    status = (await report_status(world.casebook, status_of(exchange))).json()["uitwisselingId"]

    await suspend_partner(world.gateway.engine, "casebook")
    (event,) = (await pull(world.dwi)).json()["berichten"]

    assert is_tombstone(event)
    assert await world.events_of(status) == ["besluit", "verwijdering"]


async def test_tombstones_need_no_acknowledgement_and_hold_up_none(world: World) -> None:
    await sent(world)
    await suspend_partner(world.gateway.engine, "dwi")
    await pull(world.casebook)
    await resume_partner(world.gateway.engine, "dwi")
    await asyncio.sleep(0.4)
    kept = await sent(world)

    page = (await pull(world.casebook)).json()
    acknowledged = await acknowledge(world.casebook, page["volgende"])

    assert [is_tombstone(event) for event in page["berichten"]] == [True, False]
    assert page["berichten"][1]["id"] == kept
    assert acknowledged.json() == {"bevestigd": 1}
    assert (await pull(world.casebook)).json()["berichten"] == []


async def test_invariant_02_a_release_that_lapsed_is_not_sent_and_is_taken_back(
    world: World,
) -> None:
    exchange = await sent(world)
    async with (
        another_like(world.gateway, release_lapse=1e-9) as slow,
        slow.partner("casebook") as casebook,
    ):
        late = await pull(casebook)

    assert_problem(late, 503, exchange)
    assert float(late.headers["retry-after"]) > 0
    assert await world.events_of(exchange) == ["besluit", "verstrekking", "teruggenomen"]
    # It can be pulled again, which is a hand-over of its own.
    (event,) = await pull_all(world.casebook)
    assert event["id"] == exchange
    assert (await world.events_of(exchange))[3:] == ["verstrekking", "ontvangst"]


async def test_what_was_not_handed_over_is_not_taken_back(world: World) -> None:
    """A lapsed page with a tombstone: only what was released is recorded as taken back."""
    gone = await sent(world)
    await suspend_partner(world.gateway.engine, "dwi")
    await pull(world.casebook)
    await resume_partner(world.gateway.engine, "dwi")
    await asyncio.sleep(0.4)
    kept = await sent(world)
    async with (
        another_like(world.gateway, release_lapse=1e-9) as slow,
        slow.partner("casebook") as casebook,
    ):
        assert_problem(await pull(casebook), 503)

    assert await world.events_of(gone) == ["besluit", "verwijdering"]
    assert await world.events_of(kept) == ["besluit", "verstrekking", "teruggenomen"]


async def test_an_empty_page_that_lapsed_is_an_empty_page(world: World) -> None:
    async with (
        another_like(world.gateway, release_lapse=1e-9) as slow,
        slow.partner("casebook") as casebook,
    ):
        answer = await pull(casebook)

    assert answer.status_code == 200
    assert answer.json()["berichten"] == []


async def beside_pulls(world: World, act: Callable[[], Awaitable[None]]) -> int:
    """Do something while the casebook pulls without end; gives the log's size once it was done."""
    is_over = False

    async def pull_on() -> None:
        while not is_over:
            answer = await pull(world.casebook)
            assert answer.status_code in (200, 401), answer.text

    pulling = [asyncio.create_task(pull_on()) for _ in range(2)]
    await asyncio.sleep(0.05)
    await act()
    size = int(await world.gateway.pool.fetchval("select size from log_head where log = 1"))
    await asyncio.sleep(0.15)
    is_over = True
    await asyncio.gather(*pulling)
    return size


async def test_invariant_02_no_hand_over_is_recorded_after_a_suspension(world: World) -> None:
    for _ in range(5):
        mine = {await sent(world) for _ in range(4)}

        async def suspend() -> None:
            await suspend_partner(world.gateway.engine, "dwi")

        size = await beside_pulls(world, suspend)

        after = [e for e in (await world.gateway.entries())[size:] if e["exchange"] in mine]
        assert {e["event"] for e in after} <= {"verwijdering"}
        await resume_partner(world.gateway.engine, "dwi")
        await asyncio.sleep(0.4)


async def test_invariant_02_no_hand_over_is_recorded_after_a_withdrawal_was_answered(
    world: World,
) -> None:
    handed_over = 0
    for _ in range(12):
        number = fresh_bsn()
        exchange = await sent(world, member(number), member(rol="partner"))
        refusal = {
            "burgerservicenummer": number,
            "doel": "toeleiding-wijkteam",
            "ontvanger": "casebook",
            "gegeven": False,
            "op": datetime.now(UTC).isoformat(),
        }

        async def say_no(record: dict[str, Any] = refusal) -> None:
            answer = await world.dwi.post("/v1/toestemmingen", json=record)
            assert answer.status_code == 201, answer.text

        size = await beside_pulls(world, say_no)

        entries = await world.gateway.entries()
        after = Counter(e["event"] for e in entries[size:] if e["exchange"] == exchange)
        assert after["verstrekking"] == 0
        before = Counter(e["event"] for e in entries[:size] if e["exchange"] == exchange)
        assert before["verwijdering"] == 1
        handed_over += before["verstrekking"]
    assert handed_over > 0, "no pull came in between: the race was not run"
