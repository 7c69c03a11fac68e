"""Carrying out a decision to erase: recipients first, and then the transaction that erases.

From the order on nothing more is handed over of the person. Every recipient who got something is
told to erase it (GDPR article 19), by a notice that is sealed for nobody in particular and outlives
the person; who may never be notified of them is not. The erasure goes on once all have
acknowledged, or after the protocol's days (ADR 0018); a running gateway does that by itself.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from gateway.audit.access import new_trace
from gateway.exchange.deciding import MAX_TRIES
from gateway.exchange.epochs import backups_until
from gateway.exchange.erasure import Cause, Erased, erase_person
from gateway.exchange.erasure_steps import (
    ErasureTools,
    Opened,
    WrongStepError,
    about_person,
    at_step,
    check_signatures,
    in_turns,
    step_leaf,
)
from gateway.exchange.notices import Topic, Whom, add_notice
from gateway.exchange.persons import read_persons
from gateway.exchange.proof import BREACH, CONSENT, Keeping
from gateway.exchange.repeating import Repeated
from gateway.exchange.rules import RuleBook
from gateway.identity.acts import MayNotActError
from gateway.store import erasing as store
from gateway.store.consents import lock_persons, raise_gate
from gateway.store.corrections import restrict
from gateway.store.erasing import NewTelling, StoredDecision
from gateway.store.erasure import company_of
from gateway.store.groups import Connection, Leaf, NewSubject, admit_subjects
from gateway.store.ids import new_id
from gateway.store.notices import NoticeRows, Told, lock_told, write_notice_heads, write_notices
from gateway.store.protected import never_notified
from gateway.telemetry import Telemetry
from gateway.vault.boxes import CONTENT
from gateway.vault.keys import epoch_of
from schemas.notices import Advice, AdviceRule, NoticeKind

AT_ONCE = 100
EVERY_SECONDS = 60.0


class Progress(NamedTuple):
    """How far a decision is: erased, or waiting for these until then."""

    erased: Erased | None
    waits_for: list[str]
    until: datetime


class CarryingOut:
    """Carries decisions out."""

    def __init__(self, opened: Opened, tools: ErasureTools) -> None:
        self._opened = opened
        self._tools = tools

    async def carry_out(self, decision: UUID) -> Progress:
        """3 and 4. Tell recipients, and erase once they know or the days are over.

        Done again, it goes on where it was. Raises `UnknownDecisionError`, `WrongStepError` or
        `MayNotActError` where a signature is missing or is not the officer's.
        """
        for _ in range(MAX_TRIES):
            found = await in_turns(
                self._opened, lambda connection, book: self._tell(connection, book, decision)
            )
            until = found.until
            if found.waits_for and self._tools.clock() < until:
                return found
            erased = await in_turns(
                self._opened, lambda connection, book: self._erase(connection, book, decision)
            )
            if erased is not None:
                return Progress(erased, [], until)
        return found

    async def due(self) -> list[UUID]:
        """The decisions that were ordered and are still to be carried out."""

        async def work(connection: Connection, _: RuleBook) -> list[UUID]:
            return await store.ordered_decisions(connection, AT_ONCE)

        return await in_turns(self._opened, work)

    async def _tell(self, connection: Connection, book: RuleBook, decision: UUID) -> Progress:
        """3. Bar the person from everything, and tell every recipient that was not told yet."""
        found = await at_step(connection, decision)
        await check_signatures(connection, found)
        now = self._tools.clock()
        ordered = found.ordered_at or now
        until = ordered + timedelta(days=found.wait_days)
        leaves: list[Leaf] = []
        if await lock_persons(connection, [found.subject]):
            if found.ordered_at is None:
                await _bar(connection, found, book, now)
                leaves.append(
                    await step_leaf(connection, self._tools, book, found, "aangezegd", now)
                )
            rows = await self._notices(connection, book, found, now)
            await write_notices(connection, rows)
            rows.leaves[:0] = leaves
            await store.note_ordered(connection, decision, ordered)
            await _note_tellings(connection, decision, rows)
            await write_notice_heads(connection, rows)
        waits = {
            one.recipient
            for one in await store.tellings_of(connection, decision)
            if one.acknowledged_at is None
        }
        return Progress(None, sorted(waits), until)

    async def _notices(
        self, connection: Connection, book: RuleBook, decision: StoredDecision, now: datetime
    ) -> NoticeRows:
        rows, subject, vault = NoticeRows(), decision.subject, self._tools.vault
        persons = await read_persons(connection, [subject], vault, skips_damaged=True)
        known = await store.told_about(connection, decision.id)
        unsafe = await never_notified(connection, [subject])
        trace = new_trace()
        for told in await lock_told(connection, subject, None):
            if not _must_know(told, known, unsafe):
                continue
            keeper = new_id()
            key, wrapped = vault.new_key(keeper, CONTENT, epoch_of(now))
            await admit_subjects(connection, {}, [NewSubject(keeper, *wrapped)])
            flow = book.flow_to(told.recipient, told.flow)
            advice = Advice(
                rule=AdviceRule.ERASE,
                exchange_id=told.exchange,
                purpose=None if flow is None else flow.flow.purpose,
                member=None if flow is None else flow.domain.pseudonym(subject),
            )
            topic = Topic(
                NoticeKind.ADVICE, told.exchange, told.recipient, told.flow, decision.id, None,
                told.member, told.is_protected,
            )  # fmt: skip
            kept = Whom(0, keeper, key, 0)
            person = persons.get(subject)
            # With a damaged key nobody can commit to the person; their recipients must know.
            whom = kept if person is None else Whom(told.member, subject, person.key, person.gate)
            add_notice(rows, topic, advice, [whom], book, trace, now, keeper=kept)
        return rows

    async def _erase(self, connection: Connection, book: RuleBook, decision: UUID) -> Erased | None:
        """4. The transaction that erases; None where somebody got something since."""
        found = await at_step(connection, decision)
        await check_signatures(connection, found)
        subject, tools, now = found.subject, self._tools, self._tools.clock()
        await lock_persons(connection, {subject, *await company_of(connection, subject)})
        await about_person(connection, tools, subject)
        known = await store.told_about(connection, decision)
        unsafe = await never_notified(connection, [subject])
        told = await lock_told(connection, subject, None)
        if any(_must_know(one, known, unsafe) for one in told):
            return None
        # Before the heads are taken, and before the commit: what happened after this line is done
        # again by a recovery. One of what was not committed after all erases somebody whom officers
        # decided on.
        await tools.journal(subject, now)
        keeping = Keeping(frozenset({CONSENT, BREACH}) - set(found.classes), tools.proofs)
        erased = await erase_person(
            connection, subject, book, tools.vault, new_trace(), now, tools.backup_term,
            keeping=keeping, cause=Cause(decision, found.ground),
        )  # fmt: skip
        if erased is None:
            # Gone already, as after a recovery that did an erasure again: nothing is left to do.
            until = backups_until(now, tools.backup_term)
            await store.note_carried_out(connection, decision, now, None, until)
            return Erased(found.entry, 0, now, until, ())
        await store.note_carried_out(
            connection, decision, now, erased.entry_id, erased.backups_until
        )
        return erased


class DueErasures(Repeated):
    """Goes on with ordered erasures once recipients know or the days are over."""

    def __init__(
        self, carrying_out: CarryingOut, telemetry: Telemetry, *, every: float = EVERY_SECONDS
    ) -> None:
        super().__init__("erasures-wait", telemetry, every)
        self._carrying_out = carrying_out
        self._telemetry = telemetry

    async def turn(self) -> bool:
        """Look at each; never twice without a pause."""
        await self.pass_once()
        return False

    async def pass_once(self) -> int:
        """Carry out what can be; gives how many persons were erased."""
        done = 0
        for decision in await self._carrying_out.due():
            try:
                progress = await self._carrying_out.carry_out(decision)
            except (WrongStepError, MayNotActError) as error:
                # Of one that another process carried out, or whose row was changed: others go on.
                self._telemetry.fault("erasure-not-carried-out", error)
                continue
            if progress.erased is not None:
                done += 1
        if done:
            self._telemetry.log("erasures-carried-out", count=done)
        return done


def _must_know(told: Told, known: AbstractSet[UUID], unsafe: AbstractSet[tuple[UUID, str]]) -> bool:
    """Whether a recipient has something, was not told, and may be."""
    is_unsafe = any(contact == told.recipient for _, contact in unsafe)
    return told.released_at is not None and told.exchange not in known and not is_unsafe


async def _bar(
    connection: Connection, decision: StoredDecision, book: RuleBook, now: datetime
) -> None:
    """Nothing more of the person for any purpose (GDPR article 18), until they are erased."""
    for purpose in sorted({flow.flow.purpose for flow in book.flows.values()}):
        await restrict(connection, decision.subject, purpose, decision.id, now, is_lifted=False)
    await raise_gate(connection, decision.subject)


async def _note_tellings(connection: Connection, decision: UUID, rows: NoticeRows) -> None:
    keepers = {part[0]: part[2] for part in rows.parts}
    await store.insert_tellings(
        connection,
        [
            NewTelling(one.exchange, decision, one.about, one.recipient, keepers[one.exchange])
            for one in rows.notices
        ],
    )
