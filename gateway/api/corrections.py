"""Rights and corrections over HTTP: one correction in, and how far it is."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import ValidationError

from gateway.api.border import trace_of
from gateway.api.callers import Authenticate
from gateway.api.described import (
    ALWAYS,
    BODY,
    SOME_CORRECTION,
    SOME_ENTRY,
    SOME_EXCHANGE,
    gives,
    refuses,
    takes,
)
from gateway.api.problems import Problem, invalid
from gateway.api.reading import read_json
from gateway.api.visits import keeping_apart
from gateway.exchange.corrections import (
    Corrections,
    NotTheSenderError,
    ReferenceTakenError,
    UnknownCorrectionError,
    UnknownExchangeError,
    UnknownMemberError,
)
from gateway.exchange.rectifying import NotRectifiableError
from gateway.identity.tokens import Caller
from schemas.corrections import Correction, CorrectionReceipt
from schemas.notices import CorrectionReport

EXAMPLE_CORRECTION = {
    "kenmerk": "CORRECTIE-1",
    "soort": "rectificatie",
    "berichtKenmerk": "PROEF-1",
    "lid": {"plaats": 0},
    "waarden": {"lid.achternaam": "Proefpersoon"},
}
EXAMPLE_RECEIPT = {
    "correctieId": str(SOME_CORRECTION),
    "uitwisselingId": str(SOME_EXCHANGE),
    "soort": "rectificatie",
    "logregelId": str(SOME_ENTRY),
    "vastgelegdOp": "2026-01-12T09:30:00.123456Z",
}
EXAMPLE_REPORT = {
    "correctieId": str(SOME_CORRECTION),
    "soort": "rectificatie",
    "uitwisselingId": str(SOME_EXCHANGE),
    "vastgelegdOp": "2026-01-12T09:30:00.123456Z",
    "ontvangers": [
        {
            "ontvanger": "casebook",
            "uitwisselingId": str(SOME_EXCHANGE),
            "klaargezetOp": "2026-01-12T09:30:00.123456Z",
            "opgehaaldOp": "2026-01-12T09:31:00.123456Z",
            "bevestigdOp": None,
        }
    ],
    "isGereed": False,
}


def correction_routes(corrections: Corrections, authenticate: Authenticate) -> APIRouter:
    """The routes under `/v1/correcties`."""
    router = APIRouter(tags=["correcties"])

    @router.post(
        "/correcties",
        status_code=HTTPStatus.CREATED,
        operation_id="corrigeer",
        summary="Rectificeer, beperk, maak bezwaar, annuleer, of meld dat een lid is vertrokken",
        description=(
            "Werkt meteen op wat nog wacht of is aangehouden. Wie de gegevens eerder kreeg, krijgt "
            "het te horen in het postvak. Rectificeren en annuleren kan alleen de verzender; de "
            "andere soorten ook de ontvanger. Herhalen onder hetzelfde kenmerk is veilig."
        ),
        responses={
            **gives(HTTPStatus.CREATED, "Vastgelegd.", CorrectionReceipt, EXAMPLE_RECEIPT),
            **refuses(
                *ALWAYS, *BODY, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT
            ),
        },
        openapi_extra=takes(Correction, EXAMPLE_CORRECTION),
    )
    async def correct(
        request: Request, caller: Annotated[Caller, Depends(authenticate)]
    ) -> Response:
        correction = await read_json(request, Correction)
        trace = trace_of(request.scope["headers"])
        try:
            recorded = await corrections.correct(
                caller.id, correction, trace, keeping_apart(request.scope)
            )
        except ValidationError as error:
            raise invalid(error) from None
        except NotRectifiableError:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "Bericht ongeldig",
                "Een veld in `waarden` kan niet worden gerectificeerd.",
                fouten=[{"veld": "waarden", "regel": "niet-te-rectificeren"}],
            ) from None
        except NotTheSenderError:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "Niet de verzender",
                "Alleen wie een bericht stuurde, rectificeert of annuleert het.",
            ) from None
        except UnknownExchangeError:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "Uitwisseling onbekend",
                "U heeft geen uitwisseling met dit id of kenmerk waarop dit kan.",
            ) from None
        except UnknownMemberError:
            raise Problem(
                HTTPStatus.NOT_FOUND, "Lid onbekend", "Deze uitwisseling kent dit lid niet."
            ) from None
        except ReferenceTakenError:
            raise Problem(
                HTTPStatus.CONFLICT,
                "Kenmerk al gebruikt",
                "Onder dit kenmerk stuurde u een andere correctie.",
            ) from None
        body = recorded.receipt.model_dump_json(by_alias=True)
        return Response(body, HTTPStatus.CREATED, media_type="application/json")

    @router.get(
        "/correcties/{correctie_id}",
        operation_id="volgCorrectie",
        summary="Wie een correctie kreeg, en wie haar bevestigde",
        description="Voor wie haar stuurde, en over uitwisselingen waarin die partij is.",
        responses={
            **gives(HTTPStatus.OK, "Hoe ver het is.", CorrectionReport, EXAMPLE_REPORT),
            **refuses(*ALWAYS, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
        },
    )
    async def report(
        request: Request,
        correctie_id: Annotated[UUID, Path(description="De `correctieId` van het bewijs.")],
        caller: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
        try:
            told = await corrections.report(caller.id, correctie_id, keeping_apart(request.scope))
        except UnknownCorrectionError:
            raise Problem(
                HTTPStatus.NOT_FOUND, "Correctie onbekend", "U heeft geen correctie met dit id."
            ) from None
        return Response(told.model_dump_json(by_alias=True), media_type="application/json")

    return router
