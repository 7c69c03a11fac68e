"""Group commit: whatever queued while the last commit ran becomes the next transaction.

No timer: an idle gateway commits one message at once, a busy one up to 256 together. A message
that the database will not take bisects its group, so that it harms nobody but itself; a deadlock
or a lost connection tries the group again; a COMMIT whose answer was lost is looked up by the
group's id before anybody is answered (invariants 1, 7 and 8). Queues are bounded in bytes per
sender, and deliveries yield to single messages. A protected exchange forms a group of its own,
after the others that came with it, and is in no count that this process shows (invariant 14).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg

from gateway.exchange.arrivals import Arrival, Recorded
from gateway.exchange.deciding import LoadBook, deciding
from gateway.exchange.group import Message, StandsAloneError, record_group
from gateway.exchange.tools import GroupTools
from gateway.store.deliveries import TakenOverError
from gateway.store.groups import Connection, ErasedMeanwhileError, is_committed
from gateway.store.ids import new_id
from gateway.store.rules import NoProtocolError
from gateway.telemetry import Telemetry
from gateway.vault.journal_folder import JournalUnavailableError

MAX_TRIES = 5
RETRY_SECONDS = 0.05

Also = Callable[[Connection, Sequence[Recorded]], Awaitable[None]]
"""Writes more in the same transaction: a delivery's progress."""


class OverloadedError(Exception):
    """The queue of this sender, or of all, is full: try again later."""


class StorageUnavailableError(Exception):
    """The database cannot be reached: nothing was recorded, try again later."""


class PoisonedMessageError(Exception):
    """The database refused this one message: our fault, recorded nowhere but in the log line."""


class _Waiting(NamedTuple):
    message: Message
    answer: asyncio.Future[Recorded]


class _Batch(NamedTuple):
    messages: Sequence[Message]
    also: Also
    answer: asyncio.Future[list[Recorded]]


class GroupCommitter:
    """Takes messages one at a time or by the batch, and commits them in groups."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        load_book: LoadBook,
        tools: GroupTools,
        telemetry: Telemetry,
        *,
        writers: int,
        group_size: int,
        bytes_per_sender: int,
    ) -> None:
        self._pool = pool
        self._load_book = load_book
        self._tools = tools
        self._telemetry = telemetry
        self._group_size = group_size
        self._bytes_per_sender = bytes_per_sender
        self._queued_bytes: dict[str, int] = {}
        self._single: deque[_Waiting] = deque()
        self._batches: deque[_Batch] = deque()
        self._writers = writers
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the writers."""
        self._tasks = [asyncio.create_task(self._write()) for _ in range(self._writers)]

    async def stop(self) -> None:
        """End the writers; what still waits is answered as overload and was not recorded."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for waiting in self._single:
            _fail(waiting.answer, OverloadedError("stopping"))
        for batch in self._batches:
            _fail(batch.answer, OverloadedError("stopping"))

    async def submit(self, message: Message) -> Recorded:
        """Commit one message, in whichever group comes next.

        Raises `OverloadedError`, `StorageUnavailableError` or `PoisonedMessageError`; none of
        them leaves anything recorded.
        """
        arrival: Arrival = message.arrival
        queued = self._queued_bytes.get(arrival.sender, 0) + arrival.size
        if queued > self._bytes_per_sender:
            raise OverloadedError("queue of this sender is full")
        self._queued_bytes[arrival.sender] = queued
        answer: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        self._single.append(_Waiting(message, answer))
        self._wake.set()
        try:
            return await answer
        finally:
            self._queued_bytes[arrival.sender] -= arrival.size

    async def submit_batch(self, messages: Sequence[Message], also: Also) -> list[Recorded]:
        """Commit a delivery's next records as one group, with what `also` writes beside them."""
        answer: asyncio.Future[list[Recorded]] = asyncio.get_running_loop().create_future()
        self._batches.append(_Batch(messages, also, answer))
        self._wake.set()
        return await answer

    async def _write(self) -> None:
        while True:
            while not self._single and not self._batches:
                self._wake.clear()
                await self._wake.wait()
            if self._single:
                await self._write_singles(self._take_group())
            else:
                await self._write_batch(self._batches.popleft())

    def _take_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        taken: set[tuple[str, bytes]] = set()
        put_back: list[_Waiting] = []
        while self._single and len(group) < self._group_size:
            waiting = self._single.popleft()
            if waiting.answer.cancelled():
                continue
            key = (waiting.message.arrival.sender, waiting.message.arrival.reference)
            # A repeat meets its first message in a later group, when that one is recorded.
            (put_back if key in taken else group).append(waiting)
            taken.add(key)
        self._single.extendleft(reversed(put_back))
        return group

    async def _write_singles(self, group: Sequence[_Waiting]) -> None:
        if not group:
            return
        try:
            recorded = await self._commit([waiting.message for waiting in group], None)
        except asyncio.CancelledError:
            _fail_all(group, OverloadedError("stopping"))
            raise
        except StorageUnavailableError as error:
            _fail_all(group, error)
        except StandsAloneError as error:
            await self._write_apart(group, error)
        except (PoisonedMessageError, JournalUnavailableError) as error:
            # Without the journal no refusal is recorded; whoever agrees, or says nothing, goes on.
            if len(group) == 1:
                away = isinstance(error, JournalUnavailableError)
                _fail(group[0].answer, StorageUnavailableError("journal") if away else error)
                return
            middle = len(group) // 2
            await self._write_singles(group[:middle])
            await self._write_singles(group[middle:])
        except Exception as error:  # noqa: BLE001  # whatever it is must not end the writer
            _fail_all(group, StorageUnavailableError(type(error).__name__))
        else:
            for waiting, one in zip(group, recorded, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(one)

    async def _write_apart(self, group: Sequence[_Waiting], error: StandsAloneError) -> None:
        """The others first, so that nobody waits for what is none of theirs."""
        others: list[_Waiting] = []
        alone: list[_Waiting] = []
        for waiting in group:
            is_alone = waiting.message.arrival.exchange in error.exchanges
            (alone if is_alone else others).append(waiting)
        await self._write_singles(others)
        for waiting in alone:
            await self._write_singles([waiting])

    async def _write_batch(self, batch: _Batch) -> None:
        try:
            recorded = await self._commit(batch.messages, batch.also)
        except asyncio.CancelledError:
            _fail(batch.answer, OverloadedError("stopping"))
            raise
        except JournalUnavailableError:
            _fail(batch.answer, StorageUnavailableError("journal"))
        except Exception as error:  # noqa: BLE001  # handed to whoever waits, the writer goes on
            _fail(batch.answer, error)
        else:
            if not batch.answer.done():
                batch.answer.set_result(recorded)

    async def _commit(self, messages: Sequence[Message], also: Also | None) -> list[Recorded]:
        """One group, tried until it is committed or cannot be."""
        for attempt in range(1, MAX_TRIES + 1):
            group = new_id()
            is_last = attempt == MAX_TRIES
            recorded: list[Recorded] | None = None
            try:
                with self._telemetry.span("commit-group", count=len(messages)):
                    async with deciding(self._pool, self._load_book) as (connection, book):
                        recorded = await record_group(
                            connection, messages, book, self._tools, group
                        )
                        if also is not None:
                            await also(connection, recorded)
                if recorded[0].origin != self._tools.protected.origin:
                    self._telemetry.count("groups")
                    self._telemetry.count("messages", len(messages))
                return recorded
            except (TakenOverError, StandsAloneError):
                raise
            except JournalUnavailableError as error:
                self._telemetry.fault("journal-unavailable", error, reason=error.rule)
                raise
            except Exception as error:
                if not isinstance(error, _AGAIN) or isinstance(error, ValueError):
                    raise self._blame(error, len(messages)) from error
                self._telemetry.fault("group-retried", error, count=len(messages))
                if recorded is not None and await self._did_commit(group):
                    return recorded
                if is_last:
                    raise StorageUnavailableError("database") from error
            await asyncio.sleep(RETRY_SECONDS * attempt)
        raise StorageUnavailableError("database")

    def _blame(self, error: Exception, count: int) -> Exception:
        """Whose fault it is when trying again does not help: the server's, or one message's.

        A fault of ours that one message brings out counts as its own, lest it harm its neighbours.
        """
        reason = error.sqlstate if isinstance(error, asyncpg.PostgresError) else None
        if isinstance(error, NoProtocolError) or (reason and reason[:2] not in _THE_MESSAGE):
            self._telemetry.fault("database-refuses", error, count=count, reason=reason)
            return StorageUnavailableError("database")
        self._telemetry.fault("message-refused", error, count=count, reason=reason)
        return PoisonedMessageError("refused")

    async def _did_commit(self, group: UUID) -> bool:
        """Look a group up whose COMMIT was not answered; until known, nobody is answered."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    return await is_committed(connection, group)
            except _AGAIN:
                await asyncio.sleep(RETRY_SECONDS * MAX_TRIES)


_AGAIN = (
    OSError,
    TimeoutError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    ErasedMeanwhileError,
)
"""The connection is gone, the server is going, or two transactions were in each other's way. What
asyncpg itself cannot encode is an InterfaceError too, and a ValueError."""
_THE_MESSAGE = frozenset({"22", "23"})
"""SQLSTATE classes that blame the message: data and constraints. Any other blames the server: full
disk, out of memory, read-only, I/O, a right or a table that is missing."""


def _fail_all(group: Sequence[_Waiting], error: Exception) -> None:
    for waiting in group:
        _fail(waiting.answer, error)


def _fail(
    answer: asyncio.Future[Recorded] | asyncio.Future[list[Recorded]], error: Exception
) -> None:
    if not answer.done():
        answer.set_exception(error)
