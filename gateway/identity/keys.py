"""Which public keys a partner may register, and the one algorithm that goes with each.

P-256 signs ES256, Ed25519 signs EdDSA, RSA from 2048 bits signs PS256. The algorithm hangs on the
key, not on what a token says (RFC 8725, 3.1). A private key that is offered is refused loudly: it
left its owner, and is lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from gateway.identity.signed import Key

_KID = re.compile(r"[A-Za-z0-9_.:~-]{1,128}")
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_RSA_BITS = range(2048, 8193)  # more would let one signature keep the gateway busy
_MAX_BYTES = 65_536


class UnacceptableKeyError(Exception):
    """This cannot be a partner's public key; the message says what can."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that may be registered, with the id that assertions name it by (`kid`)."""

    kid: str
    algorithm: str
    jwk: Mapping[str, str]
    key: Key = field(repr=False)


def read_public_key(content: bytes) -> PublicKey:
    """A public key from a PEM file or a JWK. Raises `UnacceptableKeyError`."""
    if len(content) > _MAX_BYTES:
        raise UnacceptableKeyError("the file is too large to be a key")
    if content.lstrip()[:1] == b"{":
        return _from_json(content)
    if b"PRIVATE KEY-----" in content:
        raise UnacceptableKeyError(_PRIVATE)
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise UnacceptableKeyError("give a public key as PEM (BEGIN PUBLIC KEY) or JWK") from None
    return _public_key(key, None)


def from_jwk(jwk: Mapping[str, object]) -> PublicKey:
    """A public key from a JWK (RFC 7517). Raises `UnacceptableKeyError`."""
    if _PRIVATE_MEMBERS & jwk.keys():
        raise UnacceptableKeyError(_PRIVATE)
    if jwk.get("use", "sig") != "sig":
        raise UnacceptableKeyError("use must be sig, or absent")
    kid = jwk.get("kid")
    if kid is not None and (not isinstance(kid, str) or _KID.fullmatch(kid) is None):
        raise UnacceptableKeyError("kid must be 1 to 128 letters, digits or - _ . : ~")
    # Only what makes the key: joserfc would hold key_ops and the like against a good signature.
    bare = {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}
    if not all(isinstance(value, str) for value in bare.values()):
        raise UnacceptableKeyError("a JWK's members are text")
    try:
        key = import_key(bare)  # type: ignore[arg-type]  # all values were found to be text
    except (JoseError, ValueError, KeyError, TypeError):
        raise UnacceptableKeyError("this JWK holds no key that can be read") from None
    if not isinstance(key, ECKey | OKPKey | RSAKey):
        raise UnacceptableKeyError(_KINDS)
    public = _public_key(key.public_key, kid)
    designed = jwk.get("alg", public.algorithm)
    if designed != public.algorithm:
        raise UnacceptableKeyError(f"alg must be {public.algorithm} for this kind of key")
    return public


def _from_json(content: bytes) -> PublicKey:
    try:
        jwk = json.loads(content)
    except (ValueError, RecursionError):
        raise UnacceptableKeyError("the JWK is not readable as JSON") from None
    if "keys" in jwk:
        raise UnacceptableKeyError("this is a set of keys; give one JWK")
    return from_jwk(jwk)


def _public_key(key: object, kid: str | None) -> PublicKey:
    found: Key
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        found, algorithm = ECKey.import_key(key), "ES256"
    elif isinstance(key, Ed25519PublicKey):
        found, algorithm = OKPKey.import_key(key), "EdDSA"
    elif isinstance(key, RSAPublicKey) and key.key_size in _RSA_BITS:
        found, algorithm = RSAKey.import_key(key), "PS256"
    else:
        raise UnacceptableKeyError(_KINDS)
    jwk = {name: str(value) for name, value in found.as_dict(private=False).items()}
    # RFC 7638: a key without a name of its own is named by its thumbprint, on both sides alike.
    kid = kid or found.thumbprint()
    return PublicKey(kid, algorithm, {**jwk, "kid": kid, "alg": algorithm, "use": "sig"}, found)


_KINDS = "give a P-256, Ed25519 or RSA (2048 to 8192 bits) key"
_PRIVATE = "this is a private key: it must never leave its owner, who should now make a new one"
