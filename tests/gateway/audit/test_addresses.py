"""Where the gateway calls out to: never inwards unless told to, whatever a name stands for."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from gateway.audit.addresses import AddressError, checked_url, resolved


@pytest.mark.parametrize(
    "text",
    [
        "http://getuige.voorbeeld.nl",
        "https://",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.1",
        "https://192.168.1.1",
        "https://172.16.0.1",
        "https://100.64.0.1",
        "https://[fd00::1]",
        "https://[::ffff:10.0.0.1]",
        "https://[64:ff9b::10.0.0.1]",
        "https://[64:ff9b:1::8.8.8.8]",
        "https://[2002:a00:1::1]",
        "https://[2002:808:808::1]",
        "https://[::10.0.0.1]",
        "https://[::ffff:0:10.0.0.1]",
        "https://[2001:0:7f00:1::]",
        "https://[fec0::1]",
        "https://[5f00::1]",
        "https://192.0.0.192",
        "https://192.88.99.1",
        "https://169.254.169.254",
        "https://0.0.0.0",
        "https://u:p@getuige.voorbeeld.nl",
        "https://getuige.voorbeeld.nl/?a=b",
        "https://getuige.voorbeeld.nl/#a",
        "ftp://getuige.voorbeeld.nl",
        "https://:99999999/",
        "https://getuige.voorbeeld.nl:0/",
        "https://getuige.voorbeeld.nl:65536/",
        f"https://{'a' * 64}.nl/",
        "https://a..nl/",
        "geen adres",
    ],
)
def test_what_may_not_be_called_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        checked_url(text, may_be_private=False)


@pytest.mark.parametrize("text", ["https://[2606:4700::1111]", "https://[64:ff9b::8.8.8.8]"])
def test_a_public_place_is_called_also_by_way_of_a_translator(text: str) -> None:
    checked_url(text, may_be_private=False)


@pytest.mark.parametrize("text", ["http://127.0.0.1:8090", "https://10.0.0.1/sluis"])
def test_a_private_place_is_called_where_that_is_meant(text: str) -> None:
    assert str(checked_url(text, may_be_private=True)) == text


@pytest.mark.parametrize(
    "text",
    [
        "http://169.254.169.254",
        "http://[fe80::1]",
        "http://224.0.0.1",
        "http://[64:ff9b::169.254.169.254]",
        "http://[64:ff9b:1::169.254.169.254]",
        "http://[2002:a9fe:a9fe::1]",
        "http://[::ffff:169.254.169.254]",
    ],
)
def test_some_places_are_never_called(text: str) -> None:
    with pytest.raises(AddressError):
        checked_url(text, may_be_private=True)


def answers(monkeypatch: pytest.MonkeyPatch, *numbers: str) -> None:
    """Have every name stand for these addresses."""

    async def found(*_: object, **__: object) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, 443)) for number in numbers]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)


async def test_a_name_that_leads_inwards_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    url = checked_url("https://getuige.voorbeeld.nl/a", may_be_private=False)
    for inner in ("127.0.0.1", "10.0.0.1", "169.254.169.254"):
        answers(monkeypatch, "8.8.8.8", inner)
        with pytest.raises(AddressError):
            await resolved(url, may_be_private=False)


@pytest.mark.parametrize("text", ["https://xn--fa-hia.de/a", "https://faß.de/a"])
async def test_a_name_in_other_letters_is_looked_up_and_verified_as_it_is_written(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """By IDNA 2003, which Python's own codec keeps to, this is fass.de: somebody else."""
    asked: list[str] = []

    async def found(host: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)
    target = await resolved(checked_url(text, may_be_private=False), may_be_private=False)
    assert [*asked, target.server_name, target.host_header] == ["xn--fa-hia.de"] * 3


async def test_the_call_goes_to_the_address_that_was_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = checked_url("https://getuige.voorbeeld.nl:8443/a", may_be_private=False)
    answers(monkeypatch, "8.8.8.8")
    target = await resolved(url, may_be_private=False)

    assert str(target.url) == "https://8.8.8.8:8443/a"
    assert (target.host_header, target.server_name) == (
        "getuige.voorbeeld.nl:8443",
        "getuige.voorbeeld.nl",
    )
