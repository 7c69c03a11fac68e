"""Where the embedded database of a home stands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.store.database import ROOTS_PLACE, database_folder


@pytest.mark.parametrize("user", [0, 1000])
def test_a_home_of_which_nothing_is_there_yet_has_its_data_within(
    user: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    home = Path("/nergens/sluis/thuis")
    assert database_folder(home) == home / "data"


def test_what_root_keeps_to_itself_is_no_place_for_its_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o700)
    assert database_folder(shut / "nog" / "niets").parent == ROOTS_PLACE
