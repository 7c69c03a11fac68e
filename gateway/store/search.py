"""The search index over the logs: what stands where, by anything but a person's identifier.

Three tables. `search_kind` holds the few hundred combinations of what entries have in common
(series, event, flow, parties, rule, decision), so that any condition on those is a set of numbers.
`search_entry` has a row an entry; persons stand in it as the random ids of `log_leaf.subjects`.
`search_cursor` says how far into each volume the rows reach; a page of rows is committed with it,
so no entry is ever missing below the cursor or there twice, whoever writes and whenever it ends.

All of it follows from the log: emptied, it is built anew (ADR 0017).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import Connection


class Facets(NamedTuple):
    """What an entry has in common with many others; the columns of `search_kind`."""

    series: int
    event: str
    operation: str | None
    flow: str | None
    sender: str | None
    recipient: str | None
    actor: str | None
    rule: str | None
    decision: str | None


class Row(NamedTuple):
    """An entry as the index holds it, in the order of its columns; `at` is in milliseconds."""

    position: int
    at: int
    exchange: UUID | None
    kind: int
    log: int
    subjects: list[UUID]


class Tail(NamedTuple):
    """What of a volume the index has not reached: the entries [first, end)."""

    log: int
    series: int
    first: int
    end: int


class SearchedLeaf(NamedTuple):
    """A leaf with whom it concerns."""

    log: int
    position: int
    hash: bytes
    entry: bytes
    subjects: list[UUID]


_COLUMNS = ("index", "at", "exchange", "kind", "log", "subjects")
_ROW = ", ".join(_COLUMNS)
_LEAF = "l.log, l.index, l.hash, l.entry, l.subjects"


async def tails_of(connection: Connection, series: Collection[int]) -> list[Tail]:
    """Where in each volume of these series the index ends, and where the volume does."""
    rows = await connection.fetch(
        """select h.log, h.series, coalesce(c.reached, 0), h.size
             from log_head h left join search_cursor c on c.log = h.log
            where h.series = any($1::smallint[]) order by h.log""",
        list(series),
    )
    return [Tail(*row) for row in rows]


async def leaves_with_subjects(
    connection: Connection, log: int, first: int, end: int
) -> list[SearchedLeaf]:
    """The leaves [first, end) of a volume, in order; the caller bounds how many."""
    rows = await connection.fetch(
        f"""select {_LEAF} from log_leaf l
             where l.log = $1 and l.index >= $2 and l.index < $3 order by l.index""",
        log,
        first,
        end,
    )
    return [SearchedLeaf(*row) for row in rows]


async def leaves_at(
    connection: Connection, places: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], SearchedLeaf]:
    """The leaves at these places (log, index)."""
    rows = await connection.fetch(
        f"""select {_LEAF} from unnest($1::smallint[], $2::bigint[]) wanted (log, index)
              join log_leaf l on (l.log, l.index) = (wanted.log, wanted.index)""",
        [log for log, _ in places],
        [index for _, index in places],
    )
    return {(row[0], row[1]): SearchedLeaf(*row) for row in rows}


async def recipients_of(
    connection: Connection, exchanges: Collection[UUID | None]
) -> dict[UUID | None, str]:
    """Who was to receive these exchanges, where that is known; it never changes."""
    if not exchanges:
        return {}
    rows = await connection.fetch(
        "select id, recipient from exchange where id = any($1) and recipient is not null",
        list(exchanges),
    )
    return {row[0]: row[1] for row in rows}


async def take_cursor(connection: Connection, tail: Tail) -> int | None:
    """Lock a volume's cursor until the caller's commit; None while somebody else holds it.

    The commit need not reach the disk at once: what a crash takes back is rows and cursor alike.
    """
    await connection.execute("set local synchronous_commit = off")
    if tail.first == 0:
        await connection.execute(
            "insert into search_cursor (log, reached) values ($1, 0) on conflict do nothing",
            tail.log,
        )
    reached = await connection.fetchval(
        "select reached from search_cursor where log = $1 for update skip locked", tail.log
    )
    return None if reached is None else int(reached)


async def write_rows(connection: Connection, log: int, end: int, rows: Sequence[Row]) -> None:
    """Add a page of rows and move the cursor that the caller took to their end."""
    await connection.copy_records_to_table("search_entry", records=rows, columns=_COLUMNS)
    await connection.execute("update search_cursor set reached = $2 where log = $1", log, end)


async def number_kinds(connection: Connection, kinds: Collection[Facets]) -> dict[Facets, int]:
    """The numbers of these combinations; those that are new get one."""
    if not kinds:
        return {}
    ordered = sorted(kinds, key=repr)
    columns = [[one[n] for one in ordered] for n in range(len(Facets._fields))]
    names = ", ".join(Facets._fields)
    arrays = "$1::smallint[], " + ", ".join(f"${n}::text[]" for n in range(2, len(columns) + 1))
    # Read first: an insert that meets its row uses up a number each time.
    known = (
        f"select k.number, {', '.join(f'k.{name}' for name in Facets._fields)} from search_kind k"
    )
    same = " and ".join(f"k.{name} is not distinct from w.{name}" for name in Facets._fields)
    rows = await connection.fetch(f"{known} join unnest({arrays}) w ({names}) on {same}", *columns)
    found = {Facets(*row[1:]): int(row[0]) for row in rows}
    for facets in ordered:
        if facets not in found:
            found[facets] = await _new_kind(connection, facets, names)
    return found


async def _new_kind(connection: Connection, facets: Facets, names: str) -> int:
    values = ", ".join(f"${n}" for n in range(1, len(facets) + 1))
    # Two that add the same at once: the second waits for the first, and takes its number.
    return int(
        await connection.fetchval(
            f"""insert into search_kind ({names}) values ({values})
                on conflict ({names}) do update set series = excluded.series returning number""",
            *facets,
        )
    )


async def kinds_of(connection: Connection, series: Collection[int]) -> dict[int, Facets]:
    """Every combination that occurs in these series, by its number."""
    rows = await connection.fetch(
        f"""select number, {", ".join(Facets._fields)} from search_kind
             where series = any($1::smallint[])""",
        list(series),
    )
    return {row[0]: Facets(*row[1:]) for row in rows}


_OF_KIND = """from search_entry
        where kind = wanted.kind
          and at >= coalesce($2::bigint, 0)
          and at < coalesce($3::bigint, 9223372036854775807)
          and at <= coalesce($4::bigint, 9223372036854775807)
          and ($4::bigint is null or (at, log, index) < ($4, $5::smallint, $6::bigint))"""
_FALLING = "order by at desc, log desc, index desc"
# The newest row each of `limit` kinds make as many results: what is older than all of those is
# none of them, and is not fetched.
NEWEST_ROWS = f"""
    with newest as materialized (
         select kind, (select at {_OF_KIND} {_FALLING} limit 1) as at
           from unnest($1::integer[]) wanted (kind)),
    wanted as materialized (
         select kind, coalesce((select at from newest where at is not null
                                 order by at desc offset $7 - 1 limit 1), 0) as oldest
           from newest where at is not null)
    select {", ".join(f"e.{name}" for name in _COLUMNS)}
      from wanted
     cross join lateral (
           select {_ROW} {_OF_KIND} and at >= wanted.oldest {_FALLING} limit $7) e
     order by e.at desc, e.log desc, e.index desc limit $7"""


async def newest_rows(
    connection: Connection,
    kinds: Collection[int],
    since: int | None,
    until: int | None,
    before: tuple[int, int, int] | None,
    limit: int,
) -> list[Row]:
    """The newest rows of these kinds, by (at, log, index) falling, in [since, until).

    Each kind is asked for its newest by the index on (kind, at), so the work is bounded by the
    number of kinds and `limit`, however many rows there are and however rarely they fit.
    """
    at, log, index = before or (None, None, None)
    rows = await connection.fetch(NEWEST_ROWS, list(kinds), since, until, at, log, index, limit)
    return [Row(*row) for row in rows]


ROWS_OF_SUBJECT = f"select {_ROW} from search_entry where subjects @> array[$1::uuid]"


async def rows_of_subject(connection: Connection, subject: UUID) -> list[Row]:
    """Every row about a person, in no order."""
    return [Row(*row) for row in await connection.fetch(ROWS_OF_SUBJECT, subject)]


async def rows_of_exchange(connection: Connection, exchange: UUID) -> list[Row]:
    """Every row about an exchange, in no order."""
    rows = await connection.fetch(f"select {_ROW} from search_entry where exchange = $1", exchange)
    return [Row(*row) for row in rows]


async def rows_in_order(
    connection: Connection, kinds: Collection[int], since: int | None, until: int | None, page: int
) -> AsyncIterator[list[Row]]:
    """The rows of these kinds in [since, until), oldest first; the caller holds a transaction."""
    cursor = await connection.cursor(
        f"""select {_ROW} from search_entry
             where kind = any($1::integer[]) and at >= coalesce($2::bigint, 0)
               and at < coalesce($3::bigint, 9223372036854775807)
             order by at, log, index""",
        list(kinds),
        since,
        until,
    )
    while rows := await cursor.fetch(page):
        yield [Row(*row) for row in rows]
