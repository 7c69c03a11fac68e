"""Invariant 10, everywhere: with every key that still exists nothing about the erased opens.

A gateway with many registered persons is copied as a backup is. One of them is then erased from the
command line, as an officer does it: planned, decided by two, recipients told and heard. Afterwards
an attacker with the live database, the backup put back, the write-ahead log, the exported logs and
all keys that are left tries every key on every box that was ever stored. Before the week's key is
destroyed the backup still tells; after it, nothing does, but what stays as proof and is listed.

A scan that finds nothing proves nothing unless it can find: leaks are planted, and must be found.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from gateway.audit.verify import verify_folder
from gateway.cli import main
from gateway.cli.evidence import export_log
from gateway.client import AsyncSluis
from gateway.client.credentials import load
from gateway.exchange.epochs import destroy, look, rewrap
from gateway.exchange.recording import bound_to
from gateway.store.embedded import start_embedded
from gateway.vault.boxes import CONTENT, Vault, WrappedKey
from gateway.vault.keys import FileKeys, KeyDestroyedError, epoch_of
from tests.support.attic import Attic
from tests.support.canary import Canary, Found
from tests.support.messages import Json, bsn, lines_of, member, referral, status_of
from tests.support.pulling import (
    NDJSON,
    acknowledge,
    deliver,
    pull,
    refer,
    report_status,
    worked_off,
)
from tests.support.running_gateway import RunningGateway, embedded_gateway, reachable_folder

TERM = timedelta(days=30)
ANN, BEN, CAS = bsn(910_001), bsn(910_002), bsn(910_003)
ERASED = (
    Canary("BSN", ANN),
    Canary("surname", "Boomklever-Grasmus"),
    Canary("initials", "W.X.Q.K."),
    Canary("birth date", "1951-03-09"),
    Canary("street", "Roodborstplantsoen"),
    Canary("free text", "de buurman van Boomklever belde"),
    Canary("reference", "KANARIE-KM-ANN"),
)
"""Of the one who is erased, wherever it was written down."""
EVIDENCE = Canary("evidence", "BEWIJS-BOOMKLEVER-9")
"""What stays as proof, until its date."""
STAYING = Canary("surname of who stays", "Heggenmus-Winterkoning")
KEY = {canary.name: canary.value for canary in (*ERASED, EVIDENCE, STAYING)}


def ann(**changes: Any) -> Json:
    """The one who will be erased, with everything that names her."""
    made = member(
        ANN,
        voorletters=KEY["initials"],
        achternaam=KEY["surname"],
        geboortedatum=KEY["birth date"],
        **changes,
    )
    made["instemming"]["bewijs"] = EVIDENCE.value
    return made


def own_referral() -> Json:
    message = referral(ann(), reference=KEY["reference"])
    message["huishouden"]["straatnaam"] = KEY["street"]
    return message


def household() -> Json:
    """Somebody else's message, in which she is the partner."""
    return referral(member(BEN, achternaam=STAYING.value), ann(rol="partner"))


def held() -> Json:
    """A message that waits under somebody else's key, with everything about her in it."""
    message = referral(member(CAS, agreed=None), ann(rol="partner"))
    message["toelichting"] = KEY["free text"]
    return message


async def populate(gateway: RunningGateway, count: int) -> None:
    """So many persons whom the gateway knows, each with a key of their own."""
    vault, epoch = Vault(FileKeys(gateway.home / "keys")), epoch_of(datetime.now(UTC))
    rows = []
    for _ in range(count):
        subject = uuid4()
        _, (at, wrapped) = vault.new_key(subject, CONTENT, epoch)
        rows.append((subject, subject.bytes + uuid4().bytes, at, wrapped))
    async with gateway.pool.acquire() as connection:
        await connection.copy_records_to_table(
            "subject", records=rows, columns=("id", "handle", "kek_epoch", "wrapped")
        )


async def walk_the_road(gateway: RunningGateway) -> None:
    """By message and by file, handed over, received, reported on, waiting and held."""
    async with gateway.partner("dwi") as dwi, gateway.partner("casebook") as casebook:
        answer = await deliver(dwi, lines_of([own_referral(), referral()]), NDJSON)
        assert (await worked_off(dwi, answer.json()["leveringId"]))["toegelaten"] == 2
        assert (await refer(dwi, household())).status_code == 202
        page = (await pull(casebook)).json()
        await acknowledge(casebook, page["volgende"])
        for event in page["berichten"]:
            assert (await report_status(casebook, status_of(event["id"]))).status_code == 202
        await acknowledge(dwi, (await pull(dwi)).json()["volgende"])
        assert (await refer(dwi, referral(ann()))).status_code == 202
        stays = referral(member(BEN, achternaam=STAYING.value))
        assert (await refer(dwi, stays)).status_code == 202
        assert (await refer(dwi, held())).json()["besluit"] == "aangehouden"


async def sluis(home: Path, *arguments: str) -> int:
    """One command, as its user runs it."""
    return await asyncio.to_thread(main, [*arguments, "--home", str(home), "--json"])


async def erase_from_the_command_line(
    gateway: RunningGateway, place: Path, capsys: pytest.CaptureFixture[str]
) -> dict[str, Any]:
    """Planned, decided by two, recipients told and heard, and erased; gives what was told of it."""
    home, person = gateway.home, place / "persoon"
    person.write_text(ANN)
    officer = ("--role", "privacyfunctionaris", "--mandate", "M-1", "--mandate-ends", "2099-01-01")
    assert await sluis(home, "officer", "add", "po", "--name", "Petra", *officer, "--sandbox") == 0
    owner = ("--role", "proceseigenaar", "--sandbox")
    assert await sluis(home, "officer", "add", "eigenaar", "--name", "Emil", *owner) == 0
    case = ("--case", "Z-26-1", "--as", "po")
    assert await sluis(home, "erase", "plan", str(person), *case) == 0
    asked = ("--ground", "c-bezwaar", "--capacity", "self", "--identified-by", "paspoort")
    capsys.readouterr()
    assert await sluis(home, "erase", "decide", str(person), *asked, *case) == 0
    decision = json.loads(capsys.readouterr().out)["decision"]
    assert await sluis(home, "erase", "confirm", decision, "--as", "eigenaar") == 0
    assert await sluis(home, "erase", "carry-out", decision) == 3
    for name in ("casebook", "dwi"):
        async with gateway.partner(name) as http:
            page = (await pull(http)).json()
            assert "vernietigen" in json.dumps(page)
            await acknowledge(http, page["volgende"])
    capsys.readouterr()
    assert await sluis(home, "erase", "carry-out", decision) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    for command in ("show", "answer"):
        assert await sluis(home, "erase", command, decision, "--as", "po") == 0
    person.unlink()
    return told


@contextmanager
def put_back(backup: Path) -> Iterator[str]:
    """A copy of the database's folder, started by itself; gives its address."""
    server = start_embedded(backup)
    try:
        yield server.dsn
    finally:
        server.stop()


def copy(source: Path, target: Path) -> None:
    """A backup of a stopped database: owners, modes and all."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


@asynccontextmanager
async def attic_of(gateway: RunningGateway, place: Path) -> AsyncIterator[Attic]:
    folders = [
        gateway.home / "data",
        place / "backup",
        place / "exported",
        gateway.home / "journal",
    ]
    with put_back(place / "backup") as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            yield Attic(gateway.home, {"live": gateway.pool, "backup": connection}, folders)
        finally:
            await connection.close()


async def export(gateway: RunningGateway, folder: Path) -> None:
    async with AsyncSluis(load(gateway.home / "partners" / "toezicht")) as client:
        await export_log(client, folder)


def names(found: Iterable[Found], where: str) -> set[str]:
    return {one.canary for one in found if one.place.startswith(where)}


@pytest.mark.parametrize(
    "persons", [200, pytest.param(100_000, marks=pytest.mark.proof)], ids=["few", "100000"]
)
async def test_invariant_10_nothing_that_is_left_opens_what_was_erased(
    persons: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with reachable_folder() as place:
        home = place / "home"
        home.mkdir(mode=0o711)
        async with embedded_gateway(home) as gateway:
            await populate(gateway, persons)
            await walk_the_road(gateway)
            await export(gateway, place / "exported")
            vkey = gateway.served.gateway.vkey
        copy(home / "data", place / "backup")
        older = verify_folder(place / "exported", [vkey])

        async with embedded_gateway(home) as gateway, attic_of(gateway, place) as attic:
            before = await attic.scan([*ERASED, EVIDENCE])
            # The scan finds all that there is to find, in service and in the backup.
            for database in ("live", "backup"):
                assert names(before, database) == {one.name for one in (*ERASED, EVIDENCE)}

            began = time.monotonic()
            told = await erase_from_the_command_line(gateway, place, capsys)
            took = time.monotonic() - began
            after = await attic.scan(ERASED)
            assert names(after, "live") == set()
            assert names(after, "backup"), "within the backup term a backup still tells"
            assert [one["class"] for one in told["kept"]] == ["instemmingsbewijs", "lekbereik"]

            moved = await end_the_epoch(gateway)
            gone = await attic.scan(ERASED, tries_all=True)
            assert gone == []
            assert attic.scan_files([*ERASED, EVIDENCE]) == []
            proof = await attic.scan([EVIDENCE])
            assert {(one.place, one.canary) for one in proof} == {("live: evidence", "evidence")}
            # Who stays is not harmed: their messages open still, with the keys that are left.
            assert names(await attic.scan([STAYING]), "live") == {STAYING.name}

            await planted_leaks_are_found(gateway, attic)
            await export(gateway, place / "again")
        again = verify_folder(place / "again", [vkey])
        assert again.size > older.size
        older_entries = (place / "exported" / "tile" / "entries").rglob("*")
        assert any(path.is_file() for path in older_entries)
        with capsys.disabled():
            print(  # noqa: T201  # the figures of the proof
                f"\nerased 1 of {persons + 5}: from plan to answer {took:.1f} s,"
                f" re-wrapping {moved} keys; before {len(before)} findings, after it"
                f" {len(after)} in the backup, after the epoch's end {len(gone)}"
            )


async def end_the_epoch(gateway: RunningGateway) -> int:
    """The week ends, live keys move on, and a backup term later its key is destroyed."""
    keys = FileKeys(gateway.home / "keys")
    vault, now = Vault(keys), datetime.now(UTC)
    epoch, later = epoch_of(now), now + timedelta(days=8)
    async with gateway.pool.acquire() as connection:
        moved = [one async for one in rewrap(connection, vault, epoch + 1)]
        assert sum(one.damaged for one in moved) == 0
        await look(connection, keys, later, TERM)
        assert await destroy(connection, keys, vault, epoch, later + TERM, TERM) is not None
    with pytest.raises(KeyDestroyedError):
        keys.key_encryption_key(epoch)
    return sum(one.moved for one in moved)


async def planted_leaks_are_found(gateway: RunningGateway, attic: Attic) -> None:
    """One sealed under a key that lives, and one in clear in the write-ahead log."""
    seeded = Canary("seeded", "leeuwerik-in-een-doos")
    vault = Vault(FileKeys(gateway.home / "keys"))
    row = await gateway.pool.fetchrow(
        "select id, kek_epoch, wrapped from subject where facts is not null limit 1"
    )
    assert row is not None
    subject, epoch, wrapped = row
    key = vault.unwrap(subject, CONTENT, WrappedKey(epoch, wrapped))
    place = UUID(int=1)
    await gateway.pool.execute(
        "insert into part (exchange, member, subject, gate, box) values ($1, 0, $2, 0, $3)",
        place,
        subject,
        key.seal(seeded.value.encode(), bound_to(place.bytes, 0), bytes(12)),
    )
    found = await attic.scan([seeded])
    assert {one.place for one in found} == {"live: part"}
    await gateway.pool.execute("delete from part where exchange = $1", place)
    in_clear = Canary("seeded", "leeuwerik-in-het-wal")
    await gateway.pool.execute(
        "select pg_logical_emit_message(true, 'x', $1::text)", in_clear.value
    )
    log = gateway.home / "data" / "postgresql" / "pg_wal"
    assert {one.canary for one in attic.scan_files([in_clear], log)} == {"seeded"}
