"""Seven parties, a bad network, and workers that are killed: nothing lost, nothing doubled.

Each party is cut off at random; requests and answers come late, twice, out of order or not at all;
processes of the gateway, and now and then all of it, are killed with -9. At the end every party's
books agree with every other's and with the database, and each recipient got its mail in order.
`make proof` does it with a hundred thousand messages and prints the figures.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.cli.workers import COMMAND
from gateway.client.webhooks import keys_of
from tests.support.chaos import PARTIES, PROVIDERS, Town, at_work, receivers, town
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.parties import SLUIS
from tests.support.running_gateway import reachable_folder

pytestmark = pytest.mark.e2e

WHOLE_EVERY = 6
"""Of so many kills one is of the whole gateway, its database included."""


@dataclass
class Figures:
    """What a run came to."""

    messages: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    unlike: int = 0
    repeats: int = 0
    pushed: int = 0
    workers_killed: int = 0
    gateways_killed: int = 0
    seconds: float = 0.0
    network: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        told = {**vars(self), "network": dict(sorted(self.network.items()))}
        return ", ".join(f"{name} {value}" for name, value in told.items())


def run_sluis(gateway: GatewayProcess, *arguments: str) -> None:
    done = subprocess.run(
        [*SLUIS, *arguments, "--home", str(gateway.home)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **gateway.environment, "SLUIS_PORT": str(gateway.port)},
    )
    assert done.returncode == 0, done.stderr


def workers_of(gateway: GatewayProcess) -> list[int]:
    """The processes of a gateway besides its first."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
            words = (folder / "cmdline").read_bytes().split(b"\x00")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == gateway.pid and COMMAND.encode() in words:
            found.append(int(folder.name))
    return found


async def signing_keys(gateway: GatewayProcess) -> dict[str, Ed25519PublicKey]:
    async with httpx.AsyncClient(trust_env=False) as http:
        return keys_of((await http.get(f"{gateway.base_url}/.well-known/jwks.json")).json())


async def kill_now_and_then(
    gateway: GatewayProcess, figures: Figures, chance: random.Random, pause: float
) -> None:
    number = 0
    while True:
        await asyncio.sleep(chance.uniform(pause / 2, pause * 1.5))
        number += 1
        workers = workers_of(gateway)
        if number % WHOLE_EVERY == 0:
            await gateway.kill()
            figures.gateways_killed += 1
            await gateway.start()
        elif workers:
            os.kill(chance.choice(workers), signal.SIGKILL)
            figures.workers_killed += 1


@asynccontextmanager
async def prepared(home: Path) -> AsyncIterator[GatewayProcess]:
    """A gateway of three processes that knows all seven parties."""
    # What a token outlives a kill by is the client's to see to; pushes go to this machine here.
    async with gateway_process(home, SLUIS_WORKERS="3", SLUIS_PUSH_PRIVATE="true") as gateway:
        for number, name in enumerate(PARTIES):
            if not (home / "partners" / name).exists():
                run_sluis(
                    gateway, "partner", "add", name, "--name", f"{name} (proefpartij)",
                    "--oin", f"0000009900000009{number:04}", "--adapter", "generic", "--sandbox",
                )  # fmt: skip
        yield gateway


async def survive(households: int, seed: int, *, pause: float, outage: float) -> Figures:
    figures, chance = Figures(), random.Random(seed)  # noqa: S311  # for repeatability
    begun = time.monotonic()
    with reachable_folder() as home:
        async with (
            prepared(home) as gateway,
            town(home, households, seed) as here,
            receivers(here, await signing_keys(gateway)),
        ):
            for name in PROVIDERS:
                endpoint = here[name].endpoint
                assert endpoint is not None
                run_sluis(gateway, "partner", "endpoint", name, endpoint.url)
            async with at_work(here, outage):
                killing = asyncio.create_task(kill_now_and_then(gateway, figures, chance, pause))
                await here.mostly_done()
                killing.cancel()
                await asyncio.gather(killing, return_exceptions=True)
                if not gateway.is_running:
                    await gateway.start()
                await here.settled(patience=120 + households / 100)
            await hold_against_each_other(figures, here, gateway)
            assert await gateway.stop() == 0
    figures.seconds = round(time.monotonic() - begun, 1)
    return figures


async def hold_against_each_other(figures: Figures, here: Town, gateway: GatewayProcess) -> None:
    figures.messages, figures.network = here.messages, here.happened
    for name in PARTIES:
        inbox, expected = here[name].inbox, here.expected(name)
        came = Counter(event.id for event in inbox.places.values())
        figures.lost += len(expected - came.keys())
        figures.doubled += sum(number - 1 for number in came.values())
        figures.doubled += len(came.keys() - expected)
        figures.out_of_order += len(inbox.faults)
        figures.unlike += len(here[name].unlike)
        figures.repeats += inbox.repeats
    figures.pushed = sum(len(here[name].inbox.places) for name in PROVIDERS)
    async with gateway.database() as pool:
        # One exchange a reference, however often it was sent.
        assert await pool.fetchval("select count(*) from exchange") == figures.messages
        assert await pool.fetchval("select count(*) from fingerprint") == figures.messages


def assert_sound(figures: Figures) -> None:
    assert figures.lost == 0, figures
    assert figures.doubled == 0, figures
    assert figures.out_of_order == 0, figures
    assert figures.unlike == 0, figures
    assert figures.pushed > 0, figures
    assert figures.workers_killed > 0, figures
    for what in ("cut off", "held up", "sent twice", "answer lost"):
        assert figures.network[what] > 0, f"{what}: never; {figures}"


async def test_with_seven_parties_in_chaos_nothing_is_lost_or_doubled() -> None:
    figures = await survive(300, seed=2014, pause=2.0, outage=1.0)
    assert_sound(figures)


@pytest.mark.proof
async def test_a_hundred_thousand_messages_in_chaos_arrive_once_and_in_order() -> None:
    figures = await survive(45_500, seed=time.time_ns(), pause=6.0, outage=6.0)
    print(f"\n{figures}")  # noqa: T201  # the proof is these figures
    assert_sound(figures)
    assert figures.messages >= 100_000, figures
