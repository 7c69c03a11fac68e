"""The log over HTTP (logboek): what anyone needs to check us, in the forms of C2SP tlog-tiles.

Only what a signed checkpoint states is served: tiles are stored with their checkpoint, and entries
beyond it are not there yet. A full tile or bundle never changes, and a partial one neither, since
its width stands in its name; both may be kept for ever, by the caller alone (`private`).

Each series (processing, access, and of both the one for protected exchanges) has its open volume
under its own name, and every volume by name under `delen/`: a prefix as C2SP clients take it.

Entries hold no personal data, but do tell who sends what to whom and how often, so every route
but the one of the verifier keys asks for an authenticated caller. Entries themselves are for
supervisors; other partners have checkpoints, hashes and the proofs of their own receipts. The logs
of protected exchanges are whole for a supervisor who may read them, and nothing for anybody else:
their size alone would tell of exchanges (invariant 14, ADR 0014).
"""

import base64
import binascii
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, NamedTuple

import asyncpg
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.callers import Authenticate
from gateway.api.described import ALWAYS, JSON, gives, gives_bytes, refuses
from gateway.api.problems import Problem
from gateway.audit.merkle import HASH_SIZE
from gateway.audit.series import NAMES, OPEN_TO_ALL, Logbooks
from gateway.audit.stored import held_bundle, held_tiles, prove_inclusion
from gateway.audit.tiles import Tile, TileError, parse_path
from gateway.identity.tokens import Caller
from gateway.store.groups import (
    BESCHERMD,
    TOEGANG,
    TOEGANG_BESCHERMD,
    VERWERKINGEN,
    Connection,
)
from gateway.store.log import newest_checkpoint, open_volume, volumes_of
from gateway.store.witnesses import cosignature_lines

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
    """The verifier key of each series' open volume, for whoever has no better source for it."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    processing: Annotated[str, Field(alias="verwerkingen", description="C2SP vkey")]
    protected: Annotated[str, Field(alias="beschermd", description="C2SP vkey")]
    access: Annotated[str, Field(alias="toegang", description="C2SP vkey")]
    protected_access: Annotated[str, Field(alias="toegangBeschermd", description="C2SP vkey")]


class VolumeTold(BaseModel):
    """One volume of a series: a year, or what was begun after a recovery."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: Annotated[str, Field(alias="naam")]
    origin: Annotated[
        str, Field(alias="oorsprong", description="de eerste regel van controlepunten")
    ]
    vkey: Annotated[str, Field(alias="sleutel", description="C2SP vkey")]
    size: Annotated[int, Field(alias="omvang", ge=0)]
    opened_at: Annotated[datetime, Field(alias="geopendOp")]
    closed_at: Annotated[datetime | None, Field(alias="geslotenOp")] = None


class Volumes(BaseModel):
    """The volumes of a series, oldest first."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    volumes: Annotated[list[VolumeTold], Field(alias="delen")]


SUPERVISES_PROTECTED = "toezicht-beschermd"
SUPERVISORS = frozenset({"toezicht", SUPERVISES_PROTECTED})
"""Kinds of partner that read entries: of the processing log, and one of them of both."""


class Log(NamedTuple):
    """One series as it is served: its name in addresses, and the end of its operations' names."""

    series: int
    suffix: str
    about: str = ""

    @property
    def name(self) -> str:
        """The series' name in addresses."""
        return NAMES[self.series]


UNNAMED = "eerste"
"""What a volume is called here that was begun before volumes had names."""
_APART = " Alleen voor wie toezicht houdt op beschermd verkeer."
LOGS = (
    Log(VERWERKINGEN, ""),
    Log(TOEGANG, "Toegang"),
    Log(BESCHERMD, "Beschermd", _APART),
    Log(TOEGANG_BESCHERMD, "ToegangBeschermd", _APART),
)
OF_A_LOG = (*ALWAYS, HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
"""What asking for a place in a log can be answered with besides."""


def log_routes(pool: asyncpg.Pool, authenticate: Authenticate, logbooks: Logbooks) -> APIRouter:
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
        async with pool.acquire() as connection:
            names = [(await open_volume(connection, log.series)).name for log in LOGS]
        vkeys = [logbooks.vkey(log.series, name) for log, name in zip(LOGS, names, strict=True)]
        processing, access, protected, protected_access = vkeys
        return _told(
            LogKeys(
                processing=processing,
                protected=protected,
                access=access,
                protected_access=protected_access,
            )
        )

    for log in LOGS:
        _add_volumes(router, pool, authenticate, logbooks, log)
        for in_volume in (False, True):
            _add_checkpoint(router, pool, authenticate, log, in_volume=in_volume)
            _add_tiles(router, pool, authenticate, log, in_volume=in_volume)
        _add_proof(router, pool, authenticate, log)
    return router


def _add_volumes(
    router: APIRouter,
    pool: asyncpg.Pool,
    authenticate: Authenticate,
    logbooks: Logbooks,
    log: Log,
) -> None:
    @router.get(
        f"/logboek/{log.name}/delen",
        operation_id=f"lijstLogboekdelen{log.suffix}",
        summary="De delen van het logboek, van oud naar nieuw",
        description="Elk jaar begint een nieuw deel, en na een terugzetting ook. Elk deel is een "
        "eigen C2SP-logboek; de eerste regels van een deel noemen het vorige." + log.about,
        response_class=Response,
        responses={
            **gives(200, "De delen.", Volumes, _EXAMPLE_VOLUMES),
            **refuses(*ALWAYS, HTTPStatus.FORBIDDEN),
        },
    )
    async def volumes(caller: Annotated[Caller, Depends(authenticate)]) -> Response:
        admit(caller, log)
        async with pool.acquire() as connection:
            found = await volumes_of(connection, log.series)
        told = [
            VolumeTold(
                name=one.name or UNNAMED,
                origin=logbooks.origin(log.series, one.name),
                vkey=logbooks.vkey(log.series, one.name),
                size=one.size,
                opened_at=one.opened_at,
                closed_at=one.closed_at,
            )
            for one in found
        ]
        return _told(Volumes(volumes=told))


class _Place(NamedTuple):
    """Where a route of one series stands, the end of its operation's name, and what is in both."""

    path: str
    suffix: str
    described: dict[str, object]


_NAMED_VOLUME = {
    "name": "deel",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "maxLength": 32},
    "description": "De naam van het deel, uit `delen`.",
}


def _place(log: Log, *, in_volume: bool) -> _Place:
    if in_volume:
        path = f"/logboek/{log.name}/delen/{{deel}}"
        return _Place(path, f"VanDeel{log.suffix}", {"parameters": [_NAMED_VOLUME]})
    return _Place(f"/logboek/{log.name}", log.suffix, {})


async def _number_of(connection: Connection, log: Log, name: str | None) -> int:
    """The volume's number: the open one, or the one of this name. Raises `Problem` 404."""
    if name is None:
        return (await open_volume(connection, log.series)).log
    for volume in await volumes_of(connection, log.series):
        if (volume.name or UNNAMED) == name:
            return volume.log
    raise _absent("Deel onbekend", "Het logboek heeft geen deel met deze naam.")


def _volume_name(request: Request) -> str | None:
    name = request.path_params.get("deel")
    return None if name is None else str(name)


def _add_checkpoint(
    router: APIRouter,
    pool: asyncpg.Pool,
    authenticate: Authenticate,
    log: Log,
    *,
    in_volume: bool,
) -> None:
    place = _place(log, in_volume=in_volume)

    @router.get(
        f"{place.path}/checkpoint",
        operation_id=f"leesControlepunt{place.suffix}",
        openapi_extra=place.described,
        summary="Het nieuwste ondertekende controlepunt",
        description="Een ondertekende notitie met de omvang en de wortel van het logboek, en de "
        "medeondertekeningen van getuigen die er al zijn." + log.about,
        response_class=Response,
        responses={
            **gives_bytes("C2SP tlog-checkpoint.", "text/plain"),
            **refuses(*OF_A_LOG),
        },
    )
    async def checkpoint(
        request: Request, caller: Annotated[Caller, Depends(authenticate)]
    ) -> Response:
        admit(caller, log)
        async with pool.acquire() as connection:
            number = await _number_of(connection, log, _volume_name(request))
            newest = await newest_checkpoint(connection, number)
            if newest is None:
                raise _absent("Nog geen controlepunt", "Het eerste controlepunt wordt nog gemaakt.")
            lines = await cosignature_lines(connection, number, newest.size)
        note = newest.note + "".join(lines)
        return Response(note, headers=_ASK_AGAIN, media_type="text/plain")


def _add_tiles(
    router: APIRouter,
    pool: asyncpg.Pool,
    authenticate: Authenticate,
    log: Log,
    *,
    in_volume: bool,
) -> None:
    place = _place(log, in_volume=in_volume)

    @router.get(
        f"{place.path}/tile/{{plaats:path}}",
        operation_id=f"leesTegel{place.suffix}",
        openapi_extra=place.described,
        summary="Een tegel met hashes, of met `entries/` een bundel logregels",
        description="Naar C2SP tlog-tiles. Wat een controlepunt noemt, verandert nooit meer. "
        "Logregels zijn alleen voor wie toezicht houdt." + log.about,
        response_class=Response,
        responses={
            **gives_bytes("De tegel of de bundel.", OCTETS, is_binary=True),
            # What is no place in the log is no place at all: 404. The rules ask for 400 too.
            **refuses(*OF_A_LOG),
        },
    )
    async def tile(
        request: Request,
        plaats: Annotated[str, Path(description="`<niveau>/<nummer>[.p/<breedte>]`, naar C2SP")],
        caller: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
        admit(caller, log)
        try:
            piece = parse_path(f"tile/{plaats}")
        except TileError:
            raise _no_tile() from None  # its message is about a path that came in
        if not isinstance(piece, Tile) and caller.kind not in SUPERVISORS:
            raise _for_supervisors()
        async with pool.acquire() as connection:
            number = await _number_of(connection, log, _volume_name(request))
            if isinstance(piece, Tile):
                found = (await held_tiles(connection, number, [piece])).get(piece)
            else:
                found = await held_bundle(connection, number, piece)
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
            **refuses(*OF_A_LOG),
        },
    )
    async def proof(
        bladhash: Annotated[
            str, Query(max_length=64, description="base64url, 43 tekens, uit de ontvangst")
        ],
        caller: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
        admit(caller, log)
        leaf_hash = _leaf_hash(bladhash)
        async with pool.acquire() as connection:
            proven = await prove_inclusion(connection, log.series, leaf_hash)
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
    "sluis/00000099000000001000/verwerkingen/2026"
    "+1b2c3d4e+AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
)
_EXAMPLE_KEYS = {
    "verwerkingen": _EXAMPLE_VKEY,
    "beschermd": _EXAMPLE_VKEY.replace("verwerkingen", "beschermd"),
    "toegang": _EXAMPLE_VKEY.replace("verwerkingen", "toegang"),
    "toegangBeschermd": _EXAMPLE_VKEY.replace("verwerkingen", "toegang-beschermd"),
}
_EXAMPLE_VOLUMES = {
    "delen": [
        {
            "naam": "2026",
            "oorsprong": "sluis/00000099000000001000/verwerkingen/2026",
            "sleutel": _EXAMPLE_VKEY,
            "omvang": 18,
            "geopendOp": "2026-01-12T09:30:00Z",
            "geslotenOp": None,
        }
    ]
}
_EXAMPLE_PROOF = {
    "index": 17,
    "omvang": 18,
    "pad": ["KgqQfxyHU4hYLvXEyTdS0h1XqHkU/2eRGDdsUzVMkfE="],
    "controlepunt": (
        "sluis/00000099000000001000/verwerkingen/2026\n18\n"
        "KgqQfxyHU4hYLvXEyTdS0h1XqHkU/2eRGDdsUzVMkfE=\n\n"
        "\u2014 sluis/00000099000000001000/verwerkingen/2026 GywtPkF...\n"
    ),
}


def _told(model: BaseModel) -> Response:
    body = model.model_dump_json(by_alias=True)
    return Response(body, headers=_ASK_AGAIN, media_type=JSON)


def admit(caller: Caller, log: Log) -> None:
    """Raises `Problem` 403 before anything is looked up: what is there must make no difference."""
    if log.series not in OPEN_TO_ALL and caller.kind != SUPERVISES_PROTECTED:
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
