"""What privacy officers do about exceptions: review emergencies, decide on protected exchanges.

Each act is one transaction with its entry, in the log of the exchange that it is about. Who acted
stands in the access log (invariant 11), whose entry the same transaction ends with, and the row
keeps id and signature. Reading what is protected is an act too. What an officer writes stands
sealed: it may name anybody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.audit.access import new_trace
from gateway.audit.entries import EntryHead, Event, RuleFacts, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.apart import Apart, nobody
from gateway.exchange.exceptions import SealedNote, note_key, professional_of, seal_note
from gateway.exchange.repeating import Repeated
from gateway.identity.acts import Act, MayNotActError, Sign, check_officer, signed_act
from gateway.identity.approvals import whole_second
from gateway.store import protected as store
from gateway.store.groups import BESCHERMD, VERWERKINGEN, Connection, Leaf, append_leaves
from gateway.store.history import driver_of
from gateway.store.ids import new_id
from gateway.store.lifecycle import StoredOfficer, moment_of, officers_by_id
from gateway.store.protected import (
    Decided,
    NewDecision,
    Reviewed,
    SafeContact,
    StoredRequest,
    StoredReview,
)
from gateway.telemetry import Telemetry
from gateway.vault.boxes import Nonces, Vault
from schemas.referral import Professional

OVERSIGHT = "urn:sluis:toetsing"
"""The processing activity that entries of officers' acts name."""
LISTED = 1000
LOOK_EVERY_SECONDS = 60.0
_REMARK, _GROUND = b"beoordeling", b"grond"


class UnknownCaseError(Exception):
    """There is no such exchange of that kind."""


class AlreadyReviewedError(Exception):
    """The release was reviewed before; what was found stays."""


class ReviewOutcome(StrEnum):
    """What a review of an emergency release found."""

    JUSTIFIED = "terecht"
    UNJUSTIFIED = "onterecht"


class Disclosure(NamedTuple):
    """Whether a protected exchange may be told of, on which ground, and when to look again."""

    is_disclosed: bool
    ground: str
    review_on: date


class _Acting(NamedTuple):
    """An officer at work inside a transaction."""

    connection: Connection
    officer: StoredOfficer
    now: datetime


async def list_reviews(engine: AsyncEngine, *, with_done: bool) -> list[StoredReview]:
    """Emergency releases that wait for their review, or all; without who answers for them."""
    async with engine.connect() as connection:
        raw = await driver_of(connection)
        return await store.emergency_reviews(raw, with_done=with_done, limit=LISTED)


async def review_emergency(
    engine: AsyncEngine,
    vault: Vault,
    exchange: UUID,
    officer_id: str,
    outcome: ReviewOutcome,
    remark: str,
    sign: Sign,
    apart: Apart = nobody,
) -> tuple[StoredReview, Professional | None]:
    """Review an emergency release, once. Gives the release, and who answered for it.

    `apart` is told where the release is protected, before anything of the act is recorded.
    Raises `UnknownCaseError`, `AlreadyReviewedError` or `MayNotActError`.
    """
    async with _acting(engine, officer_id) as (connection, officer, now):
        found = await store.lock_review(connection, exchange)
        if found is None:
            raise UnknownCaseError("no emergency release has this id")
        if found.is_protected:
            apart()
        if found.reviewed_at is not None:
            raise AlreadyReviewedError("this release was reviewed before")
        decided = {"outcome": outcome.value, "remark": remark}
        signature = signed_act(officer, Act.REVIEW, exchange, now, decided, sign)
        kept = SealedNote(found.epoch, found.wrapped, found.professional)
        key = note_key(vault, exchange, kept)
        sealed = key.seal(remark.encode(), exchange.bytes + _REMARK, Nonces().take())
        entry = new_id()
        reviewed = Reviewed(officer.id, outcome.value, sealed, now, signature, entry)
        await store.write_review(connection, exchange, reviewed)
        details: dict[str, object] = {"outcome": outcome.value, "isLate": now > found.due_at}
        await _log(connection, Event.REVIEW, entry, exchange, now, details)
        return found, professional_of(vault, exchange, kept)


async def list_protected(
    engine: AsyncEngine, vault: Vault, officer_id: str, sign: Sign
) -> list[tuple[StoredRequest, Professional | None]]:
    """The protected exchanges, with who asked for them; the reading is logged.

    Raises `MayNotActError`.
    """
    async with _acting(engine, officer_id) as (connection, officer, now):
        signed_act(officer, Act.READ, _ALL, now, {}, sign)
        found = await store.protected_exchanges(connection, LISTED)
        details: dict[str, object] = {"read": "beschermd"}
        await _log(connection, Event.READING, new_id(), None, now, details)
        return [(one, _asker(vault, one)) for one in found]


async def decide_disclosure(
    engine: AsyncEngine,
    vault: Vault,
    exchange: UUID,
    officer_id: str,
    disclosure: Disclosure,
    sign: Sign,
) -> UUID:
    """Decide whether a protected exchange may be told of. Gives the decision's id.

    Raises `UnknownCaseError` or `MayNotActError`.
    """
    async with _acting(engine, officer_id) as (connection, officer, now):
        found = await store.decided_exchange(connection, exchange)
        if found is None or not found.is_protected:
            raise UnknownCaseError("no protected exchange has this id")
        if disclosure.review_on <= now.date():
            raise MayNotActError("the review date lies ahead")
        decided = {
            "disclosed": "ja" if disclosure.is_disclosed else "nee",
            "ground": disclosure.ground,
            "review": disclosure.review_on.isoformat(),
        }
        signature = signed_act(officer, Act.DECIDE, exchange, now, decided, sign)
        number, entry = new_id(), new_id()
        ground = seal_note(vault, number, disclosure.ground.encode(), _GROUND, Nonces().take(), now)
        await store.insert_decision(
            connection,
            NewDecision(
                number, exchange, disclosure.is_disclosed, *ground, disclosure.review_on,
                officer.id, now, signature, entry,
            ),
        )  # fmt: skip
        details: dict[str, object] = {
            "disclosed": disclosure.is_disclosed,
            "review": disclosure.review_on.isoformat(),
        }
        await _log(connection, Event.DISCLOSURE_DECISION, entry, exchange, now, details)
        return number


async def list_contacts(engine: AsyncEngine, officer_id: str, sign: Sign) -> list[SafeContact]:
    """Who may never be notified; the reading is logged. Raises `MayNotActError`."""
    async with _acting(engine, officer_id) as (connection, officer, now):
        signed_act(officer, Act.READ_CONTACTS, _ALL, now, {}, sign)
        found = await store.safe_contacts(connection)
        details: dict[str, object] = {"read": "veilig-contact"}
        await _log(connection, Event.READING, new_id(), None, now, details)
        return found


async def end_contact(engine: AsyncEngine, contact: UUID, officer_id: str, sign: Sign) -> None:
    """End a safe contact. Raises `UnknownCaseError` or `MayNotActError`."""
    async with _acting(engine, officer_id) as (connection, officer, now):
        signed_act(officer, Act.END_CONTACT, contact, now, {}, sign)
        exchange = await store.end_contact(connection, contact, officer.id, now)
        if exchange is None:
            raise UnknownCaseError("no safe contact that stands has this id")
        details: dict[str, object] = {"contact": str(contact), "step": "beeindigd"}
        await _log(connection, Event.SAFE_CONTACT, new_id(), exchange, now, details)


class ReviewWatch(Repeated):
    """Shows how many reviews of emergency releases are overdue, for as long as it runs."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        clock: Callable[[], datetime],
        telemetry: Telemetry,
        *,
        every: float = LOOK_EVERY_SECONDS,
    ) -> None:
        super().__init__("review-watch-waits", telemetry, every)
        self._pool = pool
        self._clock = clock
        self._shown = 0

    async def turn(self) -> bool:
        """Look; never twice without a pause."""
        await self.look()
        return False

    async def look(self) -> int:
        """Count once; a line in the log tells when there are more than before."""
        async with self._pool.acquire() as connection:
            overdue = await store.overdue_reviews(connection, self._clock())
        self._telemetry.gauge("emergency_reviews_overdue", overdue)
        if overdue > self._shown:
            self._telemetry.log("emergency-review-overdue", count=overdue)
        self._shown = overdue
        return overdue


def facts_of(decided: Decided | None) -> RuleFacts:
    """What an entry says of the rules that an exchange was decided by; of none, nothing."""
    return RuleFacts(
        flow=None if decided is None else decided.flow,
        activity=OVERSIGHT,
        protocol_version="" if decided is None else decided.version,
        protocol_digest=b"" if decided is None else decided.protocol,
        locks={},
    )


_ALL = UUID(int=0)
"""Signed in the place of an exchange by who reads all of them."""


@asynccontextmanager
async def _acting(engine: AsyncEngine, officer_id: str) -> AsyncIterator[_Acting]:
    async with engine.begin() as connection:
        now = await moment_of(connection)
        officers = await officers_by_id(connection)
        officer = check_officer(officers.get(officer_id), now)
        yield _Acting(await driver_of(connection), officer, whole_second(now))


def _asker(vault: Vault, one: StoredRequest) -> Professional | None:
    if one.epoch is None or one.wrapped is None or one.professional is None:
        return None
    return professional_of(
        vault, one.exchange, SealedNote(one.epoch, one.wrapped, one.professional)
    )


async def _log(
    connection: Connection,
    event: Event,
    entry_id: UUID,
    exchange: UUID | None,
    now: datetime,
    details: dict[str, object],
) -> None:
    """The act's entry, last: the log's head stays locked. Without an exchange it is about all."""
    decided = None if exchange is None else await store.decided_exchange(connection, exchange)
    millis = int(now.timestamp() * 1000)
    head = EntryHead(entry_id, event, new_trace(), exchange, millis, millis)
    entry = write_entry(head, facts_of(decided), [], details)
    log = BESCHERMD if decided is None or decided.is_protected else VERWERKINGEN
    await append_leaves(connection, log, [Leaf(leaf_hash(entry), entry, [])])
