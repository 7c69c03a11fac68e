"""GGZ (mental health care): HL7 FHIR R4 with the Dutch nl-core profiles, or canonical JSON.

What of FHIR is spoken here, and what of it is refused: docs/partners/ggz.md.
"""

from __future__ import annotations

from adapters.ggz.capability import MEDIA_TYPE, describe
from adapters.ggz.delivery import BundleReader
from adapters.ggz.outcome import write_outcome
from adapters.ggz.task_status import write_tasks
from adapters.ggz.version import VERSION
from adapters.port import Adapter
from adapters.referral_json import JsonArrayReader, JsonLinesReader
from adapters.status_json import write_statuses

ADAPTER = Adapter(
    name="ggz",
    readers={
        MEDIA_TYPE: BundleReader,
        "application/json": JsonArrayReader,
        "application/x-ndjson": JsonLinesReader,
    },
    status_writers={MEDIA_TYPE: write_tasks, "application/json": write_statuses},
    answer_writers={MEDIA_TYPE: write_outcome},
    parameters={"fhirversion": VERSION},
    description=describe,
)
