"""The statements of bringing mail: lanes by recipient, what they failed at, and dead letters.

A lane is leased (`lease` table, by database time, with a fencing token), so that over all replicas
one brings a recipient's mail at a time. When a lane may try again is by the caller's clock: it
only says when, and never what.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import DONE, WAITING, Connection
from gateway.store.lease import Lease

_LEASE = "push/"


class ClaimedLane(NamedTuple):
    """A recipient with mail whose lane is ours, and how it stood."""

    partner: str
    url: str
    lease: Lease
    failures: int
    reason: str | None
    trying: int
    refusals: int
    suspicions: int
    dead_in_a_row: int


class DeadLetter(NamedTuple):
    """A message that its recipient refused; `state` is its exchange's, to see what is left."""

    recipient: str
    position: int
    exchange: UUID
    reason: str
    died_at: datetime
    replayed_at: datetime | None
    state: int
    is_protected: bool


class LaneStanding(NamedTuple):
    """How one endpoint stands, for whoever operates it; protected exchanges are not counted."""

    partner: str
    url: str | None
    is_sealed: bool
    is_suspended: bool
    stopped: str | None
    waiting: int
    oldest: datetime | None
    dead: int
    failures: int
    failing_since: datetime | None
    reason: str | None
    retry_at: datetime | None
    delivered_at: datetime | None


async def claim_lanes(
    connection: Connection,
    holder: UUID,
    now: datetime,
    seconds: float,
    limit: int,
    running: Sequence[str],
) -> list[ClaimedLane]:
    """Lease lanes that have something to bring, those longest without first."""
    rows = await connection.fetch(
        f"""with due as (
                select e.partner, e.url, l.failures, l.reason, l.trying, l.refusals, l.suspicions,
                       l.dead_in_a_row, l.delivered_at
                  from endpoint e join push_lane l using (partner)
                  join partner p on p.id = e.partner
                  join mailbox_head h on h.recipient = e.partner
                 where e.url is not null and l.stopped is null and not p.is_suspended
                   and (l.retry_at is null or l.retry_at <= $2)
                   and (h.last_position > h.acknowledged
                        or exists (select from dead_letter d where d.recipient = e.partner
                                                               and d.replayed_at is not null))
                   and e.partner <> all($5::text[])
                   and not exists (select from lease o
                                    where o.name = '{_LEASE}' || e.partner and o.holder <> $1
                                      and o.expires_at > clock_timestamp())
                 order by l.delivered_at nulls first, e.partner limit $4),
              taken as (
                insert into lease as held (name, holder, token, expires_at)
                select '{_LEASE}' || partner, $1, 1, clock_timestamp() + make_interval(secs => $3)
                  from due order by partner
                    on conflict (name) do update
                       set holder = excluded.holder, token = held.token + 1,
                           expires_at = excluded.expires_at
                     where held.holder = excluded.holder or held.expires_at <= clock_timestamp()
                returning name, holder, token)
            select due.partner, due.url, taken.name, taken.holder, taken.token, due.failures,
                   due.reason, due.trying, due.refusals, due.suspicions, due.dead_in_a_row
              from due join taken on taken.name = '{_LEASE}' || due.partner
             order by due.delivered_at nulls first, due.partner""",
        holder,
        now,
        seconds,
        limit,
        list(running),
    )
    return [ClaimedLane(row[0], row[1], Lease(row[2], row[3], row[4]), *row[5:]) for row in rows]


async def give_up_lanes(connection: Connection, leases: Sequence[Lease]) -> None:
    """End these terms now, so that another replica need not wait for them to run out."""
    await connection.execute(
        """update lease set expires_at = clock_timestamp()
             from unnest($1::text[], $2::uuid[], $3::bigint[]) mine (name, holder, token)
            where (lease.name, lease.holder, lease.token) = (mine.name, mine.holder, mine.token)""",
        [one.name for one in leases],
        [one.holder for one in leases],
        [one.token for one in leases],
    )


async def still_open(connection: Connection, running: Sequence[tuple[str, str]]) -> set[str]:
    """Of these partners and addresses those that mail may still be brought to."""
    rows = await connection.fetch(
        """select e.partner from unnest($1::text[], $2::text[]) mine (partner, url)
             join endpoint e on (e.partner, e.url) = (mine.partner, mine.url)
             join push_lane l on l.partner = e.partner join partner p on p.id = e.partner
            where l.stopped is null and not p.is_suspended""",
        [partner for partner, _ in running],
        [url for _, url in running],
    )
    return {row[0] for row in rows}


async def lock_open_lane(connection: Connection, partner: str, url: str) -> bool:
    """Whether mail may go to this address; if so, no stop commits before this transaction.

    The endpoint is taken before its lane, as whoever registers another one takes them.
    """
    is_open = await connection.fetchval(
        """select true from push_lane l join endpoint e using (partner)
            where l.partner = $1 and e.url = $2 and l.stopped is null for share of e, l""",
        partner,
        url,
    )
    return is_open is not None


async def keep_delivered(connection: Connection, partner: str, now: datetime) -> None:
    """The lane works: what it failed at before is forgotten."""
    await connection.execute(
        """update push_lane
              set failures = 0, failing_since = null, reason = null, retry_at = null,
                  refusals = 0, suspicions = 0, dead_in_a_row = 0, delivered_at = $2
            where partner = $1""",
        partner,
        now,
    )


async def keep_failed(
    connection: Connection,
    partner: str,
    *,
    failures: int,
    reason: str | None,
    trying: int,
    refusals: int,
    suspicions: int,
    dead_in_a_row: int,
    now: datetime,
    retry_at: datetime,
) -> bool:
    """Keep what a lane failed at; whether what waits may be spoken of (some is not protected)."""
    await connection.execute(
        """update push_lane
              set failures = $2, reason = $3, trying = $4, refusals = $5, suspicions = $6,
                  dead_in_a_row = $7, retry_at = $9,
                  failing_since = case when $2 = 0 then null else coalesce(failing_since, $8) end
            where partner = $1""",
        partner,
        failures,
        reason,
        trying,
        refusals,
        suspicions,
        dead_in_a_row,
        now,
        retry_at,
    )
    return bool(
        await connection.fetchval(
            """select exists (select from mailbox m join exchange e on e.id = m.exchange
                               where m.recipient = $1 and not e.is_protected
                                 and m.position > (select acknowledged from mailbox_head
                                                    where recipient = $1))""",
            partner,
        )
    )


async def bury(
    connection: Connection,
    recipient: str,
    position: int,
    exchange: UUID,
    reason: str,
    now: datetime,
) -> bool:
    """Make the message at the head a dead letter and let the next one go on.

    False where the mailbox moved meanwhile: its recipient pulled and acknowledged it after all.
    The message stays as it is, waiting, so that a withdrawal still reaches it and retention ends
    it; it is not recorded as received.
    """
    moved = await connection.fetchval(
        """update mailbox_head set acknowledged = $2
            where recipient = $1 and acknowledged = $2 - 1 returning true""",
        recipient,
        position,
    )
    if moved is None:
        return False
    await connection.execute(
        """insert into dead_letter (recipient, position, exchange, reason, died_at)
           values ($1, $2, $3, $4, $5)
           on conflict (recipient, position) do update
              set reason = excluded.reason, died_at = excluded.died_at, replayed_at = null""",
        recipient,
        position,
        exchange,
        reason,
        now,
    )
    return True


async def bury_again(
    connection: Connection, recipient: str, position: int, reason: str, now: datetime
) -> None:
    """A replay that was refused as well: it rests until it is asked for again."""
    await connection.execute(
        """update dead_letter set replayed_at = null, reason = $3, died_at = $4
            where recipient = $1 and position = $2""",
        recipient,
        position,
        reason,
        now,
    )


async def forget_dead(connection: Connection, recipient: str, position: int) -> None:
    """It was received after all, or there is nothing left of it to bring."""
    await connection.execute(
        "delete from dead_letter where recipient = $1 and position = $2", recipient, position
    )


async def next_replay(connection: Connection, recipient: str) -> int | None:
    """The first position that is to be brought again."""
    return await connection.fetchval(  # type: ignore[no-any-return]  # a bigint, or None
        """select min(position) from dead_letter
            where recipient = $1 and replayed_at is not null""",
        recipient,
    )


async def acknowledge_one(connection: Connection, recipient: str, position: int) -> bool:
    """Mark one position behind the head as received; whether it was waiting still."""
    done = await connection.fetchval(
        """with done as (
               update exchange e set state = $4 from mailbox m
                where m.recipient = $1 and m.position = $2 and e.id = m.exchange and e.state = $3
                  and m.released_at is not null
               returning e.id)
           update mailbox set acknowledged_at = now()
             from done where recipient = $1 and position = $2 returning true""",
        recipient,
        position,
        WAITING,
        DONE,
    )
    return done is not None


async def has_lane(connection: Connection, partner: str) -> bool:
    """Whether a partner registered an endpoint."""
    found = await connection.fetchval("select true from push_lane where partner = $1", partner)
    return found is not None


async def set_stopped(connection: Connection, partner: str, why: str | None) -> bool:
    """Stop or start a lane; whether that is a change. A start tries again at once."""
    changed = await connection.fetchval(
        """update push_lane
              set stopped = $2, retry_at = null,
                  failures = case when $2::text is null then 0 else failures end,
                  dead_in_a_row = case when $2::text is null then 0 else dead_in_a_row end
            where partner = $1 and stopped is distinct from $2 returning true""",
        partner,
        why,
    )
    if changed is None and why is None:
        # It ran already: what is asked is that it does not wait out its pause.
        await connection.execute("update push_lane set retry_at = null where partner = $1", partner)
    return changed is not None


async def ask_replay(
    connection: Connection,
    partner: str,
    exchange: UUID | None,
    now: datetime,
    *,
    protected: bool,
) -> int:
    """Have dead letters brought again, in their order, before what is newer; how many.

    Those of protected exchanges or all others, as they are listed.
    """
    rows = await connection.fetch(
        """update dead_letter d set replayed_at = $3 from exchange e
            where d.recipient = $1 and ($2::uuid is null or d.exchange = $2)
              and e.id = d.exchange and e.state = $4 and d.replayed_at is null
              and e.is_protected = $5
           returning d.position""",
        partner,
        exchange,
        now,
        WAITING,
        protected,
    )
    if rows:
        await connection.execute("update push_lane set retry_at = null where partner = $1", partner)
    return len(rows)


async def dead_letters(
    connection: Connection, partner: str | None, *, protected: bool
) -> list[DeadLetter]:
    """What was given up, in order; of protected exchanges or of all others."""
    rows = await connection.fetch(
        """select d.recipient, d.position, d.exchange, d.reason, d.died_at, d.replayed_at, e.state,
                  e.is_protected
             from dead_letter d join exchange e on e.id = d.exchange
            where ($1::text is null or d.recipient = $1) and e.is_protected = $2
            order by d.recipient, d.position""",
        partner,
        protected,
    )
    return [DeadLetter(*row) for row in rows]


async def forget_lapsed(connection: Connection, before: datetime) -> None:
    """Dead letters whose content is gone are of no use to anybody after a while."""
    await connection.execute(
        """delete from dead_letter d using exchange e
            where e.id = d.exchange and e.state <> $2 and d.died_at < $1""",
        before,
        WAITING,
    )


async def lane_standings(connection: Connection) -> list[LaneStanding]:
    """Every endpoint with how it stands, by partner."""
    rows = await connection.fetch(
        """select e.partner, e.url, e.encryption_key is not null, p.is_suspended, l.stopped,
                  coalesce(w.waiting, 0), w.oldest,
                  (select count(*) from dead_letter d join exchange x on x.id = d.exchange
                    where d.recipient = e.partner and not x.is_protected and x.state = $1),
                  l.failures, l.failing_since, l.reason, l.retry_at, l.delivered_at
             from endpoint e join push_lane l using (partner) join partner p on p.id = e.partner
             join mailbox_head h on h.recipient = e.partner
             left join lateral (
                  select count(*) waiting, min(x.received_at) oldest
                    from mailbox m join exchange x on x.id = m.exchange
                   where m.recipient = e.partner and m.position > h.acknowledged
                     and x.state = $1 and not x.is_protected) w on true
            order by e.partner""",
        WAITING,
    )
    return [LaneStanding(*row) for row in rows]
