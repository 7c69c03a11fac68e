"""Rights and corrections: rectify, restrict, object, annul, and a member who left.

They travel the same road as what they correct. One transaction behind the persons' gate changes
what waits and what is held, tells every recipient that was handed the data (GDPR article 19), and
leaves an entry of each. A restriction or objection stands against a person and a purpose until it
is lifted: decisions and releases look for it (`store.notices.restricted`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg

from consent.protocol import Flow
from gateway.audit.entries import EntryHead, Event, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange import narrowing
from gateway.exchange.apart import Apart, nobody, tell_apart
from gateway.exchange.arrivals import Prints
from gateway.exchange.correcting import Case, annul, lift, member_left, rectify, restrict
from gateway.exchange.deciding import LoadBook, in_transaction
from gateway.exchange.freeing import free_held
from gateway.exchange.notices import Whom, whom_of
from gateway.exchange.recall import flow_then
from gateway.exchange.recording import NOTICE, REFERRAL, UNREADABLE
from gateway.exchange.rectifying import Rectification, read_values
from gateway.exchange.rules import RuleBook
from gateway.exchange.tools import GroupTools
from gateway.pseudonyms.domains import Handles
from gateway.store import corrections as store
from gateway.store.consents import held_together, lock_persons, subject_of, write_released
from gateway.store.corrections import NewCorrection, StoredCorrection, Subject
from gateway.store.groups import BESCHERMD, REFUSED, Connection, GroupRows, Leaf
from gateway.store.ids import new_id
from gateway.store.notices import receipts_of, write_notices
from schemas.corrections import Correction, CorrectionKind, CorrectionReceipt, MemberName
from schemas.fields import Treatment
from schemas.notices import CorrectionReport, ToldRecipient


class UnknownExchangeError(Exception):
    """No such exchange of this partner's."""


class UnknownMemberError(Exception):
    """Nobody of this exchange is named so."""


class NotTheSenderError(Exception):
    """Only who sent a message annuls or rectifies it."""


class ReferenceTakenError(Exception):
    """Another correction was sent under this reference."""


class UnknownCorrectionError(Exception):
    """No such correction of this partner's."""


class Recorded(NamedTuple):
    """What was recorded, and whether it was before."""

    receipt: CorrectionReceipt
    is_repeat: bool


class Corrections:
    """Records corrections and carries them out; one instance serves the process."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        load_book: LoadBook,
        handles: Handles,
        prints: Prints,
        tools: GroupTools,
    ) -> None:
        self._pool = pool
        self._load_book = load_book
        self._handles = handles
        self._prints = prints
        self._tools = tools

    async def correct(
        self, partner: str, correction: Correction, trace: Trace, apart: Apart = nobody
    ) -> Recorded:
        """Carry a correction out, once. Raises what stands above, `NotRectifiableError`, or
        pydantic's `ValidationError` for values that cannot be; then nothing was changed.
        """
        values = read_values(correction.values) if correction.values else None

        async def work(connection: Connection, book: RuleBook) -> Recorded:
            return await self._carry_out(
                connection, book, partner, correction, values, trace, apart
            )

        return await in_transaction(self._pool, self._load_book, work)

    async def report(
        self, partner: str, correction: UUID, apart: Apart = nobody
    ) -> CorrectionReport:
        """Who was told, and who has acknowledged. Raises `UnknownCorrectionError`."""
        async with self._pool.acquire() as connection:
            stored = await store.correction_of(connection, partner, correction)
            if stored is None:
                raise UnknownCorrectionError("correction")
            await tell_apart(connection, stored.about, apart)
            told = [
                ToldRecipient(
                    recipient=one.recipient,
                    exchange_id=one.about,
                    queued_at=one.queued_at,
                    released_at=one.released_at,
                    acknowledged_at=one.acknowledged_at,
                )
                for one in await receipts_of(connection, correction, partner)
            ]
        return CorrectionReport(
            correction_id=correction,
            kind=CorrectionKind(stored.kind),
            exchange_id=stored.about,
            recorded_at=stored.recorded_at,
            recipients=told,
            is_done=all(one.acknowledged_at is not None for one in told),
        )

    async def _carry_out(
        self,
        connection: Connection,
        book: RuleBook,
        partner: str,
        correction: Correction,
        values: Rectification | None,
        trace: Trace,
        apart: Apart,
    ) -> Recorded:
        now, entry = self._tools.clock(), new_id()
        body = correction.model_dump_json(by_alias=True, exclude_none=True).encode()
        new = NewCorrection(
            new_id(),
            partner,
            self._prints.reference(partner, f"correctie\x00{correction.reference}"),
            self._prints.body(partner, body),
            UUID(int=0),
            correction.kind.value,
            entry,
            now,
        )
        # References come first in the order of locks; a repeat waits here for its first one.
        earlier = await store.claim(connection, new)
        if earlier is not None:
            await tell_apart(connection, earlier.about, apart)
            if earlier.body != new.body:
                raise ReferenceTakenError("reference")
            return Recorded(_receipt(earlier), is_repeat=True)
        case = await self._open_case(connection, book, new, correction, values, trace, apart)
        await store.name_exchange(connection, new.id, case.subject.exchange)
        await self._tools.journal.write(await _lines(connection, new, case))
        await apply(connection, case)
        receipt = _receipt(
            StoredCorrection(new.id, new.body, case.subject.exchange, new.kind, entry, now)
        )
        return Recorded(receipt, is_repeat=False)

    async def _open_case(
        self,
        connection: Connection,
        book: RuleBook,
        new: NewCorrection,
        correction: Correction,
        values: Rectification | None,
        trace: Trace,
        apart: Apart,
    ) -> Case:
        """The exchange, its persons and the one who is named, behind everybody's gate."""
        partner, kind = new.partner, correction.kind
        exchange = correction.exchange_id
        if correction.message is not None:
            print_of = self._prints.reference(partner, correction.message)
            exchange = await store.exchange_by_reference(connection, partner, print_of)
        subject = await _own(connection, partner, exchange, apart)
        if kind is not CorrectionKind.ANNUL and subject.kind != REFERRAL:
            raise UnknownExchangeError("exchange")
        if kind.is_senders_own and partner != subject.sender:
            raise NotTheSenderError("sender")
        flow = await _flow_of(connection, book, subject)
        if flow is None and kind is not CorrectionKind.ANNUL:
            raise UnknownExchangeError("exchange")
        vault = self._tools.vault
        whom = (await whom_of(connection, [subject.exchange], vault)).get(subject.exchange, [])
        person = None
        if correction.member is not None:
            name = correction.member
            if name.place is not None and partner != subject.sender:
                raise UnknownMemberError("member")  # places are those of the message as it was sent
            older = book.older.get((subject.protocol, subject.flow or ""))
            gave = gives_bsn(flow) and (older is None or gives_bsn(older.flow))
            if name.bsn is not None and partner != subject.sender and not gave:
                raise UnknownMemberError("member")  # who got pseudonyms may not try numbers on them
            person = await self._person(connection, name, book, subject, whom)
        gate = {one.subject for one in whom}
        for one in whom if kind in _MAY_FREE else ():
            gate |= await held_together(connection, one.subject)
        await lock_persons(connection, gate)
        # Only now does it stand still; whoever was erased meanwhile is not among its persons.
        whom = (await whom_of(connection, [subject.exchange], vault)).get(subject.exchange, [])
        if kind not in _OF_A_PERSON:
            subject = await store.corrected(connection, subject.exchange, locks=True) or subject
        if person is not None and person.subject not in {one.subject for one in whom}:
            raise UnknownMemberError("member")
        return Case(
            new.id, kind, partner, subject, flow, whom, person, values, book, self._tools, trace,
            new.recorded_at, new.entry,
        )  # fmt: skip

    async def _person(
        self,
        connection: Connection,
        name: MemberName,
        book: RuleBook,
        subject: Subject,
        whom: Sequence[Whom],
    ) -> Whom:
        wanted: UUID | None = None
        if name.bsn is not None:
            handle = self._handles.of(name.bsn)
            if subject.is_protected:
                handle = self._tools.protected.handles.of(handle)
            wanted = await subject_of(connection, handle)
        compiled = book.flows.get(subject.flow or "")
        for one in whom:
            is_named = one.subject == wanted
            is_named |= name.place is not None and one.member == name.place
            if name.pseudonym is not None and compiled is not None:
                # Said of something that was handed over before an epoch ended, too.
                names = {domain.pseudonym(one.subject) for domain in compiled.lineage}
                is_named |= name.pseudonym in names
            if is_named:
                return one
        raise UnknownMemberError("member")


async def apply(connection: Connection, case: Case, replayed: str | None = None) -> None:
    """Do what a correction asks, with its entry; `replayed` is the entry that a recovery lost."""
    match case.kind:
        case CorrectionKind.ANNUL:
            done = await annul(connection, case)
        case CorrectionKind.MEMBER_LEFT:
            done = await member_left(connection, case)
        case CorrectionKind.RECTIFY:
            done = await rectify(connection, case)
        case CorrectionKind.LIFT:
            done = await lift(connection, case)
        case CorrectionKind.RESTRICT | CorrectionKind.OBJECT:
            done = await restrict(connection, case)
    await write_notices(connection, done.notices)
    rows, freed = GroupRows(), []
    for one in done.frees:
        more, set_free = await free_held(
            connection, one, case.book, case.tools, case.trace, case.now
        )
        rows.parts += more.parts
        rows.leaves += more.leaves
        freed += set_free
        for recipient, exchanges in more.mailbox.items():
            rows.mailbox.setdefault(recipient, []).extend(exchanges)
    for recipient, exchanges in done.notices.mailbox.items():
        rows.mailbox.setdefault(recipient, []).extend(exchanges)
    rows.leaves[:0] = [correction_leaf(case, replayed), *done.leaves, *done.notices.leaves]
    await write_released(connection, rows, freed)


async def _lines(connection: Connection, new: NewCorrection, case: Case) -> list[narrowing.Line]:
    """What of a correction must not be forgotten with a backup that is put back."""
    lines = await narrowing.corrected(
        connection,
        new,
        exchange=case.subject.exchange,
        flow=case.subject.flow,
        purpose=None if case.flow is None else case.flow.purpose,
        person=None if case.person is None else case.person.subject,
        is_protected=case.subject.is_protected,
    )
    if case.values is not None and case.values.makes_secret:
        lines.append(narrowing.made_secret(case.subject.exchange, new.recorded_at))
    return lines


_MAY_FREE = (CorrectionKind.LIFT, CorrectionKind.MEMBER_LEFT, CorrectionKind.RECTIFY)
_OF_A_PERSON = (CorrectionKind.LIFT, CorrectionKind.RESTRICT, CorrectionKind.OBJECT)


def gives_bsn(flow: Flow | None) -> bool:
    """Whether a flow hands its recipient the BSN itself."""
    if flow is None:
        return False
    return flow.fields.get("lid.burgerservicenummer") is Treatment.IDENTIFY


def _is_party(partner: str, subject: Subject) -> bool:
    """Who sent it, or who was handed it; to all others it does not exist, nor does a refusal."""
    if subject.kind in (UNREADABLE, NOTICE) or subject.state == REFUSED:
        return False
    return partner == subject.sender or (partner == subject.recipient and subject.is_released)


async def _own(
    connection: Connection, partner: str, exchange: UUID | None, apart: Apart
) -> Subject:
    """An exchange of this partner's. Raises `UnknownExchangeError`."""
    subject = None
    if exchange is not None:
        subject = await store.corrected(connection, exchange, locks=False)
    if subject is None or not _is_party(partner, subject):
        raise UnknownExchangeError("exchange")
    if subject.is_protected:
        apart()
    return subject


async def _flow_of(connection: Connection, book: RuleBook, subject: Subject) -> Flow | None:
    compiled = book.flows.get(subject.flow or "")
    if compiled is not None:
        return compiled.flow
    return await flow_then(connection, subject.protocol, subject.flow)


def _receipt(stored: StoredCorrection) -> CorrectionReceipt:
    return CorrectionReceipt(
        correction_id=stored.id,
        exchange_id=stored.about,
        kind=CorrectionKind(stored.kind),
        entry_id=stored.entry,
        recorded_at=stored.recorded_at,
    )


def correction_leaf(case: Case, replayed: str | None = None) -> Leaf:
    """Everybody whom the exchange concerns, or the one whose right it is."""
    millis = int(case.now.timestamp() * 1000)
    whom = case.whom
    if case.kind in _OF_A_PERSON and case.person is not None:
        whom = [case.person]
    subject = case.subject
    details: dict[str, object] = {"correction": case.kind.value, "sender": case.partner}
    if replayed is not None:
        details["replays"] = replayed
    entry = write_entry(
        EntryHead(case.entry, Event.CORRECTION, case.trace, subject.exchange, millis, millis),
        case.book.facts(subject.flow if subject.flow in case.book.flows else None),
        [commitment(one.key, case.entry, one.subject) for one in whom],
        details,
    )
    log = BESCHERMD if subject.is_protected else None
    return Leaf(leaf_hash(entry), entry, [one.subject for one in whom], log)
