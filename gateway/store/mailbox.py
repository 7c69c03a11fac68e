"""The statements of releasing and acknowledging (stages 9 and 10), behind the same gate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import DONE, PURGED, VERWERKINGEN, WAITING, Connection

# `lateral (... offset 0)` below has parts and the keys of their persons looked up by index, one by
# one. A plain join is planned as a scan of all persons while the tables' statistics lag behind.


class Queued(NamedTuple):
    """One position of a mailbox with the exchange that stands there."""

    position: int
    exchange: UUID
    kind: int
    state: int
    flow: str | None
    sender: str
    protocol: bytes
    received_at: datetime
    owner: UUID | None
    rule: str
    is_protected: bool
    usable_until: datetime | None
    ground: str | None


class StoredPart(NamedTuple):
    """One member's box, with the key that opens it.

    `is_current`: no consent changed since. `is_timed`: time alone may end what it rests on.
    """

    exchange: UUID
    member: int
    subject: UUID
    box: bytes
    epoch: int
    wrapped: bytes
    is_current: bool
    is_timed: bool = False


class Concerned(NamedTuple):
    """A subject of an exchange with the wrapped key that its commitments need."""

    exchange: UUID
    subject: UUID
    epoch: int
    wrapped: bytes


async def acknowledged_up_to(connection: Connection, recipient: str) -> int:
    """The position up to which a recipient acknowledged everything; 0 at first."""
    position = await connection.fetchval(
        "select acknowledged from mailbox_head where recipient = $1", recipient
    )
    return 0 if position is None else int(position)


async def queued(connection: Connection, recipient: str, after: int, limit: int) -> list[Queued]:
    """The next positions of a mailbox, in order."""
    rows = await connection.fetch(
        """select m.position, e.id, e.kind, e.state, e.flow, e.sender, e.protocol, e.received_at,
                  e.owner, e.rule, e.is_protected, e.usable_until, e.ground
             from mailbox m join exchange e on e.id = m.exchange
            where m.recipient = $1 and m.position > $2 order by m.position limit $3""",
        recipient,
        after,
        limit,
    )
    return [Queued(*row) for row in rows]


async def pass_gate_of(connection: Connection, exchanges: Sequence[UUID]) -> None:
    """The gate for everyone whom these exchanges concern, in a statement of its own."""
    await connection.execute(
        """select 1 from subject
            where id in (select subject from part where exchange = any($1))
            order by id for share""",
        exchanges,
    )


async def hold_received(connection: Connection, exchanges: Sequence[UUID]) -> None:
    """Keep the content of what was received for as long as it is handed over once more.

    Behind the gate, and in the order in which everybody takes exchanges; whoever clears what has
    expired passes it over, or was first, and then nothing of it is found.
    """
    await connection.execute(
        "select 1 from exchange where id = any($1) and state = $2 order by id for share",
        exchanges,
        DONE,
    )


async def open_parts(connection: Connection, exchanges: Sequence[UUID]) -> list[StoredPart]:
    """The parts of those that wait, or were received and are kept: as both are behind the gate.

    One may have been received, or cleared, since its row was read. Of what was received, only what
    nobody left since: it is not as its recipient got it.
    """
    rows = await connection.fetch(
        """select p.exchange, p.member, p.subject, p.box, s.kek_epoch, s.wrapped,
                  s.gate = p.gate, p.gate = -2
             from exchange e, lateral (select * from part where exchange = e.id offset 0) p, lateral
                  (select kek_epoch, wrapped, gate from subject where id = p.subject offset 0) s
            where e.id = any($1)
              and (e.state = $2
                   or e.state = $3
                      and not exists (select from correction c where c.about = e.id
                                         and c.kind = 'lid-vertrokken'))
            order by p.exchange, p.member""",
        exchanges,
        WAITING,
        DONE,
    )
    return [StoredPart(*row) for row in rows]


async def stored_parts(connection: Connection, exchanges: Sequence[UUID]) -> list[StoredPart]:
    """The sealed parts of these exchanges as they are behind the gate, members in order."""
    rows = await connection.fetch(
        """select p.exchange, p.member, p.subject, p.box, s.kek_epoch, s.wrapped,
                  s.gate = p.gate, p.gate = -2
             from part p, lateral
                  (select kek_epoch, wrapped, gate from subject where id = p.subject offset 0) s
            where p.exchange = any($1) order by p.exchange, p.member""",
        exchanges,
    )
    return [StoredPart(*row) for row in rows]


async def mark_released(connection: Connection, recipient: str, positions: Sequence[int]) -> None:
    """Note a hand-over of these positions, each time it happens, at this very moment."""
    await connection.execute(
        """update mailbox set released_at = clock_timestamp(), releases = releases + 1
            where recipient = $1 and position = any($2)""",
        recipient,
        positions,
    )


async def unmark_released(connection: Connection, recipient: str, positions: Sequence[int]) -> None:
    """Undo the newest note of these: what was taken back in time was not handed over by it."""
    await connection.execute(
        """update mailbox set releases = releases - 1,
                  released_at = case when releases > 1 then released_at end
            where recipient = $1 and position = any($2)""",
        recipient,
        positions,
    )


async def still_waiting(connection: Connection, exchanges: Sequence[UUID]) -> set[UUID]:
    """Those of these exchanges that wait, locked in order, as whoever acknowledges takes them.

    Two pages that find the same message forbidden wait for each other here; the second finds it
    taken out, with its entry.
    """
    rows = await connection.fetch(
        "select id from exchange where id = any($1) and state = $2 order by id for update",
        exchanges,
        WAITING,
    )
    return {row[0] for row in rows}


async def purge_exchanges(connection: Connection, exchanges: Sequence[UUID]) -> None:
    """Remove the content of exchanges that may not go any more; their positions stay.

    Their rows are taken in order first, as whoever acknowledges them takes them.
    """
    await connection.execute(
        "select 1 from exchange where id = any($1) order by id for update", exchanges
    )
    await drop_parts(connection, exchanges)
    await connection.execute("delete from held where exchange = any($1)", exchanges)
    await connection.execute("update exchange set state = $2 where id = any($1)", exchanges, PURGED)


async def drop_parts(connection: Connection, exchanges: Sequence[UUID]) -> None:
    """Remove content; of what was handed over it stays known whom it concerned."""
    await connection.execute(
        f"""with gone as (delete from part where exchange = any($1)
                          returning exchange, member, subject)
            {_KEEP_DISCLOSURES}""",
        exchanges,
    )


# In one statement with the removal, so that whoever looks for a person's disclosures finds either.
# A notice discloses nothing of anybody that its recipient did not have.
_KEEP_DISCLOSURES = """insert into disclosure (subject, exchange, member, released_at)
           select gone.subject, gone.exchange, gone.member, m.released_at
             from gone join mailbox m on m.exchange = gone.exchange
             join exchange e on e.id = gone.exchange
            where m.released_at is not null and e.kind <> 4
           on conflict (subject, exchange) do nothing"""


async def set_aside(connection: Connection, exchanges: Sequence[UUID]) -> None:
    """Take damaged exchanges out of the mailbox; what is left of their content stays."""
    await connection.execute("update exchange set state = $2 where id = any($1)", exchanges, PURGED)


async def drop_members(connection: Connection, members: Sequence[tuple[UUID, int]]) -> None:
    """Remove the parts of members who no longer agree; the rest of the message stays.

    What stays is no longer as it was decided, so that every later release works it over again.
    """
    await connection.execute(
        "update part set gate = -1 where exchange = any($1)", [one for one, _ in members]
    )
    await connection.execute(
        f"""with gone as (
                delete from part using unnest($1::uuid[], $2::smallint[]) lost (exchange, member)
                 where part.exchange = lost.exchange and part.member = lost.member
                returning part.exchange, part.member, part.subject)
            {_KEEP_DISCLOSURES}""",
        [exchange for exchange, _ in members],
        [member for _, member in members],
    )


async def lock_unacknowledged(connection: Connection, recipient: str, up_to: int) -> None:
    """Take what is to be acknowledged, before its mailbox: the order of every writer.

    A withdrawal holds messages while it queues their recall; the other way round each of the two
    would wait for the other.
    """
    await connection.execute(
        """select 1 from exchange
            where id in (select exchange from mailbox
                          where recipient = $1 and position <= $2 and acknowledged_at is null
                            and position > (select acknowledged from mailbox_head
                                             where recipient = $1))
            order by id for update""",
        recipient,
        up_to,
    )


async def lock_mailbox(connection: Connection, recipient: str) -> tuple[int, int] | None:
    """Take a mailbox for acknowledging; gives its last acknowledged position, and its last."""
    row = await connection.fetchrow(
        "select acknowledged, last_position from mailbox_head where recipient = $1 for update",
        recipient,
    )
    return None if row is None else (row[0], row[1])


async def first_not_released(
    connection: Connection, recipient: str, after: int, up_to: int
) -> int | None:
    """The first position in a range that was never handed over and still could be."""
    return await connection.fetchval(  # type: ignore[no-any-return]  # a bigint, or None
        """select min(m.position) from mailbox m join exchange e on e.id = m.exchange
            where m.recipient = $1 and m.position > $2 and m.position <= $3
              and m.released_at is null and e.state = $4""",
        recipient,
        after,
        up_to,
        WAITING,
    )


async def acknowledge(
    connection: Connection, recipient: str, after: int, up_to: int
) -> list[Queued]:
    """Mark a range as received; gives what was newly acknowledged."""
    rows = await connection.fetch(
        """with received as (
               update mailbox set acknowledged_at = now()
                where recipient = $1 and position > $2 and position <= $3
                  and released_at is not null and acknowledged_at is null
               returning position, exchange),
           done as (
               update exchange e set state = $4 from received r
                where e.id = r.exchange and e.state = $5
               returning r.position, e.id, e.kind, e.state, e.flow, e.sender, e.protocol,
                         e.received_at, e.owner, e.rule, e.is_protected, e.usable_until,
                         e.ground)
           select * from done order by position""",
        recipient,
        after,
        up_to,
        DONE,
        WAITING,
    )
    await connection.execute(
        """update mailbox_head set acknowledged = $2
            where recipient = $1 and acknowledged < $2""",
        recipient,
        up_to,
    )
    return [Queued(*row) for row in rows]


async def keep_for(connection: Connection, exchanges: Sequence[UUID], days: int) -> None:
    """Set when the content of received exchanges goes: so many days after receipt."""
    await connection.execute(
        "update exchange set expires_at = now() + make_interval(days => $2) where id = any($1)",
        exchanges,
        days,
    )


async def concerned(connection: Connection, exchanges: Sequence[UUID]) -> list[Concerned]:
    """Everyone whom these exchanges concern."""
    rows = await connection.fetch(
        """select p.exchange, p.subject, s.kek_epoch, s.wrapped
             from part p, lateral
                  (select kek_epoch, wrapped, gate from subject where id = p.subject offset 0) s
            where p.exchange = any($1) order by p.exchange, p.member""",
        exchanges,
    )
    return [Concerned(*row) for row in rows]


async def last_position(connection: Connection, recipient: str) -> int:
    """The position of the newest message in a mailbox; 0 when there is none."""
    position = await connection.fetchval(
        "select last_position from mailbox_head where recipient = $1", recipient
    )
    return 0 if position is None else int(position)


async def era_of_positions(connection: Connection) -> str:
    """Since which recovery positions stand for what they do; empty where there never was one.

    What came after the backup is forgotten, and its positions are given out again. The volume that
    a recovery opens says that there was one: no other bears a number beside its year.
    """
    era = await connection.fetchval(
        """select name from log_head where series = $1 and name like '%-%'
            order by log desc limit 1""",
        VERWERKINGEN,
    )
    return "" if era is None else str(era)
