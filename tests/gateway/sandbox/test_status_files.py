from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from gateway.client import AsyncSluis, Unreachable
from gateway.sandbox.status_files import StatusFiles
from tests.support.faults import Fault, Planned
from tests.support.gateway_simulator import GatewaySimulator

ACKNOWLEDGE = ("POST", "/v1/postvak/ontvangst")
PULL = ("GET", "/v1/postvak")
HEADER = "kenmerk;status;peildatum"


def _moment() -> datetime:
    return datetime(2014, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def files(folder: Path) -> StatusFiles:
    return StatusFiles(folder / "statussen", _moment)


def _say(simulator: GatewaySimulator, *references: str) -> None:
    for reference in references:
        data = {"kenmerk": reference, "status": "ontvangen", "peildatum": "2013-12-31"}
        simulator.put("dwi", "statusbericht", uuid4(), data)


def _rows(folder: Path) -> list[str]:
    """All statuses in all files, in the order of the files."""
    found: list[str] = []
    for path in sorted((folder / "statussen").glob("*.csv")):
        header, *rows = path.read_text().splitlines()
        assert header == HEADER
        found += [row.split(";")[0] for row in rows]
    return found


async def test_what_is_new_is_written_once_and_acknowledged(
    dwi: AsyncSluis, simulator: GatewaySimulator, files: StatusFiles, folder: Path
) -> None:
    _say(simulator, "DWI-1", "DWI-2")

    written = await files.fetch(dwi)

    assert [path.name for path in written] == ["status-20140102T030405Z.csv"]
    assert written[0].read_bytes() == (
        b"kenmerk;status;peildatum\r\nDWI-1;ontvangen;2013-12-31\r\nDWI-2;ontvangen;2013-12-31\r\n"
    )
    assert simulator.mailboxes["dwi"].acknowledged == 2
    assert await files.fetch(dwi) == []
    assert list((folder / "statussen").iterdir()) == written


async def test_nothing_new_writes_nothing(dwi: AsyncSluis, files: StatusFiles) -> None:
    assert await files.fetch(dwi) == []


async def test_two_files_of_one_second_stand_beside_each_other(
    dwi: AsyncSluis, simulator: GatewaySimulator, files: StatusFiles, folder: Path
) -> None:
    _say(simulator, *(f"DWI-{n}" for n in range(1500)))

    written = await files.fetch(dwi)

    assert [path.name for path in written] == [
        "status-20140102T030405Z.csv",
        "status-20140102T030405Z-2.csv",
    ]
    assert sorted(_rows(folder)) == sorted(f"DWI-{n}" for n in range(1500))


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("call", [PULL, ACKNOWLEDGE])
async def test_a_road_that_stays_lost_loses_and_doubles_no_status(
    dwi: AsyncSluis,
    simulator: GatewaySimulator,
    files: StatusFiles,
    folder: Path,
    call: tuple[str, str],
    after_effect: bool,
) -> None:
    _say(simulator, "DWI-1")
    simulator.network.plan(*call, *[Planned(Fault.DROP, after_effect)] * 4)
    with pytest.raises(Unreachable):
        await files.fetch(dwi)
    _say(simulator, "DWI-2")

    # As another process would go on, with nothing but the folder.
    await StatusFiles(folder / "statussen", _moment).fetch(dwi)

    assert sorted(_rows(folder)) == ["DWI-1", "DWI-2"]
    assert simulator.mailboxes["dwi"].acknowledged == 2


@pytest.mark.parametrize("step", ["written aside", "noted", "named", "acknowledged"])
async def test_a_crash_after_any_step_loses_and_doubles_no_status(
    dwi: AsyncSluis, simulator: GatewaySimulator, files: StatusFiles, folder: Path, step: str
) -> None:
    _say(simulator, "DWI-1")
    page = await dwi.status_file()
    statuses = folder / "statussen"
    statuses.mkdir()
    if step == "written aside":
        (statuses / ".status.csv").write_bytes(page.content)
    else:
        files._note(page)
    if step in ("named", "acknowledged"):
        (statuses / ".status.csv").rename(statuses / "status-20140102T030405Z.csv")
    if step == "acknowledged":
        await dwi.acknowledge(page.next_cursor)
    _say(simulator, "DWI-2")

    await StatusFiles(statuses, _moment).fetch(dwi)

    assert sorted(_rows(folder)) == ["DWI-1", "DWI-2"]
    assert not (statuses / ".bevestigen.json").exists()


async def test_a_cursor_that_a_new_gateway_does_not_know_is_dropped(
    dwi: AsyncSluis, simulator: GatewaySimulator, files: StatusFiles, folder: Path
) -> None:
    _say(simulator, "DWI-1")
    simulator.network.plan(*ACKNOWLEDGE, *[Planned(Fault.DROP)] * 4)
    with pytest.raises(Unreachable):
        await files.fetch(dwi)
    note = folder / "statussen" / ".bevestigen.json"
    note.write_text(note.read_text().replace("dwi.1", "elders.1"))

    await files.fetch(dwi)

    assert not note.exists()
    assert simulator.mailboxes["dwi"].acknowledged == 1


async def test_tombstones_alone_are_passed_without_a_file(
    dwi: AsyncSluis, simulator: GatewaySimulator, files: StatusFiles, folder: Path
) -> None:
    for _ in range(1001):
        simulator.put("dwi", "vervallen", uuid4(), {})
    _say(simulator, "DWI-1")

    await files.fetch(dwi)

    assert _rows(folder) == ["DWI-1"]
    simulator.put("dwi", "vervallen", uuid4(), {})
    await files.fetch(dwi)
    assert simulator.mailboxes["dwi"].acknowledged == 1003
