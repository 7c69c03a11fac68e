"""`GET /v1/openapi.json`: what the gateway can do, for programs (OpenAPI 3.1, in Dutch).

Made once, from the routes and from the models that really read and write. FastAPI's own draft is
finished here as the NL GOV REST API Design Rules 2.2 ask: the version stands in the server's
address and in a header of every answer, every error is a problem, there is no 422, and anybody,
also a page of another origin, may read it (/core/publish-openapi).
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.responses import Response

from gateway.api.described import HEADERS, JSON, SCHEMAS, ProblemDetails
from gateway.api.wording import WORDING
from gateway.identity.desk import TOKEN_PATH

VERSION = "1.0.0"
PREFIX = "/v1"
CONTACT = {
    "name": "Beheerder van deze gateway",
    "url": "https://voorbeeld.nl",
    "email": "beheer@voorbeeld.nl",
}
TAGS = {
    "berichten": "Losse berichten: aanmeldingen en statusberichten.",
    "leveringen": "Bestanden met aanmeldingen, in uw eigen formaat.",
    "postvak": "Ophalen wat voor u klaarstaat, en bevestigen dat u het heeft.",
    "toestemmingen": "Vastleggen en intrekken van instemming; werkt meteen.",
    "aangehouden": "Uw eigen berichten die op instemming wachten.",
    "veilig contact": "Wie nooit over een persoon mag worden ingelicht.",
    "correcties": "Rechten van betrokkenen, en wat verkeerd was gestuurd.",
    "toedeling": "Bij welk team een huishouden hoort, en wat er gebeurt als het verhuist.",
    "registraties": "Wie een ontvanger al kent.",
    "protocol": "De regels die gelden.",
    "logboek": "Het bewijs, om zelf te controleren (C2SP tlog-tiles, RFC 6962).",
    "register": "Het register van verwerkingsactiviteiten waar logregels naar verwijzen.",
}
_HEADERS = {
    "API-Version": ("De volledige versie van de API.", VERSION),
    "Retry-After": ("Na hoeveel seconden u het opnieuw kunt proberen.", "2"),
    "WWW-Authenticate": ("Hoe u zich aanmeldt (RFC 6750).", 'Bearer realm="sluis"'),
    "Location": ("Waar de levering te volgen is.", "/v1/leveringen/{levering_id}"),
    "Upload-Offset": ("Hoeveel bytes van het bestand zijn vastgelegd.", "26214400"),
    "Upload-Complete": ("Of het hele bestand er is: ?1 of ?0.", "?0"),
    "Upload-Limit": ("De grenzen, in bytes en seconden.", "max-size=1073741824, max-age=86400"),
    "Sluis-Volgende": ("De cursor na deze pagina.", "AAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAA"),
    "Sluis-Ontvangstbewijs": ("Het antwoord met ontvangstbewijs als JSON, in base64.", "e30="),
    "Sluis-Overig": ("Hoeveel berichten van de pagina het bestand niet kan bevatten.", "0"),
    "Sluis-Meer": ("Of er na deze pagina nog berichten zijn: ja of nee.", "nee"),
}


def description_route(app: FastAPI, base_url: str, models: list[type[BaseModel]]) -> APIRouter:
    """The route that serves the description of `app`, for everybody."""
    router = APIRouter(include_in_schema=False)
    made: list[bytes] = []
    making = asyncio.Lock()

    def make() -> bytes:
        return orjson.dumps(describe(app, base_url, models))

    @router.get("/openapi.json")
    async def openapi() -> Response:
        async with making:
            if not made:
                # It takes a while; beside the event loop, so that everybody else is answered.
                made.append(await asyncio.to_thread(make))
        headers = {"Access-Control-Allow-Origin": "*"}
        return Response(made[0], headers=headers, media_type=JSON)

    return router


def describe(app: FastAPI, base_url: str, models: list[type[BaseModel]]) -> dict[str, Any]:
    """The OpenAPI document; `models` are what routes name by `described.reference`."""
    document = get_openapi(
        title=app.title,
        version=VERSION,
        description=app.description,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        license_info=app.license_info,
        servers=[{"url": f"{base_url}{PREFIX}"}],
    )
    document["info"]["contact"] = CONTACT
    # The server's address bears the version, so that the paths need not.
    document["paths"] = {
        path.removeprefix(PREFIX): operations for path, operations in document["paths"].items()
    }
    for operations in document["paths"].values():
        for operation in operations.values():
            _finish(operation)
    components = document["components"]
    for scheme in components["securitySchemes"].values():
        scheme["flows"]["clientCredentials"]["tokenUrl"] = f"{base_url}{TOKEN_PATH}"
    components["schemas"] = _schemas([*models, ProblemDetails])
    components["headers"] = {
        name: {"description": text, "schema": {"type": "string"}, "example": example}
        for name, (text, example) in _HEADERS.items()
    }
    return document


def _finish(operation: dict[str, Any]) -> None:
    """One operation: without FastAPI's 422, with the version on each answer."""
    answers = operation["responses"]
    answers.pop("422", None)
    operation["responses"] = {status: answers[status] for status in sorted(answers)}
    for answer in answers.values():
        answer.setdefault("headers", {})["API-Version"] = {"$ref": f"{HEADERS}API-Version"}
    for parameter in operation.get("parameters", []):
        parameter["schema"].pop("title", None)


def _schemas(models: list[type[BaseModel]]) -> dict[str, Any]:
    """Every model with those inside it, under their Dutch names."""
    _, found = models_json_schema(
        [(model, "validation") for model in models], by_alias=True, ref_template=SCHEMAS
    )
    schemas: dict[str, Any] = {}
    for english, draft in found["$defs"].items():
        wording = WORDING[english]
        schema = schemas[wording.name] = _renamed(draft)
        schema["description"] = wording.meaning
        for name, field in schema.get("properties", {}).items():
            field.pop("description", None)
            if name in wording.fields:
                field["description"] = wording.fields[name]
    return dict(sorted(schemas.items()))


def _renamed(schema: Any) -> Any:
    """A schema whose references bear Dutch names, without the titles that were made up."""
    if isinstance(schema, list):
        return [_renamed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    renamed = {
        key: _renamed(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
    }
    if isinstance(place := renamed.get("$ref"), str):
        renamed["$ref"] = SCHEMAS.format(model=WORDING[place.rpartition("/")[2]].name)
    return renamed
