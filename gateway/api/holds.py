"""What is held, for the partner that sent it: that it waits, by which rule, and until when."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from gateway.api.callers import Authenticate
from gateway.api.described import ALWAYS, SOME_EXCHANGE, gives, refuses
from gateway.api.problems import Problem
from gateway.exchange.holds import PAGE_LIMIT, HoldCursorError, Holds
from gateway.identity.tokens import Caller
from schemas.notices import HeldPage

EXAMPLE_HELD = {
    "aangehouden": [
        {
            "uitwisselingId": str(SOME_EXCHANGE),
            "kenmerk": "PROEF-3",
            "regel": "instemming-onvolledig",
            "sinds": "2026-01-12T09:30:00.123456Z",
            "tot": "2026-02-23T09:30:00.123456Z",
        }
    ],
    "volgende": None,
}


def hold_routes(holds: Holds, authenticate: Authenticate) -> APIRouter:
    """`/v1/aangehouden`."""
    router = APIRouter(tags=["aangehouden"])

    @router.get(
        "/aangehouden",
        operation_id="lijstAangehouden",
        summary="Wat van u wacht op instemming",
        description=(
            "Uw eigen aanmeldingen die verzegeld wachten, oudste eerst, onder uw eigen kenmerk. "
            "Van wie instemming ontbreekt, is geweigerd of ingetrokken, staat er niet. Wat na zijn "
            "termijn niet is vrijgegeven, wordt vernietigd; dat leest u in uw postvak."
        ),
        responses={
            **gives(HTTPStatus.OK, "Een pagina, oudste eerst.", HeldPage, EXAMPLE_HELD),
            **refuses(*ALWAYS, HTTPStatus.BAD_REQUEST),
        },
    )
    async def held(
        caller: Annotated[Caller, Depends(authenticate)],
        na: Annotated[
            str | None, Query(max_length=64, description="De cursor van de vorige pagina.")
        ] = None,
        aantal: Annotated[
            int, Query(ge=1, le=PAGE_LIMIT, description="Hoeveel hooguit.")
        ] = PAGE_LIMIT,
    ) -> Response:
        try:
            page = await holds.page(caller.id, na, aantal)
        except HoldCursorError:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "Cursor onbekend",
                "Deze cursor is niet aan u gegeven. Zonder `na` begint u bij het begin.",
            ) from None
        return Response(page.model_dump_json(by_alias=True), media_type="application/json")

    return router
