"""The statements of what outlived an erasure: found for proof, and dropped when its date comes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import Connection


class ExpiredProof(NamedTuple):
    """Classes of one person's that were kept until their date; the rows are locked."""

    subject: UUID
    epoch: int
    wrapped: bytes
    classes: list[str]


class KeptPerson(NamedTuple):
    """What is kept of one person, with the key of it."""

    subject: UUID
    epoch: int
    wrapped: bytes
    classes: dict[str, date]


class KeptConsent(NamedTuple):
    """A decision that is kept as proof; `evidence` is sealed."""

    id: UUID
    purpose: str
    recipient: str
    category: str
    given: bool
    decided_by: str
    decided_at: datetime
    recorded_for: str
    recorded_at: datetime
    evidence: bytes | None


class KeptDisclosure(NamedTuple):
    """A hand-over that is kept as breach scope."""

    exchange: UUID
    sender: str
    recipient: str | None
    flow: str | None
    released_at: datetime


async def lock_expired_proof(connection: Connection, today: date, limit: int) -> list[ExpiredProof]:
    """What was to be kept until a day that is past, oldest first."""
    rows = await connection.fetch(
        """select subject from kept_class where until < $1 order by until limit $2""", today, limit
    )
    subjects = sorted({row[0] for row in rows})
    await connection.execute(
        "select 1 from kept where subject = any($1) order by subject for update", subjects
    )
    rows = await connection.fetch(
        """select k.subject, k.kek_epoch, k.wrapped, array_agg(c.class)
             from kept k join kept_class c on c.subject = k.subject and c.until < $2
            where k.subject = any($1) group by k.subject""",
        subjects,
        today,
    )
    return [ExpiredProof(*row) for row in rows]


async def drop_proof(connection: Connection, expired: Sequence[ExpiredProof]) -> None:
    """Drop these classes, and the key of whoever has none left."""
    await connection.executemany(
        "delete from kept_class where subject = $1 and class = any($2)",
        [(one.subject, one.classes) for one in expired],
    )
    await connection.execute(
        """delete from kept where subject = any($1)
              and not exists (select from kept_class c where c.subject = kept.subject)""",
        [one.subject for one in expired],
    )


async def kept_by_handle(connection: Connection, handle: bytes) -> list[KeptPerson]:
    """What is kept under a handle of proof: of each time that the person was erased."""
    rows = await connection.fetch(
        "select subject, kek_epoch, wrapped from kept where handle = $1 order by subject", handle
    )
    return [
        KeptPerson(subject, epoch, wrapped, await kept_classes(connection, subject))
        for subject, epoch, wrapped in rows
    ]


async def kept_classes(connection: Connection, subject: UUID) -> dict[str, date]:
    """The classes that are kept of a person, with their dates."""
    rows = await connection.fetch(
        "select class, until from kept_class where subject = $1 order by class", subject
    )
    return {row[0]: row[1] for row in rows}


async def kept_consents(connection: Connection, subject: UUID) -> list[KeptConsent]:
    """The decisions that are kept of a person, oldest first."""
    rows = await connection.fetch(
        """select id, purpose, recipient, category, given, decided_by, decided_at, recorded_for,
                  recorded_at, evidence
             from consent_event where subject = $1 order by recorded_at, id""",
        subject,
    )
    return [KeptConsent(*row) for row in rows]


async def kept_disclosures(connection: Connection, subject: UUID) -> list[KeptDisclosure]:
    """The hand-overs that are kept of a person, oldest first."""
    rows = await connection.fetch(
        """select e.id, e.sender, e.recipient, e.flow, d.released_at
             from disclosure d join exchange e on e.id = d.exchange
            where d.subject = $1 order by d.released_at, e.id""",
        subject,
    )
    return [KeptDisclosure(*row) for row in rows]
