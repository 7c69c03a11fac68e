"""Access tokens: made by us, for a partner that is there and not suspended, and not expired."""

from __future__ import annotations

import base64
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc.jwk import OKPKey
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.identity.errors import IdentityUnavailableError, InvalidTokenError, Reason
from gateway.identity.signed import sign
from gateway.identity.tokens import AccessTokens, Caller
from gateway.store.partners import resume_partner, suspend_partner
from tests.support.registered import (
    BASE,
    Admission,
    Party,
    hmac_signed,
    segment,
    unsigned,
)

FAR = 4e9


def granted(admission: Admission, key_expires_at: float = FAR) -> str:
    partner = admission.partners.book().partners["dwi"]
    return admission.tokens.issue(partner, key_expires_at).access_token


def reason_of(admission: Admission, token: str) -> Reason:
    with pytest.raises(InvalidTokenError) as raised:
        admission.tokens.verify(token)
    assert token not in str(raised.value) or not token
    return raised.value.reason


def forged(admission: Admission, key: Ed25519PrivateKey | None = None, /, **changes: object) -> str:
    """A token of our form, with other claims or of another's key."""
    kid = admission.tokens.jwks()["keys"][0]["kid"]
    now = int(time.time())
    claims = {
        "iss": BASE,
        "aud": BASE,
        "sub": "dwi",
        "client_id": "dwi",
        "iat": now,
        "exp": now + 60,
        "jti": "x",
        **changes,
    }
    header = {"alg": "EdDSA", "typ": str(claims.pop("typ", "at+jwt")), "kid": kid}
    return sign(header, claims, OKPKey.import_key(key or admission.key))


async def test_a_token_names_its_partner(admission: Admission) -> None:
    assert admission.tokens.verify(granted(admission)) == Caller("dwi", "dwi", "keten")


async def test_a_token_is_of_the_standards_form_and_anybody_can_check_it(
    admission: Admission,
) -> None:
    """RFC 9068, 2; checked with the published key and `cryptography` alone."""
    token = granted(admission)
    head, payload, signature = token.split(".")
    (jwk,) = admission.tokens.jwks()["keys"]

    def raw(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    Ed25519PublicKey.from_public_bytes(raw(jwk["x"])).verify(
        raw(signature), f"{head}.{payload}".encode()
    )
    assert json.loads(raw(head)) == {"alg": "EdDSA", "typ": "at+jwt", "kid": jwk["kid"]}
    claims = json.loads(raw(payload))
    assert claims.keys() == {"iss", "aud", "sub", "client_id", "client_key", "iat", "exp", "jti"}
    assert claims["exp"] - claims["iat"] == 600
    assert "d" not in jwk


async def test_no_two_tokens_are_the_same(admission: Admission) -> None:
    assert granted(admission) != granted(admission)


async def test_an_expired_token_is_refused_also_when_it_is_remembered(
    admission: Admission,
) -> None:
    remembered, new = granted(admission), granted(admission)
    admission.tokens.verify(remembered)
    admission.ahead = 600

    assert reason_of(admission, remembered) is Reason.EXPIRED
    assert reason_of(admission, remembered) is Reason.EXPIRED
    assert reason_of(admission, new) is Reason.EXPIRED


async def test_a_token_never_outlives_the_key_that_it_was_got_with(admission: Admission) -> None:
    partner = admission.partners.book().partners["dwi"]

    token = admission.tokens.issue(partner, time.time() + 30)

    assert 28 <= token.expires_in <= 30
    admission.ahead = 31
    assert reason_of(admission, token.access_token) is Reason.EXPIRED


async def test_a_forged_token_is_refused(admission: Admission) -> None:
    other = Ed25519PrivateKey.generate()
    (jwk,) = admission.tokens.jwks()["keys"]
    head = {"typ": "at+jwt", "kid": jwk["kid"]}
    claims = {"iss": BASE, "aud": BASE, "sub": "dwi", "exp": FAR, "iat": 0}
    good = forged(admission)
    assert admission.tokens.verify(good) == Caller("dwi", "dwi", "keten")

    assert reason_of(admission, forged(admission, other)) is Reason.SIGNATURE
    for alg in ("HS256", "HS512"):
        token = hmac_signed({"alg": alg, **head}, claims, jwk["x"].encode())
        assert reason_of(admission, token) is Reason.SIGNATURE
    assert reason_of(admission, unsigned({"alg": "none", **head}, claims)) is Reason.MALFORMED
    for token in ("", "x", "Bearer", "é", "\ud800", good[:-4] + "AAAA", good.replace(".", "", 1)):
        reason_of(admission, token)
    swapped = f"{good.split('.')[0]}.{segment({**claims, 'sub': 'okt'})}.{good.split('.')[2]}"
    assert reason_of(admission, swapped) is Reason.SIGNATURE


WRONG_CLAIMS: list[tuple[dict[str, object], Reason]] = [
    ({"iss": "https://elders.example"}, Reason.AUDIENCE),
    ({"aud": "https://elders.example"}, Reason.AUDIENCE),
    ({"aud": [BASE]}, Reason.AUDIENCE),
    ({"iat": FAR}, Reason.ISSUED_AT),
    ({"exp": None}, Reason.EXPIRED),
    ({"exp": "9999999999"}, Reason.EXPIRED),
    ({"sub": "onbekend"}, Reason.CLIENT_UNKNOWN),
    ({"sub": None}, Reason.CLIENT_UNKNOWN),
    ({"typ": "JWT"}, Reason.TYPE),
]


async def test_a_token_that_we_would_not_make_is_refused_although_our_key_signed_it(
    admission: Admission,
) -> None:
    for change, reason in WRONG_CLAIMS:
        assert reason_of(admission, forged(admission, **change)) is reason, change


async def test_a_token_of_another_issuer_is_refused(
    admission: Admission, engine: AsyncEngine
) -> None:
    elsewhere = AccessTokens(
        "https://elders.example",
        Ed25519PrivateKey.generate(),
        admission.partners,
        lifetime=600,
    )
    partner = admission.partners.book().partners["dwi"]

    assert reason_of(admission, elsewhere.issue(partner, FAR).access_token) is Reason.TYPE


async def test_a_partners_own_assertion_is_no_access_token(
    admission: Admission, dwi: Party
) -> None:
    assert reason_of(admission, dwi.assertion()) is Reason.TYPE
    assert reason_of(admission, dwi.assertion({"typ": "at+jwt"}, aud=BASE)) is Reason.TYPE


async def test_invariant_02_a_suspended_partners_tokens_stop_at_once(
    admission: Admission, engine: AsyncEngine
) -> None:
    token, unseen = granted(admission), granted(admission)
    admission.tokens.verify(token)

    await suspend_partner(engine, "dwi")
    await admission.partners.refresh()

    assert reason_of(admission, token) is Reason.SUSPENDED
    assert reason_of(admission, unseen) is Reason.SUSPENDED
    await resume_partner(engine, "dwi")
    await admission.partners.refresh()
    assert admission.tokens.verify(token).id == "dwi"


async def test_invariant_09_a_remembered_token_admits_nobody_while_the_partners_are_unknown(
    admission: Admission,
) -> None:
    token = granted(admission)
    admission.tokens.verify(token)
    await admission.partners.stop()
    admission.elapsed_ahead = 2

    with pytest.raises(IdentityUnavailableError):
        admission.tokens.verify(token)


async def test_only_good_tokens_are_remembered_and_only_so_many(admission: Admission) -> None:
    tokens = AccessTokens(BASE, admission.key, admission.partners, lifetime=600, remembered=3)
    partner = admission.partners.book().partners["dwi"]
    for _ in range(10):
        tokens.verify(tokens.issue(partner, FAR).access_token)
        with pytest.raises(InvalidTokenError):
            tokens.verify(forged(admission, Ed25519PrivateKey.generate()))

    assert len(tokens._seen) == 3


async def test_no_token_is_kept_in_clear(admission: Admission) -> None:
    token = granted(admission)
    admission.tokens.verify(token)

    assert token not in repr(vars(admission.tokens))
    assert token.encode() not in repr(admission.tokens._seen).encode()
