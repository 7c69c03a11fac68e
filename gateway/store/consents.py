"""The statements of the consent register: append-only, behind the exclusive side of the gate."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import (
    CONSENT_COLUMNS,
    DONE,
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


class Affected(NamedTuple):
    """A waiting message with a part of the person concerned."""

    exchange: UUID
    flow: str | None
    sender: str
    owner: UUID | None
    member: int
    box: bytes


class HeldMessage(NamedTuple):
    """A message that waits for agreement."""

    exchange: UUID
    sender: str
    owner: UUID
    sealed: bytes
    subjects: list[UUID]


async def lock_person(connection: Connection, subject: UUID) -> bool:
    """Close the gate for one person: releases under way end first, later ones wait.

    False where the person is not known (any more).
    """
    row = await connection.fetchval("select true from subject where id = $1 for update", subject)
    return row is not None


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


async def waiting_with(connection: Connection, subject: UUID, recipient: str) -> list[Affected]:
    """The messages to a recipient that wait in its mailbox and hold a part of this person."""
    rows = await connection.fetch(
        """select e.id, e.flow, e.sender, e.owner, p.member, p.box
             from part p join exchange e on e.id = p.exchange
            where p.subject = $1 and e.recipient = $2 and e.state = $3 order by e.id for update""",
        subject,
        recipient,
        WAITING,
    )
    return [Affected(*row) for row in rows]


async def replace_box(connection: Connection, exchange: UUID, member: int, box: bytes) -> None:
    """Put a member's reduced box in the place of the whole one."""
    await connection.execute(
        "update part set box = $3 where exchange = $1 and member = $2", exchange, member, box
    )


async def held_with(connection: Connection, subject: UUID) -> list[HeldMessage]:
    """The messages that wait for agreement and concern this person, oldest first."""
    rows = await connection.fetch(
        """select e.id, e.sender, e.owner, h.sealed, h.subjects
             from held h join exchange e on e.id = h.exchange
            where h.subjects @> array[$1::uuid] and e.state = $2 and e.owner is not null
            order by e.id for update""",
        subject,
        HELD,
    )
    return [HeldMessage(*row) for row in rows]


async def write_released(
    connection: Connection, rows: GroupRows, exchanges: list[tuple[UUID, datetime]]
) -> None:
    """What an agreement set free goes to its mailbox; heads last. The caller commits."""
    for exchange, expires_at in exchanges:
        await connection.execute("delete from held where exchange = $1", exchange)
        await connection.execute(
            "update exchange set state = $2, expires_at = $3 where id = $1",
            exchange,
            WAITING,
            expires_at,
        )
    if rows.parts:
        await connection.copy_records_to_table("part", records=rows.parts)
    for recipient in sorted(rows.mailbox):
        await enqueue(connection, recipient, rows.mailbox[recipient])
    await append_leaves(connection, VERWERKINGEN, rows.leaves)


class Expired(NamedTuple):
    """An exchange whose time in the gateway is over."""

    exchange: UUID
    state: int
    flow: str | None
    sender: str


async def expired(connection: Connection, now: datetime, limit: int) -> list[Expired]:
    """Exchanges to be cleared, locked; what another replica is clearing is left to it."""
    rows = await connection.fetch(
        """select id, state, flow, sender from exchange
            where expires_at < $1 and state in (1, 2, 3)
            order by expires_at limit $2 for update skip locked""",
        now,
        limit,
    )
    return [Expired(*row) for row in rows]


async def clear_received(connection: Connection, exchanges: list[UUID], state: int) -> None:
    """Remove the content of what was received and kept long enough."""
    await connection.execute("delete from part where exchange = any($1)", exchanges)
    await connection.execute(
        "update exchange set state = $2 where id = any($1) and state = $3", exchanges, state, DONE
    )


async def forget_fingerprints(connection: Connection, before: datetime, limit: int) -> int:
    """Drop prints of references whose term is over; gives how many."""
    status = await connection.execute(
        """delete from fingerprint where (sender, reference) in
             (select sender, reference from fingerprint where made_at < $1 limit $2)""",
        before,
        limit,
    )
    return int(status.rpartition(" ")[2])
