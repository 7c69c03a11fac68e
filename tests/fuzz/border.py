"""What stands at the HTTP border: bodies, headers, cursors, tokens and keys."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any, cast

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers
from starlette.requests import Request

from adapters.registry import ADAPTERS
from gateway.api import border, deliveries, mailbox, own_format, upload_headers
from gateway.api.mailbox import Acknowledgement
from gateway.api.problems import Problem, invalid
from gateway.api.processing import ProcessingQuery
from gateway.api.reading import read_json
from gateway.client.answers import problem_of, read
from gateway.client.errors import Garbled
from gateway.client.mailbox import Event
from gateway.exchange.holds import HoldCursorError, Holds
from gateway.exchange.mailbox import CursorError, Mailbox
from gateway.identity import certificates, encryption, keys, oin, signed
from gateway.reports.projections.receiving import InsecureReceiverError, require_secure
from schemas.casework import Accountability, Move, Placement, StatusMessage
from schemas.consents import AuthorityRecord, ConsentQuery, ConsentRecord, ConsentWithdrawal
from schemas.corrections import Correction
from schemas.deliveries import DeliveryReport, RecordOutcome
from schemas.partner_update import PartnerUpdate
from schemas.protection import SafeContactRequest
from schemas.receipts import Answer
from schemas.referral import Referral
from tests.fuzz.examining import Target
from tests.support.messages import referral, status_of

SOME_ID = "0192f0c1-2345-7abc-8def-0123456789ab"
_NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
_SEEDS: dict[type[BaseModel], object] = {
    Referral: referral(reference="FUZZ-1"),
    StatusMessage: status_of(SOME_ID, reference="FUZZ-2"),
    Accountability: {"kenmerk": "V-1", "uitwisselingId": SOME_ID, "gestartOp": "2026-01-02"},
    ConsentRecord: {
        "burgerservicenummer": "999990019", "doel": "toeleiding-wijkteam", "gegeven": True,
        "ontvanger": "casebook", "op": "2026-01-09T14:00:00+01:00",
    },
    ConsentWithdrawal: {"door": "betrokkene"},
    ConsentQuery: {"burgerservicenummer": "999990019"},
    AuthorityRecord: {"burgerservicenummer": "999990020", "houders": ["999990019"]},
    SafeContactRequest: {"burgerservicenummer": "999990019"},
    Correction: {"soort": "annulering", "uitwisselingId": SOME_ID},
    Acknowledgement: {"totEnMet": "A" * 32},
    PartnerUpdate: {"kenmerk": "P-1", "uitwisselingId": SOME_ID},
    Placement: {"uitwisselingId": SOME_ID, "team": "centrum"},
    Move: {"uitwisselingId": SOME_ID, "postcode": "1012AB"},
    ProcessingQuery: {"traceId": "0" * 32},
}  # fmt: skip
"""Nearly good is enough: what is wrong with one is told like what is wrong with any."""


def _hot(model: type[BaseModel], data: bytes) -> str:
    """A body on the hot routes: the model itself, and its objections as a problem."""
    try:
        model.model_validate_json(data, by_alias=True, by_name=False)
    except ValidationError as error:
        return invalid(error).body().decode()
    return ""


def _body(model: type[BaseModel], data: bytes) -> str:
    """A body that is read as every other route reads it."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": data, "more_body": False}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}
    try:
        asyncio.run(read_json(Request(scope, cast(Any, receive)), model))
    except Problem as problem:
        return problem.body().decode()
    return ""


def _answered(model: type[BaseModel], data: bytes) -> str:
    read(model, data)
    return ""


def _problem(data: bytes) -> str:
    problem_of(httpx.Response(400, content=data))
    return ""


def _header(look: Callable[[str], object], data: bytes) -> str:
    """A header as ASGI gives it to the framework: bytes, read as Latin-1."""
    try:
        look(data.decode("latin-1"))
    except Problem as problem:
        return problem.body().decode()
    return ""


def _trace(data: bytes) -> str:
    """What becomes of the caller's trace is written into the log: hexadecimal or nothing."""
    found = border.trace_of([(b"traceparent", data)])
    for part, length in ((found.trace_id, 32), (found.span_id, 16)):
        assert len(bytes.fromhex(part)) * 2 == length
    assert found.caller_span is None or len(bytes.fromhex(found.caller_span)) == 8
    return ""


def _field(look: Callable[[Headers], object], name: str, data: bytes) -> str:
    """A header field of uploads, among the headers as Starlette gives them."""
    try:
        look(Headers(raw=[(name.encode("ascii"), data)]))
    except Problem as problem:
        return problem.body().decode()
    return ""


def _text(parse: Callable[[str], object], data: bytes) -> str:
    parse(data.decode("latin-1"))
    return ""


def _bytes(parse: Callable[[bytes], object], data: bytes) -> str:
    parse(data)
    return ""


@cache
def _boxes() -> tuple[Mailbox, Holds]:
    """Only what reads a cursor is asked of them, which needs a key and nothing else."""

    class Tools:
        cursor_key = b"k" * 32

    nothing = cast(Any, None)
    made = Mailbox(nothing, nothing, cast(Any, Tools()))
    return made, Holds(nothing, nothing, Tools.cursor_key)


def _cursor(data: bytes) -> str:
    box, _ = _boxes()
    box._position("casebook", data.decode("latin-1"), "")  # as page() does
    return ""


def _hold_cursor(data: bytes) -> str:
    _, holds = _boxes()
    holds._place("dwi", data.decode("latin-1"))  # as page() does
    return ""


def _cursors() -> Iterable[bytes]:
    box, _ = _boxes()
    return [box._cursor("casebook", place, "").encode() for place in (0, 7, 2**62)]


def _public_pem() -> bytes:
    key = generate_private_key(SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@cache
def public_keys() -> Sequence[bytes]:
    pem = _public_pem()
    jwk = dict(keys.read_public_key(pem).jwk)
    okp = {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(b"x" * 32).decode()[:-1]}
    rsa = {"kty": "RSA", "n": "u" * 342, "e": "AQAB"}
    sealing = {**jwk, "use": "enc", "alg": "ECDH-ES+A256KW"}
    return [pem, *(json.dumps(one).encode() for one in (jwk, okp, rsa, sealing))]


def _tokens() -> Iterable[bytes]:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    head = {"alg": "ES256", "kid": "k", "typ": "at+jwt"}
    return [f"{part(head)}.{part({'sub': 'dwi', 'exp': 1e9})}.{'A' * 86}".encode()]


@cache
def _certificates() -> Sequence[bytes]:
    """One as PKIoverheid would issue it, but for who signed it."""
    key = generate_private_key(SECP256R1())
    named = [
        x509.NameAttribute(NameOID.COMMON_NAME, "Proefpartij"),
        x509.NameAttribute(NameOID.SERIAL_NUMBER, "00000099000000005000"),
    ]
    name = x509.Name(named)
    made = x509.CertificateBuilder(name, name, key.public_key(), 7)
    made = made.not_valid_before(_NOW - timedelta(days=1)).not_valid_after(_NOW + timedelta(days=9))
    signed_by = made.sign(key, SHA256())
    return [signed_by.public_bytes(form) for form in (Encoding.PEM, Encoding.DER)]


def _certificate(data: bytes) -> str:
    certificates.read_certificate(data, _NOW)
    return ""


def targets() -> Iterator[Target]:
    """Everything that comes in over HTTP, or stands in what a partner hands over once."""
    for model, seed in _SEEDS.items():
        hot = model in (Referral, StatusMessage, Accountability, PartnerUpdate)
        written = json.dumps(seed).encode()
        reads = partial(_hot if hot else _body, model)
        yield Target(f"body-{model.__name__}", reads, partial(list, [written]))
    okt, ggz = ADAPTERS["okt"], ADAPTERS["ggz"]
    for name, look, seeds in (
        ("accept-outcomes", lambda text: deliveries._answer_type(text, okt),
         [b"application/xml;q=0.9, */*", b"application/json"]),
        ("accept-mailbox", lambda text: mailbox._wanted(text, ggz),
         [b"application/fhir+json", b"text/csv, application/x-ndjson"]),
        ("content-type", lambda text: own_format.media_type_of(text, ggz),
         [b'application/fhir+json; fhirVersion="4.0"; charset=utf-8']),
    ):  # fmt: skip
        yield Target(name, partial(_header, look), partial(list, seeds), longest=1024)
    digests = [b"sha-256=:" + base64.b64encode(b"d" * 32) + b":, md5=:x:"]
    numbers = [b"1048576", b" 7 ;x=1", b"0", b"?1"]
    for name, read_field, seeds in (
        ("content-digest", upload_headers.content_digest, digests),
        ("repr-digest", upload_headers.file_digest, digests),
        ("content-length", upload_headers.content_length, numbers),
        ("upload-offset", lambda all_: upload_headers.whole_number(all_, "upload-offset"), numbers),
        ("upload-complete", lambda all_: upload_headers.boolean(all_, "upload-complete"), numbers),
    ):
        yield Target(name, partial(_field, read_field, name), partial(list, seeds), longest=8192)
    traces = [b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"]
    yield Target("traceparent", _trace, lambda: traces, longest=256)
    yield Target("mailbox-cursor", _cursor, _cursors, (CursorError,), longest=256)
    yield Target("holds-cursor", _hold_cursor, _cursors, (HoldCursorError,), longest=256)
    token = partial(_text, signed.read_unverified)
    yield Target("signed-token", token, _tokens, (signed.MalformedError,))
    public = partial(_bytes, keys.read_public_key)
    yield Target("public-key", public, public_keys, (keys.UnacceptableKeyError,))
    sealing = partial(_bytes, encryption.read_encryption_key)
    yield Target("encryption-key", sealing, public_keys, (keys.UnacceptableKeyError,))
    refused = (certificates.UnacceptableCertificateError,)
    yield Target("certificate", _certificate, _certificates, refused)
    number = partial(_text, oin.check_oin)
    yield Target("oin", number, lambda: [b"00000099000000001000"], (oin.InvalidOinError,))
    address = partial(_text, require_secure)
    told = (InsecureReceiverError,)
    places = [b"https://example.org/v1/logs", b"http://127.0.0.1:4318"]
    yield Target("receiver-address", address, lambda: places, told, names_input=True, longest=1024)
    for model in (Answer, DeliveryReport, RecordOutcome, Event):
        reads = partial(_answered, model)
        yield Target(f"client-{model.__name__}", reads, lambda: [b"{}"], (Garbled,))
    problem = b'{"type":"about:blank","title":"x","status":400,"fouten":[{"veld":"a","regel":"b"}]}'
    yield Target("client-problem", _problem, lambda: [problem])
