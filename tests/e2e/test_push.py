"""Mail that is brought, by the gateway as it runs: kill -9, two processes, sealed, and no trace.

Everything an operator does here is done by the command line, and everything a partner does by the
client that partners get.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from gateway.cli import main
from gateway.client import AsyncSluis, Misconfigured, credentials
from gateway.client.sealed import ENCRYPTION_FILE
from gateway.client.webhooks import keys_of
from gateway.sandbox.receiver import Arrived, Mailroom, Receiver, Reply
from tests.support.canary import Canary, Net, files_under
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.log_oracle import assert_log_of
from tests.support.messages import bsn, member, referral
from tests.support.pulling import refer
from tests.support.running_gateway import reachable_folder

pytestmark = pytest.mark.e2e

PATIENCE = 60.0

CANARIES = (
    Canary("BSN", bsn(970_001)),
    Canary("surname", "Zilvermeeuw-Grutto"),
    Canary("street", "Kluutkolkkade"),
)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SLUIS_PUSH_PRIVATE", "true")
    with reachable_folder() as place:
        yield place


async def sluis(home: Path, *words: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """A command's `--json`, run as an operator does while the gateway serves."""
    capsys.readouterr()
    status = await asyncio.to_thread(main, [*words, "--home", str(home), "--json"])
    out, err = capsys.readouterr()
    assert status == 0, err
    told: dict[str, Any] = json.loads(out)
    return told


@asynccontextmanager
async def mailroom(gateway: GatewayProcess) -> AsyncIterator[tuple[Mailroom, Receiver]]:
    """A partner's endpoint that verifies by the keys that the gateway shows."""
    async with httpx.AsyncClient(base_url=gateway.base_url, trust_env=False) as http:
        room = Mailroom(keys_of((await http.get("/.well-known/jwks.json")).json()))
    async with Receiver(room.take) as receiver:
        room.url = receiver.url
        yield room, receiver


async def came(room: Mailroom, number: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(room.stored) < number:  # noqa: ASYNC110  # another process brings them
            await asyncio.sleep(0.02)


async def sent(gateway: GatewayProcess, number: int, **changes: Any) -> list[str]:
    async with gateway.partner("dwi") as dwi:
        answers = [await refer(dwi, referral(member(), **changes)) for _ in range(number)]
    return [str(answer.json()["uitwisselingId"]) for answer in answers]


async def test_killed_between_sending_and_acknowledging_it_sends_again_under_the_same_key(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with gateway_process(home) as gateway:
        async with mailroom(gateway) as (room, receiver):
            keys: Counter[str] = Counter()

            async def takes(arrived: Arrived) -> Reply:
                reply = await room.take(arrived)
                keys[arrived.headers["idempotency-key"]] += 1
                if len(keys) == 4 and not taken.is_set():
                    taken.set()
                    await asyncio.sleep(60)  # it was taken, and nobody hears of it
                return reply

            taken = asyncio.Event()
            receiver.takes = takes
            ids = await sent(gateway, 8)
            await sluis(home, "partner", "endpoint", "casebook", receiver.url, capsys=capsys)
            await asyncio.wait_for(taken.wait(), PATIENCE)
            await gateway.kill()
            await gateway.start()
            async with gateway.database() as pool:
                # What the dead process held, lanes and signing, runs out after 15 s; the test does
                # not wait for it.
                await pool.execute("update lease set expires_at = now()")
            await came(room, 8)
            assert [str(event.id) for event in room.stored] == ids
            assert max(keys.values()) >= 2
            assert room.repeats == sum(keys.values()) - 8
        async with gateway.database() as pool:
            await assert_log_of(pool, home)


async def test_an_operator_sees_stops_starts_and_replays_and_two_workers_share_what_there_is(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        gateway_process(home, SLUIS_WORKERS="2") as gateway,
        mailroom(gateway) as (room, receiver),
    ):
        refused = True

        async def takes(arrived: Arrived) -> Reply:
            return Reply(422) if refused else await room.take(arrived)

        receiver.takes = takes
        await sluis(home, "partner", "endpoint", "casebook", receiver.url, capsys=capsys)
        shown = await sluis(home, "partner", "endpoint", "casebook", capsys=capsys)
        assert shown["endpoint"] == receiver.url
        await sluis(home, "push", "stop", "casebook", capsys=capsys)
        (first,) = await sent(gateway, 1)
        (stopped,) = (await sluis(home, "push", "list", capsys=capsys))["recipients"]
        assert (stopped["state"], stopped["waiting"]) == ("stopped", 1)
        assert stopped["oldest"] is not None
        assert not room.stored
        async with gateway.database() as pool:
            await pool.execute("update push_lane set refusals = 4, trying = 1")
        await sluis(home, "push", "start", "casebook", capsys=capsys)
        async with asyncio.timeout(PATIENCE):
            dead: list[dict[str, Any]] = []
            while not dead:
                await asyncio.sleep(0.1)
                dead = (await sluis(home, "push", "dead", capsys=capsys))["deadLetters"]
        assert (dead[0]["exchange"], dead[0]["reason"]) == (first, "antwoord-422")
        assert (dead[0]["partner"], dead[0]["state"]) == ("casebook", "kept")
        refused = False
        told = await sluis(home, "push", "replay", "casebook", first, capsys=capsys)
        assert told["replayed"] == 1
        await came(room, 1)
        more = await sent(gateway, 20)
        await came(room, 21)
        assert [str(event.id) for event in room.stored] == [first, *more]
        assert room.repeats == 0
        gone = await sluis(home, "partner", "endpoint", "casebook", "--remove", capsys=capsys)
        assert gone["isChange"]
        assert not (await sluis(home, "push", "list", capsys=capsys))["recipients"]
        replay = ["push", "replay", "casebook", "--home", str(home)]
        assert await asyncio.to_thread(main, replay) == 2
        assert "registered no address" in capsys.readouterr().err


async def test_a_recipient_with_a_key_gets_its_data_sealed_brought_and_pulled_and_nothing_is_left(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = ECKey.generate_key("P-256")
    async with gateway_process(home) as gateway:
        public = home / "casebook.pem"
        public.write_bytes(key.as_pem(private=False))
        sealed = ("partner", "endpoint", "casebook")
        await sluis(home, *sealed, "--encryption-key", str(public), capsys=capsys)
        number, surname, street = (canary.value for canary in CANARIES)
        message = referral(member(number, achternaam=surname))
        message["huishouden"]["straatnaam"] = street
        async with gateway.partner("dwi") as dwi:
            await refer(dwi, message)
        folder = home / "partners" / "casebook"
        async with gateway.partner("casebook") as plain:
            body = (await plain.get("/v1/postvak")).content
            assert surname.encode() not in body
            assert b'"datacontenttype":"application/jose"' in body
        async with AsyncSluis(credentials.load(folder)) as keyless:
            with pytest.raises(Misconfigured):
                await keyless.page()
        (folder / ENCRYPTION_FILE).write_bytes(key.as_pem(private=True))
        (folder / ENCRYPTION_FILE).chmod(0o600)
        async with AsyncSluis(credentials.load(folder)) as client:
            (event,) = (await client.page()).events
            assert surname in json.dumps(event.data)
        async with mailroom(gateway) as (room, receiver):
            bodies: list[bytes] = []

            async def takes(arrived: Arrived) -> Reply:
                bodies.append(arrived.body)
                return await room.take(arrived)

            room.opens, receiver.takes = key, takes
            await sluis(home, *sealed, receiver.url, "--encryption-key", str(public), capsys=capsys)
            await came(room, 1)
            assert surname in json.dumps(room.stored[0].data)
            assert surname.encode() not in bodies[0]
        await gateway.stop()
    net = Net(CANARIES)
    found = [one for path, content in files_under(home) for one in net.search(path, content)]
    assert not found
