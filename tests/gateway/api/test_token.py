"""The token endpoint over HTTP: forms, codes and headers of RFC 6749, and our own client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from authlib.oauth2.rfc8414 import (  # type: ignore[import-untyped]  # Authlib has no types
    AuthorizationServerMetadata,
)
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.api.problems import Problem, answer_problem
from gateway.api.token import MAX_FORM, token_routes
from gateway.cli.registration import ensure_sandbox_partner
from gateway.client import credentials
from gateway.client.tokens import TokenAnswer, TokenSource
from gateway.store.partners import NewPartner
from tests.support.registered import BASE, ENDPOINT, Admission, Party

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def dwi(engine: AsyncEngine) -> Party:
    party = Party("dwi")
    await party.register(engine)
    return party


@pytest.fixture
async def admission(engine: AsyncEngine, dwi: Party) -> AsyncIterator[Admission]:
    async with Admission(engine) as running:
        yield running


@pytest.fixture
async def http(admission: Admission) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(token_routes(admission.desk, admission.tokens))
    app.add_exception_handler(Problem, answer_problem)
    road = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=road, base_url=BASE) as client:
        yield client


async def test_a_token_is_given_and_may_not_be_stored(
    http: httpx.AsyncClient, admission: Admission, dwi: Party
) -> None:
    answer = await http.post("/oauth/token", data=dwi.form())

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    told = answer.json()
    assert told.keys() == {"access_token", "token_type", "expires_in"}
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 600)
    assert admission.tokens.verify(told["access_token"]).id == "dwi"


async def test_who_does_not_prove_itself_gets_401_with_a_challenge(
    http: httpx.AsyncClient, dwi: Party
) -> None:
    form = dwi.form(Party("dwi").assertion({"kid": dwi.kid}))

    answer = await http.post("/oauth/token", data=form)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="sluis", error="invalid_client"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "error": "invalid_client",
        "error_description": "client authentication failed",
    }


async def test_who_tries_a_password_is_told_so_in_its_own_scheme(http: httpx.AsyncClient) -> None:
    answer = await http.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, auth=("dwi", "geheim")
    )

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic realm=")


async def test_a_second_use_over_http_is_401(http: httpx.AsyncClient, dwi: Party) -> None:
    form = dwi.form()
    assert (await http.post("/oauth/token", data=form)).status_code == 200

    again = await http.post("/oauth/token", data=form)

    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


async def test_a_form_that_is_not_as_described_is_400(http: httpx.AsyncClient, dwi: Party) -> None:
    good = urlencode(dwi.form())
    wrong: dict[str, str | bytes] = {
        "twice": f"{good}&grant_type=client_credentials",
        "twice, once empty": f"{good}&client_assertion=",
        "no form": "grant_type",
        "bad percent": f"{good}&x=%FF",
        "bytes": b"grant_type=\xff\xfe",
        "json": b'{"grant_type": "client_credentials"}',
        "many": "&".join(f"p{n}=1" for n in range(100)),
        "empty": "",
        "large": f"{good}&x={'y' * MAX_FORM}",
    }
    for name, body in wrong.items():
        answer = await http.post("/oauth/token", content=body, headers=FORM)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), name
        assert answer.headers["cache-control"] == "no-store"


async def test_a_body_without_end_is_refused_before_it_is_read(http: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * MAX_FORM:
            sent += 4096
            yield b"x" * 4096

    answer = await http.post("/oauth/token", content=endless(), headers=FORM)

    assert answer.status_code == 400
    assert sent <= MAX_FORM + 3 * 4096


async def test_another_content_type_is_refused(http: httpx.AsyncClient, dwi: Party) -> None:
    for media_type in ("application/json", "multipart/form-data; boundary=x", "text/plain", ""):
        answer = await http.post(
            "/oauth/token", content=urlencode(dwi.form()), headers={"Content-Type": media_type}
        )
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_charset_beside_the_content_type_is_fine(
    http: httpx.AsyncClient, dwi: Party
) -> None:
    answer = await http.post(
        "/oauth/token",
        content=urlencode(dwi.form()),
        headers={"Content-Type": "Application/X-WWW-Form-Urlencoded; charset=UTF-8"},
    )

    assert answer.status_code == 200


async def test_nothing_is_taken_from_the_address(http: httpx.AsyncClient, dwi: Party) -> None:
    for query in (urlencode(dwi.form()), "x=1"):
        answer = await http.post(f"/oauth/token?{query}", content="", headers=FORM)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (await http.get("/oauth/token")).status_code == 405


async def test_another_grant_is_unsupported_and_not_repeated(
    http: httpx.AsyncClient, dwi: Party
) -> None:
    answer = await http.post("/oauth/token", data=dwi.form(grant_type="wachtwoord-van-Jansen"))

    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
    assert "Jansen" not in answer.text


async def test_while_the_partners_are_unknown_the_answer_is_503(
    http: httpx.AsyncClient, admission: Admission, dwi: Party
) -> None:
    await admission.partners.stop()
    admission.elapsed_ahead = 5

    answer = await http.post("/oauth/token", data=dwi.form())

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_client_can_find_everything_out_by_itself(
    http: httpx.AsyncClient, admission: Admission
) -> None:
    metadata = (await http.get("/.well-known/oauth-authorization-server")).json()
    AuthorizationServerMetadata(metadata).validate()

    assert metadata["issuer"] == BASE
    assert metadata["token_endpoint"] == ENDPOINT
    assert metadata["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    algorithms = metadata["token_endpoint_auth_signing_alg_values_supported"]
    assert algorithms == ["ES256", "EdDSA", "PS256"]

    keys = (await http.get(metadata["jwks_uri"])).json()
    assert keys == admission.tokens.jwks()
    assert all("d" not in key for key in keys["keys"])


async def test_the_gateways_own_client_gets_a_token_with_the_credentials_that_it_was_given(
    http: httpx.AsyncClient, admission: Admission, engine: AsyncEngine, tmp_path: Path
) -> None:
    new = NewPartner("casebook", "RIS", "00000099000000001002", "generic")
    registered = await ensure_sandbox_partner(engine, new, tmp_path, BASE)
    mine = credentials.load(registered.folder)

    async def ask(form: object) -> TokenAnswer:
        answer = await http.post("/oauth/token", data=form())  # type: ignore[operator]  # callable
        return TokenAnswer.model_validate_json(answer.content)

    token = await TokenSource(mine, ask).token()

    assert admission.tokens.verify(token)[:3] == ("casebook", "generic", "keten")
