"""Every parser under the coverage-guided fuzzer: `make proof`, with figures for docs/fuzzing.md.

`SLUIS_FUZZ_SECONDS` says how long for each (5 unless set), `SLUIS_FUZZ_ONLY` which, by how their
names begin. atheris has wheels for Linux on x86-64 alone; anywhere else this says that it did not
look.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import papers
from tests.fuzz.targets import TARGETS

pytestmark = pytest.mark.proof

ROOT = Path(__file__).parents[2]
SECONDS = int(os.environ.get("SLUIS_FUZZ_SECONDS", "5"))
ONLY = tuple(os.environ.get("SLUIS_FUZZ_ONLY", "").split())
STARTING = 120
"""Seconds in which the packages are instrumented, on a machine that others share."""
_FIGURES = {
    "runs": re.compile(rb"stat::number_of_executed_units:\s+(\d+)"),
    "a second": re.compile(rb"stat::average_exec_per_sec:\s+(\d+)"),
    "MiB": re.compile(rb"stat::peak_rss_mb:\s+(\d+)"),
    "covered": re.compile(rb".*\bcov: (\d+)", re.DOTALL),
}


def test_no_parser_breaks_its_promises_where_coverage_leads(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris has no wheel here: NO parser was fuzzed by coverage")
    names = [name for name in TARGETS if not ONLY or name.startswith(ONLY)]
    command = [sys.executable, "-m", "tests.fuzz.guided", str(tmp_path), str(SECONDS), *names]
    limit = STARTING + len(names) * (SECONDS + 65)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=limit, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]

    told_of("parser", *_FIGURES, "found")
    wrong: dict[str, str] = {}
    for name in names:
        told = (tmp_path / f"{name}.log").read_bytes()
        found = sorted((tmp_path / name).glob("finding-*"))
        matched = {figure: pattern.search(told) for figure, pattern in _FIGURES.items()}
        figures = [int(match[1]) if match else 0 for match in matched.values()]
        told_of(name, *(f"{figure:,}" for figure in (*figures, len(found))))
        if found or b"Done " not in told:
            wrong[name] = f"{told.decode(errors='replace')[-1500:]} {[*map(_hex, found)]}"
    assert not wrong, "\n\n".join(f"{name}:\n{told}" for name, told in wrong.items())


def told_of(name: str, *figures: str) -> None:
    print(f"{name:26}" + "".join(f"{one:>10}" for one in figures))  # noqa: T201  # the figures


def _hex(path: Path) -> str:
    return path.read_bytes()[:2000].hex()


def teardown_module() -> None:
    papers.clean()
