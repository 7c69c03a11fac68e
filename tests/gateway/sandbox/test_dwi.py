from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from gateway.client import AsyncSluis, Misconfigured, NotAdmitted
from gateway.sandbox.dwi import (
    Delivered,
    Happening,
    Postponed,
    Rejected,
    Sending,
    StatusesWritten,
    Taken,
    deliver_file,
    watch,
)
from schemas.decisions import Outcome, Rule
from schemas.deliveries import DeliveryReport, RecordOutcome
from tests.support.faults import Fault, Planned
from tests.support.gateway_simulator import GatewaySimulator

DELIVER = ("POST", "/v1/leveringen")
HEADER = "kenmerk;aangemeld_op;bsn;geboortedatum;grondslag;instemming"


def _delivery(path: Path, *rows: str) -> Path:
    path.write_text("\n".join([HEADER, *rows, ""]))
    return path


def _good(number: int = 1) -> str:
    return f"DWI-{number};2013-12-31;999990019;1980;participatiewet;ja"


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@dataclass
class Watching:
    """A watch beside the test, and what it told."""

    happened: list[Happening] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    progressed: asyncio.Event = field(default_factory=asyncio.Event)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def tell(self, happening: Happening) -> None:
        self.happened.append(happening)
        self.changed.set()

    def progress(self, step: Sending | DeliveryReport) -> None:
        if isinstance(step, DeliveryReport):
            self.progressed.set()

    async def until(self, *kinds: type[Happening]) -> None:
        """Until these were told, in this order, whatever was told between."""
        async with asyncio.timeout(10):
            while True:
                told = iter(self.happened)
                if all(any(isinstance(item, kind) for item in told) for kind in kinds):
                    return
                assert self.task is not None
                if self.task.done():
                    self.task.result()
                self.changed.clear()
                await self.changed.wait()


@contextmanager
def _watching(client: AsyncSluis, folder: Path) -> Iterator[Watching]:
    watching = Watching()
    watching.task = asyncio.ensure_future(
        watch(
            client,
            folder,
            0.005,
            watching.stop,
            on_happening=watching.tell,
            on_progress=watching.progress,
        )
    )
    try:
        yield watching
    finally:
        watching.stop.set()


async def test_a_delivery_is_reported_with_its_outcomes_counted(
    dwi: AsyncSluis, simulator: GatewaySimulator, tmp_path: Path
) -> None:
    simulator.polls_until_done = 2
    path = _delivery(
        tmp_path / "levering.csv",
        _good(1),
        "DWI-2;2013-12-31;999990019;;participatiewet;",
        "DWI-3;2013-12-31;999990019;1980;geen;ja",
        "DWI-4;2013-12-31;GEHEIM;1980;participatiewet;ja",
    )
    progress: list[Sending | DeliveryReport] = []
    kept: list[RecordOutcome] = []

    delivered = await deliver_file(dwi, path, progress.append, kept.append)

    assert delivered.report.refused == {"grondslag-niet-toegelaten": 1, "niet-leesbaar": 1}
    assert delivered.report.missing == {"geboortedatum ontbreekt": 1}
    assert delivered.summary.by_rule == {
        (Outcome.ACCEPTED, Rule.PERMITTED): 1,
        (Outcome.HELD, Rule.AGREEMENT_INCOMPLETE): 1,
        (Outcome.REFUSED, Rule.GROUND_NOT_ADMITTED): 1,
        (Outcome.REFUSED, Rule.UNREADABLE): 1,
    }
    assert [item.line for item in delivered.summary.listed] == [3, 4, 5]
    assert [item.record for item in kept] == [1, 2, 3, 4]
    assert isinstance(progress[0], Sending)
    assert isinstance(progress[-1], DeliveryReport)


async def test_the_same_file_again_is_told_as_known(dwi: AsyncSluis, tmp_path: Path) -> None:
    path = _delivery(tmp_path / "levering.csv", _good())

    first, again = await deliver_file(dwi, path), await deliver_file(dwi, path)

    assert not first.report.is_repeat
    assert again.report.is_repeat
    assert again.summary == first.summary


async def test_a_delivery_is_taken_and_stands_beside_its_reports(
    dwi: AsyncSluis, folder: Path
) -> None:
    with _watching(dwi, folder) as watching:
        _delivery(folder / "levering.csv", _good(), "DWI-2;2013-12-31;1;;geen;ja")
        await watching.until(Taken)

    taken = folder / "verwerkt"
    assert _names(taken) == [
        "levering.csv",
        "levering.csv.verslag.json",
        "levering.csv.verslag.txt",
    ]
    report = json.loads((taken / "levering.csv.verslag.json").read_text())
    assert report["bestand"] == "levering.csv"
    assert report["verslag"]["toegelaten"] == 1
    assert [item["besluit"] for item in report["uitkomsten"]] == ["toegelaten", "geweigerd"]
    assert "grondslag-niet-toegelaten" in (taken / "levering.csv.verslag.txt").read_text()
    assert not (folder / "levering.csv").exists()


async def test_an_unreadable_delivery_is_put_under_geweigerd_with_its_reason(
    dwi: AsyncSluis, folder: Path
) -> None:
    with _watching(dwi, folder) as watching:
        (folder / "fout.csv").write_text("naam;adres\nx;y\n")
        (folder / "anders.xml").write_text("<a/>")
        await watching.until(Rejected, Rejected)

    rejected = folder / "geweigerd"
    assert "kolom kenmerk ontbreekt" in (rejected / "fout.csv.verslag.txt").read_text()
    assert "(415)" in (rejected / "anders.xml.verslag.txt").read_text()
    assert json.loads((rejected / "anders.xml.verslag.json").read_text())["probleem"] == {
        "type": "about:blank",
        "title": "Dit bestandstype wordt niet aangenomen",
        "status": 415,
        "detail": None,
        "fouten": [],
    }


async def test_one_bad_file_does_not_keep_the_others_waiting(
    dwi: AsyncSluis, simulator: GatewaySimulator, folder: Path
) -> None:
    (folder / "1-fout.csv").write_text("naam\nx\n")
    _delivery(folder / "2-goed.csv", _good())
    with _watching(dwi, folder) as watching:
        await watching.until(Rejected, Taken)

    assert len(simulator.mailboxes["casebook"].events) == 1


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_gateway_that_is_away_postpones_and_doubles_nothing(
    dwi: AsyncSluis, simulator: GatewaySimulator, folder: Path, after_effect: bool
) -> None:
    # More drops than one call makes attempts.
    simulator.network.plan(*DELIVER, *[Planned(Fault.DROP, after_effect)] * 9)
    _delivery(folder / "levering.csv", _good())
    with _watching(dwi, folder) as watching:
        await watching.until(Postponed, Taken)

    assert len(simulator.mailboxes["casebook"].events) == 1
    report = json.loads((folder / "verwerkt" / "levering.csv.verslag.json").read_text())
    assert report["verslag"]["isHerhaling"] is after_effect


async def test_a_crash_before_the_file_was_moved_sends_it_again_without_effect(
    dwi: AsyncSluis, simulator: GatewaySimulator, folder: Path
) -> None:
    _delivery(folder / "levering.csv", _good())
    await deliver_file(dwi, folder / "levering.csv")
    (folder / "verwerkt").mkdir()
    (folder / "verwerkt" / "levering.csv.verslag.json").write_text("{}")
    (folder / "..levering.csv.verslag.json.deel").write_text("{")
    (folder / ".levering.csv.verslag.json").write_text("{}")

    with _watching(dwi, folder) as watching:
        await watching.until(Taken)

    assert len(simulator.mailboxes["casebook"].events) == 1
    report = json.loads((folder / "verwerkt" / "levering.csv.verslag.json").read_text())
    assert report["verslag"]["isHerhaling"] is True
    assert _names(folder) == [".sluis.lock", "statussen", "verwerkt"]


async def test_a_file_that_the_gateway_stumbles_over_does_not_stop_the_others(
    dwi: AsyncSluis, simulator: GatewaySimulator, folder: Path
) -> None:
    simulator.network.plan(*DELIVER, Planned(Fault.STUMBLE))
    (folder / "1-raar.csv").write_text("raar\n")
    _delivery(folder / "2-goed.csv", _good())
    with _watching(dwi, folder) as watching:
        await watching.until(Postponed, Taken)

    postponed = watching.happened[0]
    assert isinstance(postponed, Postponed)
    assert postponed.path == folder / "1-raar.csv"
    assert (folder / "1-raar.csv").exists()


async def test_statuses_are_fetched_at_every_round(
    dwi: AsyncSluis, simulator: GatewaySimulator, folder: Path
) -> None:
    with _watching(dwi, folder) as watching:
        for expected in (1, 2):
            data = {"kenmerk": f"DWI-{expected}", "status": "ontvangen"}
            simulator.put("dwi", "statusbericht", uuid4(), data)
            await watching.until(*[StatusesWritten] * expected)

    assert len(list((folder / "statussen").glob("status-*.csv"))) == 2


@pytest.mark.parametrize("fault", [Fault.STUMBLE, Fault.TRUNCATE])
async def test_trouble_with_the_statuses_does_not_end_the_watch(
    dwi: AsyncSluis, simulator: GatewaySimulator, folder: Path, fault: Fault
) -> None:
    simulator.network.plan("GET", "/v1/postvak", *[Planned(fault)] * 4)
    simulator.put("dwi", "statusbericht", uuid4(), {"kenmerk": "DWI-1", "status": "ontvangen"})
    with _watching(dwi, folder) as watching:
        await watching.until(Postponed, StatusesWritten)


async def test_a_partner_without_status_files_can_still_send(
    casebook: AsyncSluis, folder: Path
) -> None:
    with _watching(casebook, folder) as watching:
        _delivery(folder / "levering.csv", _good())
        await watching.until(Taken)


async def test_a_credential_that_is_not_taken_ends_the_watch(
    dwi: AsyncSluis, simulator: GatewaySimulator, folder: Path
) -> None:
    simulator.keys.clear()

    with pytest.raises(NotAdmitted):
        await watch(dwi, folder, 0.005, asyncio.Event())

    _delivery(folder / "levering.csv", _good())
    assert (folder / "levering.csv").exists()


async def test_two_watches_on_one_folder_are_refused(dwi: AsyncSluis, folder: Path) -> None:
    with _watching(dwi, folder):
        await asyncio.sleep(0.01)
        with pytest.raises(Misconfigured, match="another process"):
            await watch(dwi, folder, 0.005, asyncio.Event())


async def test_stopping_in_the_middle_of_a_delivery_leaves_it_for_the_next_time(
    dwi: AsyncSluis, simulator: GatewaySimulator, folder: Path
) -> None:
    simulator.polls_until_done = 1_000_000
    _delivery(folder / "levering.csv", _good())
    with _watching(dwi, folder) as watching:
        await watching.progressed.wait()
    assert watching.task is not None
    await watching.task
    assert _names(folder) == [".sluis.lock", "levering.csv", "statussen"]

    next(iter(simulator.deliveries.values())).polls_until_done = 0
    with _watching(dwi, folder) as watching:
        await watching.until(Taken)
    taken = watching.happened[0]
    assert isinstance(taken, Taken)
    assert isinstance(taken.delivered, Delivered)
    assert len(simulator.mailboxes["casebook"].events) == 1


async def test_a_disk_that_will_not_write_postpones_and_loses_nothing(
    dwi: AsyncSluis, simulator: GatewaySimulator, folder: Path
) -> None:
    # A file where the folder should come: as little to be written to as a full disk.
    (folder / "verwerkt").write_text("")
    _delivery(folder / "levering.csv", _good())
    with _watching(dwi, folder) as watching:
        await watching.until(Postponed)
        (folder / "verwerkt").unlink()
        await watching.until(Taken)

    assert len(simulator.mailboxes["casebook"].events) == 1
