"""The small forms in which what is kept of persons stands, for who seals and for who opens.

The road seals (`gateway.exchange`); after a breach the report opens what is still there
(`gateway.reports`). A sealed thing opens in its own place only, so the places stand here, with how
a member's box is put together and what the birth dates of a person's row look like.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import orjson

from gateway.vault.boxes import DataKey, SealBrokenError
from schemas.fields import Place
from schemas.identifiers import PartialDate

FIELD, NEXT = b"\x1f", b"\x1e"
"""Between the places of a box, and between the parts of one place: JSON holds neither unescaped."""
ORDER = (Place.MEMBER, Place.ZRM, Place.HOUSEHOLD, Place.REFERRAL)
"""The places of a box after its head, which names their categories."""


def bound_to(exchange: bytes, member: int) -> bytes:
    """The associated data of one member's box: it opens in this place only."""
    return b"%b%d" % (exchange, member)


def bound_reference(exchange: bytes) -> bytes:
    """The associated data of a sealed sender's reference."""
    return exchange + b"kenmerk"


def slot_of(content: bytes, place: Place) -> bytes:
    """What a box holds at one place, its parts apart by `NEXT`; nothing where it has none."""
    slots = content.split(FIELD)
    number = 1 + ORDER.index(place)
    return slots[number] if len(slots) > number else b""


def seal_births(subject: UUID, key: DataKey, births: Sequence[PartialDate], nonce: bytes) -> bytes:
    """Birth dates as they stand on a person's row."""
    written = orjson.dumps([born.reveal() for born in births])
    return key.seal(written, _bound_facts(subject), nonce)


def open_births(subject: UUID, key: DataKey, sealed: bytes | None) -> tuple[PartialDate, ...]:
    """The birth dates of a person's row; what is damaged is unknown (invariant 9)."""
    if sealed is None:
        return ()
    try:
        written = orjson.loads(key.open(sealed, _bound_facts(subject)))
    except SealBrokenError:
        return ()
    return tuple(PartialDate(text) for text in written)


def _bound_facts(subject: UUID) -> bytes:
    return subject.bytes + b"feiten"
