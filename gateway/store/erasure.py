"""The statements that take a person out of service, behind the exclusive side of the gate.

Whoever wrote something about the person held the gate while doing so, and so does whoever hands it
over: behind the exclusive side everything about them is committed and nothing of it is on its way
(invariant 2). The order of locks is the withdrawal's: gate, exchanges by id, heads last.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import DONE, HELD, WAITING, Connection
from gateway.store.held import HeldWhole


class Concerning(NamedTuple):
    """An exchange whose content is about the person, in whichever state it stands."""

    exchange: UUID
    kind: int
    state: int
    flow: str | None
    sender: str
    owner: UUID | None
    is_protected: bool


class Box(NamedTuple):
    """Something sealed under a person's own key, by the row that it stands in."""

    row: UUID
    member: int
    sealed: bytes


class SealedOf(NamedTuple):
    """Everything that is sealed under one person's content key, but for their birth dates."""

    parts: list[Box]
    references: list[Box]
    evidence: list[Box]
    held: list[HeldWhole]


class StoredOutcomes(NamedTuple):
    """A delivery with records of the person's; its row is locked."""

    delivery: UUID
    is_under_way: bool
    epoch: int
    wrapped: bytes


class Kept(NamedTuple):
    """A class of data that outlives an erasure, and until when."""

    name: str
    until: date


async def company_of(connection: Connection, subject: UUID) -> set[UUID]:
    """Everybody who is, or was, in a message with this person and is known still."""
    rows = await connection.fetch(
        """with theirs (exchange) as (
               select exchange from part where subject = $1
               union select exchange from disclosure where subject = $1
               union select exchange from held where subjects @> array[$1::uuid]),
             together (subject) as (
               select subject from part where exchange in (select exchange from theirs)
               union select subject from disclosure where exchange in (select exchange from theirs)
               union select unnest(subjects) from held
                      where exchange in (select exchange from theirs))
           select id from subject where id <> $1 and id in (select subject from together)""",
        subject,
    )
    return {row[0] for row in rows}


async def lock_concerning(connection: Connection, subject: UUID) -> list[Concerning]:
    """Everything that waits, is held, or was received and is kept a while; locked.

    Another member of the household may say no at the same time: read the content after this.
    """
    rows = await connection.fetch(
        """select id, kind, state, flow, sender, owner, is_protected from exchange
            where state = any($2)
              and id in (select exchange from part where subject = $1
                         union all select exchange from held where subjects @> array[$1::uuid])
            order by id for update""",
        subject,
        [WAITING, HELD, DONE],
    )
    return [Concerning(*row) for row in rows]


async def sealed_of(connection: Connection, subject: UUID) -> SealedOf:
    """Everything that is sealed under a person's content key; behind their gate."""
    parts = await connection.fetch(
        "select exchange, member, box from part where subject = $1", subject
    )
    references = await connection.fetch(
        """select id, 0, sealed_reference from exchange
            where owner = $1 and sealed_reference is not null
              and id in (select exchange from part where subject = $1
                         union select exchange from disclosure where subject = $1
                         union select exchange from held where subjects @> array[$1::uuid])""",
        subject,
    )
    evidence = await connection.fetch(
        "select id, 0, evidence from consent_event where subject = $1 and evidence is not null",
        subject,
    )
    held = await connection.fetch(
        """select h.exchange, h.sealed, h.subjects from held h join exchange e on e.id = h.exchange
            where h.subjects @> array[$1::uuid] and e.owner = $1""",
        subject,
    )
    return SealedOf(
        [Box(*row) for row in parts],
        [Box(*row) for row in references],
        [Box(*row) for row in evidence],
        [HeldWhole(*row) for row in held],
    )


async def replace_references(connection: Connection, boxes: Sequence[Box]) -> None:
    """Put senders' references that are sealed anew in the place of what they were."""
    await connection.executemany(
        "update exchange set sealed_reference = $2 where id = $1",
        [(box.row, box.sealed) for box in boxes],
    )


async def drop_references(connection: Connection, exchanges: Collection[str]) -> None:
    """Remove senders' own references: what is left of them would open with a key from a backup."""
    await connection.execute(
        "update exchange set sealed_reference = null where id = any($1::uuid[])", list(exchanges)
    )


async def replace_evidence(connection: Connection, boxes: Sequence[Box]) -> None:
    """The same for the evidence of consent."""
    await connection.executemany(
        "update consent_event set evidence = $2 where id = $1",
        [(box.row, box.sealed) for box in boxes],
    )


async def replace_key(
    connection: Connection, subject: UUID, epoch: int, wrapped: bytes, facts: bytes | None
) -> None:
    """Give a person another data key, with their birth dates as they are sealed under it."""
    await connection.execute(
        "update subject set kek_epoch = $2, wrapped = $3, facts = $4 where id = $1",
        subject,
        epoch,
        wrapped,
        facts,
    )


async def lock_outcomes(connection: Connection, subject: UUID) -> list[StoredOutcomes]:
    """The deliveries that brought messages which are about the person first; locked."""
    rows = await connection.fetch(
        """select d.id, d.state = 'in-verwerking', d.kek_epoch, d.wrapped from delivery d
            where exists (
                  select from exchange e
                   where e.sender = d.sender and e.received_at = d.received_at and e.owner = $1
                     and e.id in (select exchange from part where subject = $1
                                  union select exchange from disclosure where subject = $1
                                  union select exchange from held
                                         where subjects @> array[$1::uuid]))
            order by d.id for update""",
        subject,
    )
    return [StoredOutcomes(*row) for row in rows]


async def outcomes_in(connection: Connection, delivery: UUID) -> list[tuple[int, bytes]]:
    """The sealed outcomes of a delivery: first record, block."""
    rows = await connection.fetch(
        "select first_record, sealed from delivery_outcome where delivery = $1", delivery
    )
    return [(row[0], row[1]) for row in rows]


async def owned_by(connection: Connection, subject: UUID) -> set[str]:
    """The ids of the messages that are about this person first, as outcomes name them."""
    rows = await connection.fetch(
        """select id::text from exchange where owner = $1
              and id in (select exchange from part where subject = $1
                         union select exchange from disclosure where subject = $1
                         union select exchange from held where subjects @> array[$1::uuid])""",
        subject,
    )
    return {row[0] for row in rows}


async def replace_outcomes(
    connection: Connection,
    delivery: UUID,
    blocks: Sequence[tuple[int, bytes]],
    epoch: int,
    wrapped: bytes,
) -> None:
    """Put a delivery's outcomes as they are now in the place of what they were."""
    await connection.executemany(
        "update delivery_outcome set sealed = $3 where delivery = $1 and first_record = $2",
        [(delivery, first, sealed) for first, sealed in blocks],
    )
    await connection.execute(
        "update delivery set kek_epoch = $2, wrapped = $3 where id = $1", delivery, epoch, wrapped
    )


async def last_events(
    connection: Connection, subject: UUID
) -> tuple[datetime | None, datetime | None]:
    """When a decision of this person's was recorded last, and when they were disclosed last."""
    row = await connection.fetchrow(
        """select (select max(recorded_at) from consent_event where subject = $1),
                  (select max(released_at) from disclosure where subject = $1)""",
        subject,
    )
    assert row is not None  # noqa: S101  # a row of subselects is always there
    return row[0], row[1]


async def void_drafts(connection: Connection, subjects: Collection[UUID]) -> None:
    """Let drafts of dossiers lapse that were sealed under keys which go now."""
    await connection.execute(
        """update dossier set sealed = null,
                  state = case state when 'concept' then 'vervallen' else state end
            where subject = any($1) and sealed is not null""",
        list(subjects),
    )


async def handle_of(connection: Connection, subject: UUID) -> bytes | None:
    """The handle of a person; none where nobody gave their number."""
    return await connection.fetchval(  # type: ignore[no-any-return]  # bytes, or None
        "select handle from subject where id = $1", subject
    )


async def keep(
    connection: Connection,
    subject: UUID,
    handle: bytes | None,
    epoch: int,
    wrapped: bytes,
    classes: Sequence[Kept],
) -> None:
    """Record what stays of a person, and until when."""
    await connection.execute(
        """insert into kept (subject, handle, kek_epoch, wrapped) values ($1, $2, $3, $4)
           on conflict (subject) do nothing""",
        subject,
        handle,
        epoch,
        wrapped,
    )
    await connection.executemany(
        "insert into kept_class (subject, class, until) values ($1, $2, $3)",
        [(subject, *one) for one in classes],
    )


async def shares_of(connection: Connection, subject: UUID) -> list[tuple[UUID, int]]:
    """The person's parts of exchanges, whatever became of those."""
    rows = await connection.fetch("select exchange, member from part where subject = $1", subject)
    return [(row[0], row[1]) for row in rows]


async def forget_disclosures(connection: Connection, subjects: Collection[UUID]) -> None:
    """Forget to whom these persons were disclosed."""
    await connection.execute("delete from disclosure where subject = any($1)", list(subjects))


async def forget_consents(connection: Connection, subjects: Collection[UUID]) -> None:
    """Forget what these persons decided."""
    await connection.execute("delete from consent_event where subject = any($1)", list(subjects))


async def delete_subject(connection: Connection, subject: UUID) -> None:
    """Remove the handle and the wrapped data key: from the commit on, nobody finds or opens.

    With them goes what was looked up of who speaks for the person, and what they restricted. What
    stays as proof stands under an id that has no row and leads nowhere.
    """
    for statement in _OF_THE_PERSON:
        await connection.execute(statement, subject)


_OF_THE_PERSON = (
    "delete from authority_statement where subject = $1",
    "delete from restriction where subject = $1",
    "delete from pseudonym_pair where subject = $1",
    "delete from registration where subject = $1",
    "delete from subject where id = $1",
)
"""What goes with a person. A table with rows of persons that must not outlive them belongs here."""
