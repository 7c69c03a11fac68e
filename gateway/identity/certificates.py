"""A partner's X.509 certificate: read before it is registered, and told as what it says of itself.

In the Dutch government's chains the OIN stands in the subject's serialNumber (Logius, OIN-stelsel;
PKIoverheid Programme of Requirements). Key and expiry are taken from the certificate. That it says
it was issued under PKIoverheid is repeated and no more: whether it was, only the authorities that
the operator hands over can show. Everything that is wrong is told at once (RFC 5280).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import MD5, SHA1
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from gateway.identity.binding import thumbprint
from gateway.identity.keys import PublicKey, UnacceptableKeyError, read_public_key
from gateway.identity.oin import InvalidOinError, check_oin

_PKIOVERHEID = "2.16.528.1.1003.1."
_MAX_BYTES = 65_536
_OLD_HASHES = (MD5, SHA1)
_NOT_READABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


class UnacceptableCertificateError(Exception):
    """This cannot be a partner's certificate; `problems` says why, one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says, and how it is named by its thumbprint (`x5t#S256`, RFC 8705).

    `says_pkioverheid`: a policy of that programme stands in it. `is_issued`: the authorities that
    were given issued it.
    """

    oin: str
    issuer: str
    expires_at: datetime
    thumbprint: str
    says_pkioverheid: bool
    is_issued: bool
    key: PublicKey = field(repr=False)


def read_certificate(
    content: bytes, now: datetime, authorities: bytes | None = None
) -> Certificate:
    """A certificate from a PEM or DER file.

    `authorities`, PEM, are all those that may have issued it: each is trusted as it is.

    Raises `UnacceptableCertificateError`.
    """
    found = _read(content)
    problems: list[str] = []
    oin, key = _oin_of(found, problems), _key_of(found, problems)
    problems += _form_problems(found, now)
    is_issued = False
    if authorities is not None:
        trusted = _read_all(authorities)
        is_issued = any(_has_issued(one, found, now) for one in trusted)
        if not is_issued:
            problems.append("the authorities that were given did not issue it")
    if problems or oin is None or key is None:
        raise UnacceptableCertificateError(problems)
    return Certificate(
        oin,
        _one_line(found.issuer.rfc4514_string({NameOID.SERIAL_NUMBER: "serialNumber"})),
        found.not_valid_after_utc,
        thumbprint(found.public_bytes(Encoding.DER)),
        any(policy.startswith(_PKIOVERHEID) for policy in _policies(found)),
        is_issued,
        key,
    )


def _read(content: bytes) -> x509.Certificate:
    if len(content) > _MAX_BYTES:
        raise UnacceptableCertificateError(["the file is too large to be a certificate"])
    if b"PRIVATE KEY-----" in content:
        raise UnacceptableCertificateError(
            ["a private key is in it: it must never leave its owner, who should now make a new one"]
        )
    try:
        if b"-----BEGIN" in content:
            return _whole(x509.load_pem_x509_certificate(content))
        return _whole(x509.load_der_x509_certificate(content))
    except _NOT_READABLE:
        raise UnacceptableCertificateError(
            ["give an X.509 certificate as PEM (BEGIN CERTIFICATE) or DER"]
        ) from None


def _whole(found: x509.Certificate) -> x509.Certificate:
    """The certificate, every part of which can be read: the library looks at each when asked."""
    for part in ("subject", "issuer", "extensions", "signature_hash_algorithm"):
        getattr(found, part)
    _ = found.not_valid_before_utc, found.not_valid_after_utc
    return found


def _read_all(content: bytes) -> list[x509.Certificate]:
    try:
        return [_whole(one) for one in x509.load_pem_x509_certificates(content)]
    except _NOT_READABLE:
        raise UnacceptableCertificateError(
            ["the authorities are no PEM file of certificates"]
        ) from None


def _oin_of(found: x509.Certificate, problems: list[str]) -> str | None:
    numbers = found.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    if len(numbers) != 1:
        problems.append("the subject's serialNumber, where the OIN stands, is not there once")
        return None
    try:
        return check_oin(str(numbers[0].value))
    except InvalidOinError as error:
        problems.append(f"the subject's serialNumber is no OIN: {error}")
        return None


def _key_of(found: x509.Certificate, problems: list[str]) -> PublicKey | None:
    try:
        pem = found.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return read_public_key(pem)
    except (UnacceptableKeyError, ValueError, UnsupportedAlgorithm) as error:
        told = str(error) if isinstance(error, UnacceptableKeyError) else "it cannot be read"
        problems.append(f"its key: {told}")
        return None


def _form_problems(found: x509.Certificate, now: datetime) -> list[str]:
    problems: list[str] = []
    if now < found.not_valid_before_utc:
        problems.append("it is not valid yet")
    if now >= found.not_valid_after_utc:
        problems.append("it has expired")
    if isinstance(found.signature_hash_algorithm, _OLD_HASHES):
        problems.append("it is signed with MD5 or SHA-1")
    try:
        basic = found.extensions.get_extension_for_class(x509.BasicConstraints).value
        if basic.ca:
            problems.append("it is an authority's certificate and no organisation's")
    except x509.ExtensionNotFound:
        pass
    try:
        usage = found.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.digital_signature:
            problems.append("its key is not meant for signing (keyUsage digitalSignature)")
    except x509.ExtensionNotFound:
        pass
    return problems


def _one_line(name: str) -> str:
    """A name that its maker chose, for a screen: no line of ours can be forged with it."""
    return "".join(one if one.isprintable() else "?" for one in name)


def _policies(found: x509.Certificate) -> list[str]:
    try:
        policies = found.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return []
    return [one.policy_identifier.dotted_string for one in policies]


def _has_issued(authority: x509.Certificate, below: x509.Certificate, now: datetime) -> bool:
    if not authority.not_valid_before_utc <= now < authority.not_valid_after_utc:
        return False
    try:
        basic = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
        below.verify_directly_issued_by(authority)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return basic.ca and _may_sign_others(authority)


def _may_sign_others(authority: x509.Certificate) -> bool:
    """RFC 5280, 4.2.1.3: where its use is stated, issuing must be among it."""
    try:
        usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.key_cert_sign
