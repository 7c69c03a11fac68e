"""Who may do what: every route against every caller, and no answer that tells of another's.

The table holds for each route of the application who is let through. Each caller asks twice: for
what is there, and for what never was. Whoever may not see it cannot tell one from the other. A
route that has no row fails, so that none is added without saying whose it is.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from gateway.reports.projections.register import read_register
from gateway.store.partners import NewPartner, end_key, register_partner, suspend_partner
from tests.support.messages import Json, fresh_bsn, fresh_reference, held_referral, member, referral
from tests.support.pulling import deliver, pull, refer, worked_off
from tests.support.registered import Party
from tests.support.running_gateway import RunningGateway, bearer_of, party_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

APART = "toezicht-apart"
EVERY = frozenset({"dwi", "casebook", "toezicht", "okt", "ggz", "madi", "sra", APART})
SENDER, RECIPIENT = frozenset({"dwi"}), frozenset({"casebook"})
PARTIES = SENDER | RECIPIENT
AGREES = PARTIES | {"okt", "ggz", "madi"}
"""Who is in a flow that asks agreement."""
SUPERVISORS, SUPERVISES_APART = frozenset({"toezicht", APART}), frozenset({APART})
NOBODY: frozenset[str] = frozenset()
PART = "application/partial-upload"


@dataclass(frozen=True)
class Row:
    """Who is let through; `sees` may tell what is there from what is not, besides."""

    who: frozenset[str]
    body: Callable[[Mapping[str, str]], Json] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    sees: frozenset[str] = NOBODY
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def _status(ids: Mapping[str, str]) -> Json:
    return {
        "kenmerk": fresh_reference(), "uitwisselingId": ids["exchange"],
        "status": "in-beheer-actief", "peildatum": "2014-01-31",
    }  # fmt: skip


def _accountability(ids: Mapping[str, str]) -> Json:
    return {
        "kenmerk": fresh_reference(), "uitwisselingId": ids["exchange"], "ontvanger": "sra",
        "status": "in-beheer-actief", "gestartOp": "2014-01-15", "stadsdeel": "Centrum",
        "aantalLeden": 1,
    }  # fmt: skip


def _update(ids: Mapping[str, str]) -> Json:
    return {
        "kenmerk": fresh_reference(), "uitwisselingId": ids["exchange"],
        "soort": "nieuwe-afspraak", "peildatum": "2014-02-10", "afspraakOp": "2014-02-24",
    }  # fmt: skip


def _consent(ids: Mapping[str, str]) -> Json:
    return {
        "burgerservicenummer": ids["bsn"], "doel": "toeleiding-wijkteam", "ontvanger": "casebook",
        "categorie": "*", "gegeven": True, "op": "2014-01-09T14:00:00+01:00",
        "door": "betrokkene", "bewijs": "FORMULIER-7",
    }  # fmt: skip


def _authority(ids: Mapping[str, str]) -> Json:
    return {
        "burgerservicenummer": ids["bsn"], "soort": "gezag", "houders": [],
        "bron": "brp", "peildatum": "2014-01-01",
    }  # fmt: skip


def _correction(ids: Mapping[str, str]) -> Json:
    return {
        "kenmerk": fresh_reference(), "soort": "annulering", "uitwisselingId": ids["exchange"],
    }  # fmt: skip


def _move(ids: Mapping[str, str]) -> Json:
    return {
        "kenmerk": fresh_reference(), "uitwisselingId": ids["exchange"], "buitenGemeente": True,
        "peildatum": "2014-02-01",
    }  # fmt: skip


def _safe_contact(ids: Mapping[str, str]) -> Json:
    return {
        "uitwisselingId": ids["exchange"], "burgerservicenummer": ids["bsn"],
        "nietInlichten": ["dwi"], "herzienOp": "2099-01-01",
    }  # fmt: skip


def _persons(ids: Mapping[str, str]) -> Json:
    return {"personen": [{"burgerservicenummer": ids["bsn"], "kenmerk": "RIS-1"}]}


def _lines(ids: Mapping[str, str]) -> Json:
    return {"dpl.core.data_subject_id": ids["bsn"], "dpl.core.data_subject_id_type": "BSN"}


def _of_logs() -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for name, all_of_it in (
        ("verwerkingen", EVERY), ("toegang", EVERY),
        ("beschermd", SUPERVISES_APART), ("toegang-beschermd", SUPERVISES_APART),
    ):  # fmt: skip
        log = f"GET /v1/logboek/{name}"
        is_empty = name == "beschermd"  # nothing here is protected
        readers = NOBODY if is_empty else SUPERVISORS & all_of_it
        rows |= {
            f"{log}/delen": Row(all_of_it),
            f"{log}/checkpoint": Row(all_of_it),
            f"{log}/delen/{{deel}}/checkpoint": Row(all_of_it),
            f"{log}/tile/{{plaats}}": Row(readers),
            f"{log}/delen/{{deel}}/tile/{{plaats}}": Row(readers, sees=SUPERVISORS & all_of_it),
            f"{log}/bewijs": Row(
                all_of_it if name == "verwerkingen" else NOBODY, query={"bladhash": "leaf"}
            ),
            f"{log}/samenhang": Row(
                NOBODY if is_empty else all_of_it, query={"van": "one", "tot": "one"}
            ),
            f"{log}/voorganger": Row(NOBODY),
            f"{log}/getuigd-controlepunt": Row(NOBODY),
        }
    return rows


WHO: dict[str, Row] = {
    "POST /v1/aanmeldingen": Row(SENDER | {"ggz"}, lambda _: referral()),
    "POST /v1/statusberichten": Row(RECIPIENT, _status),
    "POST /v1/verantwoordingen": Row(RECIPIENT, _accountability),
    "POST /v1/partnerberichten": Row(SENDER, _update, sees=RECIPIENT),
    "POST /v1/registraties": Row(RECIPIENT, _persons),
    "POST /v1/registraties/beeindiging": Row(EVERY, _persons),
    "POST /v1/eigen-formaat": Row(NOBODY, lambda _: {}),
    "GET /v1/eigen-formaat/metadata": Row(frozenset({"ggz"})),
    "POST /v1/leveringen": Row(
        EVERY, content=b"{}\n", headers={"Content-Type": "application/x-ndjson"}
    ),
    "OPTIONS /v1/leveringen": Row(EVERY),
    "HEAD /v1/leveringen/uploads/{upload_id}": Row(SENDER),
    "PATCH /v1/leveringen/uploads/{upload_id}": Row(
        SENDER,
        content=b"",
        headers={"Content-Type": PART, "Upload-Offset": "2", "Upload-Complete": "?0"},
    ),
    "DELETE /v1/leveringen/uploads/{upload_id}": Row(SENDER),
    "GET /v1/leveringen/{levering_id}": Row(SENDER),
    "GET /v1/leveringen/{levering_id}/uitkomsten": Row(SENDER),
    "GET /v1/postvak": Row(RECIPIENT, query={"na": "mail"}),
    "GET /v1/postvak/signaal": Row(EVERY),
    "POST /v1/postvak/ontvangst": Row(RECIPIENT, lambda ids: {"totEnMet": ids["mail"]}),
    "POST /v1/toestemmingen": Row(PARTIES, _consent),
    "POST /v1/toestemmingen/{toestemming_id}/intrekking": Row(
        PARTIES, lambda _: {"door": "betrokkene"}
    ),
    "GET /v1/toestemmingen/{toestemming_id}/terugroep": Row(SENDER),
    "POST /v1/toestemmingen/opvraging": Row(
        EVERY, lambda ids: {"burgerservicenummer": ids["bsn"]}, sees=PARTIES
    ),
    "POST /v1/gezag": Row(AGREES, _authority),
    "GET /v1/aangehouden": Row(SENDER, query={"na": "held"}),
    "POST /v1/correcties": Row(SENDER, _correction, sees=RECIPIENT),
    "GET /v1/correcties/{correctie_id}": Row(SENDER),
    "GET /v1/toedelingen": Row(RECIPIENT, query={"na": "waits"}),
    "POST /v1/toedelingen": Row(
        RECIPIENT, lambda ids: {"uitwisselingId": ids["placed"], "team": "zuid"}
    ),
    "POST /v1/verhuizingen": Row(RECIPIENT, _move),
    "POST /v1/veilig-contact": Row(NOBODY, _safe_contact),
    "GET /v1/protocol": Row(EVERY),
    "POST /v1/processing-activities": Row(SUPERVISORS, _lines),
    "GET /v1/register/processing-activities/{activiteit}": Row(EVERY),
    "GET /v1/register/processing-activities/{activiteit}/versions/{versie}": Row(EVERY),
    "GET /v1/register/entities/{partij}": Row(EVERY),
    "GET /v1/logboek/sleutels": Row(EVERY),
    **_of_logs(),
}


_LAST = (
    "POST /v1/verhuizingen",
    "DELETE /v1/leveringen/uploads/{upload_id}",
    "POST /v1/toestemmingen/{toestemming_id}/intrekking",
    "POST /v1/correcties",
    "POST /v1/postvak/ontvangst",
)
"""These end what other routes ask for."""


@dataclass
class World:
    """Who asks, what is there, and the same names for what never was."""

    callers: dict[str, httpx.AsyncClient]
    there: dict[str, str]
    absent: dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(gateway: RunningGateway) -> AsyncIterator[World]:
    """Something of everything, sent by DWI and fetched by the casebook."""
    apart = Party(APART)
    new = NewPartner(
        APART, "Toezicht apart", "00000099000000014000", "generic", "toezicht-beschermd"
    )
    await register_partner(gateway.engine, new, [apart.stored()])
    async with AsyncExitStack() as closing:
        callers = {}
        for name in sorted(EVERY - {APART}):
            callers[name] = await closing.enter_async_context(gateway.partner(name))
        http = await closing.enter_async_context(gateway.stranger())
        http.headers["Authorization"] = await bearer_of(http, apart, gateway.base_url)
        callers[APART] = http
        yield World(callers, await _there(gateway, callers["dwi"], callers["casebook"]), _absent())


async def _there(
    gateway: RunningGateway, dwi: httpx.AsyncClient, casebook: httpx.AsyncClient
) -> dict[str, str]:
    person = fresh_bsn()
    answer = (await refer(dwi, referral(member(person)))).json()
    ids = {"bsn": person, "exchange": answer["uitwisselingId"]}
    ids["leaf"] = answer["ontvangstbewijs"]["bladhash"].translate(str.maketrans("+/", "-_", "="))
    for name in ("placed", "waiting"):
        message = referral()
        message["huishouden"]["postcode"] = "1058AB"
        ids[name] = (await refer(dwi, message)).json()["uitwisselingId"]
        await refer(dwi, held_referral())
    ids["mail"] = (await pull(casebook)).json()["volgende"]
    ids["held"] = (await dwi.get("/v1/aangehouden?aantal=1")).json()["volgende"]
    ids["waits"] = (await casebook.get("/v1/toedelingen?aantal=1")).json()["volgende"]
    sent = (await deliver(dwi, json.dumps(referral()).encode())).json()
    ids["levering_id"] = sent["leveringId"]
    await worked_off(dwi, sent["leveringId"])
    begun = await deliver(dwi, b"{}", Upload_Complete="?0")
    ids["upload_id"] = begun.headers["location"].rpartition("/")[2]
    told = (await dwi.post("/v1/toestemmingen", json=_consent(ids))).json()
    ids["toestemming_id"] = told["toestemmingId"]
    correction = {"kenmerk": fresh_reference(), "soort": "annulering"}
    other = (await refer(dwi, referral())).json()["uitwisselingId"]
    told = await dwi.post("/v1/correcties", json=correction | {"uitwisselingId": other})
    ids["correctie_id"] = told.json()["correctieId"]
    register = await read_register(gateway.engine, datetime.now(UTC), "00000099000000001000")
    ids |= {"activiteit": next(iter(register.activities)), "versie": "1"}
    ids |= {"partij": next(iter(register.entities)), "plaats": "entries/000.p/1"}
    ids |= {
        "one": "1",
        "deel": (await dwi.get("/v1/logboek/verwerkingen/delen")).json()["delen"][0]["naam"],
    }
    return ids


def _absent() -> dict[str, str]:
    ids = ("exchange", "placed", "levering_id", "upload_id", "toestemming_id", "correctie_id")
    cursors = {"mail": "A" * 32, "held": "A" * 43, "waits": "A" * 43, "leaf": "A" * 43}
    return {
        "bsn": fresh_bsn(), "one": "999999", "versie": "999", "deel": "1900",
        "plaats": "entries/999", **cursors,
        **{name: str(uuid4()) for name in (*ids, "activiteit", "partij")},
    }  # fmt: skip


def _ids_of(route: str, ids: Mapping[str, str]) -> dict[str, str]:
    """What the route's address and query take; of both it takes what is there, or what is not."""
    address = {name: ids[name] for name in re.findall("{(.+?)}", route)}
    return address | {name: ids[name] for name in WHO[route].query.values()}


async def ask(http: httpx.AsyncClient, route: str, ids: Mapping[str, str]) -> tuple[int, Any]:
    """Status and what the answer says, without what every answer has anew."""
    method, _, path = route.partition(" ")
    row = WHO[route]
    headers, content = dict(row.headers), row.content
    if row.body is not None:
        headers["Content-Type"], content = "application/json", json.dumps(row.body(ids)).encode()
    address = re.sub("{(.+?)}", lambda found: ids[found[1]], path)
    query = {name: ids[value] for name, value in row.query.items()}
    asked = http.build_request(method, address, params=query, headers=headers, content=content)
    answer = await http.send(asked, stream=True)
    try:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return answer.status_code, None
        raw = await answer.aread()
    finally:
        await answer.aclose()
    if not raw or "json" not in answer.headers.get("content-type", ""):
        return answer.status_code, raw
    told = json.loads(raw)
    if isinstance(told, dict) and "antwoord" in told:
        decided = ("besluit", "regel", "veld", "bevindingen")
        told["antwoord"] = {name: told["antwoord"].get(name) for name in decided}
    return answer.status_code, told


async def _routes(gateway: RunningGateway) -> set[str]:
    async with gateway.stranger() as http:
        paths = (await http.get("/v1/openapi.json")).json()["paths"]
    return {f"{method.upper()} /v1{path}" for path, ways in paths.items() for method in ways}


async def test_every_route_says_whose_it_is(gateway: RunningGateway) -> None:
    assert set(WHO) == await _routes(gateway)


@pytest.mark.parametrize("route", sorted(WHO))
async def test_whose_it_is_not_cannot_tell_it_from_what_never_was(world: World, route: str) -> None:
    row = WHO[route]
    for name in sorted(EVERY - row.who):
        status, told = await ask(world.callers[name], route, world.there)
        assert status >= 400, (name, status, told)
        if name not in row.sees:
            assert (status, told) == await ask(world.callers[name], route, world.absent), name


@pytest.mark.parametrize("route", [*sorted(set(WHO) - set(_LAST)), *_LAST])
async def test_whose_it_is_is_let_through(world: World, route: str) -> None:
    for name in sorted(WHO[route].who):
        status, told = await ask(world.callers[name], route, world.there)
        assert 200 <= status < 300, (name, status, told)
    if _ids_of(route, world.there) and "PATCH" not in route:
        for name in sorted(WHO[route].who):
            status, told = await ask(world.callers[name], route, world.absent)
            assert status >= 400, (name, status, told)


async def test_who_is_shut_out_gets_one_answer_everywhere(
    gateway: RunningGateway, world: World
) -> None:
    """Suspended, or with a key that was ended: what they may do makes no difference any more."""
    async with gateway.partner("altra") as suspended, gateway.partner("spirit") as ended:
        await suspend_partner(gateway.engine, "altra")
        assert await end_key(gateway.engine, "spirit", party_of(gateway.home, "spirit").kid)
        for http in (suspended, ended):
            async with asyncio.timeout(10):
                while (await http.get("/v1/protocol")).status_code != 401:  # noqa: ASYNC110  # the gateway reads its book of partners
                    await asyncio.sleep(0.05)
        told = set()
        for route in sorted(set(WHO) - {"GET /v1/logboek/sleutels"}):
            for http in (suspended, ended):
                for ids in (world.there, world.absent):
                    status, answer = await ask(http, route, ids)
                    told.add((status, json.dumps(answer, default=str) if answer else ""))
    assert {status for status, _ in told} == {401}
    assert len(told - {(401, "")}) == 1
