"""The way to an endpoint: whom it connects to, and what an answer may do to it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gateway.audit.addresses import AddressError
from gateway.exchange.pushing_outcome import Meaning, Told
from gateway.exchange.pushing_road import (
    EndpointAwayError,
    Limits,
    Line,
    authorities,
    checked_endpoint_url,
    connect,
    looked_at,
)
from tests.support.certificates import self_signed

Speaks = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TLS = ssl.create_default_context()
QUICK = Limits(connect=2.0, answer=0.4)


@asynccontextmanager
async def answering(*pieces: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that reads one request and says these pieces, whatever it was."""

    ended: list[asyncio.Event] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        over = asyncio.Event()
        ended.append(over)
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
            if b"close" not in b"".join(pieces):
                await reader.read()
        # Over TLS a close waits for the other side's, which broke off.
        (writer.close if tls is None else writer.transport.abort)()
        with suppress(OSError):
            await writer.wait_closed()
        over.set()

    server = await asyncio.start_server(speak, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'http' if tls is None else 'https'}://localhost:{port}/postvak"
    finally:
        server.close()
        for one in ended:
            await one.wait()


async def line_to(url: str, tls: ssl.SSLContext = TLS) -> Line:
    target = await looked_at(url, may_be_private=True, within=2.0)
    return await connect(target, QUICK, tls)


async def posted(*pieces: bytes) -> Told:
    async with answering(*pieces) as url:
        line = await line_to(url)
        try:
            return await line.post(b"X: y\r\n", b"{}")
        finally:
            line.close()


@pytest.mark.parametrize(
    ("pieces", "meaning", "reason"),
    [
        ([b"HTTP/1.1 204 \r\n\r\n"], Meaning.TAKEN, ""),
        ([b"HTTP/1.1 100 \r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"],
         Meaning.TAKEN, ""),
        ([b"HTTP/1.0 200 OK\r\nconnection: close\r\n\r\n", b"thanks"], Meaning.TAKEN, ""),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n", b"x" * 200_000],
         Meaning.TAKEN, ""),
        ([b"HTTP/1.1 200 OK\r\n", b"x: " + b"y" * 200_000], Meaning.AWAY, "antwoord-te-groot"),
        ([b"SSH-2.0-OpenSSH\r\n"], Meaning.AWAY, "geen-http"),
        ([b"HTTP/1.1 101 \r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"],
         Meaning.AWAY, "geen-http"),
        ([b"HTTP/1.1 2"], Meaning.UNCLEAR, "geen-antwoord"),
        ([b"HTTP/1.1 200 OK\r\nconnection: close"], Meaning.AWAY, "verbinding-verbroken"),
        ([b"HTTP/1.1 302 \r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\n\r\n"],
         Meaning.AWAY, "antwoord-302"),
    ],
)  # fmt: skip
async def test_what_an_answer_means(pieces: list[bytes], meaning: Meaning, reason: str) -> None:
    told = await posted(*pieces)
    assert (told.meaning, told.reason) == (meaning, reason)


@pytest.mark.parametrize(
    ("value", "wait"), [("120", 120.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("-5", 0.0)]
)
async def test_a_retry_after_in_seconds_is_heard(value: str, wait: float) -> None:
    head = f"HTTP/1.1 503 \r\nretry-after: {value}\r\ncontent-length: 0\r\n\r\n"
    assert (await posted(head.encode())).wait == wait


@pytest.mark.parametrize(
    ("url", "may_be_private"),
    [
        ("http://voorbeeld.test/x", False),
        ("http://voorbeeld.test/x", True),
        ("http://10.0.0.1/x", True),
        ("https://10.0.0.1/x", False),
        ("https://127.0.0.1/x", False),
        ("https://[::1]/x", False),
        ("https://[::ffff:127.0.0.1]/x", False),
        ("https://169.254.169.254/x", True),
        ("https://[fe80::1]/x", True),
        ("https://0.0.0.0/x", True),
        ("https://u:p@voorbeeld.test/x", False),
        ("https://voorbeeld.test/x?token=1", False),
        ("ftp://voorbeeld.test/x", True),
        ("voorbeeld.test", True),
        ("https://voorbeeld.test/brïef", True),
        ("https://faß.test/x", True),
        ("https://voorbeeld.test:65536/x", False),
    ],
)
def test_these_addresses_are_not_registered(url: str, may_be_private: bool) -> None:
    with pytest.raises(AddressError):
        checked_endpoint_url(url, may_be_private=may_be_private)


def test_these_are() -> None:
    checked_endpoint_url("https://voorbeeld.test/x", may_be_private=False)
    checked_endpoint_url("http://127.0.0.1:8080/x", may_be_private=True)
    checked_endpoint_url("https://10.0.0.1/x", may_be_private=True)


class Names:
    """A name server that says something else at each question."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *numbers: str) -> None:
        self.numbers = list(numbers)
        self.asked = 0
        self._of_the_loop = loop.getaddrinfo

    async def getaddrinfo(self, host: str, port: int, **options: int) -> list[object]:
        if host[:1].isdigit():
            return list(await self._of_the_loop(host, port, **options))
        number = self.numbers[min(self.asked, len(self.numbers) - 1)]
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port))]


async def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    names = Names(loop, "10.0.0.7")
    monkeypatch.setattr(loop, "getaddrinfo", names.getaddrinfo)
    with pytest.raises(EndpointAwayError, match="adres-niet-toegestaan"):
        await looked_at("https://partner.test/x", may_be_private=False, within=1.0)


async def test_the_address_that_was_looked_at_is_the_one_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: the second answer would lead elsewhere, and is never asked for."""
    async with answering(b"HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n") as url:
        loop = asyncio.get_running_loop()
        names = Names(loop, "127.0.0.1", "169.254.169.254")
        monkeypatch.setattr(loop, "getaddrinfo", names.getaddrinfo)
        line = await line_to(url)
        assert (await line.post(b"", b"{}")).meaning is Meaning.TAKEN
        line.close()
        assert names.asked == 1


async def test_plain_http_by_a_name_that_leads_elsewhere_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", Names(loop, "10.0.0.7").getaddrinfo)
    with pytest.raises(EndpointAwayError, match="adres-niet-toegestaan"):
        await looked_at("http://localhost:80/x", may_be_private=True, within=1.0)


async def test_nobody_there_is_told_and_nothing_sent() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        with pytest.raises(EndpointAwayError, match="niet-bereikbaar"):
            await line_to(f"http://127.0.0.1:{port}/x")


def test_this_machine_s_authorities_vouch_and_no_list_of_a_library_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours = self_signed(tmp_path, "localhost")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(ours.certificate))
    named = authorities().get_ca_certs(binary_form=True)
    assert named == [ssl.PEM_cert_to_DER_cert(ours.certificate.read_text())]
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setattr("certifi.where", lambda: str(ours.certificate))
    assert authorities().get_ca_certs(binary_form=True) != named


async def test_tls_is_verified_by_name_and_by_authority(tmp_path: Path) -> None:
    server = self_signed(tmp_path, "localhost")
    answer = b"HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n"
    async with answering(answer, tls=server.context) as url:
        with pytest.raises(EndpointAwayError, match="tls-niet-vertrouwd"):
            await line_to(url)
        trusted = ssl.create_default_context(cafile=str(server.certificate))
        line = await line_to(url, trusted)
        assert (await line.post(b"", b"{}")).meaning is Meaning.TAKEN
        line.close()
    other = self_signed(tmp_path, "elders.test")
    async with answering(answer, tls=other.context) as url:
        trusted = ssl.create_default_context(cafile=str(other.certificate))
        with pytest.raises(EndpointAwayError, match="tls-niet-vertrouwd"):
            await line_to(url, trusted)
