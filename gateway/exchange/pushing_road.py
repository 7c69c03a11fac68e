"""One HTTP/1.1 connection to a partner's endpoint, and nothing that a client library adds to it.

Connecting and sending are apart, on purpose: a connection is made *before* the release, so that an
endpoint that cannot be reached costs no disclosure and no log entry. It goes to the address that
was looked at and to no other, by a name that TLS verified; no redirect, no proxy, no cookie, no
decompression. Of the answer the status and a Retry-After are read; its body is counted to a small
bound and dropped, since it may quote what was sent (invariant 3).
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import cast

import httptools
import httpx

from gateway.audit.addresses import AddressError, Target, checked_url, resolved
from gateway.exchange.pushing_outcome import SILENT, Meaning, Told, told_by

MAX_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """In seconds; a message's answer counts from its first byte to the answer's last."""

    connect: float = 5.0
    answer: float = 8.0
    idle: float = 20.0
    """A connection that lay still for longer is not used again: the other side may be gone."""


class EndpointAwayError(Exception):
    """There is no connection; nothing was sent. `reason` is a code of ours."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def checked_endpoint_url(text: str, *, may_be_private: bool) -> httpx.URL:
    """An address as it may be registered: https, or http to this machine. Raises `AddressError`."""
    if not text.isascii():
        raise AddressError("it must be written in ASCII, since it is signed as it is written")
    url = checked_url(text, may_be_private=may_be_private)
    if url.scheme == "http" and not _is_loopback(url.host):
        raise AddressError("plain http is for this machine alone")
    return url


async def looked_at(text: str, *, may_be_private: bool, within: float) -> Target:
    """The place to connect to. Raises `EndpointAwayError`."""
    try:
        url = checked_endpoint_url(text, may_be_private=may_be_private)
        async with asyncio.timeout(within):
            target = await resolved(url, may_be_private=may_be_private)
    except AddressError:
        raise EndpointAwayError("adres-niet-toegestaan") from None
    except (OSError, TimeoutError):
        raise EndpointAwayError("naam-onbekend") from None
    if target.url.scheme == "http" and not _is_loopback(target.url.host):
        raise EndpointAwayError("adres-niet-toegestaan")
    return target


def authorities() -> ssl.SSLContext:
    """Who vouches for endpoints: this machine's authorities, or those that SSL_CERT_FILE names.

    Not httpx's, which brings a list of its own: who is trusted on this machine is not on it.
    """
    return ssl.create_default_context()


class Line(asyncio.Protocol):
    """A connection that stands; one message at a time."""

    def __init__(self, target: Target, limits: Limits) -> None:
        self._limits = limits
        self._head = (
            b"POST %b HTTP/1.1\r\nHost: %b\r\nUser-Agent: sluis\r\nAccept-Encoding: identity\r\n"
            % (target.url.raw_path, target.host_header.encode("ascii"))
        )
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Told] | None = None
        self._wait = 0.0
        self._status = 0
        self._size = 0
        self._is_usable = True
        self._used_at = self._loop.time()

    @property
    def is_open(self) -> bool:
        """Whether another message may go this way."""
        transport = self._transport
        is_fresh = self._loop.time() - self._used_at < self._limits.idle
        return transport is not None and not transport.is_closing() and self._is_usable and is_fresh

    async def post(self, headers: bytes, body: bytes) -> Told:
        """Send one message; what came of it. `headers` end each in CRLF.

        A connection that breaks off before the answer says nothing of the message.
        """
        assert self._transport is not None  # noqa: S101  # made by `connect`
        self._answer = self._loop.create_future()
        self._size, self._status, self._wait = 0, 0, 0.0
        self._transport.write(
            b"%bContent-Length: %d\r\n%b\r\n%b" % (self._head, len(body), headers, body)
        )
        try:
            async with asyncio.timeout(self._limits.answer):
                return await self._answer
        except TimeoutError:
            self.close()
            return told_by(self._status, self._wait) if self._status else SILENT
        finally:
            self._answer, self._used_at = None, self._loop.time()

    def close(self) -> None:
        """Break the connection off."""
        self._is_usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # what broke it is theirs
        self._is_usable = False
        self._end_without_body("verbinding-verbroken")

    def data_received(self, data: bytes) -> None:
        self._size += len(data)
        if self._answer is None or self._size > MAX_ANSWER:
            # An answer to nothing, or more than anybody needs to say "received".
            self._end_without_body("antwoord-te-groot")
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._end_without_body("geen-http")
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A Retry-After in seconds is heard; as a date it is passed over."""
        if name.lower() == b"retry-after" and value.isdigit() and len(value) < 10:
            self._wait = float(value)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self._status = status if status >= HTTPStatus.OK else 0

    def on_message_complete(self) -> None:
        if not self._status:
            return  # an interim answer: the real one follows
        if not self._parser.should_keep_alive():
            self._is_usable = False
        self._end(told_by(self._status, self._wait))

    def _end_without_body(self, reason: str) -> None:
        """A status that came is an answer, whatever becomes of the rest."""
        told = told_by(self._status, self._wait) if self._status else Told(Meaning.AWAY, reason)
        self._end(told)

    def _end(self, told: Told) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(told)


async def connect(target: Target, limits: Limits, tls: ssl.SSLContext) -> Line:
    """A connection to the place that was looked at. Raises `EndpointAwayError`."""
    url = target.url
    is_tls = url.scheme == "https"
    try:
        async with asyncio.timeout(limits.connect):
            _, line = await asyncio.get_running_loop().create_connection(
                lambda: Line(target, limits),
                url.host,
                url.port or (443 if is_tls else 80),
                ssl=tls if is_tls else None,
                server_hostname=target.server_name if is_tls else None,
            )
    except ssl.SSLError:
        raise EndpointAwayError("tls-niet-vertrouwd") from None
    except (OSError, TimeoutError):
        raise EndpointAwayError("niet-bereikbaar") from None
    return line


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
