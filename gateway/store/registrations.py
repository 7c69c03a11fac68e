"""Whom a recipient says that it knows (registratie), and whom it was handed before.

Both are read behind the gate of the persons concerned, in the transaction that hands a message
over, so that somebody who was erased meanwhile is known to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import Connection


class NewRegistration(NamedTuple):
    """A person whom a recipient knows, until it says otherwise or the term is over."""

    subject: UUID
    registered_at: datetime
    expires_at: datetime
    entry: UUID


class Known(NamedTuple):
    """Whether a recipient registered somebody, and since which position it was handed them."""

    is_registered: bool
    handed_from: int | None


async def register(
    connection: Connection, recipient: str, rows: Sequence[NewRegistration]
) -> set[UUID]:
    """Record persons; gives those who are new, or whose term was over. All get a new term."""
    found = await connection.fetch(
        """insert into registration as r (recipient, subject, registered_at, expires_at, entry)
           select $1, * from unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::uuid[])
           on conflict (recipient, subject) do update
              set expires_at = excluded.expires_at,
                  registered_at = case when r.expires_at > excluded.registered_at
                                       then r.registered_at else excluded.registered_at end,
                  entry = case when r.expires_at > excluded.registered_at
                               then r.entry else excluded.entry end
           returning subject, entry""",
        recipient,
        *_columns(rows),
    )
    mine = {row.entry for row in rows}
    return {row[0] for row in found if row[1] in mine}


async def end(connection: Connection, recipient: str, subjects: Sequence[UUID]) -> dict[UUID, UUID]:
    """Let persons be known no longer; gives those who were, with the entry that it began with."""
    rows = await connection.fetch(
        """delete from registration where recipient = $1 and subject = any($2)
           returning subject, entry""",
        recipient,
        subjects,
    )
    return {row[0]: row[1] for row in rows}


async def standing(
    connection: Connection, recipient: str, registrations: Mapping[UUID, UUID]
) -> list[UUID]:
    """Those of these persons whose registration that began with this entry is there, in order."""
    rows = await connection.fetch(
        """select r.subject from registration r
             join unnest($2::uuid[], $3::uuid[]) k (subject, entry) using (subject, entry)
            where r.recipient = $1 order by r.subject""",
        recipient,
        list(registrations),
        list(registrations.values()),
    )
    return [row[0] for row in rows]


async def forget_lapsed(connection: Connection, now: datetime, limit: int) -> None:
    """Forget who was registered and not again within the term."""
    await connection.execute(
        """delete from registration where (recipient, subject) in
             (select recipient, subject from registration where expires_at < $1 limit $2
                 for update skip locked)""",
        now,
        limit,
    )


async def registered_of(connection: Connection, recipient: str) -> int:
    """How many persons a recipient says it knows."""
    found: int = await connection.fetchval(
        "select count(*) from registration where recipient = $1", recipient
    )
    return found


async def lock_known(connection: Connection, handles: Sequence[bytes]) -> dict[bytes, UUID]:
    """Pass the gate of these persons; gives those who are known, by handle."""
    rows = await connection.fetch(
        "select handle, id from subject where handle = any($1) order by id for share", handles
    )
    return {row[0]: row[1] for row in rows}


async def known_to(
    connection: Connection, recipient: str, subjects: Sequence[UUID], now: datetime
) -> dict[UUID, Known]:
    """Whom of these a recipient knows, and since when; without those who have no number.

    What was handed over stands in a part, or where its content went in `disclosure`. Nothing of a
    protected exchange is found: its persons stand under ids of their own (invariant 14).

    Each row finds its place by the index on exchanges, and by no other: a join, a bare `min` or a
    bare `recipient` lets the planner walk the whole mailbox for each person. Plans are made when
    tables are small and kept when they are not: measured, a page of 1,000 then took 0.7 s.
    """
    if not subjects:
        return {}
    # Of tables that grew since they were last analysed the planner would read all, for each person.
    await connection.execute("set local enable_seqscan = off")
    rows = await connection.fetch(
        """select s.id,
                  exists (select from registration r where r.recipient = $1
                             and r.subject = s.id and r.expires_at > $3),
                  least(
                      (select min((select min(m.position + 0) from mailbox m
                                    where m.exchange = p.exchange and m.recipient || '' = $1
                                      and m.released_at is not null))
                         from part p where p.subject = s.id),
                      (select min((select min(m.position + 0) from mailbox m
                                    where m.exchange = d.exchange and m.recipient || '' = $1))
                         from disclosure d where d.subject = s.id))
             from subject s where s.id = any($2) and s.handle is not null""",
        recipient,
        subjects,
        now,
    )
    await connection.execute("set local enable_seqscan = on")
    return {row[0]: Known(row[1], row[2]) for row in rows}


def _columns(rows: Sequence[NewRegistration]) -> list[list[object]]:
    return [[row[n] for row in rows] for n in range(len(NewRegistration._fields))]
