"""The statements of the consent register: append-only, behind the exclusive side of the gate."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

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


class EarlierConsent(NamedTuple):
    """An event that is to be withdrawn."""

    id: UUID
    subject: UUID
    purpose: str
    recipient: str
    category: str
    recorded_for: str


class Waiting(NamedTuple):
    """A message that waits in its recipient's mailbox."""

    exchange: UUID
    flow: str | None
    sender: str
    owner: UUID | None


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


async def lock_waiting(connection: Connection, subject: UUID, recipient: str) -> list[Waiting]:
    """The messages to a recipient that wait in its mailbox with a part of this person; locked.

    Two members of one household may say no at the same time: read the parts after this.
    """
    rows = await connection.fetch(
        """select e.id, e.flow, e.sender, e.owner from exchange e
            where e.recipient = $2 and e.state = $3
              and e.id in (select exchange from part where subject = $1)
            order by e.id for update""",
        subject,
        recipient,
        WAITING,
    )
    return [Waiting(*row) for row in rows]


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
    """What an agreement set free goes to its mailbox; heads last. The caller commits.

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
    for recipient in sorted(rows.mailbox):
        await enqueue(connection, recipient, rows.mailbox[recipient])
    await append_leaves(connection, VERWERKINGEN, rows.leaves)
