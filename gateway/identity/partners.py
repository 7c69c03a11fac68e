"""Who is a partner, in memory: read again within a quarter of a second of every change.

What is known is used for one second at most and then admits nobody until the database answers
again, so that a suspension works everywhere within that second (invariants 2 and 9). Deciding and
releasing do not lean on this: they read suspensions behind the rules lock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.identity.binding import CERTIFICATE_MEMBER
from gateway.identity.errors import IdentityUnavailableError
from gateway.identity.keys import UnacceptableKeyError, from_jwk
from gateway.identity.signed import Key
from gateway.store.away import DATABASE_AWAY
from gateway.store.partners import (
    StoredPartner,
    partners_with_generation,
    rules_generation,
)
from gateway.telemetry import Telemetry

REFRESH_SECONDS = 0.25
FRESH_SECONDS = 1.0
"""How long what was read may be relied on."""
_MISS_SECONDS = 0.1
_PATIENCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A partner's public key, ready to verify with. `expires_at`: seconds since 1970.

    `certificate`: the thumbprint of the one that it came in, if it came in one.
    """

    key: Key
    algorithm: str
    expires_at: float
    certificate: str | None = None


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner, as this process knows it."""

    id: str
    name: str
    oin: str
    adapter: str
    kind: str
    is_suspended: bool
    keys: Mapping[str, KnownKey]


@dataclass(frozen=True, slots=True)
class Book:
    """All partners of one generation; another generation is another book."""

    generation: int
    partners: Mapping[str, Partner]


_EMPTY = Book(0, {})


class PartnerDirectory:
    """The partners' book, kept fresh. `start` before use, `stop` at the end."""

    def __init__(
        self,
        engine: AsyncEngine,
        telemetry: Telemetry,
        *,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._telemetry = telemetry
        self._elapsed = elapsed
        self._book = _EMPTY
        self._fresh_until = float("-inf")
        self._asked_at = float("-inf")
        self._reading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the partners, then follow their changes. Raises `IdentityUnavailableError`."""
        await self.refresh()
        self._task = asyncio.create_task(self._follow())
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Follow no longer; within a second nobody is admitted any more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def book(self) -> Book:
        """The partners of now. Raises `IdentityUnavailableError` where that is not known."""
        if self._elapsed() > self._fresh_until:
            raise IdentityUnavailableError("the partners could not be read of late")
        return self._book

    async def refresh(self) -> None:
        """See at once what was changed. Raises `IdentityUnavailableError`.

        Whoever suspends a partner in this process calls it after the commit.
        """
        async with self._reading:
            await self._refresh()

    async def look_again(self) -> Book:
        """The book after a stranger came, read after this call; who asks too soon waits a little.

        However many strangers come, the database is asked ten times a second at most.
        """
        called_at = self._elapsed()
        await asyncio.sleep(max(0.0, self._asked_at + _MISS_SECONDS - called_at))
        async with self._reading:
            if self._asked_at <= called_at:
                await self._refresh()
        return self.book()

    async def _refresh(self) -> None:
        self._asked_at = self._elapsed()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._read()
        except DATABASE_AWAY as error:
            raise IdentityUnavailableError("the partners cannot be read") from error
        # Counted from before the question: a change after it may have been missed.
        self._fresh_until = self._asked_at + FRESH_SECONDS

    async def _read(self) -> None:
        is_read = self._book is not _EMPTY
        if is_read and await rules_generation(self._engine) == self._book.generation:
            return
        generation, stored = await partners_with_generation(self._engine)
        self._book = Book(generation, {one.id: self._partner(one) for one in stored})

    async def _follow(self) -> None:
        is_away = False
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self.refresh()
            except IdentityUnavailableError as error:
                if not is_away and error.__cause__ is not None:
                    self._telemetry.fault("partners-unreadable", error.__cause__)
                is_away = True
            else:
                is_away = False

    def _ended(self, task: asyncio.Task[None]) -> None:
        # A fault of ours must be seen: from here on nobody is admitted.
        if not task.cancelled() and (error := task.exception()) is not None:
            self._telemetry.fault("partners-not-followed", error)

    def _partner(self, stored: StoredPartner) -> Partner:
        keys: dict[str, KnownKey] = {}
        for one in stored.keys:
            if one.is_ended:
                continue
            try:
                public = from_jwk(one.jwk)
            except UnacceptableKeyError as error:
                # One bad row must not keep every other partner out.
                self._telemetry.fault("partner-key-unreadable", error, partner=stored.id)
                continue
            expires_at = one.expires_at.timestamp()
            keys[one.kid] = KnownKey(
                public.key, public.algorithm, expires_at, one.jwk.get(CERTIFICATE_MEMBER)
            )
        return Partner(
            id=stored.id,
            name=stored.name,
            oin=stored.oin,
            adapter=stored.adapter,
            kind=stored.kind,
            is_suspended=stored.is_suspended,
            keys=keys,
        )
