"""The log over HTTP (logboek): what anyone needs to check us, in the forms of C2SP tlog-tiles.

Only what a signed checkpoint states is served: tiles are stored with their checkpoint, and entries
beyond it are not there yet. A full tile or bundle never changes, and a partial one neither, since
its width stands in its name; both may be kept for ever, by the caller alone (`private`).

Entries hold no personal data, but do tell who sends what to whom and how often, so every route
but the one of the verifier key asks for an authenticated caller.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.problems import Problem
from gateway.audit.merkle import HASH_SIZE
from gateway.audit.stored import held_bundle, held_tiles, prove_inclusion
from gateway.audit.tiles import Tile, TileError, parse_path
from gateway.store.groups import VERWERKINGEN
from gateway.store.log import newest_checkpoint

OCTETS = "application/octet-stream"
_KEEP = {"Cache-Control": "private, max-age=31536000, immutable"}
_ASK_AGAIN = {"Cache-Control": "no-store"}


class InclusionProof(BaseModel):
    """An entry's way to the root of a signed checkpoint (RFC 6962)."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    index: int
    size: Annotated[int, Field(alias="omvang")]
    path: Annotated[list[str], Field(alias="pad", description="base64, 32 bytes elk")]
    checkpoint: Annotated[str, Field(alias="controlepunt", description="C2SP tlog-checkpoint")]


class LogKeys(BaseModel):
    """The verifier key of each log, for whoever has no better source for it."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    processing: Annotated[str, Field(alias="verwerkingen", description="C2SP vkey")]


def log_routes(pool: asyncpg.Pool, authenticate: Callable[..., object], vkey: str) -> APIRouter:
    """The routes under `/v1/logboek`."""
    router = APIRouter(tags=["logboek"])
    known = [Depends(authenticate)]

    @router.get("/logboek/sleutels", summary="De sleutel waarmee u het logboek controleert")
    async def keys() -> LogKeys:
        return LogKeys(processing=vkey)

    @router.get(
        "/logboek/verwerkingen/checkpoint",
        summary="Het nieuwste ondertekende controlepunt",
        dependencies=known,
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}},
    )
    async def checkpoint() -> Response:
        async with pool.acquire() as connection:
            newest = await newest_checkpoint(connection, VERWERKINGEN)
        if newest is None:
            raise _absent("Nog geen controlepunt", "Het eerste controlepunt wordt nog gemaakt.")
        return Response(newest.note, headers=_ASK_AGAIN, media_type="text/plain")

    @router.get(
        "/logboek/verwerkingen/tile/{plaats:path}",
        summary="Een tegel met hashes, of met `entries/` een bundel logregels",
        dependencies=known,
        response_class=Response,
        responses={200: {"content": {OCTETS: {}}}},
    )
    async def tile(
        plaats: Annotated[str, Path(description="`<niveau>/<nummer>[.p/<breedte>]`, naar C2SP")],
    ) -> Response:
        try:
            piece = parse_path(f"tile/{plaats}")
        except TileError:
            raise _no_tile() from None  # its message is about a path that came in
        async with pool.acquire() as connection:
            if isinstance(piece, Tile):
                found = (await held_tiles(connection, VERWERKINGEN, [piece])).get(piece)
            else:
                found = await held_bundle(connection, VERWERKINGEN, piece)
        if found is None:
            raise _no_tile()
        return Response(found, headers=_KEEP, media_type=OCTETS)

    @router.get(
        "/logboek/verwerkingen/bewijs",
        summary="Het bewijs dat een logregel in het nieuwste controlepunt staat",
        dependencies=known,
    )
    async def proof(
        response: Response,
        bladhash: Annotated[str, Query(max_length=64, description="base64url, uit de ontvangst")],
    ) -> InclusionProof:
        leaf_hash = _leaf_hash(bladhash)
        async with pool.acquire() as connection:
            proven = await prove_inclusion(connection, VERWERKINGEN, leaf_hash)
        if proven is None:
            raise _absent(
                "Nog niet in een controlepunt",
                "Geen controlepunt omvat deze logregel. Een nieuwe komt er binnen een seconde in.",
            )
        response.headers.update(_ASK_AGAIN)
        return InclusionProof(
            index=proven.index,
            size=proven.size,
            path=[base64.b64encode(step).decode("ascii") for step in proven.path],
            checkpoint=proven.note,
        )

    return router


def _leaf_hash(named: str) -> bytes:
    try:
        decoded = base64.b64decode(f"{named}=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _wrong_hash() from None
    # One spelling a hash: the spare bits of the last character are zero.
    if len(decoded) != HASH_SIZE or base64.urlsafe_b64encode(decoded).decode() != f"{named}=":
        raise _wrong_hash()
    return decoded


# Made anew each time: an exception that is raised twice keeps the frames of both, and their values.


def _absent(title: str, detail: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, title, detail, headers=_ASK_AGAIN)


def _no_tile() -> Problem:
    detail = "Deze tegel of bundel hoort niet bij het nieuwste controlepunt."
    return _absent("Tegel onbekend", detail)


def _wrong_hash() -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "Bladhash ongeldig",
        "Een bladhash is een SHA-256-waarde in base64url: 43 tekens, zonder opvulling.",
        fouten=[{"veld": "bladhash", "regel": "base64url-sha256"}],
    )
