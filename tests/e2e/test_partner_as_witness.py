"""A partner that does nothing but exchange keeps what it needs to catch a rewritten log."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from gateway.api.messages import EXAMPLE_REFERRAL
from gateway.audit.checkpoint import read_unverified
from gateway.client import AsyncSluis, Contradicted, Credentials, Declined, credentials
from gateway.client.proving import Standing, prove
from gateway.client.receipts import open_promises, read_kept
from gateway.store.groups import VERWERKINGEN
from gateway.store.log import next_volume
from schemas.referral import Referral
from tests.support.database import TestServer
from tests.support.running_gateway import RunningGateway, another_like, running_gateway

HEADER = "Sluis-Checkpoint"


@pytest.fixture
async def gateway(
    postgres: TestServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RunningGateway]:
    # Before it runs: a volume that the test closes is seen at once, and not within a minute.
    monkeypatch.setattr("gateway.audit.publisher.LOOK_AT_YEAR_SECONDS", 0.05)
    async with running_gateway(postgres, checkpoint_every=0.05) as running:
        yield running


def partner(gateway: RunningGateway, name: str = "dwi") -> Credentials:
    return credentials.load(gateway.home / "partners" / name)


async def refer(client: AsyncSluis, number: int) -> None:
    message = {**EXAMPLE_REFERRAL, "kenmerk": f"DWI-{number}"}
    await client.refer(Referral.model_validate(message))


async def settled(client: AsyncSluis, size: int) -> None:
    """Call until the client has seen a log of this size."""
    keeping = client.keeping
    assert keeping is not None
    deadline = time.monotonic() + 20
    while keeping.watch.kept is None or keeping.watch.kept.size < size:
        assert time.monotonic() < deadline
        await client.protocol()
        await keeping.watch.at_end()
        await asyncio.sleep(0.1)


async def test_known_callers_alone_are_told_how_far_the_log_is(gateway: RunningGateway) -> None:
    async with gateway.partner("dwi") as known, gateway.stranger() as stranger:
        deadline = time.monotonic() + 20
        while HEADER not in (answer := await known.get("/v1/protocol")).headers:
            assert time.monotonic() < deadline
        stated = read_unverified(base64.b64decode(answer.headers[HEADER]))
        assert stated.origin.startswith("sluis/")

        for path in ("/v1/postvak", "/v1/nergens", "/v1/openapi.json"):
            assert HEADER in (await known.get(path)).headers, path
            assert HEADER not in (await stranger.get(path)).headers, path
        for path in ("/v1/aanmeldingen", "/v1/statusberichten"):
            assert HEADER in (await known.post(path, content=b"{}")).headers, path
            assert HEADER not in (await stranger.post(path, content=b"{}")).headers, path
        forged = {"Authorization": "Bearer nee"}
        for answer in (
            await stranger.get("/v1/openapi.json", headers=forged),
            await stranger.post("/v1/aanmeldingen", headers=forged, content=b"{}"),
            await stranger.get("/health/ready"),
        ):
            assert HEADER not in answer.headers


async def test_receipts_are_kept_and_proven_and_the_log_is_followed(
    gateway: RunningGateway,
) -> None:
    mine = partner(gateway)
    assert mine.folder is not None
    async with AsyncSluis(mine) as client:
        for number in range(8):
            await refer(client, number)
        assert len(list(read_kept(mine.folder))) == 8
        await settled(client, 8)
        assert client.keeping is not None
        waiting = open_promises(mine.folder)
        checked = await prove(waiting, client.look, client.keeping.watch, client.keeping.book)
        assert {one.standing for one in checked} <= {Standing.PROVEN}
    assert open_promises(mine.folder) == []


async def test_a_new_volume_is_followed(gateway: RunningGateway) -> None:
    mine = partner(gateway)
    async with AsyncSluis(mine) as client:
        await refer(client, 1)
        await settled(client, 1)
        async with gateway.pool.acquire() as connection, connection.transaction():
            await next_volume(connection, VERWERKINGEN, "2199")
        for number in range(2, 5):
            await refer(client, number)
        assert client.keeping is not None
        deadline = time.monotonic() + 20
        while True:
            await client.protocol()
            await client.keeping.watch.at_end()
            kept = client.keeping.watch.kept
            assert kept is not None
            if kept.origin.endswith("/2199"):
                break
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)


async def test_a_log_that_is_rewritten_behind_its_partners_is_caught(
    gateway: RunningGateway, postgres: TestServer, tmp_path: Path
) -> None:
    """The operator's own key signs another history: the partner that was there before notices."""
    mine = partner(gateway)
    assert mine.folder is not None
    async with AsyncSluis(mine) as client:
        for number in range(5):
            await refer(client, number)
        await settled(client, 5)
        assert client.keeping is not None
        remembered = client.keeping.watch.kept
    assert remembered is not None

    url = postgres.url(await postgres.fresh())
    own = {"database_url": url, "public_url": None, "journal": tmp_path / "ander"}
    async with another_like(gateway, **own) as rewritten:
        async with AsyncSluis(partner(rewritten), keeps=False) as accomplice:
            for number in range(remembered.size + 3):
                await refer(accomplice, number)
        with pytest.raises(Contradicted):
            async with AsyncSluis(partner(rewritten)) as client:
                await settled(client, remembered.size + 3)

        (evidence,) = (mine.folder / "controlepunten").glob("tegenspraak-*")
        assert (evidence / "bewaard").read_bytes() == remembered.note
        # A later session sends nothing either, but for what narrows; reading at least says why.
        later = AsyncSluis(partner(rewritten))
        with pytest.raises(Contradicted):
            await refer(later, 1000)
        assert await gateway.count("exchange") == 5
        with pytest.raises(Declined, match="404"):
            await later.correction(uuid4())
        with pytest.raises(Contradicted):
            await later.close()
