"""OKT (Ouder- en Kindteams): iJw 3.2 with its retours, in a GGk envelope or not; canonical JSON.

iJw is the traffic of youth help between municipality and provider and no hand-over between teams:
docs/partners/okt.md says what of a hand-over it carries and what it does not.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lxml import etree

from adapters.okt.ijw_types import MESSAGES
from adapters.okt.reader import IjwReader
from adapters.okt.retour import write_retour
from adapters.port import Adapter
from adapters.referral_json import JsonArrayReader, JsonLinesReader
from adapters.status_json import write_statuses


def load_schemas(folder: Path) -> dict[str, etree.XMLSchema]:
    """The messages' official XSDs by kind. Raises `OSError` if one is absent."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return {
        kind: etree.XMLSchema(etree.parse(str(folder / f"JW{kind}.xsd"), parser))
        for kind in MESSAGES
    }


def adapter(ijw_schemas: Path | None = None) -> Adapter:
    """The adapter; with the folder of iJw 3.2's XSDs, messages are held to those as well."""
    schemas = None if ijw_schemas is None else load_schemas(ijw_schemas)
    return Adapter(
        name="okt",
        readers={
            "application/json": JsonArrayReader,
            "application/x-ndjson": JsonLinesReader,
            "application/xml": partial(IjwReader, schemas=schemas),
        },
        status_writers={"application/json": write_statuses},
        answer_writers={"application/xml": write_retour},
    )


ADAPTER = adapter()
