"""The log's routes, over a real database, as a caller sees them."""

import base64
from collections.abc import AsyncIterator
from http import HTTPStatus

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from gateway.api.logbook import log_routes
from gateway.api.problems import Problem, answer_problem
from gateway.audit import merkle
from gateway.audit.checkpoint import open_checkpoint
from gateway.audit.note import VerifierKey, parse_vkey
from gateway.audit.signing import CheckpointSigner
from gateway.audit.tiles import Bundle, split_bundle
from gateway.identity.tokens import Caller
from gateway.store.groups import (
    BESCHERMD,
    TOEGANG,
    TOEGANG_BESCHERMD,
    VERWERKINGEN,
    Leaf,
    append_leaves,
)
from gateway.store.ids import new_id
from gateway.store.lease import give_up_lease, take_lease
from tests.gateway.audit.leaves import append
from tests.gateway.audit.logs import KEY, ORIGIN
from tests.support.logbooks import YEAR, KnownKey

LOG = "/logboek/verwerkingen"
VKEY = VerifierKey.of(ORIGIN, KEY).encode()
PROTECTED_VKEY = KnownKey(KEY).vkey(BESCHERMD, YEAR)


async def authenticate(request: HTTPConnection) -> Caller:
    """Whoever the token says, as a partner of the kind that follows it."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not token.startswith("goed"):
        raise Problem(HTTPStatus.UNAUTHORIZED, "Niet aangemeld", "Haal eerst een token.")
    return Caller("partij", "generic", token.removeprefix("goed/"))


def application(pool: asyncpg.Pool) -> FastAPI:
    app = FastAPI()
    app.include_router(log_routes(pool, authenticate, KnownKey(KEY)))
    app.add_exception_handler(Problem, answer_problem)
    return app


@pytest.fixture
async def http(pool: asyncpg.Pool) -> AsyncIterator[httpx.AsyncClient]:
    road = httpx.ASGITransport(app=application(pool))
    headers = {"Authorization": "Bearer goed/toezicht"}
    async with httpx.AsyncClient(transport=road, base_url="http://x", headers=headers) as http:
        yield http


async def publish(pool: asyncpg.Pool, count: int) -> list[bytes]:
    hashes = await append(pool, count)
    async with pool.acquire() as connection:
        lease = await take_lease(connection, "publisher/verwerkingen", new_id(), 60.0)
        assert lease is not None
        await CheckpointSigner(VERWERKINGEN, ORIGIN, KEY).extend(connection, lease)
        await give_up_lease(connection, lease)
    return hashes


def named(leaf_hash: bytes) -> str:
    return base64.urlsafe_b64encode(leaf_hash).decode().rstrip("=")


async def test_the_checkpoint_is_served_as_signed_and_never_kept(
    pool: asyncpg.Pool, http: httpx.AsyncClient
) -> None:
    hashes = await publish(pool, 3)
    answer = await http.get(f"{LOG}/checkpoint")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    opened = open_checkpoint(answer.content, [parse_vkey(VKEY)])
    assert opened.checkpoint.root == merkle.root(hashes)


async def test_tiles_are_served_whole_or_as_narrow_as_asked_and_may_be_kept(
    pool: asyncpg.Pool, http: httpx.AsyncClient
) -> None:
    hashes = await publish(pool, 300)
    for path, expected in (
        ("tile/0/000", b"".join(hashes[:256])),
        ("tile/0/000.p/7", b"".join(hashes[:7])),
        ("tile/0/001.p/44", b"".join(hashes[256:])),
        ("tile/1/000.p/1", merkle.root(hashes[:256])),
    ):
        answer = await http.get(f"{LOG}/{path}")
        assert answer.status_code == 200
        assert answer.content == expected
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"


async def test_bundles_hold_the_entries_of_the_checkpoint(
    pool: asyncpg.Pool, http: httpx.AsyncClient
) -> None:
    hashes = await publish(pool, 300)
    await append(pool, 1)
    for bundle, expected in ((Bundle(0), hashes[:256]), (Bundle(1, 44), hashes[256:])):
        answer = await http.get(f"{LOG}/{bundle.path}")
        assert answer.status_code == 200
        assert merkle.leaf_hashes(split_bundle(answer.content, bundle)) == expected
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert (await http.get(f"{LOG}/{Bundle(1, 45).path}")).status_code == 404


NOT_THERE = (
    "tile/0/001",
    "tile/0/000.p/4",
    "tile/1/000.p/1",
    "tile/entries/001",
    "tile/entries/000.p/4",
    "tile/0/000.p/0",
    "tile/0/000.p/256",
    "tile/0/0",
    "tile/00/000",
    "tile/64/000",
    "tile/0/x000/000",
    "tile/0/%2e%2e/%2e%2e/checkpoint",
    "tile/0/x009/x223/x372/x036/x854/x775/807",
    "tile/entries/x009/x223/x372/x036/x854/x775/807",
    "tile/63/x009/x223/x372/x036/x854/x775/807",
    "tile/0/" + "x999/" * 30 + "999",
    "tile/0/%00",
    "tile/0/000%0a",
    "tile/",
)


async def test_what_is_not_there_is_not_found(pool: asyncpg.Pool, http: httpx.AsyncClient) -> None:
    await publish(pool, 3)
    for path in NOT_THERE:
        answer = await http.get(f"{LOG}/{path}")
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"


async def test_a_proof_verifies_against_the_checkpoint_that_comes_with_it(
    pool: asyncpg.Pool, http: httpx.AsyncClient
) -> None:
    hashes = await publish(pool, 700)
    for index in (0, 256, 699):
        answer = await http.get(f"{LOG}/bewijs", params={"bladhash": named(hashes[index])})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        proof = answer.json()
        opened = open_checkpoint(proof["controlepunt"].encode(), [parse_vkey(VKEY)]).checkpoint
        assert set(proof) == {"index", "omvang", "pad", "controlepunt"}
        assert (proof["index"], proof["omvang"]) == (index, opened.size)
        merkle.verify_inclusion(
            index=proof["index"],
            size=proof["omvang"],
            leaf=hashes[index],
            proof=[base64.b64decode(step) for step in proof["pad"]],
            root=opened.root,
        )


async def test_an_entry_has_no_proof_until_a_checkpoint_states_it(
    pool: asyncpg.Pool, http: httpx.AsyncClient
) -> None:
    assert (await http.get(f"{LOG}/checkpoint")).status_code == 404
    (early,) = await publish(pool, 1)
    (late,) = await append(pool, 1)
    assert (await http.get(f"{LOG}/bewijs", params={"bladhash": named(early)})).status_code == 200
    for unknown in (late, bytes(32)):
        answer = await http.get(f"{LOG}/bewijs", params={"bladhash": named(unknown)})
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


NO_HASH = ("", "A", "A" * 42, "A" * 42 + "B", "A" * 43 + "=", "A" * 44, "+" * 43, "é" * 43)


async def test_a_hash_has_one_spelling_and_is_never_repeated(http: httpx.AsyncClient) -> None:
    for text in (*NO_HASH, "A" * 42 + "\n"):
        answer = await http.get(f"{LOG}/bewijs", params={"bladhash": text})
        assert answer.status_code == 400
        assert answer.json()["fouten"] == [{"veld": "bladhash", "regel": "base64url-sha256"}]
        assert len(text) < 40 or text not in answer.text


async def test_a_proof_from_damaged_tiles_is_not_handed_out(
    pool: asyncpg.Pool, http: httpx.AsyncClient
) -> None:
    hashes = await publish(pool, 5)
    await pool.execute(
        "update log_tile set hashes = set_byte(hashes, 100, 255 - get_byte(hashes, 100))"
    )
    with pytest.raises(merkle.ProofError):  # the application answers 500, and logs the fault
        await http.get(f"{LOG}/bewijs", params={"bladhash": named(hashes[0])})


async def test_only_the_key_is_told_to_strangers(
    pool: asyncpg.Pool, http: httpx.AsyncClient
) -> None:
    await publish(pool, 3)
    del http.headers["Authorization"]
    for path in ("checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3", "bewijs?bladhash=A"):
        assert (await http.get(f"{LOG}/{path}")).status_code == 401
    answer = await http.get("/logboek/sleutels")
    books = KnownKey(KEY)
    assert answer.json() == {
        "verwerkingen": VKEY,
        "beschermd": PROTECTED_VKEY,
        "toegang": books.vkey(TOEGANG, YEAR),
        "toegangBeschermd": books.vkey(TOEGANG_BESCHERMD, YEAR),
    }


async def test_entries_are_for_supervisors_and_hashes_for_every_partner(pool: asyncpg.Pool) -> None:
    hashes = await publish(pool, 3)
    road = httpx.ASGITransport(app=application(pool))
    async with httpx.AsyncClient(transport=road, base_url="http://x") as http:
        for kind, status in (("keten", 403), ("toezicht", 200), ("toezicht-beschermd", 200)):
            http.headers["Authorization"] = f"Bearer goed/{kind}"
            for place in (f"{LOG}/tile/entries/000.p/3", f"{LOG}/tile/entries/017"):
                answer = await http.get(place)
                assert answer.status_code in {status, 404 if status == 200 else status}
            assert (await http.get(f"{LOG}/tile/0/000.p/3")).content == b"".join(hashes)
            assert (await http.get(f"{LOG}/checkpoint")).status_code == 200
            proof = await http.get(f"{LOG}/bewijs", params={"bladhash": named(hashes[1])})
            assert proof.status_code == 200


async def test_invariant_14_the_log_of_protected_exchanges_answers_outsiders_the_same_always(
    pool: asyncpg.Pool,
) -> None:
    """Whether it holds anything, and whether what is asked for is in it, makes no difference."""
    road = httpx.ASGITransport(app=application(pool))
    protected = "/logboek/beschermd"

    async def answers(http: httpx.AsyncClient, leaf: bytes) -> list[tuple[int, bytes]]:
        asked = (
            f"{protected}/checkpoint",
            f"{protected}/tile/0/000.p/1",
            f"{protected}/tile/entries/000.p/1",
            f"{protected}/bewijs?bladhash={named(leaf)}",
        )
        return [(one.status_code, one.content) for one in [await http.get(p) for p in asked]]

    async with httpx.AsyncClient(transport=road, base_url="http://x") as http:
        before: dict[str, list[tuple[int, bytes]]] = {}
        for kind in ("keten", "toezicht"):
            http.headers["Authorization"] = f"Bearer goed/{kind}"
            before[kind] = await answers(http, bytes(32))
            assert {status for status, _ in before[kind]} == {403}
        entry = b'{"event":"besluit"}'
        leaf = Leaf(merkle.leaf_hash(entry), entry, [], BESCHERMD)
        async with pool.acquire() as connection, connection.transaction():
            await append_leaves(connection, VERWERKINGEN, [leaf])
        async with pool.acquire() as connection:
            lease = await take_lease(connection, "publisher/beschermd", new_id(), 60.0)
            assert lease is not None
            origin = KnownKey(KEY).origin(BESCHERMD, YEAR)
            await CheckpointSigner(BESCHERMD, origin, KEY).extend(connection, lease)
            assert await CheckpointSigner(VERWERKINGEN, ORIGIN, KEY).extend(connection, lease) == 0
        for kind, told in before.items():
            http.headers["Authorization"] = f"Bearer goed/{kind}"
            assert await answers(http, leaf.hash) == told
        http.headers["Authorization"] = "Bearer goed/toezicht-beschermd"
        checkpoint, tile, bundle, proof = await answers(http, leaf.hash)
        opened = open_checkpoint(checkpoint[1], [parse_vkey(PROTECTED_VKEY)])
        assert opened.checkpoint.size == 1
        assert tile[1] == leaf.hash
        assert split_bundle(bundle[1], Bundle(0, 1)) == [entry]
        assert proof[0] == 200
