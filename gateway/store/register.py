"""The consent register as a deciding transaction reads it.

Agreement and authority; read only behind the gate (`groups.pass_gate`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple
from uuid import UUID

from consent.register import ConsentEvent
from gateway.store.groups import Connection
from schemas.referral import DecidedBy


class StoredStatement(NamedTuple):
    """One statement about who may decide for a person."""

    subject: UUID
    kind: str
    holders: list[UUID]
    source: str
    as_of: date


async def stored_consents(
    connection: Connection, subjects: Sequence[UUID]
) -> list[tuple[UUID, ConsentEvent]]:
    """Every consent event of these persons, with whose it is; read only behind the gate."""
    if not subjects:
        return []
    rows = await connection.fetch(
        """select subject, id, purpose, recipient, category, given, decided_at, decided_by,
                  decider, valid_until, supersedes
             from consent_event where subject = any($1)""",
        subjects,
    )
    return [(row[0], _consent(*row[1:])) for row in rows]


async def stored_statements(
    connection: Connection, subjects: Sequence[UUID]
) -> list[StoredStatement]:
    """Every statement about who may decide for these persons; read only behind the gate."""
    if not subjects:
        return []
    rows = await connection.fetch(
        """select subject, kind, holders, source, as_of from authority_statement
            where subject = any($1)""",
        subjects,
    )
    return [StoredStatement(*row) for row in rows]


def _consent(
    event: UUID,
    purpose: str,
    recipient: str,
    category: str,
    given: bool,
    decided_at: datetime,
    decided_by: str,
    decider: UUID | None,
    valid_until: datetime | None,
    supersedes: UUID | None,
) -> ConsentEvent:
    # The first moment of the calendar comes back as -infinity, which has no zone.
    if decided_at.tzinfo is None:
        decided_at = decided_at.replace(tzinfo=UTC)
    return ConsentEvent(
        event, purpose, recipient, category, given, decided_at, DecidedBy(decided_by), decider,
        valid_until, supersedes,
    )  # fmt: skip
