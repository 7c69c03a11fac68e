"""What a partner remembers of the gateway's log: the newest checkpoint that it saw, and the key.

The files are what an auditor needs and no more: the signed note itself, which `sluis log verify
--older` takes, and the verifier key as it was at first sight (put it there beforehand, from a
better source, and it is never asked for). Written whole and on disk before anything rests on it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from gateway.client.checkpoints import EvidenceError, LogKey, Stated, read_checkpoint, read_key
from gateway.client.disk import flush_folder, write_whole
from gateway.client.errors import Misconfigured

FOLDER = "controlepunten"
SERIES = "verwerkingen"
KEY_SUFFIX = ".vkey"
EVIDENCE = "tegenspraak"
_UNNAMED = ".onbenoemd"


class CheckpointMemory:
    """The memory in one partner's folder; several processes may share it."""

    def __init__(self, partner_folder: Path) -> None:
        self.folder = partner_folder / FOLDER
        self.path = self.folder / SERIES
        self.key_path = self.folder / f"{SERIES}{KEY_SUFFIX}"
        self._unnamed = self.folder / f"{SERIES}{_UNNAMED}"

    def kept(self) -> Stated | None:
        """The newest checkpoint that was checked; raise `Misconfigured` where it is damaged."""
        try:
            return read_checkpoint(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except EvidenceError as error:
            raise Misconfigured(
                f"{self.path} is damaged: {error}", "put back a copy, or ask the supervisor for one"
            ) from error

    def key(self) -> LogKey | None:
        """The key of the log, as it was at first sight."""
        try:
            return read_key(self.key_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (EvidenceError, UnicodeDecodeError) as error:
            raise Misconfigured(
                f"{self.key_path} holds no verifier key", "put the log's key there, in one line"
            ) from error

    def pin(self, key: LogKey) -> LogKey:
        """Keep the key at first sight; gives the one that stands."""
        with self._alone():
            known = self.key()
            if known is None:
                write_whole(self.key_path, f"{key.encode()}\n".encode())
                return key
            return known

    def keep(self, newer: Stated, instead_of: Stated | None) -> bool:
        """Keep a checkpoint that was checked against `instead_of`; False where that changed.

        Another process of the same partner may have seen more meanwhile: then compare with that.
        """
        with self._alone():
            if self.kept() != instead_of:
                return False
            write_whole(self.path, newer.note)
            self._unnamed.unlink(missing_ok=True)
            return True

    def unnamed_for(self, now: float) -> float:
        """Since how many seconds a new volume is shown that does not name what came before it."""
        self._ready()
        try:
            return now - self._unnamed.stat().st_mtime
        except FileNotFoundError:
            self._unnamed.touch(0o600)
            os.utime(self._unnamed, (now, now))
            return 0.0

    def keep_evidence(self, notes: Mapping[str, bytes], told: str) -> Path:
        """Put down both sides of a contradiction, once; gives the folder that holds them."""
        self._ready()
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        place = self.folder / f"{EVIDENCE}-{moment}"
        place.mkdir(mode=0o700)
        for name, note in notes.items():
            write_whole(place / name, note)
        write_whole(place / "uitleg.txt", f"{told}\n".encode())
        flush_folder(self.folder)
        return place

    def evidence(self) -> list[Path]:
        """The contradictions that were seen, oldest first."""
        return sorted(self.folder.glob(f"{EVIDENCE}-*"))

    def _ready(self) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir(mode=0o700, exist_ok=True)
            flush_folder(self.folder.parent)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._ready()
        descriptor = os.open(self.folder / ".slot", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
