"""`sluis bench batch`: a delivery from its first byte sent until the gateway says `verwerkt`.

Memory is that of the server's process at its highest, during a delivery of the usual size and
during a much larger one: a reader that held its file, or a queue without bounds, would show.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import httpx

from gateway.bench.figures import Figures, Findings, Goal, figures_of, median_of
from gateway.bench.messages import Screening, write_households
from gateway.bench.processes import BenchFailed, CpuMeter, forget_peak, peak_bytes
from gateway.bench.subjects import Baseline, Gateway, Parts, baseline, gateway
from gateway.client import AsyncSluis
from schemas.deliveries import DeliveryReport, DeliveryState

ROW_BASELINE = "orm-commit-per-row"
WHOLE_BASELINE = "orm-one-transaction"
HOUSEHOLDS = "households"
PEAK = "peakMegabytes"
USUAL = 15_000
"""Clients in DWI's screening: the delivery that the reach is about."""
LARGER = 100_000
ROUNDS = 3
WARM_UP, SMALLER = 1_000, 3_000
SECONDS, MEMORY = 1.5, 1.1
_PIECE = 256 * 1024
_LOOK_SECONDS = 0.02
_SETTLE_SECONDS = 0.5
_PATIENCE = 600.0
_MEGA = 1_000_000


class Plan(NamedTuple):
    """How many records: in the usual delivery, and in the large one, where there is one."""

    usual: int
    larger: int | None

    @classmethod
    def of(cls, records: int) -> Plan:
        """A larger delivery of so many, beside the usual one; or the usual one made smaller."""
        return cls(USUAL, records) if records > USUAL else cls(records, None)


async def bench_batch(plan: Plan, parts: Parts, folder: Path) -> Findings:
    """Ours, in both forms and both sizes, then the baselines. Raises `BenchFailed`."""
    ours: list[Figures] = []
    screening = Screening(WARM_UP + ROUNDS * plan.usual + (plan.larger or 0))
    async with AsyncExitStack() as closing:
        subject = await closing.enter_async_context(gateway(parts, folder / "gateway"))
        dwi = await closing.enter_async_context(AsyncSluis(subject.credentials("dwi")))
        bench = _Deliveries(subject, dwi, parts, folder / "levering.csv")
        await bench.screening("Warming up", screening, min(WARM_UP, plan.usual))
        for number in range(1, ROUNDS + 1):
            title = f"Delivery {number} of {ROUNDS}"
            ours.append(await bench.screening(title, screening, plan.usual))
        larger = None
        if plan.larger is not None:
            larger = await bench.screening("The larger delivery", screening, plan.larger)
        households = await bench.households("Households", plan.usual)
    usual = median_of(ours)
    baselines = await _baselines(plan, parts, folder)
    variants = {HOUSEHOLDS: households}
    if larger is not None:
        variants["larger"] = larger
    return Findings(
        "batch",
        "record",
        "deliveries, from the first byte sent to `verwerkt`",
        usual,
        baselines,
        variants,
        [_time_goal(plan, usual), _memory_goal(usual, larger)],
        ["every record got an outcome", "every record of a screening was permitted"],
        [
            f"deliveries of {plan.usual:,} records, one person each with eleven ZRM scores,"
            f" as CSV; median of {ROUNDS}",
            f"{HOUSEHOLDS}: as many households of the population's mix, some of whom must wait",
            f"{ROW_BASELINE} is measured over {min(SMALLER, plan.usual):,} rows",
            f"{WHOLE_BASELINE} refuses a whole delivery for one bad row, which we may not",
        ],
    )


class _Deliveries:
    """Makes deliveries, sends them, and measures from outside."""

    def __init__(self, subject: Gateway, dwi: AsyncSluis, parts: Parts, file: Path) -> None:
        self._subject = subject
        self._dwi = dwi
        self._parts = parts
        self._file = file

    async def screening(self, title: str, screening: Screening, count: int) -> Figures:
        """A delivery of the screening's next clients, all of whom agreed."""

        def told(done: int) -> None:
            self._parts.told(f"{title}: making it", done, count)

        await asyncio.to_thread(screening.write, self._file, count, told)
        report, figures = await self._deliver(title, count)
        if report.accepted != count:
            raise BenchFailed(f"{count - report.accepted} of {count} records were not permitted")
        return figures

    async def households(self, title: str, count: int) -> Figures:
        """A delivery of households in the population's mix."""

        def told(done: int) -> None:
            self._parts.told(f"{title}: making it", done, count)

        await asyncio.to_thread(write_households, self._file, count, told)
        report, figures = await self._deliver(title, count)
        if report.accepted + report.held != count:
            raise BenchFailed("not every household was permitted or held")
        return figures

    async def _deliver(self, title: str, count: int) -> tuple[DeliveryReport, Figures]:
        subject, begun = self._subject, [0.0]

        async def pieces() -> AsyncIterator[bytes]:
            begun[0] = time.perf_counter()
            with self._file.open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece

        await self._dwi.protocol()  # the token is asked for before the clock starts
        forget_peak(subject.pid)
        meter = CpuMeter(subject.roots)
        taken = await self._dwi.deliver(pieces(), "text/csv")
        report = await self._dwi.wait(
            taken.delivery_id,
            lambda now: self._parts.told(title, now.records, count),
            first=_LOOK_SECONDS,
            longest=_LOOK_SECONDS,
        )
        seconds = time.perf_counter() - begun[0]
        peak = peak_bytes(subject.pid)
        await asyncio.sleep(_SETTLE_SECONDS)  # what the log's publisher still does is counted too
        cpu = meter.used()
        if report.state is not DeliveryState.DONE or report.records != count:
            raise BenchFailed(f"the delivery ended as {report.state} with {report.records} records")
        return report, figures_of(count, seconds, [seconds], cpu, **{PEAK: _megabytes(peak)})


async def _baselines(plan: Plan, parts: Parts, folder: Path) -> dict[str, Figures]:
    """Both on one server; the one that holds a whole delivery in memory comes last."""
    runs = ((ROW_BASELINE, True, min(SMALLER, plan.usual)), (WHOLE_BASELINE, False, plan.usual))
    file, found = folder / "levering.csv", {}
    warm_up = min(WARM_UP, plan.usual)
    screening = Screening(sum(warm_up + count for _, _, count in runs))
    async with baseline(parts, folder / "baseline") as rival:
        for name, commit_each, count in runs:
            parts.told(f"Baseline: {name}", 0, None)
            for size in (warm_up, count):
                await asyncio.to_thread(screening.write, file, size, lambda _: None)
                found[name] = await _deliver_to_baseline(rival, file, size, commit_each)
    return found


async def _deliver_to_baseline(
    rival: Baseline, file: Path, size: int, commit_each: bool
) -> Figures:
    content = await asyncio.to_thread(file.read_bytes)
    headers = {"Authorization": f"Bearer {rival.token}", "Content-Type": "text/csv"}
    async with httpx.AsyncClient(
        base_url=rival.address, headers=headers, timeout=_PATIENCE, trust_env=False
    ) as http:
        forget_peak(rival.pid)
        meter, begun = CpuMeter(rival.roots), time.perf_counter()
        answer = await http.post(
            "/leveringen", params={"commit_each": commit_each}, content=content
        )
        seconds = time.perf_counter() - begun
    cpu = meter.used()
    if answer.status_code != httpx.codes.OK or answer.json()["records"] != size:
        raise BenchFailed(f"the baseline answered {answer.status_code}")
    peak = _megabytes(peak_bytes(rival.pid))
    return figures_of(size, seconds, [seconds], cpu, **{PEAK: peak})


def _megabytes(count: int | None) -> float | None:
    return None if count is None else count / _MEGA


def _time_goal(plan: Plan, usual: Figures) -> Goal:
    seconds = usual.p50_ms / 1000
    return Goal(
        f"{USUAL:,} records, upload to committed",
        f"at most {SECONDS} s",
        f"{seconds:.2f} s for {plan.usual:,}",
        seconds <= SECONDS if plan.usual == USUAL else None,
    )


def _memory_goal(usual: Figures, larger: Figures | None) -> Goal:
    asked = f"at most {MEMORY}x, however large"
    if larger is None or PEAK not in larger.extra:
        return Goal("memory at its highest", asked, "not measured", None)
    ratio = larger.extra[PEAK] / usual.extra[PEAK]
    got = f"{ratio:.2f}x at {larger.messages:,} records"
    return Goal("memory at its highest", asked, got, ratio <= MEMORY)
