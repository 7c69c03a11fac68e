"""`POST /oauth/token` and what a client can find out about it by itself (RFC 6749, 8414, 7517).

The form is read here: bounded, each parameter once, and from the body alone; an assertion in a URL
would stand in every log on its way. Errors are those of RFC 6749, 5.2, not problem details; no
answer may be stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import parse_qsl

import orjson
from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway.api.callers import unavailable
from gateway.api.visits import TOKEN_HOLDER, actor_of
from gateway.audit.access import Actor, ActorKind
from gateway.identity.binding import presented
from gateway.identity.desk import JWKS_PATH, METADATA_PATH, TOKEN_PATH, TokenDesk
from gateway.identity.errors import (
    IdentityUnavailableError,
    InvalidClientError,
    InvalidRequestError,
    OAuthError,
)
from gateway.identity.tokens import AccessTokens

MAX_FORM = 64 * 1024
_MAX_PARAMETERS = 32
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_NOT_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def token_routes(
    desk: TokenDesk, tokens: AccessTokens, more_keys: Sequence[dict[str, str]] = ()
) -> APIRouter:
    """The routes, at the root: they are not part of the API's version.

    `more_keys` are shown beside those of tokens: public keys by which others verify the gateway.
    """
    keys_shown = {"keys": [*tokens.jwks()["keys"], *more_keys]}
    router = APIRouter(tags=["toegang"], include_in_schema=False)

    @router.post(TOKEN_PATH)
    async def token(request: Request) -> Response:
        try:
            shown = presented(request.scope["headers"]) if tokens.binds else None
            granted = await desk.grant(await _form(request), shown)
        except OAuthError as error:
            if isinstance(error, InvalidClientError) and error.partner is not None:
                request.scope[TOKEN_HOLDER] = Actor(ActorKind.PARTNER, error.partner)
            return _refusal(error, request)
        except IdentityUnavailableError:
            raise unavailable() from None
        request.scope[TOKEN_HOLDER] = actor_of(granted.caller)
        body = {
            "access_token": granted.access_token,
            "token_type": "Bearer",
            "expires_in": granted.expires_in,
        }
        return Response(orjson.dumps(body), headers=_NOT_STORED, media_type=_JSON)

    @router.get(METADATA_PATH)
    async def metadata() -> Response:
        return Response(orjson.dumps(desk.metadata), media_type=_JSON)

    @router.get(JWKS_PATH)
    async def keys() -> Response:
        return Response(orjson.dumps(keys_shown), media_type=_JSON)

    return router


async def _form(request: Request) -> dict[str, str]:
    """The parameters of the body; those without a value count as absent (RFC 6749, 3.2)."""
    if request.url.query:
        raise InvalidRequestError("parameters belong in the body, never in the address")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        raise InvalidRequestError(f"Content-Type must be {_FORM}")
    body = await _bounded(request)
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError:
        # Not `from`: the parser's message quotes the body.
        raise InvalidRequestError("the form is not readable") from None
    if len({name for name, _ in pairs}) != len(pairs):
        raise InvalidRequestError("each parameter may be given once")
    return {name: value for name, value in pairs if value}


async def _bounded(request: Request) -> bytes:
    pieces, size = [], 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > MAX_FORM:
                raise InvalidRequestError("the form is too large")
            pieces.append(piece)
    except ClientDisconnect:
        # Nobody is left to answer; nothing was spent.
        raise InvalidRequestError("the form broke off") from None
    return b"".join(pieces)


def _refusal(error: OAuthError, request: Request) -> Response:
    status, headers = HTTPStatus.BAD_REQUEST, dict(_NOT_STORED)
    if isinstance(error, InvalidClientError):
        status = HTTPStatus.UNAUTHORIZED
        # RFC 6749, 5.2: the challenge is of the scheme that the client tried, if it tried one.
        is_basic = request.headers.get("authorization", "")[:6].lower() == "basic "
        scheme = "Basic" if is_basic else "Bearer"
        headers["WWW-Authenticate"] = f'{scheme} realm="sluis", error="{error.code}"'
    body = {"error": error.code, "error_description": error.description}
    return Response(orjson.dumps(body), status, headers, media_type=_JSON)
