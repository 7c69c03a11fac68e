"""Authority over HTTP: a partner states who may decide for a person, with source and date."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Request, Response

from consent.register import amsterdam_day
from gateway.api.border import trace_of
from gateway.api.callers import Authenticate
from gateway.api.described import ALWAYS, BODY, SOME_CONSENT, SOME_ENTRY, gives, refuses, takes
from gateway.api.problems import Problem
from gateway.api.reading import read_json
from gateway.exchange.authority import Authorities
from gateway.exchange.deciding import NotAPartyError
from gateway.exchange.overview import overview
from gateway.identity.tokens import Caller
from gateway.pseudonyms.domains import Handles
from schemas.consents import AuthorityReceipt, AuthorityRecord, ConsentOverview, ConsentQuery


def authority_routes(
    authorities: Authorities,
    pool: asyncpg.Pool,
    handles: Handles,
    authenticate: Authenticate,
    clock: Callable[[], datetime],
) -> APIRouter:
    """The routes `/v1/gezag` and `/v1/toestemmingen/opvraging`."""
    router = APIRouter(tags=["toestemmingen"])
    recorded = gives(HTTPStatus.CREATED, "Vastgelegd.", AuthorityReceipt, EXAMPLE_RECEIPT)

    @router.post(
        "/gezag",
        status_code=HTTPStatus.CREATED,
        operation_id="legGezagVast",
        summary="Leg vast wie over iemand mag beslissen",
        description=(
            "Gezag, curatele, mentorschap of overlijden, met bron en peildatum. Zonder houders: "
            "niemand heeft dat gezag (meer). Spreken bronnen elkaar tegen of is de peildatum te "
            "oud, dan wacht alles waarvoor iemand namens deze persoon moet instemmen."
        ),
        responses={**recorded, **refuses(*ALWAYS, *BODY, HTTPStatus.FORBIDDEN)},
        openapi_extra=takes(AuthorityRecord, EXAMPLE_AUTHORITY),
    )
    async def record(
        request: Request, caller: Annotated[Caller, Depends(authenticate)]
    ) -> Response:
        stated = await read_json(request, AuthorityRecord)
        if stated.as_of > amsterdam_day(clock()):
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "Bericht ongeldig",
                "Een datum ligt in de toekomst.",
                fouten=[{"veld": "peildatum", "regel": "datum-in-toekomst"}],
            )
        trace = trace_of(request.scope["headers"])
        try:
            receipt = await authorities.record(caller.id, stated, trace)
        except NotAPartyError:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "Geen gegevensstroom",
                "Het protocol kent voor u geen gegevensstroom die om instemming vraagt.",
            ) from None
        body = receipt.model_dump_json(by_alias=True)
        return Response(body, HTTPStatus.CREATED, media_type="application/json")

    @router.post(
        "/toestemmingen/opvraging",
        operation_id="vraagToestemmingenOp",
        summary="Wat u zelf van iemand vastlegde",
        description=(
            "Uw eigen vastleggingen van instemming en gezag, oudste eerst. Wat anderen vastlegden "
            "staat er niet bij, ook geen intrekking."
        ),
        responses={
            **gives(HTTPStatus.OK, "Uw vastleggingen.", ConsentOverview, EXAMPLE_OVERVIEW),
            **refuses(*ALWAYS, *BODY),
        },
        openapi_extra=takes(ConsentQuery, {"burgerservicenummer": "999990019"}),
    )
    async def ask(request: Request, caller: Annotated[Caller, Depends(authenticate)]) -> Response:
        query = await read_json(request, ConsentQuery)
        found = await overview(pool, handles, caller.id, query)
        body = found.model_dump_json(by_alias=True, exclude_none=True)
        return Response(body, media_type="application/json")

    return router


EXAMPLE_OVERVIEW = {
    "toestemmingen": [
        {
            "toestemmingId": str(SOME_CONSENT),
            "doel": "toeleiding-wijkteam",
            "ontvanger": "casebook",
            "categorie": "*",
            "gegeven": True,
            "op": "2026-01-09T13:00:00Z",
            "door": "betrokkene",
            "vastgelegdOp": "2026-01-12T09:30:00.123456Z",
        }
    ],
    "gezag": [],
}
EXAMPLE_AUTHORITY = {
    "burgerservicenummer": "999990019",
    "soort": "gezag",
    "houders": ["999990020"],
    "bron": "brp",
    "peildatum": "2026-01-09",
}
EXAMPLE_RECEIPT = {
    "gezagId": str(SOME_CONSENT),
    "logregelId": str(SOME_ENTRY),
    "vastgelegdOp": "2026-01-12T09:30:00.123456Z",
}
