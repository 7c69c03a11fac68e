"""The partner without a format of its own: canonical JSON in, canonical JSON out.

Whoever speaks it is registered and named in the protocol, and needs no code here.
"""

from __future__ import annotations

from adapters.port import Adapter
from adapters.referral_json import JsonArrayReader, JsonLinesReader
from adapters.status_json import write_statuses

ADAPTER = Adapter(
    name="generic",
    readers={
        "application/json": JsonArrayReader,
        "application/x-ndjson": JsonLinesReader,
    },
    status_writers={"application/json": write_statuses},
)
