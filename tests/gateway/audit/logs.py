"""Logs to try things on: a fixed key, entries of the right shape, and folders made of them."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import merkle
from gateway.audit.checkpoint import Checkpoint, sign_checkpoint
from gateway.audit.entry import encode_entry
from gateway.audit.folder import write_folder
from gateway.audit.note import VerifierKey
from tests.support.logbooks import YEAR

ORIGIN = f"sluis/proef/verwerkingen/{YEAR}"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


@dataclass(frozen=True, slots=True)
class Log:
    """Entries, and what their operator signs over them."""

    entries: list[bytes]
    origin: str = ORIGIN
    key: Ed25519PrivateKey = KEY

    @property
    def vkey(self) -> str:
        return VerifierKey.of(self.origin, self.key).encode()

    @property
    def root(self) -> bytes:
        return merkle.root(merkle.leaf_hashes(self.entries))

    def signed(self, size: int | None = None) -> bytes:
        """The checkpoint over the first `size` entries."""
        entries = self.entries[:size]
        root = merkle.root(merkle.leaf_hashes(entries))
        return sign_checkpoint(Checkpoint(self.origin, len(entries), root), self.key)

    def export(self, target: Path) -> Path:
        write_folder(target, self.entries, self.signed())
        return target


def numbered(size: int) -> Log:
    """A log of so many entries, each with an id and one of two events."""
    events = ("besluit", "vrijgave")
    return Log([encode_entry({"id": f"regel-{n}", "event": events[n % 2]}) for n in range(size)])


def altered(size: int, entries: dict[int, bytes]) -> Log:
    """The same with other entries at some places, signed as if nothing were wrong."""
    log = numbered(size)
    for index, entry in entries.items():
        log.entries[index] = entry
    return log


def files_of(folder: Path) -> list[Path]:
    """All files of a folder, in a fixed order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def contents_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in files_of(folder)}


def listed(folder: Path) -> list[str]:
    """What stands in a folder, hidden names included."""
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def without_waiting() -> Iterator[None]:
    """Fail, rather than hang, when what is inside waits for something that never comes."""

    def give_up(*_: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
