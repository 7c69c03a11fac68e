"""Which adapter speaks for which partner format: the only module that names them all."""

from __future__ import annotations

from adapters import canonical, dwi, ggz, okt, professional
from adapters.port import Adapter

ADAPTERS: dict[str, Adapter] = {
    adapter.name: adapter
    for adapter in (canonical.ADAPTER, dwi.ADAPTER, ggz.ADAPTER, okt.ADAPTER, professional.ADAPTER)
}
