"""Cursors of projections, what their receivers refused, and the entries of a trace.

A cursor moves by compare-and-swap, in a transaction that holds the projection's lease: whoever was
paused past its term moves nothing, and what it delivered is delivered again by its successor. It
never passes what a signed checkpoint states, so that every projected line can be checked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import Connection
from gateway.store.lease import Lease, stands_until_commit
from gateway.store.log import LeaseLostError

_CURSOR = """select name, series, kind, target, log, next_index, lines, bytes, failures, reason,
                    changed_at from projection"""

TRACE_INDEX = "trace-index"
"""The kind of the projections that let entries be found by their trace, one a series."""


class TargetDiffersError(Exception):
    """The name belongs to a projection with another receiver; nothing was changed."""


class CursorMovedError(Exception):
    """Another process moved the cursor; nothing was written."""


class Cursor(NamedTuple):
    """How far a projection has come: the next entry of volume `log` is `next_index`."""

    name: str
    series: int
    kind: str
    target: bytes
    log: int
    next_index: int
    lines: int
    bytes: int
    failures: int
    reason: str | None
    changed_at: datetime


class SourceLeaf(NamedTuple):
    """A leaf on its way into a projection."""

    log: int
    position: int
    entry: bytes
    subjects: list[UUID]
    series: int


class ParkedEntry(NamedTuple):
    """An entry that the receiver refused while it took others."""

    log: int
    position: int
    reason: str
    parked_at: datetime


class Move(NamedTuple):
    """What a confirmed delivery changes: where the cursor goes, and what is set apart."""

    log: int
    next_index: int
    lines: int
    bytes: int
    parked: Sequence[tuple[int, str]]
    """Indices in the volume that the cursor stood in, each with its reason."""


async def begin_projection(
    connection: Connection, name: str, series: int, kind: str, target: bytes
) -> Cursor:
    """The cursor of this name, made at the series' beginning. Raises `TargetDiffersError`."""
    await connection.execute(
        """insert into projection (name, series, kind, target, log, next_index)
           select $1, $2, $3, $4, log, 0 from log_head where series = $2 order by log limit 1
           on conflict (name) do nothing""",
        name,
        series,
        kind,
        target,
    )
    cursor = await cursor_of(connection, name)
    if cursor is None or (cursor.series, cursor.kind, cursor.target) != (series, kind, target):
        raise TargetDiffersError("this name belongs to a projection with another receiver")
    return cursor


async def cursor_of(connection: Connection, name: str) -> Cursor | None:
    """The cursor of this name."""
    row = await connection.fetchrow(f"{_CURSOR} where name = $1", name)
    return None if row is None else Cursor(*row)


async def all_cursors(connection: Connection) -> list[Cursor]:
    """Every projection, by name."""
    return [Cursor(*row) for row in await connection.fetch(f"{_CURSOR} order by name")]


async def signed_size(connection: Connection, log: int) -> int:
    """How many entries of a volume its newest checkpoint states."""
    size = await connection.fetchval("select max(size) from log_checkpoint where log = $1", log)
    return 0 if size is None else int(size)


async def next_volume_of(connection: Connection, cursor: Cursor) -> int | None:
    """The volume after the cursor's, once that one is closed and signed to its end."""
    found = await connection.fetchval(
        """select later.log from log_head here join log_head later on later.series = here.series
            where here.log = $1 and here.is_final and here.size <= $2 and later.log > here.log
            order by later.log limit 1""",
        cursor.log,
        cursor.next_index,
    )
    return None if found is None else int(found)


async def source_leaves(connection: Connection, log: int, first: int, end: int) -> list[SourceLeaf]:
    """The leaves [first, end) with the subjects that their rows name, in order."""
    rows = await connection.fetch(
        """select l.log, l.index, l.entry, l.subjects, h.series
             from log_leaf l join log_head h on h.log = l.log
            where l.log = $1 and l.index >= $2 and l.index < $3 order by l.index""",
        log,
        first,
        end,
    )
    return [SourceLeaf(*row) for row in rows]


async def leaves_at(connection: Connection, places: Sequence[tuple[int, int]]) -> list[SourceLeaf]:
    """The leaves at these places (volume, index), in this order."""
    rows = await connection.fetch(
        """select l.log, l.index, l.entry, l.subjects, h.series
             from unnest($1::smallint[], $2::bigint[]) with ordinality wanted (log, index, n)
             join log_leaf l on (l.log, l.index) = (wanted.log, wanted.index)
             join log_head h on h.log = l.log order by n""",
        [log for log, _ in places],
        [index for _, index in places],
    )
    return [SourceLeaf(*row) for row in rows]


async def known_subjects(connection: Connection, subjects: Collection[UUID]) -> frozenset[UUID]:
    """Which of these persons are still known: of an erased one no line says anything any more."""
    if not subjects:
        return frozenset()
    rows = await connection.fetch("select id from subject where id = any($1)", list(subjects))
    return frozenset(row[0] for row in rows)


async def protocol_texts(connection: Connection) -> list[tuple[bytes, str]]:
    """The digest and the text of every version on record."""
    rows = await connection.fetch("select digest, body from protocol_version")
    return [(bytes(row[0]), row[1]) for row in rows]


async def move_cursor(connection: Connection, lease: Lease, cursor: Cursor, move: Move) -> None:
    """Write that the receiver confirmed everything up to here.

    Raises `LeaseLostError` or `CursorMovedError`; then nothing was written.
    """
    async with connection.transaction():
        if not await stands_until_commit(connection, lease):
            raise LeaseLostError
        moved = await connection.execute(
            """update projection
                  set log = $4, next_index = $5, lines = lines + $6, bytes = $7,
                      failures = 0, reason = null, changed_at = clock_timestamp()
                where name = $1 and log = $2 and next_index = $3""",
            cursor.name,
            cursor.log,
            cursor.next_index,
            move.log,
            move.next_index,
            move.lines,
            move.bytes,
        )
        if moved != "UPDATE 1":
            raise CursorMovedError
        if move.parked:
            await connection.execute(
                """insert into projection_parked (projection, log, index, reason)
                   select $1, $2, * from unnest($3::bigint[], $4::text[])
                   on conflict do nothing""",
                cursor.name,
                cursor.log,
                [index for index, _ in move.parked],
                [reason for _, reason in move.parked],
            )


async def note_failure(connection: Connection, name: str, reason: str) -> int:
    """Count a delivery that did not come through; gives how many in a row."""
    return int(
        await connection.fetchval(
            """update projection set failures = failures + 1, reason = $2 where name = $1
               returning failures""",
            name,
            reason,
        )
    )


async def parked_entries(connection: Connection, name: str) -> list[ParkedEntry]:
    """What was set apart of a projection, in the order of the log."""
    rows = await connection.fetch(
        """select log, index, reason, parked_at from projection_parked
            where projection = $1 order by log, index""",
        name,
    )
    return [ParkedEntry(*row) for row in rows]


async def unpark(connection: Connection, name: str, places: Sequence[tuple[int, int]]) -> None:
    """Take entries off the list: their receiver took them after all."""
    await connection.executemany(
        "delete from projection_parked where projection = $1 and log = $2 and index = $3",
        [(name, log, index) for log, index in places],
    )


async def drop_projection(connection: Connection, name: str) -> bool:
    """Forget a projection, its cursor and its list; False where there is none."""
    done = await connection.execute("delete from projection where name = $1", name)
    return bool(done == "DELETE 1")


async def index_traces(
    connection: Connection, traces: Sequence[int], log: int, indices: Sequence[int]
) -> None:
    """Let entries be found by their trace; again has no effect."""
    await connection.execute(
        """insert into log_trace (trace, log, index)
           select t.trace, $2, t.index from unnest($1::bigint[], $3::bigint[]) t (trace, index)
           on conflict do nothing""",
        traces,
        log,
        indices,
    )


async def places_of_trace(
    connection: Connection,
    trace: int,
    series: Collection[int],
    after: tuple[int, int],
    limit: int,
) -> list[tuple[int, int]]:
    """Where indexed entries with this trace may stand, in the order of the log, after a place."""
    rows = await connection.fetch(
        """select t.log, t.index from log_trace t join log_head h on h.log = t.log
            where t.trace = $1 and h.series = any($2) and (t.log, t.index) > ($3, $4)
            order by t.log, t.index limit $5""",
        trace,
        list(series),
        *after,
        limit,
    )
    return [(row[0], row[1]) for row in rows]


async def places_beyond(
    connection: Connection, text: bytes, series: Collection[int], most: int
) -> list[tuple[int, int]] | None:
    """Where entries that hold this text stand that the index of traces has not reached.

    None where those are more than `most`: then the index is to be waited for.
    """
    rows = await connection.fetch(
        """select h.log, h.size, coalesce(p.next_index, 0) as first
             from log_head h
             left join projection p on p.series = h.series and p.kind = $2 and p.log = h.log
            where h.series = any($1) and h.log >= coalesce(
                  (select log from projection where series = h.series and kind = $2), 0)
            order by h.log""",
        list(series),
        TRACE_INDEX,
    )
    if sum(max(size - first, 0) for _, size, first in rows) > most:
        return None
    found: list[tuple[int, int]] = []
    for log, size, first in rows:
        places = await connection.fetch(
            """select index from log_leaf
                where log = $1 and index >= $2 and index < $3 and position($4::bytea in entry) > 0
                order by index""",
            log,
            first,
            size,
            text,
        )
        found += [(log, row[0]) for row in places]
    return found
