"""A casebook's pseudonyms renewed as people do it: commands, two officers, client, folder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from gateway import cli
from gateway.client import AsyncSluis
from gateway.client.credentials import load
from gateway.sandbox.casebook import work_mailbox
from gateway.sandbox.dossiers import FolderDossiers
from schemas.referral import Referral
from tests.support.database import TestServer
from tests.support.log_oracle import assert_log_tells_all
from tests.support.messages import Json, bsn, member, referral
from tests.support.running_gateway import RunningGateway, running_gateway

Run = Callable[..., Awaitable[tuple[int, Json]]]
ANNE, BRAM = bsn(931_001), bsn(931_002)
MANDATE = ("--mandate", "M-1", "--mandate-ends", "2099-01-01")


@pytest.fixture
async def gateway(postgres: TestServer) -> AsyncIterator[RunningGateway]:
    async with running_gateway(postgres) as gateway:
        yield gateway
        await assert_log_tells_all(gateway)


@pytest.fixture
def run(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.setenv("SLUIS_DATABASE_URL", gateway.served.database.dsn)
    monkeypatch.setenv("SLUIS_HOME", str(gateway.home))

    async def command(*arguments: str) -> tuple[int, Json]:
        status = await asyncio.to_thread(cli.main, [*arguments, "--json"])
        told = capsys.readouterr()
        return status, json.loads((told.out or told.err).splitlines()[-1])

    return command


def encryption_key(gateway: RunningGateway) -> Path:
    """The casebook makes a key, keeps it beside its others, and hands over the public half."""
    folder = gateway.home / "partners" / "casebook"
    key = generate_private_key(SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "encryption.pem").write_bytes(private)
    (folder / "encryption.pem").chmod(0o600)
    public = folder / "encryption.public.pem"
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return public


async def refer(dwi: AsyncSluis, number: str) -> None:
    """DWI refers somebody; its client tries again where the gateway is not ready."""
    message = json.dumps(referral(member(number)))
    await dwi.refer(Referral.model_validate_json(message))


async def worked(gateway: RunningGateway, place: Path) -> dict[str, str | None]:
    """The casebook works its mailbox into its folder; gives each referral's subject."""
    store = FolderDossiers(place)
    async with AsyncSluis(load(gateway.home / "partners" / "casebook")) as client:
        await work_mailbox(client, store, lambda _: [])
    return {str(event.id): event.subject for event in store.of_type("nl.sluis.aanmelding")}


async def test_invariant_06_the_casebook_knows_everybody_again_after_the_switch(
    gateway: RunningGateway, run: Run, tmp_path: Path
) -> None:
    for officer, role in (("po", "privacyfunctionaris"), ("eigenaar", "proceseigenaar")):
        more = MANDATE if role == "privacyfunctionaris" else ()
        added = await run(
            "officer", "add", officer, "--name", officer, "--role", role, *more, "--sandbox"
        )
        assert added[0] == 0
    prepare = ("keys", "pseudonyms", "prepare", "casebook", "--case", "Z-26-9", "--as", "po")
    status, told = await run(*prepare)
    assert status == 1
    assert "encryption key" in json.dumps(told)
    key = encryption_key(gateway)
    assert (await run("partner", "endpoint", "casebook", "--encryption-key", str(key)))[0] == 0

    async with AsyncSluis(load(gateway.home / "partners" / "dwi")) as dwi:
        await refer(dwi, ANNE)
        await refer(dwi, BRAM)
        before = await worked(gateway, tmp_path / "dossiers")
        assert len(set(before.values())) == 2

        assert (await run(*prepare))[0] == 0
        assert (await run("keys", "pseudonyms", "switch", "casebook"))[0] != 0
        confirm = ("keys", "pseudonyms", "confirm", "casebook", "--as", "eigenaar")
        assert await run(*confirm) == (0, {"recipient": "casebook", "parts": 1})
        assert (await run("keys", "pseudonyms", "switch", "casebook"))[0] == 3
        assert await worked(gateway, tmp_path / "dossiers") == before
        status, told = await run("keys", "pseudonyms", "show")
        assert (status, told["recipients"][0]["renewal"]["received"]) == (0, 1)
        assert (await run("keys", "pseudonyms", "switch", "casebook"))[0] == 0

        await refer(dwi, ANNE)
        after = await worked(gateway, tmp_path / "dossiers")
    first, second, third = after.values()
    assert first == third
    assert len({first, second}) == 2
    assert not {first, second} & set(before.values())
    kept = (tmp_path / "dossiers" / "dossiers.ndjson").read_text()
    assert not any(name in kept for name in before.values() if name)

    rows = await gateway.pool.fetch("select entry from log_leaf where log = 3 order by index")
    acts = [one for row in rows if (one := json.loads(row[0]))["operation"].startswith("keys.ps")]
    assert [one["operation"].rpartition(".")[2] for one in acts if one["status"] == "Ok"] == [
        "prepare", "confirm", "show", "switch",
    ]  # fmt: skip
