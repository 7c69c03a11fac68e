"""Our witness and our log against the ones of github.com/transparency-dev/witness, both ways.

Two small programs around its code stand in `independent_witness/`. They need a Go toolchain and its
modules, so they are built beforehand (`go mod tidy && go build -o PROGRAMS/ ./...`) and named by
SLUIS_WITNESS_PROGRAMS; where that is not done, these tests say so.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
import pytest

from gateway.audit.checkpoint import open_checkpoint
from gateway.audit.note import parse_vkey
from gateway.audit.witness_book import open_book
from gateway.cli.witness_server import WitnessServer, signer_in
from tests.gateway.audit.leaves import append
from tests.gateway.audit.test_witnessing import (
    LOG_KEY,
    TRUSTED,
    Asking,
    asking,
    follows,
    running,
)
from tests.support.serving import served

__all__ = ["asking"]
PROGRAMS = os.environ.get("SLUIS_WITNESS_PROGRAMS")
pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(PROGRAMS is None, reason="SLUIS_WITNESS_PROGRAMS is not set: not compared"),
]
SECONDS = 30.0


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """One of the programs, with its pipes; ended with the test."""
    name, *rest = arguments
    process = await asyncio.create_subprocess_exec(
        Path(PROGRAMS or "") / name,
        *rest,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(SECONDS):
        return (await process.stdout.readline()).decode().strip()


@pytest.mark.parametrize("kind", ["ed25519", "mldsa", "both"])
async def test_an_independent_witness_cosigns_our_log(asking: Asking, kind: str) -> None:
    port = free_port()
    vkeys = [key.encode() for (key,) in TRUSTED.values()]
    async with program("serve", f"127.0.0.1:{port}", kind, *vkeys) as witness:
        keys = [parse_vkey(await line_of(witness)) for _ in range(2 if kind == "both" else 1)]
        await _listens(port)
        for key in keys:
            await asking.name(f"http://127.0.0.1:{port}", key)
        async with running(asking, answer_within=5.0):
            for count, size in ((1, 1), (6, 7), (300, 307), (1000, 1307)):
                await append(asking.pool, count)
                for key in keys:
                    await follows(asking, key, size)
    note = await asking.witnessed(len(keys))
    assert note is not None
    opened = open_checkpoint(note.encode(), [LOG_KEY, *keys])
    assert {each.key for each in opened.cosignatures} == set(keys)


async def _listens(port: int) -> None:
    async with asyncio.timeout(SECONDS), httpx.AsyncClient(trust_env=False) as http:
        while True:
            try:
                await http.get(f"http://127.0.0.1:{port}/")
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return


async def test_an_independent_log_is_cosigned_by_our_witness(tmp_path: Path) -> None:
    signer = signer_in(tmp_path, "sluis.getuige.test/een")
    async with program("feed") as feed:
        key = parse_vkey(await line_of(feed))
        with closing(open_book(tmp_path)) as book:
            server = WitnessServer(signer, {key.name: [key]}, book)
            with served(server) as url:
                assert feed.stdin is not None
                feed.stdin.write(f"{url} {signer.verifier.encode()}\n".encode())
                await feed.stdin.drain()
                told = [await line_of(feed) for _ in range(10)]
    assert told == [
        "honest: cosigned",
        "stale: old size != current (3000)",
        "rollback: old size != current (3000)",
        "old beyond new: old size > current (0)",
        "fork, equal size: consistency proof invalid (0)",
        "fork, larger: consistency proof invalid (0)",
        "wrong key: no valid signatures (0)",
        "unknown log: unknown log (0)",
        "replayed proof: consistency proof invalid (0)",
        "after all that: cosigned",
    ]
