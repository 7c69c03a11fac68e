"""What stands inside one member's box: their parts, ready to put together, categories apart.

    categories FS member FS zrm FS household FS referral

Parts of one place are joined by a separator that JSON cannot hold unescaped, so that handing over
is one replacement a place, while a single category can still be taken out without the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from consent.minimise import Part
from gateway.vault import kept_forms
from schemas.fields import PLACES, Place

_FIELD, _NEXT, _COMMA, _ORDER = kept_forms.FIELD, kept_forms.NEXT, b",", kept_forms.ORDER
# Other messages have one place only; their parts stand where a referral's own would.
_SLOT = {
    category: _ORDER.index(place if place in _ORDER else Place.REFERRAL)
    for category, place in PLACES.items()
}
_SLOT_AND_NAME = {category: (slot, category.encode("ascii")) for category, slot in _SLOT.items()}


def pack(parts: Iterable[Part]) -> bytes:
    """One member's parts as the content of a box."""
    slots: tuple[list[bytes], ...] = ([], [], [], [])
    names: tuple[list[bytes], ...] = ([], [], [], [])
    for _, category, fragment in parts:
        slot, name = _SLOT_AND_NAME[category]
        slots[slot].append(fragment)
        names[slot].append(name)
    heads = _NEXT.join([name for group in names for name in group])
    return _FIELD.join([heads, *[_NEXT.join(slot) for slot in slots]])


def unpack(member: int, content: bytes) -> list[Part]:
    """The parts of one opened box, categories apart again."""
    heads, *slots = content.split(_FIELD)
    names = iter(heads.split(_NEXT) if heads else ())
    return [
        Part(member, next(names).decode("ascii"), fragment)
        for slot in slots
        if slot
        for fragment in slot.split(_NEXT)
    ]


def categories_of(contents: Sequence[bytes]) -> tuple[str, ...]:
    """The categories that these boxes hold, sorted."""
    heads = tuple(content.partition(_FIELD)[0] for content in contents)
    known = _KNOWN_HEADS.get(heads)
    if known is None:
        if len(_KNOWN_HEADS) >= _KNOWN_HEADS_BOUND:
            _KNOWN_HEADS.clear()
        names = {name for head in heads if head for name in head.split(_NEXT)}
        known = tuple(sorted(name.decode("ascii") for name in names))
        _KNOWN_HEADS[heads] = known
    return known


_KNOWN_HEADS: dict[tuple[bytes, ...], tuple[str, ...]] = {}
_KNOWN_HEADS_BOUND = 4096


def status_data(contents: Sequence[bytes]) -> bytes:
    """The data of a status message: one box, one place."""
    return b"{%b}" % contents[0].split(_FIELD)[4].replace(_NEXT, _COMMA)


KNOWN = b'"reedsBekend":null'
"""What a part holds in the place of what is known when it is handed over; no text can hold it."""
KNOWN_CATEGORY = "bekendheid"


def with_known(content: bytes, is_known: bool | None) -> bytes:
    """A box as it is handed over: whether its member was known before; nothing where none knows."""
    if KNOWN not in content:
        return content
    if is_known is not None:
        return content.replace(KNOWN, KNOWN[:-4] + (b"true" if is_known else b"false"), 1)
    heads, member, *slots = content.split(_FIELD)
    name = KNOWN_CATEGORY.encode("ascii")
    heads = _NEXT.join([one for one in heads.split(_NEXT) if one != name])
    member = _NEXT.join([one for one in member.split(_NEXT) if one != KNOWN])
    return _FIELD.join([heads, member, *slots])


def referral_data(contents: Sequence[bytes]) -> bytes:
    """The data of a referral: what belongs to the referral, the household, and each member."""
    members: list[bytes] = []
    household: list[bytes] = []
    referral: list[bytes] = []
    for content in contents:
        _, member, zrm, of_household, of_referral = content.split(_FIELD)
        if zrm:
            zrm = b'"zrm":{%b}' % zrm.replace(_NEXT, _COMMA)
            member = b"%b,%b" % (member, zrm) if member else zrm
        members.append(b"{%b}" % member.replace(_NEXT, _COMMA))
        if of_household:
            household.append(of_household.replace(_NEXT, _COMMA))
        if of_referral:
            referral.append(of_referral.replace(_NEXT, _COMMA))
    household.append(b'"leden":[%b]' % _COMMA.join(members))
    return b'{"aanmelding":{%b},"huishouden":{%b}}' % (
        _COMMA.join(referral),
        _COMMA.join(household),
    )
