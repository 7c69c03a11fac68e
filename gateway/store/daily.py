"""A pass over all persons that is made once a day, in steps that each commit (see `birthdays`).

The row of the pass is locked for a step, so that of two replicas one works and the other finds it
done; after a crash the pass goes on where it was.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import Connection

_FIRST = UUID(int=0)


class DailyStep(NamedTuple):
    """A step to be made: for which day, since which day nothing was done, and after whom."""

    since: date
    after: UUID


async def begin_step(connection: Connection, name: str, today: date) -> DailyStep | None:
    """Take the pass for one step; None when today is done, or another replica is at it."""
    row = await connection.fetchrow(
        """select done_for, working_on, after from daily_pass
            where name = $1 and done_for < $2 for update skip locked""",
        name,
        today,
    )
    if row is None:
        return None
    is_begun = row["working_on"] == today and row["after"] is not None
    return DailyStep(row["done_for"], row["after"] if is_begun else _FIRST)


async def end_step(connection: Connection, name: str, today: date, after: UUID | None) -> None:
    """Note how far the pass is; with nobody named, today is done."""
    if after is None:
        await connection.execute(
            """update daily_pass set done_for = $2, working_on = null, after = null
                where name = $1""",
            name,
            today,
        )
    else:
        await connection.execute(
            "update daily_pass set working_on = $2, after = $3 where name = $1", name, today, after
        )


async def persons_who_agreed(connection: Connection, after: UUID, limit: int) -> list[UUID]:
    """The next persons of known birth date of whom some agreement was recorded, by id."""
    rows = await connection.fetch(
        """select s.id from subject s
            where s.id > $1 and s.facts is not null
              and exists (select from consent_event c where c.subject = s.id and c.given)
            order by s.id limit $2""",
        after,
        limit,
    )
    return [row[0] for row in rows]


async def raise_gates(connection: Connection, subjects: list[UUID]) -> None:
    """Let every message about these persons be looked at again at its release."""
    await connection.execute("update subject set gate = gate + 1 where id = any($1)", subjects)
