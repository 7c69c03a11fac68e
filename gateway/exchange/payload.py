"""From opened parts to what a recipient reads: a CloudEvent (NL GOV profile 1.1).

`subject` bears the recipient's pseudonym and never a BSN; no organisation's name stands in `type`.
The fragments inside parts are JSON members already, so a payload is put together, not parsed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from gateway.exchange.recording import ACCOUNTABILITY, REFERRAL, STATUS

TYPE_PREFIX = b"nl.sluis."
TYPE_REFERRAL = b"nl.sluis.aanmelding"
TYPE_STATUS = b"nl.sluis.statusbericht"
TYPE_ACCOUNTABILITY = b"nl.sluis.verantwoording"
_TYPES = {REFERRAL: TYPE_REFERRAL, STATUS: TYPE_STATUS, ACCOUNTABILITY: TYPE_ACCOUNTABILITY}
TYPE_LAPSED = b"nl.sluis.vervallen"


def event(
    source: bytes,
    exchange: UUID,
    kind: int,
    position: int,
    received_at: datetime,
    pseudonym: str,
    data: bytes,
) -> bytes:
    """One message as it leaves."""
    return (
        b'{"specversion":"1.0","id":"%b","source":"%b","type":"%b","subject":"%b","time":"%b",'
        b'"sequence":"%d","datacontenttype":"application/json","data":%b}'
    ) % (
        str(exchange).encode("ascii"),
        source,
        _TYPES[kind],
        pseudonym.encode("ascii"),
        _time(received_at),
        position,
        data,
    )


def notice(
    source: bytes, exchange: UUID, kind: str, position: int, queued_at: datetime, data: bytes
) -> bytes:
    """A notice as it leaves: of no one person, so without a subject."""
    return (
        b'{"specversion":"1.0","id":"%b","source":"%b","type":"%b%b","time":"%b",'
        b'"sequence":"%d","datacontenttype":"application/json","data":%b}'
    ) % (
        str(exchange).encode("ascii"),
        source,
        TYPE_PREFIX,
        kind.encode("ascii"),
        _time(queued_at),
        position,
        data,
    )


def is_status(event: bytes) -> bool:
    """Whether an event is a status message."""
    return b'"type":"' + TYPE_STATUS + b'"' in event[:300]


def tombstone(source: bytes, exchange: UUID, position: int, received_at: datetime) -> bytes:
    """What stands where a message was purged: its place, and nothing of it."""
    return (
        b'{"specversion":"1.0","id":"%b","source":"%b","type":"%b","time":"%b","sequence":"%d"}'
    ) % (str(exchange).encode("ascii"), source, TYPE_LAPSED, _time(received_at), position)


def as_json_array(events: Sequence[bytes]) -> bytes:
    """A page as one JSON array."""
    return b"[" + b",".join(events) + b"]"


def as_ndjson(events: Sequence[bytes]) -> bytes:
    """A page as one event a line."""
    return b"\n".join(events) + b"\n" if events else b""


def _time(moment: datetime) -> bytes:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode("ascii")
