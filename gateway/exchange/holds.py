"""What a sender may see of its own messages that wait for agreement: that they do, and until when.

Its own reference is opened for it and for nobody else; of whom it waits for nothing is said. The
cursor is bound to its partner, so that another's opens nothing.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from contextlib import suppress
from uuid import UUID

import asyncpg

from gateway.exchange.recording import bound_reference
from gateway.store.notices import HeldRow, held_of
from gateway.vault.boxes import CONTENT, SealBrokenError, Vault, WrappedKey
from schemas.decisions import Rule
from schemas.notices import HeldPage, HeldReferral

PAGE_LIMIT = 1000
_MAC_BYTES = 16
_PLACE = b"/aangehouden/"


class HoldCursorError(Exception):
    """The cursor is not one that this partner was given."""


class Holds:
    """Lists what is held, for whoever sent it."""

    def __init__(self, pool: asyncpg.Pool, vault: Vault, cursor_key: bytes) -> None:
        self._pool = pool
        self._vault = vault
        self._cursor_key = cursor_key

    async def page(self, sender: str, cursor: str | None, limit: int) -> HeldPage:
        """The next messages that wait, oldest first. Raises `HoldCursorError`."""
        after = None if cursor is None else self._place(sender, cursor)
        async with self._pool.acquire() as connection:
            rows = await held_of(connection, sender, after, limit + 1)
        shown = rows[:limit]
        return HeldPage(
            held=[self._told(row) for row in shown],
            cursor=self._cursor(sender, shown[-1].exchange) if len(rows) > limit else None,
        )

    def _told(self, row: HeldRow) -> HeldReferral:
        return HeldReferral(
            exchange_id=row.exchange,
            reference=self._reference(row),
            rule=Rule(row.rule),
            since=row.received_at,
            ends_at=row.expires_at,
        )

    def _reference(self, row: HeldRow) -> str | None:
        owner, sealed = row.owner, row.sealed_reference
        if owner is None or sealed is None or row.epoch is None or row.wrapped is None:
            return None
        # What is damaged keeps its line: that it waits is true all the same.
        with suppress(SealBrokenError):
            key = self._vault.unwrap(owner, CONTENT, WrappedKey(row.epoch, row.wrapped))
            return key.open(sealed, bound_reference(row.exchange.bytes)).decode("ascii")
        return None

    def _cursor(self, sender: str, exchange: UUID) -> str:
        mac = hmac.digest(self._cursor_key, sender.encode() + _PLACE + exchange.bytes, "sha256")
        return base64.urlsafe_b64encode(exchange.bytes + mac[:_MAC_BYTES]).decode("ascii")

    def _place(self, sender: str, cursor: str) -> UUID:
        try:
            raw = base64.urlsafe_b64decode(cursor.encode("ascii"))
        except (binascii.Error, UnicodeEncodeError):
            raise HoldCursorError("not a cursor") from None  # the cause quotes it
        if len(raw) != 16 + _MAC_BYTES:
            raise HoldCursorError("not a cursor")
        exchange = UUID(bytes=raw[:16])
        if not hmac.compare_digest(self._cursor(sender, exchange), cursor):
            raise HoldCursorError("not this partner's cursor")
        return exchange
