"""Stage 1, authenticate: the partner behind a request, from its access token alone (RFC 6750).

The token is taken from the Authorization header and nowhere else. Whatever is wrong with it, the
answer is the same 401, which names no reason that a forger could learn from; the reason is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from http import HTTPStatus
from typing import Any

from fastapi.openapi.models import OAuthFlowClientCredentials, OAuthFlows
from fastapi.security import OAuth2
from starlette.requests import HTTPConnection

from gateway.api.problems import Problem
from gateway.identity.binding import presented
from gateway.identity.desk import TOKEN_PATH
from gateway.identity.errors import IdentityUnavailableError, InvalidTokenError
from gateway.identity.tokens import AccessTokens, Caller
from gateway.telemetry import Telemetry

RawHeaders = Iterable[tuple[bytes, bytes]]
_LONGEST = 4096


Authenticate = Callable[..., Coroutine[Any, Any, Caller]]
"""A FastAPI dependency that gives the caller, or raises `Problem` 401."""


class Callers:
    """Tells who calls: `caller_of` for plain ASGI, `authenticated` as FastAPI dependency."""

    def __init__(self, tokens: AccessTokens, telemetry: Telemetry) -> None:
        self._tokens = tokens
        self._telemetry = telemetry
        self.authenticated = _Authenticated(self.caller_of)

    def known(self, headers: RawHeaders) -> Caller | None:
        """The caller, or None where it cannot be told; counts nothing."""
        try:
            return self._verify(headers)
        except (Problem, InvalidTokenError, IdentityUnavailableError):
            return None

    def caller_of(self, headers: RawHeaders) -> Caller:
        """The caller, from lower-case raw headers. Raises `Problem` 401, or 503 for now."""
        try:
            return self._verify(headers)
        except InvalidTokenError as error:
            self._telemetry.count("tokens_refused", reason=error.reason.value)
            raise _bad_token() from None
        except IdentityUnavailableError:
            raise unavailable() from None

    def _verify(self, headers: RawHeaders) -> Caller:
        if self._tokens.binds:
            return self._tokens.verify(_token(headers), presented(headers))
        return self._tokens.verify(_token(headers))


class _Authenticated(OAuth2):
    """The dependency; being FastAPI's own kind, it puts the scheme in the OpenAPI description."""

    def __init__(self, caller_of: Callable[[RawHeaders], Caller]) -> None:
        flow = OAuthFlowClientCredentials(tokenUrl=TOKEN_PATH, scopes={})
        super().__init__(
            flows=OAuthFlows(clientCredentials=flow),
            scheme_name="sluis",
            description="OAuth 2.0 client credentials met private_key_jwt (RFC 7523).",
        )
        self._caller_of = caller_of

    async def __call__(self, request: HTTPConnection) -> Caller:  # type: ignore[override]  # the base gives a header, not who sent it
        return self._caller_of(request.scope["headers"])


def unavailable() -> Problem:
    """The answer while the partners cannot be known: the database is away."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Even niet beschikbaar",
        "De gateway kan nu niet nagaan wie u bent. Probeer het opnieuw.",
        headers={"Retry-After": "2"},
    )


# Made anew each time: an exception that is raised twice keeps the frames of both.
def _no_token() -> Problem:
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "Niet aangemeld",
        "Stuur een toegangstoken mee, verkregen bij /oauth/token: Authorization: Bearer.",
        headers={"WWW-Authenticate": 'Bearer realm="sluis"'},
    )


def _bad_token() -> Problem:
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "Token ongeldig",
        "Het toegangstoken is niet of niet meer geldig. Vraag een nieuw token bij /oauth/token.",
        headers={"WWW-Authenticate": 'Bearer realm="sluis", error="invalid_token"'},
    )


def _token(headers: RawHeaders) -> str:
    given = [value for name, value in headers if name == b"authorization"]
    if not given:
        raise _no_token()
    scheme, _, token = given[0].partition(b" ")
    # Two headers may be read one way here and the other way by a proxy before us.
    if len(given) > 1 or scheme.lower() != b"bearer" or len(token) > _LONGEST:
        raise _no_token()
    return token.strip().decode("latin-1")
