"""Asking witnesses, on a real database and over real sockets: none of them slows another."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from io import StringIO
from pathlib import Path

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.types import Receive, Scope, Send

from gateway.audit.checkpoint import open_checkpoint, read_unverified
from gateway.audit.note import KeyKind, VerifierKey
from gateway.audit.publisher import LogPublisher
from gateway.audit.series import NAMES
from gateway.audit.witness_book import WitnessBook, open_book
from gateway.audit.witnessing import Witnessing
from gateway.cli.witness_server import Signer, WitnessServer, signer_in
from gateway.store.groups import BESCHERMD, TOEGANG, VERWERKINGEN, Leaf, append_leaves
from gateway.store.log import newest_checkpoint, open_volume
from gateway.store.witnesses import (
    Standing,
    Witness,
    WitnessKnownError,
    add_witness,
    cosignature_lines,
    keep_size,
    newest_witnessed,
    remove_witness,
    set_quorum,
    standing_of,
    witnesses,
)
from gateway.telemetry import Telemetry
from tests.gateway.audit.leaves import append, entry
from tests.gateway.audit.logs import KEY
from tests.support.faults import Application
from tests.support.logbooks import YEAR, KnownKey
from tests.support.serving import served

BOOKS = KnownKey(KEY)
LOG_KEY = BOOKS.verifier(VERWERKINGEN, YEAR)
TRUSTED = {BOOKS.origin(series, YEAR): [BOOKS.verifier(series, YEAR)] for series in NAMES}
SECONDS = 15.0


@dataclass
class Asking:
    """A database with its publishers, and the part that asks."""

    pool: asyncpg.Pool
    stream: StringIO = field(default_factory=StringIO)

    def __post_init__(self) -> None:
        self.telemetry = Telemetry(self.stream)

    def told(self, event: str) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]

    async def name(self, url: str, key: VerifierKey, *, sees_protected: bool = False) -> None:
        witness = Witness(key.encode(), key.name, url, True, sees_protected, datetime.now(UTC))
        async with self.pool.acquire() as connection:
            await add_witness(connection, witness)

    async def standing(self, key: VerifierKey, series: int = VERWERKINGEN) -> Standing:
        async with self.pool.acquire() as connection:
            log = (await open_volume(connection, series)).log
            return await standing_of(connection, key.encode(), log)

    async def witnessed(self, least: int = 1) -> str | None:
        async with self.pool.acquire() as connection:
            log = (await open_volume(connection, VERWERKINGEN)).log
            return await newest_witnessed(connection, log, least)

    async def size(self) -> int:
        async with self.pool.acquire() as connection:
            newest = await newest_checkpoint(connection, VERWERKINGEN)
        return 0 if newest is None else newest.size


@pytest.fixture
async def asking(pool: asyncpg.Pool) -> AsyncIterator[Asking]:
    made = Asking(pool)
    quiet = Telemetry(StringIO())
    publishers = [LogPublisher(pool, BOOKS, series, quiet, every=0.02) for series in NAMES]
    for publisher in publishers:
        publisher.start()
    yield made
    for publisher in publishers:
        await publisher.stop()


@asynccontextmanager
async def running(asking: Asking, **settings: float) -> AsyncIterator[None]:
    part = Witnessing(
        asking.pool,
        asking.telemetry,
        every=0.05,
        answer_within=settings.get("answer_within", 0.5),
        patience=settings.get("patience", 0.3),
    )
    part.start()
    try:
        yield
    finally:
        await part.stop()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds; fail where it never does."""
    deadline = time.monotonic() + SECONDS
    while not await holds():
        assert time.monotonic() < deadline, "it never came to hold"
        await asyncio.sleep(0.03)


class Stage:
    """Witnesses on ports of their own: good ones, and such as fail in a way of their own."""

    def __init__(self, folder: Path, closing: ExitStack) -> None:
        self._folder = folder
        self._closing = closing
        self.asked: dict[str, int] = {}
        self.signers: dict[str, Signer] = {}

    def good(self, name: str) -> tuple[str, VerifierKey]:
        server = WitnessServer(*self.parts(name))
        return self.counted(name, server), self.signers[name].verifier

    def parts(self, name: str) -> tuple[Signer, dict[str, list[VerifierKey]], WitnessBook]:
        self.signers[name] = signer_in(self._folder / name, f"{name}.test/g")
        book = open_book(self._folder / name)
        self._closing.callback(book.close)
        return self.signers[name], TRUSTED, book

    def bad(self, name: str, app: Application) -> tuple[str, VerifierKey]:
        key = Ed25519PrivateKey.generate()
        return self.counted(name, app), VerifierKey.of(f"{name}.test/g", key, KeyKind.COSIGNATURE)

    def counted(self, name: str, app: Application) -> str:
        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            self.asked[name] = self.asked.get(name, 0) + 1
            await app(scope, receive, send)

        return self._closing.enter_context(served(counted))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as closing:
        yield Stage(tmp_path, closing)


def answering(status: int, body: bytes = b"", seconds: float = 0.0) -> Application:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(seconds)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


async def test_a_witness_follows_the_log(asking: Asking, stage: Stage) -> None:
    url, key = stage.good("een")
    await asking.name(url, key)
    async with running(asking):
        for count, size in ((3, 3), (1, 4), (300, 304)):
            await append(asking.pool, count)
            await follows(asking, key, size)

    note = await asking.witnessed()
    assert note is not None
    opened = open_checkpoint(note.encode(), [LOG_KEY, key])
    assert (opened.checkpoint.size, len(opened.cosignatures)) == (304, 1)
    assert asking.telemetry.gauges["witnesses"] == 1
    assert asking.told("witnessing-waits") == []


async def follows(asking: Asking, key: VerifierKey, size: int, series: int = VERWERKINGEN) -> None:
    """Wait until a witness has cosigned as much."""

    async def holds() -> bool:
        return (await asking.standing(key, series)).size >= size

    await until(holds)


async def test_a_quorum_is_met_at_one_checkpoint(asking: Asking, stage: Stage) -> None:
    named = [stage.good(name) for name in ("een", "twee", "drie")]
    for url, key in named:
        await asking.name(url, key)
    async with asking.pool.acquire() as connection:
        await set_quorum(connection, 3)

    async def grow() -> None:
        while True:
            await append(asking.pool, 2)
            await asyncio.sleep(0.02)

    growing = asyncio.create_task(grow())
    async with running(asking):
        await until(lambda: _is_witnessed(asking, 3, 20))
    growing.cancel()
    note = await asking.witnessed(3)
    assert note is not None
    opened = open_checkpoint(note.encode(), [LOG_KEY, *(key for _, key in named)])
    assert {each.key.name for each in opened.cosignatures} == {key.name for _, key in named}


async def _is_witnessed(asking: Asking, least: int, size: int) -> bool:
    note = await asking.witnessed(least)
    return note is not None and read_unverified(note.encode()).size >= size


async def test_slow_and_dead_witnesses_cost_the_others_nothing(
    asking: Asking, stage: Stage
) -> None:
    url, key = stage.good("goed")
    slow_url, slow = stage.bad("traag", answering(200, b"", seconds=3))
    mute_url, mute = stage.bad("stom", answering(503))
    dead = VerifierKey.of("dood.test/g", Ed25519PrivateKey.generate(), KeyKind.COSIGNATURE)
    for place, one in ((url, key), (slow_url, slow), (mute_url, mute)):
        await asking.name(place, one)
    await asking.name("http://127.0.0.1:9", dead)

    async with running(asking):
        begun = time.monotonic()
        for turn in range(1, 6):
            await append(asking.pool, 4)
            await follows(asking, key, 4 * turn)
        assert time.monotonic() - begun < 5
        await until(lambda: _has_failed(asking, slow, "niet-bereikbaar"))
        await until(lambda: _has_failed(asking, mute, "antwoord-503"))
        await until(lambda: _has_failed(asking, dead, "niet-bereikbaar"))
    # Pauses grow: who does not answer is not hammered.
    assert stage.asked["stom"] < 30


async def _has_failed(asking: Asking, key: VerifierKey, reason: str) -> bool:
    standing = await asking.standing(key)
    return standing.reason == reason and standing.failures > 0


async def test_a_witness_that_knows_more_than_we_remember_is_caught_up_with(
    asking: Asking, stage: Stage
) -> None:
    url, key = stage.good("een")
    await asking.name(url, key)
    await append(asking.pool, 5)
    async with running(asking):
        await follows(asking, key, 5)
    # We forget where it stood; it answers 409 with its size.
    async with asking.pool.acquire() as connection:
        await keep_size(connection, key.encode(), VERWERKINGEN, 0)
    await append(asking.pool, 5)
    async with running(asking):
        await follows(asking, key, 10)


async def test_a_database_that_was_put_back_is_an_alarm(asking: Asking, stage: Stage) -> None:
    url, key = stage.bad("verder", answering(409, b"99999\n"))
    await asking.name(url, key)
    await append(asking.pool, 5)
    async with running(asking):
        await until(lambda: _has_failed(asking, key, "getuige-verder-dan-wij"))
    assert asking.told("witness-contradicts")[0]["reason"] == "getuige-verder-dan-wij"


async def test_a_witness_that_finds_a_fork_is_an_alarm(asking: Asking, stage: Stage) -> None:
    url, key = stage.bad("vindt", answering(422))
    await asking.name(url, key)
    await append(asking.pool, 5)
    async with running(asking):
        await until(lambda: _has_failed(asking, key, "niet-in-overeenstemming"))
    assert asking.told("witness-contradicts")


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, b"", "logboek-onbekend-bij-getuige"),
        (403, b"", "sleutel-onbekend-bij-getuige"),
        (200, b"", "medeondertekening-ongeldig"),
        (200, b"\xff" * 50, "medeondertekening-ongeldig"),
        (200, b"x" * 100_000, "antwoord-te-groot"),
        (409, b"nee\n", "antwoord-onbruikbaar"),
        (409, b"0\n", "antwoord-onbruikbaar"),
        (301, b"", "antwoord-301"),
    ],
)
async def test_what_is_no_cosignature_is_a_failure_with_its_reason(
    asking: Asking, stage: Stage, status: int, body: bytes, reason: str
) -> None:
    url, key = stage.bad("vreemd", answering(status, body))
    await asking.name(url, key)
    await append(asking.pool, 5)
    async with running(asking):
        await until(lambda: _has_failed(asking, key, reason))
    assert await asking.witnessed() is None


async def test_protected_logs_go_to_those_who_may_see_them(asking: Asking, stage: Stage) -> None:
    partner_url, partner = stage.good("partner")
    auditor_url, auditor = stage.good("auditor")
    await asking.name(partner_url, partner)
    await asking.name(auditor_url, auditor, sees_protected=True)
    written = entry()
    for series in (VERWERKINGEN, BESCHERMD, TOEGANG):
        async with asking.pool.acquire() as connection, connection.transaction():
            await append_leaves(connection, series, [_leaf(written, series)])
    async with running(asking):
        for series in (VERWERKINGEN, BESCHERMD, TOEGANG):
            await follows(asking, auditor, 1, series)
        await follows(asking, partner, 1, TOEGANG)
    assert (await asking.standing(partner, BESCHERMD)).size == 0
    counted = {labels for (name, labels) in asking.telemetry.counts if name == "cosignatures"}
    assert counted == {(("witness", key.name),) for key in (partner, auditor)}


def _leaf(written: bytes, series: int) -> Leaf:
    return Leaf(sha256(b"\x00" + written).digest(), written, [], series)


async def test_a_witness_that_was_removed_is_asked_no_more_and_may_return(
    asking: Asking, stage: Stage
) -> None:
    url, key = stage.good("een")
    await asking.name(url, key)
    with pytest.raises(WitnessKnownError):
        await asking.name(url, key)
    await append(asking.pool, 5)
    async with running(asking):
        await follows(asking, key, 5)
        async with asking.pool.acquire() as connection:
            await remove_witness(connection, key.name)
        await asyncio.sleep(0.3)
        asked = stage.asked["een"]
        await append(asking.pool, 5)
        await asyncio.sleep(0.4)
        assert stage.asked["een"] == asked
        assert await asking.witnessed() is None  # those who are not asked count no more

        await asking.name(url, key)
        await follows(asking, key, 10)
    async with asking.pool.acquire() as connection:
        assert len(await witnesses(connection)) == 1
        assert await cosignature_lines(connection, VERWERKINGEN, await asking.size())


async def test_a_witness_that_falls_behind_is_told_and_so_is_its_return(
    asking: Asking, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.audit.witnessing.BEHIND_SECONDS", 0.2)
    good, is_away = WitnessServer(*stage.parts("een"), told=lambda _: None), True

    async def now_and_then(scope: Scope, receive: Receive, send: Send) -> None:
        await (answering(503) if is_away else good)(scope, receive, send)

    url, key = stage.counted("een", now_and_then), stage.signers["een"].verifier
    await asking.name(url, key)
    await append(asking.pool, 5)

    async def told() -> bool:
        return bool(asking.told("witness-behind"))

    async with running(asking):
        await until(told)
        assert asking.telemetry.gauges["witnesses_behind"] == 1
        is_away = False
        await follows(asking, key, 5)

        async def caught_up() -> bool:
            return bool(asking.told("witness-caught-up"))

        await until(caught_up)
    assert asking.telemetry.gauges["witnesses_behind"] == 0
    assert asking.told("witness-behind") == [
        {**asking.told("witness-behind")[0], "witness": key.name}
    ]


async def test_one_replica_asks_at_a_time(asking: Asking, stage: Stage) -> None:
    url, key = stage.good("een")
    await asking.name(url, key)
    await append(asking.pool, 5)
    other = Asking(asking.pool)
    async with running(asking):
        await follows(asking, key, 5)
        async with running(other):
            await asyncio.sleep(0.3)
            assert other.telemetry.gauges == {}
    async with running(other):
        await append(asking.pool, 5)
        await follows(other, key, 10)


async def test_without_witnesses_it_is_told_once(asking: Asking) -> None:
    async with running(asking):
        await asyncio.sleep(0.3)
    assert len(asking.told("log-unwitnessed")) == 1
    assert asking.telemetry.gauges["witnesses"] == 0
