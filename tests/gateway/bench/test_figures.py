from __future__ import annotations

import pytest

from gateway.bench.figures import Figures, Findings, Goal, figures_of, median_of, percentile
from gateway.bench.processes import BenchFailed, Cpu


def _figures(rate: float, cpu: Cpu | None = None) -> Figures:
    return Figures(100, 1.0, rate, 10.0, 20.0, cpu, {"peakMegabytes": rate})


# By hand, with the nearest-rank rule: rank = ceil(n * percent / 100), counted from 1.
@pytest.mark.parametrize(
    ("count", "percent", "expected"),
    [(1, 50, 1), (1, 99, 1), (2, 50, 1), (2, 99, 2), (100, 50, 50), (100, 99, 99), (101, 99, 100)],
)
def test_a_percentile_is_of_nearest_rank(count: int, percent: float, expected: int) -> None:
    assert percentile([float(n) for n in range(1, count + 1)], percent) == expected


def test_figures_are_per_second_and_per_message() -> None:
    latencies = [0.003, 0.001, 0.002, 0.100]

    figures = figures_of(4, 2.0, latencies, Cpu(0.002, 0.001), peakMegabytes=7.0, unknown=None)

    assert figures.as_json() == {
        "rate": 2.0,
        "p50Ms": 2.0,
        "p99Ms": 100.0,
        "cpuUsPerMessage": 500.0,
        "serverCpuUsPerMessage": 250.0,
        "messages": 4,
        "seconds": 2.0,
        "peakMegabytes": 7.0,
    }


def test_what_was_never_answered_has_no_figures() -> None:
    with pytest.raises(BenchFailed):
        figures_of(0, 1.0, [], None)


def test_a_processor_time_that_the_system_does_not_tell_is_null() -> None:
    assert figures_of(1, 1.0, [0.1], None).as_json()["cpuUsPerMessage"] is None


def test_the_median_is_taken_figure_by_figure() -> None:
    runs = [
        _figures(1.0, Cpu(9.0, 1.0)),
        _figures(3.0, Cpu(5.0, 3.0)),
        _figures(2.0, Cpu(7.0, 2.0)),
    ]

    middle = median_of(runs)

    assert middle.rate == 2.0
    assert middle.cpu == Cpu(7.0, 2.0)
    assert middle.extra == {"peakMegabytes": 2.0}
    assert middle.messages == 300


def test_each_baseline_has_the_same_keys_and_our_rate_over_its() -> None:
    findings = Findings(
        "referral",
        "referral",
        "answers",
        _figures(300.0),
        {"naive": _figures(20.0)},
        {},
        [Goal("rate", "at least 15x", "15.0x", True)],
        [],
        [],
    )

    told = findings.as_json()

    baselines = told["baselines"]
    assert isinstance(baselines, dict)
    assert baselines["naive"]["ratio"] == 15.0
    assert set(baselines["naive"]) - {"ratio"} <= set(told)
