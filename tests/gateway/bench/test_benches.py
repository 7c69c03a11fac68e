"""A tiny run of each bench, from the command line: what it tells, not how fast anything is."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main

pytestmark = pytest.mark.e2e

FIGURES = {"rate", "p50Ms", "p99Ms", "cpuUsPerMessage"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user can reach, also when the tests are run by root."""
    with tempfile.TemporaryDirectory(prefix="sluis-test-") as made:
        path = Path(made)
        path.chmod(0o711)
        yield path


def _run(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> dict[str, Any]:
    assert main(["bench", *arguments, "--home", str(folder), "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["bench"] == arguments[0]
    assert set(told) >= FIGURES
    assert all(told[name] > 0 for name in FIGURES)
    assert told["baselines"]
    for baseline in told["baselines"].values():
        assert set(baseline) >= FIGURES | {"ratio"}
        assert baseline["ratio"] == pytest.approx(told["rate"] / baseline["rate"], rel=0.02)
    assert all(set(goal) == {"what", "asked", "got", "met"} for goal in told["reach"])
    assert told["verified"]
    assert told["setting"]["processors"] == len(os.sched_getaffinity(0))
    assert not list(folder.iterdir()), "the bench left something behind"
    return told


def test_referral_is_told_as_one_object(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    arguments = ("--seconds", "0.5", "--connections", "4", "--records", "300", "--rounds", "1")

    told = _run(capsys, folder, "referral", *arguments)

    assert told["unit"] == "referral"
    assert {goal["met"] for goal in told["reach"]} == {None}, "only 128 connections can tell"


def test_batch_is_told_as_one_object(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    told = _run(capsys, folder, "batch", "--records", "200")

    assert told["messages"] == 600
    assert told["variants"]["households"]["messages"] == 200
    assert {goal["met"] for goal in told["reach"]} == {None}, "only 15,000 records can tell"


def test_feed_is_told_as_one_object(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    told = _run(capsys, folder, "feed", "--seconds", "0.5", "--records", "1200")

    assert told["messages"] % 1200 == 0 or told["messages"] > 1200
    assert told["variants"]["acknowledged"]["messages"] == 1200


def test_decide_is_told_as_one_object(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    arguments = ("--rules", "200", "--records", "128", "--rounds", "1", "--households", "600")

    told = _run(capsys, folder, "decide", *arguments)

    assert told["messages"] == 128
    parts = [told[f"{stage}CpuUs"] for stage in ("find", "standings", "decide")]
    assert sum(parts) == pytest.approx(told["cpuUsPerMessage"], abs=0.01)
    register = told["variants"]["register"]
    assert register["consentQueriesPerGroup"] == 1, "one query a group, none a member"
    assert register["queriesPerGroup"] == 4
    assert register["membersPerGroup"] > 600
    assert {goal["met"] for goal in told["reach"]} == {None}, "only 10,000 rules can tell"


def test_a_folder_that_is_not_there_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["bench", "feed", "--home", str(tmp_path / "nergens")]) == 2

    assert "is no folder" in capsys.readouterr().err


def test_search_is_told_as_one_object(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    arguments = ("--seconds", "0.5", "--connections", "4", "--rounds", "1")

    told = _run(capsys, folder, "search", *arguments)

    assert list(told["baselines"]) == ["without-index"]
    assert {goal["met"] for goal in told["reach"]} == {None}, "only 128 connections can tell"


def test_log_is_told_as_one_object(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    told = _run(capsys, folder, "log", "--seconds", "0.3")

    assert told["unit"] == "entry"
    groups = {f"groups-of-{size}" for size in (1, 10, 100)}
    plain = {f"plain-inserts-of-{size}" for size in (1, 10, 100)}
    assert set(told["variants"]) == groups | plain
    assert {goal["met"] for goal in told["reach"]} == {None}, "only longer runs can tell"
    assert "the signed root is that over all" in told["verified"][0]


def test_deliver_is_told_as_one_object(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    told = _run(capsys, folder, "deliver", "--messages", "100", "--recipients", "2")

    assert set(told["variants"]) == {"pulled by 2"}
    assert set(told["baselines"]) == {
        "pgqueuer",
        "pgqueuer, in order",
        "pgqueuer, sending nothing",
    }
    assert {goal["met"] for goal in told["reach"]} == {None}, "only 5,000 messages can tell"
