"""The statements of mappings between pseudonyms: whom a recipient knows, in parts, and how far.

Whom a recipient knows is read from what it was handed or will be (`part`, `disclosure`), whatever
became of the content, and from what it registered itself. Pairs name persons by their random id,
and go with them (`store/erasure.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import (
    CLEARED,
    DONE,
    PURGED,
    VERWERKINGEN,
    WAITING,
    Connection,
    Leaf,
    append_leaves,
    enqueue,
)

NOTICE = 4
"""The kind of exchange that a part is, as `gateway.exchange.recording` has it."""
MAPPING = "pseudoniemwissel"
"""The rule of such an exchange, and the end of its event's type."""
_COLUMNS = (
    "id", "kind", "state", "sender", "recipient", "flow", "decision", "rule", "field", "protocol",
    "received_at", "entry", "commit_group", "group_index", "findings", "owner", "sealed_reference",
    "expires_at", "is_protected",
)  # fmt: skip


class Known(NamedTuple):
    """A person whom a recipient knows; `is_protected`: from protected exchanges."""

    subject: UUID
    linkage_group: str
    is_protected: bool


class Pair(NamedTuple):
    """A person of a part, with the key that commits to them."""

    subject: UUID
    linkage_group: str
    is_protected: bool
    epoch: int
    wrapped: bytes


class StoredPart(NamedTuple):
    """A part of a mapping, and between which epochs it leads."""

    number: int
    is_closing: bool
    from_epoch: int
    epoch: int


class PartRows(NamedTuple):
    """A part on its way: its exchange's row, whom it is about, its entry."""

    exchange: UUID
    row: tuple[object, ...]
    number: int
    is_closing: bool
    pairs: list[Known]
    leaf: Leaf


class Progress(NamedTuple):
    """How far the parts of a mapping are: queued, handed over once, received, and taken out."""

    parts: int
    released: int
    received: int
    lost: int


async def known_to(
    connection: Connection, recipient: str, besides: UUID, groups: Mapping[str, str]
) -> list[Known]:
    """Everybody whom a recipient knows by a pseudonym and who is in no part of a decision yet.

    `groups` are the linkage groups of the recipient's flows; what came by a flow that is no more
    counts in all of them. Whoever was erased is not among them. Notices bear no pseudonym as their
    subject, and tell of nobody whom another message did not.
    """
    rows = await connection.fetch(
        """with named (flow, linkage_group) as (select * from unnest($4::text[], $5::text[])),
                met (subject, linkage_group, is_protected) as (
               select p.subject, n.linkage_group, e.is_protected
                 from (select subject, exchange from part
                       union select subject, exchange from disclosure) p
                 join exchange e on e.id = p.exchange
                 join named n on n.flow = e.flow
                              or not exists (select from named where flow = e.flow)
                where e.recipient = $1 and e.kind <> $3
               union
               select r.subject, n.linkage_group, false
                 from registration r, named n where r.recipient = $1)
           select met.subject, met.linkage_group, bool_or(met.is_protected)
             from met join subject s on s.id = met.subject
            where not exists (select from pseudonym_pair p
                                join pseudonym_part o on o.exchange = p.exchange
                               where o.decision = $2 and p.subject = met.subject
                                 and p.linkage_group = met.linkage_group)
            group by met.subject, met.linkage_group""",
        recipient,
        besides,
        NOTICE,
        list(groups),
        list(groups.values()),
    )
    return [Known(*row) for row in rows]


async def stay_known(connection: Connection, subjects: Sequence[UUID]) -> set[UUID]:
    """Those of these persons who are known still; nobody erases them before the commit."""
    rows = await connection.fetch(
        "select id from subject where id = any($1) order by id for key share", subjects
    )
    return {row[0] for row in rows}


async def next_number(connection: Connection, decision: UUID) -> int:
    """The number of a decision's next part."""
    last = await connection.fetchval(
        "select max(number) from pseudonym_part where decision = $1", decision
    )
    return 1 if last is None else int(last) + 1


async def write_parts(connection: Connection, decision: UUID, parts: Sequence[PartRows]) -> None:
    """Write parts, all but their mailbox places and entries: those come last."""
    await connection.copy_records_to_table(
        "exchange", records=[one.row for one in parts], columns=_COLUMNS
    )
    await connection.copy_records_to_table(
        "pseudonym_part",
        records=[(one.exchange, decision, one.number, one.is_closing) for one in parts],
    )
    await connection.copy_records_to_table(
        "pseudonym_pair", records=[(one.exchange, *pair) for one in parts for pair in one.pairs]
    )


async def write_part_heads(
    connection: Connection, recipient: str, parts: Sequence[PartRows], leaves: Sequence[Leaf]
) -> None:
    """The mailbox, and then the log: the caller commits."""
    if parts:
        await enqueue(connection, recipient, [one.exchange for one in parts])
    await append_leaves(connection, VERWERKINGEN, [*(one.leaf for one in parts), *leaves])


async def progress_of(connection: Connection, decision: UUID) -> Progress:
    """How far the parts of a mapping are."""
    row = await connection.fetchrow(
        """select count(*), count(*) filter (where m.released_at is not null),
                  count(*) filter (where m.acknowledged_at is not null and e.state = any($2)),
                  count(*) filter (where e.state = $3)
             from pseudonym_part o join exchange e on e.id = o.exchange
             join mailbox m on m.exchange = o.exchange where o.decision = $1""",
        decision,
        [DONE, CLEARED],
        PURGED,
    )
    assert row is not None  # noqa: S101  # an aggregate always gives its row
    return Progress(*row)


async def part_of(connection: Connection, exchange: UUID) -> StoredPart | None:
    """Which part of which mapping an exchange is."""
    row = await connection.fetchrow(
        """select o.number, o.is_closing, d.from_epoch, d.epoch
             from pseudonym_part o join pseudonym_epoch d on d.id = o.decision
            where o.exchange = $1""",
        exchange,
    )
    return None if row is None else StoredPart(*row)


async def pass_gate_of_pairs(connection: Connection, exchange: UUID) -> None:
    """The gate for everyone in a part, in a statement of its own."""
    await connection.execute(
        """select 1 from subject where id in (select subject from pseudonym_pair
                                               where exchange = $1) order by id for share""",
        exchange,
    )


async def pairs_of(connection: Connection, exchange: UUID) -> list[Pair]:
    """Everyone in a part who is known still; behind the gate.

    In the order of their ids, which is the order of registration: shuffle them before they leave.
    """
    rows = await connection.fetch(
        """select p.subject, p.linkage_group, p.is_protected, s.kek_epoch, s.wrapped
             from pseudonym_pair p join subject s on s.id = p.subject
            where p.exchange = $1 order by p.subject, p.linkage_group""",
        exchange,
    )
    return [Pair(*row) for row in rows]


async def take_out(connection: Connection, decision: UUID) -> None:
    """Take the parts that still wait out of the mailbox; their positions stay."""
    await connection.execute(
        """update exchange set state = $2
            where id in (select exchange from pseudonym_part where decision = $1) and state = $3""",
        decision,
        PURGED,
        WAITING,
    )


async def forget_mappings(connection: Connection, decisions: Sequence[UUID]) -> None:
    """Keep no pair of these mappings, and hand none of their parts over again."""
    parts = "(select exchange from pseudonym_part where decision = any($1))"
    await connection.execute(
        f"update exchange set state = $2 where id in {parts} and state = $3",
        decisions,
        CLEARED,
        DONE,
    )
    await connection.execute(f"delete from pseudonym_pair where exchange in {parts}", decisions)
