"""Who and what was exposed, worked out of what the database counted; nothing is read here.

A hand-over names the categories that it held. Which fields those are, and how each was treated, is
what the protocol version says that the exchange was decided by: what the sender left out did not
go, so the fields are the most that can have gone. Health and criminal data stand in categories of
their own, so that their persons are counted exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from consent.protocol import Flow, Protocol
from gateway.store.exposed import PersonGroup, Stream
from schemas.fields import FIELDS, Special, Treatment

READABLE = (Treatment.IDENTIFY, Treatment.KEEP)
"""Treatments after which a recipient reads what the sender wrote."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """What one recipient was handed; persons are counted once."""

    id: str
    flows: tuple[str, ...]
    exchanges: int
    hand_overs: int
    persons: int
    first: int
    last: int
    is_reach: bool


@dataclass(frozen=True, slots=True)
class Category:
    """One category of personal data."""

    id: str
    specials: tuple[Special, ...]
    exchanges: int
    persons: int


@dataclass(frozen=True, slots=True)
class ExposedField:
    """One field, with every treatment that it went under."""

    path: str
    special: Special
    treatments: tuple[Treatment, ...]
    exchanges: int

    @property
    def is_readable(self) -> bool:
        """Whether its recipient could read it as it was."""
        return any(treatment in READABLE for treatment in self.treatments)


@dataclass(frozen=True, slots=True)
class Exposure:
    """All of it; moments are milliseconds since 1970."""

    exchanges: int = 0
    hand_overs: int = 0
    persons: int = 0
    erased: int = 0
    emergencies: int = 0
    first: int | None = None
    last: int | None = None
    recipients: tuple[Recipient, ...] = ()
    categories: tuple[Category, ...] = ()
    fields: tuple[ExposedField, ...] = ()
    senders: tuple[str, ...] = ()
    persons_by_special: Mapping[Special, int] = field(default_factory=dict)


Flows = Mapping[tuple[bytes, str], Flow]
"""Flows by protocol digest and id."""


def flows_of(protocols: Iterable[Protocol]) -> dict[tuple[bytes, str], Flow]:
    """Every flow of these versions."""
    return {(one.digest, flow.id): flow for one in protocols for flow in one.flows}


def work_out(
    streams: Sequence[Stream], groups: Sequence[PersonGroup], exchanges: int, flows: Flows
) -> Exposure:
    """What these streams and persons come to."""
    if not streams:
        return Exposure()
    fields = [fields_of(stream, flows) for stream in streams]
    categories = [
        {FIELDS[path].category for path in paths if path in FIELDS} | _named(stream)
        for stream, paths in zip(streams, fields, strict=True)
    ]
    specials = [
        {FIELDS[path].special for path in paths if path in FIELDS} - {Special.NONE}
        for paths in fields
    ]
    return Exposure(
        exchanges=exchanges,
        hand_overs=sum(stream.hand_overs for stream in streams if not stream.is_reach),
        persons=sum(group.persons for group in groups),
        erased=sum(group.erased for group in groups),
        emergencies=sum(stream.exchanges for stream in streams if stream.is_emergency),
        first=min(stream.first for stream in streams),
        last=max(stream.last for stream in streams),
        recipients=tuple(_recipients(streams, groups)),
        categories=tuple(_categories(streams, groups, categories, specials)),
        fields=tuple(_fields(streams, fields)),
        senders=tuple(sorted({stream.sender for stream in streams})),
        persons_by_special={
            special: _met(groups, {n for n, held in enumerate(specials) if special in held})
            for special in (Special.HEALTH, Special.CRIMINAL, Special.BSN)
        },
    )


def fields_of(stream: Stream, flows: Flows) -> dict[str, Treatment]:
    """The fields that a stream can have held, with their treatment."""
    flow = flows.get((stream.protocol, stream.flow or ""))
    if flow is None:
        return {}
    named = _named(stream)
    listed = None
    if stream.is_emergency and flow.emergency is not None:
        listed = set(flow.emergency.fields)
    return {
        path: treatment
        for path, treatment in flow.fields.items()
        if treatment is not Treatment.DROP
        and (not named or FIELDS[path].category in named)
        and (listed is None or path in listed)
    }


def special_streams(streams: Sequence[Stream], flows: Flows) -> frozenset[int]:
    """The numbers of the streams that can have held health or criminal data."""
    return frozenset(
        stream.number
        for stream in streams
        if any(
            FIELDS[path].special in (Special.HEALTH, Special.CRIMINAL)
            for path in fields_of(stream, flows)
        )
    )


def _named(stream: Stream) -> set[str]:
    """The categories that the hand-overs named; none where they were only within reach."""
    return set(orjson.loads(f"[{stream.categories}]"))


def _met(groups: Iterable[PersonGroup], numbers: set[int]) -> int:
    """How many persons were met in any of these streams."""
    return sum(group.persons for group in groups if any(group.streams[n] == "1" for n in numbers))


def _recipients(streams: Sequence[Stream], groups: Sequence[PersonGroup]) -> Iterable[Recipient]:
    for id_, is_reach in sorted({(stream.recipient, stream.is_reach) for stream in streams}):
        own = [s for s in streams if (s.recipient, s.is_reach) == (id_, is_reach)]
        yield Recipient(
            id_,
            tuple(sorted({stream.flow for stream in own if stream.flow})),
            sum(stream.exchanges for stream in own),
            0 if is_reach else sum(stream.hand_overs for stream in own),
            _met(groups, {stream.number for stream in own}),
            min(stream.first for stream in own),
            max(stream.last for stream in own),
            is_reach,
        )


def _categories(
    streams: Sequence[Stream],
    groups: Sequence[PersonGroup],
    categories: Sequence[set[str]],
    specials: Sequence[set[Special]],
) -> Iterable[Category]:
    for name in sorted(set().union(*categories)):
        own = [n for n, held in enumerate(categories) if name in held]
        of_field = {f.special for f in FIELDS.values() if f.category == name} - {Special.NONE}
        yield Category(
            name,
            tuple(sorted(of_field & set().union(*(specials[n] for n in own)))),
            sum(streams[n].exchanges for n in own),
            _met(groups, set(own)),
        )


def _fields(
    streams: Sequence[Stream], fields: Sequence[dict[str, Treatment]]
) -> Iterable[ExposedField]:
    for path in sorted(set().union(*fields)):
        own = [n for n, held in enumerate(fields) if path in held]
        yield ExposedField(
            path,
            FIELDS[path].special,
            tuple(sorted({fields[n][path] for n in own})),
            sum(streams[n].exchanges for n in own),
        )
