from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from joserfc.jwk import ECKey

from gateway.client import (
    Contradicted,
    Credentials,
    Misconfigured,
    Retrying,
    Unavailable,
    Unreachable,
)
from gateway.client.transport import Call, Transport
from tests.support.certificates import self_signed

POST = Call("POST", "/v1/aanmeldingen", content=b"{}")

Step = int | type[httpx.TransportError] | httpx.Response


@dataclass
class Road:
    """A road that answers as scripted, and a clock that only notes what it was asked to wait."""

    steps: list[Step]
    waits: list[float] = field(default_factory=list)
    bounds: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    tokens: int = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        if request.url.path == "/oauth/token":
            self.tokens += 1
            return httpx.Response(200, json={"access_token": "t", "expires_in": 300})
        self.bodies.append(body)
        step = self.steps.pop(0)
        if isinstance(step, int):
            return httpx.Response(step)
        if isinstance(step, httpx.Response):
            return step
        raise step("GEHEIM")

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def uniform(self, low: float, high: float) -> float:
        assert low == 0.0
        self.bounds.append(high)
        return high / 2

    def transport(self, retrying: Retrying | None = None) -> Transport:
        mine = Credentials("dwi", "http://127.0.0.1", "k", ECKey.generate_key("P-256"))
        return Transport(
            mine,
            retrying=retrying,
            road=httpx.MockTransport(self),
            sleep=self.sleep,
            uniform=self.uniform,
        )


def _told(seconds: str, status: int = 503) -> httpx.Response:
    return httpx.Response(status, headers={"Retry-After": seconds})


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    road = Road([status, status, 200])
    async with road.transport() as transport:
        assert (await transport.send(POST)).status_code == 200

    assert road.bodies == [b"{}"] * 3


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.ReadTimeout,
        httpx.ReadError,
        httpx.WriteError,
        httpx.RemoteProtocolError,
    ],
)
async def test_a_lost_call_is_made_again(error: type[httpx.TransportError]) -> None:
    road = Road([error, 200])
    async with road.transport() as transport:
        await transport.send(POST)

    assert len(road.bodies) == 2


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 415, 500])
async def test_a_final_answer_is_not_asked_for_again(status: int) -> None:
    road = Road([status])
    async with road.transport() as transport:
        with pytest.raises(Exception, match=str(status)):
            await transport.send(POST)

    assert road.waits == []


async def test_waits_double_to_their_bound_with_full_jitter() -> None:
    road = Road([503, 503, 503, 503, 503, 200])
    async with road.transport(Retrying(attempts=6, first=0.2, longest=1.0)) as transport:
        await transport.send(POST)

    assert road.bounds == [0.2, 0.4, 0.8, 1.0, 1.0]
    assert road.waits == [0.1, 0.2, 0.4, 0.5, 0.5]


async def test_retry_after_is_waited_out_before_the_jitter() -> None:
    road = Road([_told("7"), _told("3", 429), 200])
    async with road.transport(Retrying(first=0.2)) as transport:
        await transport.send(POST)

    assert road.waits == [7.1, 3.2]


async def test_a_longer_retry_after_than_our_patience_is_left_to_the_caller() -> None:
    road = Road([_told("3600")])
    async with road.transport() as transport:
        with pytest.raises(Unavailable) as caught:
            await transport.send(POST)

    assert caught.value.retry_after == 3600
    assert road.waits == []


async def test_attempts_are_bounded_and_the_last_answer_is_told() -> None:
    road = Road([503] * 9)
    async with road.transport(Retrying(attempts=3)) as transport:
        with pytest.raises(Unavailable):
            await transport.send(POST)

    assert len(road.bodies) == 3


async def test_a_road_that_stays_lost_is_unreachable_and_quotes_nothing() -> None:
    road = Road([httpx.ReadError] * 9)
    async with road.transport(Retrying(attempts=2)) as transport:
        with pytest.raises(Unreachable) as caught:
            await transport.send(POST)

    assert str(caught.value) == (
        "no answer from http://127.0.0.1 after 2 attempts (last: ReadError)"
    )
    assert caught.value.__cause__ is None


async def test_a_body_that_can_be_opened_anew_is_sent_whole_in_each_attempt() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"een"
        yield b"twee"

    road = Road([503, httpx.ReadError, 200])
    async with road.transport() as transport:
        await transport.send(Call("POST", "/v1/leveringen", content=body))

    assert road.bodies == [b"eentwee"] * 3


@pytest.mark.parametrize("step", [503, 401, httpx.ReadError])
async def test_a_body_that_cannot_be_read_again_is_sent_once(step: Step) -> None:
    road = Road([step, 200])
    async with road.transport() as transport:
        with pytest.raises((Unreachable, Exception)):
            await transport.send(Call("POST", "/v1/leveringen", content=b"x", is_repeatable=False))

    assert len(road.bodies) == 1


async def test_a_certificate_that_does_not_verify_is_told_as_that(tmp_path: Path) -> None:
    context = self_signed(tmp_path, "localhost").context
    listening = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    mine = Credentials("dwi", f"https://localhost:{port}", "k", ECKey.generate_key("P-256"))
    async with listening, Transport(mine, retrying=Retrying(attempts=1)) as transport:
        with pytest.raises(Unreachable, match="its certificate does not verify"):
            await transport.send(POST)


async def test_an_address_that_cannot_be_called_is_named(tmp_path: object) -> None:
    mine = Credentials("dwi", "gopher://127.0.0.1", "k", ECKey.generate_key("P-256"))
    async with Transport(mine) as transport:
        with pytest.raises(Misconfigured, match="gopher"):
            await transport.send(POST)


@pytest.mark.parametrize(
    ("base_url", "expected"), [("http://127.0.0.1:1", False), ("https://sluis.test", True)]
)
async def test_proxies_of_the_environment_serve_only_other_machines(
    base_url: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    mine = Credentials("dwi", base_url, "k", ECKey.generate_key("P-256"))
    async with Transport(mine) as transport:
        mounted: Callable[[httpx.URL], object] = transport._http._transport_for_url

        assert (mounted(httpx.URL(base_url)) is not transport._http._transport) is expected


class _Contradicted:
    """A watch to which the log showed itself untrue."""

    async def before_call(self) -> None:
        raise Contradicted("untrue", Path("bewijs"))

    def heard(self, header: str | None) -> None:
        pass


@pytest.mark.parametrize(
    "path",
    [
        "/v1/toestemmingen",
        "/v1/correcties",
        "/v1/postvak/ontvangst",
        "/v1/registraties/beeindiging",
    ],
)
async def test_what_narrows_goes_out_whatever_is_the_matter_with_the_log(path: str) -> None:
    road = Road([200])
    transport = road.transport()
    transport.watches = _Contradicted()
    assert (await transport.send(Call("POST", path, content=b"{}"))).status_code == 200
    for other in ("/v1/aanmeldingen", "/v1/registraties"):
        with pytest.raises(Contradicted):
            await transport.send(Call("POST", other, content=b"{}"))
