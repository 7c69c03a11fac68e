"""`sluis bench referral`: single referrals over many connections, each answered after its COMMIT.

Turns alternate, ours first and last, so that a machine that grows slower or faster meanwhile harms
neither. After each turn of ours the casebook pulls its whole mailbox: every message that was
answered 202 must be in it, and nothing else.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

import orjson

from gateway.bench.figures import Figures, Findings, Goal, figures_of, median_of
from gateway.bench.load import Job, Load, put_load
from gateway.bench.messages import write_referrals
from gateway.bench.pages import Reader, next_path
from gateway.bench.processes import BenchFailed
from gateway.bench.subjects import Baseline, Gateway, Parts, baseline, gateway

BASELINE = "fastapi-orm"
GATEWAY, RIVAL = "gateway", "baseline"
RATE_AT_MOST = 8000
"""Messages made beforehand for each second of load. A server that is faster stops earlier."""
MANY_CONNECTIONS = 128
RATIO, P99_PART, CPU_US = 15.0, 20.0, 250.0


class Plan(NamedTuple):
    """How much to do: connections, seconds of load a turn after the warm-up, and turns of ours."""

    connections: int
    seconds: float
    warm_up: float
    rounds: int
    messages: int | None = None
    """How many to make beforehand, where `RATE_AT_MOST` is more than is wanted."""

    def turns(self) -> list[str]:
        """Ours and the baseline's in turn, ours first and last; one of each at least."""
        return (
            [GATEWAY, *[RIVAL, GATEWAY] * (self.rounds - 1)]
            if self.rounds > 1
            else [GATEWAY, RIVAL]
        )


async def bench_referral(plan: Plan, parts: Parts, folder: Path) -> Findings:
    """All turns, and what they found. Raises `BenchFailed`."""
    messages = folder / "aanmeldingen.ndjson"
    count = plan.messages or int((plan.seconds + plan.warm_up) * RATE_AT_MOST) + plan.connections
    await asyncio.to_thread(
        write_referrals, messages, count, lambda done: parts.told("Making messages", done, count)
    )
    ours: list[Figures] = []
    theirs: list[Figures] = []
    notes: set[str] = set()
    turns = plan.turns()
    for number, turn in enumerate(turns):
        parts.told(f"Turn {number + 1} of {len(turns)}: {turn}", number, len(turns))
        place = folder / f"turn-{number}"
        if turn == GATEWAY:
            async with gateway(parts, place) as subject:
                load = await load_gateway(subject, plan, messages, folder / "ids")
                await asyncio.to_thread(
                    check_mailbox, subject.address, await subject.token("casebook"), folder / "ids"
                )
            ours.append(figures_of_load(load))
        else:
            async with baseline(parts, place) as rival:
                load = await _load_baseline(rival, plan, messages, folder / "ids")
                await asyncio.to_thread(_check_count, rival, load)
            theirs.append(figures_of_load(load))
        if load.ran_out:
            notes.add(f"the {turn} took every message that was made before the time was over")
    return _findings(plan, ours, theirs, sorted(notes))


async def load_gateway(subject: Gateway, plan: Plan, messages: Path, ids: Path) -> Load:
    """Put one turn's load on our gateway; the exchanges that it answered with come into `ids`."""
    token = await subject.token("dwi")
    path = "/v1/aanmeldingen"
    return await _load(subject.address, path, token, subject.roots, plan, messages, ids)


async def _load_baseline(subject: Baseline, plan: Plan, messages: Path, ids: Path) -> Load:
    path = "/aanmeldingen"
    return await _load(subject.address, path, subject.token, subject.roots, plan, messages, ids)


async def _load(
    address: str, path: str, token: str, roots: list[int], plan: Plan, messages: Path, ids: Path
) -> Load:
    load = await put_load(
        Job(
            address=address,
            path=path,
            token=token,
            connections=plan.connections,
            warm_up=plan.warm_up,
            seconds=plan.seconds,
            messages=messages,
            ids=ids,
            roots=roots,
        )
    )
    if load.others:
        told = ", ".join(f"{count} x {what}" for what, count in sorted(load.others.items()))
        raise BenchFailed(f"not every referral was permitted: {told}")
    return load


def check_mailbox(address: str, token: str, ids: Path) -> None:
    """Every message that was answered 202 is in the mailbox, and nothing else is."""
    promised = set(ids.read_bytes().split(b"\n"))
    found: set[bytes] = set()
    with Reader(address, token) as reader:
        path: str | None = "/v1/postvak"
        while path is not None:
            page = reader.page(path)
            found.update(
                orjson.loads(line)["id"].encode() for line in page.content.splitlines() if line
            )
            path = next_path(page)
    if promised != found:
        raise BenchFailed(
            f"{len(promised - found)} referrals that were answered 202 are not in the mailbox,"
            f" and {len(found - promised)} are that were not"
        )


def _check_count(subject: Baseline, load: Load) -> None:
    with Reader(subject.address, subject.token) as reader:
        count = int(reader.page("/aantal").content)
    if count != load.permitted + load.warmed_up:
        raise BenchFailed("the baseline's queue does not hold what it answered for")


def figures_of_load(load: Load) -> Figures:
    """What one turn's load found."""
    own = load.own_cpu_seconds * 1_000_000 / max(1, load.permitted)
    return figures_of(
        load.permitted, load.seconds, load.latencies, load.cpu, generatorCpuUsPerMessage=own
    )


def _findings(plan: Plan, ours: list[Figures], theirs: list[Figures], notes: list[str]) -> Findings:
    own, rival = median_of(ours), median_of(theirs)
    ratio, part = own.rate / rival.rate, rival.p99_ms / own.p99_ms
    is_asked = plan.connections == MANY_CONNECTIONS
    reach = [
        Goal(
            "rate over the baseline's",
            f"at least {RATIO:.0f}x",
            f"{ratio:.1f}x",
            ratio >= RATIO if is_asked else None,
        ),
        Goal(
            "p99, as a part of the baseline's",
            f"at most 1/{P99_PART:.0f}",
            f"1/{part:.1f}",
            part >= P99_PART if is_asked else None,
        ),
        Goal(
            "CPU a message, PostgreSQL included",
            f"at most {CPU_US:.0f} us",
            "unknown" if own.cpu is None else f"{own.cpu.total:.0f} us",
            None if own.cpu is None or not is_asked else own.cpu.total <= CPU_US,
        ),
    ]
    verified = [
        "every referral was answered 202 with besluit toegelaten",
        "after each turn the casebook's mailbox held exactly the exchanges that were answered",
        "the baseline's queue held as many as it answered",
    ]
    mix = f"{plan.connections} connections, households of the population's mix, every member agreed"
    return Findings(
        "referral", "referral", "answers", own, {BASELINE: rival}, {}, reach, verified,
        [mix, *notes],
    )  # fmt: skip
