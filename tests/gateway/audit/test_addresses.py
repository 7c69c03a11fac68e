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
        "https://169.254.169.254",
        "https://0.0.0.0",
        "https://u:p@getuige.voorbeeld.nl",
        "https://getuige.voorbeeld.nl/?a=b",
        "https://getuige.voorbeeld.nl/#a",
        "ftp://getuige.voorbeeld.nl",
        "https://:99999999/",
        "geen adres",
    ],
)
def test_what_may_not_be_called_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        checked_url(text, may_be_private=False)


@pytest.mark.parametrize("text", ["http://127.0.0.1:8090", "https://10.0.0.1/sluis"])
def test_a_private_place_is_called_where_that_is_meant(text: str) -> None:
    assert str(checked_url(text, may_be_private=True)) == text


@pytest.mark.parametrize("text", ["http://169.254.169.254", "http://[fe80::1]", "http://224.0.0.1"])
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
