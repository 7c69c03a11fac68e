"""Single messages that are not as they should be: one clear answer each, and nothing recorded.

Every test plants a word where the fault is; `assert_problem` looks for it in the answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.database import TestServer
from tests.support.messages import (
    changed,
    fresh_bsn,
    held_referral,
    member,
    referral,
    refused_referral,
    status_of,
)
from tests.support.pulling import refer, report_status
from tests.support.refusals import ECHO, assert_headers, assert_problem, faults, values_in
from tests.support.registered import Party
from tests.support.running_gateway import RunningGateway, bearer_of, party_of, running_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"Content-Type": "application/json"}
MAX_MESSAGE = 16 * 1024


@pytest.fixture(scope="module")
def bounds() -> dict[str, Any]:
    return {"max_message": MAX_MESSAGE}


FUTURE = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
GOOD = referral(
    member(zrm={"gemetenOp": "2013-11-01", "scores": {"inkomen": 2}}), reference="GOED-1"
)
LID = "huishouden.leden.0"

WRONG: dict[str, tuple[dict[str, Any], set[tuple[str, str]]]] = {
    "an unknown field": ({**GOOD, ECHO: ECHO}, {("?", "onbekend-veld")}),
    "an unknown field of a member": (
        changed(GOOD, f"{LID}.{ECHO}", ECHO),
        {(f"{LID}.?", "onbekend-veld")},
    ),
    "a field by its name inside": (
        {**{k: v for k, v in GOOD.items() if k != "kenmerk"}, "reference": ECHO},
        {("kenmerk", "ontbreekt"), ("?", "onbekend-veld")},
    ),
    "a BSN that fails the eleven-test": (
        changed(GOOD, f"{LID}.burgerservicenummer", "123456789"),
        {(f"{LID}.burgerservicenummer", "elfproef")},
    ),
    "a BSN of letters": (
        changed(GOOD, f"{LID}.burgerservicenummer", ECHO),
        {(f"{LID}.burgerservicenummer", "elfproef")},
    ),
    "a BSN as a number": (
        changed(GOOD, f"{LID}.burgerservicenummer", int(fresh_bsn())),
        {(f"{LID}.burgerservicenummer", "elfproef")},
    ),
    "a referral of tomorrow": (
        {**GOOD, "aangemeldOp": FUTURE},
        {("aanmelding.aangemeldOp", "datum-in-toekomst")},
    ),
    "a birth of tomorrow": (
        changed(GOOD, f"{LID}.geboortedatum", FUTURE),
        {("lid.geboortedatum", "datum-in-toekomst")},
    ),
    "a measurement of tomorrow": (
        changed(GOOD, f"{LID}.zrm.gemetenOp", FUTURE),
        {("lid.zrm.gemetenOp", "datum-in-toekomst")},
    ),
    "an agreement of tomorrow": (
        changed(GOOD, f"{LID}.instemming.op", FUTURE),
        {("lid.instemming.op", "datum-in-toekomst")},
    ),
    "a day that does not exist": (
        {**GOOD, "aangemeldOp": "2013-02-30"},
        {("aangemeldOp", "datum-ongeldig")},
    ),
    "a day as a number of seconds": (
        {**GOOD, "aangemeldOp": 1388448000},
        {("aangemeldOp", "datum-ongeldig")},
    ),
    "nobody": (changed(GOOD, "huishouden.leden", []), {("huishouden.leden", "too-short")}),
    "one number for two members": (
        changed(GOOD, "huishouden.leden", [{"burgerservicenummer": fresh_bsn()}] * 2),
        {("huishouden.leden", "tegenstrijdig")},
    ),
    "no reference": (
        {k: v for k, v in GOOD.items() if k != "kenmerk"},
        {("kenmerk", "ontbreekt")},
    ),
    "a character that cannot be stored": (
        changed(GOOD, f"{LID}.achternaam", f"{ECHO}\x00"),
        {(f"{LID}.achternaam", "teken")},
    ),
    "a reference with a line break": (
        {**GOOD, "kenmerk": f"{ECHO}\n"},
        {("kenmerk", "string-pattern-mismatch")},
    ),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.usefixtures("nothing_recorded")
async def test_a_wrong_referral_is_400_with_field_and_rule(
    dwi: httpx.AsyncClient, name: str
) -> None:
    message, expected = WRONG[name]

    problem = assert_problem(await refer(dwi, message), 400, *values_in(message))

    assert faults(problem) == expected


NOT_JSON: dict[str, bytes] = {
    "nothing": b"",
    "broken off": json.dumps(GOOD).encode()[:-1],
    "half of one": json.dumps(GOOD).encode()[: len(json.dumps(GOOD)) // 2],
    "text": ECHO.encode(),
    "a name": json.dumps(ECHO).encode(),
    "a list": json.dumps([GOOD]).encode(),
    "two of them": json.dumps(GOOD).encode() * 2,
    "not UTF-8": json.dumps({**GOOD, "toelichting": "é"}, ensure_ascii=False).encode("latin-1"),
    "half a surrogate": json.dumps(GOOD).replace("GOED-1", f"{ECHO}\\ud800").encode(),
    "nested without end": b'{"kenmerk":' + b"[" * 5000,
    "a number without end": b'{"kenmerk":' + b"9" * 5000 + b"}",
    "XML": f"<kenmerk>{ECHO}</kenmerk>".encode(),
}


@pytest.mark.parametrize("name", NOT_JSON)
@pytest.mark.usefixtures("nothing_recorded")
async def test_what_is_no_referral_in_json_is_400(dwi: httpx.AsyncClient, name: str) -> None:
    answer = await dwi.post("/v1/aanmeldingen", content=NOT_JSON[name], headers=JSON)

    assert_problem(answer, 400)


@pytest.mark.parametrize("path", ["/v1/aanmeldingen", "/v1/statusberichten"])
@pytest.mark.parametrize("given", [None, "text/plain", f"text/{ECHO}", "application/xml", ""])
@pytest.mark.usefixtures("nothing_recorded")
async def test_another_content_type_is_415(
    dwi: httpx.AsyncClient, path: str, given: str | None
) -> None:
    headers = {} if given is None else {"Content-Type": given}

    answer = await dwi.post(path, content=json.dumps(GOOD), headers=headers)

    assert_problem(answer, 415)


async def test_json_with_a_parameter_is_json(dwi: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}

    answer = await dwi.post("/v1/aanmeldingen", content=json.dumps(referral()), headers=headers)

    assert answer.status_code == 202


@pytest.mark.parametrize("path", ["/v1/aanmeldingen", "/v1/statusberichten"])
@pytest.mark.usefixtures("nothing_recorded")
async def test_a_body_above_the_bound_is_413_announced_or_not(
    dwi: httpx.AsyncClient, path: str
) -> None:
    body = json.dumps({**GOOD, "toelichting": "x" * MAX_MESSAGE}).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    announced = await dwi.post(path, content=body, headers=JSON)
    chunked = await dwi.post(path, content=pieces(), headers=JSON)

    assert_problem(announced, 413)
    assert_problem(chunked, 413)


async def test_a_body_in_many_pieces_is_one_message(dwi: httpx.AsyncClient) -> None:
    body = json.dumps(referral()).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    answer = await dwi.post("/v1/aanmeldingen", content=pieces(), headers=JSON)

    assert answer.status_code == 202


@pytest.mark.usefixtures("nothing_recorded")
async def test_who_has_no_good_token_is_401_with_a_challenge(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    good = dwi.headers["Authorization"]
    kept = good.split(".")
    tampered = ".".join(
        [kept[0], kept[1], kept[2][:-4] + ("AAAA" if kept[2][-4:] != "AAAA" else "BBBB")]
    )
    for given in (None, "", "Bearer", f"Bearer {ECHO}", f"Basic {ECHO}", tampered, f"{good}x"):
        headers = {} if given is None else {"Authorization": given}
        async with gateway.stranger() as http:
            answer = await http.post("/v1/aanmeldingen", json=GOOD, headers=headers)
        assert_problem(answer, 401, "GOED-1")
        assert answer.headers["www-authenticate"].startswith('Bearer realm="sluis"')


@pytest.mark.usefixtures("nothing_recorded")
async def test_a_token_in_the_address_or_twice_is_none(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    good = dwi.headers["Authorization"]
    async with gateway.stranger() as http:
        token = good.removeprefix("Bearer ")
        in_address = await http.post("/v1/aanmeldingen", params={"access_token": token}, json=GOOD)
        twice = await http.post(
            "/v1/aanmeldingen",
            json=GOOD,
            headers=[("Authorization", good), ("Authorization", good)],
        )

    assert_problem(in_address, 401, token)
    assert_problem(twice, 401, token)


async def refused_by_desk(gateway: RunningGateway, party: Party, assertion: str) -> httpx.Response:
    async with gateway.stranger() as http:
        answer = await http.post("/oauth/token", data=party.form(assertion))
    assert answer.status_code == 401, answer.text
    assert answer.json()["error"] == "invalid_client"
    assert_headers(answer)
    assert ECHO.lower() not in answer.text.lower()
    return answer


async def test_an_unknown_partner_gets_no_token(gateway: RunningGateway) -> None:
    stranger = Party(ECHO.lower())
    audience = f"{gateway.base_url}/oauth/token"

    await refused_by_desk(gateway, stranger, stranger.assertion(aud=audience))


async def test_a_partners_name_with_another_key_gets_no_token(gateway: RunningGateway) -> None:
    pretender = Party("dwi")
    audience = f"{gateway.base_url}/oauth/token"

    await refused_by_desk(gateway, pretender, pretender.assertion(aud=audience))


async def test_an_expired_assertion_gets_no_token(gateway: RunningGateway) -> None:
    dwi = party_of(gateway.home, "dwi")
    passed = int(datetime.now(UTC).timestamp()) - 600
    audience = f"{gateway.base_url}/oauth/token"

    await refused_by_desk(gateway, dwi, dwi.assertion(aud=audience, iat=passed, exp=passed + 60))


async def test_an_assertion_is_good_once(gateway: RunningGateway) -> None:
    dwi = party_of(gateway.home, "dwi")
    assertion = dwi.assertion(aud=f"{gateway.base_url}/oauth/token")
    async with gateway.stranger() as http:
        assert (await http.post("/oauth/token", data=dwi.form(assertion))).status_code == 200

    await refused_by_desk(gateway, dwi, assertion)


async def test_a_token_that_expired_is_401(postgres: TestServer) -> None:
    # A token never outlives the key that it was asked for with.
    async with running_gateway(postgres) as gateway:
        soon = datetime.now(UTC) + timedelta(seconds=2)  # in whole seconds: between 1 and 2
        await gateway.pool.execute("update partner_key set expires_at = $1", soon)
        await gateway.pool.execute("update rules_generation set number = number + 1")
        await asyncio.sleep(0.5)  # partners are read again within a quarter of a second
        async with gateway.stranger() as http:
            dwi = party_of(gateway.home, "dwi")
            http.headers["Authorization"] = await bearer_of(http, dwi, gateway.base_url)
            assert (await refer(http, referral())).status_code == 202
            await asyncio.sleep(1.5)
            answer = await refer(http, referral())

    assert_problem(answer, 401)


async def test_a_refusal_names_rule_and_entry_and_repeats_nothing(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    message = refused_referral(toelichting=ECHO)
    sent = [*values_in(message["huishouden"]), message["kenmerk"], ECHO]

    problem = assert_problem(await refer(dwi, message), 403, message["kenmerk"])

    assert problem["antwoord"]["besluit"] == "geweigerd"
    assert problem["antwoord"]["regel"] == "grondslag-niet-toegelaten"
    assert problem["antwoord"]["veld"] == "aanmelding.grondslag"
    last = (await gateway.entries())[-1]
    assert last["id"] == problem["antwoord"]["ontvangstbewijs"]["logregelId"]
    assert not [value for value in sent if value in json.dumps(last)]


async def test_who_has_no_flow_is_refused(casebook: httpx.AsyncClient) -> None:
    problem = assert_problem(await refer(casebook, referral()), 403)

    assert problem["antwoord"]["regel"] == "geen-gegevensstroom"


@pytest.mark.parametrize("make", [referral, held_referral, refused_referral])
async def test_invariant_07_a_repeat_gets_the_same_bytes_and_has_no_effect(
    gateway: RunningGateway, dwi: httpx.AsyncClient, make: Any
) -> None:
    body = json.dumps(make()).encode()
    first = await dwi.post("/v1/aanmeldingen", content=body, headers=JSON)
    before = await gateway.effects()

    again = [await dwi.post("/v1/aanmeldingen", content=body, headers=JSON) for _ in range(3)]

    assert {(one.status_code, one.content) for one in again} == {(first.status_code, first.content)}
    assert await gateway.effects() == before


async def test_invariant_07_a_reference_with_another_body_is_409(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    message = referral()
    first = (await refer(dwi, message)).json()
    exchanges, queued, entries = await gateway.effects()
    other = changed(message, f"{LID}.achternaam", ECHO)

    problem = assert_problem(await refer(dwi, other), 409, message["kenmerk"])

    assert problem["antwoord"]["regel"] == "kenmerk-hergebruikt"
    assert problem["antwoord"]["uitwisselingId"] != first["uitwisselingId"]
    # The refusal is an event of its own; nothing is queued.
    assert await gateway.effects() == (exchanges + 1, queued, entries + 1)
    assert (await refer(dwi, message)).json() == first


async def test_invariant_07_two_partners_may_use_the_same_reference(
    dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    message = referral()
    exchange = (await refer(dwi, message)).json()["uitwisselingId"]

    answer = await report_status(casebook, status_of(exchange, message["kenmerk"]))

    assert answer.status_code == 202
    assert answer.json()["uitwisselingId"] != exchange


async def test_a_status_on_what_is_not_ones_own_is_as_on_what_does_not_exist(
    dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    held = (await refer(dwi, held_referral())).json()["uitwisselingId"]
    accepted = (await refer(dwi, referral())).json()["uitwisselingId"]
    own_status = (await report_status(casebook, status_of(accepted))).json()["uitwisselingId"]
    nowhere = "0192f0c1-2345-7abc-8def-0123456789ab"
    asked = {
        "unknown": (casebook, nowhere),
        "held, so never pulled": (casebook, held),
        "sent by oneself": (dwi, accepted),
        "a status of one's own": (casebook, own_status),
    }
    told = {}
    for name, (http, exchange) in asked.items():
        problem = assert_problem(await report_status(http, status_of(exchange)), 403, exchange)
        answer = problem["antwoord"]
        told[name] = (answer["regel"], answer["veld"], problem["title"], problem["detail"])

    assert len(set(told.values())) == 1, told
    assert told["unknown"][0] == "uitwisseling-onbekend"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"peildatum": FUTURE}, ("peildatum", "datum-in-toekomst")),
        ({"status": ECHO}, ("status", "enum")),
        ({"uitwisselingId": ECHO}, ("uitwisselingId", "uuid-parsing")),
        ({"afsluitreden": "overleden"}, ("bericht", "afsluitreden")),
        ({ECHO: 1}, ("?", "onbekend-veld")),
    ],
)
@pytest.mark.usefixtures("nothing_recorded")
async def test_a_wrong_status_is_400_with_field_and_rule(
    casebook: httpx.AsyncClient, change: dict[str, Any], expected: tuple[str, str]
) -> None:
    message = status_of("0192f0c1-2345-7abc-8def-0123456789ab", **change)

    problem = assert_problem(await report_status(casebook, message), 400)

    assert faults(problem) == {expected}
