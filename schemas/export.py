"""The public messages as JSON Schema (draft 2020-12), for partners that do not read Python.

The models are the source; `schemas/json/` holds what they say, written by
`python -m schemas.export` and compared by a test, so that a change of a public message shows itself
in review. What a schema cannot say (the eleven-test, existing dates, which fields go together) the
models check besides.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, JsonValue
from pydantic.json_schema import GenerateJsonSchema

from schemas.casework import (
    Handover,
    Move,
    OwnStatus,
    Placement,
    Signal,
    StatusMessage,
    WaitingPage,
)
from schemas.corrections import Correction, CorrectionReceipt
from schemas.deliveries import DeliveryReport, RecordOutcome
from schemas.notices import (
    Advice,
    CorrectionNotice,
    CorrectionReport,
    HeldPage,
    Recall,
    RecallReport,
)
from schemas.partner_update import PartnerUpdate
from schemas.pseudonyms import Mapping
from schemas.receipts import Answer
from schemas.referral import Referral

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).parent / "json"
_SUFFIX = ".schema.json"

PUBLIC_MESSAGES: dict[str, type[BaseModel]] = {
    "aanmelding": Referral,
    "statusbericht": StatusMessage,
    "partnerbericht": PartnerUpdate,
    "eigen-status": OwnStatus,
    "antwoord": Answer,
    "leveringsverslag": DeliveryReport,
    "recorduitkomst": RecordOutcome,
    "intrekkingsbericht": Recall,
    "kennisgeving": Advice,
    "correctiebericht": CorrectionNotice,
    "aangehouden": HeldPage,
    "correctie": Correction,
    "correctie-vastgelegd": CorrectionReceipt,
    "correctieverslag": CorrectionReport,
    "terugroepverslag": RecallReport,
    "overdracht": Handover,
    "signaal": Signal,
    "toedeling": Placement,
    "toedelingen": WaitingPage,
    "verhuizing": Move,
    "pseudoniemwissel": Mapping,
}
"""Each message by the name that partners know it by."""


class _WithoutMadeUpTitles(GenerateJsonSchema):
    """The wire names say it already; a title made from `leveringId` would read `Leveringid`."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def json_schemas() -> dict[str, dict[str, JsonValue]]:
    """Each public message's schema, by its name: as it is read, under its wire names."""
    return {name: _schema(name, model) for name, model in PUBLIC_MESSAGES.items()}


def schema_files() -> dict[str, str]:
    """The text of each schema file, by its file name."""
    return {
        name + _SUFFIX: json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in json_schemas().items()
    }


def _schema(name: str, model: type[BaseModel]) -> dict[str, JsonValue]:
    # A URN, since a schema belongs to no host: every gateway speaks the same messages.
    head: dict[str, JsonValue] = {"$schema": DIALECT, "$id": f"urn:sluis:v1:{name}"}
    return head | model.model_json_schema(
        by_alias=True, mode="validation", schema_generator=_WithoutMadeUpTitles
    )


def write(folder: Path) -> None:
    """Write the schema files, and take away those of messages that are no more."""
    folder.mkdir(exist_ok=True)
    files = schema_files()
    for stale in folder.glob(f"*{_SUFFIX}"):
        if stale.name not in files:
            stale.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write(FOLDER)
