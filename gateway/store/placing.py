"""The statements of what waits for a person to place it, and of whose place is hidden.

A row has the reason and no team. What was placed, withdrawn or closed waits no more; whoever asks
is shown only what was handed to them, so that the list tells nothing before its release does
(invariant 2).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import HELD, PURGED, REFUSED, Connection
from gateway.store.notices import NOT_RECALLED

_NOT_THERE = [HELD, REFUSED, PURGED]


class Waiting(NamedTuple):
    """A referral that waits for a person."""

    exchange: UUID
    recipient: str
    reason: str
    since: datetime
    is_protected: bool


class Placed(NamedTuple):
    """A referral that waits, or was placed; `team_print` is a keyed print of where."""

    exchange: UUID
    flow: str | None
    is_protected: bool
    placed_at: datetime | None
    team_print: bytes | None
    entry: UUID | None


async def add_waiting(
    connection: Connection, rows: Sequence[tuple[UUID, str, str, datetime]]
) -> None:
    """Note what waits: exchange, recipient, reason, since when. What was placed waits anew."""
    await connection.execute(
        """insert into placement (exchange, recipient, reason, since)
           select * from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[])
           on conflict (exchange) do update set reason = excluded.reason,
              since = case when placement.placed_at is null then placement.since
                           else excluded.since end,
              placed_at = null, team_print = null, entry = null""",
        *[[row[n] for row in rows] for n in range(4)],
    )


async def wait_no_more(connection: Connection, exchanges: Collection[UUID]) -> None:
    """Forget that these wait: the table placed them, or nobody has to any more."""
    await connection.execute(
        "delete from placement where exchange = any($1) and placed_at is null", sorted(exchanges)
    )


async def list_no_more(connection: Connection, exchange: UUID) -> None:
    """Forget that this waited at all: its place is hidden from now on."""
    await connection.execute("delete from placement where exchange = $1", exchange)


async def waiting_for(
    connection: Connection, recipient: str, after: UUID | None, limit: int
) -> list[Waiting]:
    """What waits for this recipient's people and was handed over, oldest first."""
    rows = await connection.fetch(
        f"""select p.exchange, p.recipient, p.reason, p.since, e.is_protected
             from placement p join exchange e on e.id = p.exchange
            where p.recipient = $1 and p.placed_at is null
              and ($2::uuid is null or p.exchange > $2) and not e.state = any($3)
              and {NOT_RECALLED}
              and exists (select from subject s where s.id = e.owner)
              and exists (select from mailbox m
                           where m.exchange = p.exchange and m.released_at is not null)
            order by p.exchange limit $4""",
        recipient,
        after,
        _NOT_THERE,
        limit,
    )
    return [Waiting(*row) for row in rows]


async def all_waiting(connection: Connection, limit: int) -> list[Waiting]:
    """What waits anywhere, for operators: nothing that is protected (invariant 14)."""
    rows = await connection.fetch(
        f"""select p.exchange, p.recipient, p.reason, p.since, e.is_protected
             from placement p join exchange e on e.id = p.exchange
            where p.placed_at is null and not e.is_protected and not e.state = any($1)
              and {NOT_RECALLED}
              and exists (select from subject s where s.id = e.owner)
            order by p.since, p.exchange limit $2""",
        _NOT_THERE,
        limit,
    )
    return [Waiting(*row) for row in rows]


class Settled(NamedTuple):
    """A referral that a person placed: at whose side, when, and the entry that says so."""

    exchange: UUID
    recipient: str
    reason: str
    placed_at: datetime
    entry: UUID


async def recently_placed(connection: Connection, limit: int) -> list[Settled]:
    """What was placed last, newest first, for operators: nothing that is protected."""
    rows = await connection.fetch(
        """select p.exchange, p.recipient, p.reason, p.placed_at, p.entry
             from placement p join exchange e on e.id = p.exchange
            where p.placed_at is not null and not e.is_protected
            order by p.placed_at desc, p.exchange limit $1""",
        limit,
    )
    return [Settled(*row) for row in rows]


async def count_waiting(connection: Connection, before: datetime) -> tuple[int, int]:
    """How many wait, and how many since before a moment; nothing that is protected."""
    row = await connection.fetchrow(
        f"""select count(*), count(*) filter (where p.since < $1)
             from placement p join exchange e on e.id = p.exchange
            where p.placed_at is null and not e.is_protected and not e.state = any($2)
              and {NOT_RECALLED}
              and exists (select from subject s where s.id = e.owner)""",
        before,
        _NOT_THERE,
    )
    return (0, 0) if row is None else (row[0], row[1])


async def lock_placement(connection: Connection, recipient: str, exchange: UUID) -> Placed | None:
    """A referral of this recipient's that waits or waited, locked; none where there is none."""
    row = await connection.fetchrow(
        f"""select p.exchange, e.flow, e.is_protected, p.placed_at, p.team_print, p.entry
             from placement p join exchange e on e.id = p.exchange
            where p.exchange = $1 and p.recipient = $2 and not e.state = any($3)
              and (p.placed_at is not null or {NOT_RECALLED})
              and exists (select from mailbox m
                           where m.exchange = p.exchange and m.released_at is not null)
              for update of p""",
        exchange,
        recipient,
        _NOT_THERE,
    )
    return None if row is None else Placed(*row)


async def last_handover(connection: Connection, exchange: UUID) -> tuple[UUID | None, bool]:
    """The notice by which teams handed it over last, and whether a person placed it since."""
    row = await connection.fetchrow(
        """select n.id, coalesce(p.placed_at >= n.received_at, p.placed_at is not null)
             from (select 1) one
             left join lateral (select e.id, e.received_at
                                  from notice h join exchange e on e.id = h.exchange
                                 where h.about = $1 and h.kind = 'overdracht'
                                 order by e.id desc limit 1) n on true
             left join placement p on p.exchange = $1""",
        exchange,
    )
    return (None, False) if row is None else (row[0], row[1])


async def put_placed(
    connection: Connection, exchange: UUID, team_print: bytes, now: datetime, entry: UUID
) -> None:
    """Record that a person placed it."""
    await connection.execute(
        """update placement set placed_at = $2, team_print = $3, entry = $4 where exchange = $1""",
        exchange,
        now,
        team_print,
        entry,
    )


async def hide_places(connection: Connection, prints: Sequence[bytes]) -> None:
    """Note whose place nobody may know."""
    await connection.execute(
        """insert into hidden_place select * from unnest($1::bytea[]) order by 1
           on conflict do nothing""",
        prints,
    )


async def hidden_among(connection: Connection, prints: Collection[bytes]) -> set[bytes]:
    """Those of these prints whose place is hidden."""
    if not prints:
        return set()
    rows = await connection.fetch(
        "select print from hidden_place where print = any($1)", list(prints)
    )
    return {row[0] for row in rows}


async def notices_here(connection: Connection, exchange: UUID, kind: str) -> list[UUID]:
    """The notices of this kind about an exchange whose content is here still, oldest first."""
    rows = await connection.fetch(
        """select n.exchange from notice n
            where n.about = $1 and n.kind = $2
              and exists (select from part p where p.exchange = n.exchange) order by n.exchange""",
        exchange,
        kind,
    )
    return [row[0] for row in rows]


async def said_between(
    connection: Connection, subject: UUID, kinds: Collection[int], parties: Collection[str]
) -> dict[UUID, str | None]:
    """What these parties said of a person and is here still, with its flow; to whomever.

    No row leads from it to the case: of two cases of one person all is found.
    """
    rows = await connection.fetch(
        """select e.id, e.flow from part p join exchange e on e.id = p.exchange
            where p.subject = $1 and e.kind = any($2::smallint[]) and e.sender = any($3)""",
        subject,
        list(kinds),
        list(parties),
    )
    return {row[0]: row[1] for row in rows}


async def forget_placed(connection: Connection, before: datetime, limit: int) -> None:
    """Forget what was placed or moved before a moment, and what never waits again."""
    await connection.execute(
        """delete from placement where exchange in (
               select p.exchange from placement p left join exchange e on e.id = p.exchange
                where p.placed_at < $1 or e.id is null or e.state = any($2) limit $3)""",
        before,
        [REFUSED, PURGED],
        limit,
    )
    await connection.execute(
        """delete from household_move where (partner, reference) in (
               select partner, reference from household_move where recorded_at < $1 limit $2)""",
        before,
        limit,
    )
