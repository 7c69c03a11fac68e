"""Uploads over HTTP, as the IETF's draft has them (draft-ietf-httpbis-resumable-upload).

`POST /v1/leveringen` with `Upload-Complete: ?0` begins one; its own address tells how it stands
(HEAD), takes more (PATCH) and lets it be given up (DELETE). Interim answers (104) are not sent:
the server cannot, so a client that wants to go on after a break begins with an empty request
("careful upload creation"). What PATCH answers to the last bytes is the delivery's own answer.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from starlette.requests import ClientDisconnect

from gateway.api import upload_headers as fields
from gateway.api.border import trace_of
from gateway.api.bounds import PATIENT_UNTIL
from gateway.api.callers import Authenticate
from gateway.api.deliveries_described import (
    APPENDING,
    CANCELLING,
    LIMITS,
    PARTIAL,
    STANDING,
    UPLOAD_ID,
)
from gateway.api.problems import Problem, too_large
from gateway.exchange.arrivals import Sender
from gateway.exchange.deliveries import (
    DeliveryTooLargeError,
    DigestMismatchError,
    Received,
    report_of,
)
from gateway.exchange.upload_pieces import InconsistentLengthError
from gateway.exchange.uploads import (
    OffsetMismatchError,
    Part,
    Standing,
    TooManyUploadsError,
    UnknownUploadError,
    Uploads,
)
from gateway.identity.tokens import Caller
from gateway.store.uploads import UploadOvertakenError

PATH = "/leveringen/uploads"
READING_SECONDS = 120.0
_COMPLETE = {"Upload-Complete": "?1"}
_INCOMPLETE = {"Upload-Complete": "?0"}


@dataclass(frozen=True, slots=True)
class UploadDoor:
    """Takes requests about uploads; one instance serves the process."""

    uploads: Uploads

    async def begin(self, request: Request, caller: Caller, media_type: str) -> Response:
        """201 with the address of a new upload, and how much of the file it has."""
        headers = request.headers
        part = Part(
            pieces_of(request),
            is_last=False,
            length=fields.whole_number(headers, fields.LENGTH),
            content_digest=fields.content_digest(headers),
            file_digest=fields.file_digest(headers),
        )
        try:
            stands = await self.uploads.begin(Sender(caller.id, caller.adapter), media_type, part)
        except TooManyUploadsError:
            raise _too_many() from None
        except DeliveryTooLargeError:
            raise self._too_large() from None
        except _FAULTS as error:
            raise _fault(error) from None
        location = {"Location": f"/v1{PATH}/{stands.upload}"}
        return Response(status_code=HTTPStatus.CREATED, headers=location | self._told(stands))

    async def append(self, request: Request, caller: Caller, upload: UUID) -> Response:
        """204 while there is more to come; after the last byte the answer of the delivery."""
        offset, part = _part(request)
        sender, trace = Sender(caller.id, caller.adapter), trace_of(request.scope["headers"])
        if part.is_last:
            # All that came is read back for its digest: about 10 s a gigabyte on a busy machine.
            request.scope[PATIENT_UNTIL] = asyncio.get_running_loop().time() + READING_SECONDS
        try:
            appended = await self.uploads.append(sender, upload, offset, part, trace)
        except DeliveryTooLargeError:
            raise self._too_large() from None
        except OffsetMismatchError as error:
            raise _elsewhere(error, offset) from None
        except _FAULTS as error:
            raise _fault(error) from None
        if isinstance(appended, Received):
            return made(appended)
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=self._told(appended))

    async def stand(self, caller: Caller, upload: UUID) -> Response:
        """204 with how much is durable."""
        try:
            stands = await self.uploads.stand(caller.id, upload)
        except UnknownUploadError:
            raise _unknown() from None
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=self._told(stands))

    async def cancel(self, caller: Caller, upload: UUID) -> Response:
        """204 once nothing of it is left."""
        if not await self.uploads.cancel(caller.id, upload):
            raise _unknown()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def limits(self) -> dict[str, str]:
        """What may be uploaded at all."""
        return {"Upload-Limit": f"max-size={self.uploads.largest}"}

    def _told(self, stands: Standing) -> dict[str, str]:
        length = {} if stands.length is None else {"Upload-Length": str(stands.length)}
        return {
            "Upload-Offset": str(stands.offset),
            "Upload-Complete": fields.as_boolean(stands.is_complete),
            "Upload-Limit": f"max-size={self.uploads.largest}, max-age={stands.seconds_left}",
            **length,
        }

    def _too_large(self) -> Problem:
        problem = too_large()
        problem.headers.update(_INCOMPLETE | self.limits())
        return problem


def upload_routes(door: UploadDoor, authenticate: Authenticate) -> APIRouter:
    """The routes under `/v1/leveringen/uploads`, and the question whether there are any."""
    router = APIRouter(tags=["leveringen"])

    @router.options("/leveringen", **LIMITS)
    async def limits(_: Annotated[Caller, Depends(authenticate)]) -> Response:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=door.limits())

    @router.head(f"{PATH}/{{upload_id}}", **STANDING)
    async def stand(
        upload_id: Annotated[UUID, Path(description=UPLOAD_ID)],
        caller: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
        return await door.stand(caller, upload_id)

    @router.patch(f"{PATH}/{{upload_id}}", **APPENDING)
    async def append(
        request: Request,
        upload_id: Annotated[UUID, Path(description=UPLOAD_ID)],
        caller: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
        return await door.append(request, caller, upload_id)

    @router.delete(f"{PATH}/{{upload_id}}", **CANCELLING)
    async def cancel(
        upload_id: Annotated[UUID, Path(description=UPLOAD_ID)],
        caller: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
        return await door.cancel(caller, upload_id)

    return router


def made(received: Received, *, is_upload: bool = True) -> Response:
    """The answer to a whole file: its report, and where it can be followed."""
    report = report_of(received.delivery, is_repeat=received.is_repeat)
    status = HTTPStatus.OK if received.is_repeat else HTTPStatus.ACCEPTED
    headers = {"Location": f"/v1/leveringen/{received.delivery.id}"}
    headers |= _COMPLETE if is_upload else {}
    body = report.model_dump_json(by_alias=True)
    return Response(body, int(status), headers, media_type="application/json")


async def pieces_of(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes in."""
    async for piece in request.stream():
        yield piece


def damaged(headers: dict[str, str] | None = None) -> Problem:
    """The answer to bytes that are not those of their digest."""
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "Bestand beschadigd",
        "Het bestand is niet het bestand dat de meegegeven digest noemt; niets is bewaard.",
        headers=headers,
    )


def _part(request: Request) -> tuple[int, Part]:
    headers = request.headers
    if headers.get("content-type", "").partition(";")[0].strip().lower() != PARTIAL:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Bestandstype onbekend",
            "Een deel van een upload heeft een eigen Content-Type.",
            headers=_INCOMPLETE,
            toegestaan=[PARTIAL],
        )
    offset = fields.whole_number(headers, fields.OFFSET)
    is_last = fields.boolean(headers, fields.COMPLETE)
    if offset is None or is_last is None:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "Uploadkop ontbreekt",
            "Geef Upload-Offset (een getal) en Upload-Complete (?0 of ?1).",
            headers=_INCOMPLETE,
        )
    stated, brought = fields.whole_number(headers, fields.LENGTH), fields.content_length(headers)
    length = offset + brought if is_last and brought is not None else stated
    if stated not in (None, length):
        raise _inconsistent()
    part = Part(
        pieces_of(request),
        is_last,
        length,
        fields.content_digest(headers),
        fields.file_digest(headers),
    )
    return offset, part


_FAULTS = (
    UnknownUploadError,
    InconsistentLengthError,
    DigestMismatchError,
    UploadOvertakenError,
    ClientDisconnect,
)


def _fault(error: Exception) -> Problem:
    """The answer to what went wrong with an upload."""
    match error:
        case UnknownUploadError():
            return _unknown()
        case InconsistentLengthError():
            return _inconsistent()
        case DigestMismatchError():
            # All of it came, and it will not do: there is nothing to go on with.
            return damaged(_COMPLETE)
        case UploadOvertakenError():
            return Problem(
                HTTPStatus.CONFLICT,
                "Upload overgenomen",
                "Een later verzoek gaat verder met deze upload, of gaf haar op.",
                headers=_INCOMPLETE,
            )
        case _:
            return Problem(
                HTTPStatus.BAD_REQUEST,
                "Upload afgebroken",
                "De bytes kwamen niet alle aan; wat aankwam, is bewaard.",
                headers=_INCOMPLETE,
            )


def _unknown() -> Problem:
    return Problem(
        HTTPStatus.NOT_FOUND, "Upload onbekend", "U heeft geen upload met dit id (meer)."
    )


def _inconsistent() -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "Uploadlengte tegenstrijdig",
        "Wat u over de lengte van het bestand zegt, klopt niet met elkaar of met de bytes.",
        headers=_INCOMPLETE,
    )


def _elsewhere(error: OffsetMismatchError, given: int) -> Problem:
    return Problem(
        HTTPStatus.CONFLICT,
        "Upload staat elders",
        "De upload staat op de offset in Upload-Offset; ga vandaar verder.",
        headers={
            "Upload-Offset": str(error.offset),
            "Upload-Complete": fields.as_boolean(error.is_complete),
        },
        verwacht=error.offset,
        gegeven=given,
    )


def _too_many() -> Problem:
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "Te veel uploads",
        "U heeft zo veel uploads open als mag. Maak er een af, geef er een op, of stuur dit "
        "bestand in één verzoek.",
        headers=_INCOMPLETE,
    )
