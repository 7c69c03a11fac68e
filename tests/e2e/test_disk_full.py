"""A full disk: 503 while there is no room, nothing acknowledged is lost, and then it goes on.

The home, with database, WAL and the gateway's own log, stands on a small file system of its own.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.gateway_process import gateway_process
from tests.support.log_oracle import assert_log_of
from tests.support.messages import HEADER, csv_row, referral
from tests.support.pulling import CSV, deliver, pull_all, refer, worked_off
from tests.support.refusals import assert_problem
from tests.support.running_gateway import reachable_folder

pytestmark = pytest.mark.e2e

MEBIBYTE = 1024 * 1024
SIZE = 256 * MEBIBYTE


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of `SIZE` bytes; only root can make one."""
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("NOT TESTED: a disk of its own needs root, so a full disk was not tried")
    with reachable_folder() as place:
        home = place / "home"
        home.mkdir(mode=0o711)
        made = subprocess.run(
            [mount, "-t", "tmpfs", "-o", f"size={SIZE},mode=0711", "tmpfs", str(home)],
            check=False,
            capture_output=True,
        )
        if made.returncode != 0:
            pytest.skip("NOT TESTED: mounting is not allowed here, so a full disk was not tried")
        try:
            yield home
        finally:
            subprocess.run(["umount", "--lazy", str(home)], check=True)


def fill(disk: Path) -> Path:
    """Take every byte that is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        piece = bytes(MEBIBYTE)
        while piece:
            try:
                file.write(piece)
            except OSError:
                piece = piece[: len(piece) // 2]
    return ballast


def large_file() -> bytes:
    """One record, and a mebibyte that has to be stored before that is known."""
    return f"{HEADER}\n{csv_row()}\n".encode() + b"\n" * MEBIBYTE


async def test_a_full_disk_is_503_and_loses_nothing_that_was_acknowledged(
    small_disk: Path,
) -> None:
    async with (
        gateway_process(small_disk) as gateway,
        gateway.partner("dwi") as dwi,
        gateway.partner("casebook") as casebook,
    ):
        accepted = [(await refer(dwi, referral())).json()["uitwisselingId"] for _ in range(5)]
        ballast = fill(small_disk)
        files: list[str] = []
        told: Counter[int] = Counter()
        async with asyncio.timeout(60):
            while told[503] < 8:
                message = referral()
                for answer in await asyncio.gather(
                    refer(dwi, message), deliver(dwi, large_file(), CSV), return_exceptions=True
                ):
                    assert not isinstance(answer, BaseException), repr(answer)
                    told[answer.status_code] += 1
                    if answer.status_code != 202:
                        assert_problem(answer, 503, message["kenmerk"])
                        assert float(answer.headers["retry-after"]) > 0
                    elif "leveringId" in answer.json():
                        files.append(answer.json()["leveringId"])
                    else:
                        accepted.append(answer.json()["uitwisselingId"])
        # Not even its own log can be written by now.
        for _ in range(20):
            refused = await asyncio.gather(*(refer(dwi, referral()) for _ in range(5)))
            for answer in refused:
                assert_problem(answer, 503)
        assert gateway.is_running
        metrics = (await dwi.get("/metrics")).text
        assert "sluis_log_lines_lost_total" in metrics
        assert (await dwi.get("/health/live")).status_code == 200

        ballast.unlink()
        last = await until_taken(dwi)

        accepted.append(last)
        reports = [await worked_off(dwi, one) for one in files]
        assert [report["toegelaten"] for report in reports] == [1] * len(files)
        pulled = [event["id"] for event in await pull_all(casebook)]
        assert set(accepted) <= set(pulled)
        assert len(pulled) == len(set(pulled)) == len(accepted) + len(files)
        async with gateway.database() as pool:
            await assert_log_of(pool, small_disk)


async def until_taken(http: httpx.AsyncClient) -> str:
    message = referral()
    async with asyncio.timeout(40):
        while (answer := await refer(http, message)).status_code != 202:
            assert_problem(answer, 503, message["kenmerk"])
            await asyncio.sleep(0.1)
    exchange: str = answer.json()["uitwisselingId"]
    return exchange
