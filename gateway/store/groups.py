"""The statements of a deciding transaction, in the one order of locks that all writers keep.

Order (design section 6): rules (shared advisory lock), references, subjects, gate, inserts,
mailbox heads by name, log head; heads last, so that they are held for one round trip. A lock is
always a statement of its own: read in the same statement, a consent could be the one from before
the withdrawal that was waited for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
VERWERKINGEN, BESCHERMD, TOEGANG, TOEGANG_BESCHERMD = 1, 2, 3, 4
"""The series of logs: of processing and of who looked, changed or approved (toegang); and of both
the one for protected exchanges (ADR 0014). Each is a chain of volumes (ADR 0016)."""

_VOLUME_TURNS = 3

WAITING, HELD, DONE, REFUSED, PURGED, CLEARED = 1, 2, 3, 4, 5, 6
"""States of an exchange: in the mailbox, waiting for agreement, received, refused, taken out of
the mailbox before it was received, and received with its content removed since."""


class NoMailboxError(Exception):
    """A registered recipient has no mailbox: the database was changed from outside."""


class NoOpenVolumeError(Exception):
    """A log series has no open volume: the database was changed from outside."""


class ErasedMeanwhileError(Exception):
    """Somebody was erased after their message had met them: what is decided anew begins anew."""


class Claim(NamedTuple):
    """A sender's reference, taken by its first message."""

    sender: str
    reference: bytes
    body: bytes
    exchange: UUID


class Earlier(NamedTuple):
    """What an earlier message under the same reference led to."""

    body: bytes
    exchange: UUID
    decision: int
    rule: str
    field: str | None
    received_at: datetime
    entry: UUID
    findings: list[str]
    group_index: int
    leaf_hashes: bytes
    signature: bytes
    key_name: str


class NewSubject(NamedTuple):
    """A person to be registered, with a fresh wrapped data key."""

    id: UUID
    epoch: int
    wrapped: bytes
    facts: bytes | None = None


class StoredKey(NamedTuple):
    """A subject's wrapped data key, and what is sealed under it of who they are."""

    subject: UUID
    epoch: int
    wrapped: bytes
    gate: int
    facts: bytes | None


class MetSubject(NamedTuple):
    """A person's row as it is behind the gate."""

    handle: bytes | None
    key: StoredKey


class Original(NamedTuple):
    """The exchange that a status message answers."""

    id: UUID
    kind: int
    sender: str
    recipient: str | None
    owner: UUID | None
    sealed_reference: bytes | None
    state: int
    is_protected: bool
    flow: str | None = None


class Leaf(NamedTuple):
    """A log entry on its way: to its `series`, or where that is None to the one being written.

    What is about a protected exchange names its series, so that it cannot come into the other.
    """

    hash: bytes
    entry: bytes
    subjects: list[UUID]
    series: int | None = None


class GroupRows:
    """Everything that one group leaves behind."""

    __slots__ = (
        "agreed", "consents", "contacted", "exchanges", "facts", "held", "hidden", "leaves",
        "mailbox", "parts", "placements", "refusals", "requests", "reviews", "statements",
    )  # fmt: skip

    def __init__(self) -> None:
        self.consents: list[tuple[object, ...]] = []
        self.exchanges: list[tuple[object, ...]] = []
        self.parts: list[tuple[UUID, int, UUID, int, bytes]] = []
        self.held: list[tuple[UUID, bytes, list[UUID]]] = []
        self.mailbox: dict[str, list[UUID]] = {}
        self.leaves: list[Leaf] = []
        self.refusals: list[tuple[UUID, str, str]] = []
        self.agreed: set[tuple[UUID, tuple[str, str]]] = set()
        self.requests: list[tuple[object, ...]] = []
        self.reviews: list[tuple[object, ...]] = []
        self.statements: list[tuple[object, ...]] = []
        self.facts: dict[UUID, bytes | None] = {}
        self.placements: list[tuple[UUID, str, str, datetime]] = []
        self.hidden: list[UUID] = []
        self.contacted: dict[UUID, bool] = {}


async def claim_references(connection: Connection, claims: Sequence[Claim]) -> set[UUID]:
    """Take references for their first message; gives the exchanges that got theirs."""
    if not claims:
        return set()
    ordered = sorted(claims, key=lambda claim: (claim.sender, claim.reference))
    rows = await connection.fetch(
        """insert into fingerprint (sender, reference, body, exchange)
           select * from unnest($1::text[], $2::bytea[], $3::bytea[], $4::uuid[])
           on conflict do nothing returning exchange""",
        *_columns(ordered, 4),
    )
    return {row[0] for row in rows}


async def release_references(connection: Connection, exchanges: Sequence[UUID]) -> None:
    """Give back what these exchanges took in this transaction."""
    if exchanges:
        await connection.execute(
            """delete from fingerprint where exchange = any($1::uuid[])
                                         and made_at = transaction_timestamp()""",
            exchanges,
        )


async def earlier_messages(
    connection: Connection, keys: Sequence[tuple[str, bytes]]
) -> dict[tuple[str, bytes], Earlier]:
    """What became of the messages that hold these references."""
    rows = await connection.fetch(
        """select f.sender, f.reference, f.body, e.id, e.decision, e.rule, e.field, e.received_at,
                  e.entry, e.findings, e.group_index, g.leaf_hashes, g.signature, g.key_name
             from unnest($1::text[], $2::bytea[]) k (sender, reference)
             join fingerprint f using (sender, reference)
             join exchange e on e.id = f.exchange
             join commit_group g on g.id = e.commit_group""",
        *_columns(keys, 2),
    )
    return {(row[0], row[1]): Earlier(*tuple(row)[2:]) for row in rows}


async def exchanges_by_reference(
    connection: Connection, keys: Sequence[tuple[str, bytes]]
) -> dict[tuple[str, bytes], UUID]:
    """The exchanges that have these senders' own references, for as long as those are known."""
    rows = await connection.fetch(
        """select sender, reference, exchange from fingerprint
             join unnest($1::text[], $2::bytea[]) k (sender, reference)
            using (sender, reference)""",
        *_columns(keys, 2),
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def admit_subjects(
    connection: Connection, new: Mapping[bytes, NewSubject], without_handle: Sequence[NewSubject]
) -> None:
    """Register the persons of a group whom nobody registered before."""
    if new:
        # Sorted, so that two groups that register the same persons wait in one direction only.
        ordered = [(handle, *new[handle]) for handle in sorted(new)]
        await connection.execute(
            """insert into subject (handle, id, kek_epoch, wrapped, facts)
               select * from unnest($1::bytea[], $2::uuid[], $3::int[], $4::bytea[], $5::bytea[])
               on conflict (handle) do nothing""",
            *_columns(ordered, 5),
        )
    if without_handle:
        await connection.copy_records_to_table(
            "subject", records=without_handle, columns=("id", "kek_epoch", "wrapped", "facts")
        )


async def meet_subjects(
    connection: Connection, handles: Sequence[bytes], subjects: Sequence[UUID]
) -> list[MetSubject]:
    """Pass the gate of these persons, and read their rows.

    The row that is locked is read as it is once the lock is had; everything else about a person
    takes a statement of its own after this one. The same is asked of whoever was registered just
    now as of whoever was known before: how long an answer takes must not tell which (invariant 14).
    """
    if not handles and not subjects:
        return []
    rows = await connection.fetch(
        """select handle, id, kek_epoch, wrapped, gate, facts from subject
            where handle = any($1) or id = any($2) order by id for share""",
        handles,
        subjects,
    )
    return [MetSubject(row[0], StoredKey(*tuple(row)[1:])) for row in rows]


async def pass_gate(connection: Connection, subjects: Sequence[UUID]) -> None:
    """Wait out every withdrawal under way on these persons, and keep later ones waiting."""
    if subjects:
        await connection.execute(
            "select 1 from subject where id = any($1) order by id for share", sorted(subjects)
        )


async def close_gate(connection: Connection, handles: Sequence[bytes]) -> None:
    """The same alone, for those who say no: waiting for it later, others could wait for us."""
    if handles:
        await connection.execute(
            "select 1 from subject where handle = any($1) order by id for update", handles
        )


async def stored_keys(connection: Connection, subjects: Sequence[UUID]) -> list[StoredKey]:
    """The wrapped content keys of these persons."""
    if not subjects:
        return []
    rows = await connection.fetch(
        "select id, kek_epoch, wrapped, gate, facts from subject where id = any($1)",
        subjects,
    )
    return [StoredKey(*row) for row in rows]


async def originals(connection: Connection, exchanges: Sequence[UUID]) -> dict[UUID, Original]:
    """The exchanges that status messages answer."""
    if not exchanges:
        return {}
    rows = await connection.fetch(
        """select id, kind, sender, recipient, owner, sealed_reference, state, is_protected, flow
             from exchange where id = any($1)""",
        exchanges,
    )
    return {row[0]: Original(*row) for row in rows}


async def write_rows(
    connection: Connection,
    rows: GroupRows,
    group: UUID,
    key_name: str,
    signature: bytes,
) -> None:
    """Write a group's rows, all but the heads."""
    await write_facts(connection, rows)
    if rows.consents:
        await connection.copy_records_to_table(
            "consent_event", records=rows.consents, columns=CONSENT_COLUMNS
        )
    await connection.copy_records_to_table(
        "exchange", records=rows.exchanges, columns=DECIDED_COLUMNS
    )
    if rows.parts:
        await connection.copy_records_to_table("part", records=rows.parts)
    if rows.held:
        await connection.copy_records_to_table("held", records=rows.held)
    if rows.requests:
        await connection.copy_records_to_table(
            "protected_request", records=rows.requests, columns=REQUEST_COLUMNS
        )
    if rows.reviews:
        await connection.copy_records_to_table(
            "emergency_review", records=rows.reviews, columns=REVIEW_COLUMNS
        )
    await connection.execute(
        """insert into commit_group (id, leaf_hashes, key_name, signature)
           values ($1, $2, $3, $4)""",
        group,
        b"".join(leaf.hash for leaf in rows.leaves),
        key_name,
        signature,
    )


async def write_facts(connection: Connection, rows: GroupRows) -> None:
    """What became known of persons met before; releases decided until now look again.

    Of two groups that learn of the same person at once, one is told of a deadlock and tries again.
    """
    if rows.statements:
        await connection.copy_records_to_table(
            "authority_statement", records=rows.statements, columns=STATEMENT_COLUMNS
        )
    if rows.facts:
        learnt = sorted(rows.facts.items())
        await connection.execute(
            """update subject s set gate = s.gate + 1, facts = coalesce(k.facts, s.facts)
                 from unnest($1::uuid[], $2::bytea[]) k (id, facts) where s.id = k.id""",
            *_columns(learnt, 2),
        )


async def write_heads(connection: Connection, rows: GroupRows) -> None:
    """Queue what a group queues and log what it logs, heads last. The caller commits."""
    for recipient in sorted(rows.mailbox):
        await enqueue(connection, recipient, rows.mailbox[recipient])
    await append_leaves(connection, VERWERKINGEN, rows.leaves)


EXCHANGE_COLUMNS = (
    "id",
    "kind",
    "state",
    "sender",
    "recipient",
    "flow",
    "decision",
    "rule",
    "field",
    "protocol",
    "received_at",
    "entry",
    "commit_group",
    "group_index",
    "findings",
    "owner",
    "sealed_reference",
    "expires_at",
)
DECIDED_COLUMNS = (*EXCHANGE_COLUMNS, "is_protected", "usable_until", "ground")
REQUEST_COLUMNS = ("exchange", "reason", "kek_epoch", "wrapped", "professional")
REVIEW_COLUMNS = ("exchange", "reason", "step", "due_at", "kek_epoch", "wrapped", "professional")
CONSENT_COLUMNS = (
    "id",
    "subject",
    "purpose",
    "recipient",
    "category",
    "given",
    "decided_by",
    "decided_at",
    "recorded_for",
    "evidence",
    "supersedes",
    "decider",
    "valid_until",
    "manner",
    "evidence_hash",
)
STATEMENT_COLUMNS = ("id", "subject", "kind", "holders", "source", "as_of", "recorded_for")


async def enqueue(connection: Connection, recipient: str, exchanges: Sequence[UUID]) -> None:
    """Give exchanges the next dense positions of a mailbox. Raises `NoMailboxError`."""
    status = await connection.execute(
        """with head as (
               update mailbox_head set last_position = last_position + $2
                where recipient = $1 returning last_position - $2 as base)
           insert into mailbox (recipient, position, exchange)
           select $1, head.base + queued.n, queued.exchange
             from head, unnest($3::uuid[]) with ordinality queued (exchange, n)""",
        recipient,
        len(exchanges),
        exchanges,
    )
    if status != f"INSERT 0 {len(exchanges)}":
        # Rolled back with the group: a success without its queue row must not be (invariant 1).
        raise NoMailboxError("a recipient has no mailbox")


async def append_leaves(connection: Connection, series: int, leaves: Sequence[Leaf]) -> None:
    """Give leaves their dense indices and store them; the log head stays locked until commit.

    A leaf that names another series goes there; heads are taken in the order of their numbers.
    """
    named = [(series if leaf.series is None else leaf.series, leaf) for leaf in leaves]
    for number in sorted({where for where, _ in named}):
        await _append_to(connection, number, [leaf for where, leaf in named if where == number])


async def _append_to(connection: Connection, series: int, leaves: Sequence[Leaf]) -> None:
    head = None
    for _ in range(_VOLUME_TURNS):
        # Whoever waited here while the volume was closed finds none; the next look sees the new.
        head = await connection.fetchrow(
            """update log_head set size = size + $2
                where series = $1 and closed_at is null returning log, size - $2""",
            series,
            len(leaves),
        )
        if head is not None:
            break
    if head is None:
        raise NoOpenVolumeError("a log series has no open volume")
    log, base = head
    await connection.copy_records_to_table(
        "log_leaf",
        records=[
            (log, base + n, leaf.hash, leaf.entry, leaf.subjects) for n, leaf in enumerate(leaves)
        ],
    )


async def is_committed(connection: Connection, group: UUID) -> bool:
    """Whether a group whose COMMIT went unanswered did commit."""
    return bool(
        await connection.fetchval("select exists (select from commit_group where id = $1)", group)
    )


def _columns(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    return [[row[n] for row in rows] for n in range(width)]
