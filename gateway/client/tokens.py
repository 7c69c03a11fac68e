"""Access tokens: asked for with an assertion signed by the partner's key, kept until near expiry.

OAuth 2.0 client credentials with `private_key_jwt` (RFC 7523, RFC 6749 section 4.4). Every attempt
signs a new assertion: the gateway takes each `jti` once, so an assertion whose answer was lost is
spent.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from joserfc import jwt
from joserfc.errors import SecurityWarning
from pydantic import BaseModel

from gateway.client.credentials import Credentials

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 60
"""How long an assertion may be used; the gateway allows at most 300."""
RENEW_AT = 0.8
"""The part of a token's life after which it is renewed, so that none expires on its way."""


class TokenAnswer(BaseModel):
    """What the token endpoint grants."""

    access_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    renew_at: float


class TokenSource:
    """The one token in use. `ask` posts a form, made anew in each attempt, to the endpoint."""

    def __init__(
        self,
        credentials: Credentials,
        ask: Callable[[Callable[[], dict[str, str]]], Awaitable[TokenAnswer]],
        *,
        now: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credentials = credentials
        self._ask = ask
        self._now = now
        self._elapsed = elapsed
        self._token: _Token | None = None
        self._renewing = asyncio.Lock()

    async def token(self) -> str:
        """A token that is good for a while; one caller renews it, the others wait for that."""
        if (token := self._current()) is not None:
            return token
        async with self._renewing:
            if (token := self._current()) is not None:
                return token
            asked_at = self._elapsed()
            granted = await self._ask(self._form)
            self._token = _Token(granted.access_token, asked_at + RENEW_AT * granted.expires_in)
            return granted.access_token

    def forget(self, token: str) -> None:
        """Drop a token that the gateway no longer takes, unless it was replaced meanwhile."""
        if self._token is not None and self._token.text == token:
            self._token = None

    def _current(self) -> str | None:
        token = self._token
        return token.text if token is not None and self._elapsed() < token.renew_at else None

    def _form(self) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(),
        }

    def _assertion(self) -> str:
        mine = self._credentials
        issued = int(self._now())
        claims = {
            "iss": mine.partner,
            "sub": mine.partner,
            "aud": f"{mine.base_url}/oauth/token",
            "jti": secrets.token_urlsafe(24),
            "iat": issued,
            "exp": issued + ASSERTION_SECONDS,
        }
        header = {"alg": mine.algorithm, "kid": mine.key_id, "typ": "JWT"}
        with warnings.catch_warnings():
            # RFC 9864 renames EdDSA to Ed25519; the gateway's API has the older name.
            warnings.simplefilter("ignore", SecurityWarning)
            return jwt.encode(header, claims, mine.key, algorithms=[mine.algorithm])
