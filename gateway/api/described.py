"""How a route says what it takes, gives and refuses, for the description (OpenAPI 3.1).

Every error is a problem (RFC 9457), with the same schema; what a status means is said once, here.
Examples are checked against their schemas by a test, so they may be copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from gateway.api.problems import MEDIA_TYPE, Problem
from gateway.api.wording import WORDING
from schemas.receipts import Answer

JSON = "application/json"
SCHEMAS = "#/components/schemas/{model}"
HEADERS = "#/components/headers/"

Described = dict[int | str, dict[str, Any]]
"""Answers by status, as FastAPI takes them."""


class Fault(BaseModel):
    """A place and the rule that it breaks."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(alias="veld")
    rule: str = Field(alias="regel")


class ProblemDetails(BaseModel):
    """Every answer that is no success; further members may be there."""

    type: str
    title: str
    status: int
    detail: str
    faults: list[Fault] | None = Field(alias="fouten", default=None)
    answer: Answer | None = Field(alias="antwoord", default=None)
    accepted: list[str] | None = Field(alias="toegestaan", default=None)
    possible: list[str] | None = Field(alias="mogelijk", default=None)


def reference(model: type[BaseModel]) -> dict[str, str]:
    """A model's place among the schemas."""
    return {"$ref": SCHEMAS.format(model=WORDING[model.__name__].name)}


def takes(model: type[BaseModel], example: object) -> dict[str, Any]:
    """A JSON body of this model."""
    content = {JSON: {"schema": reference(model), "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def gives(
    status: int,
    meaning: str,
    model: type[BaseModel],
    example: object,
    *,
    headers: tuple[str, ...] = (),
    also: Mapping[str, str] | None = None,
) -> Described:
    """A JSON answer of this model; `also` are other media types, with what they hold."""
    content: dict[str, Any] = {JSON: {"schema": reference(model), "example": example}}
    for media_type, text in (also or {}).items():
        content[media_type] = {"schema": {"type": "string", "description": text}}
    return {int(status): {"description": meaning, "content": content, **_headers(headers)}}


def gives_bytes(meaning: str, media_type: str, *, is_binary: bool = False) -> Described:
    """An answer that is no JSON."""
    schema = {"type": "string", **({"format": "binary"} if is_binary else {})}
    return {200: {"description": meaning, "content": {media_type: {"schema": schema}}}}


_REFUSALS: dict[int, tuple[str, str, tuple[str, ...]]] = {
    HTTPStatus.BAD_REQUEST: (
        "Het verzoek is niet als beschreven; `fouten` noemt plaats en regel.",
        "Bericht ongeldig",
        (),
    ),
    HTTPStatus.UNAUTHORIZED: (
        "Geen toegangstoken, of een dat niet (meer) geldig is.",
        "Token ongeldig",
        ("WWW-Authenticate",),
    ),
    HTTPStatus.FORBIDDEN: (
        "Het privacyprotocol laat dit voor u niet toe.",
        "Geweigerd door het privacyprotocol",
        (),
    ),
    HTTPStatus.NOT_FOUND: ("Het bestaat niet, of niet voor u.", "Not Found", ()),
    HTTPStatus.NOT_ACCEPTABLE: ("Uw koppeling kent dit formaat niet.", "Formaat onbekend", ()),
    HTTPStatus.REQUEST_TIMEOUT: (
        "Het verzoek kwam niet op tijd binnen; niets is vastgelegd.",
        "Request Timeout",
        (),
    ),
    HTTPStatus.CONFLICT: (
        "Het verzoek past niet bij wat er al is vastgelegd.",
        "Kenmerk al gebruikt",
        (),
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "Meer bytes dan is toegestaan; niets is vastgelegd.",
        "Bericht te groot",
        (),
    ),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (
        "Dit adres neemt dit Content-Type niet aan.",
        "Berichttype onbekend",
        (),
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        "Er staat al zo veel van u open als mag.",
        "Te veel uploads",
        (),
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "Een fout van de gateway; de beheerder ziet de melding.",
        "Fout in de gateway",
        (),
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "De gateway kan dit nu niet verwerken; niets is vastgelegd.",
        "Even niet beschikbaar",
        ("Retry-After",),
    ),
}
ALWAYS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
"""What every route that asks for a token can answer."""
BODY = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)
"""What every route that reads a body can answer besides."""


def refuses(*statuses: int) -> Described:
    """Problem answers with these statuses."""
    described: Described = {}
    for status in sorted(statuses):
        meaning, title, headers = _REFUSALS[status]
        # A problem makes its own body, so that the example is what is really sent.
        problem = Problem(status, title, meaning)
        content = {MEDIA_TYPE: {"schema": reference(ProblemDetails), "example": problem.members()}}
        described[int(status)] = {"description": meaning, "content": content, **_headers(headers)}
    return described


def _headers(names: tuple[str, ...]) -> dict[str, Any]:
    return {"headers": {name: {"$ref": HEADERS + name} for name in names}} if names else {}


SOME_EXCHANGE = UUID("0199c0de-0000-7000-8000-000000000001")
"""Stands for any exchange in examples."""
SOME_OTHER_EXCHANGE = UUID("0199c0de-0000-7000-8000-000000000005")
SOME_ENTRY = UUID("0199c0de-0000-7000-8000-000000000002")
SOME_DELIVERY = UUID("0199c0de-0000-7000-8000-000000000003")
SOME_CONSENT = UUID("0199c0de-0000-7000-8000-000000000004")
SOME_CORRECTION = UUID("0199c0de-0000-7000-8000-000000000006")
