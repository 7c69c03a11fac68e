"""Decisions that one partner takes over from another: by two officers, kept for good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import WAITING, Connection
from gateway.store.partners import UnknownPartnerError

_STATUS = 2  # the kind of exchange, as gateway.exchange.recording has it


class SuccessionStandsError(Exception):
    """Of this predecessor a decision stands already."""


class StoredSuccession(NamedTuple):
    """A decision as it stands; `confirmed_by` is the second officer, once there is one."""

    id: UUID
    predecessor: str
    successor: str
    ground: str
    case_number: str
    starts_on: date
    carries: Sequence[str]
    decided_by: str
    decided_at: datetime
    signature: bytes
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None
    second_signature: bytes | None = None
    ended_at: datetime | None = None


class WaitingStatus(NamedTuple):
    """A status that waits for a predecessor and was never handed over, with its one box."""

    exchange: UUID
    sender: str
    flow: str | None
    rule: str
    expires_at: datetime
    owner: UUID
    box: bytes
    epoch: int
    wrapped: bytes
    gate: int


_COLUMNS = ", ".join(StoredSuccession._fields)


async def insert_decision(connection: Connection, new: StoredSuccession) -> None:
    """Keep a first decision. Raises `UnknownPartnerError` or `SuccessionStandsError`."""
    known = await connection.fetch(
        "select id from partner where id = any($1)", [new.predecessor, new.successor]
    )
    if len(known) < 2:
        raise UnknownPartnerError("there is no partner with this id")
    status = await connection.execute(
        f"""insert into succession ({_COLUMNS})
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            on conflict do nothing""",
        *new,
    )
    if status != "INSERT 0 1":
        raise SuccessionStandsError("a decision on this predecessor stands already")


async def lock_decision(connection: Connection, id_: UUID) -> StoredSuccession | None:
    """A decision, held until the transaction ends."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from succession where id = $1 for update", id_
    )
    return None if row is None else StoredSuccession(*row)


async def write_confirmation(
    connection: Connection, id_: UUID, officer: str, now: datetime, signature: bytes
) -> None:
    """Keep the second officer's signature: from this commit on the decision counts."""
    await connection.execute(
        """update succession set confirmed_by = $2, confirmed_at = $3, second_signature = $4
            where id = $1""",
        id_,
        officer,
        now,
        signature,
    )


async def end_decision(connection: Connection, id_: UUID, now: datetime) -> None:
    """Let a decision count no longer; what was carried over stays where it is."""
    await connection.execute("update succession set ended_at = $2 where id = $1", id_, now)


async def all_successions(connection: Connection) -> list[StoredSuccession]:
    """Every decision there ever was, newest first."""
    rows = await connection.fetch(
        f"select {_COLUMNS} from succession order by decided_at desc, id desc"
    )
    return [StoredSuccession(*row) for row in rows]


async def standing_successions(
    connection: Connection,
) -> list[tuple[str, str, date, Sequence[str]]]:
    """Those that count: predecessor, successor, first day, and what goes over."""
    rows = await connection.fetch(
        """select predecessor, successor, starts_on, carries from succession
            where confirmed_at is not null and ended_at is null"""
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def waiting_statuses(
    connection: Connection, recipient: str, protocol: bytes
) -> list[WaitingStatus]:
    """Statuses that wait for a partner and were never handed over, in order and locked.

    Of the version in force alone, and none of a protected exchange.
    """
    rows = await connection.fetch(
        """select e.id, e.sender, e.flow, e.rule, e.expires_at, p.subject, p.box, s.kek_epoch,
                  s.wrapped, p.gate
             from mailbox m join exchange e on e.id = m.exchange
             join part p on p.exchange = e.id join subject s on s.id = p.subject
            where m.recipient = $1 and e.state = $2 and e.kind = $3 and not e.is_protected
              and m.released_at is null and e.protocol = $4
            order by m.position for update of e""",
        recipient,
        WAITING,
        _STATUS,
        protocol,
    )
    return [WaitingStatus(*row) for row in rows]
