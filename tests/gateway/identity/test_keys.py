"""Which keys a partner may register."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc.jwk import ECKey, OctKey

from gateway.identity.keys import UnacceptableKeyError, from_jwk, read_public_key

# RFC 7638, 3.1: the example key and its thumbprint.
RFC_7638_N = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP"
    "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY"
    "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f"
    "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
)
RFC_7638_THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def pem_of(key: object) -> bytes:
    public = key.public_key()  # type: ignore[attr-defined]  # every private key has one
    return bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def test_a_key_is_named_by_its_thumbprint() -> None:
    public = from_jwk({"kty": "RSA", "n": RFC_7638_N, "e": "AQAB"})

    assert public.kid == RFC_7638_THUMBPRINT
    assert public.algorithm == "PS256"


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
        (rsa.generate_private_key(65537, 2048), "PS256"),
    ],
)
def test_the_kind_of_key_names_the_algorithm(key: object, algorithm: str) -> None:
    public = read_public_key(pem_of(key))

    assert public.algorithm == algorithm
    # What is stored, as JSON, makes the same key again.
    again = from_jwk(json.loads(json.dumps(public.jwk)))
    assert (again.kid, again.algorithm, again.jwk) == (public.kid, algorithm, public.jwk)


def test_a_jwk_keeps_the_name_that_its_owner_gave_it() -> None:
    jwk = ECKey.generate_key("P-256").as_dict(private=False)

    public = read_public_key(json.dumps({**jwk, "kid": "dwi-2013", "key_ops": ["verify"]}).encode())

    assert public.kid == public.jwk["kid"] == "dwi-2013"
    assert "key_ops" not in public.jwk


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed448.Ed448PrivateKey.generate(),
        x25519.X25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 1024),  # noqa: S505 - too short, on purpose
        dsa.generate_private_key(2048),
    ],
)
def test_another_kind_of_key_is_refused(key: object) -> None:
    with pytest.raises(UnacceptableKeyError):
        read_public_key(pem_of(key))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"geen sleutel",
        b"{",
        b"{" * 10_000,
        b'{"keys": []}',
        b"{}",
        b'{"kty": "EC", "crv": "P-256", "x": 1, "y": 2}',
        b'{"kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ"}',
        json.dumps(OctKey.generate_key(256).as_dict()).encode(),
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"x" * 70_000,
    ],
    ids=lambda content: f"{len(content)} bytes",
)
def test_what_is_no_key_is_refused(content: bytes) -> None:
    with pytest.raises(UnacceptableKeyError):
        read_public_key(content)


@pytest.mark.parametrize(
    "change", [{"use": "enc"}, {"alg": "ES384"}, {"alg": "none"}, {"kid": "a b"}, {"kid": 7}]
)
def test_a_jwk_for_something_else_is_refused(change: dict[str, object]) -> None:
    jwk = ECKey.generate_key("P-256").as_dict(private=False)

    with pytest.raises(UnacceptableKeyError):
        from_jwk({**jwk, **change})


def test_a_private_key_is_refused_loudly() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    jwk = json.dumps(ECKey.import_key(key).as_dict(private=True)).encode()

    for content in (pem, jwk):
        with pytest.raises(UnacceptableKeyError, match="never leave its owner"):
            read_public_key(content)
