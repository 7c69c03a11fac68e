"""What runs beside the road: the protocol in force, health, and metrics."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Response

from gateway.api.callers import Authenticate
from gateway.api.problems import Problem
from gateway.identity.tokens import Caller
from gateway.telemetry import Telemetry

ProtocolInForce = Callable[[], Awaitable[tuple[str, bytes, datetime, str]]]
"""Version, digest, moment and text of the protocol in force."""


def service_routes(protocol: ProtocolInForce, authenticate: Authenticate) -> APIRouter:
    """`/v1/protocol`: every partner may read the rules that it falls under."""
    router = APIRouter(tags=["protocol"])

    @router.get("/protocol", summary="Het privacyprotocol dat van kracht is")
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


def health_routes(is_ready: Callable[[], Awaitable[bool]], telemetry: Telemetry) -> APIRouter:
    """For the operator's probes; they name no partner and no number of persons."""
    router = APIRouter(tags=["beheer"], include_in_schema=False)

    @router.get("/health/live")
    async def live() -> Response:
        return Response(orjson.dumps({"status": "live"}), media_type="application/json")

    @router.get("/health/ready")
    async def ready() -> Response:
        if not await is_ready():
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Niet gereed",
                "De database antwoordt niet.",
                headers={"Retry-After": "2"},
            )
        return Response(orjson.dumps({"status": "ready"}), media_type="application/json")

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(telemetry.metrics(), media_type="text/plain; version=0.0.4")

    return router
