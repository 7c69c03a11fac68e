"""The whole log held against what the database says happened (invariant 5).

Run at the end of every test that goes from end to end: the log is exported over HTTP as the
supervisor would, verified offline under the gateway's key, and counted against the tables. It knows
nothing of how entries are made, only what each event must have left.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import asyncpg

from gateway.audit.folder import FolderReader
from gateway.audit.series import Logbooks
from gateway.audit.tiles import split_bundle
from gateway.audit.verify import verify_folder
from gateway.audit.walk import all_bundles
from gateway.cli.evidence import export_log
from gateway.cli.serving import key_provider
from gateway.client import AsyncSluis
from gateway.client.credentials import load
from gateway.settings import Settings
from gateway.store.groups import PURGED, VERWERKINGEN
from gateway.store.notices import NOTICE
from tests.support.running_gateway import RunningGateway, reachable_folder

Entry = dict[str, Any]

_SIGNED = "select max(size) from log_checkpoint where log = 1"
DECIDED = ("besluit", "weigering-onleesbaar")


async def verified_entries(pool: asyncpg.Pool, home: Path) -> list[bytes]:
    """Every entry of the exported log, once a checkpoint covers all and it verified offline."""
    size = await pool.fetchval("select size from log_head where log = 1")
    async with asyncio.timeout(15):
        while size and size != await pool.fetchval(_SIGNED):  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.05)
    if not size:
        return []
    # The key is brought along, never taken from whom is checked: here from the keys' folder.
    settings = Settings(home=home)
    name = await pool.fetchval("select name from log_head where log = 1")
    vkey = Logbooks(settings.oin, key_provider(settings)).vkey(VERWERKINGEN, name)
    with reachable_folder() as place:
        async with AsyncSluis(load(home / "partners" / "toezicht")) as supervisor:
            await export_log(supervisor, place / "log")
        return await asyncio.to_thread(_read, place / "log", vkey)


def _read(folder: Path, vkey: str) -> list[bytes]:
    verified = verify_folder(folder, [vkey])
    reader = FolderReader(folder)
    return [
        raw
        for bundle in all_bundles(verified.size)
        for raw in split_bundle(reader.read(bundle), bundle)
    ]


async def assert_log_tells_all(gateway: RunningGateway) -> list[Entry]:
    """Each event has exactly one entry, and no entry is without its event; gives the entries."""
    return await assert_log_of(gateway.pool, gateway.home)


async def assert_log_of(pool: asyncpg.Pool, home: Path) -> list[Entry]:
    """The same of any gateway that serves from `home` on the pool's database."""
    stored = await verified_entries(pool, home)
    entries: list[Entry] = [json.loads(raw) for raw in stored]
    by_id = {entry["id"]: raw for entry, raw in zip(entries, stored, strict=True)}
    await _assert_decisions(pool, entries)
    await _assert_promises(pool, by_id)
    await _assert_hand_overs(pool, entries)
    await _assert_subjects(pool, entries)
    return entries


async def _assert_decisions(pool: asyncpg.Pool, entries: list[Entry]) -> None:
    decided: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry["event"] in DECIDED:
            decided.setdefault(entry["exchange"], []).append(entry)
    everything = await pool.fetch(
        "select id, entry, sender, kind from exchange where not is_protected"
    )
    # What the gateway itself says was decided on by nobody: it has an entry of its own kind.
    rows = [row for row in everything if row["kind"] != NOTICE]
    told = {e["exchange"]: e["id"] for e in entries if e["event"] == "kennisgeving"}
    assert told == {str(r["id"]): str(r["entry"]) for r in everything if r["kind"] == NOTICE}
    assert {str(row["id"]) for row in rows} == set(decided)
    for row in rows:
        first, *later = decided[str(row["id"])]
        assert first["id"] == str(row["entry"])
        assert first["sender"] == row["sender"]
        assert (first["event"] == "weigering-onleesbaar") == (row["kind"] == 3)
        # Only what was held can be decided on again, when it is set free.
        assert len(later) <= (first["decision"] == "aangehouden")
        assert all(entry["decision"] == "toegelaten" for entry in later)


async def _assert_promises(pool: asyncpg.Pool, by_id: dict[str, bytes]) -> None:
    """What each sender was promised is what stands in the log (RFC 6962, 2.1)."""
    rows = await pool.fetch(
        """select e.entry, e.group_index, g.leaf_hashes
             from exchange e join commit_group g on g.id = e.commit_group
            where not e.is_protected"""
    )
    for row in rows:
        promised = row["leaf_hashes"][32 * row["group_index"] :][:32]
        assert hashlib.sha256(b"\x00" + by_id[str(row["entry"])]).digest() == promised


async def _assert_hand_overs(pool: asyncpg.Pool, entries: list[Entry]) -> None:
    events = Counter(entry["event"] for entry in entries)
    released = await pool.fetchval(
        """select coalesce(sum(releases), 0) from mailbox m join exchange e on e.id = m.exchange
            where not e.is_protected"""
    )
    # What was taken back before it was sent was not handed over after all.
    assert events["verstrekking"] - events["teruggenomen"] == released
    # What a withdrawal took back after it was pulled is not among what was received.
    received = await pool.fetchval(
        """select count(*) from mailbox m join exchange e on e.id = m.exchange
            where m.acknowledged_at is not null and e.state <> $1 and not e.is_protected""",
        PURGED,
    )
    assert events["ontvangst"] == received
    per_exchange = Counter(e["exchange"] for e in entries if e["event"] == "ontvangst")
    assert set(per_exchange.values()) <= {1}


async def _assert_subjects(pool: asyncpg.Pool, entries: list[Entry]) -> None:
    """A commitment of its own for each person in each entry: none recurs, none is missing."""
    rows = await pool.fetch("select subjects from log_leaf where log = 1 order by index")
    for row, entry in zip(rows, entries, strict=True):
        assert len(entry["subjects"]) == len(row["subjects"]), entry["event"]
        for commitment in entry["subjects"]:
            assert len(base64.urlsafe_b64decode(commitment + "=")) == 32
    every = [commitment for entry in entries for commitment in entry["subjects"]]
    assert len(set(every)) == len(every)
