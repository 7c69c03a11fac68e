"""The statements of pseudonym epochs: what officers decided of one, and the switch to it.

A recipient without a row is in its first epoch. What is recorded is never changed but for the
moments of its steps.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import Connection
from gateway.store.mapping import forget_mappings, take_out

_DECISION = """id, recipient, epoch, from_epoch, case_number, decided_at, entry, announced_at,
               withdrawn_at, switched_at, after_position"""
_OPEN = "switched_at is null and withdrawn_at is null"


class StoredSwitch(NamedTuple):
    """A switch that was carried out."""

    recipient: str
    epoch: int
    after: int


class NewEpoch(NamedTuple):
    """A row of `pseudonym_epoch` as it is made."""

    id: UUID
    recipient: str
    epoch: int
    from_epoch: int
    case: str
    decided_at: datetime
    entry: UUID


class StoredEpoch(NamedTuple):
    """A decision as it stands."""

    id: UUID
    recipient: str
    epoch: int
    from_epoch: int
    case: str
    decided_at: datetime
    entry: UUID
    announced_at: datetime | None
    withdrawn_at: datetime | None
    switched_at: datetime | None
    after_position: int | None


async def switches(connection: Connection) -> list[StoredSwitch]:
    """Every switch that was carried out, in order; call behind the rules lock."""
    rows = await connection.fetch(
        """select recipient, epoch, after_position from pseudonym_epoch
            where switched_at is not null order by recipient, epoch"""
    )
    return [StoredSwitch(*row) for row in rows]


async def has_mailbox(connection: Connection, recipient: str) -> bool:
    """Whether this is a partner that pulls."""
    return bool(
        await connection.fetchval(
            "select exists (select from mailbox_head where recipient = $1)", recipient
        )
    )


async def epochs_of(connection: Connection, recipient: str | None) -> list[StoredEpoch]:
    """Every decision about a recipient, or about all, oldest first."""
    rows = await connection.fetch(
        f"""select {_DECISION} from pseudonym_epoch
             where $1::text is null or recipient = $1 order by recipient, epoch""",
        recipient,
    )
    return [StoredEpoch(*row) for row in rows]


async def insert_epoch(connection: Connection, new: NewEpoch) -> bool:
    """Record a decision; False where the recipient has one that is still to be carried out."""
    done = await connection.fetchval(
        f"""insert into pseudonym_epoch
                   (id, recipient, epoch, from_epoch, case_number, decided_at, entry)
            values ($1, $2, $3, $4, $5, $6, $7)
            on conflict (recipient) where {_OPEN} do nothing returning true""",
        *new,
    )
    return done is not None


async def lock_open(connection: Connection, recipient: str) -> StoredEpoch | None:
    """The decision about a recipient that is still to be carried out, for its next step."""
    row = await connection.fetchrow(
        f"""select {_DECISION} from pseudonym_epoch
             where recipient = $1 and {_OPEN} for update""",
        recipient,
    )
    return None if row is None else StoredEpoch(*row)


async def insert_signature(
    connection: Connection,
    decision: UUID,
    officer: str,
    act: str,
    signed_at: datetime,
    signature: bytes,
) -> bool:
    """Keep what an officer signed; False where they signed before, or another did as this."""
    done = await connection.fetchval(
        """insert into pseudonym_epoch_signature (decision, officer, act, signed_at, signature)
           values ($1, $2, $3, $4, $5) on conflict do nothing returning true""",
        decision,
        officer,
        act,
        signed_at,
        signature,
    )
    return done is not None


async def signatures_of(
    connection: Connection, decision: UUID
) -> list[tuple[str, str, datetime, bytes]]:
    """What was signed of a decision: officer, act, moment, signature."""
    rows = await connection.fetch(
        """select officer, act, signed_at, signature from pseudonym_epoch_signature
            where decision = $1 order by signed_at, act""",
        decision,
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def note_announced(connection: Connection, decision: UUID, now: datetime) -> None:
    """Record that the mapping was queued."""
    await connection.execute(
        "update pseudonym_epoch set announced_at = $2 where id = $1", decision, now
    )


async def note_switched(connection: Connection, decision: StoredEpoch, now: datetime) -> int:
    """Record the switch: it stands after everything that is queued by now; gives that position."""
    after: int = await connection.fetchval(
        """update pseudonym_epoch set switched_at = $2, after_position =
                  (select last_position from mailbox_head where recipient = $3)
            where id = $1 returning after_position""",
        decision.id,
        now,
        decision.recipient,
    )
    return after


async def note_withdrawn(connection: Connection, decision: UUID, now: datetime) -> None:
    """Let a decision be, and take the parts that still wait out of the mailbox."""
    await connection.execute(
        "update pseudonym_epoch set withdrawn_at = $2 where id = $1", decision, now
    )
    await take_out(connection, decision)
    await forget_mappings(connection, [decision])


async def forget_older(connection: Connection, decision: StoredEpoch) -> None:
    """Drop what is kept of the recipient's earlier mappings: what they led to has an end now."""
    rows = await connection.fetch(
        "select id from pseudonym_epoch where recipient = $1 and epoch < $2",
        decision.recipient,
        decision.epoch,
    )
    await forget_mappings(connection, [row[0] for row in rows])
