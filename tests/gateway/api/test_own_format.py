"""A partner's own format on the whole road: FHIR in, OperationOutcome and Tasks out."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.cli.registration import ensure_sandbox_partner
from gateway.store.partners import NewPartner
from schemas.receipts import Answer
from tests.adapters.ggz.written import FHIR, bundle, with_part
from tests.support.messages import fresh_reference, status_of
from tests.support.pulling import pull_all, report_status
from tests.support.refusals import ECHO, assert_problem
from tests.support.running_gateway import RunningGateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/eigen-formaat"
GGZ = NewPartner("ggz", "GGZ (proefpartij)", "00000099000000005000", "ggz")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ggz(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    await ensure_sandbox_partner(gateway.engine, GGZ, gateway.home, gateway.base_url)
    for attempt in range(40):  # the directory follows within a second
        try:
            async with gateway.partner("ggz") as http:
                yield http
                return
        except AssertionError:
            if attempt == 39:
                raise
            await asyncio.sleep(0.1)


def referred(**consent: Any) -> dict[str, Any]:
    made = with_part(4, **consent) if consent else bundle()
    made["entry"][2]["resource"]["identifier"][0]["value"] = fresh_reference("GGZ")
    return made  # type: ignore[no-any-return]  # a tree


async def post(http: httpx.AsyncClient, body: Any, media_type: str = FHIR) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await http.post(PATH, content=content, headers={"Content-Type": media_type})


async def test_a_bundle_is_answered_with_its_task_and_a_receipt(
    gateway: RunningGateway, ggz: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    sent = referred()
    answer = await post(ggz, sent)
    assert (answer.status_code, answer.headers["content-type"]) == (200, FHIR), answer.text
    task = answer.json()["entry"][2]["resource"]
    assert task["status"] == "received"
    reference, exchange = (one["value"] for one in task["identifier"])
    assert reference == sent["entry"][2]["resource"]["identifier"][0]["value"]
    receipt = base64.b64decode(answer.headers["sluis-ontvangstbewijs"])
    assert str(Answer.model_validate_json(receipt).exchange_id) == exchange

    again = await post(ggz, sent)
    assert again.status_code == 200
    (first, *_) = again.json()["entry"][2]["response"]["outcome"]["issue"]
    assert first["details"]["coding"][0]["code"] == "dubbel"

    (event,) = [one for one in await pull_all(casebook) if one["id"] == exchange]
    member = event["data"]["huishouden"]["leden"][0]
    assert (member["achternaam"], member["voorletters"]) == ("Proef", "H.J.")
    assert "toelichting" not in event["data"]["aanmelding"]

    assert (await report_status(casebook, status_of(exchange))).status_code == 202
    pulled = await ggz.get("/v1/postvak", headers={"Accept": FHIR})
    assert pulled.headers["content-type"].startswith(FHIR)
    (entry,) = pulled.json()["entry"]
    assert entry["resource"]["identifier"] == [{"value": reference}]
    assert entry["resource"]["status"] == "in-progress"


@pytest.mark.parametrize("consent", [
    {"status": "rejected", "provision": None},
    {"provision": {"type": "deny"}},
])  # fmt: skip
async def test_without_a_yes_a_referral_waits(
    ggz: httpx.AsyncClient, casebook: httpx.AsyncClient, consent: dict[str, Any]
) -> None:
    """The register holds an earlier yes of the same person; the later no stops its use."""
    answer = await post(ggz, referred(**consent, dateTime="2014-01-01"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["entry"][2]["resource"]["status"] == "on-hold"
    events = await pull_all(casebook)
    assert "nl.sluis.aanmelding" not in {event["type"] for event in events}


async def test_a_note_does_not_leave(ggz: httpx.AsyncClient, casebook: httpx.AsyncClient) -> None:
    sent = referred(dateTime="2014-02-01")
    sent["entry"][1]["resource"]["note"] = [{"text": ECHO}]
    answer = await post(ggz, sent)
    assert answer.json()["entry"][2]["resource"]["status"] == "received", answer.text
    assert ECHO not in json.dumps(await pull_all(casebook))


async def test_a_bundle_that_cannot_be_read_leaves_its_refusal(
    gateway: RunningGateway, ggz: httpx.AsyncClient
) -> None:
    before = await gateway.count("log_leaf")
    sent = referred()
    sent["entry"][0]["resource"]["birthDate"] = ECHO
    sent["entry"].append({"resource": {"resourceType": "Condition", "id": ECHO},
                          "request": {"method": "POST", "url": "Condition"}})  # fmt: skip
    answer = await post(ggz, sent)
    assert answer.status_code == 400
    told = answer.json()
    assert told["resourceType"] == "OperationOutcome"
    assert [one["expression"] for one in told["issue"]] == [
        ["Bundle.entry[4].resource.ofType(Condition)"]
    ]
    assert ECHO not in answer.text + answer.headers["sluis-ontvangstbewijs"]
    assert await gateway.count("log_leaf") == before + 1


async def test_the_same_reference_for_another_bundle_is_a_conflict(ggz: httpx.AsyncClient) -> None:
    sent = referred(dateTime="2014-02-01")
    assert (await post(ggz, sent)).status_code == 200
    sent["entry"][1]["resource"]["authoredOn"] = "2013-12-30"
    answer = await post(ggz, sent)
    assert answer.status_code == 409
    assert answer.json()["issue"][0]["code"] == "conflict"


@pytest.mark.parametrize("media_type", [
    f"{FHIR}; fhirVersion=3.0", f"{FHIR};fhirVersion=4.3", f'{FHIR}; fhirVersion="5.0"',
    "application/fhir+xml", "application/json", "text/plain", "",
])  # fmt: skip
async def test_another_release_or_format_is_no_media_type_of_ours(
    ggz: httpx.AsyncClient, media_type: str
) -> None:
    answer = await post(ggz, bundle(), media_type)
    assert_problem(answer, 415)


@pytest.mark.parametrize("parameter", ["fhirVersion=4.0", "charset=utf-8; fhirVersion=4.0"])
async def test_r4_may_say_so(ggz: httpx.AsyncClient, parameter: str) -> None:
    sent = referred(dateTime="2014-02-01")
    assert (await post(ggz, sent, f"{FHIR}; {parameter}")).status_code == 200


async def test_who_reads_no_answer_in_it_is_told_so_before_anything_is_taken(
    ggz: httpx.AsyncClient,
) -> None:
    body = json.dumps(referred()).encode()
    for accept in ("application/fhir+xml", "text/html, application/xml;q=0.9"):
        headers = {"Content-Type": FHIR, "Accept": accept}
        assert_problem(await ggz.post(PATH, content=body, headers=headers), 406)
    for accept in ("application/json", "text/html, */*;q=0.1", f"{FHIR}; fhirVersion=4.0"):
        headers = {"Content-Type": FHIR, "Accept": accept}
        assert (await ggz.post(PATH, content=body, headers=headers)).status_code == 200


async def test_another_partner_has_no_own_format(dwi: httpx.AsyncClient) -> None:
    assert_problem(await post(dwi, bundle()), 415)
    assert_problem(await dwi.get(f"{PATH}/metadata"), 404)


async def test_a_stranger_is_not_answered(gateway: RunningGateway) -> None:
    async with gateway.stranger() as http:
        assert (await post(http, bundle())).status_code == 401
        assert (await http.get(f"{PATH}/metadata")).status_code == 401


@pytest.mark.parametrize("body", [b"", b"<Bundle/>", b"%PDF-1.7"])
async def test_what_is_no_json_is_a_problem(ggz: httpx.AsyncClient, body: bytes) -> None:
    assert_problem(await post(ggz, body), 400)


async def test_the_address_describes_itself(
    gateway: RunningGateway, ggz: httpx.AsyncClient
) -> None:
    answer = await ggz.get(f"{PATH}/metadata")
    assert answer.headers["content-type"] == FHIR
    statement = answer.json()
    assert statement["resourceType"] == "CapabilityStatement"
    assert statement["implementation"]["url"] == f"{gateway.base_url}{PATH}"


async def test_a_delivery_is_answered_in_fhir_as_well(ggz: httpx.AsyncClient) -> None:
    body = json.dumps(referred(dateTime="2014-02-01")).encode()
    taken = await ggz.post("/v1/leveringen", content=body, headers={"Content-Type": FHIR})
    assert taken.status_code == 202, taken.text
    for _ in range(100):
        found = await ggz.get(f"{taken.headers['location']}/uitkomsten", headers={"Accept": FHIR})
        if found.status_code != 409:
            break
        await asyncio.sleep(0.05)
    assert found.json()["type"] == "transaction-response", found.text
