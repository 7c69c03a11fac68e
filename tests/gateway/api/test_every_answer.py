"""What holds of every route: errors as problem details, our headers, bounds, and no echo."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.database import TestServer
from tests.support.messages import referral
from tests.support.refusals import ECHO, assert_headers, assert_no_echo, assert_problem
from tests.support.running_gateway import RunningGateway, running_gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOME_ID = "0192f0c1-2345-7abc-8def-0123456789ab"
MEBIBYTE = 1024 * 1024


async def described(gateway: RunningGateway) -> dict[str, dict[str, object]]:
    """The operations of each address; the description's server bears the version."""
    async with gateway.stranger() as http:
        paths: dict[str, dict[str, object]] = (await http.get("/v1/openapi.json")).json()["paths"]
    return {f"/v1{path}": operations for path, operations in paths.items()}


@pytest.mark.parametrize(
    "path",
    [
        f"/{ECHO}",
        f"/v1/{ECHO}",
        "/v1",
        "/",
        f"/v1/aanmeldingen/{ECHO}",
        "/v1/aanmeldingen/",
        f"/v1/postvak/?na={ECHO}",
        f"/v1/leveringen/?{ECHO}",
        "/docs",
        "/redoc",
        "/openapi.json",
        f"/v1/..%2f{ECHO}",
    ],
)
async def test_an_unknown_address_is_404(dwi: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "POST"):
        assert_problem(await dwi.request(method, path), 404)


async def test_an_unknown_method_is_405_with_those_that_would_do(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    for path, operations in (await described(gateway)).items():
        for method in ("get", "post", "put", "patch", "delete", "options"):
            if method in operations:
                continue
            answer = await dwi.request(method.upper(), path.replace("{levering_id}", SOME_ID))
            assert_problem(answer, 405)
            allowed = {one.strip().lower() for one in answer.headers["allow"].split(",")}
            assert allowed == set(operations), path


async def test_every_described_route_asks_for_a_token(gateway: RunningGateway) -> None:
    open_to_all = {"/v1/logboek/sleutels"}
    async with gateway.stranger() as http:
        for path, operations in (await described(gateway)).items():
            for method in operations:
                if path in open_to_all:
                    continue
                answer = await http.request(
                    method.upper(),
                    path,
                    content=b"{}",
                    headers={"Content-Type": "application/json"},
                )
                # A body or path that is wrong may be told first; nothing else may be told at all.
                assert answer.status_code in (400, 401), (method, path, answer.text)
                if method != "head":  # which has no body to look at
                    assert_problem(answer, answer.status_code)


async def test_every_answer_bears_our_headers(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    asked = {
        "/health/live": 200,
        "/health/ready": 200,
        "/metrics": 200,
        "/v1/openapi.json": 200,
        "/v1/protocol": 200,
        "/v1/postvak": 200,
        "/v1/logboek/sleutels": 200,
    }
    for path, status in asked.items():
        answer = await dwi.get(path)
        assert answer.status_code == status, path
        assert_headers(answer)
    assert_headers(await dwi.post("/v1/aanmeldingen", json=referral()))


async def test_no_route_reads_a_body_without_bound(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    """Nobody may fill the gateway's memory, least of all somebody without a token."""
    sent = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 4 * MEBIBYTE:
            sent += MEBIBYTE
            yield b" " * MEBIBYTE

    bodies = [
        path
        for path, operations in (await described(gateway)).items()
        if "post" in operations and path != "/v1/leveringen"
    ]
    assert len(bodies) >= 3
    for path in bodies:
        for token in (None, dwi.headers["Authorization"]):
            sent = 0
            headers = {"Content-Type": "application/json"}
            headers |= {} if token is None else {"Authorization": token}
            async with gateway.stranger() as http:
                address = path.replace("{toestemming_id}", SOME_ID)
                try:
                    answer = await http.post(address, content=flood(), headers=headers)
                except httpx.WriteError:
                    continue  # the gateway closed the connection rather than read on
                assert answer.status_code in (401, 413), (address, answer.status_code)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("traceparent", ECHO),
        ("traceparent", "00-" + "0" * 32 + "-" + "1" * 16 + "-01"),
        ("X-Request-Id", ECHO),
        ("Accept", ECHO),
        ("Accept-Language", ECHO),
        ("Cookie", f"sessie={ECHO}"),
        ("X-Forwarded-For", ECHO),
        ("Host", f"{ECHO}.example"),
        ("Origin", f"https://{ECHO}.example"),
    ],
)
async def test_a_header_is_never_repeated(
    gateway: RunningGateway, dwi: httpx.AsyncClient, name: str, value: str
) -> None:
    for path in ("/v1/postvak", f"/v1/{ECHO}", "/v1/protocol"):
        answer = await dwi.get(path, headers={name: value})
        assert_headers(answer)
        assert_no_echo(answer)
    answer = await dwi.post("/v1/aanmeldingen", content=b"{", headers={name: value})
    assert_no_echo(answer)
    assert ECHO not in gateway.log.getvalue()


async def test_a_good_trace_goes_on_in_the_log_entry(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}

    await dwi.post("/v1/aanmeldingen", json=referral(), headers=headers)

    entry = (await gateway.entries())[-1]
    assert entry["traceId"] == trace
    assert entry["spanId"] != "00f067aa0ba902b7"


async def test_who_stops_half_way_does_not_keep_us_waiting(postgres: TestServer) -> None:
    media_types = {
        "/v1/aanmeldingen": "application/json",
        "/v1/postvak/ontvangst": "application/json",
        "/v1/leveringen": "text/csv",
    }
    async with running_gateway(postgres, request_timeout=0.5) as gateway:
        async with gateway.partner("dwi") as dwi:
            token = dwi.headers["Authorization"]
        answers = await asyncio.gather(
            *(
                raw(
                    gateway,
                    f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
                    f"Content-Type: {media_type}\r\nContent-Length: 9999\r\n\r\n{{".encode(),
                    patience=2.0,
                )
                for path, media_type in media_types.items()
            )
        )
        assert await gateway.count("delivery_chunk") == 0

    for told in answers:
        assert told.startswith((b"HTTP/1.1 408", b"HTTP/1.1 503")), told[:100]
        assert b"application/problem+json" in told


async def raw(gateway: RunningGateway, request: bytes, patience: float = 0.5) -> bytes:
    """What the gateway says to these bytes, until it closes or falls silent."""
    port = gateway.served.settings.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    told = b""
    try:
        async with asyncio.timeout(patience):
            while piece := await reader.read(65536):
                told += piece
    except TimeoutError:
        pass
    finally:
        writer.close()
    return told


@pytest.mark.parametrize(
    "request_bytes",
    [
        f"{ECHO}\r\n\r\n".encode(),
        f"GET /{ECHO} HTTP/9.9\r\n\r\n".encode(),
        f"GET / HTTP/1.1\r\nHost: x\r\n{ECHO}\r\n\r\n".encode(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + ECHO.encode(),
        f"POST /v1/aanmeldingen HTTP/1.1\r\nHost: x\r\nContent-Length: {ECHO}\r\n\r\n".encode(),
    ],
)
async def test_what_is_no_http_is_not_repeated_either(
    gateway: RunningGateway, request_bytes: bytes
) -> None:
    told = await raw(gateway, request_bytes)

    assert ECHO.encode().lower() not in told.lower()
    assert ECHO not in gateway.log.getvalue()


async def test_two_lengths_are_no_way_to_smuggle_a_request(
    gateway: RunningGateway, dwi: httpx.AsyncClient
) -> None:
    """RFC 9112, 6.1: read one way here and the other way by a proxy, it is two requests."""
    inner = json.dumps(referral()).encode()
    request = (
        b"POST /v1/aanmeldingen HTTP/1.1\r\nHost: x\r\nAuthorization: "
        + dwi.headers["Authorization"].encode()
        + b"\r\nContent-Type: application/json\r\nContent-Length: 4\r\n"
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner)
    )
    before = await gateway.effects()

    told = await raw(gateway, request)

    assert not told.startswith(b"HTTP/1.1 2")
    assert await gateway.effects() == before


async def test_what_a_stranger_asks_is_counted_without_names(gateway: RunningGateway) -> None:
    async with gateway.stranger() as http:
        await http.get(f"/v1/{ECHO}?{ECHO}={ECHO}", headers={"Authorization": f"Bearer {ECHO}"})
        metrics = await http.get("/metrics")

    assert_headers(metrics)
    assert_no_echo(metrics)
    assert "sluis_answers_total" in metrics.text
