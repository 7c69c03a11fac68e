"""How the log stands to what it was, over HTTP: proofs of growth, openings, and witnessed notes."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from io import StringIO

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.continuity import continuity_routes
from gateway.api.logbook import UNNAMED
from gateway.api.problems import Problem, answer_problem, invalid_parameters
from gateway.audit import merkle
from gateway.audit.board import HEADER, CheckpointBoard
from gateway.audit.checkpoint import open_checkpoint, read_unverified
from gateway.audit.note import cosign_text, parse_note
from gateway.audit.publisher import LogPublisher
from gateway.audit.series import NAMES
from gateway.audit.witness import told_cosignatures
from gateway.client.checkpoints import (
    from_base64,
    leaf_hash_of,
    read_checkpoint,
    verify_consistency,
    verify_inclusion,
)
from gateway.store.groups import VERWERKINGEN
from gateway.store.log import newest_checkpoint, next_volume
from gateway.store.witnesses import Witness, add_witness, keep_cosignature, offer
from gateway.telemetry import Telemetry
from tests.gateway.api.test_logbook import authenticate, publish
from tests.gateway.audit.leaves import all_hashes, append
from tests.gateway.audit.logs import KEY, ORIGIN
from tests.gateway.audit.witnessed import LOG_KEY, WITNESS, WITNESS_KEY
from tests.support.logbooks import YEAR, KnownKey

LOG = "/logboek/verwerkingen"
_ANY = datetime.now(UTC)
SERIES = tuple(NAMES.values())


@pytest.fixture
async def http(pool: asyncpg.Pool) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(continuity_routes(pool, authenticate))
    app.add_exception_handler(Problem, answer_problem)

    async def wrong(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return invalid_parameters(error.errors()).response()

    app.add_exception_handler(RequestValidationError, wrong)
    headers = {"Authorization": "Bearer goed/keten"}
    road = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=road, base_url="http://x", headers=headers) as http:
        yield http


async def test_growth_is_proven_from_every_size(
    http: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    await publish(pool, 300)
    await publish(pool, 23)
    hashes = await all_hashes(pool)
    for old, new in ((1, 323), (256, 257), (255, 300), (300, 323), (323, 323), (7, 8)):
        answer = await http.get(f"{LOG}/samenhang", params={"van": old, "tot": new})
        told = answer.json()
        proof = [base64.b64decode(step) for step in told["pad"]]

        assert proof == merkle.consistency_proof(hashes[:new], old)
        assert (told["van"], told["tot"]) == (old, new)
        assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("query", "status", "title"),
    [
        ({"van": 5, "tot": 4}, 400, "Omvang ongeldig"),
        ({"van": 0, "tot": 4}, 400, "Verzoek ongeldig"),
        ({"van": -1, "tot": 4}, 400, "Verzoek ongeldig"),
        ({"van": "x", "tot": 4}, 400, "Verzoek ongeldig"),
        ({"tot": 4}, 400, "Verzoek ongeldig"),
        ({"van": 1, "tot": 2**63}, 400, "Verzoek ongeldig"),
        ({"van": 1, "tot": 11}, 404, "Omvang nog niet ondertekend"),
        ({"van": 1, "tot": 4, "deel": "1999"}, 404, "Deel onbekend"),
    ],
)
async def test_what_was_never_stated_is_not_proven(
    http: httpx.AsyncClient,
    pool: asyncpg.Pool,
    query: dict[str, str | int],
    status: int,
    title: str,
) -> None:
    await publish(pool, 10)
    answer = await http.get(f"{LOG}/samenhang", params=query)

    assert (answer.status_code, answer.json()["title"]) == (status, title)


async def test_a_volume_without_a_name_is_found_as_the_list_calls_it(
    http: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    """It was begun before volumes had names; our own client leaves the name empty."""
    await publish(pool, 10)
    await pool.execute("update log_head set name = '' where log = $1", VERWERKINGEN)
    for name in (UNNAMED, ""):
        answer = await http.get(f"{LOG}/samenhang", params={"van": 1, "tot": 10, "deel": name})
        assert answer.status_code == 200, (name, answer.text)


async def test_what_is_not_in_a_checkpoint_yet_is_not_proven(
    http: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    await publish(pool, 10)
    await append(pool, 5)
    answer = await http.get(f"{LOG}/samenhang", params={"van": 3, "tot": 12})
    assert answer.status_code == 404


@pytest.mark.parametrize("what", ["samenhang?van=1&tot=1", "voorganger", "getuigd-controlepunt"])
@pytest.mark.parametrize("series", SERIES)
async def test_protected_logs_are_for_their_supervisor_alone(
    http: httpx.AsyncClient, series: str, what: str
) -> None:
    is_open = series in ("verwerkingen", "toegang")
    for kind in ("keten", "toezicht", "toezicht-beschermd"):
        token = {"Authorization": f"Bearer goed/{kind}"}
        answer = await http.get(f"/logboek/{series}/{what}", headers=token)
        is_admitted = is_open or kind == "toezicht-beschermd"
        assert (answer.status_code != 403) is is_admitted, kind
    stranger = await http.get(f"/logboek/{series}/{what}", headers={"Authorization": "Bearer nee"})
    assert stranger.status_code == 401


async def test_a_volume_names_the_one_before_with_a_proof(
    http: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    await publish(pool, 10)
    assert (await http.get(f"{LOG}/voorganger")).json()["title"] == "Geen voorganger genoemd"
    async with pool.acquire() as connection, connection.transaction():
        await next_volume(connection, VERWERKINGEN, "later")
    await append(pool, 3)
    publisher = LogPublisher(
        pool, KnownKey(KEY), VERWERKINGEN, Telemetry(StringIO()), every=0.01, lease_seconds=5
    )
    publisher.start()
    for _ in range(200):
        answer = await http.get(f"{LOG}/voorganger", params={"deel": "later"})
        if answer.status_code == 200:
            break
    await publisher.stop()

    told = answer.json()
    entry = from_base64(told["regel"])
    stated = read_checkpoint(told["controlepunt"].encode())
    path = [from_base64(step) for step in told["pad"]]
    verify_inclusion(leaf_hash_of(entry), told["index"], told["omvang"], path, stated.root)
    assert stated.origin.endswith("/later")
    assert json.loads(entry)["predecessor"]["origin"] == ORIGIN
    first = await http.get(f"{LOG}/voorganger", params={"deel": YEAR})
    assert first.status_code == 404


async def test_a_witnessed_checkpoint_bears_enough_cosignatures(
    http: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    await publish(pool, 10)
    assert (await http.get(f"{LOG}/getuigd-controlepunt")).status_code == 404
    async with pool.acquire() as connection:
        newest = await newest_checkpoint(connection, VERWERKINGEN)
        assert newest is not None
        added = Witness(WITNESS.encode(), WITNESS.name, "https://g.test", False, False, _ANY)
        await add_witness(connection, added)
        await offer(connection, VERWERKINGEN, newest)
        text = parse_note(newest.note.encode()).text
        line = cosign_text(text, WITNESS.name, WITNESS_KEY, 1_700_000_000).line()
        told_cosignatures(newest.note.encode(), line.encode(), WITNESS)
        await keep_cosignature(connection, VERWERKINGEN, 10, WITNESS.encode(), line, 1_700_000_000)
    await publish(pool, 5)

    answer = await http.get(f"{LOG}/getuigd-controlepunt")
    opened = open_checkpoint(answer.content, [LOG_KEY, WITNESS])
    assert (opened.checkpoint.size, opened.cosignatures[0].timestamp) == (10, 1_700_000_000)


async def test_the_board_shows_the_newest_checkpoint(pool: asyncpg.Pool) -> None:
    board = CheckpointBoard(pool, Telemetry(StringIO()))
    await board.look()
    assert board.shown() == ()
    for count in (10, 5):
        await publish(pool, count)
        await board.look()
        ((name, value),) = board.shown()
        async with pool.acquire() as connection:
            newest = await newest_checkpoint(connection, VERWERKINGEN)
        assert newest is not None
        assert (name, base64.b64decode(value)) == (HEADER, newest.note.encode())


async def test_growth_verifies_for_a_partner_as_it_is_told(
    http: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    notes = []
    for count in (7, 300, 1):
        await publish(pool, count)
        async with pool.acquire() as connection:
            newest = await newest_checkpoint(connection, VERWERKINGEN)
        assert newest is not None
        notes.append(newest.note.encode())
    old, new = read_checkpoint(notes[0]), read_unverified(notes[-1])
    answer = await http.get(f"{LOG}/samenhang", params={"van": old.size, "tot": new.size})
    proof = [from_base64(step) for step in answer.json()["pad"]]
    verify_consistency(old, new.size, new.root, proof)
