"""`sluis bench decide`: what one decision costs by a protocol of many rules, and finding consents.

A decision is finding the rule that a message names, telling where each of three members stands,
and deciding. Households are made afresh before each turn and decided once, as they are when a
group of messages was just read, and every message names another rule; making them is not measured.
The register is asked about groups of messages, and what it was asked is counted by the database's
own client.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from gateway.bench.figures import Figures, Findings, Goal, figures_of, median_of
from gateway.bench.processes import BenchFailed, Cpu, CpuMeter

BASELINE = "linear-scan"
REGISTER = "register"
RULES = 10_000
HOUSEHOLDS = 100_000
GROUP = 256
"""Messages that are decided in one transaction at most."""
GROUPS = 100
TURN = 64
_NAIVE_A_TURN = 2
_WARM_TURNS = 20
_MICROSECONDS, _CONSENT_QUERIES = 5.0, 1.0


class Plan(NamedTuple):
    """How many rules, decisions a round and rounds; how many households the register holds."""

    rules: int
    decisions: int
    rounds: int
    households: int
    groups: int


class Turn(Protocol):
    """A handful of messages, made and not yet decided; the stages are walked in order, once."""

    def stages(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Each stage of deciding them all, with its name."""

    def outcomes(self) -> Sequence[str]:
        """What was decided."""

    def naive(self, count: int) -> Sequence[str]:
        """The same for the first `count`, by looking at one rule after the other."""


class Register(Protocol):
    """A consent register in a database of its own."""

    roots: Sequence[int]

    async def find(self, households: int) -> Found:
        """Look up everybody of so many households, chosen at random."""


class Found(NamedTuple):
    """What one group's look-up found, and what was asked of the database for it."""

    members: int
    consents: int
    queries: int
    consent_queries: int


class Deciding(NamedTuple):
    """What is measured, handed down since a bench may not know it."""

    table: Callable[[int], Callable[[int], Turn]]
    """Loads a protocol of so many rules; gives what makes a turn of so many messages."""
    register: Callable[[Path, int], AbstractAsyncContextManager[Register]]
    """A register of so many households, in this folder."""
    told: Callable[[str, int, int | None], None]


async def bench_decide(plan: Plan, parts: Deciding, folder: Path) -> Findings:
    """Decisions by table and by scan, then the register. Raises `BenchFailed`."""
    parts.told("Loading the rules", 0, None)
    turn = await asyncio.to_thread(parts.table, plan.rules)
    ours, naive = await asyncio.to_thread(_decisions, plan, turn, parts.told)
    register = await _look_ups(plan, parts, folder)
    spent = ours.cpu.server if ours.cpu is not None else 0.0
    queries = register.extra["consentQueriesPerGroup"]
    is_whole = plan.rules >= RULES
    return Findings(
        "decide",
        "decision",
        f"decisions, by turns of {TURN}; of the register, groups of {GROUP}",
        ours,
        {BASELINE: naive},
        {REGISTER: register},
        [
            Goal(
                f"a household of three, by {plan.rules:,} rules",
                f"at most {_MICROSECONDS:.0f} us of CPU",
                f"{spent:.2f} us",
                spent <= _MICROSECONDS if is_whole else None,
            ),
            Goal(
                f"consents among {plan.households:,} households",
                "one query a group, none a member",
                f"{queries:.0f} a group of {GROUP}, {register.extra['queriesPerGroup']:.0f} in all",
                queries == _CONSENT_QUERIES if plan.households >= HOUSEHOLDS else None,
            ),
        ],
        ["table and scan decided alike", "every member's consents were found"],
        [
            "two adults and a child of nine under the UAVG with one statement about authority and"
            " one parent's yes; ten fields each are there",
            f"{BASELINE}: the same, but for looking at one rule after the other",
            f"{REGISTER}: everybody of {GROUP} households, chosen at random, looked up in one"
            " transaction: persons, consents, statements; its CPU is of a household",
        ],
    )


def _decisions(
    plan: Plan, make: Callable[[int], Turn], told: Callable[[str, int, int | None], None]
) -> tuple[Figures, Figures]:
    for _ in range(_WARM_TURNS):
        _walk(make(TURN), {})
    ours, naive = [], []
    for number in range(plan.rounds):
        told("Deciding", number, plan.rounds)
        one, other = _round(max(1, plan.decisions // TURN), make)
        ours.append(one)
        naive.append(other)
    return median_of(ours), median_of(naive)


def _round(turns: int, make: Callable[[int], Turn]) -> tuple[Figures, Figures]:
    """So many turns of ours, each followed by a few of the same decided the naive way."""
    gc.collect()
    spent: dict[str, float] = {}
    each, naive_each, naive_spent = [], [], 0.0
    for _ in range(turns):
        turn = make(TURN)
        each.append(_walk(turn, spent) / TURN)
        begun, used = time.perf_counter(), time.thread_time()
        scanned = turn.naive(_NAIVE_A_TURN)
        naive_spent += time.thread_time() - used
        naive_each.append((time.perf_counter() - begun) / _NAIVE_A_TURN)
        if list(scanned) != list(turn.outcomes())[:_NAIVE_A_TURN]:
            raise BenchFailed("table and scan did not decide alike")
    count, total = turns * TURN, sum(spent.values())
    stages = {f"{name}CpuUs": 1_000_000 * part / count for name, part in spent.items()}
    return (
        figures_of(count, sum(each) * TURN, each, Cpu(total, total), **stages),
        figures_of(
            turns * _NAIVE_A_TURN,
            sum(naive_each) * _NAIVE_A_TURN,
            naive_each,
            Cpu(naive_spent, naive_spent),
        ),
    )


def _walk(turn: Turn, spent: dict[str, float]) -> float:
    """Decide a turn; adds the CPU time of each stage, and gives the time that it took."""
    took = 0.0
    for name, stage in turn.stages():
        begun, used = time.perf_counter(), time.thread_time()
        stage()
        spent[name] = spent.get(name, 0.0) + time.thread_time() - used
        took += time.perf_counter() - begun
    return took


async def _look_ups(plan: Plan, parts: Deciding, folder: Path) -> Figures:
    parts.told("Filling the register", 0, None)
    async with parts.register(folder / "register", plan.households) as register:
        await register.find(GROUP)
        latencies, found = [], []
        meter = CpuMeter([os.getpid(), *register.roots])
        for number in range(plan.groups):
            parts.told("Finding consents", number, plan.groups)
            begun = time.perf_counter()
            found.append(await register.find(GROUP))
            latencies.append(time.perf_counter() - begun)
        cpu = meter.used()
    if any(one.members < GROUP or one.consents != one.members for one in found):
        raise BenchFailed("not every member's consents were found")
    return figures_of(
        plan.groups * GROUP,
        sum(latencies),
        latencies,
        cpu,
        households=plan.households,
        membersPerGroup=sum(one.members for one in found) / plan.groups,
        queriesPerGroup=max(one.queries for one in found),
        consentQueriesPerGroup=max(one.consent_queries for one in found),
    )
