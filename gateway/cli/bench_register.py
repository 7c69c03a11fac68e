"""A consent register of many households in a PostgreSQL of its own, for `sluis bench decide`.

It is asked by the very functions that a deciding transaction asks it by; the database's client
counts the statements. Persons are random ids, and their keys open nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from uuid import UUID

import asyncpg

from gateway.bench.decide import Found
from gateway.bench.subjects import Database
from gateway.store.groups import (
    CONSENT_COLUMNS,
    STATEMENT_COLUMNS,
    Connection,
    NewSubject,
    admit_subjects,
    pass_gate,
    stored_keys,
)
from gateway.store.ids import new_id
from gateway.store.migrate import migrate
from gateway.store.register import stored_consents, stored_statements

MEMBERS = 3
_CHUNK = 20_000
_OF_PERSONS = ("from subject", "from consent_event", "from authority_statement")


class Register:
    """A register in PostgreSQL, asked as a deciding transaction asks it."""

    def __init__(
        self, connection: Connection, roots: Sequence[int], homes: Sequence[Sequence[UUID]]
    ) -> None:
        self.roots = roots
        self._connection = connection
        self._homes = homes
        self._random = Random(1)  # noqa: S311  # nothing of it is a secret

    async def find(self, households: int) -> Found:
        """Everybody of so many households, chosen at random, in one transaction."""
        asked: list[str] = []
        homes = self._random.choices(self._homes, k=households)
        members = sorted({member for home in homes for member in home})
        connection = self._connection
        with connection.query_logger(lambda record: asked.append(record.query)):
            async with connection.transaction():
                await pass_gate(connection, members)
                await stored_keys(connection, members)
                consents = await stored_consents(connection, members)
                await stored_statements(connection, members)
        own = [query for query in asked if any(table in query for table in _OF_PERSONS)]
        return Found(
            len(members),
            len({subject for subject, _ in consents}),
            len(own),
            sum("from consent_event" in query for query in own),
        )


@asynccontextmanager
async def open_register(
    database: Callable[[Path], AbstractAsyncContextManager[Database]],
    told: Callable[[str, int, int | None], None],
    folder: Path,
    households: int,
) -> AsyncIterator[Register]:
    """A register of so many households, in this folder; gone afterwards."""
    async with database(folder) as empty:
        await migrate(empty.url)
        connection = await asyncpg.connect(empty.url.replace("+asyncpg", "", 1))
        try:
            homes: list[list[UUID]] = []
            while len(homes) < households:
                told("Filling the register", len(homes), households)
                homes += await _fill(connection, min(_CHUNK, households - len(homes)))
            yield Register(connection, [empty.pid], homes)
        finally:
            await connection.close()


async def _fill(connection: Connection, households: int) -> list[list[UUID]]:
    """So many households of two adults and a child, who all agreed."""
    homes = [[new_id() for _ in range(MEMBERS)] for _ in range(households)]
    at, as_of = datetime(2026, 1, 9, tzinfo=UTC), date(2026, 1, 5)
    subjects, consents, statements = [], [], []
    for one, other, child in homes:
        for member, by, decider in (
            (one, "betrokkene", None),
            (other, "betrokkene", None),
            (child, "ouder", one),
        ):
            subjects.append(NewSubject(member, 1, bytes(60), bytes(45)))
            said = {
                "id": new_id(),
                "subject": member,
                "purpose": "toeleiding-wijkteam",
                "recipient": "casebook",
                "category": "*",
                "given": True,
                "decided_by": by,
                "decided_at": at,
                "recorded_for": "dwi",
                "decider": decider,
            }
            consents.append([said.get(column) for column in CONSENT_COLUMNS])
        statements.append((new_id(), child, "gezag", [one, other], "brp", as_of, "dwi"))
    async with connection.transaction():
        await admit_subjects(connection, {}, subjects)
        await connection.copy_records_to_table(
            "consent_event", records=consents, columns=CONSENT_COLUMNS
        )
        await connection.copy_records_to_table(
            "authority_statement", records=statements, columns=STATEMENT_COLUMNS
        )
    return homes
