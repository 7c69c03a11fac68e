"""PostgreSQL's process as the gateway sees it: started bound to our life, and ended in steps."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from gateway.store.embedded import child
from gateway.store.embedded.user import ServerUser

# How PostgreSQL is asked to end. SIGINT (fast) ends sessions and writes a checkpoint; SIGQUIT
# (immediate) writes nothing, kills what does not listen within 5 s, and the next start recovers
# from the write-ahead log. Nothing that was committed is lost in any way, SIGKILL included.
FAST_SECONDS = 30.0
IMMEDIATE_SECONDS = 15.0
# When we die there is nobody left to ask twice, and the next gateway waits for the lock. SIGINT
# can be without effect: while it restarted after a session had crashed (some 50 ms), PostgreSQL
# 18.4 took it, never ended, and let nobody in. So death is told by SIGQUIT, and costs a recovery.
DEATH_SIGNAL = signal.SIGQUIT
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.5
_QUIET_SECONDS = 0.5
_ENDINGS = ((signal.SIGINT, FAST_SECONDS), (signal.SIGQUIT, IMMEDIATE_SECONDS))

OnWait = Callable[[float], None]
"""Told the seconds waited so far; ends the wait by raising."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class BoundProcess:
    """A direct child that ends when we do, however we end."""

    popen: subprocess.Popen[bytes]
    _over: threading.Event

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self.popen.poll()

    def end(self) -> None:
        """Ask, wait, and insist; afterwards it is gone. Harmless when it was gone already."""
        for ask, patience in _ENDINGS:
            self.popen.send_signal(ask)
            try:
                self.popen.wait(patience)
                break
            except subprocess.TimeoutExpired:
                continue
        else:
            self.popen.kill()
            self.popen.wait()
        self._over.set()


def spawn_bound(
    command: Sequence[str],
    user: ServerUser,
    *,
    death_signal: signal.Signals,
    lock: int,
    log: int,
    text: str = "",
) -> BoundProcess:
    """Start `command` as `user`, in a session of its own, with the lock handed down to it.

    The kernel sends the death signal when the *thread* that started the child ends. So a thread
    is made for it that lasts as long as the child should: the caller may be any thread. We must
    not change our own user afterwards, or the kernel refuses us the signal to another's process.
    """
    started: SimpleQueue[subprocess.Popen[bytes] | OSError] = SimpleQueue()
    over = threading.Event()

    def last() -> None:
        watched, held = os.pipe() if sys.platform != "linux" else (-1, -1)
        try:
            with tempfile.TemporaryFile() as words:
                words.write(text.encode())
                words.seek(0)
                started.put(
                    subprocess.Popen(  # noqa: S603 - our own words, no input
                        [*_first_step(user, death_signal, watched), *command],
                        stdin=words,
                        stdout=log,
                        stderr=log,
                        cwd="/",
                        pass_fds=[lock, *([watched] if watched >= 0 else [])],
                        start_new_session=True,
                    )
                )
        except OSError as error:
            started.put(error)
        else:
            over.wait()
        for end in (watched, held):
            if end >= 0:
                os.close(end)

    threading.Thread(target=last, name="sluis-postgresql", daemon=True).start()
    outcome = started.get()
    if isinstance(outcome, OSError):
        raise outcome
    return BoundProcess(outcome, over)


def _first_step(user: ServerUser, death_signal: signal.Signals, watched: int) -> list[str]:
    """The command line of `child`, which turns into the program that follows it."""
    uid, gid = (-1, -1) if user.is_us else (user.uid, user.gid)
    numbers = (os.getpid(), int(death_signal), uid, gid, watched)
    return [sys.executable, "-I", "-S", str(Path(child.__file__)), *map(str, numbers)]


def wait_for(look: Callable[[], T | None], on_wait: OnWait | None) -> T:
    """Look, further apart as it takes longer, until there is something to see; without limit."""
    began, pause = time.monotonic(), _FIRST_PAUSE
    while (seen := look()) is None:
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
        waited = time.monotonic() - began
        if on_wait is not None and waited >= _QUIET_SECONDS:
            on_wait(waited)
    return seen


def cpu_seconds(postmaster: int) -> float:
    """CPU time of the server and all its processes, living and ended; 0.0 where unknown.

    All of PostgreSQL's processes are children of the postmaster, and those that ended are counted
    in its own account of its children.
    """
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        # A process may end while we look; its time has then moved to the postmaster's account.
        with suppress(FileNotFoundError, ProcessLookupError):
            after_name = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            if int(folder.name) == postmaster or int(after_name[1]) == postmaster:
                # utime, stime, and both of its ended children; proc(5) counts from the state
                ticks += sum(int(number) for number in after_name[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")
