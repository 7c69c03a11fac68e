"""Deliveries over HTTP: a file in, its progress and each record's outcome out."""

import base64
import binascii
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from adapters.port import Adapter
from gateway.api.callers import Authenticate
from gateway.api.described import (
    ALWAYS,
    BODY,
    SOME_DELIVERY,
    SOME_EXCHANGE,
    gives,
    refuses,
)
from gateway.api.own_format import media_type_of
from gateway.api.problems import Problem, too_large
from gateway.exchange.arrivals import Sender
from gateway.exchange.deliveries import (
    Deliveries,
    DeliveryTooLargeError,
    DigestMismatchError,
    answer_of,
    outcomes_of,
    report_of,
)
from gateway.identity.tokens import Caller
from gateway.store import deliveries as store
from gateway.store.deliveries import StoredDelivery
from gateway.vault.boxes import Vault
from schemas.deliveries import DeliveryReport, RecordOutcome

MAX_OUTCOMES = 1000
JSON = "application/json"
XML = "application/xml"
MAX_RECORD = 2**63 - 1
"""The largest record number that the database can compare with."""


class OutcomePage(BaseModel):
    """Outcomes in a row."""

    model_config = ConfigDict(extra="forbid")

    outcomes: list[RecordOutcome] = Field(alias="uitkomsten")
    has_more: bool = Field(alias="meer")


def _not_found() -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "Levering onbekend", "U heeft geen levering met dit id.")


def delivery_routes(
    pool: asyncpg.Pool,
    deliveries: Deliveries,
    adapters: Mapping[str, Adapter],
    vault: Vault,
    authenticate: Authenticate,
    max_bytes: int,
) -> APIRouter:
    """The routes under `/v1/leveringen`."""
    router = APIRouter(tags=["leveringen"])

    @router.post(
        "/leveringen",
        status_code=HTTPStatus.ACCEPTED,
        operation_id="leverBestandAan",
        summary="Lever een bestand aan in uw eigen formaat",
        description=(
            "Het bestand wordt eerst geheel ontvangen en daarna record voor record verwerkt; "
            "volg het op het adres in `Location`. Eén fout record weigert alleen zichzelf. "
            "Dezelfde bytes nog eens: hetzelfde verslag (200), zonder tweede gevolg."
        ),
        responses={
            **gives(
                HTTPStatus.ACCEPTED, "Ontvangen.", DeliveryReport, EXAMPLE, headers=("Location",)
            ),
            **gives(
                HTTPStatus.OK,
                "Al eerder ontvangen.",
                DeliveryReport,
                {**EXAMPLE, "isHerhaling": True},
                headers=("Location",),
            ),
            **refuses(*ALWAYS, *BODY),
        },
        openapi_extra=_FILE,
    )
    async def deliver(
        request: Request, caller: Annotated[Caller, Depends(authenticate)]
    ) -> Response:
        media_type = media_type_of(
            request.headers.get("content-type", ""), adapters.get(caller.adapter)
        )
        _refuse_announced_size(request, max_bytes)
        digest = _content_digest(request)
        sender = Sender(caller.id, caller.adapter)
        try:
            received = await deliveries.receive(sender, media_type, _pieces(request), digest)
        except DeliveryTooLargeError:
            raise too_large() from None
        except DigestMismatchError:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "Bestand beschadigd",
                "Het bestand is niet het bestand dat Content-Digest noemt; niets is bewaard.",
            ) from None
        except ClientDisconnect:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "Levering afgebroken",
                "De levering kwam niet compleet aan; niets is bewaard. Stuur haar opnieuw.",
            ) from None
        status = HTTPStatus.OK if received.is_repeat else HTTPStatus.ACCEPTED
        location = {"Location": f"/v1/leveringen/{received.delivery.id}"}
        return _report(received.delivery, status, location, is_repeat=received.is_repeat)

    @router.get(
        "/leveringen/{levering_id}",
        operation_id="leesLeveringsverslag",
        summary="Hoe staat het met een levering",
        description="Totalen tot nu toe; de status zegt of alles is verwerkt.",
        responses={
            **gives(HTTPStatus.OK, "Het verslag.", DeliveryReport, EXAMPLE),
            **refuses(*ALWAYS, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
        },
    )
    async def report(
        levering_id: Annotated[UUID, Path(description=_ID)],
        caller: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
        stored = await store.by_id(pool, caller.id, levering_id)
        if stored is None:
            raise _not_found()
        return _report(stored, HTTPStatus.OK, {})

    @router.get(
        "/leveringen/{levering_id}/uitkomsten",
        operation_id="leesUitkomsten",
        summary="De uitkomst van elk record",
        description=(
            "In de volgorde van het bestand. Een bevinding noemt geen waarde. Kent uw koppeling "
            "een antwoord in haar eigen formaat (iJw: het retourbericht), vraag dat met `Accept`."
        ),
        responses={
            **gives(
                HTTPStatus.OK,
                "Een reeks uitkomsten.",
                OutcomePage,
                EXAMPLE_OUTCOMES,
                also={XML: "Het antwoord in uw eigen formaat, als uw koppeling dat heeft."},
            ),
            **refuses(
                *ALWAYS,
                HTTPStatus.BAD_REQUEST,
                HTTPStatus.NOT_FOUND,
                HTTPStatus.NOT_ACCEPTABLE,
                HTTPStatus.CONFLICT,
            ),
        },
    )
    async def outcomes(
        request: Request,
        levering_id: Annotated[UUID, Path(description=_ID)],
        caller: Annotated[Caller, Depends(authenticate)],
        na: Annotated[
            int, Query(ge=0, le=MAX_RECORD, description="Na welk recordnummer te beginnen.")
        ] = 0,
        aantal: Annotated[
            int, Query(ge=1, le=MAX_OUTCOMES, description="Hoeveel uitkomsten hooguit.")
        ] = MAX_OUTCOMES,
    ) -> Response:
        stored = await store.by_id(pool, caller.id, levering_id)
        if stored is None:
            raise _not_found()
        adapter = adapters.get(stored.adapter)
        media_type = _answer_type(request.headers.get("accept", JSON), adapter)
        if media_type is not None and adapter is not None:
            write = adapter.answer_writers[media_type]
            if stored.finished_at is None:
                raise _not_worked_off()
            answer = await answer_of(pool, vault, stored, write, MAX_OUTCOMES)
            if answer is None:
                raise _no_answer()
            return Response(answer, media_type=media_type)
        found = await outcomes_of(pool, vault, stored, na, aantal)
        has_more = bool(found) and int(str(found[-1]["record"])) < stored.records
        body = orjson.dumps({"uitkomsten": found, "meer": has_more})
        return Response(body, media_type=JSON)

    return router


def _answer_type(accept: str, adapter: Adapter | None) -> str | None:
    """The partner's own format if that is asked before JSON; None for JSON."""
    for part in accept.split(","):
        asked = part.split(";")[0].strip().lower()
        if adapter is not None and asked in adapter.answer_writers:
            return asked
        if asked in (JSON, "*/*", "application/*"):
            return None
    raise Problem(
        HTTPStatus.NOT_ACCEPTABLE,
        "Formaat onbekend",
        "Uw koppeling kent dit formaat niet voor uitkomsten.",
        mogelijk=[JSON, *(() if adapter is None else adapter.answer_writers)],
    )


def _not_worked_off() -> Problem:
    return Problem(
        HTTPStatus.CONFLICT,
        "Nog in verwerking",
        "Het antwoord is er als het verslag `verwerkt` zegt.",
    )


def _no_answer() -> Problem:
    return Problem(
        HTTPStatus.NOT_ACCEPTABLE,
        "Geen retour mogelijk",
        "De kop van het bericht was niet te lezen; kijk in het verslag of vraag JSON.",
    )


_ID = "De `leveringId` van het verslag."
_FILE: dict[str, object] = {
    "parameters": [
        {
            "name": "Content-Digest",
            "in": "header",
            "required": False,
            "description": "SHA-256 van het bestand (RFC 9530): sha-256=:base64:.",
            "schema": {"type": "string"},
        }
    ],
    "requestBody": {
        "required": True,
        "description": "Het bestand; welke soorten u kunt leveren hangt van uw koppeling af.",
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}}
            for media_type in (
                "text/csv",
                "application/json",
                "application/x-ndjson",
                "application/xml",
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            )
        },
    },
}
EXAMPLE = {
    "leveringId": str(SOME_DELIVERY),
    "status": "verwerkt",
    "ontvangenOp": "2026-01-12T09:30:00Z",
    "verwerktOp": "2026-01-12T09:30:01Z",
    "bytes": 18203,
    "records": 100,
    "toegelaten": 90,
    "aangehouden": 6,
    "geweigerd": {"grondslag-niet-toegelaten": 3},
    "dubbel": 1,
    "ontbrekend": {"lid.geboortedatum: ontbreekt": 5},
    "isHerhaling": False,
}
EXAMPLE_OUTCOMES = {
    "uitkomsten": [
        {
            "record": 1,
            "regel": 2,
            "kenmerk": "DWI-2026-00017",
            "besluit": "toegelaten",
            "regelcode": "toegelaten",
            "uitwisselingId": str(SOME_EXCHANGE),
            "bevindingen": [{"regel": 2, "veld": "lid.zrm", "bevinding": "ontbreekt"}],
        }
    ],
    "meer": True,
}


def _report(
    stored: StoredDelivery, status: HTTPStatus, headers: dict[str, str], *, is_repeat: bool = False
) -> Response:
    report = report_of(stored, is_repeat=is_repeat)
    body = report.model_dump_json(by_alias=True)
    return Response(body, int(status), headers, media_type="application/json")


def _refuse_announced_size(request: Request, max_bytes: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > max_bytes:
        raise too_large()


def _content_digest(request: Request) -> bytes | None:
    """The SHA-256 of RFC 9530's Content-Digest, if the sender gives one."""
    given = request.headers.get("content-digest")
    if given is None:
        return None
    for item in given.split(","):
        name, _, value = item.strip().partition("=")
        if name.lower() == "sha-256" and value.startswith(":") and value.endswith(":"):
            try:
                return base64.b64decode(value[1:-1], validate=True)
            except binascii.Error:
                break
    raise Problem(
        HTTPStatus.BAD_REQUEST,
        "Content-Digest onleesbaar",
        "Geef sha-256=:<base64>: of laat de kop weg.",
    )


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    async for piece in request.stream():
        yield piece
