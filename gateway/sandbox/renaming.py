"""From old pseudonyms to new ones in what a casebook keeps, once a mapping is closed.

Parts are kept as they come and change nothing. The one that closes the mapping stands in the
mailbox exactly between the events with older pseudonyms and those with newer, so everything that is
kept by then is renamed at once. Doing it twice changes nothing more: no old name is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from gateway.client import Event, SluisError
from schemas import pseudonyms

MAPPING = "nl.sluis.pseudoniemwissel"


class IncompleteMapping(SluisError):  # noqa: N818 - named for the fact, as its kin in the client
    """A part of the mapping that this one closes was never received."""


def part_of(event: Event) -> pseudonyms.Mapping | None:
    """The part of a mapping that an event is, if it is one."""
    if event.type != MAPPING:
        return None
    return pseudonyms.Mapping.model_validate(event.data)


def pairs_of(closing: pseudonyms.Mapping, kept: Sequence[pseudonyms.Mapping]) -> dict[str, str]:
    """The whole mapping: each old pseudonym with its new one. Raises `IncompleteMapping`.

    Parts of a renewal that was withdrawn lead to another epoch, and do not count.
    """
    parts = {one.number: one for one in [*kept, closing] if one.epoch == closing.epoch}
    if parts.keys() != set(range(1, closing.number + 1)):
        raise IncompleteMapping("a part of the mapping is missing")
    return {str(old): str(new) for part in parts.values() for old, new in part.pairs}


def renamed(event: Event, pairs: Mapping[str, str]) -> Event:
    """A kept message with every old pseudonym replaced, wherever in it one stands."""
    data = {name: _renamed(value, pairs) for name, value in event.data.items()}
    subject = None if event.subject is None else pairs.get(event.subject, event.subject)
    return event.model_copy(update={"data": data, "subject": subject})


def _renamed(value: JsonValue, pairs: Mapping[str, str]) -> JsonValue:
    # A pseudonym is 256 bits of chance: no other value is one.
    match value:
        case str():
            return pairs.get(value, value)
        case list():
            return [_renamed(one, pairs) for one in value]
        case dict():
            return {name: _renamed(one, pairs) for name, one in value.items()}
        case _:
            return value
