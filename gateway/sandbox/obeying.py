"""What a casebook does when it is told: drops what is recalled or annulled, changes what is wrong.

A pure function of one kept message and one notice, so that doing it twice changes nothing more. A
notice that names a member whom the message does not have changes nothing; one that cannot be
obeyed in part, since members have no pseudonym, is obeyed in whole.
"""

from __future__ import annotations

import copy
from typing import Any

from gateway.client import Event, Notice
from schemas.corrections import CorrectionKind
from schemas.fields import FIELDS, Place
from schemas.notices import Advice, AdviceRule, CorrectionNotice, Recall

DROPPED = "nl.sluis.vervallen"
_LIMITED = "gebruikBeperkt"


def obeyed(event: Event, notice: Notice) -> Event:
    """The kept message as it stands after a notice about it."""
    data: dict[str, Any] = copy.deepcopy(event.data)
    match notice:
        case Recall():
            return _recalled(event, data, notice)
        case CorrectionNotice():
            return _corrected(event, data, notice)
        case Advice(rule=AdviceRule.ERASE, member=member):
            return dropped(event) if member is None else _without(event, data, member)
        case _:
            return event


def _recalled(event: Event, data: dict[str, Any], notice: Recall) -> Event:
    if notice.category != "*":
        _drop_category(data, notice.category, notice.member)
        return event.model_copy(update={"data": data})
    if notice.member is None:
        return dropped(event)
    return _without(event, data, notice.member)


def _corrected(event: Event, data: dict[str, Any], notice: CorrectionNotice) -> Event:
    match notice.kind:
        case CorrectionKind.ANNUL:
            return dropped(event)
        case CorrectionKind.MEMBER_LEFT if notice.member is not None:
            return _without(event, data, notice.member)
        case CorrectionKind.RESTRICT | CorrectionKind.OBJECT:
            data[_LIMITED] = sorted({*data.get(_LIMITED, ()), notice.member or "*"})
        case CorrectionKind.LIFT:
            stays = [one for one in data.pop(_LIMITED, ()) if one != (notice.member or "*")]
            if stays:
                data[_LIMITED] = stays
        case CorrectionKind.RECTIFY if notice.values is not None:
            _rectify(data, notice.values, notice.member)
        case _:
            return event
    return event.model_copy(update={"data": data})


def dropped(event: Event) -> Event:
    """What stays of a kept message that may not be kept: its place."""
    return event.model_copy(update={"type": DROPPED, "data": {}, "subject": None})


def _members(data: dict[str, Any]) -> list[dict[str, Any]]:
    household = data.get("huishouden")
    found = household.get("leden") if isinstance(household, dict) else None
    return found if isinstance(found, list) else []


def _without(event: Event, data: dict[str, Any], pseudonym: str) -> Event:
    members = _members(data)
    if any("pseudoniem" not in one for one in members):
        return dropped(event)
    stays = [one for one in members if one["pseudoniem"] != pseudonym]
    if len(stays) == len(members):
        return event
    data["huishouden"]["leden"] = stays
    if "aantalLeden" in data.get("aanmelding", {}):
        data["aanmelding"]["aantalLeden"] = len(stays)
    data.get("aanmelding", {}).pop("toelichting", None)
    return event.model_copy(update={"data": data})


def _drop_category(data: dict[str, Any], category: str, pseudonym: str | None) -> None:
    for path, known in FIELDS.items():
        if known.category != category and known.category.partition(".")[0] != category:
            continue
        place, name = path.split(".")[0], path.rpartition(".")[2]
        for at in _places(data, place, path, pseudonym):
            for wire in (name, *_GENERALISED.get(name, ())):
                at.pop(wire, None)


_GENERALISED = {"geboortedatum": ("leeftijdsgroep",), "postcode": ("postcodegebied",)}


def _places(
    data: dict[str, Any], place: str, path: str, pseudonym: str | None
) -> list[dict[str, Any]]:
    if place != Place.MEMBER:
        at = data.get(place)
        return [at] if isinstance(at, dict) else []
    members = [
        one for one in _members(data) if pseudonym is None or one.get("pseudoniem") == pseudonym
    ]
    if path.startswith("lid.zrm."):
        return [one["zrm"] for one in members if isinstance(one.get("zrm"), dict)]
    return members


def _rectify(data: dict[str, Any], values: dict[str, Any], pseudonym: str | None) -> None:
    household = dict(values.get("huishouden", {}))
    given = household.pop("leden", [])
    if isinstance(data.get("huishouden"), dict):
        data["huishouden"] |= household
    if isinstance(data.get("aanmelding"), dict):
        data["aanmelding"] |= values.get("aanmelding", {})
    for member in _members(data):
        if given and member.get("pseudoniem") == pseudonym:
            new = dict(given[0])
            if "zrm" in new:
                member.setdefault("zrm", {}).update(new.pop("zrm"))
            member.update(new)
