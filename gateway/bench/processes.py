"""A server as a process of its own: started, known to answer, its processor time and memory read.

Processor time is that of a process and of all that came from it: PostgreSQL's processes are the
gateway's children, and those that ended stand in the account of their parent (proc(5)).
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

READY = b"serving on "
START_SECONDS = 120.0
STOP_SECONDS = 60.0
_TOLD_LINES = 5
_PROC = Path("/proc")


class BenchFailed(Exception):  # noqa: N818 - named for the fact, as the client's errors are
    """A bench could not measure, or what it measured was not what it should have been."""


class Started(NamedTuple):
    """A server that answers at `address`."""

    pid: int
    address: str


@asynccontextmanager
async def started(
    command: Sequence[str], log: Path, settings: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Started]:
    """A server that says `serving on ADDRESS` on its stdout; ended when the context ends.

    `settings` are `SLUIS_` variables in which it differs from the default. Raises `BenchFailed`
    with the last lines of its log if it does not come to that.
    """
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env={**_environment(), **settings},
        )
    try:
        yield Started(process.pid, await _address(process, log))
    finally:
        await _end(process)


def _environment() -> dict[str, str]:
    """Ours, without settings: what is measured is what the gateway does by default."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SLUIS_")}


async def _address(process: asyncio.subprocess.Process, log: Path) -> str:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    try:
        async with asyncio.timeout(START_SECONDS):
            line = await process.stdout.readline()
    except TimeoutError:
        line = b""
    if not line.startswith(READY):
        last = (await asyncio.to_thread(log.read_text, errors="replace")).splitlines()
        told = "\n".join(last[-_TOLD_LINES:])
        raise BenchFailed(f"the server under test did not start:\n{told}")
    return line.removeprefix(READY).decode("ascii").strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


class Cpu(NamedTuple):
    """Processor time (seconds): of all that was asked for, and of the server's process alone."""

    total: float
    server: float


class CpuMeter:
    """Counts, from now on, the time of these processes and of all that came from them.

    The first is the server's.
    """

    def __init__(self, roots: Sequence[int]) -> None:
        self._roots = roots
        self._before = _cpu(roots)

    def used(self) -> Cpu | None:
        """What was used since; None where the system does not tell."""
        before, after = self._before, _cpu(self._roots)
        if before is None or after is None:
            return None
        return Cpu(after.total - before.total, after.server - before.server)


def _cpu(roots: Sequence[int]) -> Cpu | None:
    own: dict[int, int] = {}
    ended: dict[int, int] = {}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for folder in _PROC.glob("[0-9]*"):
        # A process may end while we look; its time has then moved to its parent's account.
        with suppress(FileNotFoundError, ProcessLookupError):
            after_name = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            pid = int(folder.name)
            children[int(after_name[1])].append(pid)
            # utime, stime, and both of its ended children; proc(5) counts from the state
            ticks = [int(number) for number in after_name[11:15]]
            own[pid], ended[pid] = sum(ticks[:2]), sum(ticks[2:])
    if not own:
        return None
    waiting, total = list(roots), 0
    while waiting:
        pid = waiting.pop()
        total += own.get(pid, 0) + ended.get(pid, 0)
        waiting += children[pid]
    a_second = os.sysconf("SC_CLK_TCK")
    return Cpu(total / a_second, own.get(roots[0], 0) / a_second)


def forget_peak(pid: int) -> None:
    """Let `peak_bytes` count from now on, where the system can."""
    with suppress(OSError):
        (_PROC / str(pid) / "clear_refs").write_text("5")


def peak_bytes(pid: int) -> int | None:
    """The most memory that one process held at once (resident); None where unknown."""
    try:
        status = (_PROC / str(pid) / "status").read_text()
    except OSError:
        return None
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
    return None if line is None else int(line.split()[1]) * 1024
