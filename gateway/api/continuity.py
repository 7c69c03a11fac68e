"""The log over HTTP, as it stands to what it was: what a partner that remembers asks for.

- `samenhang`: that the log of one size begins with the log of a smaller one (RFC 6962).
- `voorganger`: the entry by which a volume names the one before it, with its proof.
- `getuigd-controlepunt`: the newest checkpoint that enough witnesses cosigned.

For every partner, of the logs that every partner may know of; the others are for who supervises
them (ADR 0014). Nothing here holds anything of anybody.
"""

import base64
from http import HTTPStatus
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.callers import Authenticate
from gateway.api.described import JSON, gives, gives_bytes, refuses
from gateway.api.logbook import LOGS, OF_A_LOG, UNNAMED, Log, admit
from gateway.api.problems import Problem
from gateway.audit.merkle import MAX_SIZE
from gateway.audit.stored import prove_consistency, prove_inclusion
from gateway.identity.tokens import Caller
from gateway.store.groups import Connection
from gateway.store.log import open_volume, volumes_of
from gateway.store.openings import naming_leaf
from gateway.store.witnesses import newest_witnessed, quorum

_ASK_AGAIN = {"Cache-Control": "no-store"}
_KEEP = {"Cache-Control": "private, max-age=31536000, immutable"}

Named = Annotated[
    str | None,
    Query(max_length=32, description="De naam van het deel, uit `delen`; anders het open deel."),
]
Older = Annotated[
    int, Query(ge=1, le=MAX_SIZE, description="De omvang van het oudere controlepunt.")
]
Newer = Annotated[
    int, Query(ge=1, le=MAX_SIZE, description="De omvang van het nieuwere controlepunt.")
]


class ConsistencyProof(BaseModel):
    """That a log begins with what it was (RFC 6962)."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    older: Annotated[int, Field(alias="van", ge=1)]
    newer: Annotated[int, Field(alias="tot", ge=1)]
    path: Annotated[list[str], Field(alias="pad")]


class OpeningProof(BaseModel):
    """The entry that names the volume before, and that it stands in this one."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    entry: Annotated[str, Field(alias="regel")]
    index: int
    size: Annotated[int, Field(alias="omvang")]
    path: Annotated[list[str], Field(alias="pad")]
    checkpoint: Annotated[str, Field(alias="controlepunt")]


def continuity_routes(pool: asyncpg.Pool, authenticate: Authenticate) -> APIRouter:
    """The routes, for each series of logs."""
    router = APIRouter(tags=["logboek"])
    for log in LOGS:
        _add_consistency(router, pool, authenticate, log)
        _add_opening(router, pool, authenticate, log)
        _add_witnessed(router, pool, authenticate, log)
    return router


def _add_consistency(
    router: APIRouter, pool: asyncpg.Pool, authenticate: Authenticate, log: Log
) -> None:
    @router.get(
        f"/logboek/{log.name}/samenhang",
        operation_id=f"leesSamenhang{log.suffix}",
        summary="Het bewijs dat het logboek alleen gegroeid is",
        description="De weg van de wortel bij omvang `van` naar die bij omvang `tot`, die een "
        "controlepunt al noemde." + log.about,
        response_class=Response,
        responses={
            **gives(200, "Het bewijs.", ConsistencyProof, _EXAMPLE_CONSISTENCY),
            **refuses(*OF_A_LOG),
        },
    )
    async def consistency(
        van: Older,
        tot: Newer,
        caller: Annotated[Caller, Depends(authenticate)],
        deel: Named = None,
    ) -> Response:
        admit(caller, log)
        if van > tot:
            raise _wrong_sizes()
        async with pool.acquire() as connection:
            number = await _number_of(connection, log, deel)
            proof = await prove_consistency(connection, number, van, tot)
        if proof is None:
            raise _not_stated()
        told = ConsistencyProof(older=van, newer=tot, path=[_text(step) for step in proof])
        return Response(told.model_dump_json(by_alias=True), headers=_KEEP, media_type=JSON)


def _add_opening(
    router: APIRouter, pool: asyncpg.Pool, authenticate: Authenticate, log: Log
) -> None:
    @router.get(
        f"/logboek/{log.name}/voorganger",
        operation_id=f"leesVoorganger{log.suffix}",
        summary="De logregel waarmee een deel het vorige noemt",
        description="Met het bewijs dat zij in dit deel staat: zo leidt het nieuwste controlepunt "
        "terug tot het eerste." + log.about,
        response_class=Response,
        responses={
            **gives(200, "De logregel met zijn bewijs.", OpeningProof, _EXAMPLE_OPENING),
            **refuses(*OF_A_LOG),
        },
    )
    async def opening(
        caller: Annotated[Caller, Depends(authenticate)], deel: Named = None
    ) -> Response:
        admit(caller, log)
        async with pool.acquire() as connection:
            number = await _number_of(connection, log, deel)
            leaf = await naming_leaf(connection, number)
            proven = leaf and await prove_inclusion(connection, log.series, leaf.hash)
        if leaf is None or proven is None:
            raise _not_named()
        told = OpeningProof(
            entry=_text(leaf.entry),
            index=proven.index,
            size=proven.size,
            path=[_text(step) for step in proven.path],
            checkpoint=proven.note,
        )
        return Response(told.model_dump_json(by_alias=True), headers=_ASK_AGAIN, media_type=JSON)


def _add_witnessed(
    router: APIRouter, pool: asyncpg.Pool, authenticate: Authenticate, log: Log
) -> None:
    @router.get(
        f"/logboek/{log.name}/getuigd-controlepunt",
        operation_id=f"leesGetuigdControlepunt{log.suffix}",
        summary="Het nieuwste controlepunt dat genoeg getuigen medeondertekenden",
        description="Met de regels van de getuigen (C2SP tlog-cosignature). Het nieuwste "
        "controlepunt zelf kan seconden jonger zijn." + log.about,
        response_class=Response,
        responses={
            **gives_bytes("C2SP tlog-checkpoint.", "text/plain"),
            **refuses(*OF_A_LOG),
        },
    )
    async def witnessed(
        caller: Annotated[Caller, Depends(authenticate)], deel: Named = None
    ) -> Response:
        admit(caller, log)
        async with pool.acquire() as connection:
            number = await _number_of(connection, log, deel)
            note = await newest_witnessed(connection, number, await quorum(connection))
        if note is None:
            raise _not_witnessed()
        return Response(note, headers=_ASK_AGAIN, media_type="text/plain")


async def _number_of(connection: Connection, log: Log, name: str | None) -> int:
    """The volume's number. Raises `Problem` 404."""
    if name is None:
        return (await open_volume(connection, log.series)).log
    for volume in await volumes_of(connection, log.series):
        if name in (volume.name, volume.name or UNNAMED):
            return volume.log
    raise Problem(
        HTTPStatus.NOT_FOUND,
        "Deel onbekend",
        "Het logboek heeft geen deel met deze naam.",
        headers=_ASK_AGAIN,
    )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


# Made anew each time: an exception that is raised twice keeps the frames of both, and their values.


def _wrong_sizes() -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "Omvang ongeldig",
        "`van` is groter dan `tot`.",
        fouten=[{"veld": "van", "regel": "hoogstens-tot"}],
    )


def _not_stated() -> Problem:
    return Problem(
        HTTPStatus.NOT_FOUND,
        "Omvang nog niet ondertekend",
        "Geen controlepunt van dit deel noemt zo veel logregels.",
        headers=_ASK_AGAIN,
    )


def _not_named() -> Problem:
    return Problem(
        HTTPStatus.NOT_FOUND,
        "Geen voorganger genoemd",
        "Dit deel is het eerste, of het vorige is nog niet tot het eind ondertekend.",
        headers=_ASK_AGAIN,
    )


def _not_witnessed() -> Problem:
    return Problem(
        HTTPStatus.NOT_FOUND,
        "Geen getuigd controlepunt",
        "Geen controlepunt van dit deel heeft genoeg medeondertekeningen van getuigen.",
        headers=_ASK_AGAIN,
    )


_STEP = "KgqQfxyHU4hYLvXEyTdS0h1XqHkU/2eRGDdsUzVMkfE="
_EXAMPLE_CONSISTENCY = {"van": 17, "tot": 18, "pad": [_STEP]}
_EXAMPLE_OPENING = {
    "regel": "eyJldmVudCI6InZvb3JnYW5nZXIifQ==",
    "index": 0,
    "omvang": 2,
    "pad": [_STEP],
    "controlepunt": (
        f"sluis/00000099000000001000/verwerkingen/2027\n2\n{_STEP}\n\n"
        "\u2014 sluis/00000099000000001000/verwerkingen/2027 GywtPkF...\n"
    ),
}
