"""Every request of a known caller is in the access log before it is answered (NEN 7513)."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from gateway.store.groups import TOEGANG, TOEGANG_BESCHERMD
from tests.support.database import TestServer
from tests.support.messages import referral
from tests.support.pulling import refer
from tests.support.running_gateway import RunningGateway, party_of, running_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def told(gateway: RunningGateway, series: int = TOEGANG) -> list[dict[str, Any]]:
    rows = await gateway.pool.fetch(
        "select entry from log_leaf where log = $1 order by index", series
    )
    return [json.loads(row[0]) for row in rows]


async def since(gateway: RunningGateway, before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return (await told(gateway))[len(before) :]


async def test_a_look_is_recorded_with_who_what_and_trace(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    before = await told(gateway)
    parent = f"00-{TRACE}-b7ad6b7169203331-01"
    assert (await dwi.get("/v1/protocol", headers={"traceparent": parent})).status_code == 200

    (entry,) = await since(gateway, before)
    assert (entry["operation"], entry["action"], entry["outcome"]) == ("leesProtocol", "R", "200")
    assert entry["actor"]["id"] == "dwi"
    assert entry["actor"]["key"]
    assert entry["traceId"] == TRACE
    assert entry["spanId"] != "b7ad6b7169203331"


async def test_a_request_that_is_refused_is_recorded_as_an_error(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    before = await told(gateway)
    assert (await dwi.get("/v1/postvak", params={"na": "geen-cursor"})).status_code == 400
    assert (await refer(dwi, {"kenmerk": "half"})).status_code == 400
    assert (await dwi.get("/v1/bestaat-niet")).status_code == 404

    found = [
        (one["operation"], one["status"], one["outcome"]) for one in await since(gateway, before)
    ]
    assert found == [
        ("haalPostvakOp", "Error", "400"),
        ("meldHuishoudenAan", "Error", "400"),
        ("onbekend-adres", "Error", "404"),
    ]


@pytest.mark.parametrize("spelled", ["{}", "urn:uuid:{}", "%7B{}%7D", "bare"])
async def test_an_entry_names_its_target_however_the_id_was_spelled(
    gateway: RunningGateway, dwi: httpx.AsyncClient, spelled: str
) -> None:
    asked = str(uuid4())
    address = {"bare": asked.replace("-", "")}.get(spelled, spelled.format(asked))
    for written in (address, address.upper() if spelled == "{}" else address):
        before = await told(gateway)
        assert (await dwi.get(f"/v1/leveringen/{written}")).status_code == 404
        (entry,) = await since(gateway, before)
        assert entry["target"] == {"id": asked, "kind": "levering_id"}


async def test_a_line_end_makes_no_second_address_beside_the_log(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    before = await told(gateway)
    party = party_of(gateway.home, "dwi")
    form = party.form(party.assertion(aud=f"{gateway.base_url}/oauth/token"))
    assert (await dwi.post("/oauth/token%0a", data=form)).status_code == 404
    for path in ("/v1/postvak", f"/v1/leveringen/{uuid4()}", "/v1/logboek/verwerkingen/tile/0/000"):
        assert (await dwi.get(path + "%0A")).status_code == 404
    assert (await dwi.post("/v1/aanmeldingen%0A", json=referral())).status_code == 404
    assert (await dwi.post("/v1/leveringen%0A", content=b"x")).status_code == 404

    assert {one["operation"] for one in await since(gateway, before)} == {"onbekend-adres"}


async def test_a_message_that_was_decided_on_is_recorded_by_its_decision(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    before = await told(gateway)
    assert (await refer(dwi, referral())).status_code == 202

    assert await since(gateway, before) == []


async def test_a_page_is_recorded_in_the_transaction_that_releases_it(
    gateway: RunningGateway, dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    assert (await refer(dwi, referral())).status_code == 202
    before = await told(gateway)
    assert (await casebook.get("/v1/postvak")).json()["berichten"]
    (pulled,) = await since(gateway, before)
    assert (pulled["operation"], pulled["actor"]["id"]) == ("haalPostvakOp", "casebook")
    rows = await gateway.pool.fetch("select log, xmin::text from log_leaf where log in (1, 3)")
    by_transaction: dict[str, set[int]] = {}
    for log, transaction in rows:
        by_transaction.setdefault(transaction, set()).add(log)
    assert {1, 3} in by_transaction.values()


async def test_an_empty_page_hands_over_nothing_and_leaves_nothing(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    before = await told(gateway)
    assert (await dwi.get("/v1/postvak")).json()["berichten"] == []

    assert await since(gateway, before) == []


async def test_strangers_are_counted_and_name_nobody(gateway: RunningGateway) -> None:
    before = await told(gateway)
    async with gateway.stranger() as http:
        for _ in range(20):
            assert (await http.get("/v1/protocol")).status_code == 401
    async with asyncio.timeout(10):
        # All of them, or what is left is told of in the midst of another test.
        found = await since(gateway, before)
        while sum(one["count"] for one in found) < 20:
            await asyncio.sleep(0.1)
            found = await since(gateway, before)

    assert sum(one["count"] for one in found) == 20
    assert {one["operation"] for one in found} == {"leesProtocol"}
    assert {one["actor"]["kind"] for one in found} == {"onbekend"}


async def test_hashes_tell_of_nobody_and_are_not_recorded(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    before = await told(gateway)
    assert (await dwi.get("/v1/logboek/verwerkingen/checkpoint")).status_code in (200, 404)

    assert await since(gateway, before) == []


@pytest.mark.parametrize("method", ["get", "post"])
async def test_invariant_12_without_the_access_log_nothing_is_answered(
    gateway: RunningGateway, dwi: httpx.AsyncClient, method: str
) -> None:
    await gateway.pool.execute(
        "alter table log_leaf add constraint shut check (log <> 3) not valid"
    )
    try:
        answer = await dwi.request(method, "/v1/protocol")
    finally:
        await gateway.pool.execute("alter table log_leaf drop constraint shut")

    assert answer.status_code == 503
    assert "tekst" not in answer.text


async def test_invariant_14_a_safe_contact_is_recorded_apart(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    before, apart = await told(gateway), await told(gateway, TOEGANG_BESCHERMD)
    await dwi.post("/v1/veilig-contact", json={})

    assert await since(gateway, before) == []
    (entry,) = (await told(gateway, TOEGANG_BESCHERMD))[len(apart) :]
    assert entry["operation"] == "legVeiligContactVast"


async def test_invariant_12_nothing_passes_while_entries_are_not_signed(
    postgres: TestServer,
) -> None:
    async with (
        running_gateway(postgres, unsigned_most=0.5, checkpoint_every=0.05) as gateway,
        gateway.partner("dwi") as dwi,
    ):
        # Whoever holds the lease now will never publish.
        await gateway.pool.execute(
            """update lease set holder = gen_random_uuid(), token = token + 1,
                      expires_at = now() + interval '1 hour' where name like 'publisher/%'"""
        )
        assert (await refer(dwi, referral())).status_code == 202
        async with asyncio.timeout(20):
            while (await dwi.get("/v1/postvak")).status_code != 503:  # noqa: ASYNC110  # no event
                await asyncio.sleep(0.2)

        assert (await refer(dwi, referral())).status_code == 503
        assert (await dwi.get("/v1/logboek/toegang/checkpoint")).status_code in (200, 404)
