"""The statements that take a person out of service, behind the exclusive side of the gate.

Whoever wrote something about the person held the gate while doing so, and so does whoever hands it
over: behind the exclusive side everything about them is committed and nothing of it is on its way
(invariant 2). The order of locks is the withdrawal's: gate, exchanges by id, heads last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from gateway.store.groups import DONE, HELD, WAITING, Connection


class Concerning(NamedTuple):
    """An exchange whose content is about the person, in whichever state it stands."""

    exchange: UUID
    kind: int
    state: int
    flow: str | None
    sender: str
    owner: UUID | None
    is_protected: bool


class HeldWhole(NamedTuple):
    """A held message, sealed as a whole under the key of whom it is about first."""

    exchange: UUID
    sealed: bytes
    subjects: list[UUID]


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


async def held_wholes(connection: Connection, exchanges: Sequence[UUID]) -> list[HeldWhole]:
    """The held messages among these exchanges."""
    if not exchanges:
        return []
    rows = await connection.fetch(
        "select exchange, sealed, subjects from held where exchange = any($1)", exchanges
    )
    return [HeldWhole(*row) for row in rows]


async def replace_held(connection: Connection, held: Sequence[HeldWhole]) -> None:
    """Put held messages that lost a member in the place of the whole ones."""
    await connection.executemany(
        "update held set sealed = $2, subjects = $3 where exchange = $1", held
    )


async def delete_subject(connection: Connection, subject: UUID) -> None:
    """Remove the handle and the wrapped data key: from the commit on, nobody finds or opens.

    What is left of any exchange about the person goes too, with what was looked up of who speaks
    for them, and to whom they were disclosed. Consent events stay until their date, under an id
    that leads nowhere.
    """
    for statement in _OF_THE_PERSON:
        await connection.execute(statement, subject)


_OF_THE_PERSON = (
    "delete from part where subject = $1",
    "delete from disclosure where subject = $1",
    "delete from authority_statement where subject = $1",
    "delete from restriction where subject = $1",
    "delete from subject where id = $1",
)
