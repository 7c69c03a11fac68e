"""The statements by which acts are done again after a backup was put back: what is there already?

Each act has an id that it was recorded under, and rows of acts are never removed before their line
in the journal is: an id that is found was done before the backup, or by an earlier try.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from gateway.store.corrections import NewCorrection
from gateway.store.deciding import RULES_LOCK
from gateway.store.groups import Connection, NewSubject, admit_subjects
from gateway.store.partners import ENDED

RECOVERY_LOCK = 0x51_0152
"""Held by whoever recovers: of two operators one waits, and finds the work done."""


async def handles_of(connection: Connection, subjects: Sequence[UUID]) -> dict[UUID, bytes | None]:
    """The handles of these persons, where they have one; who is not known is left out."""
    if not subjects:
        return {}
    rows = await connection.fetch("select id, handle from subject where id = any($1)", subjects)
    return {row[0]: row[1] for row in rows}


async def meet_again(
    connection: Connection, handle: bytes | None, person: NewSubject
) -> UUID | None:
    """The person of this id or handle; registered under the id that they had, with a new key.

    None for somebody who has no handle and is not there: nothing of them is.
    """
    known = await connection.fetchval("select id from subject where id = $1", person.id)
    if known is not None or handle is None:
        return known  # type: ignore[no-any-return]  # a uuid, or None
    await admit_subjects(connection, {handle: person}, [])
    return await connection.fetchval(  # type: ignore[no-any-return]  # a uuid
        "select id from subject where handle = $1", handle
    )


async def is_subject(connection: Connection, subject: UUID) -> bool:
    """Whether a person is registered."""
    return await _exists(connection, "select 1 from subject where id = $1", subject)


async def is_consent_known(connection: Connection, event: UUID) -> bool:
    """Whether a decision stands in the register."""
    return await _exists(connection, "select 1 from consent_event where id = $1", event)


async def is_correction_known(connection: Connection, correction: UUID) -> bool:
    """Whether a correction was carried out."""
    return await _exists(connection, "select 1 from correction where id = $1", correction)


async def is_statement_known(connection: Connection, statement: UUID) -> bool:
    """Whether a statement about authority stands in the register."""
    return await _exists(connection, "select 1 from authority_statement where id = $1", statement)


async def known_contacts(connection: Connection, contacts: Sequence[UUID]) -> set[UUID]:
    """Which of these safe contacts are recorded."""
    rows = await connection.fetch("select id from safe_contact where id = any($1)", contacts)
    return {row[0] for row in rows}


async def is_shut_out(connection: Connection, partner: str) -> bool:
    """Whether a partner is suspended, or not registered."""
    return not await connection.fetchval(
        "select exists (select from partner where id = $1 and not is_suspended)", partner
    )


async def suspend_again(connection: Connection, partner: str) -> None:
    """Suspend a partner; the caller sees to it that everybody reads the rules again."""
    await connection.execute("update partner set is_suspended = true where id = $1", partner)


async def counting_keys(connection: Connection, partner: str, keys: Sequence[str]) -> list[str]:
    """Which of a partner's keys were not ended before their time."""
    rows = await connection.fetch(
        "select kid from partner_key where partner = $1 and kid = any($2) and not jwk ? $3",
        partner,
        keys,
        ENDED,
    )
    return [row[0] for row in rows]


async def end_keys_again(connection: Connection, partner: str, keys: Sequence[str]) -> None:
    """End these keys; the caller sees to it as above."""
    await connection.execute(
        """update partner_key set jwk = jwk || jsonb_build_object($3::text, '1'),
                                  expires_at = least(expires_at, clock_timestamp())
            where partner = $1 and kid = any($2)""",
        partner,
        keys,
        ENDED,
    )


async def put_correction(connection: Connection, correction: NewCorrection, about: UUID) -> None:
    """Record a correction as it was, so that its partner can lift it and a repeat is known."""
    await connection.execute(
        """insert into correction (id, partner, reference, body, about, kind, entry, recorded_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing""",
        *correction._replace(about=about),
    )


async def outdate_rules(connection: Connection) -> None:
    """Have every process read the rules again, whatever number it read them under.

    What came after the backup had numbers that are given out again. A clock gives one that no
    change has reached, nor a recovery before this one.
    """
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", RULES_LOCK)
        await connection.execute(
            """update rules_generation set number = 1 + greatest(
                   number, floor(extract(epoch from clock_timestamp()) * 1000)::bigint)"""
        )


async def stop_lanes(connection: Connection) -> list[str]:
    """Bring nobody anything until an operator says so; gives whose lanes that stopped."""
    rows = await connection.fetch(
        """update push_lane l set stopped = 'beheerder', retry_at = null from endpoint e
            where e.partner = l.partner and e.url is not null and l.stopped is null
           returning l.partner"""
    )
    return sorted(row[0] for row in rows)


async def lock_open_volumes(connection: Connection) -> None:
    """Keep every writer out of the logs until the caller commits, in the order that all keep."""
    await connection.execute(
        "select 1 from log_head where closed_at is null order by series, log for update"
    )


async def first_entries(connection: Connection, series: int, limit: int) -> list[bytes]:
    """The entries that the open volume of a series begins with."""
    rows = await connection.fetch(
        """select l.entry from log_leaf l join log_head h on h.log = l.log
            where h.series = $1 and h.closed_at is null and l.index < $2 order by l.index""",
        series,
        limit,
    )
    return [bytes(row[0]) for row in rows]


async def take_recovery_lock(connection: Connection) -> bool:
    """Whether nobody else recovers this database now; held until the connection ends."""
    return bool(await connection.fetchval("select pg_try_advisory_lock($1)", RECOVERY_LOCK))


async def give_up_recovery_lock(connection: Connection) -> None:
    """Let another recover."""
    with suppress(OSError):
        await connection.execute("select pg_advisory_unlock($1)", RECOVERY_LOCK)


async def _exists(connection: Connection, statement: str, wanted: UUID) -> bool:
    return await connection.fetchval(statement, wanted) is not None
