"""What runs beside the road: the protocol in force, health, and metrics."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.callers import Authenticate
from gateway.api.described import ALWAYS, gives, refuses
from gateway.api.problems import Problem
from gateway.identity.tokens import Caller
from gateway.telemetry import Telemetry

InForce = Callable[[], Awaitable[tuple[str, bytes, datetime, str]]]
"""Version, digest, moment and text of the protocol in force."""


class ProtocolInForce(BaseModel):
    """The rules as they hold."""

    model_config = ConfigDict(extra="forbid")

    version: str = Field(alias="versie")
    digest: str = Field(alias="digest", pattern="^[0-9a-f]{64}$")
    since: datetime = Field(alias="vanKrachtSinds")
    text: str = Field(alias="tekst")


EXAMPLE = {
    "versie": "2026.1-voorbeeld",
    "digest": "2a0a907f1c875388582ef5c4c93752d21d57a87914ff67911837" + "6c53354c91f1",
    "vanKrachtSinds": "2026-01-01T00:00:00Z",
    "tekst": '[protocol]\nversie = "2026.1-voorbeeld"\n',
}


def service_routes(protocol: InForce, authenticate: Authenticate) -> APIRouter:
    """`/v1/protocol`: every partner may read the rules that it falls under."""
    router = APIRouter(tags=["protocol"])

    @router.get(
        "/protocol",
        operation_id="leesProtocol",
        summary="Het privacyprotocol dat van kracht is",
        description="Alle stromen met hun doel, grondslag en velden, zoals de gateway ze toepast.",
        responses={
            **gives(HTTPStatus.OK, "Het protocol.", ProtocolInForce, EXAMPLE),
            **refuses(*ALWAYS),
        },
    )
    async def in_force(_: Annotated[Caller, Depends(authenticate)]) -> Response:
        version, digest, since, text = await protocol()
        body = {
            "versie": version,
            "digest": digest.hex(),
            "vanKrachtSinds": since,
            "tekst": text,
        }
        return Response(orjson.dumps(body), media_type="application/json")

    return router


def health_routes(unready: Callable[[], Awaitable[str | None]], telemetry: Telemetry) -> APIRouter:
    """For the operator's probes; they name no partner and no number of persons.

    `unready` says why nothing can be served, or None.
    """
    router = APIRouter(tags=["beheer"], include_in_schema=False)

    @router.get("/health/live")
    async def live() -> Response:
        return Response(orjson.dumps({"status": "live"}), media_type="application/json")

    @router.get("/health/ready")
    async def ready() -> Response:
        if (why := await unready()) is not None:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Niet gereed",
                why,
                headers={"Retry-After": "2"},
            )
        return Response(orjson.dumps({"status": "ready"}), media_type="application/json")

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(telemetry.metrics(), media_type="text/plain; version=0.0.4")

    return router
