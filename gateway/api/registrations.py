"""Registrations over HTTP: persons whom a recipient knows, a bounded number a request.

Each line stands by itself: one that is wrong refuses itself alone (invariant 8). What is wrong with
it is told by field and rule; of what was sent only the caller's own key comes back.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect

from gateway.api.border import trace_of
from gateway.api.callers import Authenticate
from gateway.api.described import ALWAYS, BODY, gives, refuses, takes
from gateway.api.problems import Problem, path, rule_of
from gateway.audit.entries import Trace
from gateway.exchange.registrations import Named, Registrations
from gateway.identity.tokens import Caller
from gateway.pseudonyms.domains import Handles
from schemas.decisions import Refuse, Rule
from schemas.referral import Reference
from schemas.registrations import (
    MOST_AT_ONCE,
    Registration,
    RegistrationAnswer,
    RegistrationOutcome,
    RegistrationResult,
)

JSON, NDJSON = "application/json", "application/x-ndjson"
_REFERENCE: TypeAdapter[str] = TypeAdapter(Reference)
Work = Callable[[str, Sequence[bytes], Trace], Awaitable[list[Named] | Refuse]]


class RegistrationRequest(BaseModel):
    """Persons whom the caller knows (as JSON; as NDJSON, one a line)."""

    model_config = ConfigDict(extra="forbid")

    persons: Annotated[list[Registration], Field(max_length=MOST_AT_ONCE)] = Field(alias="personen")


@dataclass(frozen=True, slots=True)
class RegistrationDoor:
    """Takes registrations; one instance serves the process."""

    registrations: Registrations
    handles: Handles

    async def register(self, request: Request, caller: Caller) -> Response:
        """Register. Raises `Problem`."""
        return await self._each(
            request, caller, self.registrations.register, RegistrationResult.REGISTERED
        )

    async def end(self, request: Request, caller: Caller) -> Response:
        """End registrations. Raises `Problem`."""

        async def work(partner: str, handles: Sequence[bytes], trace: Trace) -> list[Named]:
            await self.registrations.end(partner, handles, trace)
            return [Named(None)] * len(handles)

        return await self._each(request, caller, work, RegistrationResult.ENDED)

    async def _each(
        self, request: Request, caller: Caller, work: Work, result: RegistrationResult
    ) -> Response:
        lines = await _lines(request)
        read = [_read(number, line) for number, line in enumerate(lines, start=1)]
        good = [one for one in read if isinstance(one, Registration)]
        handles = [self.handles.of(one.bsn) for one in good]
        named = await work(caller.id, handles, trace_of(request.scope["headers"]))
        if isinstance(named, Refuse):
            raise _refused(named)
        names = iter(named)
        outcomes = [
            _told(number, one, next(names), result) if isinstance(one, Registration) else one
            for number, one in enumerate(read, start=1)
        ]
        answer = RegistrationAnswer(outcomes=outcomes)
        body = answer.model_dump_json(by_alias=True, exclude_none=True)
        return Response(body, media_type=JSON)


def _told(
    number: int, one: Registration, named: Named, result: RegistrationResult
) -> RegistrationOutcome:
    if result is RegistrationResult.REGISTERED and named.pseudonym is None:
        return RegistrationOutcome(
            number=number,
            reference=one.reference,
            result=RegistrationResult.REFUSED,
            rule=Rule.AGREEMENT_INCOMPLETE.value,
        )
    return RegistrationOutcome(
        number=number, reference=one.reference, result=result, pseudonym=named.pseudonym
    )


async def _lines(request: Request) -> list[object]:
    """The persons of a body, not yet looked at. Raises `Problem` 400 or 415."""
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type not in (JSON, NDJSON):
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Berichttype onbekend",
            "Dit adres neemt application/json en application/x-ndjson.",
        )
    try:
        body = await request.body()
    except ClientDisconnect:
        raise _unreadable("body", "ontbreekt") from None
    try:
        if media_type == NDJSON:
            found: object = [orjson.loads(line) for line in body.splitlines() if line.strip()]
        else:
            whole = orjson.loads(body)
            if not isinstance(whole, dict) or set(whole) != {"personen"}:
                raise _unreadable("body", "onbekend-veld")
            found = whole["personen"]
    except orjson.JSONDecodeError:
        raise _unreadable("body", "geen-json") from None
    if not isinstance(found, list):
        raise _unreadable("body.personen", "list-type")
    if len(found) > MOST_AT_ONCE:
        raise _unreadable("body.personen", "too-long")
    return found


def _read(number: int, line: object) -> Registration | RegistrationOutcome:
    try:
        return Registration.model_validate(line, by_alias=True, by_name=False)
    except ValidationError as error:
        first = error.errors()[0]
    reference = None
    if isinstance(line, dict):
        try:
            reference = _REFERENCE.validate_python(line.get("kenmerk"))
        except ValidationError:
            reference = None
    return RegistrationOutcome(
        number=number,
        reference=reference,
        result=RegistrationResult.REFUSED,
        field=path(first["loc"]),
        rule=rule_of(first["type"]),
    )


def _unreadable(place: str, rule: str) -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "Verzoek ongeldig",
        f"Stuur hooguit {MOST_AT_ONCE} personen, elk met nummer en kenmerk.",
        fouten=[{"veld": place, "regel": rule}],
    )


def _refused(refusal: Refuse) -> Problem:
    return Problem(
        HTTPStatus.FORBIDDEN,
        "Geen gegevensstroom",
        "Het protocol laat u niet (of nu niet) registreren wie u kent.",
        fouten=[{"veld": "registratie", "regel": refusal.rule.value}],
    )


def registration_routes(door: RegistrationDoor, authenticate: Authenticate) -> APIRouter:
    """The routes under `/v1/registraties`."""
    router = APIRouter(tags=["registraties"])
    refused = refuses(*ALWAYS, *BODY, HTTPStatus.FORBIDDEN)

    @router.post(
        "/registraties",
        operation_id="registreerBekenden",
        summary="Zeg wie u al kent",
        description=(
            "Hooguit duizend personen per verzoek, als JSON of NDJSON. U krijgt per regel het "
            "pseudoniem dat uw berichten voor deze persoon dragen. Alleen u leest daarna bij een "
            "lid `reedsBekend`. Herhalen is veilig en verlengt de termijn. Uw kenmerk wordt "
            "teruggezegd en niet bewaard."
        ),
        responses={
            **gives(HTTPStatus.OK, "Een uitkomst per regel.", RegistrationAnswer, EXAMPLE_ANSWER),
            **refused,
        },
        openapi_extra=takes(RegistrationRequest, EXAMPLE_REQUEST),
    )
    async def register(
        request: Request, caller: Annotated[Caller, Depends(authenticate)]
    ) -> Response:
        return await door.register(request, caller)

    @router.post(
        "/registraties/beeindiging",
        operation_id="beeindigRegistraties",
        summary="Zeg wie u niet meer kent",
        description="Voor casussen die zijn afgesloten. Kan altijd; herhalen is veilig.",
        responses={
            **gives(HTTPStatus.OK, "Een uitkomst per regel.", RegistrationAnswer, EXAMPLE_ENDED),
            **refused,
        },
        openapi_extra=takes(RegistrationRequest, EXAMPLE_REQUEST),
    )
    async def end(request: Request, caller: Annotated[Caller, Depends(authenticate)]) -> Response:
        return await door.end(request, caller)

    return router


EXAMPLE_REQUEST = {"personen": [{"burgerservicenummer": "999990019", "kenmerk": "RIS-000123"}]}
EXAMPLE_ANSWER = {
    "uitkomsten": [
        {
            "nummer": 1,
            "kenmerk": "RIS-000123",
            "uitkomst": "geregistreerd",
            "pseudoniem": "nCyPBDDNxEFQFUsAKLTQ4DOCDpCC7cBEKEeKMPaDdz0",
        },
        {
            "nummer": 2,
            "uitkomst": "geweigerd",
            "veld": "burgerservicenummer",
            "regel": "elfproef",
        },
    ]
}
EXAMPLE_ENDED = {"uitkomsten": [{"nummer": 1, "kenmerk": "RIS-000123", "uitkomst": "beeindigd"}]}
