"""Corrections, holds and recalls over HTTP: what is taken, what is not, and how that is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.app import Books
from gateway.exchange.retention import Retention
from gateway.vault.boxes import Vault
from gateway.vault.keys import FileKeys
from tests.support.database import TestServer
from tests.support.messages import (
    Json,
    fresh_bsn,
    fresh_reference,
    held_referral,
    member,
    referral,
)
from tests.support.pulling import CSV, acknowledge, pull, pull_all, refer
from tests.support.refusals import ECHO, assert_headers, assert_problem, faults, values_in
from tests.support.running_gateway import RunningGateway, running_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNKNOWN = "0192f0c1-2345-7abc-8def-0123456789ab"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(postgres: TestServer) -> AsyncIterator[RunningGateway]:
    # Without the oracle at the end, which counts what is annulled as never received.
    async with running_gateway(postgres) as running:
        yield running


def correction(**changes: Any) -> Json:
    """An annulment; a change to None leaves the field out."""
    made = {"kenmerk": fresh_reference("C"), "soort": "annulering", "uitwisselingId": UNKNOWN}
    return {name: value for name, value in (made | changes).items() if value is not None}


async def correct(http: httpx.AsyncClient, message: Any) -> httpx.Response:
    return await http.post("/v1/correcties", json=message)


async def test_a_correction_its_notice_and_who_acknowledged(
    dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    message = referral()
    exchange = (await refer(dwi, message)).json()["uitwisselingId"]
    await pull_all(casebook)
    wanted = correction(uitwisselingId=None, berichtKenmerk=message["kenmerk"])

    made = await correct(dwi, wanted)
    again = await correct(dwi, wanted)

    assert_headers(made)
    assert (made.status_code, again.status_code) == (201, 201)
    assert made.content == again.content
    place = f"/v1/correcties/{made.json()['correctieId']}"
    before = (await dwi.get(place)).json()
    (event,) = await pull_all(casebook)
    after = (await dwi.get(place)).json()
    assert event["type"] == "nl.sluis.correctie"
    assert event["data"]["uitwisselingId"] == exchange
    assert (before["isGereed"], after["isGereed"]) == (False, True)
    assert after["ontvangers"][0]["bevestigdOp"] is not None


async def test_a_withdrawal_says_what_it_came_too_late_for_and_who_was_told(
    dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    ann = fresh_bsn()
    exchange = (await refer(dwi, referral(member(ann)))).json()["uitwisselingId"]
    page = (await pull(casebook)).json()

    said = await dwi.post(
        "/v1/toestemmingen",
        json={
            "burgerservicenummer": ann,
            "doel": "toeleiding-wijkteam",
            "ontvanger": "casebook",
            "gegeven": False,
            "op": "2026-01-09T14:00:00+01:00",
        },
    )

    (late,) = said.json()["openstaandeVrijgaven"]
    assert (late["uitwisselingId"], late["ontvanger"]) == (exchange, "casebook")
    assert (await acknowledge(casebook, page["volgende"])).status_code == 200
    recalls = [one for one in await pull_all(casebook) if one["type"] == "nl.sluis.intrekking"]
    assert [one["data"]["uitwisselingId"] for one in recalls] == [exchange]
    place = f"/v1/toestemmingen/{said.json()['toestemmingId']}/terugroep"
    told = await dwi.get(place)
    assert told.json()["isGereed"] is True
    problem = assert_problem(await casebook.get(place), 404)
    assert problem["type"] == "urn:sluis:probleem:toestemming-onbekend"


async def test_what_is_held_is_listed_to_its_sender(
    dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    messages = [held_referral() for _ in range(3)]
    for one in messages:
        await refer(dwi, one)

    found: list[str] = []
    query: dict[str, str] = {"aantal": "2"}
    while True:
        page = (await dwi.get("/v1/aangehouden", params=query)).json()
        found += [one["kenmerk"] for one in page["aangehouden"]]
        if page["volgende"] is None:
            break
        query["na"] = page["volgende"]

    assert found == [one["kenmerk"] for one in messages]
    assert (await casebook.get("/v1/aangehouden")).json()["aangehouden"] == []
    wrong = await casebook.get("/v1/aangehouden", params={"na": query["na"]})
    assert assert_problem(wrong, 400)["type"] == "urn:sluis:probleem:cursor-onbekend"


async def test_a_status_file_says_what_it_does_not_hold(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    """Else an acknowledgement would pass over a notice that nobody saw."""
    await refer(dwi, held_referral())
    before = await dwi.get("/v1/postvak", headers={"Accept": CSV})
    keys = FileKeys(gateway.home / "keys")
    late = datetime.now(UTC) + timedelta(days=50)
    retention = Retention(
        gateway.pool, Books(keys).of, Vault(keys), lambda: late, gateway.telemetry
    )
    await retention.pass_once()

    after = await dwi.get("/v1/postvak", headers={"Accept": CSV})

    events = (await pull(dwi)).json()["berichten"]
    assert before.headers["Sluis-Overig"] == "0"
    assert after.headers["Sluis-Overig"] == str(len(events))
    assert {one["type"] for one in events} == {"nl.sluis.kennisgeving"}
    assert after.content == before.content


WRONG: dict[str, tuple[Json, set[tuple[str, str]]]] = {
    "no exchange": (correction(uitwisselingId=None), {("body", "uitwisseling")}),
    "two names of one exchange": (
        correction(berichtKenmerk="KM-1"),
        {("body", "uitwisseling")},
    ),
    "a kind that there is not": (correction(soort=ECHO), {("body.soort", "enum")}),
    "an objection of nobody": (correction(soort="bezwaar"), {("body", "lid")}),
    "an annulment of one": (correction(lid={"plaats": 0}), {("body", "lid")}),
    "a member by two names": (
        correction(soort="bezwaar", lid={"plaats": 0, "burgerservicenummer": "999990019"}),
        {("body.lid", "lid")},
    ),
    "a rectification of nothing": (correction(soort="rectificatie"), {("body", "waarden")}),
    "an annulment with values": (
        correction(waarden={"huishouden.straatnaam": ECHO}),
        {("body", "waarden")},
    ),
    "a field of a member without a member": (
        correction(soort="rectificatie", waarden={"lid.achternaam": ECHO}),
        {("body", "lid")},
    ),
    "a value that is a list": (
        correction(soort="rectificatie", waarden={"huishouden.straatnaam": [ECHO]}),
        {
            ("body.waarden.?.?", "string-type"),
            ("body.waarden.?.?", "int-type"),
            ("body.waarden.?.?", "bool-type"),
        },
    ),
    "a field that cannot be corrected": (
        correction(soort="rectificatie", waarden={"aanmelding.aantalLeden": 7}),
        {("waarden", "niet-te-rectificeren")},
    ),
    "a value that cannot be": (
        correction(soort="rectificatie", waarden={"huishouden.postcode": ECHO}),
        {("huishouden.postcode", "string-pattern-mismatch")},
    ),
    "an unknown field": (correction(**{ECHO: ECHO}), {("body.?", "onbekend-veld")}),
    "no reference": (correction(kenmerk=None), {("body.kenmerk", "ontbreekt")}),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_is_400_with_field_and_rule(
    gateway: RunningGateway, dwi: httpx.AsyncClient, name: str
) -> None:
    message, expected = WRONG[name]
    before = await gateway.count("correction")

    problem = assert_problem(await correct(dwi, message), 400, *values_in(message))

    assert faults(problem) == expected
    assert await gateway.count("correction") == before


async def test_what_is_not_ours_to_correct_is_told_by_kind(
    dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    exchange = (await refer(dwi, referral())).json()["uitwisselingId"]
    unknown = await correct(dwi, correction())
    early = await correct(casebook, correction(uitwisselingId=exchange))
    await pull_all(casebook)
    theirs = await correct(casebook, correction(uitwisselingId=exchange))
    nobody = await correct(
        dwi, correction(uitwisselingId=exchange, soort="bezwaar", lid={"plaats": 9})
    )
    first = correction(uitwisselingId=exchange)
    await correct(dwi, first)
    other = await correct(dwi, {**first, "soort": "bezwaar", "lid": {"plaats": 0}})

    told = [(unknown, 404), (early, 404), (theirs, 403), (nobody, 404), (other, 409)]
    kinds = [assert_problem(answer, status)["type"] for answer, status in told]
    assert [kind.rpartition(":")[2] for kind in kinds] == [
        "uitwisseling-onbekend",
        "uitwisseling-onbekend",
        "niet-de-verzender",
        "lid-onbekend",
        "kenmerk-al-gebruikt",
    ]


async def test_anothers_correction_and_one_that_never_was_are_the_same_404(
    dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    exchange = (await refer(dwi, referral())).json()["uitwisselingId"]
    made = (await correct(dwi, correction(uitwisselingId=exchange))).json()["correctieId"]
    answers = [await casebook.get(f"/v1/correcties/{one}") for one in (made, UNKNOWN)]
    for answer in answers:
        assert_problem(answer, 404)
    assert answers[0].content == answers[1].content


async def test_a_stranger_corrects_and_sees_nothing(gateway: RunningGateway) -> None:
    async with gateway.stranger() as http:
        assert_problem(await correct(http, correction()), 401)
        for path in ("/v1/aangehouden", f"/v1/correcties/{UNKNOWN}"):
            assert_problem(await http.get(path), 401)
