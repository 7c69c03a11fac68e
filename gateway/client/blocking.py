"""`Sluis`: the same calls without `await`, for scripts and for code that knows no event loop.

It runs `AsyncSluis` on an event loop of its own instead of saying everything twice: one set of
rules for tokens, repeating and paging, tested once. An `asyncio.Runner` rather than a thread, so
that Ctrl-C ends the call at hand; inside a running event loop, use `AsyncSluis`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

import httpx

from gateway.client.api import AsyncSluis
from gateway.client.credentials import Credentials
from gateway.client.logbook import FULL, InclusionProof, LogKeys, ProtocolInForce
from gateway.client.mailbox import MAX_PAGE, Page, PageForm, RawPage
from gateway.client.transport import Retrying
from gateway.client.upload import Sent
from schemas.casework import StatusMessage
from schemas.deliveries import DeliveryReport, RecordOutcome
from schemas.receipts import Answer
from schemas.referral import Referral

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
    ) -> None:
        self._runner = asyncio.Runner()
        self._sluis = AsyncSluis(
            credentials, retrying=retrying, road=road, answer_within=answer_within
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._run(self._sluis.close())
        self._runner.close()

    def access_token(self) -> str:
        return self._run(self._sluis.access_token())

    def refer(self, referral: Referral) -> Answer:
        return self._run(self._sluis.refer(referral))

    def send_status(self, message: StatusMessage) -> Answer:
        return self._run(self._sluis.send_status(message))

    def deliver(
        self, source: Path, media_type: str | None = None, sent: Sent | None = None
    ) -> DeliveryReport:
        return self._run(self._sluis.deliver(source, media_type, sent))

    def report(self, delivery: UUID) -> DeliveryReport:
        return self._run(self._sluis.report(delivery))

    def wait(
        self, delivery: UUID, progress: Callable[[DeliveryReport], None] | None = None
    ) -> DeliveryReport:
        return self._run(self._sluis.wait(delivery, progress))

    def outcomes(self, delivery: UUID, after: int = 0) -> Iterator[RecordOutcome]:
        return self._each(self._sluis.outcomes(delivery, after))

    def page(
        self, after: str | None = None, size: int = MAX_PAGE, form: PageForm = PageForm.LINES
    ) -> Page:
        return self._run(self._sluis.page(after, size, form))

    def pages(
        self, after: str | None = None, size: int = MAX_PAGE, form: PageForm = PageForm.LINES
    ) -> Iterator[Page]:
        return self._each(self._sluis.pages(after, size, form))

    def raw_page(
        self, after: str | None = None, size: int = MAX_PAGE, form: PageForm = PageForm.LINES
    ) -> RawPage:
        return self._run(self._sluis.raw_page(after, size, form))

    def status_file(self, after: str | None = None) -> RawPage:
        return self._run(self._sluis.status_file(after))

    def acknowledge(self, cursor: str) -> int:
        return self._run(self._sluis.acknowledge(cursor))

    def protocol(self) -> ProtocolInForce:
        return self._run(self._sluis.protocol())

    def checkpoint(self) -> bytes:
        return self._run(self._sluis.checkpoint())

    def tile(self, level: int, index: int, width: int = FULL) -> bytes:
        return self._run(self._sluis.tile(level, index, width))

    def entries(self, index: int, width: int = FULL) -> bytes:
        return self._run(self._sluis.entries(index, width))

    def proof(self, leaf_hash: bytes) -> InclusionProof:
        return self._run(self._sluis.proof(leaf_hash))

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
