"""The register of processing activities over HTTP: where the links in log lines lead.

The draft register API of Logboek Dataverwerkingen (rvva-openapi 0.1) has three resources; its paths
are written with underscores there, and with hyphens here, as the NL GOV REST API Design Rules ask.
Every version that was ever in force is kept.
"""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.api.callers import Authenticate
from gateway.api.described import ALWAYS, JSON, gives, refuses
from gateway.api.problems import Problem
from gateway.identity.tokens import Caller
from gateway.reports.projections.register import Register, read_register

ActivityId = Annotated[UUID, Path(description="Het id in de verwijzing van de logregel.")]


class Activity(BaseModel):
    """An activity, and which of its versions is the newest."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    active: bool
    latest_version: Annotated[int, Field(alias="latestVersion", ge=1)]


class ActivityVersion(BaseModel):
    """One version: what the activity was from a moment on."""

    version: Annotated[int, Field(ge=1)]
    name: str
    purpose: str
    legal_basis: Annotated[list[str], Field(alias="legalBasis")]
    valid_from: Annotated[datetime, Field(alias="validFrom")]


class Entity(BaseModel):
    """A party that data come from or go to."""

    id: UUID
    type: str
    name: str


def register_routes(
    engine: AsyncEngine, authenticate: Authenticate, clock: Callable[[], datetime], oin: str
) -> APIRouter:
    """The routes under `/v1/register`."""
    router = APIRouter(tags=["register"])

    async def register() -> Register:
        return await read_register(engine, clock(), oin)

    activity_path = "/register/processing-activities/{activiteit}"

    @router.get(
        activity_path,
        operation_id="leesVerwerkingsactiviteit",
        summary="Een verwerkingsactiviteit uit het register",
        description="Waar `dpl.core.processing_activity_id` van een logregel naar verwijst.",
        responses={
            **gives(200, "De activiteit.", Activity, EXAMPLE_ACTIVITY),
            **refuses(*ALWAYS, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
        },
    )
    async def activity(
        activiteit: ActivityId, _: Annotated[Caller, Depends(authenticate)]
    ) -> Response:
        found = (await register()).activities.get(str(activiteit))
        if found is None:
            raise _absent("Activiteit onbekend", "Het register kent deze activiteit niet.")
        return _told(found.resource)

    @router.get(
        f"{activity_path}/versions/{{versie}}",
        operation_id="leesVersieVanVerwerkingsactiviteit",
        summary="Eén versie van een verwerkingsactiviteit",
        description=(
            "Elke versie blijft bestaan. Bij een logregel hoort de laatste versie waarvan "
            "`validFrom` niet na het begin van die regel ligt."
        ),
        responses={
            **gives(200, "De versie.", ActivityVersion, EXAMPLE_VERSION),
            **refuses(*ALWAYS, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
        },
    )
    async def version(
        activiteit: ActivityId,
        versie: Annotated[int, Path(ge=1, le=1_000_000, description="Het nummer van de versie.")],
        _: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
        found = (await register()).activities.get(str(activiteit))
        told = None if found is None else found.versions.get(versie)
        if told is None:
            raise _absent("Versie onbekend", "Het register kent deze versie niet.")
        return _told(told)

    @router.get(
        "/register/entities/{partij}",
        operation_id="leesPartij",
        summary="Een partij uit het register",
        description="Waar `dpl.core.foreign_operation.processor` van een logregel naar verwijst.",
        responses={
            **gives(200, "De partij.", Entity, EXAMPLE_ENTITY),
            **refuses(*ALWAYS, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
        },
    )
    async def entity(
        partij: Annotated[UUID, Path(description="Het id in de verwijzing van de logregel.")],
        _: Annotated[Caller, Depends(authenticate)],
    ) -> Response:
        found = (await register()).entities.get(str(partij))
        if found is None:
            raise _absent("Partij onbekend", "Het register kent deze partij niet.")
        return _told(found)

    return router


EXAMPLE_ACTIVITY = {
    "id": "6e3ed6c1-5c31-5a57-9d10-000000000001",
    "active": True,
    "latestVersion": 2,
}
EXAMPLE_VERSION = {
    "version": 2,
    "name": "dwi-aanmelding",
    "purpose": "Huishoudens met meerdere problemen toeleiden naar een wijkteam",
    "legalBasis": ["PublicInterest"],
    "validFrom": "2026-01-01T00:00:00+00:00",
}
EXAMPLE_ENTITY = {
    "id": "6e3ed6c1-5c31-5a57-9d10-000000000002",
    "type": "Organisation",
    "name": "Dienst Werk en Inkomen",
}


def _told(resource: object) -> Response:
    return Response(orjson.dumps(resource), media_type=JSON)


def _absent(title: str, detail: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, title, detail)
