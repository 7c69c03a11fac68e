"""The statements of the consent register: append-only, behind the exclusive side of the gate."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from gateway.store.groups import (
    CONSENT_COLUMNS,
    HELD,
    VERWERKINGEN,
    WAITING,
    Connection,
    GroupRows,
    append_leaves,
    enqueue,
)


class NewConsent(NamedTuple):
    """One event on its way into the register, in the order of `CONSENT_COLUMNS`."""

    id: UUID
    subject: UUID
    purpose: str
    recipient: str
    category: str
    given: bool
    decided_by: str
    decided_at: datetime
    recorded_for: str
    evidence: bytes | None
    supersedes: UUID | None
    decider: UUID | None = None
    valid_until: datetime | None = None
    manner: str | None = None
    evidence_hash: str | None = None


class EarlierConsent(NamedTuple):
    """An event that is to be withdrawn."""

    id: UUID
    subject: UUID
    purpose: str
    recipient: str
    category: str
    recorded_for: str


class Freed(NamedTuple):
    """A held message that may go, with the rules that it was decided by this time."""

    exchange: UUID
    flow: str
    recipient: str
    protocol: bytes
    expires_at: datetime


class HeldMessage(NamedTuple):
    """A message that waits for agreement."""

    exchange: UUID
    sender: str
    owner: UUID
    sealed: bytes
    subjects: list[UUID]


async def lock_persons(connection: Connection, subjects: Collection[UUID]) -> set[UUID]:
    """Close the gate for these persons, in the order that every writer keeps.

    Releases under way end first, later ones wait. Gives who is known (still).
    """
    rows = await connection.fetch(
        "select id from subject where id = any($1) order by id for update", list(subjects)
    )
    return {row[0] for row in rows}


async def held_together(connection: Connection, subject: UUID) -> set[UUID]:
    """Everybody in the messages that wait for agreement and concern this person."""
    rows = await connection.fetch(
        "select distinct unnest(subjects) from held where subjects @> array[$1::uuid]", subject
    )
    return {row[0] for row in rows}


async def subject_of(connection: Connection, handle: bytes) -> UUID | None:
    """The person behind a handle."""
    return await connection.fetchval(  # type: ignore[no-any-return]  # a uuid, or None
        "select id from subject where handle = $1", handle
    )


async def consent_by_id(connection: Connection, consent: UUID) -> EarlierConsent | None:
    """One recorded event."""
    row = await connection.fetchrow(
        """select id, subject, purpose, recipient, category, recorded_for
             from consent_event where id = $1""",
        consent,
    )
    return None if row is None else EarlierConsent(*row)


async def append_consent(connection: Connection, consent: NewConsent) -> None:
    """Record an event, and let every release that was decided before it look again."""
    await connection.copy_records_to_table(
        "consent_event", records=[consent], columns=CONSENT_COLUMNS
    )
    await raise_gate(connection, consent.subject)


async def raise_gate(connection: Connection, subject: UUID) -> None:
    """Let every message about a person, decided until now, be looked at again at its release."""
    await connection.execute("update subject set gate = gate + 1 where id = $1", subject)


async def replace_boxes(connection: Connection, boxes: Collection[tuple[UUID, int, bytes]]) -> None:
    """Put members' reduced boxes in the place of the whole ones."""
    await connection.executemany(
        "update part set box = $3 where exchange = $1 and member = $2", boxes
    )


async def held_with(connection: Connection, subject: UUID) -> list[HeldMessage]:
    """The messages that wait for agreement and concern this person, oldest first."""
    rows = await connection.fetch(
        """select e.id, e.sender, e.owner, h.sealed, h.subjects
             from held h join exchange e on e.id = h.exchange
            where h.subjects @> array[$1::uuid] and e.state = $2 and e.owner is not null
            order by e.id for update of e""",
        subject,
        HELD,
    )
    return [HeldMessage(*row) for row in rows]


async def write_released(connection: Connection, rows: GroupRows, freed: list[Freed]) -> None:
    """What an agreement set free goes to its mailbox; heads last. The caller commits."""
    await write_freed(connection, rows, freed)
    for recipient in sorted(rows.mailbox):
        await enqueue(connection, recipient, rows.mailbox[recipient])
    await append_leaves(connection, VERWERKINGEN, rows.leaves)


async def write_freed(connection: Connection, rows: GroupRows, freed: list[Freed]) -> None:
    """What an agreement set free, all but the heads.

    The answer that the sender got, and gets again for a repeat, stays as it was.
    """
    for one in freed:
        await connection.execute("delete from held where exchange = $1", one.exchange)
        await connection.execute(
            """update exchange
                  set state = $2, flow = $3, recipient = $4, protocol = $5, expires_at = $6
                where id = $1""",
            one.exchange,
            WAITING,
            *one[1:],
        )
    if rows.parts:
        await connection.copy_records_to_table("part", records=rows.parts)


async def waited_for(
    connection: Connection, subjects: Collection[UUID], flows: Collection[str]
) -> list[UUID]:
    """Who of these persons is in a message under these flows that waits for agreement, in order.

    Others' flows are left out: who sends a yes must not notice that a person waits elsewhere.
    """
    if not subjects:
        return []
    rows = await connection.fetch(
        """select distinct m.subject
             from held h join exchange e on e.id = h.exchange, unnest(h.subjects) m (subject)
            where h.subjects && $1 and e.flow = any($2) and m.subject = any($1) order by 1""",
        list(subjects),
        list(flows),
    )
    return [row[0] for row in rows]


async def consents_recorded_for(
    connection: Connection, subject: UUID, partner: str
) -> list[asyncpg.Record]:
    """The events about a person that one partner recorded, oldest first."""
    return await connection.fetch(
        """select id as consent_id, purpose, recipient, category, given, decided_at, decided_by,
                  valid_until, manner, recorded_at, supersedes
             from consent_event where subject = $1 and recorded_for = $2
            order by recorded_at, id""",
        subject,
        partner,
    )


async def statements_recorded_for(
    connection: Connection, subject: UUID, partner: str
) -> list[asyncpg.Record]:
    """The statements about a person's authority that one partner recorded, oldest first."""
    return await connection.fetch(
        """select id as statement_id, kind, cardinality(holders) as holders, source, as_of
             from authority_statement where subject = $1 and recorded_for = $2
            order by recorded_at, id""",
        subject,
        partner,
    )
