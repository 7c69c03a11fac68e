"""Where the gateway may call out to: to the open network by TLS, and inwards only if told to.

Whoever may name an address for the gateway to call could otherwise have it call what only the
gateway can reach. A name is resolved here, every address that it has must be permitted, and the
call goes to the one that was looked at: what the name means a moment later makes no difference.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

import httpx


class AddressError(ValueError):
    """An address may not be called; the message names the rule."""


@dataclass(frozen=True, slots=True)
class Target:
    """A permitted place to call: the URL by its number, the name it was given by, and for TLS."""

    url: httpx.URL
    host_header: str
    server_name: str


def checked_url(text: str, *, may_be_private: bool) -> httpx.URL:
    """An address as somebody named it: https, or http where it may be private."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise AddressError("it is no web address") from None
    schemes = ("https", "http") if may_be_private else ("https",)
    if url.scheme not in schemes or not url.host:
        raise AddressError("it must be an https address")
    if url.userinfo or url.query or url.fragment:
        raise AddressError("it may hold no user, query or fragment")
    number = _number(url.host)
    if number is not None:
        _check(number, may_be_private=may_be_private)
    return url


async def resolved(url: httpx.URL, *, may_be_private: bool) -> Target:
    """The place that a name stands for now. Raises `AddressError`, or `OSError` for no place."""
    port = url.port or (443 if url.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    numbers = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for number in numbers:
        _check(number, may_be_private=may_be_private)
    host_header = url.netloc.decode("ascii")
    return Target(url.copy_with(host=str(numbers[0])), host_header, url.host)


def _number(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _check(number: IPv4Address | IPv6Address, *, may_be_private: bool) -> None:
    inner = getattr(number, "ipv4_mapped", None) or number
    if inner.is_multicast or inner.is_unspecified or inner.is_link_local:
        # Never: where clouds keep their machines' credentials is link-local.
        raise AddressError("it is a link-local, multicast or unspecified address")
    if not may_be_private and not inner.is_global:
        raise AddressError("it is a private address")
