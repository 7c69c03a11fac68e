"""`sluis bench`: what this gateway does on this machine, measured from outside, beside a baseline.

Each bench starts its own servers on databases of their own, one at a time, and removes them. Here
stands only what the benches may not know themselves: which command serves, and how PostgreSQL is
started for the baseline with the gateway's own settings.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from gateway.bench import batch as batch_bench
from gateway.bench import decide as decide_bench
from gateway.bench import deliver as deliver_bench
from gateway.bench import feed as feed_bench
from gateway.bench import log as log_bench
from gateway.bench import referral as referral_bench
from gateway.bench import search as search_bench
from gateway.bench.figures import Figures, Findings
from gateway.bench.processes import BenchFailed
from gateway.bench.subjects import PASSABLE, Database, Parts
from gateway.cli.bench_candidates import candidates
from gateway.cli.bench_deliver import delivering
from gateway.cli.bench_log import logging
from gateway.cli.deciding import deciding
from gateway.cli.failures import WRONGLY_ASKED, Failure
from gateway.cli.output import JsonOption, Output, Steps, amount
from gateway.cli.stopping import until_told
from gateway.store.embedded import EmbeddedFailure, start_embedded

Bench = Callable[[Parts, Path], Awaitable[Findings]]

INTERRUPTED = 130
SECONDS = 8.0
LONGEST_SECONDS = 300.0
"""A load that lasts longer would outlive its access token."""
_SERVE = "import sys; from gateway.cli import main; sys.exit(main())"
_SHARED = (
    "server, PostgreSQL, load generator and baseline share these processors; the generator's own"
    " time is not in the CPU a message"
)

SecondsOption = Annotated[
    float,
    typer.Option("--seconds", min=0.2, max=LONGEST_SECONDS, help="Seconds of load, each time."),
]
FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="On which disk the databases are made, for as long as it takes; by default among the"
        " temporary files.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Mount this module's commands."""
    group = typer.Typer(help="Measure this gateway on this machine, beside a naive baseline.")
    group.command("referral")(referral)
    group.command("batch")(batch)
    group.command("feed")(feed)
    group.command("decide")(decide)
    group.command("log")(log)
    group.command("deliver")(deliver)
    group.command("search")(search)
    group.command("candidates")(candidates)
    app.add_typer(group, name="bench", no_args_is_help=True)


def referral(
    seconds: SecondsOption = SECONDS,
    connections: Annotated[
        int, typer.Option("--connections", min=1, max=1000, help="Senders at once.")
    ] = referral_bench.MANY_CONNECTIONS,
    records: Annotated[
        int | None,
        typer.Option(
            "--records",
            min=1,
            help="Messages made beforehand (default: more than the time allows).",
            show_default=False,
        ),
    ] = None,
    rounds: Annotated[
        int,
        typer.Option("--rounds", min=1, max=50, help="Turns of ours; the baseline's are between."),
    ] = 3,
    home: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Single referrals over many connections, each answered after its commit."""
    plan = referral_bench.Plan(connections, seconds, min(2.0, seconds / 2), rounds, records)
    _bench(lambda parts, at: referral_bench.bench_referral(plan, parts, at), home, as_json)


def batch(
    records: Annotated[
        int,
        typer.Option(
            "--records",
            min=1,
            max=5_000_000,
            help="Records of the larger delivery, for its memory; fewer than"
            f" {batch_bench.USUAL:,} make the usual one smaller instead.",
        ),
    ] = batch_bench.LARGER,
    home: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """A delivery from its first byte sent until all of it is committed."""
    plan = batch_bench.Plan.of(records)
    _bench(lambda parts, at: batch_bench.bench_batch(plan, parts, at), home, as_json)


def feed(
    seconds: SecondsOption = SECONDS,
    records: Annotated[
        int, typer.Option("--records", min=1, max=5_000_000, help="Messages in the mailbox.")
    ] = feed_bench.MESSAGES,
    home: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """The mailbox pulled in pages of 1,000, every hand-over re-checked and logged."""
    plan = feed_bench.Plan(records, seconds)
    _bench(lambda parts, at: feed_bench.bench_feed(plan, parts, at), home, as_json)


def decide(
    rules: Annotated[
        int, typer.Option("--rules", min=100, max=100_000, help="Rules of the protocol.")
    ] = decide_bench.RULES,
    records: Annotated[
        int, typer.Option("--records", min=100, max=1_000_000, help="Decisions, each round.")
    ] = 10_000,
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=50, help="Rounds of both.")] = 3,
    households: Annotated[
        int,
        typer.Option("--households", min=300, max=1_000_000, help="Households of the register."),
    ] = decide_bench.HOUSEHOLDS,
    home: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decisions on households of three by 10,000 rules, and the consents of 100,000 households."""
    plan = decide_bench.Plan(rules, records, rounds, households, decide_bench.GROUPS)

    async def bench(parts: Parts, at: Path) -> Findings:
        return await decide_bench.bench_decide(plan, deciding(parts.database, parts.told), at)

    _bench(bench, home, as_json)


def search(
    seconds: SecondsOption = SECONDS,
    connections: Annotated[
        int, typer.Option("--connections", min=1, max=1000, help="Senders at once.")
    ] = referral_bench.MANY_CONNECTIONS,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, max=50, help="Turns with the index, and without.")
    ] = 3,
    home: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """What the search index takes from the referral road: turns with it, and without."""
    plan = referral_bench.Plan(connections, seconds, min(2.0, seconds / 2), rounds)
    _bench(lambda parts, at: search_bench.bench_search(plan, parts, at), home, as_json)


def log(
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.2, max=60.0, help="Seconds of each run.")
    ] = log_bench.SECONDS,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, max=50, help="Rounds of all sizes.")
    ] = 1,
    home: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Entries logged, signed and in tiles, in groups of 1 to 1,000, beside plain inserts."""
    plan = log_bench.Plan(seconds, rounds)

    async def bench(parts: Parts, at: Path) -> Findings:
        return await log_bench.bench_log(plan, logging(parts.database, parts.told), at)

    _bench(bench, home, as_json)


def deliver(
    messages: Annotated[
        int, typer.Option("--messages", min=100, max=200_000, help="Messages, each time.")
    ] = deliver_bench.MESSAGES,
    recipients: Annotated[
        str, typer.Option("--recipients", help="Numbers of recipients, with commas between.")
    ] = ",".join(map(str, deliver_bench.RECIPIENTS)),
    home: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mail brought and mail pulled, in order, by numbers of recipients, beside pgqueuer."""
    numbers = tuple(int(one) for one in recipients.split(",") if one.strip().isdecimal())
    if not numbers or not all(0 < one <= deliver_bench.MOST_RECIPIENTS for one in numbers):
        raise Failure("--recipients are numbers", "such as 1,10,1000", WRONGLY_ASKED)
    plan = deliver_bench.Plan(messages, numbers)
    _bench(
        lambda parts, at: deliver_bench.bench_deliver(plan, parts, delivering(), at), home, as_json
    )


def _bench(bench: Bench, home: Path | None, as_json: bool) -> None:
    output = Output(as_json)
    found: list[Findings] = []
    before = _load_average()
    with _workspace(home) as folder, output.progress(is_lasting=False) as steps:
        parts = Parts(_serve_command, _database, _telling(steps))

        async def measure() -> None:
            found.append(await bench(parts, folder))

        try:
            uvloop.run(until_told(measure()))
        except BenchFailed as error:
            raise Failure(
                str(error), "run it again on a quiet machine; then look into it"
            ) from error
        except EmbeddedFailure as error:
            raise Failure(str(error), "name another folder with --home") from error
    if not found:
        raise typer.Exit(INTERRUPTED)
    _show(found[0], before, output)


def _serve_command(home: Path) -> Sequence[str]:
    # By this very interpreter, so that what is measured is what is installed beside us.
    return [sys.executable, "-c", _SERVE, "serve", "--sandbox", "--port", "0", "--home", str(home)]


@asynccontextmanager
async def _database(folder: Path) -> AsyncIterator[Database]:
    server = await asyncio.to_thread(start_embedded, folder)
    try:
        yield Database(server.sqlalchemy_url, server.pid)
    finally:
        await asyncio.to_thread(server.stop)


@contextmanager
def _workspace(home: Path | None) -> Iterator[Path]:
    """A folder that is gone afterwards, which PostgreSQL's user can pass through."""
    if home is not None and not home.is_dir():
        raise Failure(f"{home} is no folder", "name one that exists", WRONGLY_ASKED)
    folder = Path(tempfile.mkdtemp(prefix="sluis-bench-", dir=home))
    try:
        folder.chmod(PASSABLE)
        yield folder.resolve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _telling(steps: Steps) -> Callable[[str, int, int | None], None]:
    def told(step: str, done: int, total: int | None) -> None:
        steps.move(step, done, total, "" if total is None else f"{amount(done)} of {amount(total)}")

    return told


def _show(findings: Findings, load_before: float | None, output: Output) -> None:
    setting: dict[str, object] = {
        "processors": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "loadAverageBefore": load_before,
    }
    output.result({**findings.as_json(), "setting": setting})
    output.say(f"sluis bench {findings.bench}", style="bold")
    output.table(
        (
            f"A {findings.unit}",
            "Rate/s#",
            "p50 ms#",
            "p99 ms#",
            "CPU us#",
            "server#",
            "Ratio#",
        ),
        [
            _row("this gateway", findings.ours),
            *(_row(f"  {name}", figures) for name, figures in findings.variants.items()),
            *(
                _row(name, figures, f"{findings.ratio(figures):.1f}x")
                for name, figures in findings.baselines.items()
            ),
        ],
    )
    output.say(f"p50 and p99 are of {findings.of}.")
    output.say("CPU is of server and PostgreSQL together, then of the server alone.")
    output.say()
    output.table(
        ("Met", "Asked", "", "Got"),
        [(_MET[goal.met], goal.what, goal.asked, goal.got) for goal in findings.reach],
        {"yes": "green", "NO": "red"},
    )
    output.say()
    for told in findings.verified:
        output.say(f"verified: {told}")
    told_load = "" if load_before is None else f"; load average {load_before:.1f} before it began"
    for told in (*findings.notes, f"{setting['processors']} processors{told_load}; {_SHARED}"):
        output.say(told, style="dim")


_MET = {True: "yes", False: "NO", None: "not told"}


def _row(name: str, figures: Figures, ratio: str = "") -> tuple[str, ...]:
    return (
        name,
        f"{figures.rate:,.0f}",
        _short(figures.p50_ms),
        _short(figures.p99_ms),
        *(("unknown",) * 2 if figures.cpu is None else (_short(us) for us in figures.cpu)),
        ratio,
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 1 else f"{value:.3f}"


def _load_average() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
