from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.bench.load import Job, put_load
from gateway.bench.processes import BenchFailed
from tests.support.serving import served


class Server:
    """Answers as the gateway does, and keeps what it got."""

    def __init__(self, status: int = 202, decision: str = "toegelaten") -> None:
        self.status = status
        self.decision = decision
        self.bodies: list[bytes] = []
        self.tokens: set[str] = set()
        self.ids: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.bodies.append(await request.body())
        self.tokens.add(request.headers["authorization"])
        self.ids.append(str(uuid4()))
        response: Response = JSONResponse(
            {"uitwisselingId": self.ids[-1], "besluit": self.decision, "vulling": "x" * 70_000},
            self.status,
        )
        await response(scope, receive, send)


@contextmanager
def _job(server: Server, folder: Path, count: int, seconds: float) -> Iterator[Job]:
    messages = folder / "messages"
    messages.write_bytes(b"".join(b'{"n":%d}\n' % number for number in range(count)))
    with served(server) as address:
        yield Job(
            address=address,
            path="/v1/aanmeldingen",
            token="t0ken",
            connections=3,
            warm_up=0.1,
            seconds=seconds,
            messages=messages,
            ids=folder / "ids",
            roots=[os.getpid()],
        )


async def test_each_message_is_sent_once_and_each_answer_counted(tmp_path: Path) -> None:
    server = Server()
    with _job(server, tmp_path, 100_000, 0.3) as job:
        load = await put_load(job)

    sent = [json.loads(body)["n"] for body in server.bodies]
    assert load.permitted + load.warmed_up == len(sent) == len(set(sent))
    assert load.permitted == len(load.latencies) > 0
    assert load.others == {}
    assert not load.ran_out
    assert server.tokens == {"Bearer t0ken"}
    assert set((tmp_path / "ids").read_text().split()) == set(server.ids)


async def test_it_stops_when_there_is_no_message_left(tmp_path: Path) -> None:
    server = Server()
    with _job(server, tmp_path, 5, 30.0) as job:
        load = await put_load(job)

    assert load.warmed_up == len(server.bodies) == 5
    assert load.ran_out


@pytest.mark.parametrize(
    "server", [Server(status=403), Server(decision="aangehouden")], ids=["refused", "held"]
)
async def test_what_was_not_permitted_is_counted_apart(tmp_path: Path, server: Server) -> None:
    with _job(server, tmp_path, 5, 0.2) as job:
        load = await put_load(job)

    assert load.permitted == 0
    assert load.others == {str(server.status): 5}


async def test_a_server_that_is_not_there_fails_the_bench(tmp_path: Path) -> None:
    with _job(Server(), tmp_path, 5, 0.2) as job:
        gone = job.model_copy(update={"address": "http://127.0.0.1:9"})
        with pytest.raises(BenchFailed):
            await put_load(gone)
