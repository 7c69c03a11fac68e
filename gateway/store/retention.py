"""The statements of clearing what has expired, behind the exclusive side of the gate.

A term that runs out forbids a release as a withdrawal does, so the persons concerned are locked
before the exchanges are: a page that is being released ends first, and the next finds a tombstone.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import CLEARED, DONE, Connection
from gateway.store.mailbox import Concerned, drop_parts


class Expired(NamedTuple):
    """An exchange whose time in the gateway is over; `is_released`: it was handed over once."""

    exchange: UUID
    state: int
    flow: str | None
    sender: str
    is_released: bool
    owner: UUID | None
    sealed_reference: bytes | None
    is_protected: bool


async def lock_expired(connection: Connection, now: datetime, limit: int) -> list[Expired]:
    """Exchanges to be cleared, oldest term first, locked behind the gate of whom they concern."""
    found = await connection.fetch(
        """select id from exchange where expires_at < $1 and state in (1, 2, 3)
            order by expires_at limit $2""",
        now,
        limit,
    )
    exchanges = [row[0] for row in found]
    await connection.execute(
        """select 1 from subject
            where id in (select p.subject from part p join exchange e on e.id = p.exchange
                          where e.id = any($1) and e.state <> $2
                          union select unnest(subjects) from held where exchange = any($1))
            order by id for update""",
        exchanges,
        DONE,
    )
    # What was withdrawn, set free or cleared by another replica meanwhile is left as it is now.
    rows = await connection.fetch(
        """select id, state, flow, sender, exists (select from mailbox m where m.exchange = id
                                                     and m.released_at is not null),
                  owner, sealed_reference, is_protected
             from exchange where id = any($1) and expires_at < $2 and state in (1, 2, 3)
            order by id for update skip locked""",
        exchanges,
        now,
    )
    return [Expired(*row) for row in rows]


async def persons_of(connection: Connection, exchanges: list[UUID]) -> list[Concerned]:
    """Everyone whom these exchanges concern, in a mailbox or held, in the message's order."""
    rows = await connection.fetch(
        """with member (exchange, subject, n) as (
               select exchange, subject, member from part where exchange = any($1)
               union all
               select h.exchange, m.subject, m.n
                 from held h, unnest(h.subjects) with ordinality m (subject, n)
                where h.exchange = any($1))
           select m.exchange, s.id, s.kek_epoch, s.wrapped
             from member m join subject s on s.id = m.subject order by m.exchange, m.n""",
        exchanges,
    )
    return [Concerned(*row) for row in rows]


async def clear_received(connection: Connection, exchanges: list[UUID]) -> None:
    """Remove the content of what was received and kept long enough; statuses still find it."""
    await connection.execute(
        "update exchange set state = $2 where id = any($1) and state = $3", exchanges, CLEARED, DONE
    )
    await drop_parts(connection, exchanges)


async def forget_fingerprints(connection: Connection, before: datetime, limit: int) -> int:
    """Drop prints of references whose term is over; gives how many."""
    status = await connection.execute(
        """delete from fingerprint where (sender, reference) in
             (select sender, reference from fingerprint where made_at < $1 limit $2)""",
        before,
        limit,
    )
    return int(status.rpartition(" ")[2])


async def forget_references(connection: Connection, before: datetime, limit: int) -> None:
    """Drop the prints of corrections whose term is over; what they changed stays recorded."""
    await connection.execute(
        """update correction set reference = null, body = null where id in
             (select id from correction where recorded_at < $1 and reference is not null limit $2)
        """,
        before,
        limit,
    )
