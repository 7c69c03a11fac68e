"""A partner's certificate: what it must be, and that nothing it says of itself is believed."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.certificates import UnacceptableCertificateError, read_certificate
from gateway.identity.keys import read_public_key

OIN = "00000099000000010000"
NOW = datetime(2026, 3, 2, 11, tzinfo=UTC)
DAY = timedelta(days=1)
PKIOVERHEID = "2.16.528.1.1003.1.2.5.4"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def name(common: str, number: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if number is not None:
        parts.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, number))
    return x509.Name(parts)


def made(
    key: Key | None = None,
    *,
    number: str | None = OIN,
    issuer: tuple[str, Key] | None = None,
    since: timedelta = -DAY,
    until: timedelta = 90 * DAY,
    is_ca: bool | None = None,
    signs: bool | None = None,
    policy: str | None = None,
    common: str = "MADI",
) -> x509.Certificate:
    key = key or ec.generate_private_key(ec.SECP256R1())
    by, signer = issuer or (common, key)
    subject = name(common, number)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else name(by))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW + since)
        .not_valid_after(NOW + until)
    )
    if is_ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(is_ca, None), critical=True)
    if signs is not None:
        usage = x509.KeyUsage(signs, *[False] * 8)
        builder = builder.add_extension(usage, critical=True)
    if policy is not None:
        stated = x509.PolicyInformation(ObjectIdentifier(policy), None)
        builder = builder.add_extension(x509.CertificatePolicies([stated]), critical=False)
    return builder.sign(signer, SHA256())


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def problems_of(content: bytes, authorities: bytes | None = None) -> str:
    with pytest.raises(UnacceptableCertificateError) as refused:
        read_certificate(content, NOW, authorities)
    return str(refused.value)


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_key_expiry_and_organisation_are_taken_from_it(encoding: Encoding) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = made(key)
    content = certificate.public_bytes(encoding)

    found = read_certificate(content, NOW)

    assert found.oin == OIN
    assert found.expires_at == NOW + 90 * DAY
    der = certificate.public_bytes(Encoding.DER)
    expected = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
    assert found.thumbprint == expected
    assert "CN=MADI" in found.issuer
    assert found.key.algorithm == "ES256"
    assert "EllipticCurve" not in repr(found)


def test_what_it_says_of_pkioverheid_is_told_and_never_taken_for_checked() -> None:
    found = read_certificate(pem(made(policy=PKIOVERHEID)), NOW)
    assert (found.says_pkioverheid, found.is_issued) == (True, False)
    assert not read_certificate(pem(made(policy="1.2.3.4")), NOW).says_pkioverheid


def test_whoever_issued_it_can_write_no_line_of_ours() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = "X\nan authority in ca.pem issued it\x1b[2K"
    assert "X?an authority" in read_certificate(pem(made(issuer=(name, key))), NOW).issuer


def test_an_authority_that_was_given_must_have_issued_it() -> None:
    root = ec.generate_private_key(ec.SECP256R1())
    authority = made(root, number=None, is_ca=True, common="Proef CA")
    issued = made(issuer=("Proef CA", root))
    assert read_certificate(pem(issued), NOW, pem(authority)).is_issued

    stranger = made(issuer=("Proef CA", ec.generate_private_key(ec.SECP256R1())))
    assert "did not issue it" in problems_of(pem(stranger), pem(authority))
    no_authority = made(root, number=None, is_ca=False, common="Proef CA")
    assert "did not issue it" in problems_of(pem(issued), pem(no_authority))
    for_messages = made(root, number=None, is_ca=True, signs=True, common="Proef CA")
    assert "did not issue it" in problems_of(pem(issued), pem(for_messages))
    ended = made(root, number=None, is_ca=True, common="Proef CA", until=-DAY / 2)
    assert "did not issue it" in problems_of(pem(issued), pem(ended))


def test_all_that_is_wrong_with_it_is_told_at_once_and_no_value_of_it() -> None:
    told = problems_of(
        pem(made(number="12345", since=DAY, is_ca=True, signs=False, common="Geheime Naam"))
    )
    for expected in (
        "is no OIN: an OIN has 20 digits",
        "not valid yet",
        "an authority's certificate",
        "digitalSignature",
    ):
        assert expected in told
    assert "12345" not in told
    assert "Geheime" not in told


def test_what_is_no_such_certificate_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert "never leave its owner" in problems_of(private)
    assert "never leave its owner" in problems_of(pem(made(key)) + private)
    assert "BEGIN CERTIFICATE" in problems_of(b"hallo")
    assert "too large" in problems_of(b"0" * 70_000)
    assert "is not there once" in problems_of(pem(made(number=None)))
    assert "has expired" in problems_of(pem(made(until=-DAY / 2)))
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505  # what must be refused
    assert "its key: give a P-256" in problems_of(pem(made(small)))
    assert "authorities are no PEM" in problems_of(pem(made()), b"hallo")


@given(st.binary(max_size=2000))
def test_no_bytes_make_it_fall_over(content: bytes) -> None:
    with pytest.raises(UnacceptableCertificateError):
        read_certificate(content, NOW)


def test_the_key_is_the_one_that_the_partner_would_have_given_by_itself() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    from_certificate = read_certificate(pem(made(key)), NOW).key
    alone = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert from_certificate.kid == read_public_key(alone).kid
