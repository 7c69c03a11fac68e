"""Sealing for a recipient that registered an encryption key: JWE, compact (RFC 7516, 7518).

P-256, P-384 and X25519 keys agree by ECDH-ES+A256KW, RSA keys by RSA-OAEP-256; the content goes
under A256GCM with a key of its own each time. The algorithm hangs on the key. A private key that
is offered is refused loudly, as with signing keys: it left its owner.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from gateway.identity.keys import UnacceptableKeyError

ENCRYPTION = "A256GCM"
_MAX_BYTES = 65_536
_RSA_BITS = range(2048, 8193)
_CURVES = frozenset({"P-256", "P-384", "X25519"})
_PUBLIC = ("kty", "crv", "x", "y", "n", "e")
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_REFUSED_PRIVATE = "this is a private key: it must never leave its owner, who should make a new one"
_KINDS = "give a P-256, P-384, X25519 or RSA (2048 to 8192 bits) key"


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A recipient's public key; `jwk` is what is registered of it, with `kid`, `alg` and `use`."""

    kid: str
    algorithm: str
    jwk: Mapping[str, str]
    key: ECKey | OKPKey | RSAKey = field(repr=False)

    def seal(self, data: bytes, media_type: str = "application/json") -> bytes:
        """The data as a compact JWE, which only the recipient can open."""
        header = {"alg": self.algorithm, "enc": ENCRYPTION, "kid": self.kid, "cty": media_type}
        algorithms = [self.algorithm, ENCRYPTION]
        return jwe.encrypt_compact(header, data, self.key, algorithms=algorithms).encode("ascii")


def read_encryption_key(content: bytes) -> EncryptionKey:
    """A public key from a PEM file or a JWK, tried out. Raises `UnacceptableKeyError`.

    Some have the form of a key and seal nothing (a point of small order on X25519): registered,
    every hand-over to their owner would fail.
    """
    found = _read(content)
    try:
        found.seal(b"{}")
    except (ValueError, JoseError):
        raise UnacceptableKeyError("nothing can be sealed for this key") from None
    return found


def _read(content: bytes) -> EncryptionKey:
    if len(content) > _MAX_BYTES:
        raise UnacceptableKeyError("the file is too large to be a key")
    if content.lstrip()[:1] == b"{":
        try:
            jwk = json.loads(content)
        except (ValueError, RecursionError):
            raise UnacceptableKeyError("the JWK is not readable as JSON") from None
        if "keys" in jwk:
            raise UnacceptableKeyError("this is a set of keys; give one JWK")
        return encryption_key(jwk)
    if b"PRIVATE KEY-----" in content:
        raise UnacceptableKeyError(_REFUSED_PRIVATE)
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise UnacceptableKeyError("give a public key as PEM (BEGIN PUBLIC KEY) or JWK") from None
    for kind in (ECKey, OKPKey, RSAKey):
        try:
            found = kind.import_key(key)  # type: ignore[arg-type]  # another kind raises
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
        return _accepted(found, None)
    raise UnacceptableKeyError(_KINDS)


def encryption_key(jwk: Mapping[str, object]) -> EncryptionKey:
    """A public key from a JWK. Raises `UnacceptableKeyError`."""
    if jwk.keys() & _PRIVATE:
        raise UnacceptableKeyError(_REFUSED_PRIVATE)
    if jwk.get("use", "enc") != "enc":
        raise UnacceptableKeyError("use must be enc, or absent: signing keys do not seal")
    kid = jwk.get("kid")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= 128 and kid.isprintable()):
        raise UnacceptableKeyError("kid must be a short text")
    bare = {name: jwk[name] for name in _PUBLIC if name in jwk}
    if not all(isinstance(value, str) for value in bare.values()):
        raise UnacceptableKeyError("a JWK's members are text")
    try:
        key = import_key(bare)  # type: ignore[arg-type]  # all values were found to be text
    except (JoseError, ValueError, KeyError, TypeError):
        raise UnacceptableKeyError("this JWK holds no key that can be read") from None
    if not isinstance(key, ECKey | OKPKey | RSAKey):
        raise UnacceptableKeyError(_KINDS)
    found = _accepted(key, kid)
    if jwk.get("alg", found.algorithm) != found.algorithm:
        raise UnacceptableKeyError(f"alg must be {found.algorithm} for this kind of key")
    return found


def _accepted(key: ECKey | OKPKey | RSAKey, kid: str | None) -> EncryptionKey:
    if isinstance(key, RSAKey):
        is_good, algorithm = key.public_key.key_size in _RSA_BITS, "RSA-OAEP-256"
    else:
        is_good, algorithm = key.curve_name in _CURVES, "ECDH-ES+A256KW"
    if not is_good:
        raise UnacceptableKeyError(_KINDS)
    kid = kid or key.thumbprint()
    public = {name: str(value) for name, value in key.as_dict(private=False).items()}
    jwk = {**public, "kid": kid, "alg": algorithm, "use": "enc"}
    return EncryptionKey(kid, algorithm, jwk, key)
