"""The opening load at its size: 30,000 persons by the command, in bounded memory, and again."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.database import TestServer
from tests.support.messages import bsn
from tests.support.parties import SLUIS
from tests.support.running_gateway import running_gateway

PERSONS = 30_000


@pytest.mark.proof
async def test_thirty_thousand_persons_load_in_the_memory_of_one_request(
    postgres: TestServer, tmp_path: Path
) -> None:
    load = tmp_path / "bekenden.csv"
    rows = (f"{bsn(number)};RIS-{number}" for number in range(PERSONS))
    load.write_text("\n".join(["burgerservicenummer;kenmerk", *rows, ""]))
    async with running_gateway(postgres) as gateway:
        command = [*SLUIS, "register", str(load), "--as", "casebook", "--json"]
        command += ["--home", str(gateway.home)]
        taken: list[float] = []
        for _ in range(2):
            begun = time.monotonic()
            done = await asyncio.to_thread(
                subprocess.run, command, capture_output=True, text=True, check=False
            )
            taken.append(time.monotonic() - begun)
            assert done.returncode == 0, done.stderr
            counted = json.loads(done.stdout)["outcomes"]
            assert counted == {"geregistreerd": PERSONS}
        assert await gateway.count("registration") == PERSONS
        assert await gateway.count("log_leaf", "entry like '%registratie%'::bytea") == PERSONS
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    first, again = (round(PERSONS / seconds) for seconds in taken)
    told = f"{PERSONS:,} persons: {first:,}/s, again {again:,}/s; client {memory:,.0f} MiB at most"
    print(told)  # noqa: T201  # a proof shows its figures
    assert memory < 400
