"""The log over HTTP (logboek): what anyone needs to check us, in the forms of C2SP tlog-tiles.

Only what a signed checkpoint states is served: tiles are stored with their checkpoint, and entries
beyond it are not there yet. A full tile or bundle never changes, and a partial one neither, since
its width stands in its name; both may be kept for ever, by the caller alone (`private`).

Entries hold no personal data, but do tell who sends what to whom and how often, so every route
but the one of the verifier keys asks for an authenticated caller. Entries themselves are for
supervisors; other partners have checkpoints, hashes and the proofs of their own receipts. The log
of protected exchanges is whole for a supervisor who may read it, and nothing for anybody else: its
size alone would tell of exchanges (invariant 14, ADR 0014).
"""

import base64
import binascii
from http import HTTPStatus
from typing import Annotated, NamedTuple

import asyncpg
from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.callers import Authenticate
from gateway.api.described import ALWAYS, JSON, gives, gives_bytes, refuses
from gateway.api.problems import Problem
from gateway.audit.merkle import HASH_SIZE
from gateway.audit.stored import held_bundle, held_tiles, prove_inclusion
from gateway.audit.tiles import Tile, TileError, parse_path
from gateway.identity.tokens import Caller
from gateway.store.groups import BESCHERMD, VERWERKINGEN
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
    protected: Annotated[str, Field(alias="beschermd", description="C2SP vkey")]


SUPERVISES_PROTECTED = "toezicht-beschermd"
SUPERVISORS = frozenset({"toezicht", SUPERVISES_PROTECTED})
"""Kinds of partner that read entries: of the processing log, and one of them of both."""


class Log(NamedTuple):
    """One log as it is served: its name in addresses, and the end of its operations' names."""

    number: int
    name: str
    suffix: str
    about: str


PROCESSING = Log(VERWERKINGEN, "verwerkingen", "", "")
PROTECTED = Log(
    BESCHERMD, "beschermd", "Beschermd", " Alleen voor wie toezicht houdt op beschermd verkeer."
)


def log_routes(
    pool: asyncpg.Pool, authenticate: Authenticate, vkey: str, protected_vkey: str
) -> APIRouter:
    """The routes under `/v1/logboek`."""
    router = APIRouter(tags=["logboek"])

    @router.get(
        "/logboek/sleutels",
        operation_id="leesLogboeksleutels",
        summary="De sleutel waarmee u het logboek controleert",
        description="Zonder token. Vraag de sleutel liever langs een andere weg.",
        response_class=Response,
        responses={
            **gives(200, "De sleutels.", LogKeys, _EXAMPLE_KEYS),
            **refuses(HTTPStatus.INTERNAL_SERVER_ERROR),
        },
    )
    async def keys() -> Response:
        return _told(LogKeys(processing=vkey, protected=protected_vkey))

    for log in (PROCESSING, PROTECTED):
        _add_checkpoint(router, pool, authenticate, log)
        _add_tiles(router, pool, authenticate, log)
        _add_proof(router, pool, authenticate, log)
    return router


def _add_checkpoint(
    router: APIRouter, pool: asyncpg.Pool, authenticate: Authenticate, log: Log
) -> None:
    @router.get(
        f"/logboek/{log.name}/checkpoint",
        operation_id=f"leesControlepunt{log.suffix}",
        summary="Het nieuwste ondertekende controlepunt",
        description="Een ondertekende notitie met de omvang en de wortel van het logboek."
        + log.about,
        response_class=Response,
        responses={
            **gives_bytes("C2SP tlog-checkpoint.", "text/plain"),
            **refuses(*ALWAYS, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
        },
    )
    async def checkpoint(caller: Annotated[Caller, Depends(authenticate)]) -> Response:
        _admit(caller, log)
        async with pool.acquire() as connection:
            newest = await newest_checkpoint(connection, log.number)
        if newest is None:
            raise _absent("Nog geen controlepunt", "Het eerste controlepunt wordt nog gemaakt.")
        return Response(newest.note, headers=_ASK_AGAIN, media_type="text/plain")


def _add_tiles(router: APIRouter, pool: asyncpg.Pool, authenticate: Authenticate, log: Log) -> None:
    @router.get(
        f"/logboek/{log.name}/tile/{{plaats:path}}",
        operation_id=f"leesTegel{log.suffix}",
        summary="Een tegel met hashes, of met `entries/` een bundel logregels",
        description="Naar C2SP tlog-tiles. Wat een controlepunt noemt, verandert nooit meer. "
        "Logregels zijn alleen voor wie toezicht houdt." + log.about,
        response_class=Response,
        responses={
            **gives_bytes("De tegel of de bundel.", OCTETS, is_binary=True),
            # What is no place in the log is no place at all: 404. The rules ask for 400 too.
            **refuses(*ALWAYS, HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
        },
    )
    async def tile(
        plaats: Annotated[str, Path(description="`<niveau>/<nummer>[.p/<breedte>]`, naar C2SP")],
        caller: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
        _admit(caller, log)
        try:
            piece = parse_path(f"tile/{plaats}")
        except TileError:
            raise _no_tile() from None  # its message is about a path that came in
        if not isinstance(piece, Tile) and caller.kind not in SUPERVISORS:
            raise _for_supervisors()
        async with pool.acquire() as connection:
            if isinstance(piece, Tile):
                found = (await held_tiles(connection, log.number, [piece])).get(piece)
            else:
                found = await held_bundle(connection, log.number, piece)
        if found is None:
            raise _no_tile()
        return Response(found, headers=_KEEP, media_type=OCTETS)


def _add_proof(router: APIRouter, pool: asyncpg.Pool, authenticate: Authenticate, log: Log) -> None:
    @router.get(
        f"/logboek/{log.name}/bewijs",
        operation_id=f"leesOpnamebewijs{log.suffix}",
        summary="Het bewijs dat een logregel in het nieuwste controlepunt staat",
        description="De weg van de bladhash van uw ontvangstbewijs naar een ondertekende wortel."
        + log.about,
        response_class=Response,
        responses={
            **gives(200, "Het bewijs.", InclusionProof, _EXAMPLE_PROOF),
            **refuses(*ALWAYS, HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND),
        },
    )
    async def proof(
        bladhash: Annotated[
            str, Query(max_length=64, description="base64url, 43 tekens, uit de ontvangst")
        ],
        caller: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
        _admit(caller, log)
        leaf_hash = _leaf_hash(bladhash)
        async with pool.acquire() as connection:
            proven = await prove_inclusion(connection, log.number, leaf_hash)
        if proven is None:
            raise _absent(
                "Nog niet in een controlepunt",
                "Geen controlepunt omvat deze logregel. Een nieuwe komt er binnen een seconde in.",
            )
        return _told(
            InclusionProof(
                index=proven.index,
                size=proven.size,
                path=[base64.b64encode(step).decode("ascii") for step in proven.path],
                checkpoint=proven.note,
            )
        )


_EXAMPLE_VKEY = (
    "sluis/00000099000000001000/verwerkingen+1b2c3d4e+AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
)
_EXAMPLE_KEYS = {
    "verwerkingen": _EXAMPLE_VKEY,
    "beschermd": _EXAMPLE_VKEY.replace("verwerkingen", "beschermd"),
}
_EXAMPLE_PROOF = {
    "index": 17,
    "omvang": 18,
    "pad": ["KgqQfxyHU4hYLvXEyTdS0h1XqHkU/2eRGDdsUzVMkfE="],
    "controlepunt": (
        "sluis/00000099000000001000/verwerkingen\n18\n"
        "KgqQfxyHU4hYLvXEyTdS0h1XqHkU/2eRGDdsUzVMkfE=\n\n"
        "\u2014 sluis/00000099000000001000/verwerkingen GywtPkF...\n"
    ),
}


def _told(model: BaseModel) -> Response:
    body = model.model_dump_json(by_alias=True)
    return Response(body, headers=_ASK_AGAIN, media_type=JSON)


def _admit(caller: Caller, log: Log) -> None:
    """Raises `Problem` 403 before anything is looked up: what is there must make no difference."""
    if log.number == BESCHERMD and caller.kind != SUPERVISES_PROTECTED:
        raise _for_supervisors()


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


def _for_supervisors() -> Problem:
    detail = "Dit deel van het logboek is alleen voor wie er toezicht op houdt."
    return Problem(HTTPStatus.FORBIDDEN, "Alleen voor toezicht", detail, headers=_ASK_AGAIN)


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
