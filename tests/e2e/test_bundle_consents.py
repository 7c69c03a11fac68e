"""The Bundle's own Consent against the register, through the running gateway.

What is said last counts, whoever brought it: a Bundle's yes opens nothing that a later no has shut,
and a Bundle's no shuts what an earlier yes had opened. What ended, is somebody else's, or was never
said in force (proposed, draft, inactive, entered in error) opens nothing at all. Medical
confidentiality is broken by explicit consent alone (Civil Code 7:457).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.adapters.ggz.written import (
    CONSENT,
    PATIENT,
    REQUEST,
    TASK,
    Json,
    bundle,
    consent,
    entry,
    patient,
    provision,
    service_request,
    task,
)
from tests.support.database import TestServer
from tests.support.log_oracle import assert_log_tells_all
from tests.support.messages import fresh_bsn, fresh_reference
from tests.support.own_formats import FHIR, GGZ, joined
from tests.support.pulling import pull_all
from tests.support.running_gateway import RunningGateway, running_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

PURPOSE, RECIPIENT = "hulp-naast-behandeling", "casebook"
OTHER = "urn:uuid:4d1b6d9e-0c5e-4a5e-9a3e-000000000007"
DAY = "2026-02-02"
BEFORE, AFTER = "2026-02-01", "2026-02-03"
NO = {"provision": provision(type="deny")}
PASSED, WAITS = "received", "on-hold"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(postgres: TestServer) -> AsyncIterator[RunningGateway]:
    async with running_gateway(postgres) as running:
        yield running
        await assert_log_tells_all(running)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ggz(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with joined(gateway, GGZ) as http:
        yield http


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def casebook(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.partner("casebook") as http:
        yield http


def referred(bsn: str, *consents: Json, others: tuple[Json, ...] = ()) -> Json:
    """A Bundle about this patient, with these Consents; `others` are further Patients."""
    asked = task(identifier=[{"value": fresh_reference("GGZ")}])
    return bundle(
        entry(PATIENT, patient(bsn)),
        *(entry(OTHER, other) for other in others),
        entry(REQUEST, service_request(authoredOn=DAY)),
        entry(TASK, asked),
        *(entry(CONSENT[:-1] + str(4 + n), one) for n, one in enumerate(consents)),
    )


def said(**more: Json) -> Json:
    return consent(**{"dateTime": DAY, **more})


async def sent(http: httpx.AsyncClient, body: Json) -> tuple[int, Json]:
    content = json.dumps(body).encode()
    answer = await http.post("/v1/eigen-formaat", content=content, headers={"Content-Type": FHIR})
    return answer.status_code, answer.json()


async def standing(http: httpx.AsyncClient, body: Json) -> str:
    """What became of the referral: the status of its Task."""
    status, told = await sent(http, body)
    assert status == 200, told
    (found,) = [
        one["resource"]["status"]
        for one in told["entry"]
        if one.get("resource", {}).get("resourceType") == "Task"
    ]
    return str(found)


async def recorded(http: httpx.AsyncClient, bsn: str, day: str, *, given: bool) -> str:
    """What the patient says to the register by itself; gives the consent's id."""
    told = {
        "burgerservicenummer": bsn,
        "doel": PURPOSE,
        "ontvanger": RECIPIENT,
        "gegeven": given,
        "op": f"{day}T09:00:00+01:00",
    }
    answer = await http.post("/v1/toestemmingen", json=told)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["toestemmingId"])


async def test_without_a_word_of_anybody_it_waits(ggz: httpx.AsyncClient) -> None:
    assert await standing(ggz, referred(fresh_bsn())) == WAITS


@pytest.mark.parametrize("day", [BEFORE, AFTER])
async def test_the_register_alone_decides_where_the_bundle_is_silent(
    ggz: httpx.AsyncClient, day: str
) -> None:
    yes, no = fresh_bsn(), fresh_bsn()
    await recorded(ggz, yes, day, given=True)
    await recorded(ggz, no, day, given=False)
    assert await standing(ggz, referred(yes)) == PASSED
    assert await standing(ggz, referred(no)) == WAITS


@pytest.mark.parametrize(
    ("register", "day", "in_bundle", "becomes"),
    [
        (False, BEFORE, {}, PASSED),
        (False, AFTER, {}, WAITS),
        (True, BEFORE, NO, WAITS),
        (True, AFTER, NO, PASSED),
        (True, BEFORE, {"status": "rejected", "provision": None}, WAITS),
        (True, BEFORE, {}, PASSED),
        (False, AFTER, NO, WAITS),
    ],
    ids=["yes over no", "no over yes", "no over an earlier yes", "a later yes over no",
         "rejected", "both yes", "both no"],
)  # fmt: skip
async def test_what_was_said_last_counts(
    ggz: httpx.AsyncClient, register: bool, day: str, in_bundle: dict[str, Any], becomes: str
) -> None:
    bsn = fresh_bsn()
    await recorded(ggz, bsn, day, given=register)
    assert await standing(ggz, referred(bsn, said(**in_bundle))) == becomes


async def test_a_no_in_a_bundle_stops_what_an_earlier_yes_let_wait(
    ggz: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    bsn = fresh_bsn()
    earlier = referred(bsn, said(dateTime=BEFORE))
    assert await standing(ggz, earlier) == PASSED
    assert await standing(ggz, referred(bsn, said(**NO))) == WAITS
    assert bsn not in json.dumps(await pull_all(casebook))


async def test_after_a_withdrawal_an_earlier_consent_opens_nothing(
    ggz: httpx.AsyncClient,
) -> None:
    bsn = fresh_bsn()
    given = await recorded(ggz, bsn, DAY, given=True)
    answer = await ggz.post(f"/v1/toestemmingen/{given}/intrekking", json={"door": "betrokkene"})
    assert answer.status_code in (200, 201), answer.text
    assert await standing(ggz, referred(bsn, said())) == WAITS


@pytest.mark.parametrize(("end", "becomes"), [("2026-02-28", WAITS), ("2099-12-31", PASSED)])
async def test_a_consent_holds_until_its_last_day(
    ggz: httpx.AsyncClient, end: str, becomes: str
) -> None:
    limited = said(provision=provision(period={"end": end}))
    assert await standing(ggz, referred(fresh_bsn(), limited)) == becomes


async def test_a_consent_of_another_member_is_not_the_patients(ggz: httpx.AsyncClient) -> None:
    other = patient(fresh_bsn())
    theirs = said(patient={"reference": OTHER}, performer=[{"reference": OTHER}])
    assert await standing(ggz, referred(fresh_bsn(), theirs, others=(other,))) == WAITS


async def test_another_adult_cannot_say_yes_for_the_patient(ggz: httpx.AsyncClient) -> None:
    other = patient(fresh_bsn())
    by_them = said(performer=[{"reference": OTHER}])
    assert await standing(ggz, referred(fresh_bsn(), by_them, others=(other,))) == WAITS


@pytest.mark.parametrize(
    ("consents", "place", "problem"),
    [
        ([{"patient": {"reference": "Patient/9"}}], "Consent.patient", "ongeldig"),
        ([{"performer": [{"reference": "Patient/9"}]}], "Consent.performer", "ongeldig"),
        ([{}, NO], "Consent.provision.type", "tegenstrijdig"),
        ([{"status": "proposed"}], "Consent.status", "onbekende-code"),
        ([{"status": "draft"}], "Consent.status", "onbekende-code"),
        ([{"status": "inactive"}], "Consent.status", "onbekende-code"),
        ([{"status": "entered-in-error"}], "Consent.status", "onbekende-code"),
        ([{"performer": []}], "Consent.performer", "ontbreekt"),
        ([{"dateTime": "2999-01-01"}], "Consent.dateTime", "datum-in-toekomst"),
        ([{"provision": provision(period={"start": "2999-01-01"})}], "Consent.provision.period",
         "datum-in-toekomst"),
    ],
    ids=["nobody's", "a stranger's word", "yes and no on one day", "proposed", "draft", "inactive",
         "entered in error", "nobody's word", "not yet said", "not yet in force"],
)  # fmt: skip
async def test_what_is_no_consent_refuses_the_bundle_whatever_the_register_says(
    gateway: RunningGateway,
    ggz: httpx.AsyncClient,
    consents: list[dict[str, Any]],
    place: str,
    problem: str,
) -> None:
    bsn = fresh_bsn()
    await recorded(ggz, bsn, BEFORE, given=True)
    before = await gateway.remains()

    status, told = await sent(ggz, referred(bsn, *(said(**one) for one in consents)))

    assert (status, told["resourceType"]) == (400, "OperationOutcome")
    found = {(one["details"]["coding"][0]["code"], one["expression"][0]) for one in told["issue"]}
    ((code, where),) = found
    assert code == problem
    assert where.endswith(place.removeprefix("Consent"))
    now = await gateway.remains()
    assert {table for table in now if now[table] != before[table]} == {"exchange", "log_leaf"}


@pytest.mark.parametrize("change", [
    {"purpose": [{"system": "urn:sluis:doel", "code": "ontdubbelen"}]},
    {"actor": [{**provision()["actor"][0],
                "reference": {"identifier": {"system": "urn:sluis:partner", "value": "okt"}}}]},
], ids=["another purpose", "another recipient"])  # fmt: skip
async def test_a_yes_to_something_else_opens_nothing_here(
    ggz: httpx.AsyncClient, casebook: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    bsn = fresh_bsn()
    status, told = await sent(ggz, referred(bsn, said(provision=provision(**change))))
    assert (status, told["resourceType"]) == (403, "OperationOutcome")
    assert bsn not in json.dumps(await pull_all(casebook))
