from __future__ import annotations

import json
import signal
import stat
import subprocess
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from gateway.cli import main
from tests.support.faults import Fault, Planned
from tests.support.parties import SLUIS, World

ACKNOWLEDGE = ("POST", "/v1/postvak/ontvangst")


def _fill(world: World, count: int) -> list[UUID]:
    ids = [uuid4() for _ in range(count)]
    for exchange in ids:
        data: dict[str, object] = {"huishouden": {"leden": [{}, {}]}}
        world.simulator.put("casebook", "aanmelding", exchange, data)
    return ids


def _acknowledged(world: World, partner: str = "casebook") -> int:
    return world.simulator.mailboxes[partner].acknowledged


def _ids(path: Path) -> list[UUID]:
    return [UUID(json.loads(line)["id"]) for line in path.read_text().splitlines()]


def test_messages_go_to_a_file_of_their_owner_and_are_acknowledged(
    world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ids = _fill(world, 2500)
    out = tmp_path / "postvak.ndjson"

    assert main(["pull", "--as", "casebook", "--out", str(out)]) == 0

    assert _ids(out) == ids
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert _acknowledged(world) == 2500
    told = capsys.readouterr()
    assert told.out == ""
    assert f"2,500 messages into {out}: 2,500 aanmelding" in told.err
    assert "2,500 acknowledged" in told.err


def test_a_file_of_lines_is_added_to(world: World, tmp_path: Path) -> None:
    out = tmp_path / "postvak.ndjson"
    first = _fill(world, 2)
    main(["pull", "--as", "casebook", "--out", str(out)])
    second = _fill(world, 2)
    # What a crash in the middle of writing would have left.
    out.write_bytes(out.read_bytes() + b'{"specversion": "1.0", "id')

    main(["pull", "--as", "casebook", "--out", str(out)])

    assert _ids(out) == first + second


@pytest.mark.parametrize(("option", "expected"), [(None, 0), ("--ack", 3), ("--no-ack", 0)])
def test_without_a_file_nothing_is_acknowledged_unless_asked(
    world: World, capsysbinary: pytest.CaptureFixture[bytes], option: str | None, expected: int
) -> None:
    ids = _fill(world, 3)

    assert main(["pull", "--as", "casebook", *([option] if option else [])]) == 0

    told = capsysbinary.readouterr()
    assert [UUID(json.loads(line)["id"]) for line in told.out.splitlines()] == ids
    assert _acknowledged(world) == expected
    assert (b"not acknowledged" in told.err) is (expected == 0)


def test_as_json_the_messages_are_one_array(world: World, tmp_path: Path) -> None:
    ids = _fill(world, 1001)
    out = tmp_path / "postvak.json"

    assert main(["pull", "--as", "casebook", "--format", "json", "--out", str(out)]) == 0

    assert [UUID(item["id"]) for item in json.loads(out.read_text())] == ids


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_whole_document_never_follows_on_another(
    world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path, form: str
) -> None:
    out = tmp_path / "postvak"
    out.write_text("eerder")

    assert main(["pull", "--as", "dwi", "--format", form, "--out", str(out)]) == 2

    assert "is there already" in capsys.readouterr().err
    assert out.read_text() == "eerder"


def test_nothing_new_is_an_empty_array(world: World, tmp_path: Path) -> None:
    out = tmp_path / "postvak.json"

    assert main(["pull", "--as", "casebook", "--format", "json", "--out", str(out)]) == 0

    assert json.loads(out.read_text()) == []


def test_the_status_file_has_one_header_over_all_pages(world: World, tmp_path: Path) -> None:
    for number in range(1500):
        data = {"kenmerk": f"DWI-{number}", "status": "ontvangen", "peildatum": "2013-12-31"}
        world.simulator.put("dwi", "statusbericht", uuid4(), data)
    out = tmp_path / "status.csv"

    assert main(["pull", "--as", "dwi", "--format", "csv", "--out", str(out)]) == 0

    lines = out.read_bytes().split(b"\r\n")
    assert lines[0] == b"kenmerk;status;peildatum"
    assert lines[1:] == [b"DWI-%d;ontvangen;2013-12-31" % n for n in range(1500)] + [b""]
    assert _acknowledged(world, "dwi") == 1500


def test_a_partner_without_status_files_is_told_so(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pull", "--as", "casebook", "--format", "csv"]) == 1

    assert "remedy: ask for another form" in capsys.readouterr().err


def test_with_json_and_no_file_the_messages_are_in_the_object(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = _fill(world, 2)

    assert main(["pull", "--as", "casebook", "--json", "--ack"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert [UUID(item["id"]) for item in told["messages"]] == ids
    assert (told["received"], told["acknowledged"]) == (2, 2)


def test_with_json_and_a_file_the_object_counts(
    world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _fill(world, 2)
    out = tmp_path / "postvak.ndjson"

    assert main(["pull", "--as", "casebook", "--json", "--out", str(out)]) == 0

    assert json.loads(capsys.readouterr().out) == {
        "partner": "casebook",
        "received": 2,
        "byType": {"nl.sluis.aanmelding": 2},
        "acknowledged": 2,
        "cursor": "casebook.2",
        "out": str(out),
    }


@pytest.mark.parametrize("more", [["--follow"], ["--format", "csv"]])
def test_with_json_the_messages_need_a_place_of_their_own(
    world: World, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    assert main(["pull", "--as", "dwi", "--json", *more]) == 2

    assert json.loads(capsys.readouterr().out)["remedy"] == "add --out FILE"


@pytest.mark.parametrize("after_effect", [False, True])
def test_what_was_not_acknowledged_is_given_again_and_nothing_is_lost(
    world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path, after_effect: bool
) -> None:
    ids = _fill(world, 3)
    out = tmp_path / "postvak.ndjson"
    gone = Planned(Fault.UNAVAILABLE, after_effect, retry_after="3600")
    world.simulator.network.plan(*ACKNOWLEDGE, gone)

    assert main(["pull", "--as", "casebook", "--out", str(out)]) == 3
    assert main(["pull", "--as", "casebook", "--out", str(out)]) == 0

    assert _acknowledged(world) == 3
    assert _ids(out) == (ids if after_effect else ids + ids)  # at least once, known by id


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_following_goes_on_until_told_to_stop(world: World, tmp_path: Path, number: int) -> None:
    ids = _fill(world, 2)
    out = tmp_path / "postvak.ndjson"
    command = ["pull", "--as", "casebook", "--follow", "--every", "0.1", "--json"]
    following = subprocess.Popen(
        [*SLUIS, *command, "--out", str(out)], stdout=subprocess.PIPE, text=True
    )
    _until_acknowledged(world, 2)
    ids += _fill(world, 1)
    _until_acknowledged(world, 3)
    following.send_signal(number)
    told, _ = following.communicate(timeout=20)

    assert following.returncode == 0
    assert json.loads(told)["received"] == 3
    assert _ids(out) == ids


def _until_acknowledged(world: World, count: int) -> None:
    deadline = time.monotonic() + 20
    while _acknowledged(world) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)
