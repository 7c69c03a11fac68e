"""Safe contacts over HTTP: written by the parties of a protected exchange, and read by nobody."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from consent.register import amsterdam_day
from gateway.api.border import trace_of
from gateway.api.callers import Authenticate
from gateway.api.described import (
    ALWAYS,
    BODY,
    SOME_ENTRY,
    SOME_EXCHANGE,
    gives,
    refuses,
    takes,
)
from gateway.api.problems import Problem
from gateway.api.reading import read_json
from gateway.exchange.deciding import NotAPartyError
from gateway.exchange.safe_contacts import SafeContacts
from gateway.identity.tokens import Caller
from schemas.protection import SafeContactReceipt, SafeContactRequest


def safe_contact_routes(
    contacts: SafeContacts, authenticate: Authenticate, clock: Callable[[], datetime]
) -> APIRouter:
    """The route `/v1/veilig-contact`."""
    router = APIRouter(tags=["veilig contact"])

    @router.post(
        "/veilig-contact",
        status_code=HTTPStatus.CREATED,
        operation_id="legVeiligContactVast",
        summary="Leg vast wie nooit over een persoon mag worden ingelicht",
        description=(
            "Voor wie een beschermde uitwisseling verzond of ophaalde. De gateway stuurt de "
            "genoemde partners geen kennisgevingen over deze persoon. Niemand kan de lijst hier "
            "opvragen; de privacyfunctionaris kan dat wel."
        ),
        responses={
            **gives(HTTPStatus.CREATED, "Vastgelegd.", SafeContactReceipt, EXAMPLE_RECEIPT),
            **refuses(*ALWAYS, *BODY, HTTPStatus.NOT_FOUND),
        },
        openapi_extra=takes(SafeContactRequest, EXAMPLE_REQUEST),
    )
    async def record(
        request: Request, caller: Annotated[Caller, Depends(authenticate)]
    ) -> Response:
        asked = await read_json(request, SafeContactRequest)
        if asked.review_on <= amsterdam_day(clock()):
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "Bericht ongeldig",
                "De datum van herziening ligt in de toekomst.",
                fouten=[{"veld": "herzienOp", "regel": "datum-voorbij"}],
            )
        try:
            receipt = await contacts.record(caller.id, asked, trace_of(request.scope["headers"]))
        except NotAPartyError:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "Uitwisseling onbekend",
                "U heeft geen beschermde uitwisseling met dit id over deze persoon.",
            ) from None
        body = receipt.model_dump_json(by_alias=True)
        return Response(body, HTTPStatus.CREATED, media_type="application/json")

    return router


EXAMPLE_REQUEST = {
    "uitwisselingId": str(SOME_EXCHANGE),
    "burgerservicenummer": "999990019",
    "nietInlichten": ["dwi", "betrokkene"],
    "herzienOp": "2099-01-01",
}
EXAMPLE_RECEIPT = {
    "uitwisselingId": str(SOME_EXCHANGE),
    "logregelId": str(SOME_ENTRY),
    "vastgelegdOp": "2026-01-12T09:30:00.123456Z",
}
