"""Agreement over HTTP: what is taken, what is not, and how that is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.support.messages import Json, fresh_bsn, member, referral
from tests.support.pulling import pull_all, refer
from tests.support.refusals import ECHO, assert_headers, assert_problem, faults, values_in
from tests.support.running_gateway import RunningGateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNKNOWN = "0192f0c1-2345-7abc-8def-0123456789ab"


def record(bsn: str | None = None, **changes: Any) -> Json:
    """A yes; a change to None leaves the field out."""
    made = {
        "burgerservicenummer": fresh_bsn() if bsn is None else bsn,
        "doel": "toeleiding-wijkteam",
        "ontvanger": "casebook",
        "gegeven": True,
        "op": "2026-01-09T14:00:00+01:00",
        "bewijs": "FORMULIER-7",
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


async def say(http: httpx.AsyncClient, message: Any) -> httpx.Response:
    return await http.post("/v1/toestemmingen", json=message)


async def withdraw(http: httpx.AsyncClient, consent: str, **how: str) -> httpx.Response:
    return await http.post(f"/v1/toestemmingen/{consent}/intrekking", json=how)


async def test_a_yes_and_its_withdrawal_work_at_once(
    gateway: RunningGateway, dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> None:
    ann = fresh_bsn()
    held = (await refer(dwi, referral(member(ann, agreed=None)))).json()
    assert held["besluit"] == "aangehouden"

    given = await say(dwi, record(ann))
    waiting = await gateway.count("exchange", "state = 1")
    taken = await withdraw(dwi, given.json()["toestemmingId"], door="betrokkene")

    for answer in (given, taken):
        assert answer.status_code == 201
        assert_headers(answer)
        receipt = answer.json()
        assert receipt.keys() == {
            "toestemmingId",
            "logregelId",
            "vastgelegdOp",
            "openstaandeVrijgaven",
        }
        assert receipt["openstaandeVrijgaven"] == []
        assert UUID(receipt["toestemmingId"]).version == 7
        assert datetime.fromisoformat(receipt["vastgelegdOp"]).utcoffset() == timedelta()
        assert receipt["logregelId"] in {entry["id"] for entry in await gateway.entries()}
    assert waiting == 1
    assert [event["type"] for event in await pull_all(casebook)] == ["nl.sluis.vervallen"]


WRONG: dict[str, tuple[Json, set[tuple[str, str]]]] = {
    "a decision of tomorrow": (
        record(op=(datetime.now(UTC) + timedelta(days=1)).isoformat()),
        {("op", "datum-in-toekomst")},
    ),
    "the last moment that can be written": (
        record(op="9999-12-31T23:59:59-14:00"),
        {("op", "datum-in-toekomst")},
    ),
    "the first moment that can be written": (
        record(op="0001-01-01T00:00:00+14:00"),
        {("body.op", "greater-than-equal")},
    ),
    "a moment without a zone": (
        record(op="2026-01-09T14:00:00"),
        {("body.op", "timezone-aware")},
    ),
    "a category that the protocol does not know": (
        record(categorie=ECHO.lower()),
        {("body.categorie", "categorie")},
    ),
    "a category in capitals": (record(categorie="ZRM"), {("body.categorie", "categorie")}),
    "a yes that is no yes": (record(gegeven="ja"), {("body.gegeven", "bool-type")}),
    "a yes as a number": (record(gegeven=1), {("body.gegeven", "bool-type")}),
    "a BSN that fails the eleven-test": (
        record("123456789"),
        {("body.burgerservicenummer", "elfproef")},
    ),
    "no BSN": (record(""), {("body.burgerservicenummer", "elfproef")}),
    "no purpose": (record(doel=None), {("body.doel", "ontbreekt")}),
    "a purpose in capitals": (record(doel=ECHO), {("body.doel", "string-pattern-mismatch")}),
    "an unknown decider": (record(door=ECHO), {("body.door", "enum")}),
    "an unknown field": ({**record(), ECHO: ECHO}, {("body.?", "onbekend-veld")}),
    "a field by its name inside": (
        {**record(gegeven=None), "given": True},
        {("body.gegeven", "ontbreekt"), ("body.?", "onbekend-veld")},
    ),
    "evidence that is a letter": (
        record(bewijs=f"Brief van {ECHO}"),
        {("body.bewijs", "string-pattern-mismatch")},
    ),
    "two at once": ([record()], {("body", "model-type")}),  # type: ignore[dict-item]  # that is what is wrong with it
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.usefixtures("nothing_recorded")
async def test_what_is_wrong_is_400_with_field_and_rule(dwi: httpx.AsyncClient, name: str) -> None:
    message, expected = WRONG[name]

    problem = assert_problem(await say(dwi, message), 400, *values_in(message))

    assert faults(problem) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"doel": "terugkoppeling"},
        {"doel": "zwaluwstaart"},
        {"ontvanger": "dwi"},
        {"ontvanger": "zwaluwstaart"},
    ],
)
@pytest.mark.usefixtures("nothing_recorded")
async def test_what_is_no_flow_of_the_caller_is_403(dwi: httpx.AsyncClient, changes: Json) -> None:
    message = record(**changes)

    problem = assert_problem(await say(dwi, message), 403, message["burgerservicenummer"])

    assert problem["type"] == "urn:sluis:probleem:geen-gegevensstroom"


@pytest.mark.usefixtures("nothing_recorded")
async def test_who_is_no_party_at_all_is_403(gateway: RunningGateway) -> None:
    async with gateway.partner("toezicht") as http:
        assert_problem(await say(http, record()), 403)


async def test_anothers_consent_and_one_that_never_was_are_the_same_404(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    theirs = (await say(dwi, record())).json()["toestemmingId"]
    before = await gateway.count("consent_event")
    async with gateway.partner("toezicht") as http:
        answers = [await withdraw(http, consent) for consent in (theirs, UNKNOWN)]

    for answer, consent in zip(answers, (theirs, UNKNOWN), strict=True):
        problem = assert_problem(answer, 404, consent)
        assert problem["type"] == "urn:sluis:probleem:toestemming-onbekend"
    assert answers[0].content == answers[1].content
    assert await gateway.count("consent_event") == before


@pytest.mark.usefixtures("nothing_recorded")
async def test_an_id_that_is_none_is_400(dwi: httpx.AsyncClient) -> None:
    problem = assert_problem(await withdraw(dwi, ECHO), 400)
    assert faults(problem) == {("path.?", "uuid-parsing")}


@pytest.mark.parametrize("path", ["", f"/{UNKNOWN}/intrekking"])
@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
        (b"{}", f"application/{ECHO}", 415),
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"null", "application/json", 400),
        (ECHO.encode(), "application/json", 400),
        (b'{"door": "\\ud800"}', "application/json", 400),
    ],
)
@pytest.mark.usefixtures("nothing_recorded")
async def test_what_is_no_json_message_is_refused(
    dwi: httpx.AsyncClient, path: str, body: bytes, media_type: str, status: int
) -> None:
    answer = await dwi.post(
        f"/v1/toestemmingen{path}", content=body, headers={"Content-Type": media_type}
    )
    assert_problem(answer, status)


@pytest.mark.usefixtures("nothing_recorded")
async def test_a_stranger_records_nothing(gateway: RunningGateway) -> None:
    async with gateway.stranger() as http:
        assert_problem(await say(http, record()), 401)
        assert_problem(await withdraw(http, UNKNOWN), 401)
