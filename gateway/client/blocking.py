"""`Sluis`: the same calls without `await`, for scripts and for code that knows no event loop.

It runs `AsyncSluis` on an event loop of its own instead of saying everything twice: one set of
rules for tokens, repeating and paging, tested once. An `asyncio.Runner` rather than a thread, so
that Ctrl-C ends the call at hand; inside a running event loop, use `AsyncSluis`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

import httpx

from gateway.client.api import AsyncSluis
from gateway.client.credentials import Credentials
from gateway.client.logbook import (
    FULL,
    InclusionProof,
    LogKeys,
    LogName,
    LogVolume,
    ProtocolInForce,
)
from gateway.client.mailbox import MAX_PAGE, Page, PageForm, RawPage
from gateway.client.own_format import OwnAnswer
from gateway.client.resuming import Resumed
from gateway.client.transport import Retrying
from gateway.client.upload import Sent
from schemas.casework import (
    Accountability,
    Move,
    MoveReceipt,
    Placement,
    PlacementReceipt,
    StatusMessage,
    WaitingPlacement,
)
from schemas.consents import (
    AuthorityReceipt,
    AuthorityRecord,
    ConsentOverview,
    ConsentQuery,
    ConsentReceipt,
    ConsentRecord,
    ConsentWithdrawal,
)
from schemas.corrections import Correction, CorrectionReceipt
from schemas.deliveries import DeliveryReport, RecordOutcome
from schemas.notices import CorrectionReport, HeldReferral, RecallReport
from schemas.partner_update import PartnerUpdate
from schemas.receipts import Answer
from schemas.referral import Referral
from schemas.registrations import Registration, RegistrationOutcome

T = TypeVar("T")


class Sluis:
    """One partner's way to the gateway; use it as `with Sluis(credentials)`. See `AsyncSluis`."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        retrying: Retrying | None = None,
        road: httpx.AsyncBaseTransport | None = None,
        answer_within: float = 60.0,
        keeps: bool = True,
    ) -> None:
        self._runner = asyncio.Runner()
        self._sluis = AsyncSluis(
            credentials,
            retrying=retrying,
            road=road,
            answer_within=answer_within,
            keeps=keeps,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._run(self._sluis.__aexit__(kind, error, trace))
        finally:
            self._runner.close()

    def close(self) -> None:
        try:
            self._run(self._sluis.close())
        finally:
            self._runner.close()

    def access_token(self) -> str:
        return self._run(self._sluis.access_token())

    def refer(self, referral: Referral) -> Answer:
        return self._run(self._sluis.refer(referral))

    def send_status(self, message: StatusMessage) -> Answer:
        return self._run(self._sluis.send_status(message))

    def account(self, message: Accountability) -> Answer:
        return self._run(self._sluis.account(message))

    def send_update(self, message: PartnerUpdate) -> Answer:
        return self._run(self._sluis.send_update(message))

    def register(self, persons: Sequence[Registration]) -> list[RegistrationOutcome]:
        return self._run(self._sluis.register(persons))

    def end_registrations(self, persons: Sequence[Registration]) -> list[RegistrationOutcome]:
        return self._run(self._sluis.end_registrations(persons))

    def tell_move(self, move: Move) -> MoveReceipt:
        return self._run(self._sluis.tell_move(move))

    def place(self, placement: Placement) -> PlacementReceipt:
        return self._run(self._sluis.place(placement))

    def waiting_placements(self, size: int = MAX_PAGE) -> Iterator[WaitingPlacement]:
        return self._each(self._sluis.waiting_placements(size))

    def record_consent(self, record: ConsentRecord) -> ConsentReceipt:
        return self._run(self._sluis.record_consent(record))

    def withdraw_consent(self, consent: UUID, withdrawal: ConsentWithdrawal) -> ConsentReceipt:
        return self._run(self._sluis.withdraw_consent(consent, withdrawal))

    def recorded_consents(self, query: ConsentQuery) -> ConsentOverview:
        return self._run(self._sluis.recorded_consents(query))

    def recall_report(self, consent: UUID) -> RecallReport:
        return self._run(self._sluis.recall_report(consent))

    def state_authority(self, record: AuthorityRecord) -> AuthorityReceipt:
        return self._run(self._sluis.state_authority(record))

    def deliver(
        self,
        source: Path | AsyncIterator[bytes],
        media_type: str | None = None,
        sent: Sent | None = None,
        resumed: Resumed | None = None,
    ) -> DeliveryReport:
        return self._run(self._sluis.deliver(source, media_type, sent, resumed))

    def report(self, delivery: UUID) -> DeliveryReport:
        return self._run(self._sluis.report(delivery))

    def wait(
        self, delivery: UUID, progress: Callable[[DeliveryReport], None] | None = None
    ) -> DeliveryReport:
        return self._run(self._sluis.wait(delivery, progress))

    def outcomes(self, delivery: UUID, after: int = 0) -> Iterator[RecordOutcome]:
        return self._each(self._sluis.outcomes(delivery, after))

    def own_outcome(self, delivery: UUID, media_type: str) -> bytes:
        return self._run(self._sluis.own_outcome(delivery, media_type))

    def tell(self, message: bytes, media_type: str) -> OwnAnswer:
        return self._run(self._sluis.tell(message, media_type))

    def page(
        self,
        after: str | None = None,
        size: int = MAX_PAGE,
        form: PageForm = PageForm.LINES,
        wait: int = 0,
    ) -> Page:
        return self._run(self._sluis.page(after, size, form, wait))

    def pages(
        self,
        after: str | None = None,
        size: int = MAX_PAGE,
        form: PageForm = PageForm.LINES,
        wait: int = 0,
    ) -> Iterator[Page]:
        return self._each(self._sluis.pages(after, size, form, wait))

    def raw_page(
        self,
        after: str | None = None,
        size: int = MAX_PAGE,
        form: PageForm = PageForm.LINES,
        wait: int = 0,
    ) -> RawPage:
        return self._run(self._sluis.raw_page(after, size, form, wait))

    def status_file(self, after: str | None = None) -> RawPage:
        return self._run(self._sluis.status_file(after))

    def acknowledge(self, cursor: str) -> int:
        return self._run(self._sluis.acknowledge(cursor))

    def held(self, size: int = MAX_PAGE) -> Iterator[HeldReferral]:
        return self._each(self._sluis.held(size))

    def correct(self, correction: Correction) -> CorrectionReceipt:
        return self._run(self._sluis.correct(correction))

    def correction(self, correction: UUID) -> CorrectionReport:
        return self._run(self._sluis.correction(correction))

    def protocol(self) -> ProtocolInForce:
        return self._run(self._sluis.protocol())

    def volumes(self, log: LogName = LogName.PROCESSING) -> list[LogVolume]:
        return self._run(self._sluis.volumes(log))

    def checkpoint(self, log: LogName = LogName.PROCESSING, volume: str | None = None) -> bytes:
        return self._run(self._sluis.checkpoint(log, volume))

    def witnessed_checkpoint(
        self, log: LogName = LogName.PROCESSING, volume: str | None = None
    ) -> bytes:
        return self._run(self._sluis.witnessed_checkpoint(log, volume))

    def tile(
        self,
        level: int,
        index: int,
        width: int = FULL,
        log: LogName = LogName.PROCESSING,
        volume: str | None = None,
    ) -> bytes:
        return self._run(self._sluis.tile(level, index, width, log, volume))

    def entries(
        self,
        index: int,
        width: int = FULL,
        log: LogName = LogName.PROCESSING,
        volume: str | None = None,
    ) -> bytes:
        return self._run(self._sluis.entries(index, width, log, volume))

    def proof(self, leaf_hash: bytes, log: LogName = LogName.PROCESSING) -> InclusionProof:
        return self._run(self._sluis.proof(leaf_hash, log))

    def log_keys(self) -> LogKeys:
        return self._run(self._sluis.log_keys())

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(call)

    def _each(self, source: AsyncIterator[T]) -> Iterator[T]:
        async def step() -> T:
            return await anext(source)

        while True:
            try:
                item = self._run(step())
            except StopAsyncIteration:
                return
            yield item
