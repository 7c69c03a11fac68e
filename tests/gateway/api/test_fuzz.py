"""Whatever anybody sends to any route: never a fault of ours, never an echo, always in time.

The application runs in this process on a real database. A word is planted in everything that is
sent (addresses, parameters, headers, bodies), by partners and by strangers alike.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.api.in_process import Inside, gateway_inside
from tests.support.database import TestServer
from tests.support.messages import fresh_bsn, referral, status_of
from tests.support.refusals import ECHO, assert_headers, assert_no_echo

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE = 5.0
SOME_ID = "0192f0c1-2345-7abc-8def-0123456789ab"
thoroughly = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])

ROUTES = [
    ("POST", "/oauth/token"),
    ("POST", "/v1/aanmeldingen"),
    ("POST", "/v1/statusberichten"),
    ("POST", "/v1/leveringen"),
    ("GET", "/v1/leveringen/{}"),
    ("GET", "/v1/leveringen/{}/uitkomsten"),
    ("GET", "/v1/postvak"),
    ("POST", "/v1/postvak/ontvangst"),
    ("POST", "/v1/toestemmingen"),
    ("POST", "/v1/toestemmingen/{}/intrekking"),
    ("GET", "/v1/protocol"),
    ("GET", "/v1/logboek/sleutels"),
    ("GET", "/v1/logboek/verwerkingen/checkpoint"),
    ("GET", "/v1/logboek/verwerkingen/tile/{}"),
    ("GET", "/v1/logboek/verwerkingen/bewijs"),
    ("GET", "/v1/openapi.json"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/.well-known/oauth-authorization-server"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),
    ("GET", "/{}"),
]
NAMES = [
    "kenmerk", "aangemeldOp", "grondslag", "huishouden", "leden", "rol", "burgerservicenummer",
    "voorletters", "achternaam", "geboortedatum", "geslacht", "participatietrede", "zrm",
    "gemetenOp", "scores", "inkomen", "instemming", "gegeven", "op", "door", "bewijs", "postcode",
    "straatnaam", "huisnummer", "geheimhouding", "telefoonnummer", "toelichting", "uitwisselingId",
    "status", "peildatum", "afsluitreden", "doel", "ontvanger", "categorie", "totEnMet",
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def inside(postgres: TestServer) -> AsyncIterator[Inside]:
    # Small bounds, so that they are met.
    async with gateway_inside(postgres, max_message=16 * 1024, max_delivery=64 * 1024) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def askers(inside: Inside) -> AsyncIterator[list[httpx.AsyncClient]]:
    async with (
        inside.stranger() as stranger,
        inside.partner("dwi") as dwi,
        inside.partner("casebook") as casebook,
        inside.partner("toezicht") as toezicht,
    ):
        yield [stranger, dwi, casebook, toezicht]


# What is sent.

ODD = st.sampled_from(
    [
        ECHO, "", " ", "\x00", "\r\nX: y", "../..", "%00", "%", "'; drop table subject; --", "ü",
        "\ud800", "\U0001f600", "0", "-1", "1e400", "9" * 400, "999990019", "123456782", SOME_ID,
        "2013-02-30", "0001-01-01", "9999-12-31", "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00Z", "x" * 3000, "*", "zrm", "casebook",
        "toeleiding-wijkteam", "participatiewet", "aanmelder", "entries/0", "0/x000.p/1",
    ]
)  # fmt: skip
TEXTS = st.one_of(ODD, st.text(max_size=30), ODD.map(lambda text: ECHO + text))
SCALARS = st.one_of(
    TEXTS,
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, -(2**63) - 1, 10**400, 0]),
    st.floats(allow_nan=False, allow_infinity=False),
)
JSONS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*NAMES, ECHO]) | TEXTS, inner, max_size=5)
    ),
    max_leaves=12,
)
CONSENT = {
    "burgerservicenummer": "999990019",
    "doel": "toeleiding-wijkteam",
    "ontvanger": "casebook",
    "gegeven": True,
    "op": "2026-01-09T14:00:00+01:00",
}


@st.composite
def nearly_good(draw: st.DrawFn) -> Any:
    """A message as it should be, with something put in a place or two, or taken out."""
    good = draw(
        st.sampled_from(
            [
                referral(reference="FUZZ-1"),
                status_of(SOME_ID, reference="FUZZ-2"),
                CONSENT,
                {"door": "betrokkene"},
                {"totEnMet": "A" * 32},
            ]
        )
    )
    message = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(1, 2))):
        at: Any = message
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(at[key], dict | list) and draw(st.booleans()):
                at = at[key]
                continue
            if draw(st.integers(0, 4)) == 0:
                del at[key]
            else:
                at[key] = draw(SCALARS | JSONS)
            break
    return message


def as_bytes(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode()


BODIES = st.one_of(
    st.binary(max_size=200),
    st.just(b""),
    st.just(b"[" * 8000),
    st.just(b'{"a":' * 3000),
    st.just(b" " * 70_000),
    st.just(ECHO.encode()),
    st.just(b"\xef\xbb\xbf{}"),
    JSONS.map(as_bytes),
    nearly_good().map(as_bytes),
    st.lists(nearly_good().map(as_bytes), max_size=3).map(b"\n".join),
    nearly_good().map(lambda message: as_bytes(message)[:-7]),
    st.just(b"kenmerk;bsn;achternaam\n1;999990019;" + ECHO.encode()),
    st.just(b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "' + ECHO.encode() + b'">]><a>&b;</a>'),
    st.just(b"grant_type=client_credentials&client_assertion=" + ECHO.encode()),
)
MEDIA_TYPES = st.sampled_from(
    [
        "application/json", "application/json; charset=utf-8", "text/csv", "application/xml",
        "application/x-ndjson", "application/x-www-form-urlencoded", "multipart/form-data",
        "multipart/form-data; boundary=x", f"application/{ECHO}", "", ";", "application/json,text",
    ]
)  # fmt: skip
HEADER_NAMES = [
    "Accept", "Accept-Language", "Authorization", "Content-Digest", "Content-Length",
    "Content-Encoding", "Cookie", "Expect", "Host", "If-None-Match", "Origin", "Range",
    "traceparent", "tracestate", "Transfer-Encoding", "X-Forwarded-For", "X-HTTP-Method-Override",
    ECHO,
]  # fmt: skip
HEADER_VALUES = [
    ECHO, "", "*/*", "text/csv", "application/x-ndjson", "bytes=0-9", "DELETE", "0", "-1",
    "9" * 30, "sha-256=:AAAA:", "sha-256=:" + "A" * 43 + "=:", f"Bearer {ECHO}", "Bearer",
    "Basic Og==", "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "chunked",
]  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from(HEADER_NAMES),
    st.sampled_from(HEADER_VALUES)
    | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
    max_size=3,
)
QUERIES = st.lists(
    st.tuples(st.sampled_from(["na", "aantal", "bladhash", "access_token", ECHO]), TEXTS),
    max_size=3,
)


async def ask(asker: httpx.AsyncClient, method: str, address: str, **what: Any) -> httpx.Response:
    async with asyncio.timeout(PATIENCE):
        answer = await asker.request(method, address, **what)
        if answer.status_code == 503:
            # Nothing runs while examples are thought up, so what is known of partners grew old.
            await asyncio.sleep(0.2)
            answer = await asker.request(method, address, **what)
    return answer


def assert_sound(answer: httpx.Response, method: str, address: str) -> None:
    """What every answer owes, whatever was asked."""
    assert answer.status_code < 500, (method, address, answer.status_code)
    if address != "/oauth/token":
        assert_headers(answer)
    media_type = answer.headers.get("content-type", "")
    if answer.status_code >= 400:
        assert_no_echo(answer)
        is_oauth = address.startswith("/oauth/token") and answer.status_code in (400, 401)
        assert media_type == ("application/json" if is_oauth else "application/problem+json")
        if not is_oauth and method != "HEAD":
            problem = answer.json()
            assert problem["status"] == answer.status_code
            assert {"type", "title", "detail"} <= problem.keys()


def addressed(path: str, piece: str, query: list[tuple[str, str]]) -> str:
    """The address with whatever in its place, escaped as any client would."""
    whole = path.replace("{}", quote(piece, safe="/", errors="surrogatepass"))
    if query:
        pairs = (f"{quote(name)}={quote(value, errors='surrogatepass')}" for name, value in query)
        whole += "?" + "&".join(pairs)
    return whole


@thoroughly
@given(
    who=st.integers(0, 3),
    route=st.sampled_from(ROUTES),
    piece=TEXTS,
    query=QUERIES,
    headers=HEADERS,
    media_type=MEDIA_TYPES,
    body=BODIES,
)
async def test_whatever_is_sent_is_answered_soundly(
    inside: Inside,
    askers: list[httpx.AsyncClient],
    who: int,
    route: tuple[str, str],
    piece: str,
    query: list[tuple[str, str]],
    headers: dict[str, str],
    media_type: str,
    body: bytes,
) -> None:
    method, path = route
    sent = {"Content-Type": media_type.encode()} | {
        name: value.encode("latin-1") for name, value in headers.items()
    }
    what = {"content": body} if method == "POST" else {}

    answer = await ask(askers[who], method, addressed(path, piece, query), headers=sent, **what)

    assert_sound(answer, method, path)
    assert ECHO not in inside.log.getvalue()


@thoroughly
@given(
    path=st.sampled_from(
        [
            "/v1/aanmeldingen",
            "/v1/statusberichten",
            "/v1/toestemmingen",
            f"/v1/toestemmingen/{SOME_ID}/intrekking",
            "/v1/postvak/ontvangst",
        ]
    ),
    message=nearly_good(),
    who=st.integers(1, 2),
)
async def test_a_message_that_is_nearly_good_is_answered_soundly(
    inside: Inside, askers: list[httpx.AsyncClient], path: str, message: Any, who: int
) -> None:
    headers = {"Content-Type": "application/json"}

    answer = await ask(askers[who], "POST", path, content=as_bytes(message), headers=headers)

    assert_sound(answer, "POST", path)
    assert ECHO not in inside.log.getvalue()


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", ECHO])
async def test_any_other_method_is_answered_soundly(
    askers: list[httpx.AsyncClient], method: str
) -> None:
    for asker in askers:
        for _, path in ROUTES:
            address = path.replace("{}", SOME_ID)
            answer = await ask(asker, method, address, content=ECHO.encode())
            assert_sound(answer, method, path)


async def test_after_all_that_the_gateway_still_does_its_work(
    askers: list[httpx.AsyncClient],
) -> None:
    _, dwi, casebook, _ = askers
    message = referral()
    message["huishouden"]["leden"][0]["burgerservicenummer"] = fresh_bsn()

    answer = await dwi.post("/v1/aanmeldingen", json=message)

    assert answer.status_code == 202
    pulled = (await casebook.get("/v1/postvak")).json()["berichten"]
    assert answer.json()["uitwisselingId"] in {event["id"] for event in pulled}
