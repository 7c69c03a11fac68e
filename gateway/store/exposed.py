"""What is read of an exposure once it is gathered: streams, persons, entries, what is still kept.

Works on the temporary tables that `gateway/store/exposure.py` fills, in the same transaction.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import Connection


class Stream(NamedTuple):
    """Hand-overs that are alike: the same parties, rules and categories."""

    number: int
    recipient: str
    sender: str
    flow: str | None
    protocol: bytes
    kind: int
    categories: str
    is_emergency: bool
    is_reach: bool
    exchanges: int
    hand_overs: int
    first: int
    last: int


class PersonGroup(NamedTuple):
    """Persons who were met in the same streams; `streams` has a 1 at each stream's number."""

    streams: str
    persons: int
    erased: int


class ExposedPerson(NamedTuple):
    """One person of the scope; without a key where they were erased since."""

    subject: UUID
    first: int
    last: int
    hand_overs: int
    streams: str
    epoch: int | None
    wrapped: bytes | None
    facts: bytes | None


class KeptBox(NamedTuple):
    """One member's sealed part, with the key that opens it."""

    exchange: UUID
    member: int
    subject: UUID
    box: bytes
    epoch: int
    wrapped: bytes


class KeptReference(NamedTuple):
    """An exchange, and how its sender knows it."""

    exchange: UUID
    sender: str
    subjects: list[UUID]
    owner: UUID | None
    sealed: bytes | None
    epoch: int | None
    wrapped: bytes | None


class EndEntry(NamedTuple):
    """A hand-over's entry, to be proven."""

    exchange: UUID
    hash: bytes
    entry: bytes


async def streams(connection: Connection) -> list[Stream]:
    """What is alike in `exposure`; fills `exposed` with every person of it."""
    await connection.execute("analyze exposure")
    # One row stands for all that are alike: only counts and moments are worked out of every row.
    await connection.execute(
        """create temp table stream on commit drop as
           select (row_number() over (order by x.recipient, x.sender, x.alike))::int - 1 as number,
                  x.alike, x.recipient, x.sender, x.flow, x.protocol, x.kind, x.categories,
                  x.is_emergency, x.is_reach, s.exchanges, s.hand_overs, s.first, s.last
             from (select alike, min(place) as place, count(*) as exchanges,
                          sum(hand_overs)::bigint as hand_overs, min(first) as first,
                          max(last) as last
                     from (select alike, exchange, min(ctid) as place, count(*) as hand_overs,
                                  min(at) as first, max(at) as last
                             from exposure group by alike, exchange) each
                    group by alike) s
             join exposure x on x.ctid = s.place"""
    )
    await connection.execute("analyze stream")
    rows = await connection.fetch(
        """select number, recipient, sender, flow, protocol, kind, categories, is_emergency,
                  is_reach, exchanges, hand_overs, first, last from stream order by number"""
    )
    await connection.execute(
        f"""create temp table exposed on commit drop as
            select p.subject, min(x.at) as first, max(x.at) as last, count(*) as hand_overs,
                   {_met_in(len(rows))} as streams
              from exposure x join stream s on s.alike = x.alike, unnest(x.subjects) p (subject)
             group by p.subject"""
    )
    await connection.execute("analyze exposed")
    return [Stream(*row) for row in rows]


_WORD = 62


def _met_in(streams: int) -> str:
    """In which streams a person was met, as text with a 1 at each stream's number."""
    if streams <= _WORD:  # by far the quicker of the two
        return f"reverse(bit_or(1::bigint << s.number)::bit({_WORD})::text)"
    return f"bit_or(set_bit(repeat('0', {streams})::bit({streams}), s.number, 1))::text"


async def entries_at_the_ends(connection: Connection, each: int) -> list[EndEntry]:
    """The first and the last entries of `exposure`; all of them where there are few."""
    rows = await connection.fetch(
        """with ends as (
               (select log, index, exchange from exposure where log > 0
                 order by log, index limit $1)
               union
               (select log, index, exchange from exposure where log > 0
                 order by log desc, index desc limit $1))
           select x.exchange, l.hash, l.entry
             from ends x join log_leaf l on l.log = x.log and l.index = x.index
            order by x.log, x.index""",
        each,
    )
    return [EndEntry(*row) for row in rows]


async def altered(connection: Connection) -> int:
    """How many entries of `exposure` do not hash to their leaf (RFC 6962)."""
    return int(await connection.fetchval("select count(*) from exposure where not is_whole"))


async def exchanges_exposed(connection: Connection) -> int:
    """How many exchanges are in `exposure`."""
    return int(await connection.fetchval("select count(distinct exchange) from exposure"))


async def person_groups(connection: Connection) -> list[PersonGroup]:
    """The persons of `exposed`, counted by the streams that they were met in.

    Erased since is whose id leads nowhere any more.
    """
    rows = await connection.fetch(
        """select x.streams, count(*), count(*) filter (where s.id is null)
             from exposed x left join subject s on s.id = x.subject group by x.streams"""
    )
    return [PersonGroup(*row) for row in rows]


async def exposed_persons(
    connection: Connection, page: int = 20_000
) -> AsyncIterator[list[ExposedPerson]]:
    """Every person of `exposed`, in pages, ordered by nothing that means anything."""
    statement = """select x.subject, x.first, x.last, x.hand_overs, x.streams, s.kek_epoch,
                          s.wrapped, s.facts
                     from exposed x left join subject s on s.id = x.subject"""
    cursor = await connection.cursor(statement)
    while rows := await cursor.fetch(page):
        yield [ExposedPerson(*row) for row in rows]


async def kept_boxes(connection: Connection, page: int = 5_000) -> AsyncIterator[list[KeptBox]]:
    """The boxes of `exposure` that the gateway still holds."""
    statement = """select p.exchange, p.member, p.subject, p.box, s.kek_epoch, s.wrapped
                     from part p join subject s on s.id = p.subject
                    where p.exchange in (select exchange from exposure)"""
    cursor = await connection.cursor(statement)
    while rows := await cursor.fetch(page):
        yield [KeptBox(*row) for row in rows]


async def references(
    connection: Connection, page: int = 5_000
) -> AsyncIterator[list[KeptReference]]:
    """Every exchange of `exposure`, with its sender's own reference as it lies sealed."""
    statement = """select distinct on (x.exchange) x.exchange, e.sender, x.subjects, e.owner,
                          e.sealed_reference, s.kek_epoch, s.wrapped
                     from exposure x join exchange e on e.id = x.exchange
                     left join subject s on s.id = e.owner order by x.exchange, x.at desc"""
    cursor = await connection.cursor(statement)
    while rows := await cursor.fetch(page):
        yield [KeptReference(*row) for row in rows]


async def persons_in(connection: Connection, exchanges: Sequence[UUID]) -> int:
    """How many persons these exchanges of `exposure` are about."""
    return int(
        await connection.fetchval(
            """select count(distinct p) from exposure x, unnest(x.subjects) p
                where x.exchange = any($1)""",
            exchanges,
        )
    )


async def entries_exposed(connection: Connection) -> bytes:
    """Where the entries of `exposure` stand in the log, in order, as the database writes it."""
    lines = io.BytesIO()
    await connection.copy_from_query(
        """select log as deel, index as positie, encode(hash, 'hex') as bladhash,
                  exchange as "uitwisselingId", at as moment
             from exposure where log > 0 order by log, index""",
        output=lines,
        format="csv",
        header=True,
        delimiter=";",
    )
    return lines.getvalue()
