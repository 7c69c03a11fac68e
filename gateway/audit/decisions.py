"""Past decisions, read back from the processing log a page at a time.

What an entry holds of a decision is all that a simulation or an explanation may rest on: flow,
rule, version and field names. Content is not in the log, so none is read here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import NamedTuple

import orjson

from consent.simulation import Recorded
from gateway.audit.entries import Event
from gateway.store.groups import VERWERKINGEN, Connection
from gateway.store.history import first_at
from gateway.store.log import leaves_between, log_size, volumes_of

PAGE = 2_000
SLACK = timedelta(hours=1)
"""How far entries may stand out of the order of time; a group takes seconds."""


class DecisionPage(NamedTuple):
    """One page: the decisions in it that were made in the period, and how far along it is."""

    decisions: list[Recorded]
    read: int
    of: int


async def decisions_between(
    connection: Connection, since: datetime, until: datetime, *, page: int = PAGE
) -> AsyncIterator[DecisionPage]:
    """The decisions made in [since, until), in the order of the log."""
    begin, end = _millis(since), _millis(until)
    spans = []
    for volume in await volumes_of(connection, VERWERKINGEN):
        first = await first_at(connection, volume.log, _millis(since - SLACK))
        last = await first_at(connection, volume.log, _millis(until + SLACK))
        size = min(last, await log_size(connection, volume.log))
        spans.append((volume.log, first, size))
    done, of = 0, sum(size - first for _, first, size in spans)
    for log, first, size in spans:
        for start in range(first, size, page):
            stop = min(start + page, size)
            leaves = await leaves_between(connection, log, start, stop)
            found = [decision_of(orjson.loads(leaf.entry), begin, end) for leaf in leaves]
            done += stop - start
            yield DecisionPage([one for one in found if one is not None], done, of)


def decision_of(entry: dict[str, object], begin: int, end: int) -> Recorded | None:
    """The decision that an entry records, if it records one that was made in the period."""
    if entry["event"] != Event.DECISION or not begin <= _number(entry["endTime"]) < end:
        return None
    return read_decision(entry)


def read_decision(entry: dict[str, object]) -> Recorded:
    """What a decision's entry says of it."""
    protocol = entry["protocol"]
    assert isinstance(protocol, dict)  # noqa: S101  # we wrote it
    return Recorded(
        bytes.fromhex(protocol["digest"]),
        _text(entry["flow"]),
        str(entry["decision"]),
        str(entry["rule"]),
        _text(entry["field"]),
        str(entry["sender"]),
        _text(entry["recipient"]),
        _names(entry["released"]),
        _names(entry["removed"]),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _number(value: object) -> int:
    assert isinstance(value, int)  # noqa: S101  # we wrote it
    return value


def _names(value: object) -> tuple[str, ...]:
    assert isinstance(value, list)  # noqa: S101  # we wrote it
    return tuple(value)


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
