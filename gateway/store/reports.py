"""What reports read of the logs and registers: parts of volumes, entries, parties, reviews.

A report asks after a period, and entries bear no index by time: a part of a volume is found by
halving it, and searched by the bytes of its entries. Those are canonical JSON, in which quotes
inside a text are escaped, so that no text can pretend to be a member.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import Connection
from gateway.store.history import first_at
from gateway.store.log import log_size, volumes_of

SLACK_MILLIS = 3_600_000
"""How far entries may stand out of the order of time; a group takes seconds."""


class Span(NamedTuple):
    """The leaves [first, end) of one volume; `name` is the volume's."""

    log: int
    name: str
    first: int
    end: int


class FoundLeaf(NamedTuple):
    """An entry as it lies in the log, with the persons that its row names."""

    log: int
    position: int
    hash: bytes
    entry: bytes
    subjects: list[UUID]


async def spans_of(connection: Connection, series: int, since: int, until: int) -> list[Span]:
    """The leaves of a series that were written in a period, in each of its volumes."""
    spans = []
    for volume in await volumes_of(connection, series):
        first = await first_at(connection, volume.log, since - SLACK_MILLIS)
        end = await first_at(connection, volume.log, until + SLACK_MILLIS)
        end = min(end, await log_size(connection, volume.log))
        if first < end:
            spans.append(Span(volume.log, volume.name, first, end))
    return spans


async def tile_that_differs(connection: Connection, log: int, first: int, end: int) -> int | None:
    """The first bottom tile between these leaves that is not the hashes of its leaves.

    Both bounds lie at the beginning of a tile, or at the end of what is signed.
    """
    return await connection.fetchval(  # type: ignore[no-any-return]  # a bigint, or None
        """with mine as (
               select index / 256 as tile, string_agg(hash, ''::bytea order by index) as hashes
                 from log_leaf where log = $1 and index >= $2 and index < $3 group by 1)
           select n.tile from generate_series($2 / 256, ($3 - 1) / 256) n (tile)
             left join mine m on m.tile = n.tile
             left join log_tile t on t.log = $1 and t.level = 0 and t.index = n.tile
            where m.hashes is null or t.hashes is null
               or m.hashes <> substring(t.hashes for length(m.hashes))
               or length(m.hashes) <> 32 * least(256, $3 - n.tile * 256)
            order by n.tile limit 1""",
        log,
        first,
        end,
    )


async def is_partner(connection: Connection, partner: str) -> bool:
    """Whether this partner is registered."""
    return bool(
        await connection.fetchval("select exists (select from partner where id = $1)", partner)
    )


async def partner_of_key(connection: Connection, kid: str) -> str | None:
    """The partner that this key is, or was, registered for."""
    return await connection.fetchval(  # type: ignore[no-any-return]  # a text, or None
        "select partner from partner_key where kid = $1 limit 1", kid
    )


async def officer_of_key(connection: Connection, kid: str) -> str | None:
    """The officer that this key is registered for."""
    return await connection.fetchval(  # type: ignore[no-any-return]  # a text, or None
        "select id from officer where key_id = $1", kid
    )


async def leaves_with(
    connection: Connection, span: Span, pattern: bytes, page: int = 5_000
) -> AsyncIterator[list[FoundLeaf]]:
    """The entries of a part of a volume that hold these bytes, in order, in pages."""
    statement = """select log, index, hash, entry, subjects from log_leaf
                    where log = $1 and index >= $2 and index < $3
                      and position($4::bytea in entry) > 0 order by index"""
    cursor = await connection.cursor(statement, span.log, span.first, span.end, pattern)
    while rows := await cursor.fetch(page):
        yield [FoundLeaf(*row) for row in rows]


class SenderMonth(NamedTuple):
    """How many messages a sender sent in a period, and how many of them were refused."""

    sender: str
    messages: int
    refused: int
    unreadable: int


class EmergencyMonth(NamedTuple):
    """An emergency release of a period, or an older one whose review is still due."""

    exchange: UUID
    sender: str
    recipient: str | None
    received_at: datetime
    reason: str
    due_at: datetime
    officer: str | None
    outcome: str | None
    reviewed_at: datetime | None


class Expiring(NamedTuple):
    """A key or mandate, and its last day."""

    kind: str
    whose: str
    what: str
    until: date


class AccessReview(NamedTuple):
    """A review of a month, as it was signed."""

    id: UUID
    month: str
    officer: str
    finding: str
    case: str | None
    digest: bytes
    epoch: int
    wrapped: bytes
    remark: bytes | None
    reviewed_at: datetime
    signature: bytes
    entry: UUID


async def senders_of(connection: Connection, since: datetime, until: datetime) -> list[SenderMonth]:
    """What each sender sent; protected exchanges are left out."""
    rows = await connection.fetch(
        """select sender, count(*), count(*) filter (where decision = 2),
                  count(*) filter (where kind = 3)
             from exchange
            where received_at >= $1 and received_at < $2 and kind <> 4 and not is_protected
            group by sender order by sender""",
        since,
        until,
    )
    return [SenderMonth(*row) for row in rows]


async def emergencies_of(
    connection: Connection, since: datetime, until: datetime
) -> list[EmergencyMonth]:
    """Emergency releases and their reviews; those in protected flows are left out."""
    rows = await connection.fetch(
        """select r.exchange, e.sender, e.recipient, e.received_at, r.reason, r.due_at, r.officer,
                  r.outcome, r.reviewed_at
             from emergency_review r join exchange e on e.id = r.exchange
            where not e.is_protected and e.received_at < $2
              and (e.received_at >= $1 or r.reviewed_at is null or r.reviewed_at >= $1)
            order by e.received_at""",
        since,
        until,
    )
    return [EmergencyMonth(*row) for row in rows]


async def expiring_until(connection: Connection, last: date) -> list[Expiring]:
    """Partners' keys and officers' mandates that end by this day, or ended lately."""
    rows = await connection.fetch(
        """select kind, whose, what, until from (
               select 'sleutel' as kind, partner as whose, kid as what, expires_at::date as until
                 from partner_key
               union all
               select 'mandaat', id, coalesce(mandate, ''), mandate_ends from officer
                where mandate_ends is not null and ended_at is null) due
            where until <= $1 and until > $1 - 365 order by until, whose""",
        last,
    )
    return [Expiring(*row) for row in rows]


async def ended_officers(connection: Connection) -> list[tuple[str, datetime]]:
    """Who is an officer no longer, and since when."""
    rows = await connection.fetch("select id, ended_at from officer where ended_at is not null")
    return [(row[0], row[1]) for row in rows]


async def first_access(connection: Connection, series: int) -> bytes | None:
    """The oldest entry of a series."""
    return await connection.fetchval(  # type: ignore[no-any-return]  # an entry, or None
        """select l.entry from log_leaf l join log_head h on h.log = l.log
            where h.series = $1 and l.index = 0 order by l.log limit 1""",
        series,
    )


async def leaves_of(
    connection: Connection, span: Span, page: int = 5_000
) -> AsyncIterator[list[FoundLeaf]]:
    """Every entry of a part of a volume, in order, in pages."""
    statement = """select log, index, hash, entry, subjects from log_leaf
                    where log = $1 and index >= $2 and index < $3 order by index"""
    cursor = await connection.cursor(statement, span.log, span.first, span.end)
    while rows := await cursor.fetch(page):
        yield [FoundLeaf(*row) for row in rows]


_REVIEW = """id, month, officer, finding, case_number, digest, kek_epoch, wrapped, remark,
    reviewed_at, signature, entry"""


async def insert_review(connection: Connection, review: AccessReview) -> None:
    """Record a review; what was recorded before stays."""
    await connection.execute(
        f"""insert into access_review ({_REVIEW})
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
        *review,
    )


async def access_reviews(connection: Connection) -> list[AccessReview]:
    """Every review, oldest first."""
    rows = await connection.fetch(
        f"select {_REVIEW} from access_review order by month, reviewed_at"
    )
    return [AccessReview(*row) for row in rows]


async def key_of_person(connection: Connection, subject: UUID) -> tuple[int, bytes] | None:
    """A person's wrapped data key."""
    row = await connection.fetchrow("select kek_epoch, wrapped from subject where id = $1", subject)
    return None if row is None else (row[0], row[1])
