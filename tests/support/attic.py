"""What an attacker has who took everything: databases, files, and every key that still exists.

Each key is tried on every box that was ever stored. A scan that finds nothing proves nothing unless
it can find: a test plants leaks, or finds before what it may not find after.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from gateway.exchange.recording import bound_held, bound_reference, bound_to
from gateway.exchange.renewing import bound_evidence
from gateway.exchange.workoff import outcome_place, piece_place
from gateway.store.epochs import WRAPPED
from gateway.vault.boxes import DataKey, SealBrokenError, Vault, WrappedKey
from gateway.vault.keys import FileKeys
from tests.support.canary import Canary, Found, Net, files_under


@dataclass
class Attic:
    """All that an attacker has: databases, files, and every key that was not destroyed."""

    home: Path
    databases: dict[str, asyncpg.Connection | asyncpg.Pool]
    folders: list[Path]

    async def opened(self, *, tries_all: bool) -> AsyncIterator[tuple[str, bytes]]:
        """Whatever opens of anything sealed, with any key that can still be had.

        Unless it `tries_all`, without the keys of persons of whom no message ever came.
        """
        keys = await self._keys(tries_all=tries_all)
        for name, database in self.databases.items():
            async for where, box, place in boxes(database):
                for key in keys:
                    try:
                        yield f"{name}: {where}", key.open(box, place)
                    except SealBrokenError:
                        continue

    async def _keys(self, *, tries_all: bool) -> list[DataKey]:
        vault, found = Vault(FileKeys(self.home / "keys")), {}
        for database in self.databases.values():
            for table in WRAPPED:
                is_many = table.name == "subject" and not tries_all
                which = "facts is not null or handle is null" if is_many else "true"
                rows = await database.fetch(
                    f"select {table.owner}, kek_epoch, wrapped from {table.name} where {which}"  # noqa: S608  # names of tables of ours
                )
                for owner, epoch, wrapped in rows:
                    try:
                        key = vault.unwrap(owner, table.retention, WrappedKey(epoch, wrapped))
                    except SealBrokenError:
                        continue
                    # Also the other half, should anything be sealed under it.
                    found[key.material] = key
                    found[key.commitments] = DataKey(key.commitments)
        return list(found.values())

    async def scan(self, canaries: Iterable[Canary], *, tries_all: bool = False) -> list[Found]:
        """Every canary in what opens."""
        net = Net(canaries)
        return [
            one
            async for where, content in self.opened(tries_all=tries_all)
            for one in net.search(where, content)
        ]

    def scan_files(self, canaries: Iterable[Canary], *folders: Path) -> list[Found]:
        """Every canary in the files as they lie there: of these folders, or of all."""
        net = Net(canaries)
        return [
            one
            for name, content in files_under(*(folders or self.folders))
            for one in net.search(name, content)
        ]


async def boxes(
    database: asyncpg.Connection | asyncpg.Pool,
) -> AsyncIterator[tuple[str, bytes, bytes]]:
    for exchange, number, box in await database.fetch("select exchange, member, box from part"):
        yield "part", box, bound_to(exchange.bytes, number)
    for exchange, box in await database.fetch("select exchange, sealed from held"):
        yield "held", box, bound_held(exchange.bytes)
    for subject, box in await database.fetch(
        "select id, facts from subject where facts is not null"
    ):
        yield "facts", box, subject.bytes + b"feiten"
    for exchange, box in await database.fetch(
        "select id, sealed_reference from exchange where sealed_reference is not null"
    ):
        yield "reference", box, bound_reference(exchange.bytes)
    for consent, box in await database.fetch(
        "select id, evidence from consent_event where evidence is not null"
    ):
        yield "evidence", box, bound_evidence(consent.bytes)
    for delivery, first, box in await database.fetch(
        "select delivery, first_record, sealed from delivery_outcome"
    ):
        yield "outcome", box, outcome_place(delivery, first)
    for delivery, number, box in await database.fetch(
        "select delivery, number, sealed from delivery_chunk"
    ):
        yield "piece", box, piece_place(delivery, number)
