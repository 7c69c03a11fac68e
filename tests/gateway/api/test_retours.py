"""The retour over HTTP: the outcome's other form, asked with `Accept`, for those who have one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from lxml import etree

from gateway.cli.registration import ensure_sandbox_partner
from gateway.store.partners import NewPartner
from tests.adapters.okt.written import BSN, DTD_ALONE, request
from tests.support.messages import csv_of, csv_row, fresh_reference
from tests.support.pulling import CSV, XML, deliver, outcomes, worked_off
from tests.support.refusals import assert_headers, assert_problem
from tests.support.running_gateway import RunningGateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

OKT = NewPartner("okt", "OKT (proefpartij)", "00000099000000002900", "okt")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def okt(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    await ensure_sandbox_partner(gateway.engine, OKT, gateway.home, gateway.base_url)
    async with gateway.partner("okt") as http:
        yield http


def dated(reference: str) -> bytes:
    """A request of a day that has been, whenever the tests run."""
    return request(reference=reference, dated="2026-01-12")


async def done(http: httpx.AsyncClient, body: bytes, media_type: str = XML) -> str:
    answer = await deliver(http, body, media_type)
    assert answer.status_code == 202, answer.text
    delivery = str(answer.json()["leveringId"])
    await worked_off(http, delivery)
    return delivery


async def asked(http: httpx.AsyncClient, delivery: str, accept: str) -> httpx.Response:
    return await http.get(f"/v1/leveringen/{delivery}/uitkomsten", headers={"Accept": accept})


async def test_the_retour_is_the_outcomes_other_form(okt: httpx.AsyncClient) -> None:
    delivery = await done(okt, dated(fresh_reference()))
    answer = await asked(okt, delivery, XML)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == XML
    assert_headers(answer)
    assert [e.text for e in etree.fromstring(answer.content).iter("{*}RetourCode")] == ["0200"]
    assert BSN not in answer.text
    assert "Voorbeeld" not in answer.text
    (told,) = await outcomes(okt, delivery)
    assert "strook" not in told
    for accept in ("application/json", "*/*", f"application/json, {XML}"):
        assert (await asked(okt, delivery, accept)).headers["content-type"] == "application/json"


async def test_a_file_without_a_header_has_no_retour(okt: httpx.AsyncClient) -> None:
    delivery = await done(okt, DTD_ALONE)
    assert_problem(await asked(okt, delivery, XML), 406)
    assert await outcomes(okt, delivery) == []


async def test_who_has_no_answer_of_their_own_is_told_what_there_is(dwi: httpx.AsyncClient) -> None:
    delivery = await done(dwi, csv_of([csv_row()]), CSV)
    problem = assert_problem(await asked(dwi, delivery, XML), 406)
    assert problem["mogelijk"] == ["application/json"]


async def test_nobody_else_gets_it(okt: httpx.AsyncClient, dwi: httpx.AsyncClient) -> None:
    delivery = await done(okt, dated(fresh_reference()))
    assert_problem(await asked(dwi, delivery, XML), 404)
