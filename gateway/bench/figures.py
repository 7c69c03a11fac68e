"""What a bench found: figures of us and of the baselines, and the reach that was asked.

`rate` is messages a second, `cpuUsPerMessage` the processor time of the server and its PostgreSQL
together, for one message (`serverCpuUsPerMessage`: of the server alone); the load generator's own
time is not in it. Where a bench ran more than once, each figure is the median of its runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from gateway.bench.processes import BenchFailed, Cpu


@dataclass(frozen=True, slots=True)
class Figures:
    """One run, or the median of several. Percentiles are in milliseconds, of what `of` names."""

    messages: int
    seconds: float
    rate: float
    p50_ms: float
    p99_ms: float
    cpu: Cpu | None
    """Microseconds a message."""
    extra: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """In the wire form of `--json`."""
        return {
            "rate": round(self.rate, 1),
            "p50Ms": _rounded(self.p50_ms),
            "p99Ms": _rounded(self.p99_ms),
            "cpuUsPerMessage": None if self.cpu is None else round(self.cpu.total, 2),
            "serverCpuUsPerMessage": None if self.cpu is None else round(self.cpu.server, 2),
            "messages": self.messages,
            "seconds": round(self.seconds, 3),
            **{name: round(value, 3) for name, value in self.extra.items()},
        }


def _rounded(milliseconds: float) -> float:
    """To hundredths; what is shorter keeps three digits."""
    return round(milliseconds, 2) if milliseconds >= 1 else float(f"{milliseconds:.3g}")


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that was asked for; `met` is None where this run could not tell."""

    what: str
    asked: str
    got: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class Findings:
    """The outcome of one bench."""

    bench: str
    unit: str
    """What a message is here."""
    of: str
    """What the percentiles are of."""
    ours: Figures
    baselines: Mapping[str, Figures]
    variants: Mapping[str, Figures]
    """The same work in another form, measured beside it."""
    reach: Sequence[Goal]
    verified: Sequence[str]
    """What was checked besides speed; a bench that fails a check gives no findings."""
    notes: Sequence[str]

    def as_json(self) -> dict[str, object]:
        """The one object that `sluis bench X --json` prints."""
        return {
            "bench": self.bench,
            "unit": self.unit,
            "percentilesOf": self.of,
            **self.ours.as_json(),
            "baselines": {
                name: figures.as_json() | {"ratio": round(self.ratio(figures), 2)}
                for name, figures in self.baselines.items()
            },
            "variants": {name: figures.as_json() for name, figures in self.variants.items()},
            "reach": [
                {"what": goal.what, "asked": goal.asked, "got": goal.got, "met": goal.met}
                for goal in self.reach
            ],
            "verified": list(self.verified),
            "notes": list(self.notes),
        }

    def ratio(self, baseline: Figures) -> float:
        """Our rate over a baseline's."""
        return self.ours.rate / baseline.rate


def percentile(sorted_values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of them do not exceed (nearest rank)."""
    rank = -(-len(sorted_values) * percent // 100)
    return sorted_values[max(0, int(rank) - 1)]


def figures_of(
    messages: int,
    seconds: float,
    latencies: Sequence[float],
    cpu: Cpu | None,
    **extra: float | None,
) -> Figures:
    """The figures of one run; latencies in seconds, in any order, and what is known besides.

    Raises `BenchFailed` if there are none.
    """
    if not messages or not latencies:
        raise BenchFailed("nothing was answered within the time measured")
    ordered = sorted(latencies)
    return Figures(
        messages,
        seconds,
        messages / seconds,
        percentile(ordered, 50) * 1000,
        percentile(ordered, 99) * 1000,
        None if cpu is None else Cpu(*(1_000_000 * part / messages for part in cpu)),
        {name: value for name, value in extra.items() if value is not None},
    )


def median_of(runs: Sequence[Figures]) -> Figures:
    """Each figure the median of the runs' own."""
    cpu = [run.cpu for run in runs if run.cpu is not None]
    return Figures(
        sum(run.messages for run in runs),
        sum(run.seconds for run in runs),
        median(run.rate for run in runs),
        median(run.p50_ms for run in runs),
        median(run.p99_ms for run in runs),
        Cpu(*map(median, zip(*cpu, strict=True))) if cpu else None,
        {name: median(run.extra[name] for run in runs) for name in runs[0].extra},
    )
