"""Is this from the gateway: whatever is changed, left out or old is not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.client.errors import Garbled, Misconfigured
from gateway.client.sealed import OpeningKey
from gateway.client.webhooks import Brought, NotGenuine, keys_of, verify
from gateway.identity.encryption import read_encryption_key
from gateway.identity.signatures import RequestSigner

SIGNER = RequestSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
KEYS = keys_of({"keys": [SIGNER.jwk()]})
URL, TYPE, KEY = "https://partner.test/postvak", "application/cloudevents+json", '"0190-7"'
EVENT = {
    "specversion": "1.0",
    "id": "01a20225-01fe-7a17-9fe9-32b99740f87a",
    "source": "urn:sluis:proef",
    "type": "nl.sluis.aanmelding",
    "subject": "nCyPBDDNxEFQFUsAKLTQ4DOCDpCC7cBEKEeKMPaDdz0",
    "time": "2026-01-12T09:30:00.123Z",
    "sequence": "7",
    "datacontenttype": "application/json",
    "data": {"aanmelding": {"aantalLeden": 1}},
}
BODY = json.dumps(EVENT, separators=(",", ":")).encode()
Headers = dict[str, str]


def signed(
    body: bytes = BODY, created: int | None = None, signer: RequestSigner = SIGNER
) -> Headers:
    return signer.headers(URL, TYPE, KEY, body, int(time.time()) if created is None else created)


def brought(
    headers: Headers, body: bytes = BODY, url: str = URL, opens: OpeningKey | None = None
) -> Brought:
    return verify("POST", url, headers, body, KEYS, opens)


def test_what_the_gateway_signed_is_given_back() -> None:
    found = brought(signed())
    assert found.idempotency_key == "0190-7"
    assert found.event is not None
    assert found.event.position == 7
    assert found.event.data == EVENT["data"]


def test_headers_are_known_whatever_their_case() -> None:
    assert brought({name.upper(): value for name, value in signed().items()}).event is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h | {"Idempotency-Key": '"0190-8"'},
        lambda h: h | {"Content-Type": "application/json"},
        lambda h: h | {"Content-Digest": "sha-256=:AAAA:"},
        lambda h: h | {"Signature-Input": h["Signature-Input"].replace("sluis-push", "other")},
        lambda h: h | {"Signature-Input": h["Signature-Input"].replace(' "idempotency-key"', "")},
        lambda h: h | {"Signature-Input": h["Signature-Input"].replace(' "content-digest"', "")},
        lambda h: h | {"Signature-Input": h["Signature-Input"].replace("expires=1", "expires=2")},
        lambda h: h | {"Signature": "sluis=:AAAA:"},
        lambda h: {name: value for name, value in h.items() if name != "Signature"},
        lambda h: {name: value for name, value in h.items() if name != "Idempotency-Key"},
        lambda h: {name: value for name, value in h.items() if name != "Content-Digest"},
    ],
)
def test_a_changed_header_is_not_genuine(change: Callable[[Headers], Headers]) -> None:
    with pytest.raises(NotGenuine):
        brought(change(signed()))


@pytest.mark.parametrize("url", ["https://partner.test/", "http://partner.test/postvak"])
def test_what_was_signed_for_another_address_is_not_genuine(url: str) -> None:
    with pytest.raises(NotGenuine):
        brought(signed(), url=url)


def test_another_method_is_not_genuine() -> None:
    with pytest.raises(NotGenuine):
        verify("PUT", URL, signed(), BODY, KEYS)


@pytest.mark.parametrize("age", [-3600, -400, 3600])
def test_what_is_old_or_from_the_future_is_not_genuine(age: int) -> None:
    with pytest.raises(NotGenuine):
        brought(signed(created=int(time.time()) + age))


def test_a_stranger_s_signature_is_not_genuine() -> None:
    with pytest.raises(NotGenuine):
        brought(signed(signer=RequestSigner(Ed25519PrivateKey.generate())))


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_no_changed_byte_of_the_body_is_genuine(place: int, by: int) -> None:
    changed = bytearray(BODY)
    changed[place] ^= by
    with pytest.raises(NotGenuine):
        brought(signed(), bytes(changed))


def test_an_error_repeats_nothing_of_what_came() -> None:
    with pytest.raises(NotGenuine) as caught:
        brought(signed() | {"Idempotency-Key": '"geheim-99"'})
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_probe_is_nobody_s() -> None:
    body = b'{"type":"nl.sluis.proef","id":"x"}'
    assert brought(signed(body), body) == Brought("0190-7", None)


def test_keys_of_other_kinds_are_passed_over() -> None:
    other = ECKey.generate_key("P-256").as_dict(private=False)
    assert keys_of({"keys": [other, "x", {}, SIGNER.jwk()]}).keys() == {SIGNER.key_id}
    assert keys_of({}) == {}


@pytest.mark.parametrize(
    "key",
    [
        ECKey.generate_key("P-256"),
        ECKey.generate_key("P-384"),
        OKPKey.generate_key("X25519"),
        RSAKey.generate_key(2048),
    ],
)
def test_what_was_sealed_for_a_key_opens_with_it_alone(key: OpeningKey) -> None:
    sealing = read_encryption_key(key.as_pem(private=False))
    data = json.dumps(EVENT["data"]).encode()
    body = json.dumps(
        EVENT | {"datacontenttype": "application/jose", "data": sealing.seal(data).decode("ascii")}
    ).encode()
    assert b"aantalLeden" not in body
    found = brought(signed(body), body, opens=key)
    assert found.event is not None
    assert found.event.data == EVENT["data"]
    with pytest.raises(Garbled):
        brought(signed(body), body, opens=ECKey.generate_key("P-256"))
    with pytest.raises(Misconfigured, match="encryption"):
        brought(signed(body), body)
