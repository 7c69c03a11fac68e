from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import generate_key

from gateway.client import AsyncSluis, Credentials, NotAdmitted
from gateway.client.tokens import TokenAnswer, TokenSource
from tests.support.faults import Fault, Planned
from tests.support.gateway_simulator import GatewaySimulator
from tests.support.parties import in_process, registered

TOKEN = ("POST", "/oauth/token")


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class Endpoint:
    def __init__(self, expires_in: int = 300) -> None:
        self.forms: list[dict[str, str]] = []
        self.expires_in = expires_in

    async def __call__(self, form: Callable[[], dict[str, str]]) -> TokenAnswer:
        self.forms.append(form())
        await asyncio.sleep(0)
        return TokenAnswer(access_token=f"token-{len(self.forms)}", expires_in=self.expires_in)


def _source(
    endpoint: Endpoint, clock: Clock | None = None, kind: str = "EC", size: str | int = "P-256"
) -> tuple[TokenSource, Credentials]:
    key = generate_key(kind, size)  # type: ignore[call-overload]
    mine = Credentials("dwi", "https://sluis.test", "key-1", key)
    return TokenSource(mine, endpoint, now=lambda: 1388487600.9, elapsed=clock or Clock()), mine


@pytest.mark.parametrize(
    ("kind", "size", "algorithm"),
    [("EC", "P-256", "ES256"), ("RSA", 2048, "PS256"), ("OKP", "Ed25519", "EdDSA")],
)
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
async def test_the_assertion_says_what_rfc_7523_asks(
    kind: str, size: str | int, algorithm: str
) -> None:
    endpoint = Endpoint()
    source, mine = _source(endpoint, kind=kind, size=size)

    await source.token()

    form = endpoint.forms[0]
    assert form["grant_type"] == "client_credentials"
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    token = jwt.decode(form["client_assertion"], mine.key, algorithms=[algorithm])
    assert token.header == {"alg": algorithm, "kid": "key-1", "typ": "JWT"}
    assert len(token.claims.pop("jti")) >= 22  # 128 bits at the least (NL GOV OAuth 1.2.0)
    assert token.claims == {
        "iss": "dwi",
        "sub": "dwi",
        "aud": "https://sluis.test/oauth/token",
        "iat": 1388487600,
        "exp": 1388487660,
    }


async def test_a_token_is_kept_and_renewed_before_it_expires() -> None:
    clock, endpoint = Clock(), Endpoint(expires_in=100)
    source, _ = _source(endpoint, clock)

    first = await source.token()
    clock.seconds += 79.9
    assert await source.token() == first
    clock.seconds += 0.2

    assert await source.token() == "token-2"


async def test_many_callers_at_once_ask_for_one_token() -> None:
    endpoint = Endpoint()
    source, _ = _source(endpoint)

    tokens = await asyncio.gather(*(source.token() for _ in range(50)))

    assert set(tokens) == {"token-1"}


async def test_forgetting_an_older_token_keeps_the_newer_one() -> None:
    source, _ = _source(Endpoint())
    first = await source.token()
    source.forget(first)
    second = await source.token()

    source.forget(first)

    assert await source.token() == second


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_lost_token_answer_is_asked_for_with_a_new_assertion(
    dwi: AsyncSluis, simulator: GatewaySimulator, after_effect: bool
) -> None:
    simulator.network.plan(*TOKEN, Planned(Fault.DROP, after_effect))

    assert (await dwi.protocol()).version == "2013.1"
    assert simulator.network.count(*TOKEN) == 2


async def test_a_token_that_the_gateway_forgot_is_renewed_once(
    dwi: AsyncSluis, simulator: GatewaySimulator
) -> None:
    await dwi.protocol()
    simulator.tokens.clear()

    await dwi.protocol()

    assert simulator.network.count(*TOKEN) == 2
    assert simulator.network.count("GET", "/v1/protocol") == 3


async def test_a_partner_whose_tokens_are_never_taken_is_told_so_at_once(
    dwi: AsyncSluis, simulator: GatewaySimulator
) -> None:
    simulator.token_seconds = -1

    with pytest.raises(NotAdmitted):
        await dwi.protocol()

    assert simulator.network.count("GET", "/v1/protocol") == 2


async def test_an_unknown_key_is_not_admitted(simulator: GatewaySimulator, tmp_path: Path) -> None:
    credentials = registered(simulator, tmp_path, "dwi")
    simulator.keys.clear()
    async with in_process(simulator, credentials) as client:
        with pytest.raises(NotAdmitted, match="invalid_client"):
            await client.protocol()

    assert simulator.network.count(*TOKEN) == 1
