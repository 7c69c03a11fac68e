"""Tokens that are bound to a certificate: RFC 8705, told by a proxy as RFC 9440 or nginx has it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.identity.binding import presented
from gateway.identity.errors import InvalidClientError, InvalidTokenError, Reason
from gateway.identity.tokens import AccessTokens
from gateway.store.partners import NewPartner, PartnerKey, register_partner
from tests.gateway.identity.test_certificates import made, pem
from tests.support.database import TestServer
from tests.support.registered import Admission, Party
from tests.support.running_gateway import RunningGateway, party_of, running_gateway

CERTIFICATE = made()
DER = CERTIFICATE.public_bytes(Encoding.DER)
THUMBPRINT = base64.urlsafe_b64encode(hashlib.sha256(DER).digest()).rstrip(b"=").decode()
RFC_9440 = b":" + base64.b64encode(DER) + b":"
NGINX = quote(pem(CERTIFICATE).decode(), safe="").encode()


@pytest.mark.parametrize("told", [RFC_9440, NGINX, pem(CERTIFICATE).replace(b"\n", b" ")])
def test_a_certificate_is_named_by_its_sha_256(told: bytes) -> None:
    assert presented([(b"host", b"x"), (b"client-cert", told)]) == THUMBPRINT


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"client-cert", b"")],
        [(b"client-cert", b"::")],
        [(b"client-cert", b":niet base64:")],
        [(b"client-cert", RFC_9440), (b"client-cert", RFC_9440)],
        [(b"client-cert", NGINX + NGINX)],
        [(b"client-cert", b":" + b"A" * 40_000 + b":")],
        [(b"x-client-cert", RFC_9440)],
    ],
)
def test_what_is_told_twice_or_cannot_be_read_is_not_told(
    headers: list[tuple[bytes, bytes]],
) -> None:
    assert presented(headers) is None


@given(st.binary(max_size=300))
def test_no_header_makes_it_fall_over(value: bytes) -> None:
    assert presented([(b"client-cert", value)]) != THUMBPRINT


@pytest.fixture
async def admission(engine: AsyncEngine) -> AsyncIterator[Admission]:
    async with Admission(engine) as admission:
        yield admission


async def certified(engine: AsyncEngine) -> Party:
    party = Party("madi")
    stored = party.stored()
    key = PartnerKey(stored.kid, {**stored.jwk, "x5t#S256": THUMBPRINT}, stored.expires_at)
    await register_partner(engine, NewPartner("madi", "MADI", "00000099000000007000", "dwi"), [key])
    return party


async def test_a_bound_token_is_good_with_its_certificate_alone(
    admission: Admission, engine: AsyncEngine
) -> None:
    party = await certified(engine)
    await admission.partners.refresh()
    admission.tokens.binds = True

    for wrong in (None, "een-andere"):
        with pytest.raises(InvalidClientError) as refused:
            await admission.desk.grant(party.form(), wrong)
        assert refused.value.reason is Reason.CERTIFICATE
    granted = await admission.desk.grant(party.form(), THUMBPRINT)

    payload = granted.access_token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["cnf"] == {"x5t#S256": THUMBPRINT}
    for _ in range(2):  # the second time from memory
        assert admission.tokens.verify(granted.access_token, THUMBPRINT).id == "madi"
        for wrong in (None, "een-andere"):
            with pytest.raises(InvalidTokenError) as stolen:
                admission.tokens.verify(granted.access_token, wrong)
            assert stolen.value.reason is Reason.CERTIFICATE


async def test_a_refusal_for_its_certificate_spends_no_assertion(
    admission: Admission, engine: AsyncEngine
) -> None:
    party = await certified(engine)
    await admission.partners.refresh()
    admission.tokens.binds = True
    once = party.form()
    with pytest.raises(InvalidClientError):
        await admission.desk.grant(once)
    assert await admission.desk.grant(once, THUMBPRINT)


async def test_who_has_no_certificate_needs_none(admission: Admission, engine: AsyncEngine) -> None:
    party = Party("dwi")
    await party.register(engine)
    await admission.partners.refresh()
    admission.tokens.binds = True
    granted = await admission.desk.grant(party.form())
    assert admission.tokens.verify(granted.access_token).id == "dwi"


async def test_a_replica_that_does_not_bind_takes_no_bound_token(
    admission: Admission, engine: AsyncEngine
) -> None:
    party = await certified(engine)
    await admission.partners.refresh()
    admission.tokens.binds = True
    granted = await admission.desk.grant(party.form(), THUMBPRINT)
    other = AccessTokens("http://127.0.0.1:8080", admission.key, admission.partners, lifetime=600)
    with pytest.raises(InvalidTokenError):
        other.verify(granted.access_token)


async def _try(gateway: RunningGateway, told: str | None) -> tuple[int, int]:
    """What the token endpoint and an address say, with and without the certificate."""
    party = party_of(gateway.home, "dwi")
    shown = {} if told is None else {"Client-Cert": told}
    async with httpx.AsyncClient(base_url=gateway.address, trust_env=False) as http:
        form = party.form(party.assertion(aud=f"{gateway.base_url}/oauth/token"))
        asked = await http.post("/oauth/token", data=form, headers=shown)
        if asked.status_code != 200:
            return asked.status_code, 0
        bearer = {"Authorization": f"Bearer {asked.json()['access_token']}"}
        assert (await http.get("/v1/protocol", headers={**bearer, **shown})).status_code == 200
        return 200, (await http.get("/v1/protocol", headers=bearer)).status_code


async def test_over_http_a_stolen_token_opens_nothing(postgres: TestServer) -> None:
    async with running_gateway(postgres, client_certificates=True) as gateway:
        await gateway.pool.execute(
            """update partner_key set jwk = jwk || jsonb_build_object('x5t#S256', $1::text)
                where partner = 'dwi'""",
            THUMBPRINT,
        )
        await gateway.pool.execute("update rules_generation set number = number + 1")
        async with httpx.AsyncClient(base_url=gateway.address, trust_env=False) as http:
            metadata = (await http.get("/.well-known/oauth-authorization-server")).json()
            assert metadata["tls_client_certificate_bound_access_tokens"] is True
        await _until_followed(gateway)
        assert await _try(gateway, RFC_9440.decode()) == (200, 401)
        assert await _try(gateway, NGINX.decode()) == (200, 401)
        assert await _try(gateway, None) == (401, 0)
        assert await _trailed(gateway, RFC_9440) == 401


async def _trailed(gateway: RunningGateway, told: bytes) -> int:
    """What is said to a bound token where the certificate is told behind the body.

    The proxy sets or removes the header; what trails a body it may pass on as it came.
    """
    party = party_of(gateway.home, "dwi")
    async with httpx.AsyncClient(base_url=gateway.address, trust_env=False) as http:
        form = party.form(party.assertion(aud=f"{gateway.base_url}/oauth/token"))
        asked = await http.post("/oauth/token", data=form, headers={"Client-Cert": told.decode()})
    head = (
        "POST /v1/toestemmingen/opvraging HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {asked.json()['access_token']}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.served.settings.port)
    writer.write(head.encode() + b"Client-Cert: " + told + b"\r\n\r\n")
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return int(answer.split()[1])


async def _until_followed(gateway: RunningGateway) -> None:
    for _ in range(100):
        if await _try(gateway, None) == (401, 0):
            return
    raise AssertionError("the partners' book was not read again")
