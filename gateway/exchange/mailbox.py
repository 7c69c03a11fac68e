"""Stages 9 and 10: a recipient pulls and acknowledges (postvak).

Each page is one release transaction: behind the gate, every message's Permit is looked at again,
an entry a message records the hand-over, and only after the commit does the first byte leave
(invariant 2). A second pull is a new disclosure with entries of its own. A release lapses when
sending has not begun in time; then nothing is sent and the release is recorded as taken back.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg

from gateway.audit.entries import (
    Event,
    Trace,
)
from gateway.exchange.deciding import LoadBook, deciding
from gateway.exchange.mapping import (
    KEPT_DAYS,
    alone,
    goes_alone,
    hand_over,
    is_mapping,
    receipts,
)
from gateway.exchange.persons import read_persons
from gateway.exchange.recording import NOTICE, REFERRAL
from gateway.exchange.registrations import that_count
from gateway.exchange.release import MailboxTools, Release, Released, event_entry
from gateway.exchange.rules import RuleBook
from gateway.identity.encryption import EncryptionKey, encryption_key
from gateway.store.endpoints import read_endpoint
from gateway.store.groups import (
    BESCHERMD,
    DONE,
    TOEGANG_BESCHERMD,
    VERWERKINGEN,
    WAITING,
    Connection,
    Leaf,
    append_leaves,
)
from gateway.store.mailbox import (
    Queued,
    StoredPart,
    acknowledge,
    acknowledged_up_to,
    concerned,
    drop_members,
    era_of_positions,
    first_not_released,
    hold_received,
    keep_for,
    last_position,
    lock_mailbox,
    lock_unacknowledged,
    mark_released,
    open_parts,
    pass_gate_of,
    purge_exchanges,
    queued,
    set_aside,
    still_waiting,
    unmark_released,
)
from gateway.store.mapping import pass_gate_of_pairs
from gateway.store.notices import restricted
from gateway.store.registrations import known_to
from gateway.vault.boxes import CONTENT, DataKey, WrappedKey

CURSOR_MAC_BYTES = 16
PAGE_LIMIT = 1000


class CursorError(Exception):
    """The cursor is not this recipient's, from before a recovery, or past the mailbox's end."""


class NotReleasedError(Exception):
    """An acknowledgement reaches past what was handed over."""


class SealedError(Exception):
    """What this recipient gets leaves sealed for its key, which the asked form cannot hold."""


class ReleaseLapsedError(Exception):
    """The page was released but not sent in time; it was taken back and can be pulled again."""


class Page(NamedTuple):
    """One release: what leaves, up to where, and when it was released (monotonic seconds).

    `end` is the position up to which it goes: whoever waits for more waits for what lies past it.
    """

    recipient: str
    messages: list[Released]
    cursor: str
    has_more: bool
    released_at: float
    end: int = 0


class Mailbox:
    """Releases and acknowledges."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        load_book: LoadBook,
        tools: MailboxTools,
    ) -> None:
        self._pool = pool
        self._load_book = load_book
        self._tools = tools

    async def page(
        self,
        recipient: str,
        cursor: str | None,
        limit: int,
        trace: Trace,
        access: Leaf | None = None,
        *,
        must_be_open: bool = False,
    ) -> Page:
        """9. Release the next page. Raises `CursorError` for a cursor of somebody else.

        With `must_be_open` raises `SealedError` where the recipient's key seals what it gets.
        `access` is the access log's entry, which is written if anything is handed over.
        """
        async with deciding(self._pool, self._load_book) as (connection, book):
            era = await era_of_positions(connection)
            after = None if cursor is None else self._position(recipient, cursor, era)
            if must_be_open and await _sealing(connection, recipient) is not None:
                raise SealedError("this recipient's data leave sealed")
            if after is None:
                after = await acknowledged_up_to(connection, recipient)
            rows = await queued(connection, recipient, after, limit)
            is_suspended = recipient in book.suspended
            rows = _up_to_notice(rows) if is_suspended else alone(rows)
            released_at, messages = await self._release(
                connection, recipient, rows, book, trace, access
            )
            newest = await last_position(connection, recipient)
            end = rows[-1].position if rows else after
            if end > newest:
                raise CursorError("past the end")  # as in `acknowledge`
        has_more = end < newest and not is_suspended
        cursor = self._cursor(recipient, end, era)
        return Page(recipient, messages, cursor, has_more, released_at, end)

    async def check_fresh(self, page: Page, trace: Trace) -> None:
        """Just before the first byte: a release that lapsed is taken back, and nothing is sent."""
        is_fresh = time.monotonic() - page.released_at <= self._tools.lapse_seconds
        # Tombstones hand nothing over, so there is nothing of them to take back.
        released = {message.exchange for message in page.messages if message.data is not None}
        if is_fresh or not released:
            return
        await self._take_back(page, released, trace)
        raise ReleaseLapsedError("released too long ago")

    async def acknowledge(
        self, recipient: str, cursor: str, trace: Trace, access: Leaf | None = None
    ) -> int:
        """10. Record receipt of everything up to a cursor; gives how many were new.

        `access` is the access log's entry, which is written if anything is acknowledged. Raises
        `CursorError`, or `NotReleasedError` for positions never handed over.
        """
        async with deciding(self._pool, self._load_book) as (connection, book):
            up_to = self._position(recipient, cursor, await era_of_positions(connection))
            return await self._acknowledge(connection, recipient, up_to, book, trace, access)

    async def _acknowledge(
        self,
        connection: Connection,
        recipient: str,
        up_to: int,
        book: RuleBook,
        trace: Trace,
        access: Leaf | None,
    ) -> int:
        await lock_unacknowledged(connection, recipient, up_to)
        found = await lock_mailbox(connection, recipient)
        if found is None:
            raise CursorError("no mailbox")
        before, last = found
        # Given before an older database was put back: what will stand there is not this.
        if up_to > last:
            raise CursorError("past the end")
        if await first_not_released(connection, recipient, before, up_to) is not None:
            raise NotReleasedError("acknowledged before it was handed over")
        rows = await acknowledge(connection, recipient, before, up_to)
        await self._record_receipt(connection, rows, book, trace, access)
        return len(rows)

    async def _record_receipt(
        self,
        connection: Connection,
        rows: Sequence[Queued],
        book: RuleBook,
        trace: Trace,
        access: Leaf | None,
    ) -> None:
        """Say when the content of what was received goes, and write its entries; heads last."""
        leaves = await self._receipts(connection, rows, book, trace)
        for flow, exchanges in _by_flow(rows).items():
            # A flow that the protocol no longer has keeps nothing for anybody.
            kept = book.flows[flow].flow.retention.after_receipt_days if flow in book.flows else 0
            await keep_for(connection, exchanges, kept)
        mappings = [row.exchange for row in rows if is_mapping(row)]
        await keep_for(connection, mappings, KEPT_DAYS)
        await append_leaves(connection, VERWERKINGEN, [*leaves, *_accessed(leaves, access)])

    async def _release(
        self,
        connection: Connection,
        recipient: str,
        rows: Sequence[Queued],
        book: RuleBook,
        trace: Trace,
        access: Leaf | None,
    ) -> tuple[float, list[Released]]:
        waiting = [row.exchange for row in rows if row.state == WAITING]
        if rows and goes_alone(rows[0]):
            return await self._map(connection, recipient, rows[0], book, trace, access)
        again = [row.exchange for row in rows if row.state == DONE]
        by_exchange = await self._opened_again(connection, [*waiting, *again], again)
        today = book.protocol.digest
        older = {row.exchange for row in rows if row.protocol != today}
        stale = [
            exchange
            for exchange, parts in by_exchange.items()
            if exchange in older or not all(part.is_current for part in parts)
        ]
        changed = list({part.subject for exchange in stale for part in by_exchange[exchange]})
        vault = self._tools.vault
        persons = await read_persons(connection, changed, vault, skips_damaged=True)
        barred = await restricted(connection, changed)
        sealing = await _sealing(connection, recipient)
        asked = _asked_whether_known(rows, by_exchange, book)
        now = self._tools.clock()
        known = await known_to(connection, recipient, asked, now)
        known = await that_count(connection, book, recipient, known, now)
        release = Release(
            book, self._tools, trace, persons, barred, sealing, known, recipient=recipient
        )
        messages = [release.one(row, by_exchange.get(row.exchange, [])) for row in rows]
        if release.taken_out:
            mine = await still_waiting(connection, list(release.taken_out))
            await purge_exchanges(connection, [one for one in release.forbidden if one in mine])
            await set_aside(connection, [one for one in release.damaged if one in mine])
            release.leaves += [leaf for one, leaf in release.taken_out.items() if one in mine]
        if release.dropped:
            await drop_members(connection, release.dropped)
        # Ours begins to count before the database's, so that nothing is sent later than it says.
        released_at = time.monotonic()
        if release.positions:
            await mark_released(connection, recipient, release.positions)
        leaves = release.leaves
        await append_leaves(connection, VERWERKINGEN, [*leaves, *_accessed(leaves, access)])
        return released_at, messages

    async def _opened_again(
        self, connection: Connection, exchanges: list[UUID], again: list[UUID]
    ) -> dict[UUID, list[StoredPart]]:
        """The parts of what may be handed over, behind everybody's gate.

        Of what was received before (`again`), only what is still as its recipient got it.
        """
        await pass_gate_of(connection, exchanges)
        if again:
            await hold_received(connection, again)
        found: dict[UUID, list[StoredPart]] = {}
        for part in await open_parts(connection, exchanges):
            found.setdefault(part.exchange, []).append(part)
        return found

    async def _map(
        self,
        connection: Connection,
        recipient: str,
        row: Queued,
        book: RuleBook,
        trace: Trace,
        access: Leaf | None,
    ) -> tuple[float, list[Released]]:
        """The same of one part of a mapping between pseudonyms."""
        await pass_gate_of_pairs(connection, row.exchange)
        handed = await hand_over(connection, row, recipient, book, self._tools, trace)
        leaves, released_at = handed.leaves, time.monotonic()
        if not handed.is_lost:
            await mark_released(connection, recipient, [row.position])
        elif await still_waiting(connection, [row.exchange]):
            await set_aside(connection, [row.exchange])
        else:
            leaves = []
        await append_leaves(connection, VERWERKINGEN, [*leaves, *_accessed(leaves, access)])
        return released_at, [handed.message]

    async def _receipts(
        self, connection: Connection, rows: Sequence[Queued], book: RuleBook, trace: Trace
    ) -> list[Leaf]:
        persons: dict[UUID, list[tuple[UUID, DataKey]]] = {}
        for one in await concerned(connection, [row.exchange for row in rows]):
            key = WrappedKey(one.epoch, one.wrapped)
            opened = self._tools.vault.unwrap(one.subject, CONTENT, key)
            persons.setdefault(one.exchange, []).append((one.subject, opened))
        now = int(self._tools.clock().timestamp() * 1000)
        mappings = [row for row in rows if is_mapping(row)]
        return [
            event_entry(
                Event.ACKNOWLEDGEMENT, row, persons.get(row.exchange, []), book, trace, now, {}
            )
            for row in rows
            if not is_mapping(row)
        ] + await receipts(connection, mappings, book, self._tools, trace)

    async def _take_back(self, page: Page, released: set[UUID], trace: Trace) -> None:
        """Of a page that was released, these were not sent: an entry says so of each."""
        async with deciding(self._pool, self._load_book) as (connection, book):
            first = page.messages[0].position - 1
            found = await queued(connection, page.recipient, first, len(page.messages))
            rows = [row for row in found if row.exchange in released]
            await unmark_released(connection, page.recipient, [row.position for row in rows])
            now = int(self._tools.clock().timestamp() * 1000)
            leaves = [event_entry(Event.TAKEN_BACK, row, [], book, trace, now, {}) for row in rows]
            await append_leaves(connection, VERWERKINGEN, leaves)

    def _cursor(self, recipient: str, position: int, era: str) -> str:
        """A place in a mailbox, good in its era: after a recovery other mail stands there."""
        place = position.to_bytes(8, "big")
        bound = recipient.encode() + b"/" + place + era.encode()
        mac = hmac.digest(self._tools.cursor_key, bound, "sha256")
        return base64.urlsafe_b64encode(place + mac[:CURSOR_MAC_BYTES]).decode("ascii")

    def _position(self, recipient: str, cursor: str, era: str) -> int:
        try:
            raw = base64.urlsafe_b64decode(cursor.encode("ascii"))
        except (binascii.Error, UnicodeEncodeError):
            raise CursorError("not a cursor") from None  # the cause quotes it
        position = int.from_bytes(raw[:8], "big")
        if len(raw) != 8 + CURSOR_MAC_BYTES or not hmac.compare_digest(
            self._cursor(recipient, position, era), cursor
        ):
            raise CursorError("not this recipient's cursor")
        return position


async def _sealing(connection: Connection, recipient: str) -> EncryptionKey | None:
    """The recipient's own key, as it is registered in the very transaction that releases."""
    found = await read_endpoint(connection, recipient)
    if found is None or found.encryption_key is None:
        return None
    return encryption_key(found.encryption_key)


def _accessed(leaves: Sequence[Leaf], access: Leaf | None) -> list[Leaf]:
    """The access log's entry, if there is anything that it is about.

    Where all of that is protected it stands apart, so that the ordinary access log is as it would
    have been without (invariant 14).
    """
    if not leaves or access is None:
        return []
    if all(leaf.series == BESCHERMD for leaf in leaves):
        access = access._replace(series=TOEGANG_BESCHERMD)
    return [access]


def _asked_whether_known(
    rows: Sequence[Queued], parts: Mapping[UUID, list[StoredPart]], book: RuleBook
) -> list[UUID]:
    """Of whom the protocol has it told whether the recipient knows them; nobody protected."""
    return list(
        {
            part.subject
            for row in rows
            if row.kind == REFERRAL and not row.is_protected and row.usable_until is None
            if (flow := book.flows.get(row.flow or "")) is not None and flow.tells_known
            for part in parts.get(row.exchange, ())
        }
    )


def _up_to_notice(rows: list[Queued]) -> list[Queued]:
    """What stands before the first notice that waits: it outlasts a suspension of its recipient."""
    ends = (n for n, row in enumerate(rows) if row.kind == NOTICE and row.state == WAITING)
    return rows[: next(ends, len(rows))]


def _by_flow(rows: Sequence[Queued]) -> dict[str, list[UUID]]:
    flows: dict[str, list[UUID]] = {}
    for row in rows:
        flows.setdefault(row.flow or "", []).append(row.exchange)
    return flows
