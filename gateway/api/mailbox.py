"""The mailbox over HTTP: pages out in order, acknowledgement in."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from adapters.port import Adapter
from gateway.api.border import trace_of
from gateway.api.callers import Authenticate
from gateway.api.problems import Problem, busy
from gateway.exchange.mailbox import (
    PAGE_LIMIT,
    CursorError,
    Mailbox,
    NotReleasedError,
    Page,
    ReleaseLapsedError,
)
from gateway.exchange.payload import as_json_array, as_ndjson, is_status
from gateway.identity.tokens import Caller
from schemas.casework import OwnStatus

JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"


def _wrong_cursor() -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "Cursor onbekend",
        "Deze cursor is niet aan u gegeven. Zonder `na` begint u bij het eerste onbevestigde.",
    )


class Acknowledgement(BaseModel):
    """Up to where a recipient has safely stored what it pulled."""

    model_config = ConfigDict(extra="forbid")

    up_to: Annotated[str, Field(alias="totEnMet", min_length=8, max_length=64)]


def mailbox_routes(
    mailbox: Mailbox, adapters: Mapping[str, Adapter], authenticate: Authenticate
) -> APIRouter:
    """The routes under `/v1/postvak`."""
    router = APIRouter(tags=["postvak"])

    @router.get("/postvak", summary="Haal op wat voor u klaarstaat, in volgorde")
    async def pull(
        request: Request,
        caller: Annotated[Caller, Depends(authenticate)],
        na: Annotated[str | None, Query(max_length=64)] = None,
        aantal: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = PAGE_LIMIT,
    ) -> Response:
        media_type = _wanted(request.headers.get("accept", JSON), adapters.get(caller.adapter))
        trace = trace_of(request.scope["headers"])
        try:
            page = await mailbox.page(caller.id, na, aantal, trace)
            response = _response(page, media_type, adapters[caller.adapter])
            await mailbox.check_fresh(page, trace)
        except CursorError:
            raise _wrong_cursor() from None
        except ReleaseLapsedError:
            raise busy() from None
        return response

    @router.post("/postvak/ontvangst", summary="Bevestig wat u veilig heeft opgeslagen")
    async def acknowledge(
        request: Request,
        receipt: Acknowledgement,
        caller: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
        trace = trace_of(request.scope["headers"])
        try:
            number = await mailbox.acknowledge(caller.id, receipt.up_to, trace)
        except CursorError:
            raise _wrong_cursor() from None
        except NotReleasedError:
            raise Problem(
                HTTPStatus.CONFLICT,
                "Nog niet opgehaald",
                "De bevestiging reikt verder dan wat is opgehaald.",
            ) from None
        return Response(orjson.dumps({"bevestigd": number}), media_type=JSON)

    return router


def _wanted(accept: str, adapter: Adapter | None) -> str:
    asked = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    for media_type in asked:
        if media_type in (JSON, NDJSON):
            return media_type
        if adapter is not None and media_type == CSV and CSV in adapter.status_writers:
            return CSV
        if media_type in ("*/*", "application/*"):
            return JSON
    raise Problem(
        HTTPStatus.NOT_ACCEPTABLE,
        "Formaat onbekend",
        "Uw koppeling kent dit formaat niet voor het postvak.",
        mogelijk=[JSON, NDJSON],
    )


def _response(page: Page, media_type: str, adapter: Adapter) -> Response:
    headers = {"Sluis-Volgende": page.cursor, "Sluis-Meer": "ja" if page.has_more else "nee"}
    if media_type == CSV:
        statuses = [
            OwnStatus.model_validate_json(message.data)
            for message in page.messages
            if message.data is not None and is_status(message.event)
        ]
        body = adapter.status_writers[CSV](statuses)
        return Response(body, headers=headers, media_type=f"{CSV}; charset=utf-8")
    events = [message.event for message in page.messages]
    if media_type == NDJSON:
        return Response(as_ndjson(events), headers=headers, media_type=NDJSON)
    has_more = b"true" if page.has_more else b"false"
    body = b'{"berichten":%b,"volgende":"%b","meer":%b}' % (
        as_json_array(events),
        page.cursor.encode("ascii"),
        has_more,
    )
    return Response(body, headers=headers, media_type=JSON)
