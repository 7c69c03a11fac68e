"""The statements of the breach pack: what was exposed, worked out in the database itself.

The log says what was handed over and when; the row of an exchange adds its recipient. Entries are
canonical JSON, so that a member is found by its bytes: quotes inside a text are escaped, and no
text can pretend to be a member. All of it happens in temporary tables of the caller's transaction,
which the commit drops; a million hand-overs are never carried to the program that asks.

Filters reach `create table as`, which takes no parameters, as settings of the transaction: never as
part of a statement's text.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from gateway.store.groups import HELD, WAITING, Connection
from gateway.store.reports import Span

_MEMORY = "192MB"


class Filters(NamedTuple):
    """Which hand-overs: all that are given must hold. Times are milliseconds since 1970."""

    since: int
    until: int
    recipient: str | None = None
    sender: str | None = None
    flow: str | None = None


class Waiting(NamedTuple):
    """What is under way at a moment: messages in a mailbox, held ones, and the persons in both."""

    messages: int
    held: int
    persons: int


async def settle_memory(connection: Connection) -> None:
    """More memory and two workers for this transaction's large sorts."""
    for statement in (
        f"set local work_mem = '{_MEMORY}'",
        "set local jit = off",
        "set local max_parallel_workers_per_gather = 2",
        "set local parallel_setup_cost = 0",
        "set local parallel_tuple_cost = 0.01",
    ):
        await connection.execute(statement)


async def _set_filters(connection: Connection, filters: Filters) -> None:
    for name, value in filters._asdict().items():
        await connection.execute(
            "select set_config($1, $2, true)",
            f"sluis.{name}",
            "" if value is None else str(value),
        )


_EXPOSURE = """create temp table exposure (
    log smallint, index bigint, hash bytea, is_whole boolean, exchange uuid, at bigint, trace text,
    is_hand_over boolean, subjects uuid[], categories text, kind smallint, sender text,
    recipient text, flow text, protocol bytea, is_emergency boolean, is_reach boolean,
    alike bigint) on commit drop"""
_ALIKE = """hash_record_extended(row({recipient}, {sender}, {flow}, {categories}, {protocol},
    {kind}, {is_emergency}, {is_reach}), 0)"""
# The two events have twelve letters each: one look tells them from all others.
_HANDED = """with found as (
      select l.log, l.index, l.hash, l.subjects, l.entry,
             substring(l.entry from position('"event":"'::bytea in l.entry) + 9 for 12) as event
        from log_leaf l
       where l.log = {log} and l.index >= {first} and l.index < {end}),
    handed as (
      select f.log, f.index, f.hash, {is_whole} as is_whole,
             f.subjects, f.event = 'verstrekking'::bytea as is_hand_over,
             encode(substring(f.entry from position('"exchange":"'::bytea in f.entry) + 12 for 36),
                    'escape')::uuid as exchange,
             encode(substring(f.entry from position('"endTime":'::bytea in f.entry) + 10 for 13),
                    'escape')::bigint as at,
             case when {with_trace} then
               encode(substring(f.entry from position('"traceId":"'::bytea in f.entry) + 11 for 32),
                      'escape') else '' end as trace,
             case when f.event = 'verstrekking'::bytea then
               encode(substring(f.entry from position('"categories":['::bytea in f.entry) + 14
                                for position('],"endTime"'::bytea in f.entry)
                                    - position('"categories":['::bytea in f.entry) - 14),
                      'escape') else '' end as categories
        from found f where f.event in ('verstrekking'::bytea, 'teruggenomen'::bytea))
    select h.log, h.index, h.hash, h.is_whole, h.exchange, h.at, h.trace, h.is_hand_over,
           h.subjects, h.categories, e.kind, e.sender, e.recipient, e.flow, e.protocol,
           e.usable_until is not null as is_emergency, false as is_reach, {alike} as alike
      from handed h join exchange e on e.id = h.exchange
     where e.kind <> 4 and e.recipient is not null
       and current_setting('sluis.recipient') in ('', e.recipient)
       and current_setting('sluis.sender') in ('', e.sender)
       and current_setting('sluis.flow') in ('', e.flow)
       and h.at >= current_setting('sluis.since')::bigint
       and h.at < current_setting('sluis.until')::bigint
                  + case when h.is_hand_over then 0 else 60000 end"""
MANY = 50_000
"""Leaves from which on a whole table is joined rather than looked up row by row."""


async def gather_hand_overs(
    connection: Connection,
    spans: Sequence[Span],
    filters: Filters,
    *,
    with_trace: bool = False,
    rehashes: bool = False,
) -> None:
    """Fill `exposure` with what was handed over; what was taken back in time is left out.

    A release that was not sent within its term is taken back, with an entry: nobody had it.
    `rehashes`: look whether each entry hashes to its leaf, as RFC 6962 has it.
    """
    await _set_filters(connection, filters)
    many = sum(span.end - span.first for span in spans) > MANY
    await connection.execute(f"set local enable_nestloop = {'off' if many else 'on'}")
    alike = _ALIKE.format(
        recipient="e.recipient", sender="e.sender", flow="e.flow", protocol="e.protocol",
        kind="e.kind", is_emergency="(e.usable_until is not null)", categories="h.categories",
        is_reach="false",
    )  # fmt: skip
    made = False
    for span in spans:
        statement = _HANDED.format(
            log=span.log,
            first=span.first,
            end=span.end,
            with_trace="true" if with_trace else "false",
            is_whole="(sha256('\\x00'::bytea || f.entry) = f.hash)" if rehashes else "true",
            alike=alike,
        )
        how = "insert into exposure" if made else "create temp table exposure on commit drop as"
        await connection.execute(f"{how} {statement}")
        made = True
    if not made:
        await connection.execute(_EXPOSURE)
    await connection.execute("set local enable_nestloop = on")
    await connection.execute(
        """delete from exposure x using (
               select exchange from exposure group by exchange
               having count(*) filter (where is_hand_over)
                   <= count(*) filter (where not is_hand_over)) taken
            where x.exchange = taken.exchange or not x.is_hand_over"""
    )


async def keep_traces(connection: Connection, traces: Sequence[str]) -> int:
    """Keep of `exposure` what was fetched in these requests; gives how much was left out."""
    done = await connection.execute(
        "delete from exposure where not trace = any($1::text[])", list(traces)
    )
    return int(done.rpartition(" ")[2])


_INTO = """insert into exposure (log, index, hash, is_whole, exchange, at, trace, is_hand_over,
    subjects, categories, kind, sender, recipient, flow, protocol, is_emergency, is_reach, alike)"""
_ROW = """e.kind, e.sender, coalesce(e.recipient, '') as recipient, e.flow, e.protocol,
    e.usable_until is not null as is_emergency"""


async def add_reach(connection: Connection, filters: Filters, *, is_protected: bool) -> None:
    """Add what waited in a mailbox during the period and could have been fetched then."""
    await connection.execute(
        f"""{_INTO}
           select 0, 0, null, true, r.*, true, {_alike_of("r", "true")}
             from (select e.id, (extract(epoch from greatest(e.received_at, $2)) * 1000)::bigint,
                          '', false,
                          coalesce((select array_agg(subject) from part where exchange = e.id),
                                   (select array_agg(subject) from disclosure
                                     where exchange = e.id), '{{}}'),
                          '' as categories, {_ROW}
                     from mailbox m join exchange e on e.id = m.exchange
                    where m.recipient = $1 and e.received_at < $3 and e.kind <> 4
                      and e.is_protected = $4 and e.state in (1, 3, 6)
                      and (m.acknowledged_at is null or m.acknowledged_at >= $2)
                      and not exists (select from exposure x where x.exchange = e.id)) r""",
        filters.recipient,
        _moment(filters.since),
        _moment(filters.until),
        is_protected,
    )


async def gather_at_rest(connection: Connection, epoch: int, *, is_protected: bool) -> None:
    """Fill `exposure` with the content that a key-encryption key opens, as it lies there now."""
    await connection.execute(_EXPOSURE)
    for members, joined in (
        ("array_agg(p.subject)", "part p on p.subject = s.id join exchange e on e.id = p.exchange"),
        ("min(h.subjects)", "exchange e on e.owner = s.id join held h on h.exchange = e.id"),
    ):
        await connection.execute(
            f"""{_INTO}
               select 0, 0, null, true, r.*, false, {_alike_of("r", "false")}
                 from (select e.id, (extract(epoch from e.received_at) * 1000)::bigint, '', true,
                              {members}, '' as categories, {_ROW}
                         from subject s join {joined}
                        where s.kek_epoch = $1 and e.kind <> 4 and e.is_protected = $2
                        group by e.id) r""",
            epoch,
            is_protected,
        )


def _alike_of(row: str, is_reach: str) -> str:
    columns = ("recipient", "sender", "flow", "categories", "protocol", "kind", "is_emergency")
    return _ALIKE.format(is_reach=is_reach, **{name: f"{row}.{name}" for name in columns})


async def waiting_for(connection: Connection, filters: Filters, *, is_protected: bool) -> Waiting:
    """What still waits under these filters: it can be stopped."""
    row = await connection.fetchrow(
        """with open as (
               select id, state from exchange
                where state in ($4, $5) and kind <> 4 and is_protected = $6
                  and ($1::text is null or recipient = $1) and ($2::text is null or sender = $2)
                  and ($3::text is null or flow = $3)),
           person as (
               select p.subject from open o join part p on p.exchange = o.id
               union select unnest(h.subjects) from open o join held h on h.exchange = o.id)
           select (select count(*) from open where state = $4),
                  (select count(*) from open where state = $5), (select count(*) from person)""",
        filters.recipient,
        filters.sender,
        filters.flow,
        WAITING,
        HELD,
        is_protected,
    )
    return Waiting(*row) if row is not None else Waiting(0, 0, 0)


async def sent_by(connection: Connection, filters: Filters, *, is_protected: bool) -> int:
    """How many messages bear a sender's name in the period."""
    return int(
        await connection.fetchval(
            """select count(*) from exchange
                where sender = $1 and received_at >= $2 and received_at < $3 and kind <> 4
                  and is_protected = $4""",
            filters.sender,
            _moment(filters.since),
            _moment(filters.until),
            is_protected,
        )
    )


def _moment(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)
