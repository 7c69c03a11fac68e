"""What the client keeps for its partner without being asked: a checkpoint, and every receipt.

Bound to the partner's folder; a client made of credentials that have none keeps nothing. The order
is what counts: a receipt is on disk before the caller has the answer, and the log is compared
before the next message goes out. Proofs are fetched in the background, a few at a time, for as
long as the session lasts; `sluis receipts check` fetches what is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from gateway.client.checkpoints import EvidenceError
from gateway.client.errors import Contradicted, SluisError
from gateway.client.memory import CheckpointMemory
from gateway.client.proving import Checked, Standing, prove, verify_receipt
from gateway.client.receipts import KeptAnswer, ReceiptBook
from gateway.client.watch import Ask, LogWatch
from schemas.deliveries import RecordOutcome
from schemas.receipts import Answer

_PAUSE_SECONDS = 1.0
_SOME = 20
"""Proofs asked for between two pauses: a background that nobody notices."""
_MOST_OPEN = 2000
"""Promises that a session follows; the rest is for `sluis receipts check`."""


class Keeping:
    """One session's memory of one gateway."""

    def __init__(self, partner_folder: Path, ask: Ask) -> None:
        self.watch = LogWatch(CheckpointMemory(partner_folder), ask)
        self.book = ReceiptBook(partner_folder)
        self._ask = ask
        self._open: list[KeptAnswer] = []
        self._proving: asyncio.Task[None] | None = None
        self._alarm: Contradicted | None = None

    async def before_call(self) -> None:
        """Raise `Contradicted` where the log, or a receipt, showed itself untrue."""
        if self._alarm is not None:
            raise self._alarm
        await self.watch.before_call()

    def heard(self, header: str | None) -> None:
        """What an answer says of the log."""
        self.watch.heard(header)

    async def answered(self, answer: Answer, body: bytes) -> None:
        """Keep an answer to `body`; on disk when this returns."""
        kept = await self.book.keep_answer(answer)
        if self.watch.key is not None:
            try:
                verify_receipt(answer, self.watch.key, body)
            except EvidenceError as error:
                self._alarm = self._untrue(answer, str(error))
                return
        if len(self._open) < _MOST_OPEN:
            self._open.append(kept)
            if self._proving is None or self._proving.done():
                self._proving = asyncio.create_task(self._prove())

    async def decided(self, delivery: UUID, outcomes: Sequence[RecordOutcome]) -> None:
        """Keep what was decided on a page of a delivery's records."""
        await self.book.keep_outcomes(delivery, outcomes)

    async def end(self) -> None:
        """The session is over: what can still be compared is; raise `Contradicted`."""
        await self.stop()
        if self._alarm is not None:
            raise self._alarm
        await self.watch.at_end()

    async def stop(self) -> None:
        """End the background work alone."""
        if self._proving is not None:
            self._proving.cancel()
            await asyncio.wait([self._proving])

    async def _prove(self) -> None:
        while self._open and self._alarm is None:
            await asyncio.sleep(_PAUSE_SECONDS)
            some, self._open = self._open[:_SOME], self._open[_SOME:]
            try:
                checked = await prove(some, self._ask, self.watch, self.book)
            except (SluisError, EvidenceError, OSError):
                # Nothing is concluded from a road that fails, or a disk that is full.
                self._open = [*some, *self._open]
                continue
            self._judge(checked)

    def _judge(self, checked: Sequence[Checked]) -> None:
        for one in checked:
            match one.standing:
                case Standing.WAITING:
                    self._open.append(one.kept)
                case Standing.OVERDUE:
                    self._alarm = self._untrue(one.kept.answer, "it is not in the log in time")
                case Standing.BROKEN:
                    self._alarm = self._untrue(one.kept.answer, one.rule)
                case _:
                    pass

    def _untrue(self, answer: Answer, rule: str) -> Contradicted:
        told = f"the receipt of exchange {answer.exchange_id} does not hold: {rule}"
        return Contradicted(told, self.book.folder)
