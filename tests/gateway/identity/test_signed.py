"""Signed tokens: read strictly, and believed only under the key's own algorithm."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from gateway.identity.keys import from_jwk
from gateway.identity.signed import MalformedError, read_unverified, seconds, sign
from tests.support.registered import Party, base64url, hmac_signed, segment, unsigned

PARTIES = [
    Party(key=ec.generate_private_key(ec.SECP256R1())),
    Party(key=ed25519.Ed25519PrivateKey.generate()),
    Party(key=rsa.generate_private_key(65537, 2048)),
]
DWI = PARTIES[0]
HEAD = segment({"alg": "ES256"})
NOT_A_NUMBER = b'{"exp": NaN}'


@pytest.mark.parametrize("party", PARTIES, ids=lambda party: party.public.algorithm)
def test_a_signature_made_elsewhere_is_good_under_its_own_key_alone(party: Party) -> None:
    read = read_unverified(party.assertion())

    assert read.is_signed_by(party.public.key, party.public.algorithm)
    assert read.claims["iss"] == "dwi"
    for other in (*PARTIES, Party()):
        if other is not party:
            assert not read.is_signed_by(other.public.key, other.public.algorithm)


# RFC 7515, A.3: a token signed with ES256, and the key.
RFC_7515_TOKEN = (
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
    "bS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKT"
    "UJqPP3-Kg6NU1Q"
)
RFC_7515_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}


def test_the_example_of_the_standard_is_good() -> None:
    read = read_unverified(RFC_7515_TOKEN)

    assert read.is_signed_by(from_jwk(RFC_7515_KEY).key, "ES256")
    assert read.claims == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}


def test_no_algorithm_but_the_keys_own_is_believed() -> None:
    claims = DWI.claims()
    pem, x = DWI.pem, DWI.public.jwk["x"].encode()
    tokens = [
        hmac_signed({"alg": name, "kid": DWI.kid}, claims, secret)
        for name in ("HS256", "HS384", "HS512")
        for secret in (pem, pem.strip(), x)
    ]
    # A signature that is there, so that the form is right, under a name that means none.
    tokens += [
        DWI.assertion({"alg": name})
        for name in ("none", "None", "ES384", "RS256", "Ed25519", "ES256K", "dir", "")
    ]
    for token in tokens:
        read = read_unverified(token)
        assert not read.is_signed_by(DWI.public.key, "ES256")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "a.b.c.d",
        unsigned({"alg": "none"}, DWI.claims()),
        DWI.assertion() + "=",
        DWI.assertion() + "\n",
        " " + DWI.assertion(),
        DWI.assertion(padding="x" * 9000),
        DWI.sign(f"{segment([])}.{segment({})}"),
        DWI.sign(f"{segment(['alg'])}.{segment({})}"),
        DWI.sign(f"{segment('alg')}.{segment({})}"),
        DWI.sign(f"{segment(5)}.{segment({})}"),
        DWI.sign(f"{segment({'kid': 'x'})}.{segment({})}"),
        DWI.sign(f"{HEAD}.{segment([])}"),
        DWI.sign(f"{HEAD}.{base64url(b'{')}"),
        DWI.sign(f"{HEAD}.{base64url(b'[' * 5000)}"),
        DWI.sign(f"{HEAD}.{base64url(NOT_A_NUMBER)}"),
        DWI.sign(f"{base64url(b'[' * 360)}.{segment({})}"),
        DWI.assertion({"alg": ["ES256"]}),
        DWI.assertion({"kid": {"a": 1}}),
        DWI.assertion({"crit": ["exp"]}),
        DWI.assertion({"b64": False, "crit": ["b64"]}),
        DWI.assertion({"jwk": dict(DWI.public.jwk)}),
        DWI.assertion({"jku": "https://example.org/keys"}),
        DWI.assertion({"kid": "k" * 600}),
    ],
    ids=range(25),
)
def test_what_is_not_of_the_strict_form_is_malformed(token: str) -> None:
    with pytest.raises(MalformedError):
        read_unverified(token)


@given(st.text(alphabet="abAZ09-_.=+/ \n\x00é", max_size=60) | st.text(max_size=40))
def test_no_text_brings_down_the_reader(token: str) -> None:
    with pytest.raises(MalformedError):
        read_unverified(token)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
    st.recursive(
        st.none() | st.booleans() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["alg", "kid", "b"]), inner)
        ),
        max_leaves=6,
    ),
)
def test_no_header_or_claims_bring_down_the_reader(claims: object, header: object) -> None:
    token = DWI.sign(f"{segment(header)}.{segment(claims)}")
    try:
        read = read_unverified(token)
    except MalformedError:
        return
    assert isinstance(header, dict)
    assert isinstance(claims, dict)
    assert read.is_signed_by(DWI.public.key, "ES256") == (header["alg"] == "ES256")


TOKEN = DWI.assertion()


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("ABCxyz019-_"))
def test_a_changed_character_never_verifies(at: int, character: str) -> None:
    changed = TOKEN[:at] + character + TOKEN[at + 1 :]
    try:
        read = read_unverified(changed)
    except MalformedError:
        return
    assert read.is_signed_by(DWI.public.key, "ES256") == (changed == TOKEN)


def test_what_is_signed_here_is_read_elsewhere() -> None:
    party = PARTIES[1]
    assert isinstance(party.key, ed25519.Ed25519PrivateKey)
    key = OKPKey.import_key(party.key)
    token = sign({"alg": "EdDSA"}, {"sub": "dwi"}, key)

    header, payload, signature = token.split(".")
    party.key.public_key().verify(
        base64.urlsafe_b64decode(signature + "=="), f"{header}.{payload}".encode()
    )
    assert json.loads(base64.urlsafe_b64decode(payload + "==")) == {"sub": "dwi"}


@pytest.mark.parametrize("value", [None, True, "1", [1], {}])
def test_a_moment_is_a_number(value: object) -> None:
    assert seconds({"exp": value}, "exp") is None
    assert seconds({}, "exp") is None
    assert seconds({"exp": 1}, "exp") == seconds({"exp": 1.0}, "exp") == 1.0
