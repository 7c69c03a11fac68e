"""The statements of protected exchanges, safe contacts and emergency reviews, off the hot road.

Nothing here is read for a partner or a household: officers ask, and each asking is logged by its
caller. The one exception is `never_notified`, which only ever takes a notice away.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import REFUSED, Connection


class Decided(NamedTuple):
    """What the log says of the version that an exchange was decided by."""

    exchange: UUID
    sender: str
    recipient: str | None
    flow: str | None
    protocol: bytes
    version: str
    is_protected: bool


class StoredRequest(NamedTuple):
    """A protected exchange, with who asked for it where somebody did."""

    exchange: UUID
    sender: str
    recipient: str | None
    flow: str | None
    received_at: datetime
    state: int
    reason: str | None
    epoch: int | None
    wrapped: bytes | None
    professional: bytes | None
    is_disclosed: bool | None
    review_on: date | None


class NewDecision(NamedTuple):
    """A row of `protected_decision`, all but its number."""

    id: UUID
    exchange: UUID
    is_disclosed: bool
    epoch: int
    wrapped: bytes
    ground: bytes
    review_on: date
    officer: str
    decided_at: datetime
    signature: bytes
    entry: UUID


class StoredReview(NamedTuple):
    """The review that an emergency release needs, or had."""

    exchange: UUID
    sender: str
    recipient: str | None
    received_at: datetime
    usable_until: datetime
    reason: str
    step: int
    due_at: datetime
    epoch: int
    wrapped: bytes
    professional: bytes
    officer: str | None
    outcome: str | None
    reviewed_at: datetime | None
    is_protected: bool


class Reviewed(NamedTuple):
    """What a review said; `remark` is sealed."""

    officer: str
    outcome: str
    remark: bytes
    reviewed_at: datetime
    signature: bytes
    entry: UUID


class SafeContact(NamedTuple):
    """Who may never be notified of a person, until when that is looked at again."""

    id: UUID
    exchange: UUID
    contact: str
    review_on: date
    recorded_for: str
    recorded_at: datetime


class Member(NamedTuple):
    """A person of an exchange, with the key that commits to them."""

    subject: UUID
    epoch: int
    wrapped: bytes


async def decided_exchange(connection: Connection, exchange: UUID) -> Decided | None:
    """An exchange as it was decided."""
    row = await connection.fetchrow(
        """select e.id, e.sender, e.recipient, e.flow, e.protocol, p.version, e.is_protected
             from exchange e join protocol_version p on p.digest = e.protocol where e.id = $1""",
        exchange,
    )
    return None if row is None else Decided(*row)


async def protected_exchanges(connection: Connection, limit: int) -> list[StoredRequest]:
    """The newest protected exchanges that were not refused, with what was decided on them last."""
    rows = await connection.fetch(
        """select e.id, e.sender, e.recipient, e.flow, e.received_at, e.state,
                  r.reason, r.kek_epoch, r.wrapped, r.professional, d.is_disclosed, d.review_on
             from exchange e left join protected_request r on r.exchange = e.id
             left join lateral (select is_disclosed, review_on from protected_decision
                                 where exchange = e.id order by number desc limit 1) d on true
            where e.is_protected and e.kind = 1 and e.state <> $1
            order by e.received_at desc limit $2""",
        REFUSED,
        limit,
    )
    return [StoredRequest(*row) for row in rows]


async def insert_decision(connection: Connection, decision: NewDecision) -> None:
    """Record what an officer decided; what was decided before stays on record."""
    await connection.execute(
        """insert into protected_decision (id, exchange, is_disclosed, kek_epoch, wrapped, ground,
                                           review_on, officer, decided_at, signature, entry)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        *decision,
    )


async def may_disclose(connection: Connection, exchange: UUID) -> bool:
    """Whether an exchange may be told of to whoever asks what was shared about them.

    Always for an ordinary one; for a protected one as an officer decided last, and never unless one
    did.
    """
    return bool(
        await connection.fetchval(
            """select not e.is_protected or coalesce(
                          (select is_disclosed from protected_decision
                            where exchange = e.id order by number desc limit 1), false)
                 from exchange e where e.id = $1""",
            exchange,
        )
    )


async def member_of_protected(
    connection: Connection, exchange: UUID, partner: str, handle: bytes
) -> Member | None:
    """A person of a protected exchange that this partner sent or was handed."""
    row = await connection.fetchrow(
        """select s.id, s.kek_epoch, s.wrapped
             from exchange e join subject s on s.handle = $3
            where e.id = $1 and e.is_protected and e.state <> $4
              and (e.sender = $2
                   or (e.recipient = $2 and exists (select from mailbox m
                                                     where m.exchange = e.id
                                                       and m.released_at is not null)))
              and (exists (select from part where exchange = e.id and subject = s.id)
                   or exists (select from disclosure where exchange = e.id and subject = s.id))""",
        exchange,
        partner,
        handle,
        REFUSED,
    )
    return None if row is None else Member(*row)


async def insert_contacts(
    connection: Connection, handle: bytes, contacts: Collection[SafeContact]
) -> None:
    """Record who may never be notified of a person."""
    await connection.executemany(
        """insert into safe_contact (id, exchange, contact, review_on, recorded_for, recorded_at,
                                     handle)
           values ($1, $2, $3, $4, $5, $6, $7)""",
        [(*one, handle) for one in contacts],
    )


async def safe_contacts(connection: Connection) -> list[SafeContact]:
    """Everybody who may never be notified, first who is to be looked at first."""
    rows = await connection.fetch(
        """select id, exchange, contact, review_on, recorded_for, recorded_at
             from safe_contact where ended_at is null order by review_on, recorded_at"""
    )
    return [SafeContact(*row) for row in rows]


async def end_contact(
    connection: Connection, contact: UUID, officer: str, now: datetime
) -> UUID | None:
    """Let a safe contact end; gives the exchange that it came with, None where none stands."""
    return await connection.fetchval(  # type: ignore[no-any-return]  # a uuid, or None
        """update safe_contact set ended_at = $3, ended_by = $2
            where id = $1 and ended_at is null returning exchange""",
        contact,
        officer,
        now,
    )


async def may_notify(connection: Connection, subject: UUID, partner: str) -> bool:
    """Whether a partner may be notified of anything about a person.

    A contact whose review date passed still stands: safety ends by a decision, and not by a date.
    """
    return (subject, partner) not in await never_notified(connection, [subject])


async def never_notified(
    connection: Connection, subjects: Collection[UUID]
) -> set[tuple[UUID, str]]:
    """Of these persons, who may never be notified of whom."""
    rows = await connection.fetch(
        """select s.id, c.contact from subject s join safe_contact c on c.handle = s.handle
            where s.id = any($1) and c.ended_at is null""",
        list(subjects),
    )
    return {(row[0], row[1]) for row in rows}


_REVIEWS = """select r.exchange, e.sender, e.recipient, e.received_at, e.usable_until, r.reason,
                     r.step, r.due_at, r.kek_epoch, r.wrapped, r.professional, r.officer, r.outcome,
                     r.reviewed_at, e.is_protected
                from emergency_review r join exchange e on e.id = r.exchange"""


async def emergency_reviews(
    connection: Connection, *, with_done: bool, limit: int
) -> list[StoredReview]:
    """Emergency releases that wait for their review, first due first; or all."""
    rows = await connection.fetch(
        f"""{_REVIEWS} where $1 or r.reviewed_at is null
             order by r.reviewed_at is not null, r.due_at limit $2""",
        with_done,
        limit,
    )
    return [StoredReview(*row) for row in rows]


async def lock_review(connection: Connection, exchange: UUID) -> StoredReview | None:
    """The review of an exchange, for whoever is about to write it."""
    await connection.execute(
        "select 1 from emergency_review where exchange = $1 for update", exchange
    )
    row = await connection.fetchrow(f"{_REVIEWS} where r.exchange = $1", exchange)
    return None if row is None else StoredReview(*row)


async def write_review(connection: Connection, exchange: UUID, review: Reviewed) -> None:
    """Record a review; the caller holds its row, and it was not reviewed before."""
    await connection.execute(
        """update emergency_review
              set officer = $2, outcome = $3, remark = $4, reviewed_at = $5, signature = $6,
                  entry = $7
            where exchange = $1""",
        exchange,
        *review,
    )


async def overdue_reviews(connection: Connection, now: datetime) -> int:
    """How many emergency releases should have been reviewed by now.

    Without those in a protected flow: this number is shown where officers are not alone.
    """
    return int(
        await connection.fetchval(
            """select count(*) from emergency_review r join exchange e on e.id = r.exchange
                where r.reviewed_at is null and r.due_at < $1 and not e.is_protected""",
            now,
        )
    )
