"""Deliveries over HTTP: a file in, its progress and each record's outcome out.

A file comes in one request, or in several: with `Upload-Complete: ?0` the request begins an upload
that may break off and go on (`uploads.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.requests import ClientDisconnect

from adapters.port import Adapter
from gateway.api import upload_headers as fields
from gateway.api.border import trace_of
from gateway.api.callers import Authenticate
from gateway.api.deliveries_described import (
    ID,
    MAX_OUTCOMES,
    MAX_RECORD,
    OUTCOMES,
    REPORT,
    TAKING,
)
from gateway.api.own_format import media_type_of
from gateway.api.problems import Problem, too_large
from gateway.api.uploads import UploadDoor, damaged, made, pieces_of, upload_routes
from gateway.exchange.arrivals import Sender
from gateway.exchange.deliveries import (
    Deliveries,
    DeliveryTooLargeError,
    DigestMismatchError,
    answer_of,
    outcomes_of,
    report_of,
)
from gateway.exchange.uploads import Uploads
from gateway.identity.tokens import Caller
from gateway.store import deliveries as store
from gateway.store.deliveries import StoredDelivery
from gateway.vault.boxes import Vault

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class DeliveryDoor:
    """Takes files and tells how they stand; one instance serves the process."""

    pool: asyncpg.Pool
    deliveries: Deliveries
    uploads: UploadDoor
    adapters: Mapping[str, Adapter]
    vault: Vault
    max_bytes: int

    async def take(self, request: Request, caller: Caller) -> Response:
        """A whole file, or the beginning of an upload."""
        headers = request.headers
        adapter = self.adapters.get(caller.adapter)
        media_type = media_type_of(headers.get("content-type", ""), adapter)
        is_whole = fields.boolean(headers, fields.COMPLETE)
        if is_whole is False:
            return await self.uploads.begin(request, caller, media_type)
        if (fields.content_length(headers) or 0) > self.max_bytes:
            raise too_large()
        digest = fields.content_digest(headers)
        sender, trace = Sender(caller.id, caller.adapter), trace_of(request.scope["headers"])
        try:
            received = await self.deliveries.receive(
                sender, media_type, pieces_of(request), digest, trace
            )
        except DeliveryTooLargeError:
            raise too_large() from None
        except DigestMismatchError:
            raise damaged() from None
        except ClientDisconnect:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "Levering afgebroken",
                "De levering kwam niet compleet aan; niets is bewaard. Stuur haar opnieuw.",
            ) from None
        return made(received, is_upload=is_whole is True)

    async def report(self, caller: Caller, delivery: UUID) -> Response:
        """How it stands."""
        body = report_of(await self._own(caller, delivery)).model_dump_json(by_alias=True)
        return Response(body, media_type=JSON)

    async def outcomes(
        self, caller: Caller, delivery: UUID, accept: str, after: int, limit: int
    ) -> Response:
        """Outcomes in a row, or the answer in the partner's own format."""
        stored = await self._own(caller, delivery)
        adapter = self.adapters.get(stored.adapter)
        media_type = _answer_type(accept, adapter)
        if media_type is not None and adapter is not None:
            write = adapter.answer_writers[media_type]
            if stored.finished_at is None:
                raise _not_worked_off()
            answer = await answer_of(self.pool, self.vault, stored, write, MAX_OUTCOMES)
            if answer is None:
                raise _no_answer()
            return Response(answer, media_type=media_type)
        found = await outcomes_of(self.pool, self.vault, stored, after, limit)
        has_more = bool(found) and int(str(found[-1]["record"])) < stored.records
        return Response(orjson.dumps({"uitkomsten": found, "meer": has_more}), media_type=JSON)

    async def _own(self, caller: Caller, delivery: UUID) -> StoredDelivery:
        stored = await store.by_id(self.pool, caller.id, delivery)
        if stored is None:
            raise Problem(
                HTTPStatus.NOT_FOUND, "Levering onbekend", "U heeft geen levering met dit id."
            )
        return stored


def delivery_routes(
    pool: asyncpg.Pool,
    deliveries: Deliveries,
    uploads: Uploads,
    adapters: Mapping[str, Adapter],
    vault: Vault,
    authenticate: Authenticate,
    max_bytes: int,
) -> APIRouter:
    """The routes under `/v1/leveringen`."""
    router = APIRouter(tags=["leveringen"])
    upload_door = UploadDoor(uploads)
    door = DeliveryDoor(pool, deliveries, upload_door, adapters, vault, max_bytes)

    @router.post("/leveringen", **TAKING)
    async def deliver(
        request: Request, caller: Annotated[Caller, Depends(authenticate)]
    ) -> Response:
        return await door.take(request, caller)

    @router.get("/leveringen/{levering_id}", **REPORT)
    async def report(
        levering_id: Annotated[UUID, Path(description=ID)],
        caller: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
        return await door.report(caller, levering_id)

    @router.get("/leveringen/{levering_id}/uitkomsten", **OUTCOMES)
    async def outcomes(
        request: Request,
        levering_id: Annotated[UUID, Path(description=ID)],
        caller: Annotated[Caller, Depends(authenticate)],
        na: Annotated[
            int, Query(ge=0, le=MAX_RECORD, description="Na welk recordnummer te beginnen.")
        ] = 0,
        aantal: Annotated[
            int, Query(ge=1, le=MAX_OUTCOMES, description="Hoeveel uitkomsten hooguit.")
        ] = MAX_OUTCOMES,
    ) -> Response:
        accept = request.headers.get("accept", JSON)
        return await door.outcomes(caller, levering_id, accept, na, aantal)

    router.include_router(upload_routes(upload_door, authenticate))
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
