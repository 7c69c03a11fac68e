"""Which adapter speaks for which partner format: the only module that names them all."""

from __future__ import annotations

from pathlib import Path

from adapters import canonical, dwi, ggz, okt, professional
from adapters.port import Adapter


def adapters(
    *,
    municipality: str = okt.AMSTERDAM,
    ijw_schemas: Path | None = None,
    suwi_schemas: Path | None = None,
) -> dict[str, Adapter]:
    """Every adapter by its name, held to the official XSDs where their folders are given.

    Raises `hostile_xml.UnusableSchemaError`.
    """
    made = (
        canonical.ADAPTER,
        dwi.adapter(suwi_schemas),
        ggz.ADAPTER,
        okt.adapter(ijw_schemas, municipality),
        professional.ADAPTER,
    )
    return {adapter.name: adapter for adapter in made}


ADAPTERS = adapters()
"""Those of a gateway with which nothing was set."""
