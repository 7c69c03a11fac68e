"""The statements of first contacts: since when a referral waits for one, and who was signalled.

A mailbox's positions are dense and each is looked at once, so that following them costs the road
nothing; the place in each mailbox is locked while a step is made, so that of two replicas one
works.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import HELD, PURGED, REFUSED, Connection
from gateway.store.notices import NOT_RECALLED

_NOT_THERE = [HELD, REFUSED, PURGED]
REFERRAL = 1
"""The kind of exchange that a referral is, as `gateway.exchange.recording` has it."""


class Overdue(NamedTuple):
    """A referral without a first contact in its term; `is_released`: its recipient has it."""

    exchange: UUID
    sender: str
    recipient: str | None
    flow: str | None
    owner: UUID | None
    sealed_reference: bytes | None
    is_protected: bool
    is_released: bool
    signals: int
    due_at: datetime


class Seen(NamedTuple):
    """A referral in a mailbox; `since` where it was put there on its arrival."""

    exchange: UUID
    flow: str | None
    since: datetime | None


class Step(NamedTuple):
    """How far one mailbox was followed, and which referrals stand there since."""

    recipient: str
    position: int
    seen: list[Seen]


async def end_waiting(connection: Connection, contacted: Collection[UUID], now: datetime) -> None:
    """Of these a first contact was told; also where the mailbox was not followed so far yet."""
    await connection.execute(
        """insert into first_contact (exchange, ended_at)
           select x, $2 from unnest($1::uuid[]) x
           on conflict (exchange) do update
              set ended_at = coalesce(first_contact.ended_at, excluded.ended_at)""",
        sorted(contacted),
        now,
    )


async def follow(connection: Connection, limit: int) -> Step | None:
    """Take the next positions of one mailbox; none where every one was followed to its end."""
    await connection.execute(
        """insert into first_contact_place (recipient, position)
           select recipient, 0 from mailbox_head h
            where not exists (select from first_contact_place p where p.recipient = h.recipient)
           on conflict do nothing"""
    )
    # The place is locked and not the head: nobody who queues a message waits for this.
    head = await connection.fetchrow(
        """select p.recipient, p.position
             from first_contact_place p join mailbox_head h using (recipient)
            where h.last_position > p.position
            order by p.recipient limit 1 for update of p skip locked"""
    )
    if head is None:
        return None
    rows = await connection.fetch(
        """select m.position, e.id, e.flow, e.kind,
                  case when e.decision = 0 then e.received_at end as since
             from mailbox m left join exchange e on e.id = m.exchange
            where m.recipient = $1 and m.position > $2 order by m.position limit $3""",
        head["recipient"],
        head["position"],
        limit,
    )
    of = [row for row in rows if row["kind"] == REFERRAL]
    seen = [Seen(row["id"], row["flow"], row["since"]) for row in of]
    end = rows[-1]["position"] if rows else head["position"]
    return Step(head["recipient"], end, seen)


async def put_followed(connection: Connection, step: Step, due: Mapping[UUID, datetime]) -> None:
    """Note how far a mailbox was followed, and by when each referral should have its contact."""
    if due:
        await connection.execute(
            """insert into first_contact (exchange, due_at)
               select * from unnest($1::uuid[], $2::timestamptz[]) on conflict do nothing""",
            sorted(due),
            [due[one] for one in sorted(due)],
        )
    await connection.execute(
        "update first_contact_place set position = $2 where recipient = $1",
        step.recipient,
        step.position,
    )


async def lock_due(connection: Connection, now: datetime, limit: int) -> list[Overdue]:
    """What is due, locked; what somebody else holds is passed over."""
    rows = await connection.fetch(
        f"""{_OVERDUE} where f.ended_at is null and f.due_at <= $1
            order by f.due_at limit $2 for update of f skip locked""",
        now,
        limit,
    )
    return [Overdue(*row) for row in rows]


async def put_signalled(
    connection: Connection, again: Sequence[tuple[UUID, datetime | None]]
) -> None:
    """Count a signal, with the moment of the next; none after the last."""
    await connection.executemany(
        "update first_contact set signals = signals + 1, due_at = $2 where exchange = $1", again
    )


async def let_go(connection: Connection, exchanges: Sequence[UUID], now: datetime) -> None:
    """End the waiting for what is not there any more."""
    await connection.execute(
        "update first_contact set ended_at = $2 where exchange = any($1)", exchanges, now
    )


async def still_there(connection: Connection, exchanges: Sequence[UUID]) -> set[UUID]:
    """Those of these exchanges that were neither taken out nor recalled, of persons still known."""
    rows = await connection.fetch(
        f"""select e.id from exchange e join subject s on s.id = e.owner
             where e.id = any($1) and not e.state = any($2) and {NOT_RECALLED}""",
        exchanges,
        _NOT_THERE,
    )
    return {row[0] for row in rows}


async def signalled(connection: Connection, limit: int) -> list[Overdue]:
    """What was signalled and still has no contact, for operators: nothing that is protected."""
    rows = await connection.fetch(
        f"""{_OVERDUE} where f.ended_at is null and f.signals > 0 and not e.is_protected
               and not e.state = any($1) and exists (select from subject s where s.id = e.owner)
               and {NOT_RECALLED}
            order by f.due_at limit $2""",
        _NOT_THERE,
        limit,
    )
    return [Overdue(*row) for row in rows]


async def count_signalled(connection: Connection) -> int:
    """How many were signalled and still have no contact; nothing that is protected."""
    return int(
        await connection.fetchval(
            f"""select count(*) from first_contact f join exchange e on e.id = f.exchange
                 where f.ended_at is null and f.signals > 0 and not e.is_protected
                   and not e.state = any($1) and {NOT_RECALLED}
                   and exists (select from subject s where s.id = e.owner)""",
            _NOT_THERE,
        )
    )


async def forget_ended(connection: Connection, before: datetime, limit: int) -> None:
    """Forget contacts that were told of before a moment."""
    await connection.execute(
        """delete from first_contact where exchange in (
               select exchange from first_contact where ended_at < $1 limit $2)""",
        before,
        limit,
    )


_OVERDUE = """select e.id, e.sender, e.recipient, e.flow, e.owner, e.sealed_reference,
                     e.is_protected,
                     exists (select from mailbox m where m.exchange = e.id
                                and m.released_at is not null),
                     f.signals, f.due_at
                from first_contact f join exchange e on e.id = f.exchange"""
