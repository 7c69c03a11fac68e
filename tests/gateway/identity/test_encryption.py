"""Which keys may be sealed for, and that what is sealed is a JWE that others read."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from gateway.identity.encryption import encryption_key, read_encryption_key
from gateway.identity.keys import UnacceptableKeyError

Key = ECKey | OKPKey | RSAKey
GOOD: list[tuple[Key, str]] = [
    (ECKey.generate_key("P-256"), "ECDH-ES+A256KW"),
    (ECKey.generate_key("P-384"), "ECDH-ES+A256KW"),
    (OKPKey.generate_key("X25519"), "ECDH-ES+A256KW"),
    (RSAKey.generate_key(2048), "RSA-OAEP-256"),
]


@pytest.mark.parametrize(("key", "algorithm"), GOOD)
def test_the_algorithm_hangs_on_the_key(key: Key, algorithm: str) -> None:
    from_pem = read_encryption_key(key.as_pem(private=False))
    from_jwk = read_encryption_key(json.dumps(key.as_dict(private=False)).encode())
    assert from_pem.jwk == from_jwk.jwk
    assert (from_pem.algorithm, from_pem.jwk["use"]) == (algorithm, "enc")
    header = json.loads(urlsafe_b64decode(from_pem.seal(b"{}").split(b".")[0] + b"=="))
    assert (header["alg"], header["enc"]) == (algorithm, "A256GCM")
    assert header["kid"] == from_pem.kid == key.thumbprint()


def raw(text: str | bytes) -> bytes:
    told = text if isinstance(text, bytes) else text.encode()
    return urlsafe_b64decode(told + b"=" * (-len(told) % 4))


def content_key(key: ECKey | RSAKey, head: dict[str, Any], wrapped: bytes) -> bytes:
    """RFC 7518, 4.3 and 4.6, by the primitives alone."""
    assert key.private_key is not None
    if isinstance(key, RSAKey):
        oaep = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)
        return key.private_key.decrypt(wrapped, oaep)
    x, y = (int.from_bytes(raw(head["epk"][name])) for name in ("x", "y"))
    theirs = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    shared = key.private_key.exchange(ec.ECDH(), theirs)
    name = head["alg"].encode()
    info = len(name).to_bytes(4) + name + bytes(8) + (256).to_bytes(4)
    return aes_key_unwrap(ConcatKDFHash(SHA256(), 32, info).derive(shared), wrapped)


@pytest.mark.parametrize("key", [GOOD[0][0], GOOD[3][0]])
def test_it_opens_by_the_standard_s_own_steps(key: ECKey | RSAKey) -> None:
    sealed = read_encryption_key(key.as_pem(private=False)).seal(b'{"a":1}')
    head, wrapped, nonce, content, tag = sealed.split(b".")
    opened = content_key(key, json.loads(raw(head)), raw(wrapped))
    assert AESGCM(opened).decrypt(raw(nonce), raw(content) + raw(tag), head) == b'{"a":1}'


def test_no_two_sealings_are_alike() -> None:
    sealing = read_encryption_key(GOOD[0][0].as_pem(private=False))
    assert sealing.seal(b"{}") != sealing.seal(b"{}")


@pytest.mark.parametrize("key", [key for key, _ in GOOD])
def test_a_private_key_is_refused_loudly(key: Key) -> None:
    for content in (key.as_pem(private=True), json.dumps(key.as_dict(private=True)).encode()):
        with pytest.raises(UnacceptableKeyError, match="private"):
            read_encryption_key(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no key",
        b"{",
        b"{}",
        b'{"keys": []}',
        b'{"kty": 1}',
        b'{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}',
        b"x" * 70_000,
        b'{"kty": "OKP", "crv": "X25519", "x": "' + b"A" * 43 + b'"}',
        b'{"kty": "RSA", "n": "' + b"w" + b"A" * 341 + b'", "e": "AQAB"}',
        OKPKey.generate_key("Ed25519").as_pem(private=False),
        ECKey.generate_key("P-521").as_pem(private=False),
        json.dumps({**GOOD[0][0].as_dict(private=False), "use": "sig"}).encode(),
        json.dumps({**GOOD[0][0].as_dict(private=False), "alg": "ES256"}).encode(),
        json.dumps({**GOOD[0][0].as_dict(private=False), "kid": ""}).encode(),
    ],
)
def test_what_cannot_be_sealed_for_is_refused(content: bytes) -> None:
    with pytest.raises(UnacceptableKeyError):
        read_encryption_key(content)


def test_a_shared_secret_is_no_public_key() -> None:
    with pytest.raises(UnacceptableKeyError):
        encryption_key(OctKey.generate_key(256).as_dict(private=True))
