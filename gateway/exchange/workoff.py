"""Working a delivery off: its records read in order, committed in groups, each outcome kept.

Each group's transaction raises the delivery's progress too, so that after a crash the next record
is the first that was not committed (invariants 1 and 7). One bad record is refused by itself, with
its line (invariant 8): also one that only the database would not take.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import NamedTuple, Self, TypeVar
from uuid import UUID

import asyncpg
import orjson

from adapters.port import Adapter, UnreadableDelivery
from consent.register import AMSTERDAM
from gateway.audit.access import new_trace
from gateway.audit.entries import Trace
from gateway.exchange.arrivals import Arrival, Prints, Recorded, UnreadableRecord
from gateway.exchange.committer import (
    GroupCommitter,
    OverloadedError,
    PoisonedMessageError,
    StorageUnavailableError,
)
from gateway.exchange.group import Message, StandsAloneError
from gateway.exchange.referral import TranslatedReferral, pseudonymise
from gateway.exchange.status import ArrivedStatus
from gateway.pseudonyms.domains import Handles
from gateway.store import deliveries as store
from gateway.store.deliveries import StoredDelivery
from gateway.store.groups import Connection
from gateway.store.ids import new_id
from gateway.telemetry import Telemetry
from gateway.vault.boxes import CONTENT, DataKey, Nonces, Vault, WrappedKey
from schemas.casework import StatusMessage
from schemas.decisions import Outcome, Rule
from schemas.deliveries import DeliveryState, Finding, Problem, Record, Unreadable

_T = TypeVar("_T")
GROUP = 256
SLIP = "strook"
"""Where an outcome that is kept holds what the partner's own answer repeats of the message."""
FIRST = "eerste"
"""And where it holds the rule that decided, of a repeat: its answer is the first one's."""
RETRY_SECONDS = 1.0
READ_AT_ONCE = 64
"""Records read in a row, in a thread; no more than these wait in memory beside a batch."""
YIELD_EVERY = 16
"""Records read between two looks at what else waits: deliveries yield to single messages."""


@dataclass(frozen=True, slots=True)
class DeliveryTools:
    """What deliveries take besides the database."""

    adapters: Mapping[str, Adapter]
    vault: Vault
    handles: Handles
    prints: Prints
    clock: Callable[[], datetime]
    telemetry: Telemetry
    max_bytes: int


class _Told(NamedTuple):
    """What a record's sender is told of it beside the outcome, and what the answer repeats."""

    line: int
    name: str | None
    findings: tuple[Finding, ...]
    slip: str | None


@dataclass(slots=True)
class _Batch:
    """Records read, not yet committed, with what their sender is told of each."""

    messages: list[Message] = field(default_factory=list)
    lines: list[_Told] = field(default_factory=list)
    references: set[bytes] = field(default_factory=set)

    def add(self, message: Message, told: _Told) -> None:
        self.messages.append(message)
        self.lines.append(told)
        self.references.add(message.arrival.reference)


class _Progress:
    """What the transaction that commits a batch says of the delivery; may be written again."""

    def __init__(
        self, delivery: UUID, key: DataKey, batch: _Batch, before: int, tally: Counter[str]
    ) -> None:
        self._delivery = delivery
        self._key = key
        self._batch = batch
        self._before = before
        self._counted = tally
        self.after = before + len(batch.messages)
        self.tally = tally

    async def write(self, connection: Connection, recorded: Sequence[Recorded]) -> None:
        """Outcomes, tally and progress, beside the records themselves."""
        self.tally = self._counted.copy()
        outcomes = []
        for number, (one, line) in enumerate(zip(recorded, self._batch.lines, strict=True), 1):
            outcomes.append(_outcome(self._before + number, one, line))
            _count(self.tally, one, line.findings)
        place = outcome_place(self._delivery, self._before + 1)
        sealed = self._key.seal(orjson.dumps(outcomes), place, Nonces().take())
        counted = orjson.dumps(self.tally).decode()
        await store.advance(connection, self._delivery, self._before, self.after, counted, sealed)


class Run:
    """One delivery being worked off."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        committer: GroupCommitter,
        tools: DeliveryTools,
        delivery: StoredDelivery,
    ) -> None:
        self._pool = pool
        self._committer = committer
        self._tools = tools
        self._delivery = delivery
        wrapped = WrappedKey(delivery.epoch, delivery.wrapped)
        self._key = tools.vault.unwrap(delivery.id, CONTENT, wrapped)
        self._tally: Counter[str] = Counter(orjson.loads(delivery.tally))
        self._committed = delivery.records
        self._trace = trace_from_text(delivery.trace) or new_trace()
        self._batch = _Batch()
        self._under_way: asyncio.Task[None] | None = None

    async def to_the_end(self) -> None:
        """Read every record, commit it, and end the delivery."""
        delivery, tools = self._delivery, self._tools
        error: UnreadableDelivery | None = None
        try:
            await self._read_all()
        except UnreadableDelivery as unreadable:
            error = unreadable
        finally:
            # Also of a file that broke off: what is being committed is told of, not left behind.
            if self._under_way is not None:
                await asyncio.gather(self._under_way, return_exceptions=True)
        state = DeliveryState.DONE if error is None else DeliveryState.UNREADABLE
        reason = None if error is None else f"{error.where}: {error.problem.value}"
        async with self._pool.acquire() as connection, connection.transaction():
            await store.finish(connection, delivery.id, state, reason)
        tools.telemetry.log(
            "delivery-done", delivery=delivery.id, count=self._committed, status=state.value
        )

    async def _read_all(self) -> None:
        delivery, tools = self._delivery, self._tools
        adapter = tools.adapters[delivery.adapter]
        today = delivery.received_at.astimezone(AMSTERDAM).date()
        number = seen = 0
        with _Aside() as aside:
            reader = await aside.do(partial(adapter.readers[delivery.media_type], today))
            async for sealed in store.chunks(self._pool, delivery.id):
                piece = self._key.open(sealed, piece_place(delivery.id, number))
                number += 1
                seen = await self._take(aside.records(partial(reader.feed, piece)), seen)
            await self._take(aside.records(reader.close), seen)
        await self._flush()
        await self._settle()

    async def _take(self, read: AsyncIterator[list[Record]], seen: int) -> int:
        async for records in read:
            for record in records:
                seen += 1
                if seen <= self._delivery.records:
                    continue  # committed before a crash
                message, name = self._message(record)
                is_full = len(self._batch.messages) >= GROUP
                if is_full or message.arrival.reference in self._batch.references:
                    await self._flush()
                self._batch.add(message, _Told(record.line, name, record.findings, record.slip))
                if seen % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
        return seen

    async def _flush(self) -> None:
        """Send a batch off to be committed, and go on reading meanwhile."""
        batch, self._batch = self._batch, _Batch()
        await self._settle()
        if batch.messages:
            self._under_way = asyncio.create_task(self._commit(batch))

    async def _settle(self) -> None:
        if self._under_way is not None:
            task, self._under_way = self._under_way, None
            await task

    async def _commit(self, batch: _Batch) -> None:
        """Commit a batch; where the database will not take it, find the record that it is."""
        while True:
            progress = _Progress(self._delivery.id, self._key, batch, self._committed, self._tally)
            try:
                await self._committer.submit_batch(batch.messages, progress.write)
            except (OverloadedError, StorageUnavailableError) as error:
                self._tools.telemetry.fault("delivery-waits", error, delivery=self._delivery.id)
                await asyncio.sleep(RETRY_SECONDS)
            except StandsAloneError as error:
                for run in _runs(batch, error):
                    await self._commit(run)
                return
            except PoisonedMessageError:
                if len(batch.messages) == 1:
                    if isinstance(batch.messages[0], UnreadableRecord):
                        # Not even its refusal can be recorded: no fault of the record's.
                        await asyncio.sleep(RETRY_SECONDS)
                    else:
                        batch = self._refused(batch)
                    continue
                middle = len(batch.messages) // 2
                for part in (slice(None, middle), slice(middle, None)):
                    await self._commit(_Batch(batch.messages[part], batch.lines[part]))
                return
            else:
                self._committed, self._tally = progress.after, progress.tally
                return

    def _refused(self, batch: _Batch) -> _Batch:
        told = batch.lines[0]
        arrival = self._arrival(b"", new_id().bytes, ())
        refused = _Batch()
        refused.add(UnreadableRecord(arrival, told.findings), told)
        return refused

    def _message(self, record: Record) -> tuple[Message, str | None]:
        if isinstance(record, Unreadable):
            arrival = self._arrival(b"", new_id().bytes, ())
            return UnreadableRecord(arrival, record.findings), record.reference
        message = record.message
        body = message.model_dump_json(by_alias=True, exclude_none=True).encode()
        printed = self._tools.prints.reference(self._delivery.sender, message.reference)
        if isinstance(message, StatusMessage):
            return ArrivedStatus(self._arrival(body, printed, ()), message), message.reference
        findings = tuple(sorted({finding.field for finding in record.findings}))
        arrival = self._arrival(body, printed, findings, record.number)
        translated = TranslatedReferral(arrival, message)
        return pseudonymise(translated, self._tools.handles), message.reference

    def _arrival(
        self,
        body: bytes,
        reference: bytes,
        findings: tuple[str, ...],
        number: str | None = None,
    ) -> Arrival:
        prints, sender, exchange = self._tools.prints, self._delivery.sender, new_id()
        return Arrival(
            exchange,
            sender,
            reference,
            prints.body(sender, body),
            prints.commitment(exchange, body),
            self._delivery.received_at,
            self._trace,
            findings,
            len(body),
            prints.number(sender, number),
        )


class _Aside:
    """The thread beside the event loop in which one delivery's reader lives, from first to last.

    A format that can only be read whole, such as a workbook, takes seconds over a hostile file;
    everybody else's requests are answered meanwhile. One thread, since what libxml2 parses shares
    a dictionary with all else of the thread that its parser was made in, and nothing guards that:
    fed from another, it corrupts memory.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reading")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Not waited for: who is cancelled must not hold up the event loop.
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def do(self, work: Callable[[], _T]) -> _T:
        """Have it done there."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def records(self, read: Callable[[], Iterable[Record]]) -> AsyncIterator[list[Record]]:
        """Records as the reader finds them, some at a time."""
        reading = _Reading(read)
        while not reading.is_done:
            records = await self.do(reading.some)
            if records:
                yield records
        if reading.error is not None:
            raise reading.error


class _Reading:
    """One call to a reader, taken in steps; what it raises comes after the records before it."""

    def __init__(self, read: Callable[[], Iterable[Record]]) -> None:
        self._read = read
        self._records: Iterator[Record] | None = None
        self.is_done = False
        self.error: UnreadableDelivery | None = None

    def some(self) -> list[Record]:
        """The next records, at most `READ_AT_ONCE`."""
        found: list[Record] = []
        try:
            if self._records is None:
                self._records = iter(self._read())
            found.extend(islice(self._records, READ_AT_ONCE))
            self.is_done = len(found) < READ_AT_ONCE
        except UnreadableDelivery as error:
            self.error, self.is_done = error, True
        return found


def piece_place(delivery: UUID, number: int) -> bytes:
    return b"%b/piece/%d" % (delivery.bytes, number)


def trace_as_text(trace: Trace | None) -> str | None:
    """A trace as it is kept with a delivery."""
    return None if trace is None else "-".join(part for part in trace if part is not None)


def trace_from_text(text: str | None) -> Trace | None:
    """The trace that was kept: what is recorded of a delivery goes on in its request's."""
    return None if text is None else Trace(*text.split("-"))


def outcome_place(delivery: UUID, first: int) -> bytes:
    return b"%b/outcome/%d" % (delivery.bytes, first)


def _runs(batch: _Batch, error: StandsAloneError) -> Iterator[_Batch]:
    """A batch cut where its protected exchanges stand, in order: progress counts from the first."""
    run = _Batch()
    for message, line in zip(batch.messages, batch.lines, strict=True):
        is_alone = message.arrival.exchange in error.exchanges
        if is_alone and run.messages:
            yield run
            run = _Batch()
        run.messages.append(message)
        run.lines.append(line)
        if is_alone:
            yield run
            run = _Batch()
    if run.messages:
        yield run


def _outcome(record: int, one: Recorded, told: _Told) -> dict[str, object]:
    """A record's outcome in its wire form, see `schemas.deliveries.RecordOutcome`.

    `strook` stands beside it while it is kept, where the partner's format has an answer of its own.
    """
    kept: dict[str, object] = {} if told.slip is None else {SLIP: told.slip}
    if told.slip is not None and one.is_repeat:
        kept[FIRST] = one.rule
    return {
        **kept,
        "record": record,
        "regel": told.line,
        "kenmerk": told.name,
        "besluit": one.outcome,
        "regelcode": Rule.DUPLICATE if one.is_repeat else one.rule,
        "veld": one.field,
        "uitwisselingId": str(one.exchange),
        "bevindingen": [
            {"regel": f.line, "veld": f.field, "bevinding": f.problem} for f in told.findings
        ],
    }


def _count(tally: Counter[str], one: Recorded, findings: Sequence[Finding]) -> None:
    if one.is_repeat:
        tally["dubbel"] += 1
    elif one.outcome is Outcome.REFUSED:
        tally[f"geweigerd/{one.rule}"] += 1
    else:
        tally[one.outcome.value] += 1
    for finding in findings:
        if finding.problem in _LACKING:
            tally[f"ontbrekend/{finding.field}: {finding.problem}"] += 1


_LACKING = (Problem.MISSING, Problem.INCOMPLETE)
