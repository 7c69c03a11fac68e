"""`sluis log` as a partner and an auditor use it: over HTTP, and offline."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import asyncpg
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from gateway.api.logbook import log_routes
from gateway.api.problems import Problem, answer_problem
from gateway.audit.note import VerifierKey
from gateway.audit.signing import CheckpointSigner
from gateway.cli import main
from gateway.client import credentials as client_credentials
from gateway.identity.tokens import Caller
from gateway.store.groups import BESCHERMD, VERWERKINGEN
from gateway.store.ids import new_id
from gateway.store.lease import give_up_lease, take_lease
from tests.gateway.audit.leaves import append
from tests.gateway.audit.logs import KEY, ORIGIN, OTHER_KEY, listed
from tests.support.logbooks import YEAR, KnownKey

VKEY = VerifierKey.of(ORIGIN, KEY).encode()
PROTECTED_VKEY = KnownKey(KEY).vkey(BESCHERMD, YEAR)
OTHER_VKEY = VerifierKey.of(ORIGIN, OTHER_KEY).encode()


@dataclass(frozen=True, slots=True)
class World:
    """A gateway's log, reachable over HTTP, and a partner of it."""

    pool: asyncpg.Pool
    place: Path
    capsys: pytest.CaptureFixture[str]

    async def publish(self, count: int, key: Ed25519PrivateKey = KEY) -> list[bytes]:
        hashes = await append(self.pool, count)
        async with self.pool.acquire() as connection:
            lease = await take_lease(connection, "publisher/verwerkingen", new_id(), 60.0)
            assert lease is not None
            await CheckpointSigner(VERWERKINGEN, ORIGIN, key).extend(connection, lease)
            await give_up_lease(connection, lease)
        return hashes

    async def run(self, *words: str | Path) -> tuple[int, str, str]:
        """Exit status, stdout and stderr of `sluis log ...`."""
        status = await asyncio.to_thread(main, ["log", *(str(word) for word in words)])
        told = self.capsys.readouterr()
        return status, told.out, told.err

    async def answer(self, *words: str | Path) -> dict[str, object]:
        """What the command says with `--json`, with its exit status."""
        status, out, _ = await self.run(*words, "--json")
        told: dict[str, object] = json.loads(out)
        return told | {"status": status}


def application(pool: asyncpg.Pool) -> FastAPI:
    async def authenticate(request: HTTPConnection) -> Caller:
        if request.headers.get("Authorization") != "Bearer goed":
            raise Problem(HTTPStatus.UNAUTHORIZED, "Niet aangemeld", "Haal eerst een token.")
        return Caller("toezicht", "generic", "toezicht-beschermd")

    app = FastAPI()
    app.include_router(log_routes(pool, authenticate, KnownKey(KEY)), prefix="/v1")
    app.add_exception_handler(Problem, answer_problem)

    @app.post("/oauth/token")
    async def token() -> dict[str, object]:
        return {"access_token": "goed", "token_type": "Bearer", "expires_in": 600}

    return app


@pytest.fixture
async def world(
    pool: asyncpg.Pool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> AsyncIterator[World]:
    # On this test's own loop, as the pool is; the command runs in a thread beside it.
    config = uvicorn.Config(application(pool), "127.0.0.1", 0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    folder = tmp_path / "home" / "partners" / "toezicht"
    client_credentials.create(folder, partner="toezicht", base_url=f"http://127.0.0.1:{port}")
    monkeypatch.setenv("SLUIS_HOME", str(tmp_path / "home"))
    yield World(pool, tmp_path, capsys)
    server.should_exit = True
    await task


async def test_an_exported_log_verifies_offline(world: World) -> None:
    await world.publish(20)
    older = world.place / "older"
    older.write_text((await world.run("checkpoint", "--as", "toezicht"))[1])
    await world.publish(1300)
    folder = world.place / "log"

    status, out, err = await world.run("export", folder, "--as", "toezicht")
    assert (status, out) == (0, f"1,320 entries in {folder}\n")
    assert "sluis log verify" in err

    status, out, _ = await world.run("verify", folder, "--key", VKEY, "--older", older)
    assert status == 0
    assert out.startswith("verified: signature, tree, every entry, the older checkpoint\n")
    assert f"log      {ORIGIN}\nentries  1,320\n" in out
    assert "besluit    1,320" in out
    assert listed(world.place) == ["home", "log", "older"]


async def test_an_empty_log_can_be_exported_and_verified(world: World) -> None:
    await world.publish(0)
    assert (await world.answer("export", world.place / "log", "--as", "toezicht"))["size"] == 0
    told = await world.answer("verify", world.place / "log", "--key", VKEY)
    assert (told["status"], told["verified"], told["size"]) == (0, True, 0)


async def test_json_tells_the_same(world: World) -> None:
    await world.publish(300)
    keys = world.place / "keys"
    keys.write_text(f"{VKEY}\n")
    exported = await world.answer("export", world.place / "log", "--as", "toezicht")
    told = await world.answer("verify", world.place / "log", "--key-file", keys)
    assert told == {
        "status": 0,
        "verified": True,
        "origin": ORIGIN,
        "size": 300,
        "root": exported["root"],
        "events": {"besluit": 300},
        "extendsOlder": False,
        "remarks": [],
        "witnesses": [],
    }


async def test_a_flipped_byte_is_named_with_its_step(world: World) -> None:
    await world.publish(300)
    folder = world.place / "log"
    await world.run("export", folder, "--as", "toezicht")
    bundle = folder / "tile" / "entries" / "001.p" / "44"
    data = bytearray(bundle.read_bytes())
    data[-3] ^= 1
    bundle.write_bytes(data)

    status, out, err = await world.run("verify", folder, "--key", VKEY)
    assert (status, out) == (1, "")
    assert "NOT VERIFIED at step 2 (tree): tile/entries/001.p/44, entry 299" in err
    assert "remedy:" in err
    told = await world.answer("verify", folder, "--key", VKEY)
    assert told["status"] == told["exitStatus"] == 1
    assert told["verified"] is False
    assert (told["step"], told["stepName"], told["index"]) == (2, "tree", 299)


async def test_a_checkpoint_of_another_history_is_not_extended(world: World) -> None:
    await world.publish(3)
    folder, older = world.place / "log", world.place / "older"
    await world.run("export", folder, "--as", "toezicht")
    await world.publish(2)
    older.write_text((await world.run("checkpoint", "--as", "toezicht"))[1])
    told = await world.answer("verify", folder, "--key", VKEY, "--older", older)
    assert (told["status"], told["stepName"]) == (1, "older")


async def test_another_key_verifies_nothing(world: World) -> None:
    (leaf,) = await world.publish(1)
    await world.run("export", world.place / "log", "--as", "toezicht")
    told = await world.answer("verify", world.place / "log", "--key", OTHER_VKEY)
    assert (told["status"], told["stepName"]) == (1, "signature")
    for words in (("checkpoint",), ("prove", leaf.hex())):
        status, out, err = await world.run(*words, "--as", "toezicht", "--key", OTHER_VKEY)
        assert (status, out) == (1, "")
        assert "the gateway's evidence does not hold: no known key signed the note" in err


async def test_a_checkpoint_says_under_whose_key_it_was_checked(world: World) -> None:
    await world.publish(1)
    _, own, err = await world.run("checkpoint", "--as", "toezicht", "--key", VKEY)
    assert err == "entries: 1; signed under the key that you gave\n"
    _, theirs, err = await world.run("checkpoint", "--as", "toezicht")
    assert f"signed under the gateway's own word for its key, {VKEY}: compare it elsewhere" in err
    assert own == theirs
    assert own.startswith(f"{ORIGIN}\n1\n")


async def test_a_receipts_leaf_hash_is_proven_in_each_spelling(world: World) -> None:
    hashes = await world.publish(300)
    leaf = hashes[257]
    for spelling in (
        base64.b64encode(leaf).decode(),
        base64.urlsafe_b64encode(leaf).decode().rstrip("="),
        leaf.hex(),
    ):
        # `--` since base64url may begin with a hyphen.
        status, out, _ = await world.run("prove", "--as", "toezicht", "--key", VKEY, "--", spelling)
        assert (status, out) == (0, "proven: at index 257 in a log of 300 entries\n")
    told = await world.answer("prove", leaf.hex(), "--as", "toezicht")
    assert (told["index"], told["size"], told["keysAreOwn"]) == (257, 300, False)
    assert told["leafHash"] == base64.b64encode(leaf).decode()


async def test_what_is_not_in_the_log_is_not_proven(world: World) -> None:
    await world.publish(3)
    (late,) = await append(world.pool, 1)
    told = await world.answer("prove", late.hex(), "--as", "toezicht")
    assert (told["status"], told["error"]) == (3, "no checkpoint holds this entry")


async def test_what_is_asked_wrongly_is_told(world: World) -> None:
    await world.publish(1)
    folder = world.place / "log"
    await world.run("export", folder, "--as", "toezicht")
    for words, message in (
        (("export", folder, "--as", "toezicht"), "is there already"),
        (("verify", folder), "there is nothing to verify with"),
        (("verify", folder, "--key", "sluis"), "a verifier key will not do"),
        (("verify", world.place / "none", "--key", VKEY), "does not exist"),
        (("prove", "abc", "--as", "toezicht"), "that is no leaf hash"),
        (("prove", "g" * 64, "--as", "toezicht"), "that is no leaf hash"),
    ):
        status, out, err = await world.run(*words)
        assert (status, out) == (2, "")
        assert message in err


async def test_a_log_that_changed_under_the_export_leaves_no_folder(world: World) -> None:
    await world.publish(300)
    await world.pool.execute("update log_leaf set entry = '\\x7b7d' where index = 299")
    status, out, err = await world.run("export", world.place / "log", "--as", "toezicht")
    assert (status, out) == (1, "")
    assert "the entries do not lead to the checkpoint's root" in err
    assert listed(world.place) == ["home"]
