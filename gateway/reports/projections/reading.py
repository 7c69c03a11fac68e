"""The read API of Logboek Dataverwerkingen (extension *lezen*): lines by trace, activity or person.

At least one of the three is asked, since everything else would be everything; all that is asked
must hold of a line. Lines are made from the log at that moment, so they are as new as it is, and a
person who was erased is found by nobody. Answers are pages: of a trace in the order of the log, of
the rest newest first.

A reader names a person by the code that lines name them by, or by BSN; which series may be read is
decided by whoever calls this.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple
from uuid import UUID

from consent.processing_register import register_id
from gateway.reports.projections.activities import OWN, events_of
from gateway.reports.projections.lines import ACTIVITY, SUBJECT, Line, trace_key
from gateway.reports.projections.receiving import Projected
from gateway.reports.projections.source import Projector
from gateway.reports.search import Place, Wanted, find, place_of
from gateway.store.groups import Connection
from gateway.store.projections import leaves_at, places_beyond, places_of_trace

_ENTRIES = 250
"""Entries a page; each gives a line, and one more for each person where there are several."""
_ROUNDS = 40
"""Pages of entries that are looked through for one answer; what is left goes on at its cursor."""
_BEYOND = 20_000
_START = (-1, -1)


class IndexBehindError(Exception):
    """Too many entries are not indexed yet to be looked through while somebody waits."""


class BadCursorError(Exception):
    """The cursor is none that we gave."""


@dataclass(frozen=True, slots=True)
class Query:
    """What lines are asked for. Times are milliseconds since 1970, both inclusive.

    `subjects` are the persons that are asked about, with the code that lines name each by; an empty
    mapping asks about nobody in particular. `activity` is a link as lines have it, or a URI.
    """

    trace_id: str | None = None
    activity: str | None = None
    subjects: Mapping[UUID, str] | None = None
    start_time: int | None = None
    end_time: int | None = None
    processor: str | None = None


class Found(NamedTuple):
    """A page of lines; `next` asks for what comes after it."""

    lines: list[Line]
    next: str | None


async def read_lines(
    connection: Connection,
    query: Query,
    projectors: Mapping[int, Projector],
    flows: Mapping[str, Collection[str]],
    cursor: str | None = None,
) -> Found:
    """The lines that are asked for. `flows` are the flows of each activity, by its id.

    `projectors` say which series may be read. Raises `IndexBehindError` or `BadCursorError`.
    """
    if query.subjects is not None and not query.subjects:
        return Found([], None)  # nobody is known by that code
    if query.trace_id is not None:
        return await _of_trace(connection, query, projectors, cursor)
    return await _newest_first(connection, query, projectors, flows, cursor)


async def _of_trace(
    connection: Connection,
    query: Query,
    projectors: Mapping[int, Projector],
    cursor: str | None,
) -> Found:
    assert query.trace_id is not None  # noqa: S101  # why we are asked
    after = _START
    if cursor is not None:
        log, position = _place(cursor, 2)
        after = (log, position)
    text = f'"traceId":"{query.trace_id}"'.encode()
    beyond = await places_beyond(connection, text, projectors, _BEYOND)
    if beyond is None:
        raise IndexBehindError
    key = trace_key(query.trace_id)
    indexed = await places_of_trace(connection, key, projectors, after, _ENTRIES + 1)
    places = sorted({*indexed, *(one for one in beyond if one > after)})
    page = places[:_ENTRIES]
    lines = await _lines(connection, page, query, projectors)
    more = len(places) > len(page)
    return Found(lines, _cursor(*page[-1]) if more else None)


async def _newest_first(
    connection: Connection,
    query: Query,
    projectors: Mapping[int, Projector],
    flows: Mapping[str, Collection[str]],
    cursor: str | None,
) -> Found:
    before = None if cursor is None else Place(*_place(cursor, 3))
    found: list[Line] = []
    for _ in range(_ROUNDS):
        hits = {}
        for wanted in _wanted(query, frozenset(projectors), flows):
            for hit in await find(connection, wanted, limit=_ENTRIES, before=before):
                hits[place_of(hit)] = hit
        places = sorted(hits, reverse=True)[:_ENTRIES]
        if not places:
            return Found(found, None)
        at = [(one.log, one.position) for one in places]
        found += await _lines(connection, at, query, projectors)
        before = places[-1]
        if len(places) < _ENTRIES:
            return Found(found, None)
        if found:
            break
    return Found(found, None if before is None else _cursor(*before))


def _wanted(
    query: Query, series: frozenset[int], flows: Mapping[str, Collection[str]]
) -> list[Wanted]:
    """What to look for in the index; lines are held against the whole query afterwards."""
    until = None if query.end_time is None else query.end_time + 1
    general = Wanted(series=series, since=query.start_time, until=until)
    if query.subjects:
        return [replace(general, subject=one) for one in query.subjects]
    id_ = _activity_id(query.activity or "")
    if of_activity := flows.get(id_, ()):
        return [replace(general, flow=flow) for flow in sorted(of_activity)]
    own = next((one for one in OWN if register_id(one.uri) == id_), None)
    events = frozenset() if own is None else events_of(own.uri)
    return [replace(general, event=event) for event in sorted(events)]


async def _lines(
    connection: Connection,
    places: list[tuple[int, int]],
    query: Query,
    projectors: Mapping[int, Projector],
) -> list[Line]:
    leaves = await leaves_at(connection, places)
    projected: dict[tuple[int, int], Projected] = {}
    for series, projector in projectors.items():
        own = [leaf for leaf in leaves if leaf.series == series]
        for entry in await projector.project(connection, own):
            projected[entry.read.leaf.log, entry.read.leaf.position] = entry
    entries = [projected[place] for place in places if place in projected]
    return [line for entry in entries for line in entry.lines if _holds(query, line)]


def _holds(query: Query, line: Line) -> bool:
    activity = str(line.attributes.get(ACTIVITY, ""))
    return (
        (query.trace_id is None or line.trace_id == query.trace_id)
        and (query.activity is None or _activity_id(query.activity) == _activity_id(activity))
        and (query.subjects is None or line.attributes.get(SUBJECT) in set(query.subjects.values()))
        and (query.start_time is None or line.start_time >= query.start_time)
        and (query.end_time is None or line.end_time <= query.end_time)
        and (query.processor is None or query.processor in line.attributes.values())
    )


def _activity_id(named: str) -> str:
    """An activity's id, from the link that lines bear or from the URI that the protocol states."""
    _, found, rest = named.partition("/v1/register/processing-activities/")
    return rest.partition("/")[0] if found else register_id(named)


def _cursor(*place: int) -> str:
    return ".".join(str(number) for number in place)


def _place(cursor: str, count: int) -> list[int]:
    parts = cursor.split(".")
    if len(parts) != count or not all(p.isascii() and p.isdigit() and len(p) < 19 for p in parts):
        raise BadCursorError
    return [int(part) for part in parts]
