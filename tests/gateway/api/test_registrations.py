"""Registrations over HTTP: each line by itself, nothing of what was wrong comes back."""

from __future__ import annotations

import json

import httpx
import pytest

from schemas.registrations import MOST_AT_ONCE
from tests.gateway.api.in_process import Inside
from tests.support.messages import Json, fresh_bsn
from tests.support.refusals import assert_problem
from tests.support.running_gateway import RunningGateway

pytestmark = pytest.mark.asyncio(loop_scope="module")
NDJSON = {"Content-Type": "application/x-ndjson"}
PLACE = "/v1/registraties"


def person(**changes: object) -> Json:
    return {"burgerservicenummer": fresh_bsn(), "kenmerk": "RIS-1", **changes}


async def test_json_and_ndjson_say_the_same(
    gateway: RunningGateway | Inside, casebook: httpx.AsyncClient
) -> None:
    persons = [person(kenmerk=f"RIS-{n}") for n in range(3)]
    first = await casebook.post(PLACE, json={"personen": persons})
    lines = "\n".join(json.dumps(one) for one in persons)
    second = await casebook.post(PLACE, content=lines, headers=NDJSON)
    assert (first.status_code, first.json()) == (200, second.json())
    outcomes = first.json()["uitkomsten"]
    assert [one["kenmerk"] for one in outcomes] == ["RIS-0", "RIS-1", "RIS-2"]
    assert {one["uitkomst"] for one in outcomes} == {"geregistreerd"}
    assert len({one["pseudoniem"] for one in outcomes}) == 3
    ended = await casebook.post(f"{PLACE}/beeindiging", json={"personen": persons[:1]})
    assert ended.json() == {
        "uitkomsten": [{"nummer": 1, "kenmerk": "RIS-0", "uitkomst": "beeindigd"}]
    }


async def test_invariant_08_a_line_that_is_wrong_refuses_itself_alone(
    casebook: httpx.AsyncClient,
) -> None:
    wrong = [
        person(burgerservicenummer="123456789"),
        person(zwaluw="Zwaluwstaart"),
        person(kenmerk="Zwaluw staart"),
        {"kenmerk": "RIS-4"},
        "Zwaluwstaart",
        None,
    ]
    answer = await casebook.post(PLACE, json={"personen": [*wrong, person(kenmerk="RIS-7")]})
    assert answer.status_code == 200
    *refused, last = answer.json()["uitkomsten"]
    assert last["uitkomst"] == "geregistreerd"
    assert [(one["nummer"], one["veld"], one["regel"]) for one in refused][:4] == [
        (1, "burgerservicenummer", "elfproef"),
        (2, "?", "onbekend-veld"),
        (3, "kenmerk", "string-pattern-mismatch"),
        (4, "burgerservicenummer", "ontbreekt"),
    ]
    assert {one["uitkomst"] for one in refused} == {"geweigerd"}
    assert "waluw" not in answer.text
    assert "123456789" not in answer.text


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{", {}),
        (b"[]", {}),
        (b'{"personen": {}}', {}),
        (b'{"personen": [], "meer": 1}', {}),
        (b'{"personen": []}\n{', NDJSON),
        (json.dumps({"personen": [{}] * (MOST_AT_ONCE + 1)}).encode(), {}),
        (b"{}\n" * (MOST_AT_ONCE + 1), NDJSON),
    ],
)
async def test_what_is_no_list_of_persons_is_400_and_leaves_nothing(
    casebook: httpx.AsyncClient, body: bytes, headers: dict[str, str]
) -> None:
    sent = {"Content-Type": "application/json", **headers}
    assert_problem(await casebook.post(PLACE, content=body, headers=sent), 400)


async def test_another_form_is_415(casebook: httpx.AsyncClient) -> None:
    sent = {"Content-Type": "text/csv"}
    assert_problem(await casebook.post(PLACE, content=b"a;b", headers=sent), 415)


async def test_who_the_protocol_does_not_name_is_403(dwi: httpx.AsyncClient) -> None:
    answer = await dwi.post(PLACE, json={"personen": [person()]})
    assert_problem(answer, 403)
    assert answer.json()["fouten"] == [{"veld": "registratie", "regel": "geen-gegevensstroom"}]
    # Ending is always possible, and changes nothing where there is nothing.
    ended = await dwi.post(f"{PLACE}/beeindiging", json={"personen": [person()]})
    assert ended.json()["uitkomsten"][0]["uitkomst"] == "beeindigd"
