"""The statements of decisions to erase: recorded, signed, ordered, carried out or withdrawn.

A decision names a person by the random id alone, which leads nowhere once it is carried out. What
is recorded is never changed but for the moments of its steps.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import Connection
from gateway.store.lifecycle import StoredOfficer


class NewDecision(NamedTuple):
    """A row of `erasure_decision` as it is made; `request` is sealed."""

    id: UUID
    subject: UUID
    ground: str
    capacity: str
    case: str
    classes: list[str]
    signatures: int
    wait_days: int
    epoch: int
    wrapped: bytes
    request: bytes
    decided_at: datetime
    entry: UUID


class StoredDecision(NamedTuple):
    """A decision as it stands."""

    id: UUID
    subject: UUID
    ground: str
    capacity: str
    case: str
    classes: list[str]
    signatures: int
    wait_days: int
    epoch: int
    wrapped: bytes
    request: bytes
    decided_at: datetime
    entry: UUID
    ordered_at: datetime | None
    carried_out_at: datetime | None
    erasure_entry: UUID | None
    backups_until: datetime | None
    withdrawn_at: datetime | None


class StoredSignature(NamedTuple):
    """What one officer signed of a decision."""

    officer: str
    act: str
    signed_at: datetime
    signature: bytes


class ToldOf(NamedTuple):
    """A recipient that is told to erase, and how far that is."""

    recipient: str
    about: UUID
    queued_at: datetime
    released_at: datetime | None
    acknowledged_at: datetime | None


class NewTelling(NamedTuple):
    """A row of `erasure_notice`."""

    notice: UUID
    decision: UUID
    about: UUID
    recipient: str
    keeper: UUID


class Held(NamedTuple):
    """How much the gateway has of a person, by kind; no identifiers."""

    waiting: int
    held: int
    received: int
    disclosures: int
    consents: int
    statements: int
    restrictions: int
    emergencies: int
    has_births: bool


class Disclosed(NamedTuple):
    """What one recipient got of a person under one flow."""

    recipient: str
    flow: str | None
    exchanges: int
    last: datetime


_COLUMNS = """id, subject, ground, capacity, case_number, classes, signatures, wait_days, kek_epoch,
              wrapped, request, decided_at, entry, ordered_at, carried_out_at, erasure_entry,
              backups_until, withdrawn_at"""
_OPEN = "carried_out_at is null and withdrawn_at is null"


async def insert_decision(connection: Connection, decision: NewDecision) -> bool:
    """Record a decision; False where one about this person is still to be carried out."""
    done = await connection.fetchval(
        f"""insert into erasure_decision (id, subject, ground, capacity, case_number, classes,
                   signatures, wait_days, kek_epoch, wrapped, request, decided_at, entry)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
            on conflict (subject) where {_OPEN} do nothing returning true""",
        *decision,
    )
    return done is not None


async def insert_signature(
    connection: Connection, decision: UUID, signature: StoredSignature
) -> bool:
    """Keep what an officer signed; False where they signed before, or another did as this."""
    done = await connection.fetchval(
        """insert into erasure_signature (decision, officer, act, signed_at, signature)
           values ($1, $2, $3, $4, $5) on conflict do nothing returning true""",
        decision,
        *signature,
    )
    return done is not None


async def signatures_of(connection: Connection, decision: UUID) -> list[StoredSignature]:
    """What was signed of a decision, in the order of time."""
    rows = await connection.fetch(
        """select officer, act, signed_at, signature from erasure_signature
            where decision = $1 order by signed_at, act""",
        decision,
    )
    return [StoredSignature(*row) for row in rows]


async def officer_of(connection: Connection, officer: str) -> StoredOfficer | None:
    """An officer as registered."""
    row = await connection.fetchrow(
        """select id, name, role, key_id, public_key, mandate, mandate_ends, registered_at, ended_at
             from officer where id = $1""",
        officer,
    )
    return None if row is None else StoredOfficer(*row)


async def lock_decision(connection: Connection, decision: UUID) -> StoredDecision | None:
    """A decision, for whoever is about to take its next step."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from erasure_decision where id = $1 for update", decision
    )
    return None if row is None else StoredDecision(*row)


async def decision_of(connection: Connection, decision: UUID) -> StoredDecision | None:
    """A decision as it stands."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from erasure_decision where id = $1", decision
    )
    return None if row is None else StoredDecision(*row)


async def open_decision(connection: Connection, subject: UUID) -> UUID | None:
    """The decision about a person that is still to be carried out."""
    return await connection.fetchval(  # type: ignore[no-any-return]  # a uuid, or None
        f"select id from erasure_decision where subject = $1 and {_OPEN}", subject
    )


async def decisions(connection: Connection, limit: int) -> list[StoredDecision]:
    """The newest decisions; those that are still to be carried out first."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from erasure_decision
             order by ({_OPEN}) desc, decided_at desc limit $1""",
        limit,
    )
    return [StoredDecision(*row) for row in rows]


async def ordered_decisions(connection: Connection, limit: int) -> list[UUID]:
    """Decisions that were ordered and are still to be carried out, oldest first."""
    rows = await connection.fetch(
        f"""select id from erasure_decision where ordered_at is not null and {_OPEN}
             order by ordered_at limit $1""",
        limit,
    )
    return [row[0] for row in rows]


async def note_ordered(connection: Connection, decision: UUID, now: datetime) -> None:
    """Note since when recipients are being told."""
    await connection.execute(
        "update erasure_decision set ordered_at = coalesce(ordered_at, $2) where id = $1",
        decision,
        now,
    )


async def note_carried_out(
    connection: Connection, decision: UUID, now: datetime, entry: UUID | None, until: datetime
) -> None:
    """Note that nothing opens any more, and when that goes for backups."""
    await connection.execute(
        """update erasure_decision
              set carried_out_at = $2, erasure_entry = $3, backups_until = $4 where id = $1""",
        decision,
        now,
        entry,
        until,
    )


async def note_withdrawn(connection: Connection, decision: UUID, now: datetime) -> None:
    """Note that a decision is not carried out."""
    await connection.execute(
        "update erasure_decision set withdrawn_at = $2 where id = $1", decision, now
    )


async def insert_tellings(connection: Connection, tellings: Sequence[NewTelling]) -> None:
    """Record which notices tell recipients to erase."""
    await connection.copy_records_to_table(
        "erasure_notice", records=tellings, columns=NewTelling._fields
    )


async def told_about(connection: Connection, decision: UUID) -> set[UUID]:
    """The exchanges of which recipients are told under a decision."""
    rows = await connection.fetch("select about from erasure_notice where decision = $1", decision)
    return {row[0] for row in rows}


async def tellings_of(connection: Connection, decision: UUID) -> list[ToldOf]:
    """How far the notices of a decision are, by recipient."""
    rows = await connection.fetch(
        """select t.recipient, t.about, n.queued_at, m.released_at, m.acknowledged_at
             from erasure_notice t join notice n on n.exchange = t.notice
             join mailbox m on m.exchange = t.notice
            where t.decision = $1 order by t.recipient, n.queued_at, t.about""",
        decision,
    )
    return [ToldOf(*row) for row in rows]


async def drop_idle_keepers(connection: Connection, limit: int) -> int:
    """Remove the keys of notices that were received and cleared, or never fetched in time."""
    status = await connection.execute(
        """delete from subject where id in (
               select t.keeper from erasure_notice t join subject s on s.id = t.keeper
                where not exists (select from part p where p.subject = t.keeper) limit $1)""",
        limit,
    )
    return int(status.rpartition(" ")[2])


async def held_of(connection: Connection, subject: UUID) -> Held:
    """How much the gateway has of a person."""
    row = await connection.fetchrow(
        """with content (exchange) as (
               select exchange from part where subject = $1
               union select exchange from held where subjects @> array[$1::uuid])
           select count(*) filter (where e.state = 1), count(*) filter (where e.state = 2),
                  count(*) filter (where e.state = 3),
                  (select count(*) from disclosure where subject = $1)
                    + count(*) filter (where e.kind <> 4 and exists (
                        select from mailbox m
                         where m.exchange = e.id and m.released_at is not null)),
                  (select count(*) from consent_event where subject = $1),
                  (select count(*) from authority_statement where subject = $1),
                  (select count(*) from restriction where subject = $1),
                  (select count(*) from emergency_review r join exchange x on x.id = r.exchange
                    where not x.is_protected
                      and (r.exchange in (select exchange from content)
                           or r.exchange in (select exchange from disclosure where subject = $1))),
                  coalesce((select facts is not null from subject where id = $1), false)
             from content c join exchange e on e.id = c.exchange""",
        subject,
    )
    assert row is not None  # noqa: S101  # an aggregate gives a row
    return Held(*row)


async def disclosed_of(connection: Connection, subject: UUID) -> list[Disclosed]:
    """Who got something of a person, under which flow, how often and when last."""
    rows = await connection.fetch(
        """with mine (exchange) as (
               select exchange from part where subject = $1
               union select exchange from disclosure where subject = $1)
           select e.recipient, e.flow, count(*), max(m.released_at)
             from mine join exchange e on e.id = mine.exchange
             join mailbox m on m.exchange = e.id
            where e.kind <> 4 and m.released_at is not null
            group by e.recipient, e.flow order by e.recipient, e.flow""",
        subject,
    )
    return [Disclosed(*row) for row in rows]


async def is_known(connection: Connection, subjects: Collection[UUID]) -> set[UUID]:
    """Which of these persons have a row still."""
    rows = await connection.fetch("select id from subject where id = any($1)", list(subjects))
    return {row[0] for row in rows}
