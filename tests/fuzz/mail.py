"""What goes to a partner and is read by its client, what it signs, and what it keeps of that."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from functools import cache, partial
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwe
from joserfc.jwk import ECKey
from starlette.requests import Request

from gateway.api import registrations
from gateway.api.problems import Problem
from gateway.client import candidates_kept, sealed, webhooks
from gateway.client.errors import Garbled, Misconfigured
from gateway.identity.reports import ReportError, public_jwk, sign_report, verify_report
from gateway.identity.signatures import RequestSigner
from schemas.registrations import RegistrationOutcome
from tests.fuzz import papers
from tests.fuzz.examining import Target

_URL = "https://partner.voorbeeld.nl/post"
_EVENT = {
    "specversion": "1.0", "id": "0192f0c1-2345-7abc-8def-0123456789ab", "type": "nl.sluis.proef",
    "source": "urn:nld:oin:00000099000000001000:systeem:sluis", "sequence": "7", "data": {},
}  # fmt: skip


@cache
def _key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(b"p" * 32)


@cache
def _opens() -> ECKey:
    return ECKey.generate_key("P-256")


def _pushed() -> bytes:
    """A request as it comes: its header lines, an empty line, its body."""
    body = json.dumps(_EVENT).encode()
    media_type, created = webhooks.MEDIA_TYPE, int(time.time())
    headers = RequestSigner(_key()).headers(_URL, media_type, '"7"', body, created)
    head = "".join(f"{name}: {value}\n" for name, value in headers.items())
    return head.encode() + b"\n" + body


def _verify(data: bytes) -> str:
    head, _, body = data.partition(b"\n\n")
    lines = (line.partition(": ") for line in head.decode("latin-1").split("\n"))
    headers = {name: value for name, _, value in lines if name.isascii()}
    jwks = {"keys": [RequestSigner(_key()).jwk()]}
    keys = webhooks.keys_of(jwks)
    webhooks.verify("POST", _URL, headers, body, keys, _opens())
    return ""


def _keys_of(data: bytes) -> str:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    if isinstance(told, dict):
        webhooks.keys_of(told)
    return ""


def _sealed() -> list[bytes]:
    header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": "k"}
    algorithms = ["ECDH-ES+A256KW", "A256GCM"]
    data = jwe.encrypt_compact(header, b'{"a":1}', _opens(), algorithms=algorithms)
    event = {**_EVENT, "datacontenttype": "application/jose", "data": data}
    return [json.dumps(one).encode() for one in (event, {"berichten": [event], "meer": False})]


def _opened(data: bytes) -> str:
    sealed.opened(data, _opens())
    return ""


def _opening_key(data: bytes) -> str:
    sealed.opening_key(papers.kept("encryption.pem", data))
    return ""


def _report(data: bytes) -> str:
    verify_report(data, public_jwk(_key()))
    return ""


@cache
def _reports() -> list[bytes]:
    return [sign_report({"deel": "proef", "stappen": [1, 2]}, _key(), "dwi", papers.MOMENT)]


def _registered(media_type: bytes, data: bytes) -> str:
    """Persons whom a partner knows, each judged by itself."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": data, "more_body": False}

    async def each() -> str:
        scope = {"type": "http", "method": "POST", "headers": [(b"content-type", media_type)]}
        try:
            lines = await registrations._lines(Request(scope, cast(Any, receive)))
        except Problem as problem:
            return problem.body().decode()
        read = [registrations._read(number, line) for number, line in enumerate(lines, 1)]
        refused = [one for one in read if isinstance(one, RegistrationOutcome)]
        # Its own reference goes back to the sender by right; all else is ours.
        return repr([(one.number, one.result, one.rule, one.field) for one in refused])

    return asyncio.run(each())


def _decided(data: bytes) -> str:
    candidates_kept._lines(papers.kept("besluiten.jsonl", data))
    return ""


def targets() -> Iterator[Target]:
    """Everything about mail that is brought, sealed, signed or remembered."""
    refused = (webhooks.NotGenuine, Garbled, Misconfigured)
    yield Target("pushed-request", _verify, lambda: [_pushed()], refused)
    jwks = [json.dumps({"keys": [RequestSigner(_key()).jwk(), {}]}).encode()]
    yield Target("key-set", _keys_of, lambda: jwks)
    yield Target("sealed-mail", _opened, _sealed, (Garbled, Misconfigured))
    pem = papers.private_pem
    yield Target("opening-key", _opening_key, lambda: [pem()], (Misconfigured,), names_input=True)
    yield Target("signed-report", _report, _reports, (ReportError,))
    person = json.dumps({"kenmerk": "C-1", "burgerservicenummer": "999990019"}).encode()
    for name, media_type, seed in (
        ("registrations", registrations.JSON, b'{"personen":[' + person + b"]}"),
        ("registration-lines", registrations.NDJSON, person + b"\n" + person),
    ):
        reads = partial(_registered, media_type.encode())
        yield Target(name, reads, partial(list, [seed]))
    line = {"nieuw": "p1", "bekend": "p2", "besluit": "zelfde", "door": "AB",
            "op": "2026-01-01T09:00:00Z", "score": 12.5}  # fmt: skip
    yield Target("kept-decisions", _decided, lambda: [json.dumps(line).encode() + b"\n"])
