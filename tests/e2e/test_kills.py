"""kill -9 at random moments under load: nothing acknowledged is lost, nothing is doubled.

Six senders, one that delivers files, two recipients and one that reports on cases work without
pause while their gateway is killed and started again on the same home. Then their books are held
against each other, against the database, and against the log, which must verify offline; and every
answer's receipt against its proof, by the verifier that shares no code with the gateway.
`make proof` does it five hundred times and prints the figures.
"""

from __future__ import annotations

import asyncio
import base64
import random
import time
from collections import Counter
from dataclasses import dataclass

import asyncpg
import httpx
import pytest

from gateway.audit.series import Logbooks
from gateway.cli.serving import key_provider
from gateway.settings import Settings
from gateway.store.groups import VERWERKINGEN
from tests.gateway.audit.verdicts import single_file
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.load import RECORDS, Books, Load
from tests.support.log_oracle import assert_log_of
from tests.support.pulling import outcomes, worked_off
from tests.support.running_gateway import reachable_folder

pytestmark = pytest.mark.e2e

ROUND_SECONDS = 240.0
"""Then everybody finishes and takes a new token: it must outlast a round."""


@dataclass
class Figures:
    """What a run came to."""

    kills: int
    messages: int = 0
    records: int = 0
    statuses: int = 0
    delivered: int = 0
    retried: int = 0
    lost: int = 0
    doubled: int = 0
    entries: int = 0
    proofs: int = 0
    restart_seconds: float = 0.0
    seconds: float = 0.0

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:g}" for name, value in vars(self).items())


async def delivered_exchanges(gateway: GatewayProcess, books: Books) -> Counter[str]:
    """The exchange of each record of each delivery; all of them are worked off by now."""
    found: Counter[str] = Counter()
    async with gateway.partner("dwi") as dwi:
        for delivery in books.deliveries:
            report = await worked_off(dwi, delivery, patience=60)
            assert report["status"] == "verwerkt"
            assert (report["records"], report["toegelaten"], report["dubbel"]) == (
                RECORDS,
                RECORDS,
                0,
            ), report
            found.update(one["uitwisselingId"] for one in await outcomes(dwi, delivery))
    return found


async def pull_what_remains(gateway: GatewayProcess, books: Books) -> None:
    """Deliveries may have been worked off after the last pull."""
    for partner in ("casebook", "dwi"):
        load = Load(gateway, random.Random(1), books, is_over=True)  # noqa: S311
        async with gateway.partner(partner) as http:
            await load._receive(http, partner)


async def survive(kills: int, seed: int, **environment: str) -> Figures:
    figures, chance = Figures(kills), random.Random(seed)  # noqa: S311  # for repeatability
    begun, books = time.monotonic(), Books()
    with reachable_folder() as home:
        async with gateway_process(home, **environment) as gateway:
            left = kills
            while left:
                load = Load(gateway, random.Random(seed + left), books)  # noqa: S311
                async with load.running():
                    ends = time.monotonic() + ROUND_SECONDS
                    while left and time.monotonic() < ends:
                        await asyncio.sleep(chance.uniform(0.1, 1.2))
                        await gateway.kill()
                        slow = await gateway.start()
                        figures.restart_seconds = max(figures.restart_seconds, slow)
                        left -= 1
                    await asyncio.sleep(0.5)
            in_files = await delivered_exchanges(gateway, books)
            await pull_what_remains(gateway, books)
            async with gateway.database() as pool:
                await hold_against_each_other(figures, books, in_files, pool)
                figures.entries = len(await assert_log_of(pool, home))
                figures.proofs = await prove_every_answer(gateway, books, pool)
            assert await gateway.stop() == 0
    figures.seconds = round(time.monotonic() - begun, 1)
    return figures


async def prove_every_answer(gateway: GatewayProcess, books: Books, pool: asyncpg.Pool) -> int:
    """Each answer's entry stands in a signed log, as somebody else's verifier finds too."""
    volumes = await pool.fetch("select name from log_head where series = 1")
    settings = Settings(home=gateway.home)
    logbooks, verifier = Logbooks(settings.oin, key_provider(settings)), single_file()
    keys = [verifier.read_key(logbooks.vkey(VERWERKINGEN, row["name"])) for row in volumes]
    receipts = [answer["ontvangstbewijs"] for answer in books.answered.values()]
    waiting, places = list(receipts), set[tuple[str, int]]()

    async def prove(http: httpx.AsyncClient) -> None:
        while waiting:
            leaf = base64.b64decode(waiting.pop()["bladhash"])
            named = base64.urlsafe_b64encode(leaf).decode().rstrip("=")
            answer = await http.get("/v1/logboek/verwerkingen/bewijs", params={"bladhash": named})
            assert answer.status_code == 200, answer.text
            told = answer.json()
            stated = verifier.open_checkpoint(told["controlepunt"].encode(), keys)
            path = [base64.b64decode(step) for step in told["pad"]]
            verifier.verify_inclusion(told["index"], stated.size, leaf, path, stated.root)
            places.add((stated.origin, told["index"]))

    async with gateway.partner("dwi") as dwi:
        await asyncio.gather(*(prove(dwi) for _ in range(4)))
    assert len(places) == len(receipts), "two answers share an entry"
    return len(places)


async def hold_against_each_other(
    figures: Figures, books: Books, in_files: Counter[str], pool: asyncpg.Pool
) -> None:
    figures.messages = sum(1 for name in books.answered if name.startswith("KM-"))
    figures.statuses = sum(1 for name in books.answered if name.startswith("ST-"))
    figures.records = sum(in_files.values())
    figures.retried = books.retried
    assert not books.unlike, "the same question was answered in two ways"
    assert set(in_files.values()) <= {1}, "two records of files share an exchange"

    for partner, expected in (
        ("casebook", books.accepted("KM-") | set(in_files)),
        ("dwi", books.accepted("ST-")),
    ):
        places = books.places[partner]
        assert sorted(places) == list(range(1, len(places) + 1)), "a place was skipped"
        delivered = Counter(event["id"] for event in places.values())
        figures.delivered += len(places)
        figures.lost += len(expected - delivered.keys())
        figures.doubled += sum(number - 1 for number in delivered.values())
        # What came to the mailbox was acknowledged to a sender, or is in a file that was taken.
        figures.doubled += len(delivered.keys() - expected)
        assert books.acknowledged[partner] <= len(places)

    # One exchange a reference, whatever was repeated: each repeat would have made another one.
    references = await pool.fetchval("select count(*) from fingerprint")
    exchanges = await pool.fetchval("select count(*) from exchange")
    assert references == exchanges == figures.messages + figures.statuses + figures.records
    # Upload that stopped half-way: the pieces of files that were never taken are few and go later.
    assert await pool.fetchval("select count(*) from delivery") == len(books.deliveries)


def assert_sound(figures: Figures) -> None:
    assert figures.lost == 0, figures
    assert figures.doubled == 0, figures
    assert figures.messages > 10 * figures.kills, "there was no load to speak of"
    assert figures.proofs == figures.messages + figures.statuses
    assert figures.retried > 0, "no kill came at an inconvenient moment"


async def test_killed_under_load_it_loses_and_doubles_nothing() -> None:
    assert_sound(await survive(kills=5, seed=20131231))


@pytest.mark.proof
async def test_killed_with_several_processes_it_loses_and_doubles_nothing() -> None:
    figures = await survive(kills=10, seed=time.time_ns(), SLUIS_WORKERS="3")
    print(f"\n{figures}")  # noqa: T201  # the proof is these figures
    assert_sound(figures)


@pytest.mark.proof
async def test_killed_five_hundred_times_under_load_it_loses_and_doubles_nothing() -> None:
    figures = await survive(kills=500, seed=time.time_ns())
    print(f"\n{figures}")  # noqa: T201  # the proof is these figures
    assert_sound(figures)
