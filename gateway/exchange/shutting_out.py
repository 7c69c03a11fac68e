"""Shutting a partner out: at once, and so that a backup that is put back does not let it in again.

A suspension, and the end of a key in wrong hands, has a line in the journal before its commit, as
all that narrows (ADR 0019). Unlike the rest it is done also where the journal cannot be written:
to let a thief go on is worse than to have to say it again after a restore. Whoever asked is told.

The line of a resumption comes after its commit, with a moment from inside the transaction: a crash
between them leaves a suspension too many, and one that was made after it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.exchange import narrowing
from gateway.store import partners as store
from gateway.vault.journal import Journal
from gateway.vault.journal_folder import JournalUnavailableError


class Done(NamedTuple):
    """Whether that was a change, and whether a recovery will know it."""

    is_change: bool
    is_kept: bool


class ShuttingOut:
    """Suspends, resumes and ends keys; without a journal it keeps no line."""

    def __init__(
        self, journal: Journal | None, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._journal = journal
        self._clock = clock

    async def suspend(self, engine: AsyncEngine, partner: str) -> Done:
        """Let nothing pass to or from a partner. Raises `UnknownPartnerError`."""
        kept: list[bool] = []

        async def keep() -> None:
            kept.append(await self._keep(narrowing.suspended(partner, self._clock())))

        return Done(await store.suspend_partner(engine, partner, keep), all(kept))

    async def resume(self, engine: AsyncEngine, partner: str) -> Done:
        """End a suspension. Raises `UnknownPartnerError`."""
        moments: list[datetime] = []

        async def note() -> None:
            moments.append(self._clock())

        is_change = await store.resume_partner(engine, partner, note)
        return Done(is_change, await self._keep(narrowing.resumed(partner, moments[-1])))

    async def end_key(self, engine: AsyncEngine, partner: str, kid: str) -> Done:
        """Let a key count no longer. Raises `UnknownPartnerError` or `UnknownKeyError`."""
        kept: list[bool] = []

        async def keep(kids: Sequence[str]) -> None:
            kept.append(await self._keep(narrowing.keys_ended(partner, kids, self._clock())))

        return Done(await store.end_key(engine, partner, kid, keep), all(kept))

    async def _keep(self, line: narrowing.Line) -> bool:
        if self._journal is None:
            return False
        try:
            await self._journal.write([line])
        except JournalUnavailableError:
            return False
        return True
