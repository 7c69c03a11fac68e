"""`sluis bench feed`: the mailbox pulled page by page, every hand-over re-checked and logged.

The mailbox is filled by a delivery first, which is not measured. Then it is pulled over and over
without acknowledging, as each pull is a disclosure anew; and once more with every page
acknowledged, which is the whole of a message's stay.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import httpx

from gateway.bench.figures import Figures, Findings, Goal, figures_of
from gateway.bench.messages import Screening, write_households
from gateway.bench.pages import Page, Reader, Tally, next_path
from gateway.bench.processes import BenchFailed, CpuMeter, forget_peak, peak_bytes
from gateway.bench.subjects import Baseline, Gateway, Parts, baseline, gateway
from gateway.client import AsyncSluis
from schemas.deliveries import DeliveryState

BASELINE = "fastapi-orm"
PEAK, FIRST_PEAK = "peakMegabytes", "firstPagesPeakMegabytes"
ACKNOWLEDGED, HOUSEHOLDS = "acknowledged", "households"
MESSAGES = 50_000
BASELINE_MESSAGES = 10_000
PAGE = 1000
FIRST_PAGES = 10
RATE, MEMORY = 20_000, 1.1
_SETTLE_SECONDS = 0.5
_MEGA = 1_000_000


class Plan(NamedTuple):
    """How many messages wait, and for how many seconds they are pulled again and again."""

    messages: int
    seconds: float


async def bench_feed(plan: Plan, parts: Parts, folder: Path) -> Findings:
    """Ours with and without acknowledging, then the baseline. Raises `BenchFailed`."""
    file = folder / "levering.csv"

    def told(done: int) -> None:
        parts.told("Making messages", done, plan.messages)

    await asyncio.to_thread(Screening(plan.messages).write, file, plan.messages, told)
    fewer = max(1, plan.messages // 5)
    async with gateway(parts, folder / "gateway") as subject:
        await _fill(subject, parts, file, plan.messages)
        token = await subject.token("casebook")
        parts.told("Pulling", 0, None)
        ours = await asyncio.to_thread(_pull, subject, token, plan)
        parts.told("Pulling and acknowledging", 0, None)
        acknowledged = await asyncio.to_thread(_pull_once, subject, token, plan.messages)
        await asyncio.to_thread(write_households, file, fewer, told)
        waiting = await _fill(subject, parts, file, fewer)
        parts.told("Pulling households", 0, None)
        homes = await asyncio.to_thread(_pull, subject, token, Plan(waiting, plan.seconds / 2))
    rival = await _baseline(plan, parts, folder)
    return Findings(
        "feed",
        "message",
        f"pages of {PAGE:,}",
        ours,
        {BASELINE: rival},
        {ACKNOWLEDGED: acknowledged, HOUSEHOLDS: homes},
        [
            Goal(
                "messages pulled, each re-checked and logged",
                f"at least {RATE:,}/s",
                f"{ours.rate:,.0f}/s",
                ours.rate >= RATE if plan.messages >= MESSAGES else None,
            ),
            _memory_goal(plan, ours),
        ],
        [
            "each round gave every message once",
            "each was acknowledged once, and the mailbox was empty then",
        ],
        [
            f"{plan.messages:,} messages of one person each, pages of {PAGE:,} as NDJSON on one"
            " connection",
            f"{HOUSEHOLDS}: {fewer:,} households of the population's mix",
            f"{ACKNOWLEDGED}: each page pulled and acknowledged, once",
            f"the baseline pages with limit and offset over"
            f" {min(BASELINE_MESSAGES, plan.messages):,} messages and acknowledges nothing",
        ],
    )


def _memory_goal(plan: Plan, ours: Figures) -> Goal:
    what, asked = "memory at its highest, over that of the first pages", f"at most {MEMORY}x"
    if PEAK not in ours.extra:
        return Goal(what, asked, "not measured", None)
    growth = ours.extra[PEAK] / ours.extra[FIRST_PEAK]
    got = f"{growth:.2f}x after {ours.messages:,} messages"
    return Goal(what, asked, got, growth <= MEMORY if plan.messages >= MESSAGES else None)


async def _fill(subject: Gateway, parts: Parts, file: Path, count: int) -> int:
    """Send a delivery and wait for it; how many messages it put in the mailbox."""
    async with AsyncSluis(subject.credentials("dwi")) as dwi:
        taken = await dwi.deliver(file)
        report = await dwi.wait(
            taken.delivery_id, lambda now: parts.told("Filling the mailbox", now.records, count)
        )
    if report.state is not DeliveryState.DONE or not report.accepted:
        raise BenchFailed("the mailbox could not be filled")
    await asyncio.sleep(_SETTLE_SECONDS)
    return report.accepted


def _pull(subject: Gateway, token: str, plan: Plan) -> Figures:
    """The whole mailbox once, and on from its beginning until the time is over."""
    with Reader(subject.address, token) as reader:
        for _ in range(2):
            reader.page("/v1/postvak")
        watch = _Watch(subject)
        _round(reader, watch.add, plan.messages)
        while watch.elapsed() < plan.seconds:
            _round(reader, watch.add, plan.messages, until=lambda: watch.elapsed() >= plan.seconds)
        return watch.figures()


def _pull_once(subject: Gateway, token: str, messages: int) -> Figures:
    """One round in which each page is acknowledged before the next one is asked for."""
    acknowledged = 0
    with Reader(subject.address, token) as reader:
        watch = _Watch(subject)

        def add(page: Page) -> None:
            nonlocal acknowledged
            begun = time.perf_counter()
            acknowledged += reader.acknowledge(page.headers["sluis-volgende"])
            page.took += time.perf_counter() - begun
            watch.add(page)

        _round(reader, add, messages)
        figures = watch.figures()
        if acknowledged != messages or reader.page("/v1/postvak").messages:
            raise BenchFailed("not every message was acknowledged once")
    return figures


def _round(
    reader: Reader,
    add: Callable[[Page], None],
    messages: int,
    until: Callable[[], bool] = lambda: False,
) -> None:
    """Every page of the mailbox, from the first unacknowledged message on."""
    path: str | None = "/v1/postvak"
    seen = 0
    while path is not None:
        page = reader.page(path)
        seen += page.messages
        add(page)
        path = next_path(page)
        if until():
            return
    if seen != messages:
        raise BenchFailed(f"{seen} messages were pulled where {messages} wait")


class _Watch:
    """Clock, processor time and memory of one stretch of pulling."""

    def __init__(self, subject: Gateway | Baseline) -> None:
        self.tally = Tally()
        self._subject = subject
        self._first_peak: int | None = None
        forget_peak(subject.pid)
        self._meter = CpuMeter(subject.roots)
        self._begun = time.perf_counter()

    def elapsed(self) -> float:
        return time.perf_counter() - self._begun

    def add(self, page: Page) -> None:
        self.tally.add(page)
        if len(self.tally.latencies) == FIRST_PAGES:
            self._first_peak = peak_bytes(self._subject.pid)

    def figures(self) -> Figures:
        seconds, tally = self.elapsed(), self.tally
        cpu = self._meter.used()
        peak = peak_bytes(self._subject.pid)
        return figures_of(
            tally.messages,
            seconds,
            tally.latencies,
            cpu,
            **{
                PEAK: _megabytes(peak),
                FIRST_PEAK: _megabytes(self._first_peak or peak),
                "bytesPerMessage": tally.bytes / max(1, tally.messages),
            },
        )


async def _baseline(plan: Plan, parts: Parts, folder: Path) -> Figures:
    count = min(BASELINE_MESSAGES, plan.messages)
    file = folder / "levering.csv"
    await asyncio.to_thread(Screening(count).write, file, count, lambda _: None)
    content = await asyncio.to_thread(file.read_bytes)
    async with baseline(parts, folder / "baseline") as rival:
        parts.told("Baseline: filling", 0, None)
        async with httpx.AsyncClient(base_url=rival.address, trust_env=False) as http:
            answer = await http.post(
                "/leveringen",
                params={"commit_each": False},
                content=content,
                headers={"Authorization": f"Bearer {rival.token}"},
                timeout=None,
            )
            if answer.status_code != httpx.codes.OK:
                raise BenchFailed(f"the baseline answered {answer.status_code}")
        parts.told("Baseline: pulling", 0, None)
        return await asyncio.to_thread(_pull_baseline, rival, count, plan.seconds)


def _pull_baseline(rival: Baseline, count: int, seconds: float) -> Figures:
    with Reader(rival.address, rival.token) as reader:
        reader.page(f"/postvak?offset=0&limit={PAGE}")
        watch = _Watch(rival)
        offset = 0
        while watch.elapsed() < seconds or not watch.tally.messages:
            page = reader.page(f"/postvak?offset={offset}&limit={PAGE}")
            watch.add(page)
            offset = offset + PAGE if offset + PAGE < count else 0
            if page.messages == 0:
                raise BenchFailed("the baseline gave an empty page")
        return watch.figures()


def _megabytes(count: int | None) -> float | None:
    return None if count is None else count / _MEGA
