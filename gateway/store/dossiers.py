"""The statements of subject dossiers: what the tables hold of one person, and the drafts.

Everything is asked of both of a person's rows, the ordinary one and that of protected exchanges, in
the same statements whether or not there is the other: how long an answer takes, and which questions
are put, must not tell of what is withheld (invariant 14). Of protected exchanges only those come
back that an officer decided may be told of.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import BESCHERMD, Connection

NOBODY = UUID(int=0)
"""Asked for where there is no person: an id that leads nowhere."""


class StoredPerson(NamedTuple):
    """A person's row, with what is sealed of who they are."""

    id: UUID
    epoch: int
    wrapped: bytes
    facts: bytes | None


class StoredExchange(NamedTuple):
    """One exchange with its place in a mailbox, if it had one."""

    id: UUID
    kind: int
    state: int
    sender: str
    recipient: str | None
    flow: str | None
    rule: str
    protocol: bytes
    received_at: datetime
    owner: UUID | None
    expires_at: datetime
    is_protected: bool
    is_emergency: bool
    review: str | None


class StoredBox(NamedTuple):
    """The person's own part of a message that the gateway still holds."""

    exchange: UUID
    member: int
    box: bytes


class StoredHold(NamedTuple):
    """A message that waits for agreement, sealed under the key of whom it is about first."""

    exchange: UUID
    owner: UUID
    epoch: int
    wrapped: bytes
    sealed: bytes
    place: int


class StoredConsent(NamedTuple):
    """One recorded yes or no about the person."""

    id: UUID
    purpose: str
    recipient: str
    category: str
    given: bool
    decided_by: str
    decided_at: datetime
    recorded_at: datetime
    recorded_for: str
    valid_until: datetime | None
    manner: str | None
    supersedes: UUID | None


class StoredStop(NamedTuple):
    """A restriction or objection of the person's, or that one was lifted."""

    purpose: str
    kind: str
    partner: str
    recorded_at: datetime
    is_lifted: bool


class NewDossier(NamedTuple):
    """A draft on its way into the table."""

    id: UUID
    subject: UUID | None
    requester: UUID | None
    capacity: str
    identified_by: str
    mandate: str | None
    is_together: bool
    case_number: str
    drafted_by: str
    drafted_at: datetime
    draft_signature: bytes
    ends_at: datetime
    sealed: bytes | None
    digest: bytes


class StoredDossier(NamedTuple):
    """A dossier as it stands."""

    id: UUID
    subject: UUID | None
    requester: UUID | None
    capacity: str
    identified_by: str
    mandate: str | None
    is_together: bool
    case_number: str
    state: str
    drafted_by: str
    drafted_at: datetime
    ends_at: datetime
    sealed: bytes | None
    digest: bytes
    decided_by: str | None
    decided_at: datetime | None
    signature: bytes | None
    reason: str | None


async def persons_behind(
    connection: Connection, handles: Sequence[bytes]
) -> dict[bytes, StoredPerson]:
    """The persons behind these handles, as far as they are known."""
    rows = await connection.fetch(
        "select handle, id, kek_epoch, wrapped, facts from subject where handle = any($1)",
        list(handles),
    )
    return {bytes(row[0]): StoredPerson(*tuple(row)[1:]) for row in rows}


async def person_row(connection: Connection, subject: UUID) -> StoredPerson | None:
    """A person by their random id; None once they were erased."""
    row = await connection.fetchrow(
        "select id, kek_epoch, wrapped, facts from subject where id = $1", subject
    )
    return None if row is None else StoredPerson(*row)


async def told_protected(connection: Connection, subject: UUID) -> list[UUID]:
    """The protected exchanges of a person that an officer decided last may be told of."""
    rows = await connection.fetch(
        """select e.id
             from (select distinct on (exchange) exchange, is_disclosed from protected_decision
                    order by exchange, number desc) newest
             join exchange e on e.id = newest.exchange
             join commit_group g on g.id = e.commit_group
             join log_leaf l on l.hash = substring(g.leaf_hashes from e.group_index * 32 + 1 for 32)
             join log_head h on h.log = l.log and h.series = $2
            where newest.is_disclosed and e.is_protected and $1 = any(l.subjects)
            order by e.id""",
        subject,
        BESCHERMD,
    )
    return [row[0] for row in rows]


async def exchanges_told(
    connection: Connection, exchanges: Collection[UUID], protected: Collection[UUID]
) -> dict[UUID, StoredExchange]:
    """These exchanges; a protected one only where it is among those that may be told of."""
    rows = await connection.fetch(
        """select e.id, e.kind, e.state, e.sender, e.recipient, e.flow, e.rule, e.protocol,
                  e.received_at, e.owner, e.expires_at, e.is_protected,
                  e.usable_until is not null, r.outcome
             from exchange e left join emergency_review r on r.exchange = e.id
            where e.id = any($1) and (not e.is_protected or e.id = any($2))""",
        list(exchanges),
        list(protected),
    )
    return {row[0]: StoredExchange(*row) for row in rows}


async def boxes_of(
    connection: Connection, subject: UUID, protected: UUID, told: Collection[UUID]
) -> list[StoredBox]:
    """The person's own boxes that are still there, notices apart."""
    rows = await connection.fetch(
        """select p.exchange, p.member, p.box
             from part p join exchange e on e.id = p.exchange
            where e.kind <> 4 and ((p.subject = $1 and not e.is_protected)
                                   or (p.subject = $2 and e.id = any($3)))
            order by p.exchange, p.member""",
        subject,
        protected,
        list(told),
    )
    return [StoredBox(*row) for row in rows]


async def holds_with(connection: Connection, subject: UUID) -> list[StoredHold]:
    """The messages with this person that wait for agreement, and where in each they stand."""
    rows = await connection.fetch(
        """select h.exchange, s.id, s.kek_epoch, s.wrapped, h.sealed,
                  array_position(h.subjects, $1) - 1
             from held h join exchange e on e.id = h.exchange join subject s on s.id = e.owner
            where h.subjects @> array[$1::uuid] and not e.is_protected order by h.exchange""",
        subject,
    )
    return [StoredHold(*row) for row in rows]


async def consents_of(connection: Connection, subject: UUID) -> list[StoredConsent]:
    """Every recorded yes and no about the person, oldest first."""
    rows = await connection.fetch(
        """select id, purpose, recipient, category, given, decided_by, decided_at, recorded_at,
                  recorded_for, valid_until, manner, supersedes
             from consent_event where subject = $1 order by decided_at, recorded_at, id""",
        subject,
    )
    return [StoredConsent(*row) for row in rows]


async def stops_of(connection: Connection, subject: UUID) -> list[StoredStop]:
    """The person's restrictions and objections, and what of them was lifted, oldest first."""
    rows = await connection.fetch(
        """select r.purpose, c.kind, c.partner, r.recorded_at, r.is_lifted
             from restriction r join correction c on c.id = r.correction
            where r.subject = $1 order by r.number""",
        subject,
    )
    return [StoredStop(*row) for row in rows]


async def party_names(connection: Connection) -> dict[str, str]:
    """What every registered partner is called, and who took over from it since."""
    rows = await connection.fetch(
        """select p.id, p.name || coalesce(' (later overgenomen door ' || s.name || ')', '')
             from partner p
             left join succession o on o.predecessor = p.id and o.confirmed_at is not null
                                   and o.ended_at is null and o.starts_on <= current_date
             left join partner s on s.id = o.successor"""
    )
    return {row[0]: row[1] for row in rows}


async def protocol_texts(connection: Connection) -> dict[bytes, str]:
    """Every version that was ever recorded, by digest."""
    rows = await connection.fetch("select digest, body from protocol_version")
    return {bytes(row[0]): row[1] for row in rows}


async def insert_dossier(connection: Connection, new: NewDossier) -> None:
    """Record a draft."""
    await connection.execute(
        """insert into dossier (id, subject, requester, capacity, identified_by, mandate,
                                is_together, case_number, drafted_by, drafted_at, draft_signature,
                                ends_at, sealed, digest, state)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'concept')""",
        *new,
    )


_DOSSIER = """select id, subject, requester, capacity, identified_by, mandate, is_together,
                     case_number, state, drafted_by, drafted_at, ends_at, sealed, digest,
                     decided_by, decided_at, signature, reason from dossier"""


async def lock_dossier(connection: Connection, dossier: UUID) -> StoredDossier | None:
    """One dossier, for whoever decides on it or looks into it."""
    row = await connection.fetchrow(f"{_DOSSIER} where id = $1 for update", dossier)
    return None if row is None else StoredDossier(*row)


async def list_dossiers(connection: Connection, limit: int) -> list[StoredDossier]:
    """The newest dossiers first."""
    rows = await connection.fetch(f"{_DOSSIER} order by drafted_at desc, id limit $1", limit)
    return [StoredDossier(*row) for row in rows]


async def decide_dossier(
    connection: Connection,
    dossier: UUID,
    state: str,
    officer: str,
    moment: datetime,
    signature: bytes,
    reason: str | None = None,
) -> None:
    """Release or refuse a draft; what is refused is kept no longer."""
    await connection.execute(
        """update dossier
              set state = $2, decided_by = $3, decided_at = $4, signature = $5, reason = $6,
                  sealed = case when $2 = 'geweigerd' then null else sealed end
            where id = $1""",
        dossier,
        state,
        officer,
        moment,
        signature,
        reason,
    )


async def replace_contents(
    connection: Connection, dossier: UUID, sealed: bytes, digest: bytes
) -> None:
    """Keep a dossier as it was released."""
    await connection.execute(
        "update dossier set sealed = $2, digest = $3 where id = $1", dossier, sealed, digest
    )


async def any_protected(connection: Connection, exchanges: Collection[UUID]) -> bool:
    """Whether one of these exchanges is protected."""
    return bool(
        await connection.fetchval(
            "select exists (select from exchange where id = any($1) and is_protected)",
            list(exchanges),
        )
    )


async def forget_ended(connection: Connection, now: datetime) -> int:
    """Drop the contents of dossiers whose time is over; the rows stay. Gives how many."""
    done: str = await connection.execute(
        """update dossier
              set sealed = null, state = case state when 'concept' then 'vervallen' else state end
            where ends_at <= $1 and (sealed is not null or state = 'concept')""",
        now,
    )
    return int(done.rpartition(" ")[2])
