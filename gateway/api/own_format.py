"""One message in its sender's own format, answered at once in that format (FHIR: a transaction).

The same road as a delivery of one record, with the answer in the same request, for formats whose
clients expect that; and what such clients ask first: what this address can do. What keeps a
message from being read at all is a problem (RFC 9457), as everywhere.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request, Response

from adapters.port import Adapter, Answered, UnreadableDelivery
from consent.register import AMSTERDAM, amsterdam_day
from gateway.api.answers import answer_of, http_answer
from gateway.api.border import trace_of
from gateway.api.callers import Authenticate
from gateway.api.described import ALWAYS, BODY, HEADERS, Described, refuses
from gateway.api.problems import Problem, busy, our_fault
from gateway.api.visits import RECORDED
from gateway.exchange import referral
from gateway.exchange.arrivals import Arrival, Prints, Recorded, UnreadableRecord
from gateway.exchange.committer import (
    GroupCommitter,
    OverloadedError,
    PoisonedMessageError,
    StorageUnavailableError,
)
from gateway.exchange.group import Message
from gateway.identity.tokens import Caller
from gateway.pseudonyms.domains import Handles
from gateway.store.ids import new_id
from schemas.decisions import Outcome, Rule
from schemas.deliveries import Record, RecordFinding, RecordOutcome, Unreadable
from schemas.referral import Referral

PATH = "/eigen-formaat"
RECEIPT = "Sluis-Ontvangstbewijs"
_IJW = "iJw 3.2: een JW315, met de JW316 als antwoord."
_CONTENT = {
    "application/fhir+json": {"schema": {"type": "object", "description": "HL7 FHIR R4."}},
    "application/xml": {"schema": {"type": "string", "description": _IJW}},
}
_DESCRIBED = {"application/fhir+json": _CONTENT["application/fhir+json"]}


@dataclass(frozen=True, slots=True)
class OwnFormatDoor:
    """Takes single messages in partners' formats; one instance serves the process."""

    adapters: Mapping[str, Adapter]
    committer: GroupCommitter
    handles: Handles
    prints: Prints
    clock: Callable[[], datetime]

    async def take(self, request: Request, caller: Caller) -> Response:
        """One message: answered after COMMIT, also where it could not be read."""
        body, now = await request.body(), self.clock()  # the border bounds it
        adapter = self.adapters.get(caller.adapter)
        media_type = media_type_of(request.headers.get("content-type", ""), adapter)
        if adapter is None or media_type not in adapter.answer_writers:
            raise _not_answered()
        _require_answerable(request.headers.get("accept", "*/*"), media_type)
        record = _read(adapter, media_type, body, now)
        message = self._message(record, request, caller, body, now)
        recorded = await self._commit(message)
        request.scope[RECORDED] = True
        outcome = _outcome(record, recorded)
        # The format has no place for a receipt, so it stands in a header.
        told = adapter.answer_writers[media_type](
            [Answered(outcome, record.slip, recorded.rule if recorded.is_repeat else None)],
            recorded.exchange,
            now.astimezone(AMSTERDAM),
        )
        if told is None:  # the format has no answer to this; it was recorded all the same
            status, kind, answer = http_answer(recorded, body, self.prints)
            return Response(answer, status, media_type=kind)
        receipt = orjson.dumps(answer_of(recorded, body, self.prints), option=orjson.OPT_UTC_Z)
        headers = {RECEIPT: base64.b64encode(receipt).decode("ascii")}
        return Response(told, _status_of(recorded), headers, media_type=media_type)

    def _message(
        self, record: Record, request: Request, caller: Caller, body: bytes, now: datetime
    ) -> Message:
        exchange, trace = new_id(), trace_of(request.scope["headers"])

        def arrival(
            reference: bytes,
            written: bytes,
            findings: tuple[str, ...],
            number: str | None = None,
        ) -> Arrival:
            return Arrival(
                exchange,
                caller.id,
                reference,
                # As a delivery does, so that the same message either way is known again.
                self.prints.body(caller.id, written),
                self.prints.commitment(exchange, body),
                now,
                trace,
                findings,
                len(body),
                self.prints.number(caller.id, number),
            )

        if isinstance(record, Unreadable):
            return UnreadableRecord(arrival(new_id().bytes, body, ()), record.findings)
        message = record.message
        if not isinstance(message, Referral):
            raise _not_answered()
        written = message.model_dump_json(by_alias=True, exclude_none=True).encode()
        findings = tuple(sorted({finding.field for finding in record.findings}))
        printed = self.prints.reference(caller.id, message.reference)
        arrived = arrival(printed, written, findings, record.number)
        translated = referral.TranslatedReferral(arrived, message)
        return referral.pseudonymise(translated, self.handles)

    async def _commit(self, message: Message) -> Recorded:
        try:
            return await self.committer.submit(message)
        except (OverloadedError, StorageUnavailableError):
            raise busy() from None
        except PoisonedMessageError:
            raise our_fault() from None


def _answers() -> Described:
    """What is answered; what was recorded as refused is answered in the format, and so is no."""
    others = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_ACCEPTABLE, HTTPStatus.CONFLICT)
    refused = refuses(*ALWAYS, *BODY, *others)
    for status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT):
        refused[status.value]["content"].update(_CONTENT)
    taken = {
        "description": "Vastgelegd: toegelaten of aangehouden.",
        "content": _CONTENT,
        "headers": {RECEIPT: {"$ref": HEADERS + RECEIPT}},
    }
    return {HTTPStatus.OK.value: taken, **refused}


def media_type_of(content_type: str, adapter: Adapter | None) -> str:
    """What a body is, by its header; raise `Problem` 415 where the adapter does not read that."""
    given, *parameters = [part.strip().lower() for part in content_type.split(";")]
    readers = {} if adapter is None else adapter.readers
    stated = dict(part.split("=", 1) for part in parameters if "=" in part)
    required = {} if adapter is None else adapter.parameters
    is_other = any(
        not stated.get(name, value).strip('"').startswith(value) for name, value in required.items()
    )
    if given not in readers or is_other:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Bestandstype onbekend",
            "Uw koppeling neemt dit Content-Type niet aan.",
            toegestaan=sorted(readers),
        )
    return given


def _require_answerable(accept: str, media_type: str) -> None:
    """Nobody is answered, after the fact, in a form that they said not to read (406)."""
    read = {media_type, "application/*", "*/*"}
    if media_type.endswith("json"):
        read.add("application/json")
    if read.isdisjoint(part.split(";")[0].strip().lower() for part in accept.split(",")):
        raise Problem(
            HTTPStatus.NOT_ACCEPTABLE,
            "Formaat onbekend",
            "Het antwoord staat in het formaat van uw bericht. Er is niets vastgelegd.",
            mogelijk=[media_type],
        )


def own_format_routes(door: OwnFormatDoor, authenticate: Authenticate, base_url: str) -> APIRouter:
    """The routes under `/v1/eigen-formaat`. What they take and give is the format's to describe."""
    router = APIRouter(tags=["berichten"])

    @router.post(
        PATH,
        operation_id="meldAanInEigenFormaat",
        summary="Meld één huishouden aan in uw eigen formaat, met het antwoord daarin",
        description=(
            "Voor koppelingen waarvan het formaat een antwoord in hetzelfde verzoek kent (FHIR: "
            "een transactie). Dezelfde weg als een levering van één record; ook wat niet leesbaar "
            "is of wordt geweigerd, wordt in uw formaat beantwoord."
        ),
        responses=_answers(),
        openapi_extra={"requestBody": {"required": True, "content": _CONTENT}},
    )
    async def take(request: Request, caller: Annotated[Caller, Depends(authenticate)]) -> Response:
        return await door.take(request, caller)

    @router.get(
        f"{PATH}/metadata",
        operation_id="leesEigenFormaat",
        summary="Wat dit adres kan, in de woorden van uw eigen formaat",
        description="Voor FHIR: het CapabilityStatement.",
        responses={
            **{HTTPStatus.OK.value: {"description": "De beschrijving.", "content": _DESCRIBED}},
            **refuses(*ALWAYS, HTTPStatus.NOT_FOUND),
        },
    )
    async def describe(caller: Annotated[Caller, Depends(authenticate)]) -> Response:
        adapter = door.adapters.get(caller.adapter)
        if adapter is None or adapter.description is None:
            raise Problem(HTTPStatus.NOT_FOUND, "Not Found", "Uw koppeling beschrijft zich niet.")
        media_type = next(iter(adapter.answer_writers), "application/json")
        return Response(adapter.description(f"{base_url}/v1{PATH}"), media_type=media_type)

    return router


def _read(adapter: Adapter, media_type: str, body: bytes, now: datetime) -> Record:
    reader = adapter.readers[media_type](amsterdam_day(now))
    try:
        records = [*reader.feed(body), *reader.close()]
    except UnreadableDelivery as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "Bericht ongeldig",
            "Dit is niet het formaat dat Content-Type noemt. Er is niets vastgelegd.",
            fouten=[{"veld": error.where, "regel": error.problem.value}],
        ) from None
    if len(records) != 1:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "Bericht ongeldig",
            "Hier past één bericht; meer tegelijk gaat als levering. Er is niets vastgelegd.",
        )
    return records[0]


def _outcome(record: Record, recorded: Recorded) -> RecordOutcome:
    is_read = not isinstance(record, Unreadable)
    return RecordOutcome(
        record=1,
        line=record.line,
        reference=record.message.reference if not isinstance(record, Unreadable) else None,
        decision=recorded.outcome,
        rule=Rule.DUPLICATE if recorded.is_repeat else recorded.rule,
        field=recorded.field,
        exchange_id=recorded.exchange if is_read else None,
        findings=[
            RecordFinding(line=one.line, field=one.field, problem=one.problem)
            for one in record.findings
        ],
    )


def _status_of(recorded: Recorded) -> int:
    if recorded.outcome is not Outcome.REFUSED:
        return HTTPStatus.OK
    match recorded.rule:
        case Rule.UNREADABLE:
            return HTTPStatus.BAD_REQUEST
        case Rule.REFERENCE_REUSED:
            return HTTPStatus.CONFLICT
        case _:
            return HTTPStatus.FORBIDDEN


def _not_answered() -> Problem:
    return Problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "Berichttype onbekend",
        "Uw koppeling kent in dit formaat geen antwoord in hetzelfde verzoek. Stuur een levering.",
    )
