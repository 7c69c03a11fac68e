"""The mailbox over HTTP: pages out in order, acknowledgement in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from adapters.port import Adapter
from gateway.api.border import trace_of
from gateway.api.callers import Authenticate
from gateway.api.described import (
    ALWAYS,
    BODY,
    SOME_EXCHANGE,
    SOME_OTHER_EXCHANGE,
    gives,
    gives_bytes,
    refuses,
    takes,
)
from gateway.api.mailbox_waiting import (
    EVENT_STREAM,
    SignalStream,
    too_many_waiting,
    wait_for_mail,
)
from gateway.api.problems import Problem, busy
from gateway.api.reading import read_json
from gateway.api.visits import RECORDED, act_of
from gateway.audit.access import access_leaf
from gateway.audit.entries import Trace
from gateway.exchange.mailbox import (
    PAGE_LIMIT,
    CursorError,
    Mailbox,
    NotReleasedError,
    Page,
    ReleaseLapsedError,
    SealedError,
)
from gateway.exchange.payload import as_json_array, as_ndjson, is_status
from gateway.exchange.signal import LONGEST_WAIT, MailboxSignal, TooManyWaitingError
from gateway.identity.tokens import Caller
from gateway.telemetry import Telemetry
from schemas.casework import Handover, OwnStatus, Signal
from schemas.identifiers import Pseudonym
from schemas.notices import Advice, CorrectionNotice, Recall

JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"
FHIR = "application/fhir+json"


def _wrong_cursor() -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "Cursor onbekend",
        "Deze cursor is niet aan u gegeven, of is van voor een oudere database werd teruggezet. "
        "Zonder `na` begint u bij het eerste onbevestigde.",
    )


class Acknowledgement(BaseModel):
    """Up to where a recipient has safely stored what it pulled."""

    model_config = ConfigDict(extra="forbid")

    up_to: Annotated[str, Field(alias="totEnMet", min_length=8, max_length=64)]


class Acknowledged(BaseModel):
    """How many messages were acknowledged by this."""

    model_config = ConfigDict(extra="forbid")

    number: int = Field(alias="bevestigd", ge=0)


class MailboxEvent(BaseModel):
    """One message as it leaves, as the description has it; `payload` writes it."""

    model_config = ConfigDict(extra="forbid")

    specversion: Literal["1.0"]
    id: UUID
    source: str
    type: Literal[
        "nl.sluis.aanmelding",
        "nl.sluis.statusbericht",
        "nl.sluis.verantwoording",
        "nl.sluis.partnerbericht",
        "nl.sluis.vervallen",
        "nl.sluis.intrekking",
        "nl.sluis.kennisgeving",
        "nl.sluis.correctie",
        "nl.sluis.overdracht",
        "nl.sluis.signaal",
        "nl.sluis.pseudoniemwissel",
    ]
    subject: Pseudonym | None = None
    time: datetime
    sequence: str
    datacontenttype: Literal["application/json", "application/jose"] | None = None
    data: (
        Recall | Advice | CorrectionNotice | Handover | Signal | dict[str, object] | str | None
    ) = None


class MailboxPage(BaseModel):
    """A page as JSON."""

    model_config = ConfigDict(extra="forbid")

    events: list[MailboxEvent] = Field(alias="berichten")
    cursor: str = Field(alias="volgende")
    has_more: bool = Field(alias="meer")


PULL, ACKNOWLEDGE, WATCH = "haalPostvakOp", "bevestigOntvangst", "volgPostvak"
_CURSOR = "AAAAAAAAAAEkVqJ3b0pZc2h1aXM9PT09"
EXAMPLE_PAGE = {
    "berichten": [
        {
            "specversion": "1.0",
            "id": str(SOME_EXCHANGE),
            "source": "urn:nld:oin:00000099000000001000:systeem:sluis",
            "type": "nl.sluis.aanmelding",
            "subject": "nCyPBDDNxEFQFUsAKLTQ4DOCDpCC7cBEKEeKMPaDdz0",
            "time": "2026-01-12T09:30:00.123Z",
            "sequence": "1",
            "datacontenttype": "application/json",
            "data": {
                "aanmelding": {"aangemeldOp": "2026-01-12", "aantalLeden": 1},
                "huishouden": {
                    "straatnaam": "Voorbeeldstraat",
                    "leden": [{"rol": "aanmelder", "achternaam": "Proefpersoon"}],
                },
            },
        },
        {
            "specversion": "1.0",
            "id": str(SOME_OTHER_EXCHANGE),
            "source": "urn:nld:oin:00000099000000001000:systeem:sluis",
            "type": "nl.sluis.vervallen",
            "time": "2026-01-12T09:30:02.456Z",
            "sequence": "2",
        },
    ],
    "volgende": _CURSOR,
    "meer": False,
}


@dataclass(frozen=True, slots=True)
class MailboxDoor:
    """Hands mail out and takes acknowledgements; one instance serves the process."""

    mailbox: Mailbox
    signal: MailboxSignal
    adapters: Mapping[str, Adapter]
    telemetry: Telemetry
    clock: Callable[[], datetime]
    authenticate: Authenticate

    async def pull(
        self, request: Request, caller: Caller, after: str | None, limit: int, wait: int
    ) -> Response:
        """The next page; an empty one is given again after `wait` seconds, or what came by then.

        Raises `Problem`.
        """
        media_type = _wanted(request.headers.get("accept", JSON), self.adapters.get(caller.adapter))
        trace = trace_of(request.scope["headers"])
        page = await self._release(request, caller, after, limit, trace, media_type)
        if wait and not page.messages:
            is_new = await wait_for_mail(self.signal, request, caller.id, page.end, wait)
            if is_new:
                # A wait may outlast the token, or the key that it was asked with.
                caller = await self.authenticate(request)
                page = await self._release(request, caller, after, limit, trace, media_type)
        response = _response(page, media_type, self.adapters[caller.adapter])
        try:
            await self.mailbox.check_fresh(page, trace)
        except ReleaseLapsedError:
            raise busy() from None
        return response

    async def _release(
        self,
        request: Request,
        caller: Caller,
        after: str | None,
        limit: int,
        trace: Trace,
        media_type: str,
    ) -> Page:
        act = act_of(request.scope, PULL, caller, HTTPStatus.OK, trace, self.clock(), self.clock)
        must_be_open = media_type not in (JSON, NDJSON)
        try:
            with self.telemetry.span("release", partner=caller.id):
                page = await self.mailbox.page(
                    caller.id, after, limit, trace, access_leaf(act), must_be_open=must_be_open
                )
        except CursorError:
            raise _wrong_cursor() from None
        except SealedError:
            raise _only_sealed() from None
        request.scope[RECORDED] = True
        return page

    async def acknowledge(self, request: Request, caller: Caller) -> Response:
        """Record receipt. Raises `Problem`."""
        receipt = await read_json(request, Acknowledgement)
        trace = trace_of(request.scope["headers"])
        act = act_of(
            request.scope, ACKNOWLEDGE, caller, HTTPStatus.OK, trace, self.clock(), self.clock
        )
        try:
            with self.telemetry.span("acknowledge", partner=caller.id):
                number = await self.mailbox.acknowledge(
                    caller.id, receipt.up_to, trace, access_leaf(act)
                )
        except CursorError:
            raise _wrong_cursor() from None
        except NotReleasedError:
            raise Problem(
                HTTPStatus.CONFLICT,
                "Nog niet opgehaald",
                "De bevestiging reikt verder dan wat is opgehaald.",
            ) from None
        request.scope[RECORDED] = True
        return Response(orjson.dumps({"bevestigd": number}), media_type=JSON)

    async def watch(self, caller: Caller) -> Response:
        """A stream that says when something newer came. Raises `Problem`."""
        head = await self.signal.head(caller.id)
        if head is None:
            raise busy()
        try:
            self.signal.take_place(caller.id)
        except TooManyWaitingError:
            raise too_many_waiting() from None
        return SignalStream(self.signal, caller.id, head)


def mailbox_routes(door: MailboxDoor, authenticate: Authenticate) -> APIRouter:
    """The routes under `/v1/postvak`."""
    router = APIRouter(tags=["postvak"])
    _pull_route(router, door, authenticate)
    _acknowledge_route(router, door, authenticate)
    _signal_route(router, door, authenticate)
    return router


def _pull_route(router: APIRouter, door: MailboxDoor, authenticate: Authenticate) -> None:
    @router.get(
        "/postvak",
        operation_id=PULL,
        summary="Haal op wat voor u klaarstaat, in volgorde",
        description=(
            "Elk bericht wordt op dit moment opnieuw getoetst, en elke keer ophalen is een "
            "verstrekking met een eigen logregel. Heeft u een versleutelsleutel geregistreerd, dan "
            "is `data` een compacte JWE. Zonder `na` begint u bij het eerste bericht dat "
            "u niet heeft bevestigd. Met een oudere cursor krijgt u opnieuw wat u al bevestigde, "
            "zolang het protocol de inhoud na ontvangst bewaart; daarna staat er `vervallen`. Met "
            "`wacht` komt een leeg antwoord pas als die seconden om zijn, en post meteen. Ook de "
            "gateway zelf kan u iets melden: welk gebruik stopt, wat te veranderen, of dat iets "
            "wat wachtte is vernietigd."
        ),
        responses={
            **gives(
                HTTPStatus.OK,
                "Een pagina, in volgorde.",
                MailboxPage,
                EXAMPLE_PAGE,
                headers=("Sluis-Volgende", "Sluis-Meer", "Sluis-Overig"),
                also={
                    NDJSON: "Eén bericht per regel; cursor en vervolg staan in de koppen.",
                    CSV: "Het statusbestand van uw koppeling, als zij er een heeft.",
                    FHIR: "Statussen als Tasks (HL7 FHIR R4), als uw koppeling die heeft.",
                },
            ),
            **refuses(
                *ALWAYS,
                HTTPStatus.BAD_REQUEST,
                HTTPStatus.NOT_ACCEPTABLE,
                HTTPStatus.TOO_MANY_REQUESTS,
            ),
        },
    )
    async def pull(
        request: Request,
        caller: Annotated[Caller, Depends(authenticate)],
        na: Annotated[
            str | None,
            Query(max_length=64, description="De cursor van een eerdere pagina."),
        ] = None,
        aantal: Annotated[
            int, Query(ge=1, le=PAGE_LIMIT, description="Hoeveel berichten hooguit.")
        ] = PAGE_LIMIT,
        wacht: Annotated[
            int,
            Query(
                ge=0,
                le=LONGEST_WAIT,
                description="Hoeveel seconden op iets nieuws te wachten als er niets is.",
            ),
        ] = 0,
    ) -> Response:
        return await door.pull(request, caller, na, aantal, wacht)


def _acknowledge_route(router: APIRouter, door: MailboxDoor, authenticate: Authenticate) -> None:
    @router.post(
        "/postvak/ontvangst",
        operation_id=ACKNOWLEDGE,
        summary="Bevestig wat u veilig heeft opgeslagen",
        description=(
            "Daarna ruimt de gateway de inhoud na de termijn van het protocol op. Herhalen is "
            "veilig. U kunt alleen bevestigen wat u heeft opgehaald (anders 409)."
        ),
        responses={
            **gives(HTTPStatus.OK, "Bevestigd.", Acknowledged, {"bevestigd": 1}),
            **refuses(*ALWAYS, *BODY, HTTPStatus.CONFLICT),
        },
        openapi_extra=takes(Acknowledgement, {"totEnMet": _CURSOR}),
    )
    async def acknowledge(
        request: Request, caller: Annotated[Caller, Depends(authenticate)]
    ) -> Response:
        return await door.acknowledge(request, caller)


def _signal_route(router: APIRouter, door: MailboxDoor, authenticate: Authenticate) -> None:
    @router.get(
        "/postvak/signaal",
        operation_id=WATCH,
        summary="Hoor wanneer er iets nieuws is",
        description=(
            "Een stroom (server-sent events): de gebeurtenis `nieuw` met alleen de nieuwste plaats "
            "in uw postvak. Elke vijftien seconden komt er een commentaarregel. Na vijf minuten "
            "eindigt de stroom; open haar dan opnieuw. Er staat nooit in wat er klaarstaat."
        ),
        responses={
            **gives_bytes("De stroom.", EVENT_STREAM),
            **refuses(*ALWAYS, HTTPStatus.TOO_MANY_REQUESTS),
        },
    )
    async def watch(caller: Annotated[Caller, Depends(authenticate)]) -> Response:
        return await door.watch(caller)


def _only_sealed() -> Problem:
    return Problem(
        HTTPStatus.NOT_ACCEPTABLE,
        "Alleen verzegeld",
        "Wat u krijgt is verzegeld met uw sleutel, en past niet in dit formaat.",
        mogelijk=[JSON, NDJSON],
    )


def _wanted(accept: str, adapter: Adapter | None) -> str:
    asked = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    for media_type in asked:
        if media_type in (JSON, NDJSON):
            return media_type
        if adapter is not None and media_type in adapter.status_writers:
            return media_type
        if media_type in ("*/*", "application/*"):
            return JSON
    raise Problem(
        HTTPStatus.NOT_ACCEPTABLE,
        "Formaat onbekend",
        "Uw koppeling kent dit formaat niet voor het postvak.",
        mogelijk=[JSON, NDJSON],
    )


def _response(page: Page, media_type: str, adapter: Adapter) -> Response:
    headers = {
        "Sluis-Volgende": page.cursor,
        "Sluis-Meer": "ja" if page.has_more else "nee",
        "Sluis-Overig": "0",
    }
    if media_type not in (JSON, NDJSON):
        statuses = [
            OwnStatus.model_validate_json(message.data)
            for message in page.messages
            if message.data is not None and is_status(message.event)
        ]
        body = adapter.status_writers[media_type](statuses)
        handed_over = sum(message.data is not None for message in page.messages)
        # Whoever acknowledges this page must know that there is more in it than the file shows.
        headers["Sluis-Overig"] = str(handed_over - len(statuses))
        return Response(body, headers=headers, media_type=f"{media_type}; charset=utf-8")
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
