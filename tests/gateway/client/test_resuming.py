"""Large deliveries to a real gateway over a road that breaks: resumed, once, and never for ever."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from gateway.client import (
    AsyncSluis,
    Misconfigured,
    Retrying,
    Unavailable,
    Unreachable,
    credentials,
)
from gateway.client.resuming import FOLDER, FROM_BYTES
from schemas.deliveries import DeliveryReport
from tests.support.database import TestServer
from tests.support.gateway_simulator import GatewaySimulator
from tests.support.messages import csv_of, csv_row
from tests.support.parties import in_process, registered
from tests.support.running_gateway import RunningGateway, running_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUICK = Retrying(attempts=3, first=0.01, longest=0.02)
SIZE = 3 * FROM_BYTES
KEPT = 256 * 1024


@dataclass
class Road(httpx.AsyncBaseTransport):
    """The network. Each PATCH in `breaks` loses its line after so many bytes; None: its answer."""

    breaks: list[int | None] = field(default_factory=list)
    sent: int = 0
    asked: list[str] = field(default_factory=list)
    under: httpx.AsyncHTTPTransport = field(default_factory=httpx.AsyncHTTPTransport)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.method)
        if request.method != "PATCH":
            return await self.under.handle_async_request(request)
        at = self.breaks.pop(0) if self.breaks else SIZE
        assert isinstance(request.stream, httpx.AsyncByteStream)
        request.stream = _Broken(self, request.stream, SIZE if at is None else at)
        answer = await self.under.handle_async_request(request)
        if at is None:
            await answer.aread()
            raise httpx.ReadError("the answer was lost")
        return answer

    async def aclose(self) -> None:
        await self.under.aclose()


@dataclass
class _Broken(httpx.AsyncByteStream):
    road: Road
    stream: httpx.AsyncByteStream
    most: int

    async def __aiter__(self) -> AsyncIterator[bytes]:
        done = 0
        async for piece in self.stream:
            if done + len(piece) > self.most:
                yield piece[: self.most - done]
                self.road.sent += self.most - done
                await asyncio.sleep(0.1)
                raise httpx.WriteError("the line broke")
            done += len(piece)
            self.road.sent += len(piece)
            yield piece


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(postgres: TestServer) -> AsyncIterator[RunningGateway]:
    async with running_gateway(postgres, uploads_per_partner=2) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def mine(gateway: RunningGateway) -> AsyncIterator[Path]:
    folder = gateway.home / "partners" / "dwi"
    yield folder
    for path in notes(folder):
        path.unlink()
    await gateway.pool.execute("delete from upload")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "levering.csv"
    body = csv_of([csv_row() for _ in range(5)])
    # The rest are lines that cannot be read, and are refused one by one.
    path.write_bytes((body + (b"x" * 60_000 + b"\n") * 60)[:SIZE])
    return path


async def send(
    mine: Path,
    path: Path,
    road: Road,
    told: list[int] | None = None,
    sent: list[int] | None = None,
    *,
    keeps: bool = True,
) -> DeliveryReport:
    resumed: list[int] = [] if told is None else told
    seen: list[int] = [] if sent is None else sent
    async with AsyncSluis(credentials.load(mine), retrying=QUICK, road=road, keeps=keeps) as client:
        report = await client.deliver(
            path, sent=lambda done, _: seen.append(done), resumed=resumed.append
        )
        return await client.wait(report.delivery_id)


def notes(mine: Path) -> list[Path]:
    return list((mine / FOLDER).glob("*"))


async def test_a_large_file_over_a_good_line_goes_once(mine: Path, large: Path) -> None:
    road, told = Road(), list[int]()

    report = await send(mine, large, road, told)

    assert report.accepted == 5
    assert road.sent == SIZE
    assert (told, notes(mine)) == ([], [])


async def test_a_line_that_breaks_three_times_sends_what_is_missing(
    mine: Path, large: Path
) -> None:
    road, told, sent = Road([700_000, 900_000, 500_000]), list[int](), list[int]()

    report = await send(mine, large, road, told, sent)

    assert report.accepted == 5
    assert len(told) == 3
    assert told == sorted(told)
    assert told[0] >= 700_000 - KEPT
    assert road.sent <= SIZE + 3 * KEPT
    assert sent[-1] == SIZE
    assert notes(mine) == []


async def test_another_run_goes_on_where_the_first_was_killed(mine: Path, large: Path) -> None:
    killed = asyncio.create_task(send(mine, large, Road([2_000_000, 0, 0, 0])))
    with pytest.raises(Unreachable):
        await killed
    assert len(notes(mine)) == 1
    road, told = Road(), list[int]()

    report = await send(mine, large, road, told)

    assert report.accepted == 5
    assert told == [SIZE - road.sent]
    assert road.sent <= SIZE - 2_000_000 + KEPT
    assert notes(mine) == []


async def test_an_answer_that_was_lost_is_asked_again(mine: Path, large: Path) -> None:
    road = Road([None])

    report = await send(mine, large, road)

    assert (report.accepted, report.is_repeat) == (5, False)
    assert road.sent == SIZE


async def test_a_road_that_brings_nothing_is_given_up(mine: Path, large: Path) -> None:
    road = Road([0] * 50)

    with pytest.raises(Unreachable):
        await send(mine, large, road)

    assert road.asked.count("PATCH") == QUICK.attempts


@dataclass
class _Busy(Road):
    """A gateway that says "not now" to the first PATCH, and for how long."""

    seconds: str = "1"
    at: list[float] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            self.at.append(time.monotonic())
            if len(self.at) == 1:
                return httpx.Response(503, headers={"Retry-After": self.seconds})
        return await super().handle_async_request(request)


async def test_a_gateway_that_says_not_now_is_left_alone_for_as_long(
    mine: Path, large: Path
) -> None:
    road = _Busy()
    await send(mine, large, road)
    assert road.at[1] - road.at[0] >= 1


async def test_a_longer_time_than_our_patience_is_left_to_the_caller(
    mine: Path, large: Path
) -> None:
    road = _Busy(seconds="61")
    with pytest.raises(Unavailable) as caught:
        await send(mine, large, road)
    assert (caught.value.retry_after, len(road.at)) == (61, 1)
    # The next run goes on with the same upload.
    await send(mine, large, road)
    assert road.asked.count("POST") == 3  # two tokens, one upload


async def test_an_upload_that_is_gone_is_begun_anew(
    gateway: RunningGateway, mine: Path, large: Path
) -> None:
    with pytest.raises(Unreachable):
        await send(mine, large, Road([2_000_000, 0, 0, 0]))
    await gateway.pool.execute("delete from upload")
    road = Road()

    assert (await send(mine, large, road)).accepted == 5
    assert road.sent == SIZE


async def test_without_a_folder_it_resumes_within_the_call(
    gateway: RunningGateway, mine: Path, large: Path
) -> None:
    told: list[int] = []

    assert (await send(mine, large, Road([900_000]), told, keeps=False)).accepted == 5

    assert len(told) == 1
    assert notes(mine) == []


async def test_where_no_more_uploads_may_be_open_it_goes_in_one_request(
    gateway: RunningGateway, mine: Path, large: Path
) -> None:
    async with gateway.partner("dwi") as http:
        for _ in range(2):
            headers = {"Content-Type": "text/csv", "Upload-Complete": "?0", "Upload-Length": "9"}
            assert (await http.post("/v1/leveringen", headers=headers)).status_code == 201
    road = Road()

    assert (await send(mine, large, road)).accepted == 5

    assert "PATCH" not in road.asked


async def test_a_file_that_another_process_sends_leaves_its_note_alone(
    mine: Path, large: Path
) -> None:
    with pytest.raises(Unreachable):
        await send(mine, large, Road([2_000_000, 0, 0, 0]))
    (note,) = notes(mine)
    before = note.read_bytes()
    descriptor = os.open(note, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        report = await send(mine, large, Road())
    finally:
        os.close(descriptor)

    assert report.accepted == 5
    assert note.read_bytes() == before
    again = await send(mine, large, Road())
    assert again.delivery_id == report.delivery_id
    assert notes(mine) == []


@pytest.mark.parametrize("damage", [b"", b"{", b'{"place": "https://elders.nl/x"}', b"[1]"])
async def test_a_note_that_is_damaged_is_no_obstacle(
    mine: Path, large: Path, damage: bytes
) -> None:
    with pytest.raises(Unreachable):
        await send(mine, large, Road([0] * 3))
    (note,) = notes(mine)
    note.write_bytes(damage)

    assert (await send(mine, large, Road())).accepted == 5
    assert notes(mine) == []


async def test_a_file_that_changes_under_way_is_not_sent_as_if_whole(
    mine: Path, large: Path
) -> None:
    class Shrinking(Road):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "PATCH":
                os.truncate(large, 1_500_000)
            return await super().handle_async_request(request)

    with pytest.raises(Misconfigured, match="changed while it was sent"):
        await send(mine, large, Shrinking())


async def test_a_gateway_that_knows_no_uploads_gets_one_request(tmp_path: Path) -> None:
    simulator = GatewaySimulator()
    registered(simulator, tmp_path, "casebook")
    path = tmp_path / "levering.csv"
    row = "DWI-1;2013-12-31;999990019;1980;ja\r\n"
    path.write_text("kenmerk;aangemeld_op;bsn;geboortedatum;instemming\r\n" + row * 40_000)
    simulator.max_bytes = 10 * FROM_BYTES
    async with in_process(simulator, registered(simulator, tmp_path, "dwi")) as client:
        assert (await client.deliver(path)).accepted == 1

    assert simulator.network.count("POST", "/v1/leveringen") == 1
