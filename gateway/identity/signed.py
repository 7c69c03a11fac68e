"""Signed tokens (JWS, RFC 7515), read strictly before anything in them is believed (RFC 8725).

Only the compact form, three segments of base64url, a header of a few known members, and an
algorithm that the key's kind dictates: never the one that the token would like (`none`, or HMAC
with a public key as its secret). What asks for more (`crit`, `jwk`, `jku`, ...) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import CompactSignature, JWSRegistry
from joserfc.util import urlsafe_b64decode

Key = ECKey | OKPKey | RSAKey
ALGORITHMS = ("ES256", "EdDSA", "PS256")

_MAX_CHARACTERS = 8192
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_HEADERS = frozenset({"alg", "kid", "typ", "x5t", "x5t#S256"})


class MalformedError(Exception):
    """This is no signed token of the form that we read."""


class _Algorithms(JWSRegistry):
    """Our three algorithms. EdDSA without the warning that its name has a successor (RFC 9864)."""

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError("not one of ours")
        return self.algorithms[name]


_REGISTRY = _Algorithms()


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token that was read. Nothing in it may be believed before `is_signed_by` says so."""

    algorithm: str
    kid: str
    type: str
    claims: Mapping[str, object] = field(repr=False)
    _compact: CompactSignature = field(repr=False)

    def is_signed_by(self, key: Key, algorithm: str) -> bool:
        """Whether the signature is this key's, by the algorithm that goes with the key."""
        if self.algorithm != algorithm:
            return False
        try:
            return jws.validate_compact(self._compact, key, registry=_REGISTRY)
        except (JoseError, ValueError):
            return False


def read_unverified(token: str) -> Unverified:
    """Take a token apart. Raises `MalformedError`."""
    if len(token) > _MAX_CHARACTERS or _COMPACT.fullmatch(token) is None:
        raise MalformedError("no compact signed token")
    try:
        header = orjson.loads(urlsafe_b64decode(token.partition(".")[0].encode("ascii")))
        # Before joserfc sees it: a header that is no object, or names extensions, stops here.
        if not isinstance(header, dict) or not header.keys() <= _HEADERS:
            raise MalformedError("header")
        if not all(isinstance(value, str) for value in header.values()):
            raise MalformedError("header")
        compact = jws.extract_compact(token.encode("ascii"), registry=_REGISTRY)
        # orjson bounds depth, and knows no NaN; the standard parser would do neither.
        claims = orjson.loads(compact.payload)
    except (JoseError, ValueError) as error:
        raise MalformedError("not decodable") from error
    if not isinstance(claims, dict):
        raise MalformedError("claims")
    return Unverified(
        algorithm=header["alg"],
        kid=header.get("kid", ""),
        type=header.get("typ", "").lower(),
        claims=claims,
        _compact=compact,
    )


def sign(header: Mapping[str, str], claims: Mapping[str, object], key: Key) -> str:
    """A compact signed token; the header names the algorithm."""
    return jws.serialize_compact(dict(header), orjson.dumps(claims), key, registry=_REGISTRY)


def seconds(claims: Mapping[str, object], name: str) -> float | None:
    """A claim that is a NumericDate (RFC 7519, 2), else None."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def text(claims: Mapping[str, object], name: str) -> str | None:
    """A claim that is a text, else None."""
    value = claims.get(name)
    return value if isinstance(value, str) else None
