"""Placements and moves over HTTP: what is taken, what is not, and which entry each leaves."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from gateway.store.groups import TOEGANG
from tests.support.messages import Json, fresh_reference, referral
from tests.support.pulling import pull_all, refer
from tests.support.refusals import assert_headers, assert_problem, faults
from tests.support.running_gateway import RunningGateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNKNOWN = "0192f0c1-2345-7abc-8def-0123456789ab"
SECRET = "1104QZ"
"""A postcode that no answer may repeat."""


async def handed_over(dwi: httpx.AsyncClient, casebook: httpx.AsyncClient, postcode: str) -> str:
    message = referral()
    message["huishouden"]["postcode"] = postcode
    exchange = (await refer(dwi, message)).json()["uitwisselingId"]
    await pull_all(casebook)
    return str(exchange)


async def acts(gateway: RunningGateway, operation: str) -> list[Json]:
    rows = await gateway.pool.fetch(
        "select l.entry from log_leaf l join log_head h on h.log = l.log where h.series = $1",
        TOEGANG,
    )
    entries = [json.loads(row[0]) for row in rows]
    return [one for one in entries if one["operation"] == operation]


async def test_who_waits_is_listed_placed_and_listed_no_more(
    gateway: RunningGateway, dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    exchange = await handed_over(dwi, casebook, "1058AB")
    page = (await casebook.get("/v1/toedelingen")).json()
    assert (page["wachtend"][0]["uitwisselingId"], page["volgende"]) == (exchange, None)
    assert page["wachtend"][0]["reden"] == "grensgeval"
    placed = {"uitwisselingId": exchange, "team": "zuid"}
    answers = [await casebook.post("/v1/toedelingen", json=placed) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert_headers(answers[0])
    assert (await casebook.get("/v1/toedelingen")).json()["wachtend"] == []
    recorded = await acts(gateway, "deelToe")
    assert [one["actor"]["id"] for one in recorded] == ["casebook", "casebook"]
    elsewhere = await casebook.post("/v1/toedelingen", json=placed | {"team": "west"})
    assert assert_problem(elsewhere, 409)["title"] == "Al toegedeeld"


@pytest.mark.parametrize(
    ("body", "status", "title"),
    [
        ({"uitwisselingId": UNKNOWN, "team": "zuid"}, 404, "Uitwisseling onbekend"),
        ({"uitwisselingId": UNKNOWN, "team": "nergens"}, 400, "Team onbekend"),
        ({"uitwisselingId": UNKNOWN, "team": "GEHEIME PLEK"}, 400, "Verzoek ongeldig"),
        ({"uitwisselingId": UNKNOWN}, 400, "Verzoek ongeldig"),
    ],
)
async def test_what_cannot_be_placed_is_told_without_an_echo(
    casebook: httpx.AsyncClient, body: Json, status: int, title: str
) -> None:
    answer = await casebook.post("/v1/toedelingen", json=body)
    assert assert_problem(answer, status, "GEHEIME PLEK", "nergens")["title"] == title


async def test_a_cursor_of_nobody_is_refused(casebook: httpx.AsyncClient) -> None:
    answer = await casebook.get("/v1/toedelingen", params={"na": "A" * 43})
    assert assert_problem(answer, 400)["title"] == "Cursor onbekend"


async def test_a_move_is_taken_once_and_handed_over_in_the_mailbox(
    gateway: RunningGateway, dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    exchange = await handed_over(dwi, casebook, "1012AB")
    move = {"kenmerk": fresh_reference("VH"), "uitwisselingId": exchange, "postcode": SECRET}
    answers = [await casebook.post("/v1/verhuizingen", json=move) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["uitkomst"] == "overgedragen"
    assert SECRET not in answers[0].text
    (event,) = await pull_all(casebook)
    assert event["type"] == "nl.sluis.overdracht"
    assert event["data"]["naarTeam"] == "zuidoost"
    other = await casebook.post("/v1/verhuizingen", json=move | {"postcode": "1104QA"})
    assert assert_problem(other, 409, SECRET, "1104QA")["title"] == "Kenmerk al gebruikt"
    assert await acts(gateway, "meldVerhuizing")


async def test_out_of_the_city_the_sender_reads_that_it_ended(
    dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    await pull_all(dwi)
    exchange = await handed_over(dwi, casebook, "1012AB")
    move = {"kenmerk": fresh_reference("VH"), "uitwisselingId": exchange, "buitenGemeente": True}
    answer = await casebook.post("/v1/verhuizingen", json=move)
    assert (answer.status_code, answer.json()["uitkomst"]) == (201, "afgesloten")
    (event,) = await pull_all(dwi)
    assert event["data"]["status"] == "beeindigd"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"postcode": "1104"}, "body.postcode"),
        ({"postcode": None}, "body"),
        ({"buitenGemeente": True, "postcode": SECRET}, "body"),
        ({"straat": "Geheimstraat"}, "body.?"),
    ],
)
async def test_a_move_that_goes_no_way_is_told_by_its_field(
    casebook: httpx.AsyncClient, changes: dict[str, Any], field: str
) -> None:
    move = {"kenmerk": "VH-1", "uitwisselingId": UNKNOWN, "postcode": "1104AB", **changes}
    told = {name: value for name, value in move.items() if value is not None}
    answer = await casebook.post("/v1/verhuizingen", json=told)
    problem = assert_problem(answer, 400, SECRET, "Geheimstraat")
    assert field in {place for place, _ in faults(problem)}


async def test_a_case_of_another_does_not_exist(
    dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    exchange = await handed_over(dwi, casebook, "1012AB")
    for told in ({"postcode": "1104AB"}, {"buitenGemeente": True}):
        move = {"kenmerk": fresh_reference("VH"), "uitwisselingId": exchange, **told}
        answer = await dwi.post("/v1/verhuizingen", json=move)
        assert assert_problem(answer, 404)["title"] == "Uitwisseling onbekend"
