from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path

import pytest

from gateway.bench.processes import BenchFailed, CpuMeter, forget_peak, peak_bytes, started

_SERVES = "import time; print('serving on http://127.0.0.1:9', flush=True); time.sleep(60)"
_FAILS = "import sys; sys.exit('no port is free')"
_BURNS = "import time; begun = time.process_time()\nwhile time.process_time() - begun < 0.3: pass"
_PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_BURNS!r}], check=True)"

needs_proc = pytest.mark.skipif(
    sys.platform != "linux", reason="processor time and memory are read from /proc"
)


async def test_a_server_is_known_by_the_line_that_it_prints(tmp_path: Path) -> None:
    async with started([sys.executable, "-c", _SERVES], tmp_path / "log") as server:
        assert server.address == "http://127.0.0.1:9"
        os.kill(server.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


async def test_a_server_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(BenchFailed, match="no port is free"):
        async with started([sys.executable, "-c", _FAILS], tmp_path / "log"):
            pass


async def test_settings_of_the_shell_do_not_reach_what_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUIS_WRITERS", "7")
    tell = "import os; print('serving on', os.environ.get('SLUIS_WRITERS'), flush=True)"

    async with started([sys.executable, "-c", tell], tmp_path / "log") as server:
        assert server.address == "None"


@needs_proc
async def test_processor_time_includes_children_that_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"{_PARENT}\n{_SERVES}"]
    meter = CpuMeter([os.getpid()])

    async with started(command, tmp_path / "log"):
        used = meter.used()

    assert used is not None
    assert used.total >= 0.3
    assert used.server < used.total


@needs_proc
def test_the_peak_of_memory_counts_from_where_it_was_forgotten() -> None:
    forget_peak(os.getpid())  # what other tests of this process held
    before = peak_bytes(os.getpid())
    # Memory of its own from the system: what the process freed before is not used again.
    with mmap.mmap(-1, 64_000_000) as held:
        held.write(b"x" * 64_000_000)
        high = peak_bytes(os.getpid())
    forget_peak(os.getpid())
    low = peak_bytes(os.getpid())

    assert before is not None
    assert high is not None
    assert low is not None
    assert high - before > 30_000_000
    assert high - low > 30_000_000


def test_memory_of_a_process_that_is_gone_is_unknown() -> None:
    assert peak_bytes(2**30) is None
