"""What no route table decides waits for a person: it goes on to the desk, and it is listed here.

Nothing is guessed and nothing dropped (invariant 9): a referral without a full postcode, or with
one on a border, outside the table or of a team that closed, is handed over with the desk as its
team, and stands in this list until somebody at the casebook says that it was placed. The list has
the exchange and a reason, never a person, a postcode or a team.

Whose address is secret waits for nobody: a desk for the whole city has them. Of such an exchange
the database keeps a keyed print of its id, so that what is said of it later (a move, an account)
names no place either, and a reader of the database cannot tell which one it is (ADR 0029).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from uuid import UUID

import asyncpg

from consent.register import amsterdam_day
from gateway.audit.entries import EntryHead, Event, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.apart import Apart, nobody
from gateway.exchange.deciding import LoadBook, deciding
from gateway.exchange.notices import Whom, whom_of
from gateway.exchange.repeating import Repeated
from gateway.exchange.routing import Routes
from gateway.exchange.rules import RuleBook
from gateway.exchange.tools import GroupTools
from gateway.pseudonyms.domains import ProtectedHandles
from gateway.store import first_contact as contacts
from gateway.store import placing as store
from gateway.store.groups import (
    BESCHERMD,
    TOEGANG_BESCHERMD,
    VERWERKINGEN,
    Connection,
    GroupRows,
    Leaf,
    append_leaves,
)
from gateway.store.ids import new_id
from gateway.telemetry import Telemetry
from schemas.casework import (
    Placement,
    PlacementReceipt,
    WaitingPage,
    WaitingPlacement,
    WaitReason,
)

PAGE_LIMIT = 1000
LOOK_EVERY_SECONDS = 60.0
KEPT = timedelta(days=30)
"""How long a repeat of what was placed or moved has its answer again."""
AT_ONCE = 500
_MAC_BYTES = 16
_PLACE = b"/toedelingen/"
_HIDDEN = b"geheim adres"


class UnknownPlacementError(Exception):
    """Nothing of this partner's waits, or waited, under this exchange."""


class AlreadyPlacedError(Exception):
    """It was placed with another team before."""


class UnknownTeamError(Exception):
    """No team of the route table that works today has this label."""


class PlacementCursorError(Exception):
    """The cursor is not one that this partner was given."""


def hidden_print(handles: ProtectedHandles, exchange: UUID) -> bytes:
    """The keyed print of an exchange whose place is hidden; of a length that no handle has."""
    return handles.of(_HIDDEN + exchange.bytes)


async def hidden_of(
    connection: Connection, handles: ProtectedHandles, exchanges: Collection[UUID]
) -> set[UUID]:
    """Those of these exchanges whose place is hidden."""
    prints = {hidden_print(handles, one): one for one in exchanges}
    found = await store.hidden_among(connection, prints)
    return {prints[one] for one in found}


async def hide(connection: Connection, handles: ProtectedHandles, exchange: UUID) -> None:
    """From now on nothing says where this is; who waited to be placed waits no more."""
    await store.hide_places(connection, [hidden_print(handles, exchange)])
    await store.list_no_more(connection, exchange)


async def write_routes(connection: Connection, rows: GroupRows, tools: GroupTools) -> None:
    """What a group leaves of routes: who waits, whose place is hidden, who was contacted.

    Before the heads, in the transaction of the messages themselves.
    """
    if rows.placements:
        await store.add_waiting(connection, sorted(rows.placements))
    if rows.hidden:
        handles = tools.protected.handles
        await store.hide_places(connection, sorted(hidden_print(handles, x) for x in rows.hidden))
    if rows.contacted:
        await contacts.end_waiting(connection, rows.contacted, tools.clock())
        closed = [exchange for exchange, is_closed in rows.contacted.items() if is_closed]
        await store.wait_no_more(connection, closed)


class Placements:
    """Lists what waits for a recipient's people, and records where they placed it."""

    def __init__(
        self, pool: asyncpg.Pool, load_book: LoadBook, tools: GroupTools, cursor_key: bytes
    ) -> None:
        self._pool = pool
        self._load_book = load_book
        self._tools = tools
        self._cursor_key = cursor_key

    async def page(self, recipient: str, cursor: str | None, limit: int) -> WaitingPage:
        """The next that wait, oldest arrival first. Raises `PlacementCursorError`."""
        after = None if cursor is None else self._after(recipient, cursor)
        async with self._pool.acquire() as connection:
            rows = await store.waiting_for(connection, recipient, after, limit + 1)
        shown, late = rows[:limit], overdue_since(self._tools.routes, self._tools.clock())
        return WaitingPage(
            waiting=[
                WaitingPlacement(
                    exchange_id=row.exchange,
                    reason=WaitReason(row.reason),
                    since=row.since,
                    is_overdue=row.since < late,
                )
                for row in shown
            ],
            cursor=self._cursor(recipient, shown[-1].exchange) if len(rows) > limit else None,
        )

    async def place(
        self,
        partner: str,
        placement: Placement,
        trace: Trace,
        access: Leaf | None = None,
        apart: Apart = nobody,
    ) -> PlacementReceipt:
        """Record that a person placed it; a repeat has the same answer.

        `access` is the access log's entry. Raises `UnknownTeamError`, `UnknownPlacementError` or
        `AlreadyPlacedError`.
        """
        now, exchange = self._tools.clock(), placement.exchange_id
        is_open = self._tools.routes.is_open(placement.team, amsterdam_day(now))
        print_ = self._print(exchange, placement.team)
        async with deciding(self._pool, self._load_book) as (connection, book):
            found = await store.lock_placement(connection, partner, exchange)
            if found is not None and found.is_protected:
                apart()
            if not is_open and (found is None or found.placed_at is None):
                raise UnknownTeamError("team")  # of a repeat its team may have closed meanwhile
            if found is None:
                raise UnknownPlacementError("exchange")
            if found.placed_at is not None and found.entry is not None:
                if found.team_print != print_:
                    raise AlreadyPlacedError("exchange")
                leaves = accessed(access, is_protected=found.is_protected)
                await append_leaves(connection, VERWERKINGEN, leaves)
                return _receipt(exchange, found.entry, found.placed_at)
            vault = self._tools.vault
            whom = (await whom_of(connection, [exchange], vault)).get(exchange, [])
            if not whom:
                raise UnknownPlacementError("exchange")
            entry = new_id()
            leaf = routing_leaf(
                Event.PLACEMENT, entry, exchange, found.flow, whom, book, trace, now,
                {"sender": partner}, is_protected=found.is_protected,
            )  # fmt: skip
            await store.put_placed(connection, exchange, print_, now, entry)
            leaves = [leaf, *accessed(access, is_protected=found.is_protected)]
            await append_leaves(connection, VERWERKINGEN, leaves)
        return _receipt(exchange, entry, now)

    def _print(self, exchange: UUID, team: str) -> bytes:
        return hmac.digest(self._cursor_key, _PLACE + exchange.bytes + team.encode(), "sha256")

    def _cursor(self, recipient: str, exchange: UUID) -> str:
        mac = hmac.digest(self._cursor_key, recipient.encode() + _PLACE + exchange.bytes, "sha256")
        return base64.urlsafe_b64encode(exchange.bytes + mac[:_MAC_BYTES]).decode("ascii")

    def _after(self, recipient: str, cursor: str) -> UUID:
        try:
            raw = base64.urlsafe_b64decode(cursor.encode("ascii"))
        except (binascii.Error, UnicodeEncodeError) as error:
            raise PlacementCursorError("not a cursor") from error
        if len(raw) != 16 + _MAC_BYTES:
            raise PlacementCursorError("not a cursor")
        exchange = UUID(bytes=raw[:16])
        if not hmac.compare_digest(self._cursor(recipient, exchange), cursor):
            raise PlacementCursorError("not this partner's cursor")
        return exchange


class PlacementWatch(Repeated):
    """Shows how many wait to be placed and how many too long, for as long as it runs."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        routes: Routes,
        clock: Callable[[], datetime],
        telemetry: Telemetry,
        *,
        every: float = LOOK_EVERY_SECONDS,
    ) -> None:
        super().__init__("placement-watch-waits", telemetry, every)
        self._pool = pool
        self._routes = routes
        self._clock = clock
        self._shown = 0
        self._gaps_on: date | None = None

    async def turn(self) -> bool:
        """Look; never twice without a pause."""
        await self.look()
        await self.look_at_table()
        return False

    async def look_at_table(self) -> None:
        """Once a day, and at the start: tell what the table left open, now or on a day to come."""
        today = amsterdam_day(self._clock())
        if self._gaps_on == today:
            return
        self._gaps_on = today
        for gap in await asyncio.to_thread(self._routes.gaps, today):
            when = "vandaag" if gap.day <= today else "later"
            self._telemetry.log("route-gap", line=gap.number, count=len(gap.codes), reason=when)

    async def look(self) -> int:
        """Count once, and tell when more wait too long than before; forget what is long done."""
        now = self._clock()
        async with self._pool.acquire() as connection, connection.transaction():
            late = overdue_since(self._routes, now)
            waiting, overdue = await store.count_waiting(connection, late)
            await store.forget_placed(connection, now - KEPT, AT_ONCE)
        self._telemetry.gauge("placements_waiting", waiting)
        self._telemetry.gauge("placements_overdue", overdue)
        if overdue > self._shown:
            self._telemetry.log("placement-overdue", count=overdue)
            self._telemetry.count("placements_too_late", overdue - self._shown)
        self._shown = overdue
        return overdue


def overdue_since(routes: Routes, now: datetime) -> datetime:
    """What waits since before this moment waits too long."""
    return now - timedelta(days=routes.placing_days)


def accessed(access: Leaf | None, *, is_protected: bool) -> list[Leaf]:
    """The access log's entry; of a protected exchange it stands apart (invariant 14)."""
    if access is None:
        return []
    return [access._replace(series=TOEGANG_BESCHERMD) if is_protected else access]


def routing_leaf(
    event: Event,
    entry_id: UUID,
    exchange: UUID,
    flow: str | None,
    whom: list[Whom],
    book: RuleBook,
    trace: Trace,
    now: datetime,
    details: dict[str, object],
    *,
    is_protected: bool,
) -> Leaf:
    """An entry about the route of one exchange: of no place, and of no team."""
    millis = int(now.timestamp() * 1000)
    entry = write_entry(
        EntryHead(entry_id, event, trace, exchange, millis, millis),
        book.facts(flow if flow in book.flows else None, is_protected=is_protected),
        [commitment(one.key, entry_id, one.subject) for one in whom],
        details,
    )
    log = BESCHERMD if is_protected else None
    return Leaf(leaf_hash(entry), entry, [one.subject for one in whom], log)


def _receipt(exchange: UUID, entry: UUID, recorded_at: datetime) -> PlacementReceipt:
    return PlacementReceipt(exchange_id=exchange, entry_id=entry, recorded_at=recorded_at)
