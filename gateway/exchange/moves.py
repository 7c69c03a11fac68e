"""A household moves (verhuizing): the case goes to the team of the new postcode, or it ends.

Within the city: routed by the new postcode on the day of the move, and handed over by a notice in
the casebook's own mailbox (`nl.sluis.overdracht`), with the old team and the new one, or the desk.
Outside it: closed with `verhuisd-buiten-amsterdam` over the road of any status, so that the sender
learns as much of it as the protocol lets. The postcode is used here and kept nowhere (invariant 3):
a move leaves a keyed print, an outcome, and an entry that names no place. A secret address goes to
its desk for the whole city, and no team stands in anything about it (ADR 0029).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import TypeGuard
from uuid import UUID

import asyncpg
import orjson

from consent.minimise import Part
from consent.register import amsterdam_day
from gateway.audit.entries import Event, Trace
from gateway.exchange import narrowing
from gateway.exchange.apart import Apart, nobody, tell_apart
from gateway.exchange.arrivals import Arrival, Prints, Recorded
from gateway.exchange.boxes import unpack
from gateway.exchange.committer import GroupCommitter
from gateway.exchange.deciding import LoadBook, in_transaction
from gateway.exchange.hiding import hide_place
from gateway.exchange.notices import Topic, Whom, add_notice, whom_of
from gateway.exchange.placing import accessed, hidden_of, routing_leaf
from gateway.exchange.recording import REFERRAL
from gateway.exchange.referral import has_teams
from gateway.exchange.routing import Routed
from gateway.exchange.rules import RuleBook
from gateway.exchange.status import ArrivedStatus
from gateway.exchange.tools import GroupTools
from gateway.exchange.withdrawal import open_boxes
from gateway.store import moves as store
from gateway.store import placing
from gateway.store.consents import lock_persons
from gateway.store.corrections import Subject, corrected, exchange_by_reference
from gateway.store.groups import VERWERKINGEN, Connection, Leaf, append_leaves, pass_gate
from gateway.store.ids import new_id
from gateway.store.mailbox import stored_parts
from gateway.store.moves import StoredMove
from gateway.store.notices import NoticeRows, write_notice_heads, write_notices
from gateway.vault.boxes import Vault
from schemas.casework import (
    CaseStatus,
    CloseReason,
    Handover,
    Move,
    MoveOutcome,
    MoveReceipt,
    StatusMessage,
)
from schemas.decisions import Outcome, Rule
from schemas.notices import NoticeKind

_KIND = "verhuizing\x00"


class UnknownCaseMovedError(Exception):
    """The partner was handed no such case, or it is not there any more."""


class MoveReferenceTakenError(Exception):
    """Another move was told under this reference."""


class MoveNotAdmittedError(Exception):
    """The protocol does not let this partner say that a case ends."""


class Moves:
    """Takes moves in, and hands cases over; one instance serves the process."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        load_book: LoadBook,
        prints: Prints,
        tools: GroupTools,
        committer: GroupCommitter,
    ) -> None:
        self._pool = pool
        self._load_book = load_book
        self._prints = prints
        self._tools = tools
        self._committer = committer

    async def within(
        self,
        partner: str,
        move: Move,
        trace: Trace,
        access: Leaf | None = None,
        apart: Apart = nobody,
    ) -> MoveReceipt:
        """Hand a case over by its new postcode; a repeat has the same answer.

        `access` is the access log's entry. Raises `UnknownCaseMovedError` or
        `MoveReferenceTakenError`.
        """
        body = move.model_dump_json(by_alias=True, exclude_none=True).encode()
        new = StoredMove(
            partner,
            self._prints.reference(partner, f"{_KIND}{move.reference}"),
            self._prints.body(partner, body),
            move.exchange_id,
            None,
            new_id(),
            self._tools.clock(),
        )

        async def work(connection: Connection, book: RuleBook) -> MoveReceipt:
            earlier = await store.claim(connection, new)
            status = await exchange_by_reference(connection, partner, new.reference)
            for one in (status, None if earlier is None else earlier.exchange):
                if one is not None:
                    await tell_apart(connection, one, apart)
            if status is not None:
                raise MoveReferenceTakenError("reference")  # of a move out of the city
            if earlier is None:
                return await self._hand_over(connection, book, new, move, trace, access, apart)
            if earlier.body != new.body or earlier.outcome is None:
                raise MoveReferenceTakenError("reference")
            return _receipt(earlier, MoveOutcome(earlier.outcome))

        return await in_transaction(self._pool, self._load_book, work)

    async def outside(
        self, partner: str, move: Move, trace: Trace, apart: Apart = nobody
    ) -> MoveReceipt:
        """Close a case whose household left the city: a status as any other.

        Raises `UnknownCaseMovedError`, `MoveReferenceTakenError`, `MoveNotAdmittedError`, and what
        the committer raises.
        """
        now = self._tools.clock()
        reached = CaseStatus.CLOSED_REACHED if move.is_reached else CaseStatus.CLOSED_NOT_REACHED
        message = StatusMessage(
            reference=move.reference,
            exchange_id=move.exchange_id,
            status=reached,
            as_of=min(move.moved_on or amsterdam_day(now), amsterdam_day(now)),
            close_reason=CloseReason.MOVED_OUTSIDE,
        )
        body = move.model_dump_json(by_alias=True, exclude_none=True).encode()
        exchange = new_id()
        arrival = Arrival(
            exchange,
            partner,
            self._prints.reference(partner, f"{_KIND}{move.reference}"),
            self._prints.body(partner, body),
            self._prints.commitment(exchange, body),
            now,
            trace,
            (),
            len(body),
        )
        async with self._pool.acquire() as connection:
            case = await corrected(connection, move.exchange_id, locks=False)
            if _is_handed(case, partner) and case.is_protected:
                apart()
            if await store.is_claimed(connection, partner, arrival.reference):
                raise MoveReferenceTakenError("reference")  # of a move within it
        if move.address_is_secret:
            # First: a status of it says not even that it left. Of no such case, nothing.
            with suppress(UnknownCaseMovedError):
                await self._hide(partner, move.exchange_id, trace)
        recorded = await self._committer.submit(ArrivedStatus(arrival, message))
        _require_closed(recorded)
        return MoveReceipt(
            exchange_id=move.exchange_id,
            outcome=MoveOutcome.CLOSED,
            entry_id=recorded.entry,
            recorded_at=recorded.received_at,
        )

    async def _hide(self, partner: str, exchange: UUID, trace: Trace) -> None:
        async def work(connection: Connection, book: RuleBook) -> None:
            subject, whom = await self._case(connection, partner, exchange, lock_persons)
            now = self._tools.clock()
            await self._tools.journal.write([narrowing.made_secret(exchange, now)])
            leaves = await hide_place(connection, subject, whom, book, self._tools, trace, now)
            await append_leaves(connection, VERWERKINGEN, leaves)

        await in_transaction(self._pool, self._load_book, work)

    async def _hand_over(
        self,
        connection: Connection,
        book: RuleBook,
        new: StoredMove,
        move: Move,
        trace: Trace,
        access: Leaf | None,
        apart: Apart,
    ) -> MoveReceipt:
        # Who hides a place keeps every release of it out, until it is hidden.
        gate = lock_persons if move.address_is_secret else pass_gate
        subject, whom = await self._case(connection, new.partner, new.exchange, gate)
        if subject.is_protected:
            apart()
        compiled = book.flows.get(subject.flow or "")
        if compiled is None or not has_teams(compiled.flow):
            raise UnknownCaseMovedError("exchange")
        today = amsterdam_day(new.recorded_at)
        as_of = max(move.moved_on or today, today)
        handles = self._tools.protected.handles
        is_secret = move.address_is_secret
        is_secret |= bool(await hidden_of(connection, handles, [subject.exchange]))
        to = self._tools.routes.place(move.postcode, as_of, is_secret=is_secret)
        before = None
        taken_out: list[Leaf] = []
        if is_secret:
            line = narrowing.made_secret(subject.exchange, new.recorded_at)
            await self._tools.journal.write([line])
            taken_out = await hide_place(
                connection, subject, whom, book, self._tools, trace, new.recorded_at
            )
        else:
            before = move.team or await team_before(connection, subject, self._tools.vault)
            await note_place(connection, subject, to, new.recorded_at)
        rows, outcome = NoticeRows(), MoveOutcome.SAME_TEAM
        if before != to.team:
            is_desk = is_secret or to.reason is not None
            outcome = MoveOutcome.TO_DESK if is_desk else MoveOutcome.HANDED_OVER
            add_handover(
                rows, subject, before, to, move.moved_on or today, whom, book, trace,
                new.recorded_at,
            )  # fmt: skip
        await store.put_outcome(connection, new, outcome.value)
        await write_notices(connection, rows)
        leaf = routing_leaf(
            Event.MOVE, new.entry, subject.exchange, subject.flow, whom, book, trace,
            new.recorded_at, {"outcome": outcome.value, "sender": new.partner},
            is_protected=subject.is_protected,
        )  # fmt: skip
        rows.leaves[:0] = [leaf, *taken_out]
        rows.leaves += accessed(access, is_protected=subject.is_protected)
        await write_notice_heads(connection, rows)
        return _receipt(new, outcome)

    async def _case(
        self,
        connection: Connection,
        partner: str,
        exchange: UUID,
        gate: Callable[[Connection, list[UUID]], Awaitable[object]],
    ) -> tuple[Subject, list[Whom]]:
        """The case that moved, behind the gate of its persons."""
        subject = await corrected(connection, exchange, locks=False)
        if not _is_handed(subject, partner):
            raise UnknownCaseMovedError("exchange")
        vault = self._tools.vault
        whom = (await whom_of(connection, [subject.exchange], vault)).get(subject.exchange, [])
        if not whom:
            raise UnknownCaseMovedError("exchange")
        await gate(connection, [one.subject for one in whom])
        return subject, whom


def _is_handed(subject: Subject | None, partner: str) -> TypeGuard[Subject]:
    """Whether it is a case that this partner was handed."""
    if subject is None or subject.kind != REFERRAL:
        return False
    return subject.is_released and subject.recipient == partner


async def team_before(connection: Connection, subject: Subject, vault: Vault) -> str | None:
    """The team that has the case, as far as the gateway still knows it.

    The one that it was handed over to last; of a case that was never handed over or placed by a
    person the one that the message went to. None where that is not here any more.
    """
    handover, is_placed = await placing.last_handover(connection, subject.exchange)
    if is_placed:
        return None
    opened = open_boxes(await stored_parts(connection, [handover or subject.exchange]), vault)
    if handover is not None:
        return next((Handover.model_validate_json(one.content).to_team for one in opened), None)
    return _team_in(piece for one in opened for piece in unpack(one.stored.member, one.content))


def _team_in(pieces: Iterable[Part]) -> str | None:
    """The label of the team in a message's parts, if it is told one."""
    for piece in pieces:
        if piece.category == "aanmelding":
            label = orjson.loads(b"{%b}" % piece.fragment).get("wijkteam")
            if isinstance(label, str):
                return label
    return None


async def note_place(connection: Connection, subject: Subject, to: Routed, now: datetime) -> None:
    """Whether it waits for a person from now on, or no more."""
    if to.reason is None:
        await placing.wait_no_more(connection, [subject.exchange])
    elif subject.recipient is not None:
        row = (subject.exchange, subject.recipient, to.reason.value, now)
        await placing.add_waiting(connection, [row])


def add_handover(
    rows: NoticeRows,
    subject: Subject,
    before: str | None,
    to: Routed,
    as_of: date,
    whom: Sequence[Whom],
    book: RuleBook,
    trace: Trace,
    now: datetime,
    *,
    cause: UUID | None = None,
) -> None:
    """The notice by which one team gives a case to another, in the recipient's mailbox."""
    if subject.recipient is None:
        return
    told = Handover(
        exchange_id=subject.exchange,
        from_team=before,
        to_team=to.team,
        as_of=as_of,
        reason=to.reason,
    )
    topic = Topic(
        NoticeKind.HANDOVER, subject.exchange, subject.recipient, subject.flow, cause,
        is_protected=subject.is_protected,
    )  # fmt: skip
    add_notice(rows, topic, told, whom, book, trace, now, holder=subject.owner)


def _require_closed(recorded: Recorded) -> None:
    if recorded.outcome is Outcome.ACCEPTED or recorded.rule is Rule.NO_FLOW:
        # Without a flow back to its sender the case ends all the same: the sender hears nothing.
        return
    if recorded.rule is Rule.UNKNOWN_EXCHANGE:
        raise UnknownCaseMovedError("exchange")
    if recorded.rule is Rule.REFERENCE_REUSED:
        raise MoveReferenceTakenError("reference")
    raise MoveNotAdmittedError("rule")


def _receipt(move: StoredMove, outcome: MoveOutcome) -> MoveReceipt:
    return MoveReceipt(
        exchange_id=move.exchange,
        outcome=outcome,
        entry_id=move.entry,
        recorded_at=move.recorded_at,
    )
