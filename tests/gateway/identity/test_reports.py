"""Signed reports: this key signed this text as it stands, or it is no report."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.reports import ReportError, public_jwk, sign_report, verify_report
from tests.support.registered import Party

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
JWK = public_jwk(KEY)
NOW = datetime(2026, 3, 2, 11, tzinfo=UTC)
REPORT = {"partner": "madi", "proeven": [{"id": "token", "uitkomst": "geslaagd"}], "aantal": 1}
SIGNED = sign_report(REPORT, KEY, "sluis/proef", NOW)


def test_it_verifies_and_says_by_whom_and_when() -> None:
    found = verify_report(SIGNED, JWK)
    assert (found.report, found.issuer, found.signed_at) == (REPORT, "sluis/proef", NOW)


def test_another_layout_is_the_same_report() -> None:
    assert verify_report(orjson.dumps(orjson.loads(SIGNED)), JWK).report == REPORT


def test_cryptography_alone_verifies_the_signature() -> None:
    signed, _, signature = json.loads(SIGNED)["handtekening"].rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    KEY.public_key().verify(raw, signed.encode())
    payload = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
    canonical = json.dumps(REPORT, sort_keys=True, separators=(",", ":")).encode()
    assert payload["sha256"] == hashlib.sha256(canonical).hexdigest()


def test_another_key_or_kind_of_key_does_not_verify_it() -> None:
    with pytest.raises(ReportError, match="did not sign"):
        verify_report(SIGNED, public_jwk(Ed25519PrivateKey.generate()))
    with pytest.raises(ReportError, match="another kind"):
        verify_report(SIGNED, Party().public.jwk)
    with pytest.raises(ReportError, match="the key"):
        verify_report(SIGNED, {"kty": "oct", "k": "AAAA"})


@given(st.integers(min_value=0, max_value=len(SIGNED) - 2), st.integers(1, 255))
def test_a_flipped_byte_never_verifies_as_another_report(place: int, change: int) -> None:
    changed = bytearray(SIGNED)
    changed[place] ^= change
    with suppress(ReportError):
        # Where it still verifies, what changed was the layout.
        assert verify_report(bytes(changed), JWK).report == REPORT


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fall_over(content: bytes) -> None:
    with pytest.raises(ReportError):
        verify_report(content, JWK)
