"""The statements of notices, recalls and holds: who was told what of whom, and who must be told.

Whoever was handed a person's data is found from `part` while the content is there, and from
`disclosure` afterwards, in one statement: clearing moves a row from the one to the other, and a
reader sees either. Callers hold the persons' gate, so that no release slips in between.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import (
    HELD,
    VERWERKINGEN,
    WAITING,
    Connection,
    Leaf,
    append_leaves,
    enqueue,
)
from gateway.store.protected import never_notified

NOTICE = 4
"""The kind of exchange that a notice is, as `gateway.exchange.recording` has it."""
_NOTICE_COLUMNS = (
    "id", "kind", "state", "sender", "recipient", "flow", "decision", "rule", "field", "protocol",
    "received_at", "entry", "commit_group", "group_index", "findings", "owner", "sealed_reference",
    "expires_at", "is_protected",
)  # fmt: skip


NOT_RECALLED = """not exists (select from notice n where n.about = e.id and n.kind = 'intrekking'
                            and n.category = '*' and n.member is null)"""
"""Of an exchange `e`: that its recipient was never told to stop the use of all of it."""


class Told(NamedTuple):
    """A message of a person's, as far as somebody has it or waits for it; its row is locked.

    `released_at` is None while it was never handed over; `is_open` where the latest release is
    younger than the lapse and not acknowledged.
    """

    exchange: UUID
    kind: int
    state: int
    flow: str | None
    protocol: bytes
    sender: str
    recipient: str
    owner: UUID | None
    member: int
    released_at: datetime | None
    is_open: bool
    is_protected: bool
    is_emergency: bool


class Earlier(NamedTuple):
    """A notice about an exchange that was queued before."""

    about: UUID
    kind: str
    category: str | None
    member: int | None


class PersonConcerned(NamedTuple):
    """A person of an exchange, with their wrapped key and gate."""

    exchange: UUID
    member: int
    subject: UUID
    epoch: int
    wrapped: bytes
    gate: int


class NewNotice(NamedTuple):
    """A row of `notice`."""

    exchange: UUID
    about: UUID
    recipient: str
    kind: str
    cause: UUID | None
    category: str | None
    member: int | None


class Receipt(NamedTuple):
    """How far a notice is with its recipient."""

    recipient: str
    about: UUID
    queued_at: datetime
    released_at: datetime | None
    acknowledged_at: datetime | None


class HeldRow(NamedTuple):
    """A held message as its sender may see it."""

    exchange: UUID
    rule: str
    received_at: datetime
    expires_at: datetime
    owner: UUID | None
    sealed_reference: bytes | None
    epoch: int | None
    wrapped: bytes | None


class NoticeRows:
    """Notices on their way: rows, mailboxes and entries, written with their cause."""

    __slots__ = ("entries", "exchanges", "leaves", "mailbox", "notices", "parts")

    def __init__(self) -> None:
        self.exchanges: list[tuple[object, ...]] = []
        self.parts: list[tuple[UUID, int, UUID, int, bytes]] = []
        self.notices: list[NewNotice] = []
        self.mailbox: dict[str, list[UUID]] = {}
        self.leaves: list[Leaf] = []
        self.entries: dict[UUID, Leaf] = {}

    def leave_out(self, exchanges: Collection[UUID]) -> None:
        """Forget notices that must not be sent, with their entries: nothing was told."""
        gone = {id(self.entries[exchange]) for exchange in exchanges}
        self.leaves = [leaf for leaf in self.leaves if id(leaf) not in gone]
        self.exchanges = [row for row in self.exchanges if row[0] not in exchanges]
        self.parts = [part for part in self.parts if part[0] not in exchanges]
        self.notices = [one for one in self.notices if one.exchange not in exchanges]
        kept = {
            recipient: [one for one in queued if one not in exchanges]
            for recipient, queued in self.mailbox.items()
        }
        self.mailbox = {recipient: queued for recipient, queued in kept.items() if queued}


async def lock_told(
    connection: Connection, subject: UUID, recipient: str | None, lapse_seconds: float = 0.0
) -> list[Told]:
    """Every message with a person's part that waits or was handed over, locked in order.

    Notices are left out. Locked, so that two members who say no at once are told of once.
    """
    await connection.execute(
        """select 1 from exchange
            where id in (select exchange from part where subject = $1
                         union select exchange from disclosure where subject = $1)
              and ($2::text is null or recipient = $2) and kind <> 4
            order by id for update""",
        subject,
        recipient,
    )
    rows = await connection.fetch(
        """with mine (exchange, member) as (
               select exchange, member from part where subject = $1
               union select exchange, member from disclosure where subject = $1)
           select distinct on (e.id)
                  e.id, e.kind, e.state, e.flow, e.protocol, e.sender, e.recipient, e.owner,
                  mine.member, m.released_at,
                  coalesce(m.released_at > clock_timestamp() - make_interval(secs => $3)
                           and m.acknowledged_at is null, false),
                  e.is_protected, e.usable_until is not null
             from mine join exchange e on e.id = mine.exchange
             left join mailbox m on m.exchange = e.id
            where ($2::text is null or e.recipient = $2) and e.kind <> 4
              and (m.released_at is not null or e.state = $4)
            order by e.id, mine.member""",
        subject,
        recipient,
        lapse_seconds,
        WAITING,
    )
    return [Told(*row) for row in rows]


async def persons_concerned(
    connection: Connection, exchanges: Collection[UUID]
) -> list[PersonConcerned]:
    """Everybody whom these exchanges concern, also when their content is gone."""
    if not exchanges:
        return []
    rows = await connection.fetch(
        """with concerned (exchange, subject, n) as (
               select exchange, subject, member from part where exchange = any($1)
               union select exchange, subject, member from disclosure where exchange = any($1)
               union select h.exchange, m.subject, (m.n - 1)::smallint
                 from held h, unnest(h.subjects) with ordinality m (subject, n)
                where h.exchange = any($1))
           select c.exchange, c.n, s.id, s.kek_epoch, s.wrapped, s.gate
             from concerned c join subject s on s.id = c.subject order by c.exchange, c.n""",
        list(exchanges),
    )
    return [PersonConcerned(*row) for row in rows]


async def notices_about(connection: Connection, exchanges: Collection[UUID]) -> list[Earlier]:
    """The notices that were queued about these exchanges before."""
    if not exchanges:
        return []
    rows = await connection.fetch(
        "select about, kind, category, member from notice where about = any($1)", list(exchanges)
    )
    return [Earlier(*row) for row in rows]


async def protocol_text(connection: Connection, digest: bytes) -> str | None:
    """The text of a version that was in force once."""
    return await connection.fetchval(  # type: ignore[no-any-return]  # a text, or None
        "select body from protocol_version where digest = $1", digest
    )


async def write_notices(
    connection: Connection, rows: NoticeRows, *, is_screened: bool = True
) -> None:
    """Write notices, all but their mailbox places and entries: those come last.

    Who may never be notified of a person gets none that is about them (safe contacts). What tells
    a sender of its own message, and names nobody, is not screened: it would be missed.
    """
    if not rows.notices:
        return
    if not is_screened:
        await _write(connection, rows)
        return
    whom = {one.exchange: rows.entries[one.exchange].subjects for one in rows.notices}
    unsafe = await never_notified(connection, {one for all_ in whom.values() for one in all_})
    rows.leave_out(
        {
            one.exchange
            for one in rows.notices
            if any((subject, one.recipient) in unsafe for subject in whom[one.exchange])
        }
    )
    if rows.notices:
        await _write(connection, rows)


async def _write(connection: Connection, rows: NoticeRows) -> None:
    await connection.copy_records_to_table(
        "exchange", records=rows.exchanges, columns=_NOTICE_COLUMNS
    )
    await connection.copy_records_to_table("part", records=rows.parts)
    await connection.copy_records_to_table(
        "notice", records=rows.notices, columns=NewNotice._fields
    )


async def write_notice_heads(connection: Connection, rows: NoticeRows) -> None:
    """The mailboxes by name, and then the log: the caller commits."""
    for recipient in sorted(rows.mailbox):
        await enqueue(connection, recipient, rows.mailbox[recipient])
    await append_leaves(connection, VERWERKINGEN, rows.leaves)


async def with_mailbox(connection: Connection, recipients: Collection[str]) -> set[str]:
    """Which of these have a mailbox."""
    rows = await connection.fetch(
        "select recipient from mailbox_head where recipient = any($1)", list(recipients)
    )
    return {row[0] for row in rows}


async def receipts_of(connection: Connection, cause: UUID, party: str) -> list[Receipt]:
    """How far the notices that follow from a cause are, as far as a party may know.

    Only of exchanges that it sent or received itself: others' are none of its business.
    """
    rows = await connection.fetch(
        """select n.recipient, n.about, n.queued_at, m.released_at, m.acknowledged_at
             from notice n join exchange e on e.id = n.about
             join mailbox m on m.exchange = n.exchange
            where n.cause = $1 and (e.sender = $2 or e.recipient = $2)
            order by n.recipient, n.about""",
        cause,
        party,
    )
    return [Receipt(*row) for row in rows]


async def recorded_for(connection: Connection, consent: UUID) -> str | None:
    """The partner that recorded a consent event."""
    return await connection.fetchval(  # type: ignore[no-any-return]  # a text, or None
        "select recorded_for from consent_event where id = $1", consent
    )


async def held_of(
    connection: Connection, sender: str, after: UUID | None, limit: int
) -> list[HeldRow]:
    """A sender's own messages that wait for agreement, oldest first."""
    rows = await connection.fetch(
        """select e.id, e.rule, e.received_at, e.expires_at, s.id, e.sealed_reference,
                  s.kek_epoch, s.wrapped
             from exchange e left join subject s on s.id = e.owner
            where e.sender = $1 and e.state = $4 and ($2::uuid is null or e.id > $2)
            order by e.id limit $3""",
        sender,
        after,
        limit,
        HELD,
    )
    return [HeldRow(*row) for row in rows]


async def restricted(
    connection: Connection, subjects: Sequence[UUID]
) -> dict[UUID, frozenset[str]]:
    """The purposes for which each of these persons is restricted or objected; behind the gate.

    Each partner's are a series of their own: what one recorded, another cannot lift.

    Persons without any are left out.
    """
    if not subjects:
        return {}
    rows = await connection.fetch(
        """select subject, array_agg(distinct purpose) from (
               select distinct on (r.subject, r.purpose, c.partner)
                      r.subject, r.purpose, r.is_lifted
                 from restriction r left join correction c on c.id = r.correction
                where r.subject = any($1)
                order by r.subject, r.purpose, c.partner, r.number desc) newest
            where not is_lifted group by subject""",
        list(subjects),
    )
    return {row[0]: frozenset(row[1]) for row in rows}
