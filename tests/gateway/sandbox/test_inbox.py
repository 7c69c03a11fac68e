from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.client import Misconfigured
from gateway.sandbox.inbox import Inbox, watching


class Elapsed:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_file_is_complete_when_two_looks_agree(folder: Path) -> None:
    inbox = Inbox(folder)
    path = folder / "levering.csv"
    path.write_text("ken")
    assert inbox.look() == []

    path.write_text("kenmerk")
    assert inbox.look() == []
    os.utime(path, ns=(1, 1))  # the same size, written anew
    assert inbox.look() == []

    assert inbox.look() == [path]
    assert inbox.look() == [path]


def test_what_is_no_delivery_is_not_seen(folder: Path) -> None:
    for name in (
        "a.txt",
        ".b.csv",
        "c.csv.verslag.json",
        "C.CSV.VERSLAG.JSON",
        "d",
        ".e.csv.deel",
        "f.csv.tmp",
    ):
        (folder / name).write_text("x")
    (folder / "map.csv").mkdir()
    (folder / "elders.csv").symlink_to(folder / "a.txt")
    inbox = Inbox(folder)
    inbox.look()

    assert inbox.look() == []


@pytest.mark.parametrize("name", ["a.csv", "A.CSV", "a.json", "a.ndjson", "a.xml"])
def test_each_form_of_delivery_is_seen(folder: Path, name: str) -> None:
    (folder / name).write_text("x")
    inbox = Inbox(folder)
    inbox.look()

    assert [path.name for path in inbox.look()] == [name]


def test_the_oldest_goes_first(folder: Path) -> None:
    for age, name in enumerate(["c.csv", "a.csv", "b.csv"]):
        (folder / name).write_text("x")
        os.utime(folder / name, ns=(age, age))
    inbox = Inbox(folder)
    inbox.look()

    assert [path.name for path in inbox.look()] == ["c.csv", "a.csv", "b.csv"]


def test_a_file_that_fails_is_left_alone_twice_as_long_each_time(folder: Path) -> None:
    elapsed = Elapsed()
    inbox = Inbox(folder, elapsed)
    path = folder / "levering.csv"
    path.write_text("x")
    inbox.look()
    pauses = []
    for _ in range(9):
        inbox.leave_alone(path)
        before = elapsed.seconds
        while not inbox.look():
            elapsed.seconds += 5
        pauses.append(elapsed.seconds - before)

    assert pauses == [5, 10, 20, 40, 80, 160, 320, 600, 600]


def test_a_file_that_was_mended_is_not_left_alone(folder: Path) -> None:
    inbox = Inbox(folder, Elapsed())
    path = folder / "levering.csv"
    path.write_text("x")
    inbox.look()
    inbox.leave_alone(path)

    path.write_text("beter")
    inbox.look()

    assert inbox.look() == [path]


def test_nothing_in_verwerkt_is_replaced(folder: Path) -> None:
    inbox = Inbox(folder)
    for content in ("een", "twee"):
        path = folder / "levering.csv"
        path.write_text(content)
        inbox.put_away(path, inbox.place(path, "verwerkt"))

    assert (folder / "verwerkt" / "levering.csv").read_text() == "een"
    assert (folder / "verwerkt" / "levering-2.csv").read_text() == "twee"


def test_a_folder_is_watched_by_one_at_a_time(folder: Path) -> None:
    with watching(folder), pytest.raises(Misconfigured, match="another process"), watching(folder):
        pass
    with watching(folder) as inbox:
        assert inbox.look() == []


def test_a_folder_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(Misconfigured, match="is no folder"), watching(folder / "weg"):
        pass
