"""A JSON body as its model: read after its sender is known, whole, and by its wire names alone."""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from gateway.api.border import require_json
from gateway.api.problems import invalid_parameters

Model = TypeVar("Model", bound=BaseModel)


async def read_json(request: Request, model: type[Model]) -> Model:
    """The body. Raises `Problem` 400 or 415; nothing of what was sent is repeated."""
    require_json(request.scope["headers"])
    try:
        body = await request.body()
    except ClientDisconnect:
        # Nobody is left to answer; nothing was done.
        raise HTTPException(HTTPStatus.BAD_REQUEST) from None
    try:
        return model.model_validate_json(body, by_alias=True, by_name=False)
    except ValidationError as error:
        errors = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise invalid_parameters(errors) from None  # the cause quotes the input
