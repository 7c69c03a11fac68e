"""DWI (Dienst Werk en Inkomen): deliveries as CSV, canonical JSON or wrapped SuwiML, statuses back.

The original module's format is not public; docs/partners/dwi.md describes what is spoken here.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from adapters.dwi.suwi import ANSWER_SCHEMA, SuwiReader
from adapters.dwi.values import COLUMNS
from adapters.hostile_xml import load_schema
from adapters.port import Adapter
from adapters.referral_json import JsonArrayReader, JsonLinesReader
from adapters.status_json import write_statuses as write_json
from adapters.tabular.delivery_csv import CsvReader
from adapters.tabular.status_csv import write_statuses as write_csv


def adapter(suwi_schema: Path | None = None) -> Adapter:
    """The adapter; with BKWI's folder `Bijstandsregelingen`, SuwiML is held to its XSDs as well.

    Raises `UnusableSchemaError`.
    """
    schema = None if suwi_schema is None else load_schema(suwi_schema / ANSWER_SCHEMA)
    return Adapter(
        name="dwi",
        readers={
            "text/csv": partial(CsvReader, columns=COLUMNS),
            "application/json": JsonArrayReader,
            "application/x-ndjson": JsonLinesReader,
            "application/xml": partial(SuwiReader, schema=schema),
        },
        status_writers={"text/csv": write_csv, "application/json": write_json},
    )


ADAPTER = adapter()
