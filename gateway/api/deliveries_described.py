"""What the routes of deliveries take, give and refuse, for the description (OpenAPI 3.1)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gateway.api.described import (
    ALWAYS,
    BODY,
    HEADERS,
    SOME_DELIVERY,
    SOME_EXCHANGE,
    Described,
    gives,
    refuses,
)
from schemas.deliveries import DeliveryReport, RecordOutcome

MAX_OUTCOMES = 1000
XML, FHIR = "application/xml", "application/fhir+json"
MAX_RECORD = 2**63 - 1
"""The largest record number that the database can compare with."""
ID = "De `leveringId` van het verslag."
PARTIAL = "application/partial-upload"


class OutcomePage(BaseModel):
    """Outcomes in a row."""

    model_config = ConfigDict(extra="forbid")

    outcomes: list[RecordOutcome] = Field(alias="uitkomsten")
    has_more: bool = Field(alias="meer")


EXAMPLE = {
    "leveringId": str(SOME_DELIVERY),
    "status": "verwerkt",
    "ontvangenOp": "2026-01-12T09:30:00Z",
    "verwerktOp": "2026-01-12T09:30:01Z",
    "bytes": 18203,
    "records": 100,
    "toegelaten": 90,
    "aangehouden": 6,
    "geweigerd": {"grondslag-niet-toegelaten": 3},
    "dubbel": 1,
    "ontbrekend": {"lid.geboortedatum: ontbreekt": 5},
    "isHerhaling": False,
}
EXAMPLE_OUTCOMES = {
    "uitkomsten": [
        {
            "record": 1,
            "regel": 2,
            "kenmerk": "DWI-2026-00017",
            "besluit": "toegelaten",
            "regelcode": "toegelaten",
            "uitwisselingId": str(SOME_EXCHANGE),
            "bevindingen": [{"regel": 2, "veld": "lid.zrm", "bevinding": "ontbreekt"}],
        }
    ],
    "meer": True,
}


def _header(name: str, meaning: str, *, is_required: bool = False) -> dict[str, object]:
    return {
        "name": name,
        "in": "header",
        "required": is_required,
        "description": meaning,
        "schema": {"type": "string"},
    }


def _nothing(status: int, meaning: str, *headers: str) -> Described:
    """An answer without a body."""
    named = {name: {"$ref": HEADERS + name} for name in headers}
    return {int(status): {"description": meaning, "headers": named}}


_UPLOAD_LENGTH = _header("Upload-Length", "Hoeveel bytes het hele bestand heeft.")
_REPR_DIGEST = _header(
    "Repr-Digest", "SHA-256 van het hele bestand (RFC 9530): sha-256=:base64:, bij een upload."
)
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FILE: dict[str, object] = {
    "parameters": [
        _header("Content-Digest", "SHA-256 van het bestand (RFC 9530): sha-256=:base64: of niets."),
        _header("Upload-Complete", "`?0` begint een upload die mag afbreken en verder kan gaan."),
        _UPLOAD_LENGTH,
        _REPR_DIGEST,
    ],
    "requestBody": {
        "required": True,
        "description": "Het bestand; welke soorten u kunt leveren hangt van uw koppeling af.",
        "content": dict.fromkeys(
            (
                "text/csv",
                "application/json",
                "application/x-ndjson",
                XML,
                FHIR,
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            ),
            _BINARY,
        ),
    },
}
_MADE: Described = {
    **gives(HTTPStatus.ACCEPTED, "Ontvangen.", DeliveryReport, EXAMPLE, headers=("Location",)),
    **gives(
        HTTPStatus.OK,
        "Al eerder ontvangen.",
        DeliveryReport,
        {**EXAMPLE, "isHerhaling": True},
        headers=("Location",),
    ),
}

TAKING: dict[str, Any] = {
    "status_code": HTTPStatus.ACCEPTED,
    "operation_id": "leverBestandAan",
    "summary": "Lever een bestand aan in uw eigen formaat",
    "description": (
        "Het bestand wordt eerst geheel ontvangen en daarna record voor record verwerkt; "
        "volg het op het adres in `Location`. Eén fout record weigert alleen zichzelf. "
        "Dezelfde bytes nog eens: hetzelfde verslag (200), zonder tweede gevolg. Met "
        "`Upload-Complete: ?0` begint een upload die mag afbreken "
        "(draft-ietf-httpbis-resumable-upload)."
    ),
    "responses": {
        **_MADE,
        **_nothing(
            HTTPStatus.CREATED,
            "De upload is begonnen; `Location` zegt waar u verdergaat.",
            *("Location", "Upload-Offset", "Upload-Complete", "Upload-Limit"),
        ),
        **refuses(*ALWAYS, *BODY, HTTPStatus.TOO_MANY_REQUESTS),
    },
    "openapi_extra": _FILE,
}
REPORT: dict[str, Any] = {
    "operation_id": "leesLeveringsverslag",
    "summary": "Hoe staat het met een levering",
    "description": "Totalen tot nu toe; de status zegt of alles is verwerkt.",
    "responses": {
        **gives(HTTPStatus.OK, "Het verslag.", DeliveryReport, EXAMPLE),
        **refuses(*ALWAYS, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
    },
}
OUTCOMES: dict[str, Any] = {
    "operation_id": "leesUitkomsten",
    "summary": "De uitkomst van elk record",
    "description": (
        "In de volgorde van het bestand. Een bevinding noemt geen waarde. Kent uw koppeling "
        "een antwoord in haar eigen formaat (iJw: het retourbericht), vraag dat met `Accept`."
    ),
    "responses": {
        **gives(
            HTTPStatus.OK,
            "Een reeks uitkomsten.",
            OutcomePage,
            EXAMPLE_OUTCOMES,
            also={
                XML: "Het retourbericht (iJw), als uw koppeling dat heeft.",
                FHIR: "Het antwoord op uw Bundle (HL7 FHIR R4), als uw koppeling dat heeft.",
            },
        ),
        **refuses(
            *ALWAYS,
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.NOT_ACCEPTABLE,
            HTTPStatus.CONFLICT,
        ),
    },
}
LIMITS: dict[str, Any] = {
    "status_code": HTTPStatus.NO_CONTENT,
    "operation_id": "leesUploadgrenzen",
    "summary": "Of en hoe groot u in delen kunt leveren",
    "description": "De grenzen staan in `Upload-Limit`.",
    "responses": {
        **_nothing(HTTPStatus.NO_CONTENT, "De grenzen.", "Upload-Limit"),
        **refuses(*ALWAYS),
    },
}
STANDING: dict[str, Any] = {
    "status_code": HTTPStatus.NO_CONTENT,
    "operation_id": "leesUploadstand",
    "summary": "Tot waar een upload is ontvangen",
    "description": (
        "De bytes tot `Upload-Offset` zijn vastgelegd. Een verzoek dat nog bytes stuurt, wordt "
        "hiermee beëindigd."
    ),
    "responses": {
        **_nothing(
            HTTPStatus.NO_CONTENT,
            "De stand.",
            *("Upload-Offset", "Upload-Complete", "Upload-Limit"),
        ),
        **refuses(*ALWAYS, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
    },
}
APPENDING: dict[str, Any] = {
    "status_code": HTTPStatus.NO_CONTENT,
    "operation_id": "vulUploadAan",
    "summary": "Ga verder met een upload",
    "description": (
        "De bytes vanaf `Upload-Offset`. Met `Upload-Complete: ?1` zijn het de laatste; het "
        "antwoord is dan dat van de levering. Wat bij een afgebroken verzoek aankwam, telt mee."
    ),
    "responses": {
        **_MADE,
        **_nothing(
            HTTPStatus.NO_CONTENT,
            "Toegevoegd; er moet nog meer komen.",
            *("Upload-Offset", "Upload-Complete", "Upload-Limit"),
        ),
        **refuses(*ALWAYS, *BODY, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    },
    "openapi_extra": {
        "parameters": [
            _header("Upload-Offset", "Waar deze bytes beginnen.", is_required=True),
            _header("Upload-Complete", "`?1` als dit de laatste zijn.", is_required=True),
            _UPLOAD_LENGTH,
            _header("Content-Digest", "SHA-256 van deze bytes (RFC 9530): sha-256=:base64:."),
            _REPR_DIGEST,
        ],
        "requestBody": {
            "required": True,
            "description": "Een aaneengesloten deel van het bestand; mag leeg zijn.",
            "content": {PARTIAL: _BINARY},
        },
    },
}
CANCELLING: dict[str, Any] = {
    "status_code": HTTPStatus.NO_CONTENT,
    "operation_id": "annuleerUpload",
    "summary": "Geef een upload op",
    "description": "Wat ervan was ontvangen, wordt verwijderd.",
    "responses": {
        **_nothing(HTTPStatus.NO_CONTENT, "Opgegeven."),
        **refuses(*ALWAYS, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
    },
}
UPLOAD_ID = "Het laatste deel van het adres in `Location` van de upload."
