"""Cursors, pages and acknowledgements that are not as they should be."""

from __future__ import annotations

import base64
import hmac
import json

import httpx
import pytest

from gateway.vault.keys import FileKeys
from tests.support.messages import referral, status_of
from tests.support.pulling import acknowledge, pull, pull_all, refer, report_status
from tests.support.refusals import ECHO, assert_problem
from tests.support.running_gateway import RunningGateway

pytestmark = pytest.mark.asyncio(loop_scope="module")


def stolen_cursor(gateway: RunningGateway, recipient: str, position: int) -> str:
    """A cursor as the gateway itself would make it, for whoever has stolen its key."""
    key = FileKeys(gateway.home / "keys").secret("cursor")
    place = position.to_bytes(8, "big")
    mac = hmac.digest(key, recipient.encode() + b"/" + place, "sha256")[:16]
    return base64.urlsafe_b64encode(place + mac).decode()


async def test_acknowledging_twice_counts_once(
    gateway: RunningGateway, dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    await pull_all(casebook)
    for _ in range(3):
        await refer(dwi, referral())
    cursor = (await pull(casebook)).json()["volgende"]

    first = await acknowledge(casebook, cursor)
    entries = await gateway.count("log_leaf")
    second = await acknowledge(casebook, cursor)

    assert (first.json(), second.json()) == ({"bevestigd": 3}, {"bevestigd": 0})
    assert await gateway.count("log_leaf") == entries
    assert (await pull(casebook)).json()["berichten"] == []


async def test_acknowledging_less_than_before_takes_nothing_back(
    dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    await pull_all(casebook)
    for _ in range(2):
        await refer(dwi, referral())
    first = (await pull(casebook, aantal=1)).json()["volgende"]
    both = (await pull(casebook)).json()["volgende"]
    await acknowledge(casebook, both)

    earlier = await acknowledge(casebook, first)

    assert earlier.json() == {"bevestigd": 0}
    assert (await pull(casebook)).json()["berichten"] == []


async def test_a_cursor_of_another_partner_is_400_and_acknowledges_nothing(
    gateway: RunningGateway, dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    answer = await refer(dwi, referral())
    await pull_all(casebook)
    await report_status(casebook, status_of(answer.json()["uitwisselingId"]))
    await refer(dwi, referral())
    theirs = (await pull(casebook)).json()["volgende"]
    await pull(dwi)
    before = await gateway.count("mailbox", "acknowledged_at is not null")

    pulled = await pull(dwi, na=theirs)
    acknowledged = await acknowledge(dwi, theirs)

    assert_problem(pulled, 400, theirs)
    assert_problem(acknowledged, 400, theirs)
    assert await gateway.count("mailbox", "acknowledged_at is not null") == before


async def test_a_forged_cursor_is_400(dwi: httpx.AsyncClient, casebook: httpx.AsyncClient) -> None:
    await refer(dwi, referral())
    good = (await pull(casebook)).json()["volgende"]
    raw = base64.urlsafe_b64decode(good)
    further = (int.from_bytes(raw[:8], "big") + 1).to_bytes(8, "big") + raw[8:]
    flipped = raw[:-1] + bytes([raw[-1] ^ 1])
    forged = [
        base64.urlsafe_b64encode(further).decode(),
        base64.urlsafe_b64encode(flipped).decode(),
        base64.urlsafe_b64encode(raw[:-1]).decode(),
        base64.urlsafe_b64encode(raw + b"x").decode(),
        base64.urlsafe_b64encode(bytes(24)).decode(),
        good[:-1] + "!" + good[-1],  # a decoder that passes over strange signs would take it
        good.replace(good[0], "é", 1),
        f" {good}",
        f"{good}=",
        ECHO,
        "",
    ]
    for cursor in forged:
        assert_problem(await pull(casebook, na=cursor), 400, cursor or good)
        assert_problem(await acknowledge(casebook, cursor), 400, cursor or good)


async def test_what_was_never_pulled_cannot_be_acknowledged(
    gateway: RunningGateway, dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    await pull_all(casebook)
    for _ in range(3):
        await refer(dwi, referral())
    newest = await gateway.pool.fetchval(
        "select last_position from mailbox_head where recipient = 'casebook'"
    )
    entries = await gateway.count("log_leaf")

    answer = await acknowledge(casebook, stolen_cursor(gateway, "casebook", newest))

    assert_problem(answer, 409)
    assert await gateway.count("log_leaf") == entries
    assert len(await pull_all(casebook)) == 3


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"aantal": "0"}, "query.aantal"),
        ({"aantal": "1001"}, "query.aantal"),
        ({"aantal": "-1"}, "query.aantal"),
        ({"aantal": ECHO}, "query.aantal"),
        ({"aantal": "1e3"}, "query.aantal"),
        ({"na": ECHO * 20}, "query.na"),
    ],
)
async def test_a_parameter_out_of_bounds_is_400(
    casebook: httpx.AsyncClient, query: dict[str, str], field: str
) -> None:
    problem = assert_problem(await pull(casebook, **query), 400)

    assert [fault["veld"] for fault in problem["fouten"]] == [field]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        json.dumps(ECHO).encode(),
        json.dumps({"totEnMet": 1}).encode(),
        json.dumps({"totEnMet": "kort"}).encode(),
        json.dumps({"totEnMet": ECHO * 20}).encode(),
        json.dumps({"totEnMet": ECHO, ECHO: ECHO}).encode(),
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_an_acknowledgement_that_is_none_is_400(
    casebook: httpx.AsyncClient, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}

    answer = await casebook.post("/v1/postvak/ontvangst", content=body, headers=headers)

    assert_problem(answer, 400)


@pytest.mark.parametrize("accept", ["text/html", f"text/{ECHO}", "application/xml", "text/csv"])
async def test_a_form_that_the_partner_does_not_have_is_406(
    casebook: httpx.AsyncClient, accept: str
) -> None:
    answer = await casebook.get("/v1/postvak", headers={"Accept": accept})

    problem = assert_problem(answer, 406)
    assert problem["mogelijk"] == ["application/json", "application/x-ndjson"]


async def test_refusing_the_form_releases_nothing(
    gateway: RunningGateway, dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    await pull_all(casebook)
    await refer(dwi, referral())
    entries = await gateway.count("log_leaf")

    await casebook.get("/v1/postvak", headers={"Accept": "text/html"})
    await casebook.get("/v1/postvak", params={"na": ECHO})

    assert await gateway.count("log_leaf") == entries
    assert await gateway.count("mailbox", "released_at is null") == 1
