"""The copy of what the gateway still holds (GDPR article 15(3)): the person's own values, in text.

In a message of several persons, free text and the number of members stay out: they may be of others
(article 15(4)). Whoever represents somebody gets the person's own values alone, and not where the
household lives. A pseudonym is a name that means something to its recipient alone, and two of them
side by side would link what is kept apart, so it is named and not shown; of the BSN, which the
person knows, the last three digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

import orjson

from consent.columns import MemberView, ReferralView, column_of
from consent.minimise import COUNT, Part
from consent.protocol import Flow
from gateway.reports.dossier.contents import Value
from gateway.reports.dossier.gathering import OwnPlace
from schemas.fields import AT_RELEASE, FIELDS, PLACES, FieldKind, Place
from schemas.zrm import ZrmDomain, ZrmMeasurement

HIDDEN = "***"
_OWN = (Place.MEMBER, Place.ZRM)
_NAMES = ("lid.pseudoniem", "verantwoording.pseudoniem")
_NOTES = {field.category for field in FIELDS.values() if field.kind is FieldKind.FREE_TEXT}
_BSN = "lid.burgerservicenummer"
_COUNT_PATH = "aanmelding.aantalLeden"
_ANY_DAY = date(2000, 1, 1)


class Copied(NamedTuple):
    """Values, and whether they are all of what is held."""

    values: list[Value]
    is_whole: bool


def copied_parts(parts: Sequence[Part], flow: Flow, *, is_as_self: bool, is_alone: bool) -> Copied:
    """The values in the person's own opened parts of a message that was permitted."""
    names = _paths(flow)
    values: list[Value] = []
    is_whole = True
    for part in parts:
        is_own = PLACES[part.category] in _OWN
        if not (is_own or is_as_self) or (part.category in _NOTES and not is_alone):
            is_whole = False
            continue
        for wire, value in orjson.loads(b"{" + part.fragment + b"}").items():
            if value is None:
                continue  # worked out for the recipient alone, when it is handed over
            if wire == COUNT and not is_alone:
                is_whole = False
                continue
            path = names.get((part.category, wire), f"{part.category}.{wire}")
            values.append(_value(path, value))
    return Copied(sorted(values, key=_in_order), is_whole)


def copied_held(place: OwnPlace, flow: Flow, *, is_as_self: bool) -> Copied:
    """The same of a message that waits as one whole: the person's own member of it."""
    referral, household = place.referral, place.referral.household
    member = household.members[place.place]
    is_alone = len(household.members) == 1
    # As it was sent: what the flow would drop or make coarse is held as yet, and so is told.
    whole = flow.model_copy(update={"fields": {}})
    values = list(
        _read(MemberView(member, ""), Place.MEMBER, whole, without=(*_NAMES, *AT_RELEASE))
    )
    if member.zrm is not None:
        values += _scores(member.zrm)
    is_whole = is_as_self
    if place.is_owner and is_as_self:
        values += _read(household, Place.HOUSEHOLD, whole)
        view = ReferralView(referral, None, len(household.members))
        of_all = () if is_alone else (_COUNT_PATH, "aanmelding.toelichting")
        values += _read(view, Place.REFERRAL, whole, without=of_all)
        is_whole = is_alone
    return Copied(sorted(values, key=_in_order), is_whole)


def _paths(flow: Flow) -> dict[tuple[str, str], str]:
    """Which field a name in a fragment is, by its category: a coarse one has a name of its own."""
    return {(FIELDS[path].category, column_of(0, path, flow).wire): path for path in FIELDS}


def _read(source: object, place: Place, flow: Flow, without: Iterable[str] = ()) -> Iterator[Value]:
    for path, field in FIELDS.items():
        if PLACES[field.category] is place and path not in without:
            column = column_of(0, path, flow)
            value = column.read(source)
            if value is not None:
                render = column.render
                yield _value(path, value if render is None else render(value, _ANY_DAY))


def _scores(zrm: ZrmMeasurement) -> Iterator[Value]:
    yield _value("lid.zrm.gemetenOp", zrm.measured_on)
    for domain in ZrmDomain:
        if domain in zrm.scores:
            yield _value(f"lid.zrm.{domain}", zrm.scores[domain])


def _value(path: str, value: object) -> Value:
    return Value(path=path, value=_shown(path, value))


def _shown(path: str, value: object) -> str:
    if path in _NAMES:
        return HIDDEN
    if path == _BSN:
        return HIDDEN + str(value)[-3:]
    if isinstance(value, bool):
        return "ja" if value else "nee"
    return str(value)


def _in_order(value: Value) -> int:
    return _ORDER.get(value.path, len(_ORDER))


_ORDER = {path: number for number, path in enumerate(FIELDS)}
