"""Every order in which the statements of transactions can meet, on a real PostgreSQL.

The product's own code runs on connections that stop before each statement. A scheduler lets one
statement through at a time and looks what became of it: done, or waiting for a lock (as
`pg_blocking_pids` tells), in which case the others go on. Explored is a tree of such choices,
without state: each schedule runs anew on fresh persons.

Of the schedules that differ only by exchanging neighbours that commute (`commuting.py`), one is run
(sleep sets, Godefroid 1996), so that every distinguishable one is. A statement that commutes with
all that the others may ever do is let through at once; what they may do is learnt from what they
did, and a schedule that shows something new makes the exploration begin again. Who of two that
wait for the same row goes first PostgreSQL chooses: where it does not choose as before, the
schedule is tried again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tests.support.commuting import ONLY_ONE, Repertoire, Step, commute, copy_into, exclude, step_of

PATIENCE = 20.0
LOOK_SECONDS = 0.0015
MAX_ASTRAY = 50

# Whose turn it is.


class State(Enum):
    """Where a transaction's code stands."""

    AT_WORK = auto()
    AT_TURN = auto()
    ISSUED = auto()
    OVER = auto()


@dataclass
class Script:
    """One operation of one schedule, statement by statement."""

    kind: str
    stir: asyncio.Event
    state: State = State.AT_WORK
    go: asyncio.Event = field(default_factory=asyncio.Event)
    next: Step | None = None
    pid: int = 0
    begun: int = 0
    """The tick of its last transaction's first statement."""
    committed: int = 0
    """The tick of its last COMMIT; 0 before."""
    transaction: list[Step] = field(default_factory=list)
    done: list[Step] = field(default_factory=list)
    outcome: object = None
    is_blocked: bool = False
    """It waits for a lock, and nobody let go of any since that was seen."""
    is_free: bool = False
    """Nobody cares any more in which order it goes on."""


@dataclass
class Seat:
    """What code must run under to be stepped: a script, while there is one."""

    script: Script | None = None


SEAT: ContextVar[Seat | None] = ContextVar("seat", default=None)


@asynccontextmanager
async def _turn(connection: asyncpg.Connection, step: Step | str) -> AsyncIterator[None]:
    seat = SEAT.get()
    script = None if seat is None else seat.script
    if script is None:
        yield
        return
    one = step_of(step, script.transaction) if isinstance(step, str) else step
    script.next, script.pid, script.state = one, connection.get_server_pid(), State.AT_TURN
    script.stir.set()
    await script.go.wait()
    if script.is_free:
        yield
        return
    script.go.clear()
    script.transaction.append(one)
    script.done.append(one)
    if one.is_end:
        script.transaction.clear()
    try:
        yield
    finally:
        script.state = State.AT_WORK


class SteppedConnection(asyncpg.Connection):
    """A connection that waits for its turn before each statement, where its code has a seat."""

    async def execute(self, query: str, *args: Any, **how: Any) -> str:
        async with _turn(self, query):
            return await super().execute(query, *args, **how)

    async def executemany(self, command: str, args: Any, **how: Any) -> None:
        async with _turn(self, command):
            await super().executemany(command, args, **how)

    async def fetch(self, query: str, *args: Any, **how: Any) -> list[Any]:
        async with _turn(self, query):
            return await super().fetch(query, *args, **how)  # type: ignore[no-any-return]

    async def fetchval(self, query: str, *args: Any, **how: Any) -> Any:
        async with _turn(self, query):
            return await super().fetchval(query, *args, **how)

    async def fetchrow(self, query: str, *args: Any, **how: Any) -> Any:
        async with _turn(self, query):
            return await super().fetchrow(query, *args, **how)

    async def copy_records_to_table(self, table_name: str, **how: Any) -> str:
        async with _turn(self, copy_into(table_name)):
            return await super().copy_records_to_table(table_name, **how)

    async def prepare(self, query: str, **how: Any) -> Any:
        return _SteppedStatement(self, query, await super().prepare(query, **how))

    async def reset(self, **how: Any) -> None:
        # The pool's own statement, between two users.
        before = SEAT.set(None)
        try:
            await super().reset(**how)
        finally:
            SEAT.reset(before)


class _SteppedStatement:
    """A prepared statement, by which SQLAlchemy executes."""

    def __init__(self, connection: SteppedConnection, query: str, prepared: Any) -> None:
        self._connection, self._query, self._prepared = connection, query, prepared

    async def fetch(self, *args: Any) -> Any:
        async with _turn(self._connection, self._query):
            return await self._prepared.fetch(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._prepared, name)


@asynccontextmanager
async def stepped(url: str, size: int = 6) -> AsyncIterator[tuple[asyncpg.Pool, AsyncEngine]]:
    """A pool and an engine on one database whose connections can be stepped."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(url, connection_class=SteppedConnection)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    async with asyncpg.create_pool(
        url,
        min_size=size,
        max_size=size,
        connection_class=SteppedConnection,
    ) as pool:
        # Whatever a first use asks of the server is asked now.
        async with engine.connect(), engine.connect(), engine.connect():
            pass
        try:
            yield pool, engine
        finally:
            await engine.dispose()


# One schedule.


@dataclass
class Schedule:
    """What was run, and in which order."""

    scripts: dict[str, Script]
    order: list[str] = field(default_factory=list)
    branches: list[tuple[tuple[str, ...], frozenset[str]]] = field(default_factory=list)
    is_redundant: bool = False
    is_astray: bool = False
    """PostgreSQL went another way than before: of two that wait it chooses who comes first."""
    has_waited: bool = False
    """Somebody waited for a lock of somebody else."""

    def __str__(self) -> str:
        counts = dict.fromkeys(self.scripts, 0)
        lines = []
        for name in self.order:
            steps = self.scripts[name].done[counts[name] :]
            counts[name] += 1
            lines += [f"  {name:<12} {step.text[:100]}" for step in steps[:1]]
        return "\n".join(lines)


May = dict[str, Repertoire]
"""What every kind of operation was ever seen to do."""


class Scheduler:
    """Runs one schedule: a given beginning, then what comes first, noting what else could."""

    def __init__(
        self,
        observer: asyncpg.Connection,
        scripts: dict[str, Script],
        may: May,
        prefix: Sequence[str],
        sleeping: frozenset[str],
    ) -> None:
        self._observer = observer
        self._scripts = scripts
        self._may = may
        self._prefix = prefix
        self._sleeping = set(sleeping)
        self._tick = 0
        self._stir = next(iter(scripts.values())).stir
        self.schedule = Schedule(scripts)

    async def run(self) -> Schedule:
        """To the end of every script."""
        async with asyncio.timeout(PATIENCE):
            while True:
                await self._settle()
                ready = [n for n, s in self._scripts.items() if s.state is State.AT_TURN]
                if not ready:
                    return self.schedule
                name = self._choose(ready)
                if name is None:
                    self.schedule.is_redundant = not self.schedule.is_astray
                    self._let_go()
                    return self.schedule
                self._step(name)

    def _let_go(self) -> None:
        for script in self._scripts.values():
            script.is_free = True
            script.go.set()

    def _choose(self, ready: list[str]) -> str | None:
        at = len(self.schedule.order)
        if at < len(self._prefix):
            self.schedule.is_astray = self._prefix[at] not in ready
            return None if self.schedule.is_astray else self._prefix[at]
        awake = [name for name in ready if name not in self._sleeping]
        if not awake:
            # Whatever follows was, or will be, run in another order that cannot be told apart.
            return None
        for name in awake:
            if self._is_unseen(name):
                self._fall_asleep(name, set())
                return name
        for n, name in enumerate(awake[1:], 1):
            kept = self._still_asleep(name, self._sleeping | set(awake[:n]))
            if not (self._surely_waits(name) and kept >= {r for r in ready if r != name}):
                self.schedule.branches.append(((*self.schedule.order, name), frozenset(kept)))
        self._fall_asleep(awake[0], set())
        return awake[0]

    def _still_asleep(self, name: str, sleeping: set[str]) -> set[str]:
        return {n for n in sleeping if commute(self._next(n), self._next(name))}

    def _fall_asleep(self, name: str, more: set[str]) -> None:
        self._sleeping = self._still_asleep(name, self._sleeping | more)

    def _is_unseen(self, name: str) -> bool:
        """Whether the next statement commutes with all that the others may still do."""
        return not any(
            self._may[script.kind].may_meet(self._next(name))
            for n, script in self._scripts.items()
            if n != name and script.state is not State.OVER
        )

    def _surely_waits(self, name: str) -> bool:
        """Whether the next statement wants a lock of which there is but one, and another has it."""
        return any(
            exclude(own, held)
            for n, script in self._scripts.items()
            for step in script.transaction
            for held in step.locks
            for own in self._next(name).locks
            if n != name and own[0] in ONLY_ONE
        )

    def _next(self, name: str) -> Step:
        step = self._scripts[name].next
        assert step is not None
        return step

    def _step(self, name: str) -> None:
        script = self._scripts[name]
        self._tick += 1
        self.schedule.order.append(name)
        step = self._next(name)
        if not script.transaction:
            script.begun = self._tick
        script.state, script.is_blocked = State.ISSUED, False
        if step.is_end or step.is_opaque:
            self._look_again()
        script.go.set()
        if step.is_end and step.text.startswith("commit"):
            script.committed = self._tick

    async def _settle(self) -> None:
        """Until nobody moves: each is at a statement, over, or waits for a lock of another."""
        everybody, is_sure = self._scripts.values(), True
        while True:
            moving = [s for s in everybody if s.state is State.AT_WORK]
            moving += [s for s in everybody if s.state is State.ISSUED and not s.is_blocked]
            if not moving and not is_sure:
                # Who waited for somebody in the middle of a statement may have gone on since.
                for script in everybody:
                    script.is_blocked = script.is_blocked and await self._waits(script)
                is_sure = True
                continue
            if not moving:
                if any(s.state is not State.ISSUED for s in everybody):
                    return
                # They wait for one another: PostgreSQL will tell one of them.
                self._look_again()
                is_sure = False
                continue
            self._stir.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._stir.wait()
                continue
            for script in moving:
                if script.state is State.ISSUED and await self._waits(script):
                    script.is_blocked = self.schedule.has_waited = True
                    is_sure = False

    async def _waits(self, script: Script) -> bool:
        """Whether a statement waits for a lock of one of the others."""
        others = [s.pid for s in self._scripts.values() if s is not script and s.pid]
        waits = await self._observer.fetchval(
            "select pg_blocking_pids($1) && $2::int[]", script.pid, others
        )
        return bool(waits) and script.state is State.ISSUED

    def _look_again(self) -> None:
        for script in self._scripts.values():
            script.is_blocked = False


# All schedules.


@dataclass
class Tally:
    """What an exploration came to."""

    complete: int = 0
    redundant: int = 0
    """Left half-way, since another one cannot be told apart from it."""
    astray: int = 0
    """Tried again, since PostgreSQL let another one go first."""
    waited: int = 0
    """Of those that are complete: where somebody waited for a lock."""
    is_whole: bool = True
    """False where the limit came before the end."""


async def explore(
    kinds: Sequence[str],
    run: Callable[[May, Sequence[str], frozenset[str]], Awaitable[Schedule]],
    may: May,
    limit: int,
    chance: random.Random,
) -> Tally:
    """Run every distinguishable schedule of these operations, or `limit` of them by chance.

    `may` is what each kind was seen to do; it is added to, and kept for other explorations.
    """
    for kind in kinds:
        may.setdefault(kind, Repertoire())
    while True:
        tally = Tally()
        frontier: list[tuple[tuple[str, ...], frozenset[str]]] = [((), frozenset())]
        is_new = False
        while frontier and tally.complete < limit:
            # A limit cuts off branches from all over the tree, not only its first ones.
            at = chance.randrange(len(frontier))
            frontier[at], frontier[-1] = frontier[-1], frontier[at]
            prefix, sleeping = frontier.pop()
            schedule = await run(may, prefix, sleeping)
            if schedule.is_astray:
                tally.astray += 1
                assert tally.astray < MAX_ASTRAY, "the same beginning leads elsewhere"
                frontier.append((prefix, sleeping))
                continue
            frontier += schedule.branches
            tally.complete += not schedule.is_redundant
            tally.redundant += schedule.is_redundant
            tally.waited += schedule.has_waited and not schedule.is_redundant
            for script in schedule.scripts.values():
                learnt = [may[script.kind].learn(step) for step in script.done]
                is_new |= any(learnt)
            if is_new:
                break
        if not is_new:
            tally.is_whole = not frontier
            return tally
