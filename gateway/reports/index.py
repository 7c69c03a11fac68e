"""The search index's follower: reads the logs page by page and adds a row an entry.

A row says what stands where: the facets that the entry has in common with others, its exchange,
and the random ids of its persons. Nothing of content, and nobody's identifier (invariant 3).

The index is never waited for: writers of the log do not know it, and a search reads from the log
what the index has not reached (`search.py`). So the follower may lag, and yields to the road: as
long as entries come in, it works a tenth of the time. Every replica runs one; whoever holds a
volume's cursor works on it, the others pass on. A crash takes back the page that was not committed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import asyncpg
import orjson

from gateway.audit.entries import Event
from gateway.audit.entry import MAX_INTEGER
from gateway.audit.series import NAMES, OPEN_TO_ALL
from gateway.store.groups import Connection
from gateway.store.ids import FastUUID
from gateway.store.search import (
    Facets,
    Row,
    SearchedLeaf,
    Tail,
    leaves_with_subjects,
    number_kinds,
    recipients_of,
    tails_of,
    take_cursor,
    write_rows,
)
from gateway.telemetry import Telemetry

PAGE = 500
"""Entries read and written together: some milliseconds of work between two looks at the loop."""
SHARE = 0.1
"""The part of the time that the follower works while entries come in."""
EVERY_SECONDS = 1.0
_LONGEST = 200
UNREADABLE = "onleesbaar"
"""The event of a leaf that is no entry of ours: a damaged one, which the publisher tells of."""


class Hit(NamedTuple):
    """An entry as a search knows it. `at` is its end in milliseconds since 1970."""

    at: int
    log: int
    position: int
    series: int
    event: str
    operation: str | None
    flow: str | None
    sender: str | None
    recipient: str | None
    actor: str | None
    rule: str | None
    decision: str | None
    exchange: UUID | None
    subjects: list[UUID]

    @property
    def facets(self) -> Facets:
        """What it has in common with others."""
        return Facets(*self[3:12])


def hit_of(row: Row, facets: Facets) -> Hit:
    """An index row with its facets."""
    return Hit(row.at, row.log, row.position, *facets, row.exchange, row.subjects)


async def project(connection: Connection, series: int, leaves: Sequence[SearchedLeaf]) -> list[Hit]:
    """What a search knows of these leaves; of a hand-over, also who received it."""
    hits = [_hit(series, leaf) for leaf in leaves]
    # Entries about a hand-over name the flow and not the recipient; the exchange knows it for good.
    # Not of an access: who asks for an exchange that they may not see is told nothing of it either.
    lacking = [
        n
        for n, one in enumerate(hits)
        if one.recipient is None and one.exchange is not None and one.event != Event.ACCESS
    ]
    known = await recipients_of(connection, {hits[n].exchange for n in lacking})
    for n in lacking:
        hits[n] = hits[n]._replace(recipient=known.get(hits[n].exchange))
    return hits


def _hit(series: int, leaf: SearchedLeaf) -> Hit:
    try:
        entry = orjson.loads(leaf.entry)
        at = int(entry["endTime"])
        if not 0 <= at <= MAX_INTEGER:
            raise ValueError("no moment")
        facets, exchange = (
            _of_access(series, entry)
            if entry["event"] == Event.ACCESS
            else _of_event(series, entry)
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return Hit(0, leaf.log, leaf.position, *_unreadable(series), None, leaf.subjects)
    return Hit(at, leaf.log, leaf.position, *facets, exchange, leaf.subjects)


def _of_event(series: int, entry: dict[str, object]) -> tuple[Facets, UUID | None]:
    told = entry.get
    facets = _facets(
        series, told("event"), None, told("flow"), told("sender"), told("recipient"), None,
        told("rule"), told("decision"),
    )  # fmt: skip
    return facets, _id(told("exchange"))


def _of_access(series: int, entry: dict[str, object]) -> tuple[Facets, UUID | None]:
    actor, target = _part(entry, "actor"), _part(entry, "target")
    partner = target.get("id") if target.get("kind") == "partner" else None
    facets = _facets(
        series, entry["event"], entry.get("operation"), None, None, partner, actor.get("id"), None,
        entry.get("outcome"),
    )  # fmt: skip
    return facets, _id(target.get("id")) if target.get("kind") == "exchange" else None


@lru_cache(maxsize=4096)
def _facets(series: int, *told: object) -> Facets:
    """These values as facets; raises `TypeError` for what is no code. They recur: most are kept."""
    if not all(one is None or _is_code(one) for one in told):
        raise TypeError("a facet is a short text")
    event, *others = [str(one) if one else None for one in told]
    return Facets(series, event or UNREADABLE, *others)


def _is_code(value: object) -> bool:
    # What the database would not take must not keep the index where it is.
    return isinstance(value, str) and len(value) <= _LONGEST and "\x00" not in value


def _unreadable(series: int) -> Facets:
    return Facets(series, UNREADABLE, None, None, None, None, None, None, None)


def _id(value: object) -> UUID | None:
    return FastUUID(value) if isinstance(value, str) else None


def _part(entry: dict[str, object], name: str) -> dict[str, object]:
    found = entry.get(name)
    return found if isinstance(found, dict) else {}


class Indexer:
    """Adds pages to the index; remembers the numbers of the combinations that it met."""

    def __init__(self, page: int = PAGE) -> None:
        self._page = page
        self._numbers: dict[Facets, int] = {}

    async def add_page(self, connection: Connection, tail: Tail) -> int:
        """Index one page of a volume, in a transaction of its own; gives how many entries.

        None are added while somebody else works on the volume.
        """
        async with connection.transaction():
            first = await take_cursor(connection, tail)
            if first is None or first >= tail.end:
                return 0
            end = min(first + self._page, tail.end)
            leaves = await leaves_with_subjects(connection, tail.log, first, end)
            hits = await project(connection, tail.series, leaves)
            met = {one.facets for one in hits}
            known = {one: self._numbers[one] for one in met & self._numbers.keys()}
            numbers = known | await number_kinds(connection, met - known.keys())
            rows = [
                Row(one.position, one.at, one.exchange, numbers[one.facets], one.log, one.subjects)
                for one in hits
            ]
            await write_rows(connection, tail.log, end, rows)
        # Only what is committed may be remembered: a number that was rolled back is nobody's.
        self._numbers |= numbers
        return end - first


class SearchFollower:
    """Keeps the index near the ends of the logs, for as long as the gateway runs."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        telemetry: Telemetry,
        *,
        every: float = EVERY_SECONDS,
        share: float = SHARE,
    ) -> None:
        """`every` is the pause between two looks, in seconds; without a `share` there are none."""
        self._pool = pool
        self._telemetry = telemetry
        self._every = every
        self._share = share
        self._indexer = Indexer()
        self._ends = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start following, unless no time is given to it."""
        if self._share <= 0:
            return
        self._task = asyncio.create_task(self._run(), name="search-follower")

    async def stop(self) -> None:
        """End it, wherever it is; what was not committed is done by the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                pause = await self._turn()
            except Exception as error:  # noqa: BLE001  # no fault may end the following for good
                self._telemetry.fault("search-index-waits", error)
                pause = self._every
            await asyncio.sleep(pause)

    async def _turn(self) -> float:
        """One page of each volume that has more; gives how long to rest, in seconds."""
        began, is_full, behind = time.perf_counter(), False, 0
        async with self._pool.acquire() as connection:
            tails = await tails_of(connection, NAMES)
            for tail in tails:
                more = 0
                if tail.first < tail.end:
                    more = await self._indexer.add_page(connection, tail)
                # Of protected exchanges nothing is counted where operators look (invariant 14).
                behind += tail.end - tail.first - more if tail.series in OPEN_TO_ALL else 0
                is_full = is_full or more == PAGE
        self._telemetry.gauge("search_entries_behind", behind)
        ends, self._ends = self._ends, sum(one.end for one in tails)
        if not is_full:
            return self._every  # few at a time cost the most
        is_busy = self._ends > ends
        return (time.perf_counter() - began) * (1 / self._share - 1) if is_busy else 0.0
