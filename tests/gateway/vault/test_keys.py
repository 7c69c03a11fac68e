"""Where keys come from: drawn once, kept apart from the database, and destroyed for good."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.vault.keys import (
    CannotDestroyError,
    EnvironmentKeys,
    FileKeys,
    KeyDestroyedError,
    KeyUnavailableError,
    epoch_ends,
    epoch_of,
)

ROOT = {"SLUIS_ROOT_KEY": base64.b64encode(bytes(range(32))).decode()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def test_epochs_are_weeks_that_begin_on_thursday() -> None:
    start = datetime(2026, 11, 19, tzinfo=UTC)
    assert start.isoweekday() == 4
    assert epoch_of(start) == 2968
    assert epoch_ends(2968) == datetime(2026, 11, 26, tzinfo=UTC)
    assert epoch_of(epoch_ends(2968)) == 2969


def test_a_key_is_drawn_once_and_only_where_it_may_be(folder: Path) -> None:
    keys = FileKeys(folder)
    with pytest.raises(KeyUnavailableError):
        keys.key_encryption_key(7)
    drawn = keys.key_encryption_key(7, makes=True)
    assert len(drawn) == 32
    assert FileKeys(folder).key_encryption_key(7) == drawn
    assert (folder / "kek-7.key").stat().st_mode & 0o777 == 0o600


def test_a_destroyed_key_is_gone_and_no_other_takes_its_place(folder: Path) -> None:
    keys = FileKeys(folder)
    drawn = keys.key_encryption_key(7, makes=True)
    keys.destroy(7)
    keys.destroy(7)
    for makes in (False, True):
        with pytest.raises(KeyDestroyedError):
            FileKeys(folder).key_encryption_key(7, makes=makes)
    assert all(drawn not in path.read_bytes() for path in folder.iterdir())
    assert dict(FileKeys(folder).epochs()) == {7: True}


def test_a_crash_after_the_mark_leaves_the_key_dead_and_the_next_call_removes_it(
    folder: Path,
) -> None:
    keys = FileKeys(folder)
    keys.key_encryption_key(7, makes=True)
    (folder / "kek-7.destroyed").touch()
    with pytest.raises(KeyDestroyedError):
        keys.key_encryption_key(7)
    assert dict(keys.epochs()) == {7: True}
    keys.destroy(7)
    assert not (folder / "kek-7.key").exists()


def test_epochs_are_listed(folder: Path) -> None:
    keys = FileKeys(folder)
    for epoch in (9, 7, 8):
        keys.key_encryption_key(epoch, makes=True)
    keys.destroy(8)
    assert dict(keys.epochs()) == {7: False, 8: True, 9: False}


def test_derived_keys_cannot_be_destroyed_alone() -> None:
    keys = EnvironmentKeys(ROOT)
    assert not keys.can_destroy
    assert keys.key_encryption_key(7) == keys.key_encryption_key(7, makes=True)
    with pytest.raises(CannotDestroyError):
        keys.destroy(7)


def test_a_folder_that_others_can_read_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(KeyUnavailableError):
        FileKeys(tmp_path)
