"""Problem answers (RFC 9457): they name field and rule, never a value that came in.

FastAPI's own validation answer echoes the input; ours is built from the error's place and kind
alone. `type` is a stable URN a partner can match on; `docs/problems.md` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, get_args

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from schemas.casework import Accountability, Move, Placement, StatusMessage
from schemas.consents import AuthorityRecord, ConsentRecord
from schemas.corrections import Correction
from schemas.partner_update import PartnerUpdate
from schemas.referral import Referral
from schemas.registrations import Registration
from schemas.zrm import ZrmDomain

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 20


class Problem(Exception):  # noqa: N818  # an answer, raised from wherever it becomes clear
    """An answer other than success. `extensions` are further members of the problem object."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **extensions: object,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        self.extensions = extensions

    def body(self) -> bytes:
        """The problem object."""
        return orjson.dumps(self.members())

    def members(self) -> dict[str, object]:
        """The problem object's members."""
        kind = self.title.lower().replace(" ", "-")
        return {
            "type": f"urn:sluis:probleem:{kind}",
            "title": self.title,
            "status": int(self.status),
            "detail": self.detail,
            **self.extensions,
        }

    def response(self) -> Response:
        """The HTTP answer."""
        return Response(self.body(), self.status, self.headers, media_type=MEDIA_TYPE)


def invalid(error: ValidationError) -> Problem:
    """400 for a message that does not have the described form: each field with its rule."""
    errors = [
        {"veld": path(item["loc"]), "regel": rule_of(item["type"])} for item in error.errors()
    ]
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "Bericht ongeldig",
        "Een of meer velden voldoen niet aan het berichtschema.",
        fouten=errors[:MAX_ERRORS],
    )


def invalid_parameters(errors: Sequence[Any]) -> Problem:
    """400 for parameters or a small body that FastAPI read: each place with its rule."""
    told = [{"veld": path(item["loc"]), "regel": rule_of(item["type"])} for item in errors]
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "Verzoek ongeldig",
        "Een of meer parameters of velden voldoen niet aan de beschrijving.",
        fouten=told[:MAX_ERRORS],
    )


def path(steps: Sequence[str | int]) -> str:
    """A field's place, such as `huishouden.leden.0.achternaam`; unknown names are not repeated."""
    return ".".join(str(step) if _is_ours(step) else "?" for step in steps) or "bericht"


def rule_of(kind: str) -> str:
    """What a kind of error is called."""
    return _RULES.get(kind, kind.replace("_", "-"))


_RULES = {
    "extra_forbidden": "onbekend-veld",
    "missing": "ontbreekt",
    "json_invalid": "geen-json",
    "bsn": "elfproef",
    "datum": "datum-ongeldig",
}


def _is_ours(step: str | int) -> bool:
    # An unknown field's name came from outside, and may itself be a name or a number.
    return isinstance(step, int) or step in _KNOWN


def _wire_names(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[str]:
    """Every wire name in a model and in the models inside it."""
    seen.add(model)
    names = {info.alias or name for name, info in model.model_fields.items()}
    for info in model.model_fields.values():
        for kind in _models_in(info.annotation):
            if kind not in seen:
                names |= _wire_names(kind, seen)
    return names


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [kind for part in get_args(annotation) for kind in _models_in(part)]


_KNOWN = (
    _wire_names(Referral, set())
    | _wire_names(StatusMessage, set())
    | _wire_names(Accountability, set())
    | _wire_names(PartnerUpdate, set())
    | _wire_names(Registration, set())
    | _wire_names(ConsentRecord, set())
    | _wire_names(Correction, set())
    | _wire_names(Move, set())
    | _wire_names(Placement, set())
    | _wire_names(AuthorityRecord, set())
    | {domain.value for domain in ZrmDomain}
    | {"body", "query", "path", "na", "aantal", "levering_id", "wacht", "totEnMet", "bladhash"}
    | {"activiteit", "versie", "partij", "traceId", "startTime", "endTime", "cursor"}
    | {"dpl.core.processing_activity_id", "dpl.core.foreign_operation.processor"}
    | {"dpl.core.data_subject_id", "dpl.core.data_subject_id_type"}
)


async def answer_problem(_: Request, problem: Exception) -> Response:
    """FastAPI's handler for `Problem`."""
    assert isinstance(problem, Problem)  # noqa: S101  # registered for this type only
    return problem.response()


def busy() -> Problem:
    """The answer while a queue is full, the database away, or time has run out.

    In the last case it may have been recorded all the same; a repeat is then recognised.
    """
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Even niet beschikbaar",
        "De gateway kan dit nu niet verwerken. Stuur het ongewijzigd opnieuw: niets telt dubbel.",
        headers={"Retry-After": "2"},
    )


def our_fault() -> Problem:
    """The answer to what should not have happened."""
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Fout in de gateway",
        "De beheerder ziet de melding. Probeer het later opnieuw.",
    )


def too_large() -> Problem:
    """The answer to a body above its bound."""
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "Bericht te groot",
        "Het bericht is groter dan is toegestaan. Er is niets vastgelegd.",
    )
