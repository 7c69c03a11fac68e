"""Agreement over HTTP: a partner records a member's yes or no, or withdraws it; works at once."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from gateway.api.border import trace_of
from gateway.api.callers import Authenticate
from gateway.api.problems import Problem
from gateway.exchange.consents import Consents, NotAPartyError
from gateway.identity.tokens import Caller
from schemas.consents import ConsentReceipt, ConsentRecord, ConsentWithdrawal


def consent_routes(
    consents: Consents, authenticate: Authenticate, clock: Callable[[], datetime]
) -> APIRouter:
    """The routes under `/v1/toestemmingen`."""
    router = APIRouter(tags=["toestemmingen"])

    @router.post(
        "/toestemmingen",
        status_code=HTTPStatus.CREATED,
        summary="Leg instemming of weigering van een lid vast",
        response_model=ConsentReceipt,
    )
    async def record(
        request: Request,
        consent: ConsentRecord,
        caller: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
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
        summary="Trek een vastgelegde instemming in",
        response_model=ConsentReceipt,
    )
    async def withdraw(
        request: Request,
        toestemming_id: UUID,
        withdrawal: ConsentWithdrawal,
        caller: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
        trace = trace_of(request.scope["headers"])
        try:
            receipt = await consents.withdraw(caller.id, toestemming_id, withdrawal, trace)
        except NotAPartyError:
            raise Problem(
                HTTPStatus.NOT_FOUND, "Toestemming onbekend", "U heeft geen toestemming met dit id."
            ) from None
        return _created(receipt)

    return router


def _created(receipt: ConsentReceipt) -> Response:
    body = receipt.model_dump_json(by_alias=True)
    return Response(body, HTTPStatus.CREATED, media_type="application/json")
