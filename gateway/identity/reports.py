"""Signed reports: what the gateway's key vouches for outside its log (RFC 7515, RFC 8785 order).

The signature is over the SHA-256 of the report's canonical bytes, so the report beside it stays
plain to read and may grow beyond what a compact token holds. A key of its own: it can be told to a
partner, and signs nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from gateway.identity.keys import PublicKey, UnacceptableKeyError, from_jwk
from gateway.identity.signed import MalformedError, read_unverified, seconds, sign, text

TYPE = "sluis-verslag+jwt"
_ALGORITHM = "EdDSA"
_MAX_BYTES = 1024 * 1024
_REPORT, _SIGNATURE = "verslag", "handtekening"


class ReportError(Exception):
    """This is no report that this key vouches for; the message says which rule it breaks."""


@dataclass(frozen=True, slots=True)
class SignedReport:
    """A report that was verified, who issued it and when."""

    report: Mapping[str, object]
    issuer: str
    signed_at: datetime


def sign_report(
    report: Mapping[str, object], key: Ed25519PrivateKey, issuer: str, now: datetime
) -> bytes:
    """The report with the signature under it, as a file."""
    private = OKPKey.import_key(key)
    header = {"alg": _ALGORITHM, "typ": TYPE, "kid": private.thumbprint()}
    claims = {"iss": issuer, "iat": int(now.timestamp()), "sha256": _digest(report)}
    document = {_REPORT: report, _SIGNATURE: sign(header, claims, private)}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def public_jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    """The key by which others verify it (RFC 7517)."""
    public = OKPKey.import_key(key.public_key())
    told = public.as_dict(private=False, kid=public.thumbprint(), alg=_ALGORITHM, use="sig")
    return {name: str(value) for name, value in told.items()}


def verify_report(document: bytes, jwk: Mapping[str, object]) -> SignedReport:
    """The report in a file, if this key signed it as it stands. Raises `ReportError`."""
    key, read = _key(jwk), _read(document)
    report, signature = read.get(_REPORT), read.get(_SIGNATURE)
    if not isinstance(report, dict) or not isinstance(signature, str):
        raise ReportError(f"it lacks {_REPORT} or {_SIGNATURE}")
    try:
        token = read_unverified(signature)
    except MalformedError:
        raise ReportError("its signature cannot be read") from None
    if token.type != TYPE or not token.is_signed_by(key.key, _ALGORITHM):
        raise ReportError("this key did not sign it")
    if not hmac.compare_digest(text(token.claims, "sha256") or "", _digest(report)):
        raise ReportError("it was changed after it was signed")
    signed_at = datetime.fromtimestamp(seconds(token.claims, "iat") or 0, UTC)
    return SignedReport(report, text(token.claims, "iss") or "", signed_at)


def _digest(report: Mapping[str, object]) -> str:
    return hashlib.sha256(orjson.dumps(report, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _key(jwk: Mapping[str, object]) -> PublicKey:
    try:
        key = from_jwk(jwk)
    except UnacceptableKeyError as error:
        raise ReportError(f"the key: {error}") from None
    if key.algorithm != _ALGORITHM:
        raise ReportError("reports are signed with Ed25519, and this is another kind of key")
    return key


def _read(document: bytes) -> Mapping[str, object]:
    if len(document) > _MAX_BYTES:
        raise ReportError("it is too large to be a report")
    try:
        read = orjson.loads(document)
    except ValueError:
        raise ReportError("it is not readable as JSON") from None
    if not isinstance(read, dict):
        raise ReportError("it is no report")
    return read
