"""The folder in which deliveries are put down: which are complete, and where they go afterwards.

A file is complete when two looks in a row find the same size and time of change. One that could
not be sent is left alone for a while, twice as long each time, so that it does not keep the
others waiting. Only one process watches a folder at a time.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.client import Misconfigured
from gateway.client.upload import MEDIA_TYPES
from gateway.sandbox.durable import free_name, move

TAKEN, REJECTED = "verwerkt", "geweigerd"
REPORT_JSON, REPORT_TEXT = ".verslag.json", ".verslag.txt"
_LOCK = ".sluis.lock"
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 600.0


@dataclass(slots=True)
class _Seen:
    looks: tuple[int, int]
    is_settled: bool = False
    failures: int = 0
    not_before: float = 0.0


@dataclass(slots=True)
class Inbox:
    """What was seen of the folder so far; held by `watching`."""

    folder: Path
    elapsed: Callable[[], float] = time.monotonic
    _seen: dict[Path, _Seen] = field(default_factory=dict)

    def look(self) -> list[Path]:
        """The deliveries that are complete and not left alone, oldest first."""
        found = dict(self._deliveries())
        self._seen = {path: seen for path, seen in self._seen.items() if path in found}
        for path, looks in found.items():
            seen = self._seen.get(path)
            if seen is None or seen.looks != looks:
                self._seen[path] = _Seen(looks)
            else:
                seen.is_settled = True
        now = self.elapsed()
        ready = [
            path for path, seen in self._seen.items() if seen.is_settled and seen.not_before <= now
        ]
        return sorted(ready, key=lambda path: (self._seen[path].looks[1], path.name))

    def leave_alone(self, path: Path) -> None:
        """It could not be sent: not again for 5 s, 10 s ... 10 minutes."""
        seen = self._seen[path]
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**seen.failures)
        seen.failures += 1
        seen.not_before = self.elapsed() + pause

    def place(self, path: Path, under: str) -> Path:
        """Where the delivery will stand, in `verwerkt/` or `geweigerd/`; nothing is replaced."""
        target = self.folder / under
        target.mkdir(exist_ok=True)
        return free_name(target, path.name)

    def put_away(self, path: Path, place: Path) -> None:
        """Move it, after its reports were written: whoever sees it there finds them beside it."""
        move(path, place)
        self._seen.pop(path, None)

    def _deliveries(self) -> Iterator[tuple[Path, tuple[int, int]]]:
        for path in self.folder.iterdir():
            name = path.name.lower()
            if path.suffix.lower() not in MEDIA_TYPES or name.startswith("."):
                continue
            if name.endswith(REPORT_JSON):
                continue
            try:
                found = path.lstat()
            except FileNotFoundError:
                continue  # gone since the folder was read
            if stat.S_ISREG(found.st_mode):
                yield path, (found.st_size, found.st_mtime_ns)


@contextmanager
def watching(folder: Path) -> Iterator[Inbox]:
    """The inbox, for this process alone; raise `Misconfigured` if it is not there or is watched."""
    if not folder.is_dir():
        raise Misconfigured(f"{folder} is no folder", "make it, or name another one")
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # The system lets go of the lock when the process ends, however it ends.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Inbox(folder)
    except BlockingIOError:
        raise Misconfigured(
            f"another process watches {folder}", "stop that one, or name another folder"
        ) from None
    finally:
        os.close(descriptor)
