"""A decision to erase somebody (vernietiging), from the request to the day that nothing opens.

1. Plan: what would go, what stays and on which ground, whom to notify; counts, no identifiers.
2. Decide: a privacy officer signs ground, capacity of who asked, case and classes; where the
   protocol asks two signatures, another person signs the same (invariant 11).
3. Carry out (`carrying_out.py`): recipients are told first, and then
4. one transaction erases (`erasure.py`), with a line in the journal before it commits.

Whoever asks for another is looked for in the register of authority; unknown means no (invariant 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import orjson

from consent.register import amsterdam_day
from gateway.exchange.asking import Capacity, Request, check_request, is_under_16
from gateway.exchange.erasure_steps import (
    ErasureTools,
    Opened,
    UnknownDecisionError,
    WrongStepError,
    about_person,
    at_step,
    in_turns,
    signed_of,
    step_leaf,
)
from gateway.exchange.exceptions import SealedNote, open_note, seal_note
from gateway.exchange.proof import evidence_of
from gateway.exchange.retention_classes import RetentionTable, retention_table
from gateway.exchange.rules import RuleBook
from gateway.identity.acts import Act, Sign, check_officer, check_second, may_look, signed_act
from gateway.identity.approvals import whole_second
from gateway.store import erasing as store
from gateway.store.consents import subject_of
from gateway.store.erasing import (
    Disclosed,
    Held,
    NewDecision,
    StoredDecision,
    StoredSignature,
    ToldOf,
)
from gateway.store.groups import VERWERKINGEN, Connection, append_leaves
from gateway.store.ids import new_id
from gateway.store.proof import (
    KeptConsent,
    KeptDisclosure,
    KeptPerson,
    kept_by_handle,
    kept_classes,
    kept_consents,
    kept_disclosures,
)
from gateway.vault.boxes import PROOF, Nonces, SealBrokenError, WrappedKey

LISTED = 1000
_REQUEST = b"verzoek"
_ALL = UUID(int=0)
"""Signed in the place of a decision by who looks into what is kept."""


class Ground(StrEnum):
    """Why somebody is erased: AVG art. 17 lid 1, or a term of keeping that ran out."""

    NOT_NEEDED = "a-niet-meer-nodig"
    WITHDRAWN = "b-toestemming-ingetrokken"
    OBJECTION = "c-bezwaar"
    UNLAWFUL = "d-onrechtmatig"
    LEGAL_DUTY = "e-wettelijke-verplichting"
    CHILD_SERVICE = "f-dienst-aan-kind"
    TERM_OVER = "bewaartermijn-verstreken"


class UnknownPersonError(Exception):
    """The gateway has nothing of this person; there is nothing to decide on."""


class DecisionExistsError(Exception):
    """A decision about this person is still to be carried out; `decision` is its id."""

    def __init__(self, decision: UUID) -> None:
        super().__init__("a decision about this person is still to be carried out")
        self.decision = decision


class Plan(NamedTuple):
    """What would go and what stays; counts, and no identifiers."""

    held: Held
    disclosed: list[Disclosed]
    laws: list[str]
    decision: UUID | None
    is_under_16: bool


class Shown(NamedTuple):
    """A decision with everything about it; `request` is None where it does not open.

    `kept` are the classes that stay of whoever was erased, with their dates.
    """

    decision: StoredDecision
    signatures: list[StoredSignature]
    told: list[ToldOf]
    request: Request | None
    disclosed: list[Disclosed]
    laws: list[str]
    kept: dict[str, date]
    has_emergencies: bool


class Proof(NamedTuple):
    """What is kept of one erasure of a person; evidence as it was written."""

    classes: dict[str, date]
    consents: list[tuple[KeptConsent, str | None]]
    disclosures: list[KeptDisclosure]


class Erasing:
    """Takes decisions to erase and carries them out."""

    def __init__(self, opened: Opened, tools: ErasureTools) -> None:
        self._opened = opened
        self._tools = tools

    async def plan(self, handle: bytes, officer_id: str, sign: Sign) -> Plan:
        """1. What erasing this person would do. Raises `UnknownPersonError` or `MayNotActError`."""

        async def work(connection: Connection, book: RuleBook) -> Plan:
            await self._look(connection, _ALL, officer_id, sign)
            subject = await _known(connection, handle)
            disclosed = await store.disclosed_of(connection, subject)
            person = await about_person(connection, self._tools, subject)
            return Plan(
                await store.held_of(connection, subject),
                disclosed,
                _laws(disclosed, book, retention_table()),
                await store.open_decision(connection, subject),
                is_under_16(
                    None if person is None else person.facts, amsterdam_day(self._tools.clock())
                ),
            )

        return await in_turns(self._opened, work)

    async def decide(
        self,
        handle: bytes,
        ground: Ground,
        request: Request,
        case: str,
        also: frozenset[str],
        officer_id: str,
        sign: Sign,
    ) -> StoredDecision:
        """2. Record a decision with its first signature. `also` are classes that would else stay.

        Raises `UnknownPersonError`, `MayNotAskError`, `MayNotActError` or `DecisionExistsError`.
        """

        async def work(connection: Connection, book: RuleBook) -> StoredDecision:
            now = whole_second(self._tools.clock())
            officer = check_officer(await store.officer_of(connection, officer_id), now)
            subject = await _known(connection, handle)
            await self._check(connection, book, subject, request, ground, now)
            number, entry = new_id(), new_id()
            sealed = self._seal(number, request, now)
            decision = NewDecision(
                number, subject, ground.value, request.capacity.value, case,
                sorted(retention_table().erased | also), book.protocol.erasure_signatures,
                book.protocol.erasure_wait_days, *sealed, now, entry,
            )  # fmt: skip
            if not await store.insert_decision(connection, decision):
                earlier = await store.open_decision(connection, subject)
                raise DecisionExistsError(earlier or number)
            stored = StoredDecision(*decision, None, None, None, None, None)
            signature = signed_act(officer, Act.ERASE, number, now, signed_of(stored), sign)
            await store.insert_signature(
                connection, number, StoredSignature(officer.id, Act.ERASE, now, signature)
            )
            await self._log(connection, book, stored, "besloten", now, entry)
            return stored

        return await in_turns(self._opened, work)

    async def confirm(self, decision: UUID, officer_id: str, sign: Sign) -> StoredDecision:
        """2. The second signature, of another person.

        Raises `UnknownDecisionError`, `WrongStepError` or `MayNotActError`.
        """

        async def work(connection: Connection, book: RuleBook) -> StoredDecision:
            now = whole_second(self._tools.clock())
            found = await at_step(connection, decision, is_ordered=False)
            signatures = await store.signatures_of(connection, decision)
            first = next(one for one in signatures if one.act == Act.ERASE)
            by = await store.officer_of(connection, first.officer)
            assert by is not None  # noqa: S101  # the signature refers to their row
            officer = check_second(await store.officer_of(connection, officer_id), by, now)
            signature = signed_act(officer, Act.ERASE_TOO, decision, now, signed_of(found), sign)
            mine = StoredSignature(officer.id, Act.ERASE_TOO, now, signature)
            if not await store.insert_signature(connection, decision, mine):
                raise WrongStepError("the decision was signed so before")
            await self._log(connection, book, found, "meebesloten", now)
            return found

        return await in_turns(self._opened, work)

    async def withdraw(self, decision: UUID, officer_id: str, sign: Sign) -> None:
        """Let a decision be, as long as nobody was told.

        Raises `UnknownDecisionError`, `WrongStepError` or `MayNotActError`.
        """

        async def work(connection: Connection, book: RuleBook) -> None:
            now = whole_second(self._tools.clock())
            found = await at_step(connection, decision, is_ordered=False)
            officer = check_officer(await store.officer_of(connection, officer_id), now)
            signed_act(officer, Act.WITHDRAW_ERASURE, decision, now, signed_of(found), sign)
            await store.note_withdrawn(connection, decision, now)
            await self._log(connection, book, found, "ingetrokken", now)

        await in_turns(self._opened, work)

    async def listed(self) -> list[StoredDecision]:
        """The newest decisions, those under way first."""

        async def work(connection: Connection, _: RuleBook) -> list[StoredDecision]:
            return await store.decisions(connection, LISTED)

        return await in_turns(self._opened, work)

    async def shown(self, decision: UUID, officer_id: str, sign: Sign) -> Shown:
        """One decision with everything about it.

        Raises `UnknownDecisionError` or `MayNotActError`.
        """

        async def work(connection: Connection, book: RuleBook) -> Shown:
            await self._look(connection, decision, officer_id, sign)
            found = await store.decision_of(connection, decision)
            if found is None:
                raise UnknownDecisionError("there is no decision with this id")
            await about_person(connection, self._tools, found.subject)
            held = await store.held_of(connection, found.subject)
            disclosed = await store.disclosed_of(connection, found.subject)
            return Shown(
                found,
                await store.signatures_of(connection, decision),
                await store.tellings_of(connection, decision),
                self._opened_request(found),
                disclosed,
                _laws(disclosed, book, retention_table()),
                await kept_classes(connection, found.subject),
                bool(held.emergencies),
            )

        return await in_turns(self._opened, work)

    async def proof(self, handle: bytes, officer_id: str, sign: Sign) -> list[Proof]:
        """What is kept of a person who was erased, to prove something by and for nothing else.

        One for each time that they were erased. Raises `MayNotActError`.
        """

        async def work(connection: Connection, _: RuleBook) -> list[Proof]:
            now = whole_second(self._tools.clock())
            officer = check_officer(await store.officer_of(connection, officer_id), now)
            signed_act(officer, Act.READ_PROOF, _ALL, now, {}, sign)
            kept = await kept_by_handle(connection, self._tools.proofs.of(handle))
            return [await self._proof(connection, one) for one in kept]

        return await in_turns(self._opened, work)

    async def _look(
        self, connection: Connection, decision: UUID, officer_id: str, sign: Sign
    ) -> None:
        """Who looks proves it by their key: a privacy officer, or the FG."""
        now = whole_second(self._tools.clock())
        officer = may_look(await store.officer_of(connection, officer_id), now)
        signed_act(officer, Act.READ_ERASURE, decision, now, {}, sign)

    async def _proof(self, connection: Connection, one: KeptPerson) -> Proof:
        wrapped = WrappedKey(one.epoch, one.wrapped)
        key = self._tools.vault.unwrap(one.subject, PROOF, wrapped)
        self._tools.about([(one.subject, key)])
        consents = await kept_consents(connection, one.subject)
        disclosures = await kept_disclosures(connection, one.subject)
        return Proof(
            one.classes, [(consent, evidence_of(consent, key)) for consent in consents], disclosures
        )

    async def _check(
        self,
        connection: Connection,
        book: RuleBook,
        subject: UUID,
        request: Request,
        ground: Ground,
        now: datetime,
    ) -> None:
        person = await about_person(connection, self._tools, subject)
        requester = None
        if request.requester is not None:
            requester = await subject_of(connection, request.requester)
        facts = None if person is None else person.facts
        check_request(
            request.capacity, requester, facts, amsterdam_day(now), book.protocol.authority_days,
            by_itself=ground in _BY_ITSELF,
        )  # fmt: skip

    def _seal(self, decision: UUID, request: Request, now: datetime) -> SealedNote:
        told = orjson.dumps({"identifiedBy": request.identified_by})
        return seal_note(self._tools.vault, decision, told, _REQUEST, Nonces().take(), now)

    def _opened_request(self, decision: StoredDecision) -> Request | None:
        note = SealedNote(decision.epoch, decision.wrapped, decision.request)
        try:
            told = orjson.loads(open_note(self._tools.vault, decision.id, note, _REQUEST))
        except SealBrokenError:
            return None
        return Request(Capacity(decision.capacity), told["identifiedBy"])

    async def _log(
        self,
        connection: Connection,
        book: RuleBook,
        decision: StoredDecision,
        step: str,
        now: datetime,
        entry_id: UUID | None = None,
    ) -> None:
        leaf = await step_leaf(connection, self._tools, book, decision, step, now, entry_id)
        await append_leaves(connection, VERWERKINGEN, [leaf])


_BY_ITSELF = (Ground.TERM_OVER, Ground.UNLAWFUL, Ground.LEGAL_DUTY)
"""Grounds on which the municipality erases without being asked."""


async def _known(connection: Connection, handle: bytes) -> UUID:
    subject = await subject_of(connection, handle)
    if subject is None:
        raise UnknownPersonError("the gateway has nothing of this person")
    return subject


def _laws(disclosed: Sequence[Disclosed], book: RuleBook, table: RetentionTable) -> list[str]:
    flows = [flow.flow for one in disclosed if (flow := book.flows.get(one.flow or "")) is not None]
    return [law.id for law in table.laws_of(flows)]
