"""Invariant 2 by chance: thousands of races over several processes that are killed and stopped.

Every household is sent once, pulled by every process at once, and most are meanwhile refused,
erased, or both; partners are suspended and protocols change in between. Processes are killed (-9)
and begun again, or stopped for longer than a release is good for. What they wrote down is then held
against the log, whose order is that of the commits: nothing released after what forbids it, no
sending begun later than a release is good for, nothing lost that should go. `make proof` does it
with at least 100,000 races and prints the figures.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from dataclasses import field as filled
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.cli.setup import SANDBOX
from gateway.store.partners import register_partner, resume_partner, suspend_partner
from gateway.store.rules import RulesBusyError
from tests.gateway.exchange.road import OKT, Road
from tests.support import races
from tests.support.contested import REDUCED, protocol
from tests.support.database import TestServer
from tests.support.races import Field, lines_in
from tests.support.reckoning import Figures, Happened, Reckoning, Window

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.support.races"])
SLOTS = 3


@dataclass(frozen=True)
class Round:
    """How rough it is to be."""

    households: int
    seed: int
    kills_a_second: float = 0.5
    pauses_a_second: float = 0.15
    lapse: float = 0.6


@dataclass
class Conductor:
    """Runs the processes of one round, and disturbs them."""

    round: Round
    field: Field
    road: Road
    happened: Happened = filled(default_factory=Happened)
    processes: dict[int, BaseProcess] = filled(default_factory=dict)
    stopped: set[int] = filled(default_factory=set)

    async def run(self) -> None:
        for slot in range(SLOTS):
            self._begin(slot)
        chance = random.Random(self.round.seed)  # noqa: S311  # for repeatability
        disturbing = [
            asyncio.create_task(self._kill(chance)),
            asyncio.create_task(self._pause(chance)),
            asyncio.create_task(self._suspend(chance)),
            asyncio.create_task(self._change_protocol(chance)),
        ]
        try:
            async with asyncio.timeout(900):
                while any(process.exitcode != 0 for process in self.processes.values()):
                    for slot, process in self.processes.items():
                        assert process.exitcode in (None, 0, -signal.SIGKILL), "a process failed"
                        if process.exitcode == -signal.SIGKILL:
                            self._begin(slot)
                    for task in disturbing:
                        assert not task.done(), task.exception()
                    await asyncio.sleep(0.02)
        finally:
            for task in disturbing:
                task.cancel()
            await asyncio.gather(*disturbing, return_exceptions=True)
            for process in self.processes.values():
                if process.exitcode is None:
                    process.kill()
                process.join()
                process.close()

    def _begin(self, slot: int) -> None:
        process = CONTEXT.Process(target=races.work, args=(self.field, slot), daemon=True)
        process.start()
        self.processes[slot] = process

    def _somebody(self, chance: random.Random) -> tuple[int, int] | None:
        """A process at work, and its id."""
        at_work = [
            (slot, process.pid)
            for slot, process in self.processes.items()
            if process.exitcode is None and slot not in self.stopped and process.pid is not None
        ]
        return chance.choice(at_work) if at_work else None

    async def _kill(self, chance: random.Random) -> None:
        await asyncio.sleep(1)
        while True:
            if (whom := self._somebody(chance)) is not None:
                _signal(whom[1], signal.SIGKILL)
                self.happened.figures.kills += 1
            await asyncio.sleep(chance.expovariate(self.round.kills_a_second))

    async def _pause(self, chance: random.Random) -> None:
        await asyncio.sleep(1.5)
        while True:
            if (whom := self._somebody(chance)) is not None:
                slot, pid = whom
                self.stopped.add(slot)
                _signal(pid, signal.SIGSTOP)
                await asyncio.sleep(self.round.lapse * 1.5)
                _signal(pid, signal.SIGCONT)
                self.stopped.discard(slot)
                self.happened.figures.pauses += 1
            await asyncio.sleep(chance.expovariate(self.round.pauses_a_second))

    async def _size(self) -> int:
        return await self.road.last_index() + 1

    async def _suspend(self, chance: random.Random) -> None:
        while True:
            await asyncio.sleep(chance.uniform(0.5, 1.5))
            maybe = Window(await self._size())
            self.happened.maybe_suspended.append(maybe)
            await _insist(partial(suspend_partner, self.road.engine, REDUCED))
            surely = Window(await self._size())
            self.happened.surely_suspended.append(surely)
            self.happened.figures.suspensions += 1
            await asyncio.sleep(chance.uniform(0, 0.03))
            surely.before = await self._size()
            await _insist(partial(resume_partner, self.road.engine, REDUCED))
            maybe.before = await self._size()

    async def _change_protocol(self, chance: random.Random) -> None:
        for n in range(2, 12):
            await asyncio.sleep(chance.uniform(1, 4))
            if self.happened.versions:
                self.happened.versions[-1][1].before = await self._size()
            version = f"proef-{n}"
            text = protocol(version, has_surname=n % 2 == 1)
            await _insist(partial(self.road.put_in_force, text))
            self.happened.versions.append((version, Window(await self._size())))
            self.happened.figures.protocols += 1
        await asyncio.sleep(3600)


async def _insist(change: Callable[[], Awaitable[object]]) -> None:
    """Whoever is stopped may hold the rules for longer than a change of them waits."""
    while True:
        try:
            await change()
        except RulesBusyError:
            continue
        return


@asynccontextmanager
async def conducting(postgres: TestServer, folder: Path, round_: Round) -> AsyncIterator[Conductor]:
    """A database of its own, with everything registered."""
    name = await postgres.fresh()
    url = postgres.url(name)
    engine = create_async_engine("postgresql+asyncpg" + url.removeprefix("postgresql"))
    async with asyncpg.create_pool(url, min_size=1, max_size=4) as pool:
        road = Road(pool, engine)
        await road.put_in_force(protocol("proef-1"))
        for partner in {one.id: one for one in (*SANDBOX, OKT)}.values():
            await register_partner(engine, partner)
        where = Field(url, round_.households, SLOTS, round_.seed, round_.lapse, str(folder))
        yield Conductor(round_, where, road)
        await engine.dispose()
    await postgres.drop(name)


async def race(postgres: TestServer, folder: Path, round_: Round) -> Figures:
    """One round, and what came of it."""
    async with conducting(postgres, folder, round_) as conductor:
        await conductor.run()
        sent = await pull_what_remains(conductor.road)
        books = [line for slot in range(SLOTS) for line in lines_in(conductor.field.journal(slot))]
        happened = conductor.happened
        await Reckoning(conductor.road, conductor.field, happened, books, sent).all()
    return happened.figures


async def pull_what_remains(road: Road) -> set[str]:
    """What nobody came to pull, or to acknowledge."""
    sent: set[str] = set()
    while (page := await road.page()).messages:
        sent |= {str(m.exchange) for m in page.messages if m.data is not None}
        await road.acknowledge()
        if not page.has_more:
            break
    return sent


def _signal(pid: int, number: signal.Signals) -> None:
    """Signal a process, which may have been killed a moment ago and not be noticed yet."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def assert_sound(figures: Figures) -> None:
    assert figures.violations == 0, f"{figures}\n" + "\n".join(figures.problems)


async def test_invariant_02_in_races_between_processes_nothing_forbidden_leaves(
    postgres: TestServer, tmp_path: Path
) -> None:
    figures = await race(postgres, tmp_path, Round(households=600, seed=20131231))

    assert_sound(figures)
    assert figures.kills > 0
    assert figures.pauses > 0
    assert figures.lapsed > 0


@pytest.mark.proof
async def test_invariant_02_in_100_000_races_nothing_forbidden_leaves(
    postgres: TestServer, tmp_path: Path
) -> None:
    whole, begun = Figures(), time.monotonic()
    # Once with the lapse that is served with, and processes that are stopped for longer than that.
    patient = Round(1000, time.time_ns(), kills_a_second=0.1, pauses_a_second=0.05, lapse=10.0)
    folder = tmp_path / "patient"
    folder.mkdir()
    whole.add(await race(postgres, folder, patient))
    while whole.races < 100_000:
        folder = tmp_path / str(whole.races)
        folder.mkdir()
        whole.add(await race(postgres, folder, Round(households=10_000, seed=time.time_ns())))
        assert_sound(whole)
        print(f"{whole.races} races, {whole.violations} violations", flush=True)  # noqa: T201
    print(f"\n{whole}\nseconds {time.monotonic() - begun:.0f}")  # noqa: T201  # the proof
    assert whole.lapsed > 0, "no sending came too late"
