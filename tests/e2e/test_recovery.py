"""A database that was put back serves nobody until `sluis recover`, and forgets no "no" after it.

A whole gateway with its own PostgreSQL, killed and put back as an operator would: the folder of the
stopped database is the backup. Partners keep what they were told meanwhile.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from gateway.audit.checkpoint import read_unverified
from gateway.audit.note import decode_base64
from gateway.store.database import database_folder
from gateway.store.embedded import running_address
from gateway.store.endpoints import Endpoint, set_endpoint
from gateway.vault.journal_reading import read_journal
from gateway.vault.keys import FileKeys
from tests.support.database import TestServer
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.messages import Json, fresh_bsn, member, referral
from tests.support.parties import SLUIS
from tests.support.pulling import pull_all, refer
from tests.support.running_gateway import RunningGateway, reachable_folder, running_gateway

pytestmark = pytest.mark.e2e

PURPOSE = {"doel": "toeleiding-wijkteam", "ontvanger": "casebook", "categorie": "*"}
SERIES = ("verwerkingen", "beschermd", "toegang", "toegang-beschermd")


@dataclass
class Kept:
    """What was said and done before the backup."""

    waits: Json
    objected: Json
    annulled: Json
    stays: Json
    persons: dict[str, str]


@asynccontextmanager
async def partner(gateway: GatewayProcess, name: str) -> AsyncIterator[httpx.AsyncClient]:
    """A partner, once the gateway knows its partners: on a busy machine not with its first line."""
    async with AsyncExitStack() as closing:
        async with asyncio.timeout(30):
            while True:
                try:
                    http = await closing.enter_async_context(gateway.partner(name))
                    break
                except AssertionError:
                    await pause()
        yield http


@asynccontextmanager
async def a_gateway() -> AsyncIterator[GatewayProcess]:
    with reachable_folder() as home:
        async with gateway_process(home) as gateway:
            yield gateway


async def sluis(gateway: GatewayProcess, *words: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run,
        [*SLUIS, *words, "--home", str(gateway.home)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **gateway.environment},
    )


async def accepted(dwi: httpx.AsyncClient, *persons: str) -> Json:
    answer = await refer(dwi, referral(*(member(person) for person in persons)))
    assert answer.status_code == 202, answer.text
    told: Json = answer.json()
    return told


async def say_no(dwi: httpx.AsyncClient, person: str) -> httpx.Response:
    record = {
        "burgerservicenummer": person, **PURPOSE, "gegeven": False,
        "op": "2026-01-09T14:00:00+01:00", "door": "betrokkene",
    }  # fmt: skip
    return await dwi.post("/v1/toestemmingen", json=record)


async def before_the_backup(dwi: httpx.AsyncClient) -> Kept:
    persons = {name: fresh_bsn() for name in ("withdraws", "objects", "annulled", "stays", "new")}
    return Kept(
        await accepted(dwi, persons["withdraws"]),
        await accepted(dwi, persons["objects"]),
        await accepted(dwi, persons["annulled"]),
        await accepted(dwi, persons["stays"]),
        persons,
    )


async def after_the_backup(dwi: httpx.AsyncClient, kept: Kept) -> None:
    """All that narrows, and one who was never heard of before."""
    assert (await say_no(dwi, kept.persons["withdraws"])).status_code == 201
    assert (await say_no(dwi, kept.persons["new"])).status_code == 201
    for kind, told, extra in (
        ("bezwaar", kept.objected, {"lid": {"plaats": 0}}),
        ("annulering", kept.annulled, {}),
    ):
        correction = {
            "kenmerk": f"C-{kind}", "uitwisselingId": told["uitwisselingId"], "soort": kind, **extra
        }  # fmt: skip
        answer = await dwi.post("/v1/correcties", json=correction)
        assert answer.status_code == 201, answer.text


async def checkpoint(http: httpx.AsyncClient, at_least: int = 1) -> str:
    """The newest checkpoint, once it covers so many entries."""
    async with asyncio.timeout(20):
        while True:
            answer = await http.get("/v1/logboek/verwerkingen/checkpoint")
            if answer.status_code == 200 and read_unverified(answer.content).size >= at_least:
                return answer.text
            await asyncio.sleep(0.1)


async def copy_of_database(gateway: GatewayProcess, to: Path) -> None:
    """A backup as the docs say: stopped, and copied as it is."""
    assert await gateway.stop() == 0
    await asyncio.to_thread(
        subprocess.run, ["cp", "-a", str(database_folder(gateway.home)), str(to)], check=True
    )


async def put_back(gateway: GatewayProcess, backup: Path) -> None:
    data = database_folder(gateway.home)
    with (data / "server.lock").open() as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)  # until the old server is gone
    await asyncio.to_thread(shutil.rmtree, data)
    await asyncio.to_thread(subprocess.run, ["cp", "-a", str(backup), str(data)], check=True)


async def first_entry(gateway: GatewayProcess, log: str) -> tuple[str, dict[str, Any]]:
    """The open volume's name and first entry, in the database."""
    async with gateway.database() as pool:
        row = await pool.fetchrow(
            """select h.name, l.entry from log_head h join log_leaf l on l.log = h.log
                where h.series = $1 and h.closed_at is null and l.index = 0""",
            SERIES.index(log) + 1,
        )
    assert row is not None
    return row[0], json.loads(row[1])


async def test_invariant_02_a_withdrawal_of_after_the_backup_holds_when_it_is_put_back() -> None:
    async with a_gateway() as gateway:
        backup = gateway.home / "backup"
        async with partner(gateway, "dwi") as dwi:
            kept = await before_the_backup(dwi)
            await checkpoint(dwi, 4)
        await copy_of_database(gateway, backup)
        await gateway.start()
        async with partner(gateway, "dwi") as dwi:
            await after_the_backup(dwi, kept)
            lost = await accepted(dwi, fresh_bsn())
            held_by_partner = await checkpoint(dwi, 10)
        assert (await sluis(gateway, "partner", "suspend", "okt")).returncode == 0
        published = read_unverified(held_by_partner.encode())
        await gateway.kill()
        await put_back(gateway, backup)

        # It does not serve, and says why and what to do; nor does any other command.
        for words in (("serve", "--port", "0"), ("partner", "list")):
            refused = await sluis(gateway, *words)
            assert refused.returncode == 1, refused.stderr
            assert "this database is older than what the gateway said of it" in refused.stderr
            assert "sluis recover" in refused.stderr

        # It shows what was lost, and does nothing without a yes.
        shown = await sluis(gateway, "recover", "--json")
        assert shown.returncode == 2
        told = json.loads(shown.stdout)
        assert told["missing"] == {"nee": 2, "correctie": 2, "schorsing": 1}
        (cut,) = [one for one in told["lost"] if "verwerkingen" in one["origin"]]
        assert cut["published"] >= published.size
        assert cut["restored"] < published.size
        again = await sluis(gateway, "recover", "--json")
        assert json.loads(again.stdout)["lost"] == told["lost"]

        done = await sluis(gateway, "recover", "--yes", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["done"] == {"nee": 2, "correctie": 2, "schorsing": 1}
        listed = json.loads((await sluis(gateway, "partner", "list", "--json")).stdout)
        assert [one["partner"] for one in listed["partners"] if one["isSuspended"]] == ["okt"]

        await gateway.start()
        async with partner(gateway, "dwi") as dwi, partner(gateway, "casebook") as casebook:
            events = await pull_all(casebook)
            handed = {event["id"] for event in events if event["type"].endswith("aanmelding")}
            assert handed == {kept.stays["uitwisselingId"]}
            # Who was registered after the backup, and said no, is still refused.
            answer = await refer(dwi, referral(member(kept.persons["new"], agreed=None)))
            assert answer.json()["besluit"] == "aangehouden", answer.text
            assert lost["uitwisselingId"] not in handed

            # Whoever kept a checkpoint sees that a cut happened, and where.
            for log in SERIES:
                volume, entry = await first_entry(gateway, log)
                assert entry["event"] == "voorganger"
                named = entry["predecessor"]
                assert named["origin"].endswith(f"/{log}/{published.origin.rsplit('/')[-1]}")
                assert volume.startswith(published.origin.rsplit("/")[-1])
                if log == "verwerkingen":
                    assert named["size"] >= published.size
                    assert named["restored"]["size"] == cut["restored"]
                    if named["size"] == published.size:
                        assert decode_base64(named["root"]) == published.root
            now = read_unverified((await checkpoint(dwi, 2)).encode())
            assert now.origin != published.origin

        # Begun again, there is nothing left to do.
        assert await gateway.stop() == 0
        done = await sluis(gateway, "recover", "--yes", "--json")
        assert json.loads(done.stdout)["done"] == {}


async def test_a_kill_between_line_and_commit_or_commit_and_answer_loses_no_withdrawal() -> None:
    """A line that was not committed is one too many, one whose answer was lost is done already."""
    async with a_gateway() as gateway:
        persons = [fresh_bsn() for _ in range(2)]
        async with partner(gateway, "dwi") as dwi:
            waits = [await accepted(dwi, person) for person in persons]
            # Between the line and the commit: the log's head is held, which comes in between.
            address = running_address(database_folder(gateway.home))
            holder = await asyncpg.connect(f"postgresql://{address}")
            await holder.execute("begin; select 1 from log_head where series = 1 for update")
            asked = asyncio.create_task(say_no(dwi, persons[0]))
            await lines_in_journal(gateway, 1)
            await gateway.kill()
            holder.terminate()
            with pytest.raises(httpx.TransportError):
                await asked
        await gateway.start()
        async with gateway.database() as pool:
            assert await pool.fetchval("select count(*) from consent_event where not given") == 0
        # After the commit, before the answer: whoever asked has gone, which is all the same to it.
        async with partner(gateway, "dwi") as dwi:
            asked = asyncio.create_task(say_no(dwi, persons[1]))
            await lines_in_journal(gateway, 2)
            async with gateway.database() as pool:
                await rows(pool, "select count(*) from consent_event where not given", 1)
            await gateway.kill()
            await asyncio.gather(asked, return_exceptions=True)

        # Nothing was put back; one line is missing, and done all the same when it is asked for.
        done = await sluis(gateway, "recover", "--yes", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["lost"] == []
        assert json.loads(done.stdout)["done"] == {"nee": 1}
        await gateway.start()
        async with partner(gateway, "casebook") as casebook:
            told = [e for e in await pull_all(casebook) if e["id"] in ids(waits)]
            assert [e["type"] for e in told] == ["nl.sluis.vervallen"] * 2


def ids(answers: list[Json]) -> set[str]:
    return {answer["uitwisselingId"] for answer in answers}


async def lines_in_journal(gateway: GatewayProcess, count: int) -> None:
    keys = FileKeys(gateway.home / "keys")
    async with asyncio.timeout(20):
        while len(read_journal(gateway.home / "journal", keys).lines) < count:
            await pause()


async def rows(pool: asyncpg.Pool, statement: str, count: int) -> None:
    async with asyncio.timeout(20):
        while await pool.fetchval(statement) < count:
            await pause()


async def pause() -> None:
    """Between two looks from outside, where no event tells."""
    await asyncio.sleep(0.02)


async def replace_database(server: TestServer, name: str, template: str) -> None:
    """Make a database anew from another, whoever is connected to either."""
    admin = await asyncpg.connect(server.server.dsn)
    try:
        for each in (name, template):
            if await admin.fetchval("select 1 from pg_database where datname = $1", each):
                await admin.execute(f"alter database {each} allow_connections false")
                await admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
                    each,
                )
        async with asyncio.timeout(30):
            while True:
                try:
                    await admin.execute(f"drop database if exists {name} with (force)")
                    await admin.execute(f"create database {name} template {template}")
                    break
                except asyncpg.PostgresError:  # somebody is just going
                    await asyncio.sleep(0.1)
        await admin.execute(f"alter database {template} allow_connections true")
    finally:
        await admin.close()


async def until_ready(http: httpx.AsyncClient, status: int) -> Json:
    async with asyncio.timeout(20):
        while (answer := await http.get("/health/ready")).status_code != status:
            await pause()
    told: Json = answer.json()
    return told


async def test_invariant_12_a_database_put_back_under_a_running_gateway_serves_nobody(
    postgres: TestServer,
) -> None:
    async with running_gateway(postgres) as gateway, gateway.partner("dwi") as dwi:
        live = str(gateway.served.settings.database_url).rpartition("@/")[2].partition("?")[0]
        person = fresh_bsn()
        waits = await accepted(dwi, person)
        await replace_database(postgres, f"{live}_backup", live)
        await until_ready(dwi, 200)
        # Other connections than the one that was looked at may still be the old database's.
        async with asyncio.timeout(20):
            while (await say_no(dwi, person)).status_code == 503:
                await pause()
        held = read_unverified((await checkpoint(dwi, 3)).encode())

        await replace_database(postgres, live, f"{live}_backup")

        why = await until_ready(dwi, 503)
        assert "sluis recover" in (await until_older(dwi, why))["detail"]
        assert (await refer(dwi, referral())).status_code == 503
        assert (await dwi.get("/v1/postvak")).status_code == 503
        admin = await asyncpg.connect(postgres.url(live))
        try:
            size = await admin.fetchval("select max(size) from log_checkpoint where log = 1")
            await asyncio.sleep(1)
            assert size < held.size
            newest = "select max(size) from log_checkpoint where log = 1"
            assert await admin.fetchval(newest) == size, "nothing is signed"
        finally:
            await admin.close()

        assert (await recovered(gateway))["done"] == {"nee": 1}

        await until_ready(dwi, 200)
        assert (await refer(dwi, referral())).status_code == 202
        now = read_unverified((await checkpoint(dwi, 2)).encode())
        assert now.origin != held.origin
        async with gateway.partner("casebook") as casebook:
            handed = {event["id"] for event in await pull_all(casebook) if "data" in event}
            assert waits["uitwisselingId"] not in handed
        events = [line["event"] for line in gateway.logged]
        assert events.count("database-older") == events.count("database-recovered") == 1
    await postgres.drop(f"{live}_backup")


async def recovered(gateway: RunningGateway) -> Json:
    """What `sluis recover --yes` did for a gateway that runs on."""
    command = [*SLUIS, "recover", "--yes", "--json", "--home", str(gateway.home)]
    address = {"SLUIS_DATABASE_URL": str(gateway.served.settings.database_url)}
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False,
        env={**os.environ, **address},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: Json = json.loads(done.stdout)
    return told


async def test_a_recovery_ends_cursors_that_would_skip_mail_and_the_bringing_to_old_addresses(
    postgres: TestServer,
) -> None:
    async with AsyncExitStack() as closing:
        gateway = await closing.enter_async_context(running_gateway(postgres))
        dwi, casebook = [
            await closing.enter_async_context(gateway.partner(name)) for name in ("dwi", "casebook")
        ]
        live = str(gateway.served.settings.database_url).rpartition("@/")[2].partition("?")[0]
        stays = await accepted(dwi, fresh_bsn())
        await set_endpoint(gateway.engine, "okt", Endpoint("https://okt.example/postvak"))
        await replace_database(postgres, f"{live}_backup", live)
        await until_ready(dwi, 200)
        for _ in range(2):
            await accepted(dwi, fresh_bsn())
        page = (await casebook.get("/v1/postvak")).json()
        await checkpoint(dwi, 6)

        await replace_database(postgres, live, f"{live}_backup")
        await until_ready(dwi, 503)
        told = await recovered(gateway)
        assert told["done"] == {}
        # It may be an address that was given up since, or whose bringing was stopped.
        assert told["stoppedEndpoints"] == ["okt"]
        await until_ready(dwi, 200)
        # As many again, so that their positions are those that were handed out before.
        new = [await accepted(dwi, fresh_bsn()) for _ in range(3)]

        old = page["volgende"]
        for refused in (
            await casebook.get("/v1/postvak", params={"na": old}),
            await casebook.post("/v1/postvak/ontvangst", json={"totEnMet": old}),
        ):
            assert refused.status_code == 400, refused.text
            assert refused.json()["type"].endswith("cursor-onbekend")
        assert {event["id"] for event in await pull_all(casebook)} == ids([stays, *new])
    await postgres.drop(f"{live}_backup")


async def until_older(http: httpx.AsyncClient, told: Json) -> Json:
    """Past the moment at which the database was away."""
    async with asyncio.timeout(20):
        while "ouder" not in told["detail"]:
            await asyncio.sleep(0.1)
            told = (await http.get("/health/ready")).json()
    return told
