"""OKT (Ouder- en Kindteams): iJw 3.2 with its retours, in a GGk envelope or not; canonical JSON.

iJw is the traffic of youth help between municipality and provider and no hand-over between teams:
docs/partners/okt.md says what of a hand-over it carries and what it does not.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from adapters.hostile_xml import load_schema
from adapters.okt.ijw_types import MESSAGES
from adapters.okt.reader import IjwReader
from adapters.okt.retour import write_retour
from adapters.port import Adapter
from adapters.referral_json import JsonArrayReader, JsonLinesReader
from adapters.status_json import write_statuses

AMSTERDAM = "0363"


def adapter(ijw_schemas: Path | None = None, municipality: str = AMSTERDAM) -> Adapter:
    """The adapter of one municipality, by its CBS code.

    With the folder of iJw 3.2's XSDs, messages are held to those as well. Raises
    `UnusableSchemaError`.
    """
    schemas = None
    if ijw_schemas is not None:
        schemas = {kind: load_schema(ijw_schemas / f"JW{kind}.xsd") for kind in MESSAGES}
    return Adapter(
        name="okt",
        readers={
            "application/json": JsonArrayReader,
            "application/x-ndjson": JsonLinesReader,
            "application/xml": partial(IjwReader, municipality=municipality, schemas=schemas),
        },
        status_writers={"application/json": write_statuses},
        answer_writers={"application/xml": write_retour},
    )


ADAPTER = adapter()
