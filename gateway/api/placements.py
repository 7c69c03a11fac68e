"""What waits for a person to place it: the list of it, and where somebody placed it."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

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
from gateway.api.visits import RECORDED, act_of, keeping_apart
from gateway.audit.access import access_leaf
from gateway.exchange.placing import (
    PAGE_LIMIT,
    AlreadyPlacedError,
    PlacementCursorError,
    Placements,
    UnknownPlacementError,
    UnknownTeamError,
)
from gateway.identity.tokens import Caller
from schemas.casework import Placement, PlacementReceipt, WaitingPage

PLACE = "deelToe"
EXAMPLE_PLACEMENT = {"uitwisselingId": str(SOME_EXCHANGE), "team": "zuidoost"}
EXAMPLE_PLACED = {
    "uitwisselingId": str(SOME_EXCHANGE),
    "logregelId": str(SOME_ENTRY),
    "vastgelegdOp": "2026-01-12T09:30:00.123456Z",
}
EXAMPLE_WAITING = {
    "wachtend": [
        {
            "uitwisselingId": str(SOME_EXCHANGE),
            "reden": "grensgeval",
            "sinds": "2026-01-12T09:30:00.123456Z",
            "isTeLaat": False,
        }
    ],
    "volgende": None,
}


def placement_routes(
    placements: Placements, authenticate: Authenticate, clock: Callable[[], datetime]
) -> APIRouter:
    """The routes under `/v1/toedelingen`."""
    router = APIRouter(tags=["toedeling"])

    @router.get(
        "/toedelingen",
        operation_id="lijstToedelingen",
        summary="Wat bij u wacht tot een mens het toedeelt",
        description=(
            "Aanmeldingen die u heeft opgehaald en die geen team hebben: zonder volledige "
            "postcode, op een grens, of van een team dat is gesloten. Oudste eerst, met de reden "
            "en zonder gegevens van personen. Wie een geheim adres heeft, staat er nooit in."
        ),
        responses={
            **gives(HTTPStatus.OK, "Een pagina, oudste eerst.", WaitingPage, EXAMPLE_WAITING),
            **refuses(*ALWAYS, HTTPStatus.BAD_REQUEST),
        },
    )
    async def waiting(
        caller: Annotated[Caller, Depends(authenticate)],
        na: Annotated[
            str | None, Query(max_length=64, description="De cursor van de vorige pagina.")
        ] = None,
        aantal: Annotated[
            int, Query(ge=1, le=PAGE_LIMIT, description="Hoeveel hooguit.")
        ] = PAGE_LIMIT,
    ) -> Response:
        try:
            page = await placements.page(caller.id, na, aantal)
        except PlacementCursorError:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "Cursor onbekend",
                "Deze cursor is niet aan u gegeven. Zonder `na` begint u bij het begin.",
            ) from None
        return Response(page.model_dump_json(by_alias=True), media_type="application/json")

    @router.post(
        "/toedelingen",
        status_code=HTTPStatus.CREATED,
        operation_id=PLACE,
        summary="Meld bij welk team een mens een aanmelding heeft gelegd",
        description=(
            "Daarna wacht zij niet meer. Het team staat in de routetabel en werkt vandaag. "
            "Herhalen is veilig; met een ander team niet (409): een casus gaat naar een ander team "
            "met een verhuizing."
        ),
        responses={
            **gives(HTTPStatus.CREATED, "Vastgelegd.", PlacementReceipt, EXAMPLE_PLACED),
            **refuses(*ALWAYS, *BODY, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
        },
        openapi_extra=takes(Placement, EXAMPLE_PLACEMENT),
    )
    async def place(request: Request, caller: Annotated[Caller, Depends(authenticate)]) -> Response:
        placement = await read_json(request, Placement)
        trace, now = trace_of(request.scope["headers"]), clock()
        act = act_of(request.scope, PLACE, caller, HTTPStatus.CREATED, trace, now, clock)
        try:
            receipt = await placements.place(
                caller.id, placement, trace, access_leaf(act), keeping_apart(request.scope)
            )
            request.scope[RECORDED] = True
        except UnknownTeamError:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "Team onbekend",
                "De routetabel kent dit team vandaag niet.",
                fouten=[{"veld": "team", "regel": "team-onbekend"}],
            ) from None
        except UnknownPlacementError:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "Uitwisseling onbekend",
                "Onder dit id wacht bij u niets op toedeling.",
            ) from None
        except AlreadyPlacedError:
            raise Problem(
                HTTPStatus.CONFLICT,
                "Al toegedeeld",
                "Deze aanmelding is eerder bij een ander team gelegd.",
            ) from None
        body = receipt.model_dump_json(by_alias=True)
        return Response(body, HTTPStatus.CREATED, media_type="application/json")

    return router
