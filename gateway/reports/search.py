"""Searching the logs, and reading them by person, exchange or period: for officers and reports.

What the index holds is asked there; what it has not reached is read from the log itself, so that an
entry is found from its commit on. Both are held against one condition (`fits`), and where the index
grew meanwhile an entry that came both ways counts once.

A search reads the series that it names and no others: whoever may not see protected exchanges is
asked nothing, told nothing and counted nothing of them (invariant 14).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from gateway.audit.series import OPEN_TO_ALL
from gateway.reports.index import PAGE, Hit, Indexer, hit_of, project
from gateway.store.groups import VERWERKINGEN, Connection
from gateway.store.search import (
    Facets,
    Row,
    Tail,
    kinds_of,
    leaves_at,
    leaves_with_subjects,
    newest_rows,
    rows_in_order,
    rows_of_exchange,
    rows_of_subject,
    tails_of,
)

TAIL_MOST = 20_000
"""Entries beyond the index that a command reads before it lets the index catch up: 0.2 seconds."""
HITS, ENTRIES = 2_000, 1_000
WAIT_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for; everything that is given must hold. Times are milliseconds since 1970.

    `series` is what the asker may read. `partner` is whoever sent, received or acted; `event` is an
    entry's event, or the operation of an access. `until` is the first moment that is too late.
    """

    series: frozenset[int] = OPEN_TO_ALL
    subject: UUID | None = None
    exchange: UUID | None = None
    partner: str | None = None
    flow: str | None = None
    rule: str | None = None
    decision: str | None = None
    event: str | None = None
    since: int | None = None
    until: int | None = None


class Place(NamedTuple):
    """Where a search goes on: after this entry, by time, volume and index falling."""

    at: int
    log: int
    position: int


class LoggedEntry(NamedTuple):
    """An entry as it stands in the log: `raw` is what was hashed."""

    hit: Hit
    hash: bytes
    raw: bytes


def place_of(hit: Hit) -> Place:
    """Where an entry stands in the order of results."""
    return Place(hit.at, hit.log, hit.position)


def has_facets(wanted: Wanted, facets: Facets) -> bool:
    """Whether entries with these facets may be wanted."""
    return (
        facets.series in wanted.series
        and (wanted.flow is None or facets.flow == wanted.flow)
        and (wanted.rule is None or facets.rule == wanted.rule)
        and (wanted.decision is None or facets.decision == wanted.decision)
        and (wanted.event is None or wanted.event in (facets.event, facets.operation))
        and (
            wanted.partner is None
            or wanted.partner in (facets.sender, facets.recipient, facets.actor)
        )
    )


def fits(wanted: Wanted, hit: Hit) -> bool:
    """Whether this entry is wanted."""
    return (
        has_facets(wanted, hit.facets)
        and (wanted.since is None or hit.at >= wanted.since)
        and (wanted.until is None or hit.at < wanted.until)
        and (wanted.exchange is None or hit.exchange == wanted.exchange)
        and (wanted.subject is None or wanted.subject in hit.subjects)
    )


async def find(
    connection: Connection, wanted: Wanted, *, limit: int, before: Place | None = None
) -> list[Hit]:
    """The newest entries that are wanted, at most `limit`; `before` goes on after the last one."""
    tails = await tails_of(connection, wanted.series)
    found = {
        place_of(one): one
        async for page in _beyond(connection, tails)
        for one in page
        if fits(wanted, one)
    }
    kinds = await _kinds(connection, wanted)
    if wanted.exchange is not None or wanted.subject is not None:
        rows = await _rows_about(connection, wanted)
    else:
        rows = await newest_rows(connection, kinds, wanted.since, wanted.until, before, limit)
    for one in _hits(rows, kinds):
        if fits(wanted, one):
            found[place_of(one)] = one
    falling = sorted((place for place in found if before is None or place < before), reverse=True)
    return [found[place] for place in falling[:limit]]


async def facets_in(connection: Connection, series: Collection[int]) -> set[Facets]:
    """Everything that entries of these series have in common with others."""
    beyond = {
        one.facets
        async for page in _beyond(connection, await tails_of(connection, series))
        for one in page
    }
    return beyond | set((await kinds_of(connection, series)).values())


async def entries_of_subject(
    connection: Connection, subject: UUID, *, series: Collection[int] = (VERWERKINGEN,)
) -> list[LoggedEntry]:
    """Every entry about a person, oldest first."""
    return await _all_entries(connection, Wanted(series=frozenset(series), subject=subject))


async def entries_of_exchange(
    connection: Connection, exchange: UUID, *, series: Collection[int] = (VERWERKINGEN,)
) -> list[LoggedEntry]:
    """Every entry about an exchange, oldest first."""
    return await _all_entries(connection, Wanted(series=frozenset(series), exchange=exchange))


async def hits_between(
    connection: Connection, wanted: Wanted, *, page: int = HITS
) -> AsyncIterator[list[Hit]]:
    """Everything that is wanted, oldest first, in pages, without reading the log's leaves.

    The caller holds a transaction. Memory is a page and what the index has not reached.
    """
    tails = await tails_of(connection, wanted.series)
    beyond = [one async for some in _beyond(connection, tails) for one in some if fits(wanted, one)]
    waiting = sorted(beyond, key=place_of, reverse=True)
    reached = {tail.log: tail.first for tail in tails}
    kinds = await _kinds(connection, wanted)
    async for rows in _pages(connection, wanted, kinds, page):
        hits = _hits(rows, kinds)
        # What was indexed since comes out of the log below.
        hits = [h for h in hits if h.position < reached.get(h.log, 0) and fits(wanted, h)]
        if hits:
            yield _merged(hits, waiting, place_of(hits[-1]))
    for first in range(0, len(waiting), page):
        yield waiting[::-1][first : first + page]


async def entries_between(
    connection: Connection, wanted: Wanted, *, page: int = ENTRIES
) -> AsyncIterator[list[LoggedEntry]]:
    """The same with the entries themselves. The caller holds a transaction."""
    async for hits in hits_between(connection, wanted, page=page):
        yield await _read(connection, hits)


async def catch_up(
    connection: Connection,
    series: Collection[int],
    told: Callable[[int, int], None] | None = None,
    *,
    most: int = TAIL_MOST,
) -> None:
    """Let the index reach the ends of these series, unless no more than `most` entries are missing.

    For commands, which may run where no gateway does; not within a transaction. `told` hears how
    many entries are done, and of how many.
    """
    ends = {tail.log: tail.end for tail in await tails_of(connection, series)}
    indexer, of = Indexer(4 * PAGE), 0
    while True:
        tails = [one for one in await tails_of(connection, series) if one.log in ends]
        # Held against where the logs ended: whoever writes on would keep us here for ever.
        left = sum(max(0, ends[one.log] - one.first) for one in tails)
        of = of or left
        if told is not None and of > most:
            told(of - left, of)
        if left <= most:
            return
        added = [await indexer.add_page(connection, tail) for tail in tails]
        if not any(added):
            await asyncio.sleep(WAIT_SECONDS)  # the gateway's own follower is at it


async def _beyond(connection: Connection, tails: Iterable[Tail]) -> AsyncIterator[list[Hit]]:
    """What the index has not reached, from the log itself."""
    for tail in tails:
        for first in range(tail.first, tail.end, PAGE):
            end = min(first + PAGE, tail.end)
            leaves = await leaves_with_subjects(connection, tail.log, first, end)
            yield await project(connection, tail.series, leaves)


async def _kinds(connection: Connection, wanted: Wanted) -> dict[int, Facets]:
    known = await kinds_of(connection, wanted.series)
    return {number: facets for number, facets in known.items() if has_facets(wanted, facets)}


async def _rows_about(connection: Connection, wanted: Wanted) -> list[Row]:
    if wanted.exchange is not None:
        return await rows_of_exchange(connection, wanted.exchange)
    assert wanted.subject is not None  # noqa: S101  # one of the two is why we are asked
    return await rows_of_subject(connection, wanted.subject)


async def _pages(
    connection: Connection, wanted: Wanted, kinds: Collection[int], page: int
) -> AsyncIterator[list[Row]]:
    if wanted.exchange is None and wanted.subject is None:
        async for rows in rows_in_order(connection, kinds, wanted.since, wanted.until, page):
            yield rows
        return
    rows = await _rows_about(connection, wanted)
    rows.sort(key=lambda row: (row.at, row.log, row.position))
    for first in range(0, len(rows), page):
        yield rows[first : first + page]


def _hits(rows: Iterable[Row], kinds: dict[int, Facets]) -> list[Hit]:
    return [hit_of(row, kinds[row.kind]) for row in rows if row.kind in kinds]


def _merged(hits: list[Hit], waiting: list[Hit], last: Place) -> list[Hit]:
    """Hits with those of `waiting`, which falls, that come before the last of them."""
    early = []
    while waiting and place_of(waiting[-1]) < last:
        early.append(waiting.pop())
    return sorted(hits + early, key=place_of) if early else hits


async def _all_entries(connection: Connection, wanted: Wanted) -> list[LoggedEntry]:
    return [
        one
        async for hits in hits_between(connection, wanted)
        for one in await _read(connection, hits)
    ]


async def _read(connection: Connection, hits: Sequence[Hit]) -> list[LoggedEntry]:
    leaves = await leaves_at(connection, [(one.log, one.position) for one in hits])
    return [
        LoggedEntry(one, leaf.hash, leaf.entry)
        for one in hits
        if (leaf := leaves.get((one.log, one.position))) is not None
    ]
