"""`sluis bench deliver`: mail brought and mail pulled, in order, for 1, 10 and 1,000 recipients.

The mailboxes are filled by deliveries first, which is not measured. Brought is counted at the
receiver, from its first message to its last; it answers at once and looks at nothing but the order.
Beside it pgqueuer brings messages that it holds ready made, to the same receiver.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gateway.bench.figures import Figures, Findings, Goal, figures_of
from gateway.bench.messages import write_referrals
from gateway.bench.pages import Reader
from gateway.bench.processes import BenchFailed, Cpu, CpuMeter, started
from gateway.bench.subjects import Gateway, Parts, gateway, make_passable
from gateway.client import AsyncSluis
from gateway.sandbox.receiver import Arrived, Receiver, Reply
from schemas.deliveries import DeliveryState

RECIPIENTS = (1, 10, 1000)
MOST_RECIPIENTS = 1000
MESSAGES = 5_000
SENDER = "dwi"
PULLERS = 4
GOAL = 2.0
PATIENCE_SECONDS = 300.0
PUSHED, PULLED = "brought to {:,}", "pulled by {:,}"
UNORDERED, ORDERED, SILENT = "pgqueuer", "pgqueuer, in order", "pgqueuer, sending nothing"


class Plan(NamedTuple):
    """How many messages each measurement brings, and to how many recipients."""

    messages: int = MESSAGES
    recipients: tuple[int, ...] = RECIPIENTS


class Delivering(NamedTuple):
    """What this bench is handed besides: it may not know how partners are registered."""

    protocol: Callable[[Path, int], Path]
    """A protocol file in this folder that admits so many recipients more, `r0000` and on."""
    register: Callable[[Path, int], Awaitable[None]]
    """Register them with the gateway that serves from this home."""
    tokens: Callable[[Gateway, int], Awaitable[list[str]]]
    """An access token of each of the first so many."""
    aim: Callable[[Path, int, str], Awaitable[None]]
    """Give the first so many an endpoint under this address, which is brought nothing yet."""
    loose: Callable[[Path], Awaitable[None]]
    """Begin to bring."""
    forget: Callable[[Path], Awaitable[None]]
    """Take the endpoints away again."""


@dataclass
class Counter:
    """What came, when, and whether in order. The place is the end of the idempotency key."""

    wanted: int
    is_ordered: bool
    on_first: Callable[[], None] = lambda: None
    moments: list[float] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    told: float | None = None
    wrong: str | None = None
    _last: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def take(self, arrived: Arrived) -> Reply:
        """Count one message."""
        if arrived.path.endswith("/done"):
            self.told = float(json.loads(arrived.body)["seconds"])
            self.done.set()
            return Reply()
        if not self.moments:
            self.on_first()
        self.moments.append(time.perf_counter())
        place = int(arrived.headers["idempotency-key"].strip('"').rpartition("-")[2])
        if self.is_ordered and place <= self._last[arrived.path]:
            self.wrong = "a message came out of its order, or twice"
        self._last[arrived.path] = place
        if len(self.moments) == self.wanted:
            self.done.set()
        return Reply()

    def figures(self, cpu: Cpu | None) -> Figures:
        """From the first message to the last; latencies are the pauses between two."""
        if self.wrong is not None:
            raise BenchFailed(self.wrong)
        if len(self.moments) < self.wanted:
            raise BenchFailed(f"{len(self.moments)} of {self.wanted} messages came")
        pauses = [b - a for a, b in zip(self.moments, self.moments[1:], strict=False)]
        seconds = self.moments[-1] - self.moments[0]
        return figures_of(len(pauses), seconds, pauses, cpu)


async def bench_deliver(plan: Plan, parts: Parts, delivering: Delivering, folder: Path) -> Findings:
    """Ours and pgqueuer's, each number of recipients in turn. Raises `BenchFailed`."""
    most = max(plan.recipients)
    file = folder / "aanmeldingen.ndjson"
    await asyncio.to_thread(write_referrals, file, plan.messages, lambda _: None)
    ours: dict[str, Figures] = {}
    size = 0
    protocol = await asyncio.to_thread(delivering.protocol, folder, most)
    settings = {"SLUIS_PROTOCOL": str(protocol), "SLUIS_PUSH_PRIVATE": "true"}
    async with gateway(parts, folder / "gateway", settings) as subject:
        parts.told("Registering recipients", 0, None)
        await delivering.register(subject.home, most)
        run = _Run(plan, parts, delivering, subject, file)
        for number in plan.recipients:
            ours[PULLED.format(number)] = await run.pull(number)
            size = run.bytes_each
        for number in plan.recipients:
            ours[PUSHED.format(number)] = await run.push(number)
    rivals = await _rivals(plan, parts, folder, size)
    return _findings(plan, ours, rivals, size)


def _findings(
    plan: Plan, ours: Mapping[str, Figures], rivals: Mapping[str, Figures], size: int
) -> Findings:
    middle = sorted(plan.recipients)[len(plan.recipients) // 2]
    headline = ours[PUSHED.format(middle)]
    ratio = headline.rate / rivals[UNORDERED].rate
    is_whole = plan.messages >= MESSAGES
    return Findings(
        "deliver",
        "message",
        "the pauses between two messages at the receiver, or pages where pulled",
        headline,
        rivals,
        {name: figures for name, figures in ours.items() if figures is not headline},
        [
            Goal(
                f"brought in order to {middle:,} recipients, over pgqueuer without order",
                f"at least {GOAL:.0f}x",
                f"{ratio:.1f}x",
                ratio >= GOAL if is_whole else None,
            )
        ],
        [
            "every message came once, in its recipient's order",
            "what was pulled was acknowledged once, and nothing was left",
        ],
        [
            f"{plan.messages:,} households each time, {size:,} bytes a message as it is sent; ours"
            " is looked at again, logged, signed and acknowledged, each message",
            "pgqueuer holds what it sends ready made, posts it by httpx (8 connections, batches of"
            " 64), and checks, signs and logs nothing; 'in order': an entrypoint a recipient, one"
            f" job at a time, for {_ordered(plan):,}; 'sending nothing': its queue alone",
            "all recipients are one receiver on this machine, which answers at once",
        ],
    )


class _Run:
    """One gateway, measured again and again."""

    def __init__(
        self, plan: Plan, parts: Parts, delivering: Delivering, subject: Gateway, file: Path
    ) -> None:
        self._plan = plan
        self._parts = parts
        self._delivering = delivering
        self._subject = subject
        self._file = file
        self._round = 0
        self.bytes_each = 0

    async def push(self, number: int) -> Figures:
        """From loosing the lanes to the last message."""
        home = self._subject.home
        meters: list[CpuMeter] = []
        counter = Counter(
            self._plan.messages, True, lambda: meters.append(CpuMeter(self._subject.roots))
        )
        async with Receiver(counter.take) as receiver:
            await self._delivering.aim(home, number, receiver.url)
            await self._fill(number)
            self._parts.told(PUSHED.format(number).capitalize(), 0, None)
            await self._delivering.loose(home)
            await _within(counter.done)
            figures = counter.figures(meters[0].used())
            await asyncio.sleep(1.0)  # the last ones are acknowledged
            await self._delivering.forget(home)
        return figures

    async def pull(self, number: int) -> Figures:
        """Every page of every recipient, acknowledged."""
        await self._fill(number)
        self._parts.told(PULLED.format(number).capitalize(), 0, None)
        tokens = await self._delivering.tokens(self._subject, number)
        meter, begun = CpuMeter(self._subject.roots), time.perf_counter()
        shares = [tokens[n::PULLERS] for n in range(min(PULLERS, number))]
        pulled = await asyncio.gather(
            *(asyncio.to_thread(_pull, self._subject.address, share) for share in shares)
        )
        seconds = time.perf_counter() - begun
        messages = sum(one.messages for one in pulled)
        if messages != self._plan.messages:
            raise BenchFailed(f"{messages} messages were pulled where {self._plan.messages} wait")
        self.bytes_each = sum(one.bytes for one in pulled) // messages
        latencies = [took for one in pulled for took in one.latencies]
        return figures_of(messages, seconds, latencies, meter.used())

    async def _fill(self, number: int) -> None:
        self._round += 1
        lines = await asyncio.to_thread(_addressed, self._file, number, self._round)
        file = self._file.with_name("levering.ndjson")
        await asyncio.to_thread(file.write_bytes, lines)
        async with AsyncSluis(self._subject.credentials(SENDER), keeps=False) as sender:
            taken = await sender.deliver(file)
            report = await sender.wait(
                taken.delivery_id,
                lambda now: self._parts.told(
                    "Filling the mailboxes", now.records, self._plan.messages
                ),
            )
        if report.state is not DeliveryState.DONE or report.accepted != self._plan.messages:
            raise BenchFailed("the mailboxes could not be filled")


class _Pulled(NamedTuple):
    messages: int
    bytes: int
    latencies: list[float]


def _pull(address: str, tokens: Iterable[str]) -> _Pulled:
    messages = size = 0
    latencies: list[float] = []
    for token in tokens:
        with Reader(address, token) as reader:
            has_more = True
            while has_more:
                begun = time.perf_counter()
                page = reader.page("/v1/postvak")
                if page.messages != reader.acknowledge(page.headers["sluis-volgende"]):
                    raise BenchFailed("not every message was acknowledged once")
                latencies.append(time.perf_counter() - begun)
                messages += page.messages
                size += len(page.content)
                has_more = page.headers["sluis-meer"] == "ja"
    return _Pulled(messages, size, latencies)


def _addressed(file: Path, number: int, turn: int) -> bytes:
    """The households as messages to so many recipients in turn, under references of this turn."""
    made = []
    for n, line in enumerate(file.read_bytes().splitlines()):
        message = json.loads(line)
        message["ontvanger"] = name_of(n % number)
        message["kenmerk"] = f"B{turn}-{n}"
        made.append(json.dumps(message).encode())
    return b"\n".join(made) + b"\n"


def name_of(number: int) -> str:
    """A recipient's short name."""
    return f"r{number:04d}"


def _ordered(plan: Plan) -> int:
    return min(10, max(plan.recipients))


async def _rivals(plan: Plan, parts: Parts, folder: Path, size: int) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    modes = {UNORDERED: ("free", 1), ORDERED: ("ordered", _ordered(plan)), SILENT: ("silent", 1)}
    for name, (mode, recipients) in modes.items():
        parts.told(f"Baseline: {name}", 0, None)
        home = folder / f"baseline-{mode}"
        make_passable(home)
        found[name] = await _rival(plan, parts, home, mode, recipients, size)
    return found


async def _rival(
    plan: Plan, parts: Parts, home: Path, mode: str, recipients: int, size: int
) -> Figures:
    async with AsyncExitStack() as closing:
        database = await closing.enter_async_context(parts.database(home / "data"))
        roots: list[int] = []
        meters: list[CpuMeter] = []
        counter = Counter(plan.messages, False, lambda: meters.append(CpuMeter(roots)))
        receiver = await closing.enter_async_context(Receiver(counter.take))
        command = [sys.executable, "-m", "gateway.bench.queue_baseline", database.url, receiver.url]
        numbers = [str(recipients), str(plan.messages), str(size)]
        server = await closing.enter_async_context(
            started([*command, mode, *numbers], home / "server.log")
        )
        roots += [server.pid, database.pid]
        if mode == "silent":
            meters.append(CpuMeter(roots))
        await _within(counter.done)
        cpu = meters[0].used()
        if counter.told is not None and mode == "silent":
            each = counter.told / plan.messages
            return figures_of(plan.messages, counter.told, [each], cpu)
        return counter.figures(cpu)


async def _within(done: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await done.wait()
    except TimeoutError:
        raise BenchFailed("not everything came within five minutes") from None
