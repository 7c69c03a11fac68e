"""Reading what the gateway answers: typed when it succeeded, a typed exception when it did not.

A later minor version may add fields (NL GOV REST API Design Rules, 4.6), so what is unknown in an
answer is passed over, where the gateway itself refuses what it does not know. Another major
version is refused. What could not be read is named by its place, never by its value: a page of
the mailbox holds personal data.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from gateway.client.errors import (
    Conflict,
    Declined,
    FieldError,
    Garbled,
    NotAdmitted,
    Refused,
    Unacceptable,
    Unavailable,
)
from schemas.receipts import Answer

API_MAJOR = "1"
"""The version of the API that this client speaks (its base is /v1)."""

PASSING = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
"""Answers that say "not now", after which another attempt is of use."""

_UNACCEPTABLE = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)

Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], content: bytes) -> Model:
    """The answer as `model`; raise `Garbled`, naming the first field at fault, if it is not one."""
    try:
        return model.model_validate_json(content, extra="ignore")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the body"
        message = f"the answer is no valid {model.__name__}: {place} ({first['type']})"
    # Outside the except block: pydantic's error holds the input, and would stay in the context.
    raise Garbled(message)


def succeeded(answer: httpx.Response) -> httpx.Response:
    """The answer itself if it is a success of our version of the API; else raise why it is not."""
    if not answer.is_success:
        raise problem_of(answer)
    version = answer.headers.get("API-Version", API_MAJOR)
    if version.split(".")[0] != API_MAJOR:
        raise Garbled(f"the gateway speaks API version {version}, this client {API_MAJOR}")
    return answer


def problem_of(answer: httpx.Response) -> Declined:
    """The typed exception of an answer that is not a success; any body, also a proxy's page."""
    body = _members(answer)
    status = answer.status_code
    title = _text(body, "title") or _text(body, "error") or answer.reason_phrase or "no title"
    detail = _text(body, "detail") or _text(body, "error_description")
    kind = _text(body, "type") or "about:blank"
    fields = _fields(body.get("fouten"))
    if "antwoord" in body:
        decided = read(Answer, json.dumps(body["antwoord"]).encode())
        return Refused(decided, status, title, detail, kind=kind, fields=fields)
    problem = _class_of(status)(status, title, detail, kind=kind, fields=fields)
    if isinstance(problem, Unavailable):
        problem.retry_after = retry_after_of(answer)
    return problem


def retry_after_of(answer: httpx.Response) -> float | None:
    """Seconds that the gateway asks to wait (RFC 9110, 10.2.3), if it said so in seconds.

    The form with a date is passed over on purpose: it would trust two clocks to agree.
    """
    told = answer.headers.get("Retry-After", "").strip()
    return float(told) if told.isascii() and told.isdigit() else None


def _class_of(status: int) -> type[Declined]:
    if status in PASSING:
        return Unavailable
    if status in _UNACCEPTABLE:
        return Unacceptable
    if status == HTTPStatus.CONFLICT:
        return Conflict
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return NotAdmitted
    return Declined


def _members(answer: httpx.Response) -> dict[str, object]:
    if "json" not in answer.headers.get("Content-Type", ""):
        return {}
    try:
        body = json.loads(answer.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _text(body: dict[str, object], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) and value else None


def _fields(value: object) -> tuple[FieldError, ...]:
    named = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    return tuple(
        FieldError(str(item.get("veld", "")), str(item.get("regel", ""))) for item in named
    )
