"""The entries of the processing log (*verwerkingen*): what happened, under which rule, to whom.

The vocabulary is that of Logboek Dataverwerkingen: `traceId`, `spanId`, `startTime`, `endTime`
(milliseconds since 1970), `status`, and `dpl.core.processing_activity_id`. An entry holds no
content, no user and no personal value: each data subject stands in it as a commitment of its own,
under a key made from the subject's data key and the entry's id, which nobody can open
once the data key is destroyed (invariants 5 and 10). The bytes are canonical JSON (RFC 8785).
"""

from __future__ import annotations

import hashlib
import hmac
from binascii import b2a_base64
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import orjson

from gateway.audit.entry import encode_entry
from gateway.vault.boxes import DataKey

VERSION = 1
_COMMIT = b"sluis-commitment-v1\x00"


class Event(StrEnum):
    """What an entry records."""

    DECISION = "besluit"
    DISCLOSURE = "verstrekking"
    ACKNOWLEDGEMENT = "ontvangst"
    CONSENT = "instemming"
    TAKEN_BACK = "teruggenomen"
    DAMAGED = "beschadigd"
    PURGE = "verwijdering"
    ERASURE = "vernietiging"
    ERASURE_DECISION = "vernietigingsbesluit"
    KEY_DESTROYED = "sleutelvernietiging"
    UNREADABLE = "weigering-onleesbaar"
    AUTHORITY = "gezag"
    LAPSE = "vervallen"
    CORRECTION = "correctie"
    NOTICE = "kennisgeving"
    PROTOCOL = "protocol"
    REVIEW = "beoordeling"
    READING = "inzage"
    DISCLOSURE_DECISION = "inzagebesluit"
    SAFE_CONTACT = "veilig-contact"
    REGISTRATION = "registratie"
    PLACEMENT = "toedeling"
    MOVE = "verhuizing"
    PREDECESSOR = "voorganger"
    SUCCESSION = "opvolging"
    ACCESS = "toegang"
    PSEUDONYM_EPOCH = "pseudoniemwissel"


class Trace(NamedTuple):
    """W3C trace context of the work that an entry records: 32 and 16 hexadecimal digits.

    `caller_span` is the span of whoever called us, where a request brought one.
    """

    trace_id: str
    span_id: str
    caller_span: str | None = None


class RuleFacts:
    """What every entry under one flow says of protocol and locks, serialised once."""

    __slots__ = ("_static", "activity", "flow", "fragment")

    def __init__(
        self,
        *,
        flow: str | None,
        activity: str,
        protocol_version: str,
        protocol_digest: bytes,
        locks: dict[str, str],
    ) -> None:
        self.flow = flow
        self.activity = activity
        self._static: dict[str, object] = {
            "attributes": {"dpl.core.processing_activity_id": activity},
            "flow": flow,
            "locks": locks,
            "protocol": {"digest": protocol_digest.hex(), "version": protocol_version},
            "v": VERSION,
        }
        self.fragment = {
            name: orjson.Fragment(encode_entry({"x": value})[5:-1])
            for name, value in self._static.items()
        }


class EntryHead(NamedTuple):
    """What an entry says of one event, apart from rule and subjects."""

    id: UUID
    event: Event
    trace: Trace
    exchange: UUID | None
    started: int
    ended: int
    is_error: bool = False


def commitment(key: DataKey, entry: UUID, subject: UUID) -> str:
    """One subject's commitment in one entry: 32 bytes in base64.

    SHA-256 over the entry key, HMAC(data key, label + entry id), and the subject id: 256 secret
    bits blind it. To open it, show these two; the data key and every other entry stay closed.
    """
    digest = hashlib.sha256(entry_key(key, entry) + subject.bytes).digest()
    return b2a_base64(digest, newline=False).decode("ascii")


def entry_key(key: DataKey, entry: UUID) -> bytes:
    """What opens one person's commitment in one entry, with their subject id: 32 bytes."""
    return hmac.digest(key.commitments, _COMMIT + entry.bytes, "sha256")


def field_names(paths: tuple[str, ...]) -> orjson.Fragment:
    """A list of field paths as JSON; the same lists recur, so they are kept."""
    known = _FIELD_NAMES.get(paths)
    if known is None:
        if len(_FIELD_NAMES) >= _FIELD_NAMES_BOUND:
            _FIELD_NAMES.clear()
        known = _FIELD_NAMES[paths] = orjson.Fragment(orjson.dumps(list(paths)))
    return known


_FIELD_NAMES: dict[tuple[str, ...], orjson.Fragment] = {}
_FIELD_NAMES_BOUND = 4096


def write_entry(
    head: EntryHead, rule: RuleFacts, subjects: Sequence[str], details: dict[str, object]
) -> bytes:
    """The entry's canonical bytes. `details` are the event's own members, ASCII keys only.

    The fragments inside are canonical already, so one sorted pass gives the canonical whole;
    a test compares it with an independent RFC 8785 implementation.
    """
    caller = head.trace.caller_span
    return orjson.dumps(
        {
            **rule.fragment,
            **details,
            **({} if caller is None else {"parentSpanId": caller}),
            "endTime": head.ended,
            "event": head.event,
            "exchange": None if head.exchange is None else str(head.exchange),
            "id": str(head.id),
            "spanId": head.trace.span_id,
            "startTime": head.started,
            "status": "Error" if head.is_error else "Ok",
            "subjects": subjects,
            "traceId": head.trace.trace_id,
        },
        option=orjson.OPT_SORT_KEYS,
    )
