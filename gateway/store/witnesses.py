"""Witnesses in the database: who they are, what they are offered, and what they cosigned.

A witness is never deleted, since its cosignatures stay evidence; one that was removed is asked no
more. Cosignatures are kept of the newest checkpoint that met the quorum and of all after it, and
of earlier ones the last of each day: the others say nothing that these do not.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from gateway.store.groups import Connection
from gateway.store.log import StoredCheckpoint


class WitnessKnownError(Exception):
    """There is a witness of this name already; the message says so."""


class UnknownWitnessError(Exception):
    """There is no witness of this name."""


class Witness(NamedTuple):
    """A witness as the municipality named it."""

    vkey: str
    name: str
    url: str
    may_be_private: bool
    sees_protected: bool
    added_at: datetime


class Standing(NamedTuple):
    """Where a witness stands with one volume; `age` are seconds since it last cosigned."""

    size: int
    age: float | None
    failures: int
    failing_for: float | None
    reason: str | None


NOTHING = Standing(0, None, 0, None, None)


class Offered(NamedTuple):
    """A checkpoint that witnesses are asked to cosign, and how many did."""

    size: int
    note: str
    age: float
    cosigned: int


_WITNESS = "select vkey, name, url, may_be_private, sees_protected, added_at from witness"


async def add_witness(connection: Connection, witness: Witness) -> None:
    """Name a witness, or one that was removed again. Raises `WitnessKnownError`."""
    known = await connection.fetchval(
        "select true from witness where removed_at is null and (name = $1 or vkey = $2)",
        witness.name,
        witness.vkey,
    )
    if known:
        raise WitnessKnownError("there is a witness of this name or key already")
    await connection.execute(
        """insert into witness (vkey, name, url, may_be_private, sees_protected)
           values ($1, $2, $3, $4, $5)
           on conflict (vkey) do update set removed_at = null, url = excluded.url,
              may_be_private = excluded.may_be_private, sees_protected = excluded.sees_protected""",
        *witness[:5],
    )


async def remove_witness(connection: Connection, name: str) -> None:
    """Ask a witness no more. Raises `UnknownWitnessError`."""
    done = await connection.execute(
        """update witness set removed_at = clock_timestamp()
            where name = $1 and removed_at is null""",
        name,
    )
    if done != "UPDATE 1":
        raise UnknownWitnessError("there is no witness of this name")


async def witnesses(connection: Connection) -> list[Witness]:
    """The witnesses that are asked, oldest first."""
    rows = await connection.fetch(f"{_WITNESS} where removed_at is null order by added_at, name")
    return [Witness(*row) for row in rows]


async def quorum(connection: Connection) -> int:
    """How many witnesses must have cosigned a checkpoint that is called witnessed."""
    return int(await connection.fetchval("select quorum from witness_quorum"))


async def set_quorum(connection: Connection, number: int) -> None:
    """Say how many must have."""
    await connection.execute("update witness_quorum set quorum = $1", number)


async def standing_of(connection: Connection, vkey: str, log: int) -> Standing:
    """Where a witness stands with a volume."""
    row = await connection.fetchrow(
        """select size, extract(epoch from clock_timestamp() - cosigned_at)::float8, failures,
                  extract(epoch from clock_timestamp() - failing_since)::float8, reason
             from witness_standing where vkey = $1 and log = $2""",
        vkey,
        log,
    )
    return NOTHING if row is None else Standing(*row)


async def newest_offered(connection: Connection, log: int) -> Offered | None:
    """The checkpoint that witnesses are asked to cosign now."""
    row = await connection.fetchrow(
        f"""{_OFFERED} where w.log = $1 order by w.size desc limit 1""", log
    )
    return None if row is None else Offered(*row)


_OFFERED = """select w.size, w.note,
                     extract(epoch from clock_timestamp() - w.offered_at)::float8,
                     (select count(*) from cosignature c join witness t using (vkey)
                       where (c.log, c.size) = (w.log, w.size) and t.removed_at is null)
                from witnessed_checkpoint w"""


async def offer(connection: Connection, log: int, checkpoint: StoredCheckpoint) -> None:
    """Ask witnesses for this one from now on."""
    await connection.execute(
        """insert into witnessed_checkpoint (log, size, note) values ($1, $2, $3)
           on conflict do nothing""",
        log,
        checkpoint.size,
        checkpoint.note,
    )


async def keep_cosignature(
    connection: Connection, log: int, size: int, vkey: str, line: str, signed_at: int
) -> None:
    """Keep a verified cosignature, and where its witness stands; `signed_at` in POSIX seconds.

    One over a checkpoint that was superseded meanwhile only says where the witness stands.
    """
    moment = datetime.fromtimestamp(min(signed_at, _LATEST), UTC)
    async with connection.transaction():
        await connection.execute(
            """insert into cosignature as held (log, size, vkey, line, signed_at)
               select $1, $2, $3, $4, $5 where exists (
                      select from witnessed_checkpoint where (log, size) = ($1, $2) for key share)
               on conflict (log, size, vkey) do update
                  set line = excluded.line, signed_at = excluded.signed_at""",
            log,
            size,
            vkey,
            line,
            moment,
        )
        await connection.execute(
            """insert into witness_standing (vkey, log, size, cosigned_at)
               values ($1, $2, $3, clock_timestamp())
               on conflict (vkey, log) do update
                  set size = excluded.size, cosigned_at = excluded.cosigned_at,
                      failures = 0, failing_since = null, reason = null""",
            vkey,
            log,
            size,
        )


_LATEST = 253_402_300_799


async def keep_size(connection: Connection, vkey: str, log: int, size: int) -> None:
    """Remember where a witness says that it stands."""
    await connection.execute(
        """insert into witness_standing (vkey, log, size) values ($1, $2, $3)
           on conflict (vkey, log) do update set size = excluded.size""",
        vkey,
        log,
        size,
    )


async def keep_failure(connection: Connection, vkey: str, log: int, reason: str) -> None:
    """Count one more failure in a row; `reason` is a code of ours."""
    await connection.execute(
        """insert into witness_standing as held (vkey, log, failures, failing_since, reason)
           values ($1, $2, 1, clock_timestamp(), $3)
           on conflict (vkey, log) do update
              set failures = held.failures + 1, reason = excluded.reason,
                  failing_since = coalesce(held.failing_since, clock_timestamp())""",
        vkey,
        log,
        reason,
    )


async def cosignature_lines(connection: Connection, log: int, size: int) -> list[str]:
    """The signature lines of witnesses under one checkpoint."""
    rows = await connection.fetch(
        "select line from cosignature where log = $1 and size = $2 order by signed_at, vkey",
        log,
        size,
    )
    return [row[0] for row in rows]


async def newest_witnessed(connection: Connection, log: int, least: int) -> str | None:
    """The newest note that at least `least` of the present witnesses cosigned, with their lines."""
    row = await connection.fetchrow(
        """select w.size, w.note from witnessed_checkpoint w
            where w.log = $1 and (
                  select count(*) from cosignature c join witness t using (vkey)
                   where (c.log, c.size) = (w.log, w.size) and t.removed_at is null) >= $2
            order by w.size desc limit 1""",
        log,
        max(1, least),
    )
    if row is None:
        return None
    return str(row[1]) + "".join(await cosignature_lines(connection, log, row[0]))


async def forget_superseded(connection: Connection, log: int, size: int) -> None:
    """Let go of what was offered before `size`, but for the last of each day that was cosigned."""
    await connection.execute(
        """delete from witnessed_checkpoint w
            where w.log = $1 and w.size < $2 and (
                  not exists (select from cosignature c where (c.log, c.size) = (w.log, w.size))
                  or exists (select from witnessed_checkpoint later
                              where later.log = w.log and later.size > w.size
                                and later.size <= $2
                                and later.offered_at::date = w.offered_at::date))""",
        log,
        size,
    )
