"""A household moves: told by the casebook, and handed over, or closed."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

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
from gateway.api.problems import Problem, busy
from gateway.api.reading import read_json
from gateway.api.visits import RECORDED, act_of, keeping_apart
from gateway.audit.access import access_leaf
from gateway.exchange.committer import OverloadedError, StorageUnavailableError
from gateway.exchange.moves import (
    MoveNotAdmittedError,
    MoveReferenceTakenError,
    Moves,
    UnknownCaseMovedError,
)
from gateway.identity.tokens import Caller
from schemas.casework import Move, MoveReceipt

MOVE = "meldVerhuizing"
EXAMPLE_MOVE = {
    "kenmerk": "VERHUIZING-1",
    "uitwisselingId": str(SOME_EXCHANGE),
    "buitenGemeente": True,
    "peildatum": "2026-02-01",
}
EXAMPLE_MOVED = {
    "uitwisselingId": str(SOME_EXCHANGE),
    "uitkomst": "afgesloten",
    "logregelId": str(SOME_ENTRY),
    "vastgelegdOp": "2026-01-12T09:30:00.123456Z",
}


def move_routes(
    moves: Moves, authenticate: Authenticate, clock: Callable[[], datetime]
) -> APIRouter:
    """The route `/v1/verhuizingen`."""
    router = APIRouter(tags=["toedeling"])

    @router.post(
        "/verhuizingen",
        status_code=HTTPStatus.CREATED,
        operation_id=MOVE,
        summary="Meld dat een huishouden is verhuisd",
        description=(
            "Binnen de gemeente bepaalt de nieuwe postcode het team; vindt de tabel er geen, dan "
            "neemt de balie de casus over. In uw postvak staat daarna een overdracht "
            "(`nl.sluis.overdracht`) met het oude en het nieuwe team. Buiten de gemeente wordt de "
            "casus gesloten, en hoort de verwijzer dat voor zover het protocol dat toelaat. De "
            "postcode wordt niet bewaard. Bij een geheim adres volstaat `geheimhouding`. Herhalen "
            "onder hetzelfde kenmerk is veilig."
        ),
        responses={
            **gives(HTTPStatus.CREATED, "Vastgelegd.", MoveReceipt, EXAMPLE_MOVED),
            **refuses(
                *ALWAYS, *BODY, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT
            ),
        },
        openapi_extra=takes(Move, EXAMPLE_MOVE),
    )
    async def moved(request: Request, caller: Annotated[Caller, Depends(authenticate)]) -> Response:
        move = await read_json(request, Move)
        trace, now = trace_of(request.scope["headers"]), clock()
        act = act_of(request.scope, MOVE, caller, HTTPStatus.CREATED, trace, now, clock)
        apart = keeping_apart(request.scope)
        try:
            if move.outside:
                receipt = await moves.outside(caller.id, move, trace, apart)
            else:
                receipt = await moves.within(caller.id, move, trace, access_leaf(act), apart)
            request.scope[RECORDED] = True
        except UnknownCaseMovedError:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "Uitwisseling onbekend",
                "U heeft geen aanmelding met dit id opgehaald waarop dit kan.",
            ) from None
        except MoveReferenceTakenError:
            raise Problem(
                HTTPStatus.CONFLICT,
                "Kenmerk al gebruikt",
                "Onder dit kenmerk meldde u een andere verhuizing.",
            ) from None
        except MoveNotAdmittedError:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "Geweigerd door het privacyprotocol",
                "Het protocol laat u deze casus nu niet sluiten.",
            ) from None
        except (OverloadedError, StorageUnavailableError):
            raise busy() from None
        body = receipt.model_dump_json(by_alias=True)
        return Response(body, HTTPStatus.CREATED, media_type="application/json")

    return router
