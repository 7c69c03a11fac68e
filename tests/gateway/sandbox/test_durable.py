from __future__ import annotations

from pathlib import Path

import pytest

from gateway.sandbox.durable import durably, free_name, move


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    with durably(tmp_path / "verslag.txt") as file:
        file.write(b"een")
        assert not (tmp_path / "verslag.txt").exists()

    assert (tmp_path / "verslag.txt").read_bytes() == b"een"
    assert [path.name for path in tmp_path.iterdir()] == ["verslag.txt"]


def test_a_failure_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "verslag.txt"
    path.write_text("eerder")

    def fail() -> None:
        with durably(path) as file:
            file.write(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()

    assert [item.name for item in tmp_path.iterdir()] == ["verslag.txt"]
    assert path.read_text() == "eerder"


def test_moving_replaces_and_a_free_name_never_does(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    (tmp_path / "a-2.csv").write_text("2")

    assert free_name(tmp_path, "a.csv").name == "a-3.csv"
    assert free_name(tmp_path, "b.csv").name == "b.csv"
    move(tmp_path / "a-2.csv", tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "2"
