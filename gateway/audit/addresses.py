"""Where the gateway may call out to: to the open network by TLS, and inwards only if told to.

Whoever may name an address for the gateway to call could otherwise have it call what only the
gateway can reach. A name is resolved here, every address that it has must be permitted, and the
call goes to the one that was looked at: what the name means a moment later makes no difference.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

_PUBLIC = IPv6Network("2000::/3")
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_INWARD = tuple(
    ip_network(one) for one in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "2002::/16")
)
"""Special by IANA's registries, and public to some versions of Python that we run on."""


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
    if url.port is not None and not 0 < url.port < 65536:
        raise AddressError("its port must be 1 to 65535")
    try:
        _name(url).encode("idna")
    except UnicodeError:
        raise AddressError("its name cannot be looked up") from None
    number = _number(url.host)
    if number is not None:
        _check(number, may_be_private=may_be_private)
    return url


async def resolved(url: httpx.URL, *, may_be_private: bool) -> Target:
    """The place that a name stands for now. Raises `AddressError`, or `OSError` for no place."""
    port = url.port or (443 if url.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(_name(url), port, type=socket.SOCK_STREAM)
    numbers = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for number in numbers:
        _check(number, may_be_private=may_be_private)
    host_header = url.netloc.decode("ascii")
    return Target(url.copy_with(host=str(numbers[0])), host_header, _name(url))


def _name(url: httpx.URL) -> str:
    """The name as it is asked for: read back to letters, Python's own IDNA makes another of it."""
    return url.raw_host.decode("ascii")


def _number(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _check(number: IPv4Address | IPv6Address, *, may_be_private: bool) -> None:
    inner = _meant(number)
    if inner.is_multicast or inner.is_unspecified or inner.is_link_local:
        # Never: where clouds keep their machines' credentials is link-local.
        raise AddressError("it is a link-local, multicast or unspecified address")
    if not may_be_private and not _is_public(number, inner):
        raise AddressError("it is a private address")


def _meant(number: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that one that is mapped, translated (RFC 6052) or tunnelled leads to."""
    if isinstance(number, IPv4Address):
        return number
    if any(number in network for network in _NAT64):
        return IPv4Address(int(number) & 0xFFFF_FFFF)
    return number.ipv4_mapped or number.sixtofour or number


def _is_public(number: IPv4Address | IPv6Address, meant: IPv4Address | IPv6Address) -> bool:
    if any(one in network for one in (number, meant) for network in _INWARD):
        return False
    return meant.is_global and (isinstance(meant, IPv4Address) or meant in _PUBLIC)
