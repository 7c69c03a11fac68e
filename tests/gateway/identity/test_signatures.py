"""The gateway's signature on what it brings, held against the standard and another library."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    MappingKeyResolver,
    algorithms,
)

from gateway.identity.signatures import COVERED, GOOD_FOR_SECONDS, LABEL, TAG, RequestSigner

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CREATED = 1_618_884_473
URL, TYPE = "https://voorbeeld.test/postvak", "application/cloudevents+json"
IDEMPOTENCY, BODY = '"0190-1"', b'{"hello": "world"}'

# RFC 9421, appendix B.1.4 (test-key-ed25519) and B.2.6 (signing a request using ed25519).
RFC_PRIVATE = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
"""
RFC_PUBLIC = b"""-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
"""
RFC_BASE = b"""\
"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@authority": example.com
"content-type": application/json
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length")\
;created=1618884473;keyid="test-key-ed25519\""""
RFC_SIGNATURE = (
    "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
)
# RFC 9530, appendix D (sha-512 there); RFC 9421, B.2 gives this digest of the same body.
RFC_DIGEST = (
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXv"
    "Jwew==:"
)


@dataclass
class Request:
    method: str = "POST"
    url: str = URL
    headers: dict[str, str] = field(default_factory=dict)


def test_the_rfc_vector_is_signed_and_verified_by_the_algorithm_that_we_use() -> None:
    private = load_pem_private_key(RFC_PRIVATE, None)
    assert isinstance(private, Ed25519PrivateKey)
    assert private.sign(RFC_BASE) == b64decode(RFC_SIGNATURE)  # Ed25519 leaves nothing to chance


def test_the_rfc_vector_verifies_by_the_library_that_receivers_use() -> None:
    headers = {
        "Date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "Content-Type": "application/json",
        "Content-Digest": RFC_DIGEST,
        "Content-Length": "18",
        "Signature-Input": 'sig-b26=("date" "@method" "@path" "@authority" "content-type"'
        ' "content-length");created=1618884473;keyid="test-key-ed25519"',
        "Signature": f"sig-b26=:{RFC_SIGNATURE}:",
    }
    request = Request(url="https://example.com/foo?param=Value&Pet=dog", headers=headers)
    key = load_pem_public_key(RFC_PUBLIC)
    verifier = HTTPMessageVerifier(
        signature_algorithm=algorithms.ED25519,
        key_resolver=MappingKeyResolver(
            public_keys={"test-key-ed25519": key},  # type: ignore[dict-item]  # it is Ed25519
            private_keys={},
        ),
    )
    (result,) = verifier.verify(request, max_age=None)
    assert result.parameters["keyid"] == "test-key-ed25519"
    ContentDigest.verify(RFC_DIGEST, BODY)


def test_the_headers_are_what_another_implementation_writes() -> None:
    signer = RequestSigner(KEY)
    theirs = Request(headers={"Content-Type": TYPE, "Idempotency-Key": IDEMPOTENCY})
    HTTPMessageSigner(
        signature_algorithm=algorithms.ED25519,
        key_resolver=MappingKeyResolver(public_keys={}, private_keys={signer.key_id: KEY}),
    ).sign(
        theirs,
        key_id=signer.key_id,
        created=datetime.fromtimestamp(CREATED, UTC),
        expires=datetime.fromtimestamp(CREATED + GOOD_FOR_SECONDS, UTC),
        label=LABEL,
        tag=TAG,
        covered_component_ids=COVERED,
        body=BODY,
    )
    assert signer.headers(URL, TYPE, IDEMPOTENCY, BODY, CREATED) == theirs.headers


def test_golden_headers() -> None:
    headers = RequestSigner(KEY).headers(URL, TYPE, IDEMPOTENCY, BODY, CREATED)
    public = KEY.public_key().public_bytes_raw()
    x = urlsafe_b64encode(public).rstrip(b"=")
    # RFC 8037, 2: the thumbprint of an OKP key; the digest of the body is coreutils'.
    canonical = b'{"crv":"Ed25519","kty":"OKP","x":"%b"}' % x
    kid = urlsafe_b64encode(sha256(canonical).digest()).rstrip(b"=").decode()
    assert headers["Content-Digest"] == "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
    assert headers["Signature-Input"] == (
        'sluis=("@method" "@target-uri" "content-digest" "content-type" "idempotency-key")'
        f';created=1618884473;keyid="{kid}";alg="ed25519";expires=1618884773;tag="sluis-push"'
    )


def test_the_public_key_is_that_of_the_signature_and_no_more() -> None:
    jwk = RequestSigner(KEY).jwk()
    assert jwk["kty"] == "OKP"
    assert "d" not in jwk
    assert (jwk["use"], jwk["alg"]) == ("sig", "EdDSA")


def test_another_key_does_not_verify() -> None:
    public = RequestSigner(KEY)._key.public_key()
    other = Ed25519PrivateKey.generate()
    with pytest.raises(InvalidSignature):
        public.verify(other.sign(b"x"), b"x")
