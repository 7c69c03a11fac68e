from __future__ import annotations

import json
import os
import pty
import random
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from gateway.cli import main, sending
from schemas.decisions import Rule
from tests.support.faults import Fault, Planned
from tests.support.parties import SLUIS, World


def test_a_delivery_is_sent_and_its_report_shown(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    path = world.delivery(households=30)

    assert main(["send", str(path), "--as", "dwi"]) == 0

    told = capsys.readouterr()
    lines = [" ".join(line.split()) for line in told.out.splitlines()]
    assert "accepted 10" in lines
    assert "held 10 instemming-onvolledig household's agreement not completely recorded" in lines
    assert "refused 10 grondslag-niet-toegelaten ground missing, or not admitted" in " ".join(lines)
    assert "in all 30" in lines
    assert "geboortedatum ontbreekt 10" in lines
    assert "3 DWI-1 instemming-onvolledig" in lines
    assert "\x1b" not in told.out + told.err
    assert told.err == ""


def test_with_json_one_object_says_it_all(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    path = world.delivery()

    assert main(["send", str(path), "--as", "dwi", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["report"]["toegelaten"] == 1
    assert told["outcomes"] == [
        {"decision": "aangehouden", "rule": "instemming-onvolledig", "records": 1},
        {"decision": "geweigerd", "rule": "grondslag-niet-toegelaten", "records": 1},
        {"decision": "toegelaten", "rule": "toegelaten", "records": 1},
    ]


def test_why_a_record_could_not_be_read_is_told_by_field(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    path = world.folder / "mis.csv"
    lines = [f"DWI-{number};geen-nummer;;" for number in range(30)]
    path.write_text("\n".join(["kenmerk;bsn;geboortedatum;grondslag", *lines, ""]))

    main(["send", str(path), "--as", "dwi", "--json"])
    found = json.loads(capsys.readouterr().out)["unreadable"]
    assert len(found) == 20
    assert found[0] == {
        "record": 1,
        "line": 2,
        "reference": "DWI-0",
        "field": "geboortedatum",
        "problem": "ontbreekt",
    }

    main(["send", str(path), "--as", "dwi"])
    told = capsys.readouterr().out
    assert "Unreadable field" in told
    assert "geen-nummer" not in told


@pytest.mark.parametrize("rule", list(Rule))
def test_each_rule_has_its_meaning(rule: Rule) -> None:
    assert sending._MEANINGS[rule]


def test_the_same_delivery_again_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    path = world.delivery()
    main(["send", str(path), "--as", "dwi"])

    assert main(["send", str(path), "--as", "dwi"]) == 0

    assert "nothing was done a second time" in capsys.readouterr().out


def test_an_unreadable_delivery_is_a_failure(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    path = world.folder / "fout.csv"
    path.write_text("naam\nx\n")

    assert main(["send", str(path), "--as", "dwi"]) == 1

    assert "It could not be read: kolom kenmerk ontbreekt" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("weg.csv", 2, "cannot be read (No such file or directory)"),
        ("levering.ods", 2, "what it holds cannot be told from its name"),
        ("levering.xml", 1, "415 Dit bestandstype wordt niet aangenomen"),
    ],
)
def test_a_file_that_will_not_do_is_told(
    world: World, capsys: pytest.CaptureFixture[str], name: str, status: int, message: str
) -> None:
    if name != "weg.csv":
        world.delivery(name)

    assert main(["send", str(world.folder / name), "--as", "dwi"]) == status

    told = capsys.readouterr().err
    assert message in told
    assert "remedy: " in told


def test_a_gateway_that_is_busy_or_away_is_a_failure_that_may_pass(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = Planned(Fault.UNAVAILABLE, retry_after="3600")
    world.simulator.network.plan("POST", "/v1/leveringen", busy)

    assert main(["send", str(world.delivery()), "--as", "dwi", "--json"]) == 3

    told = json.loads(capsys.readouterr().out)
    assert told["httpStatus"] == 503
    assert "try again later" in told["remedy"]


def test_a_key_that_others_can_read_is_refused_with_the_command_that_mends_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    key = world.home / "partners" / "dwi" / "client.pem"
    key.chmod(0o644)

    assert main(["send", str(world.delivery()), "--as", "dwi"]) == 2

    assert f"remedy: chmod 600 {key}" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_watched_folder_is_worked_until_told_to_stop(world: World, number: int) -> None:
    path = world.delivery()
    watching = _watch(world)
    _until((world.folder / "verwerkt" / "levering.csv").exists)
    watching.send_signal(number)
    out, err = watching.communicate(timeout=20)

    assert watching.returncode == 0
    told = [json.loads(line) for line in out.splitlines()]
    assert [item["event"] for item in told] == ["taken"]
    assert told[0]["report"]["toegelaten"] == 1
    assert "watching" in err
    assert not path.exists()


def test_a_watch_that_is_killed_at_any_moment_loses_and_doubles_nothing(world: World) -> None:
    chance = random.Random(2013)  # noqa: S311 - moments, not secrets
    events = world.simulator.mailboxes["casebook"].events
    for number in range(6):
        for part in range(3):
            # Each delivery is of its own content, or the gateway would know it.
            world.delivery(f"levering-{number}-{part}.csv", households=100 + 3 * number + part)
        for part in range(3):
            data = {"kenmerk": f"DWI-{number}-{part}", "status": "ontvangen"}
            world.simulator.put("dwi", "statusbericht", uuid4(), data)
        watching = _watch(world)
        if number < 5:
            time.sleep(chance.uniform(0.5, 1.1))
            watching.kill()
            watching.communicate(timeout=20)
    _until(lambda: not list(world.folder.glob("*.csv")))
    _until(lambda: world.simulator.mailboxes["dwi"].acknowledged == 18)
    watching.terminate()
    watching.communicate(timeout=20)
    assert watching.returncode == 0

    taken = sorted(path.name for path in (world.folder / "verwerkt").glob("*.csv"))
    assert taken == [f"levering-{n}-{part}.csv" for n in range(6) for part in range(3)]
    expected = sum((100 + 3 * n + part + 2) // 3 for n in range(6) for part in range(3))
    assert len(events) == expected
    rows = [
        line.split(";")[0]
        for path in (world.folder / "statussen").glob("status-*.csv")
        for line in path.read_text().splitlines()[1:]
    ]
    assert sorted(rows) == [f"DWI-{n}-{part}" for n in range(6) for part in range(3)]


def test_at_a_terminal_there_are_bars_and_a_coloured_table(world: World) -> None:
    world.simulator.polls_until_done = 3
    command = [*SLUIS, "send", str(world.delivery()), "--as", "dwi"]

    shown = _at_a_terminal(command)

    assert "Sending" in shown
    assert "Processing" in shown
    assert "✓" in shown
    assert "\x1b[32maccepted" in shown


def test_what_a_watch_shows_at_a_terminal_is_not_spoilt_by_its_bars(world: World) -> None:
    world.simulator.polls_until_done = 3
    world.delivery("een.csv")
    world.delivery("twee.csv", households=6)
    command = [*SLUIS, "send", "--as", "dwi", "--watch", str(world.folder), "--every", "0.1"]

    shown = _at_a_terminal(command, until=world.folder / "verwerkt" / "twee.csv")

    # Whatever stands before a line of result on its row was erased first.
    for name in ("een.csv: 3 records", "twee.csv: 6 records"):
        before = shown[: shown.index(name)].rsplit("\n", 1)[-1]
        assert "━" not in before.rsplit("\x1b[2K", 1)[-1]


def _watch(world: World) -> subprocess.Popen[str]:
    command = ["send", "--as", "dwi", "--watch", str(world.folder), "--every", "0.1", "--json"]
    return subprocess.Popen(
        [*SLUIS, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _at_a_terminal(command: list[str], until: Path | None = None) -> str:
    """What a command writes to a terminal; with `until`, it is stopped once that file is there."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color"}
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = bytearray()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if until is not None and until.exists():
            child.send_signal(signal.SIGINT)
            until = None
        if not select.select([ours], [], [], 0.05)[0]:
            continue
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # Linux: nobody has the other side open any more
            break
        if not piece:  # other systems say the same with nothing
            break
        shown += piece
    os.close(ours)
    assert child.wait(20) == 0, shown.decode()
    return shown.decode()


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
