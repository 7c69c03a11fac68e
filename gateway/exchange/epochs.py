"""Key epochs: live data keys move along each week, and an old epoch's key is destroyed in time.

Deleting a row leaves its bytes in the write-ahead log, in replicas and in backups; what makes them
unreadable there is that the key under which its data key was wrapped is gone (invariant 10). So
every data key that lives is re-wrapped when a new epoch begins, and the old epoch's key goes one
backup term after the last row left it, with an entry. A crash at any point leaves every row open:
it names the epoch that it is wrapped under, and no key goes while a row names it.

Of several processes one does the work, by a lease; each lets go of destroyed keys in its memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from gateway.audit.access import new_trace
from gateway.audit.entries import EntryHead, Event, RuleFacts, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.repeating import Repeated
from gateway.exchange.rules import UNKNOWN_ACTIVITY
from gateway.store import epochs as store
from gateway.store.epochs import WRAPPED, StoredEpoch, Wrapped, WrappedTable
from gateway.store.groups import VERWERKINGEN, Connection, Leaf, append_leaves
from gateway.store.ids import new_id
from gateway.store.lease import take_lease
from gateway.telemetry import Telemetry
from gateway.vault.boxes import SealBrokenError, Vault, WrappedKey
from gateway.vault.keys import KeyProvider, epoch_ends, epoch_of

AT_ONCE = 500
EVERY_SECONDS = 300.0
LEASE, LEASE_SECONDS = "sleutels", 900.0
SWEEP_EVERY = timedelta(hours=6)
MOVED_WITHIN = timedelta(days=1)
"""How long after the end of an epoch its rows are moved at the latest, in a gateway that runs."""
_FIRST = UUID(int=0)


class EpochInUseError(Exception):
    """Something is still wrapped under this epoch's key; the message says what."""


class NotYetError(Exception):
    """The backup term of this epoch is not over; the message says when it is."""


class Moved(NamedTuple):
    """One batch: of which table, how many keys moved, and how many could not be opened."""

    table: str
    moved: int
    damaged: int


class EpochState(NamedTuple):
    """One epoch as an operator may see it. `due_at` is when its key can be destroyed."""

    epoch: int
    ends_at: datetime
    is_current: bool
    rows: dict[str, int]
    emptied_at: datetime | None
    due_at: datetime | None
    is_destroyed: bool


def backups_until(now: datetime, backup_term: timedelta) -> datetime:
    """When what was erased now opens in no backup either.

    Its key was wrapped under the epoch under way, which ends first; then live keys are moved, and
    then the term runs. The journal keeps its line of this day so long as well.
    """
    return epoch_ends(epoch_of(now)) + MOVED_WITHIN + backup_term


async def rewrap(
    connection: Connection, vault: Vault, epoch: int, *, at_once: int = AT_ONCE
) -> AsyncIterator[Moved]:
    """Move every data key of older epochs to this one, a transaction a batch."""
    for table in WRAPPED:
        after = _FIRST
        while True:
            async with connection.transaction():
                rows = await store.lock_older(connection, table, epoch, after, at_once)
                moved = list(_rewrapped(vault, table, rows, epoch))
                await store.put_wrapped(connection, table, moved)
            if not rows:
                break
            after = rows[-1].owner
            yield Moved(table.name, len(moved), len(rows) - len(moved))


def _rewrapped(vault: Vault, table: WrappedTable, rows: list[Wrapped], epoch: int) -> list[Wrapped]:
    moved = []
    for row in rows:
        try:
            key = WrappedKey(row.epoch, row.wrapped)
            moved.append(Wrapped(row.owner, *vault.rewrap(row.owner, table.retention, key, epoch)))
        except SealBrokenError:
            continue  # what is damaged stays as it is, and keeps its epoch's key
    return moved


async def look(
    connection: Connection, keys: KeyProvider, now: datetime, backup_term: timedelta
) -> list[EpochState]:
    """Every epoch that is known or in use, oldest first; notes which have no use any more."""
    current = epoch_of(now)
    used, kept = await store.in_use(connection), keys.epochs()
    known = await store.stored_epochs(connection)
    older = sorted(epoch for epoch in {*used, *kept, *known} if epoch < current)
    await store.note_emptied(connection, {one: one not in used for one in older}, now)
    known = await store.stored_epochs(connection)
    return [
        _state(epoch, current, used.get(epoch, {}), known.get(epoch), backup_term)
        for epoch in [*older, current]
    ]


def _state(
    epoch: int,
    current: int,
    rows: dict[str, int],
    known: StoredEpoch | None,
    backup_term: timedelta,
) -> EpochState:
    emptied = None if known is None else known.emptied_at
    is_destroyed = known is not None and known.destroyed_at is not None
    due = None if emptied is None or is_destroyed else emptied + backup_term
    return EpochState(epoch, epoch_ends(epoch), epoch == current, rows, emptied, due, is_destroyed)


async def destroy(
    connection: Connection,
    keys: KeyProvider,
    vault: Vault,
    epoch: int,
    now: datetime,
    backup_term: timedelta,
    *,
    is_early: bool = False,
) -> UUID | None:
    """Destroy the key of an epoch that has no use; gives its entry, None where it was done before.

    `is_early`: before the backup term is over, so that backups of that time cannot be put back.
    Raises `EpochInUseError`, `NotYetError` or `CannotDestroyError`; then nothing was done.
    """
    async with connection.transaction():
        known = await store.lock_epoch(connection, epoch)
        if known is not None and known.destroyed_at is not None:
            keys.destroy(epoch)  # a key that came back with a backup of the keys goes again
            vault.forget(epoch)
            return None
        if known is None or known.emptied_at is None or await store.uses(connection, epoch):
            raise EpochInUseError(f"epoch {epoch} is in use")
        due = known.emptied_at + backup_term
        if now < due and not is_early:
            raise NotYetError(f"backups that need it may exist until {due:%Y-%m-%d %H:%M} UTC")
        entry_id, leaf = _entry(epoch, known.emptied_at, now, is_early=is_early)
        await store.note_destroyed(connection, epoch, now, entry_id)
        # The key goes before the commit: an entry of a key that still exists must not be. A crash
        # between the two leaves the row as it was, and the next call does it again.
        keys.destroy(epoch)
        await append_leaves(connection, VERWERKINGEN, [leaf])
    vault.forget(epoch)
    return entry_id


def _entry(epoch: int, last_use: datetime, now: datetime, *, is_early: bool) -> tuple[UUID, Leaf]:
    entry_id, millis = new_id(), int(now.timestamp() * 1000)
    facts = RuleFacts(
        flow=None, activity=UNKNOWN_ACTIVITY, protocol_version="", protocol_digest=b"", locks={}
    )
    details: dict[str, object] = {
        "epoch": epoch,
        "isEarly": is_early,
        "lastUse": int(last_use.timestamp() * 1000),
    }
    head = EntryHead(entry_id, Event.KEY_DESTROYED, new_trace(), None, millis, millis)
    entry = write_entry(head, facts, [], details)
    return entry_id, Leaf(leaf_hash(entry), entry, [])


class KeyEpochs(Repeated):
    """Moves data keys along and destroys old epochs' keys, for as long as it runs."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        keys: KeyProvider,
        vault: Vault,
        clock: Callable[[], datetime],
        telemetry: Telemetry,
        backup_term: timedelta,
        *,
        at_once: int = AT_ONCE,
        every: float = EVERY_SECONDS,
    ) -> None:
        super().__init__("key-epochs-wait", telemetry, every)
        self._pool = pool
        self._keys = keys
        self._vault = vault
        self._clock = clock
        self._telemetry = telemetry
        self._backup_term = backup_term
        self._at_once = at_once
        self._holder = new_id()
        self._swept: datetime | None = None

    async def turn(self) -> bool:
        """One look at everything; never twice without a pause."""
        await self.pass_once()
        return False

    async def pass_once(self) -> bool:
        """Move what is older, and destroy what is due; False where another process does it."""
        async with self._pool.acquire() as connection:
            known = await store.stored_epochs(connection)
            for epoch in self._vault.remembered:
                if epoch in known and known[epoch].destroyed_at is not None:
                    self._vault.forget(epoch)
            if await take_lease(connection, LEASE, self._holder, LEASE_SECONDS) is None:
                return False
            now = self._clock()
            if self._must_sweep(now):
                await self._sweep(connection, now)
            if self._keys.can_destroy:
                await self._destroy_due(connection, now)
        return True

    def _must_sweep(self, now: datetime) -> bool:
        """When a new epoch began, and now and then: a sweep reads every row that has a key."""
        last = self._swept
        return last is None or epoch_of(now) != epoch_of(last) or now - last >= SWEEP_EVERY

    async def _sweep(self, connection: Connection, now: datetime) -> None:
        moved = damaged = 0
        async for batch in rewrap(connection, self._vault, epoch_of(now), at_once=self._at_once):
            moved += batch.moved
            damaged += batch.damaged
        if moved:
            self._telemetry.log("keys-moved", count=moved)
        if damaged:
            self._telemetry.log("keys-damaged", count=damaged)
        await look(connection, self._keys, now, self._backup_term)
        # What was locked by somebody meanwhile is left for the next look, soon.
        self._swept = None if moved else now

    async def _destroy_due(self, connection: Connection, now: datetime) -> None:
        for one in (await store.stored_epochs(connection)).values():
            if one.emptied_at is None or one.destroyed_at is not None:
                continue
            if one.emptied_at + self._backup_term > now:
                continue
            try:
                await destroy(
                    connection, self._keys, self._vault, one.epoch, now, self._backup_term
                )
            except EpochInUseError:
                continue  # a backup was put back: the next sweep moves what is in it
            self._telemetry.log("epoch-key-destroyed", count=one.epoch)
