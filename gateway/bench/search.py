"""`sluis bench search`: what the search index takes from the referral road.

The same load as `sluis bench referral`, in turns on a gateway as it is and on one that indexes
nothing, in one run, so that a machine that grows slower or faster meanwhile harms neither. After
each turn the mailbox must hold what was answered, and the index must come to the log's end by
itself: how long that took tells how far it lagged.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import NamedTuple

import httpx

from gateway.bench.figures import Figures, Findings, Goal, median_of
from gateway.bench.messages import write_referrals
from gateway.bench.processes import BenchFailed
from gateway.bench.referral import (
    MANY_CONNECTIONS,
    RATE_AT_MOST,
    Plan,
    check_mailbox,
    figures_of_load,
    load_gateway,
)
from gateway.bench.subjects import Gateway, Parts, gateway

WITHOUT = "without-index"
_OFF = {"SLUIS_SEARCH_SHARE": "0"}
_GAUGE = "sluis_search_entries_behind "
MOST_LOST = 0.10
CATCH_UP_SECONDS = 120.0


class _Lag(NamedTuple):
    """Entries that the index had yet to reach when the load ended, and seconds until it had."""

    entries: int
    seconds: float


async def bench_search(plan: Plan, parts: Parts, folder: Path) -> Findings:
    """All turns, and what they found. Raises `BenchFailed`."""
    messages, ids = folder / "aanmeldingen.ndjson", folder / "ids"
    count = plan.messages or int((plan.seconds + plan.warm_up) * RATE_AT_MOST) + plan.connections
    await asyncio.to_thread(
        write_referrals, messages, count, lambda done: parts.told("Making messages", done, count)
    )
    with_index: list[Figures] = []
    without: list[Figures] = []
    lags: list[_Lag] = []
    # There and back again, so that what changes steadily meanwhile falls on both alike.
    turns = [is_first == (n % 2 == 0) for n in range(plan.rounds) for is_first in (True, False)]
    for number, is_indexing in enumerate(turns):
        told = "with the index" if is_indexing else "without"
        parts.told(f"Turn {number + 1} of {len(turns)}: {told}", number, len(turns))
        settings = {} if is_indexing else _OFF
        async with gateway(parts, folder / f"turn-{number}", settings) as subject:
            load = await load_gateway(subject, plan, messages, ids)
            if is_indexing:
                lags.append(await _until_indexed(subject))
            token = await subject.token("casebook")
            await asyncio.to_thread(check_mailbox, subject.address, token, ids)
        (with_index if is_indexing else without).append(figures_of_load(load))
    return _findings(plan, median_of(with_index), median_of(without), lags)


async def _until_indexed(subject: Gateway) -> _Lag:
    began, first = time.monotonic(), None
    async with httpx.AsyncClient(base_url=subject.address, trust_env=False) as http:
        while time.monotonic() - began < CATCH_UP_SECONDS:
            lines = (await http.get("/metrics")).text.splitlines()
            told = next((line for line in lines if line.startswith(_GAUGE)), None)
            if told is None:
                raise BenchFailed("the gateway does not tell how far its index is")
            behind = int(told.removeprefix(_GAUGE))
            first = behind if first is None else first
            if behind == 0:
                return _Lag(first, time.monotonic() - began)
            await asyncio.sleep(0.05)
    raise BenchFailed("the search index did not come to the log's end")


def _findings(plan: Plan, ours: Figures, without: Figures, lags: list[_Lag]) -> Findings:
    lost = 1 - ours.rate / without.rate
    goal = Goal(
        "rate that the index takes from the road",
        f"at most {MOST_LOST:.0%}",
        f"{lost:.1%}",
        lost <= MOST_LOST if plan.connections == MANY_CONNECTIONS else None,
    )
    goals = [goal]
    if ours.cpu is not None and without.cpu is not None:
        more = ours.cpu.total / without.cpu.total - 1
        goals.append(Goal("CPU that it adds to a message", "(none)", f"{more:.1%}", None))
    most = max(lags, key=lambda lag: lag.entries)
    verified = [
        "after each turn the casebook's mailbox held exactly the exchanges that were answered",
        "after each turn with the index, every entry was in it",
    ]
    notes = [
        f"{plan.connections} connections; {plan.rounds} turns of each",
        f"at the end of a turn the index was at most {most.entries:,} entries behind, and had them"
        f" {most.seconds:.1f} s later; a search reads those from the log",
    ]
    return Findings(
        "search", "referral", "answers", ours, {WITHOUT: without}, {}, goals, verified, notes
    )
