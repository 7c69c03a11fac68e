"""From opened parts to what a recipient reads: a CloudEvent (NL GOV profile 1.1).

`subject` bears the recipient's pseudonym and never a BSN; no organisation's name stands in `type`.
The fragments inside parts are JSON members already, so a payload is put together, not parsed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from gateway.exchange.recording import ACCOUNTABILITY, PARTNER_UPDATE, REFERRAL, STATUS

TYPE_PREFIX = b"nl.sluis."
TYPE_REFERRAL = b"nl.sluis.aanmelding"
TYPE_STATUS = b"nl.sluis.statusbericht"
TYPE_ACCOUNTABILITY = b"nl.sluis.verantwoording"
TYPE_PARTNER_UPDATE = b"nl.sluis.partnerbericht"
_TYPES = {
    REFERRAL: TYPE_REFERRAL,
    STATUS: TYPE_STATUS,
    ACCOUNTABILITY: TYPE_ACCOUNTABILITY,
    PARTNER_UPDATE: TYPE_PARTNER_UPDATE,
}
JSON, JOSE = b"application/json", b"application/jose"
"""Media types of `data`: as it is, and sealed as a compact JWE, a JSON string."""
TYPE_LAPSED = b"nl.sluis.vervallen"
TYPE_PROBE = b"nl.sluis.proef"


def event(
    source: bytes,
    exchange: UUID,
    kind: int,
    position: int,
    received_at: datetime,
    pseudonym: str,
    data: bytes,
    form: bytes = JSON,
) -> bytes:
    """One message as it leaves; `form` is the media type of its data."""
    return (
        b'{"specversion":"1.0","id":"%b","source":"%b","type":"%b","subject":"%b","time":"%b",'
        b'"sequence":"%d","datacontenttype":"%b","data":%b}'
    ) % (
        str(exchange).encode("ascii"),
        source,
        _TYPES[kind],
        pseudonym.encode("ascii"),
        _time(received_at),
        position,
        form,
        data,
    )


def notice(
    source: bytes,
    exchange: UUID,
    kind: str,
    position: int,
    queued_at: datetime,
    data: bytes,
    media_type: bytes = JSON,
) -> bytes:
    """A notice as it leaves: of no one person, so without a subject."""
    return (
        b'{"specversion":"1.0","id":"%b","source":"%b","type":"%b%b","time":"%b",'
        b'"sequence":"%d","datacontenttype":"%b","data":%b}'
    ) % (
        str(exchange).encode("ascii"),
        source,
        TYPE_PREFIX,
        kind.encode("ascii"),
        _time(queued_at),
        position,
        media_type,
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


def probe(source: bytes, id_: UUID, now: datetime) -> bytes:
    """What only asks whether an endpoint answers: nobody's, and of no place in the mailbox."""
    return b'{"specversion":"1.0","id":"%b","source":"%b","type":"%b","time":"%b"}' % (
        str(id_).encode("ascii"),
        source,
        TYPE_PROBE,
        _time(now),
    )


def as_json_array(events: Sequence[bytes]) -> bytes:
    """A page as one JSON array."""
    return b"[" + b",".join(events) + b"]"


def as_ndjson(events: Sequence[bytes]) -> bytes:
    """A page as one event a line."""
    return b"\n".join(events) + b"\n" if events else b""


def _time(moment: datetime) -> bytes:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode("ascii")
