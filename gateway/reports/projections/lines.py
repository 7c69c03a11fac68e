"""A log line as Logboek Dataverwerkingen has it: one action, about one data subject or none.

Rules: the standard's table of fields (specificaties, "Component: Logboek", interface). Times are
milliseconds since 1970; `status` is `Unset`, `Ok` or `Error`; attributes are those of an adopted
namespace and no others. Whatever a receiver wants of the line it makes from this.

Span ids follow from the entry's id alone, so that an entry that is projected twice, by whichever
replica or after whichever crash, bears the same ones, and whoever holds the log can recompute them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

from consent.processing_register import register_id

Scalar = str | int | bool
Attribute = Scalar | Sequence[Mapping[str, Scalar]]
"""A value of an attribute; lists of objects are what the NEN 7513 extension asks for."""

ACTIVITY = "dpl.core.processing_activity_id"
SUBJECT = "dpl.core.data_subject_id"
SUBJECT_TYPE = "dpl.core.data_subject_id_type"
PROCESSOR = "dpl.core.foreign_operation.processor"

_SPAN = b"sluis-span-v1\x00"


class Status(StrEnum):
    """How an action went; an error is ours, and never what was wrong with what somebody sent."""

    UNSET = "Unset"
    OK = "Ok"
    ERROR = "Error"


@dataclass(frozen=True, slots=True)
class Line:
    """One line."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    status: Status
    name: str
    start_time: int
    end_time: int
    attributes: Mapping[str, Attribute]
    resource: Mapping[str, Scalar]

    @property
    def is_about_a_person(self) -> bool:
        """Whether it names a data subject."""
        return SUBJECT in self.attributes


@dataclass(frozen=True, slots=True)
class Links:
    """Where the register of processing activities is served: below the gateway's own address."""

    base_url: str

    def activity(self, name: str) -> str:
        """The activity with this URI; its versions lie below it."""
        return f"{self.base_url}/v1/register/processing-activities/{_id_of(name)}"

    def entity(self, party: str) -> str:
        """A party: a partner, or the gateway."""
        return f"{self.base_url}/v1/register/entities/{_id_of(party)}"


@lru_cache(maxsize=1024)
def _id_of(name: str) -> str:
    """The same few recur in every line."""
    return register_id(name)


def span_of(entry: UUID, ordinal: int = 0) -> str:
    """The span id of an entry's line: 0 is the entry's own, 1 and on its data subjects'."""
    digest = hashlib.sha256(_SPAN + entry.bytes + ordinal.to_bytes(4, "big")).digest()
    return digest[:8].hex()


def trace_key(trace_id: str) -> int:
    """The first eight bytes of a trace id, as the index keeps them."""
    return int.from_bytes(bytes.fromhex(trace_id)[:8], "big", signed=True)
