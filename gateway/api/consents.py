"""Agreement over HTTP: a partner records a member's yes or no, or withdraws it; works at once."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from gateway.api.border import trace_of
from gateway.api.callers import Authenticate
from gateway.api.described import (
    ALWAYS,
    BODY,
    SOME_CONSENT,
    SOME_ENTRY,
    SOME_EXCHANGE,
    gives,
    refuses,
    takes,
)
from gateway.api.problems import Problem
from gateway.api.reading import read_json
from gateway.exchange.consents import Consents
from gateway.exchange.deciding import NotAPartyError
from gateway.identity.tokens import Caller
from schemas.consents import ConsentReceipt, ConsentRecord, ConsentWithdrawal
from schemas.notices import RecallReport


def consent_routes(
    consents: Consents, authenticate: Authenticate, clock: Callable[[], datetime]
) -> APIRouter:
    """The routes under `/v1/toestemmingen`."""
    router = APIRouter(tags=["toestemmingen"])

    recorded = gives(HTTPStatus.CREATED, "Vastgelegd.", ConsentReceipt, EXAMPLE_RECEIPT)

    @router.post(
        "/toestemmingen",
        status_code=HTTPStatus.CREATED,
        operation_id="legToestemmingVast",
        summary="Leg instemming of weigering van een lid vast",
        description=(
            "Een ja zet vrij wat erop wachtte. Een nee neemt terug wat nog klaarstaat, voordat "
            "dit antwoord komt; `openstaandeVrijgaven` noemt wat net was vrijgegeven. U kunt dit "
            "voor stromen waarvan u verzender of ontvanger bent."
        ),
        responses={**recorded, **refuses(*ALWAYS, *BODY, HTTPStatus.FORBIDDEN)},
        openapi_extra=takes(ConsentRecord, EXAMPLE_CONSENT),
    )
    async def record(
        request: Request, caller: Annotated[Caller, Depends(authenticate)]
    ) -> Response:
        consent = await read_json(request, ConsentRecord)
        if consent.decided_at > clock():
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "Bericht ongeldig",
                "Een datum ligt in de toekomst.",
                fouten=[{"veld": "op", "regel": "datum-in-toekomst"}],
            )
        try:
            receipt = await consents.record(caller.id, consent, trace_of(request.scope["headers"]))
        except NotAPartyError:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "Geen gegevensstroom",
                "Het protocol kent voor u geen gegevensstroom met dit doel en deze ontvanger.",
            ) from None
        return _created(receipt)

    @router.post(
        "/toestemmingen/{toestemming_id}/intrekking",
        status_code=HTTPStatus.CREATED,
        operation_id="trekToestemmingIn",
        summary="Trek een vastgelegde instemming in",
        description=(
            "Werkt meteen, als een nee van nu. Ook wie aan de andere kant van de stroom staat kan "
            "intrekken: mensen trekken in waar zij zijn."
        ),
        responses={**recorded, **refuses(*ALWAYS, *BODY, HTTPStatus.NOT_FOUND)},
        openapi_extra=takes(ConsentWithdrawal, {"door": "betrokkene"}),
    )
    async def withdraw(
        request: Request,
        toestemming_id: Annotated[UUID, Path(description="De `toestemmingId` van het bewijs.")],
        caller: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
        withdrawal = await read_json(request, ConsentWithdrawal)
        trace = trace_of(request.scope["headers"])
        try:
            receipt = await consents.withdraw(caller.id, toestemming_id, withdrawal, trace)
        except NotAPartyError:
            raise _unknown() from None
        return _created(receipt)

    @router.get(
        "/toestemmingen/{toestemming_id}/terugroep",
        operation_id="volgTerugroep",
        summary="Wie bericht kreeg dat een gebruik stopt, en wie dat bevestigde",
        description=(
            "Voor wie de intrekking of weigering vastlegde, en over uitwisselingen waarvan die "
            "verzender of ontvanger is."
        ),
        responses={
            **gives(HTTPStatus.OK, "Hoe ver het is.", RecallReport, EXAMPLE_RECALL),
            **refuses(*ALWAYS, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
        },
    )
    async def recalled(
        toestemming_id: Annotated[UUID, Path(description="De `toestemmingId` van de intrekking.")],
        caller: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
        try:
            told = await consents.recalled(caller.id, toestemming_id)
        except NotAPartyError:
            raise _unknown() from None
        return Response(told.model_dump_json(by_alias=True), media_type="application/json")

    return router


def _unknown() -> Problem:
    return Problem(
        HTTPStatus.NOT_FOUND, "Toestemming onbekend", "U heeft geen toestemming met dit id."
    )


EXAMPLE_CONSENT = {
    "burgerservicenummer": "999990019",
    "doel": "toeleiding-wijkteam",
    "ontvanger": "casebook",
    "categorie": "*",
    "gegeven": True,
    "op": "2026-01-09T14:00:00+01:00",
    "door": "betrokkene",
    "bewijs": "FORMULIER-7",
}
EXAMPLE_RECEIPT = {
    "toestemmingId": str(SOME_CONSENT),
    "logregelId": str(SOME_ENTRY),
    "vastgelegdOp": "2026-01-12T09:30:00.123456Z",
    "openstaandeVrijgaven": [
        {
            "uitwisselingId": str(SOME_EXCHANGE),
            "ontvanger": "casebook",
            "vrijgegevenOp": "2026-01-12T09:29:57.123456Z",
            "vervaltOp": "2026-01-12T09:30:07.123456Z",
        }
    ],
}
EXAMPLE_RECALL = {
    "toestemmingId": str(SOME_CONSENT),
    "ontvangers": [
        {
            "ontvanger": "casebook",
            "uitwisselingId": str(SOME_EXCHANGE),
            "klaargezetOp": "2026-01-12T09:30:00.123456Z",
            "opgehaaldOp": "2026-01-12T09:31:00.123456Z",
            "bevestigdOp": "2026-01-12T09:31:02.123456Z",
        }
    ],
    "isGereed": True,
}


def _created(receipt: ConsentReceipt) -> Response:
    body = receipt.model_dump_json(by_alias=True)
    return Response(body, HTTPStatus.CREATED, media_type="application/json")
