"""What was published stands outside the database before it is shown, and holds it to that."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.checkpoint import Checkpoint, sign_checkpoint
from gateway.audit.merkle import EMPTY_ROOT
from gateway.audit.published import (
    FILE,
    OlderThanPublishedError,
    Published,
    PublishedDamagedError,
)
from gateway.vault.journal_folder import make_folder

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "sluis/proef/verwerkingen/2026"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "journal"
    make_folder(made)
    return made


def note(size: int, origin: str = ORIGIN, fill: int = 1) -> str:
    root = bytes([fill]) * 32 if size else EMPTY_ROOT
    return sign_checkpoint(Checkpoint(origin, size, root), KEY).decode()


def sizes(published: Published) -> dict[str, int]:
    return {origin: one.size for origin, one in published.newest().items()}


def test_the_newest_of_each_volume_is_remembered(folder: Path) -> None:
    published = Published(folder)
    for size in (0, 3, 7):
        published.remember(note(size))
    published.remember(note(2, "sluis/proef/toegang/2026"))

    assert sizes(Published(folder)) == {ORIGIN: 7, "sluis/proef/toegang/2026": 2}
    assert Published(folder).newest()[ORIGIN].note == note(7)
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600


def test_what_does_not_follow_on_what_was_published_is_refused(folder: Path) -> None:
    published = Published(folder)
    published.remember(note(7))

    with pytest.raises(OlderThanPublishedError):
        published.remember(note(6))
    with pytest.raises(OlderThanPublishedError):
        published.remember(note(7, fill=2))
    published.remember(note(7))  # the same again
    assert sizes(Published(folder)) == {ORIGIN: 7}


def test_two_processes_hold_each_other_to_it(folder: Path) -> None:
    one, other = Published(folder), Published(folder)
    one.remember(note(7))

    with pytest.raises(OlderThanPublishedError):
        other.remember(note(3))
    other.remember(note(9))
    assert sizes(one) == {ORIGIN: 9}


def test_a_recovery_lowers_what_a_volume_is_held_to(folder: Path) -> None:
    published = Published(folder)
    published.remember(note(7))

    published.settle(ORIGIN, 4, bytes(32))

    assert sizes(Published(folder)) == {ORIGIN: 4}
    published.remember(note(5))
    assert sizes(Published(folder)) == {ORIGIN: 5}


def test_a_beginning_of_a_line_counts_for_nothing(folder: Path) -> None:
    published = Published(folder)
    published.remember(note(7))
    with (folder / FILE).open("ab") as file:
        file.write(b'{"note":"half')

    assert sizes(Published(folder)) == {ORIGIN: 7}
    Published(folder).remember(note(8))
    assert sizes(Published(folder)) == {ORIGIN: 8}


def test_a_line_that_cannot_be_read_is_no_empty_memory(folder: Path) -> None:
    Published(folder).remember(note(7))
    with (folder / FILE).open("ab") as file:
        file.write(b"{}\n")

    with pytest.raises(PublishedDamagedError):
        Published(folder).newest()


def test_the_file_is_written_anew_in_one_piece(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.audit.published.MAX_FILE_BYTES", 2000)
    one, other = Published(folder), Published(folder)
    for size in range(1, 60):
        (one if size % 2 else other).remember(note(size))

    assert (folder / FILE).stat().st_size < 3000
    assert sizes(one) == sizes(other) == sizes(Published(folder)) == {ORIGIN: 59}


def test_without_its_file_a_running_process_still_knows(folder: Path) -> None:
    published = Published(folder)
    published.remember(note(7))
    published.remember(note(2, "sluis/proef/toegang/2026"))
    (folder / FILE).unlink()

    assert sizes(published)[ORIGIN] == 7
    published.remember(note(8))
    assert sizes(Published(folder)) == {ORIGIN: 8, "sluis/proef/toegang/2026": 2}


def test_what_is_not_on_disk_is_not_remembered(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = Published(folder)
    published.remember(note(7))

    def fails(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", fails)  # the disk: nothing of ours
        with pytest.raises(OSError, match="No space"):
            published.remember(note(8))

    assert sizes(published) == sizes(Published(folder)) == {ORIGIN: 7}
    published.remember(note(8))
    assert sizes(Published(folder)) == {ORIGIN: 8}
