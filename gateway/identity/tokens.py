"""Access tokens: made for a proven partner, and checked on every request (RFC 9068).

A signature costs some 75 microseconds to check, so a token that was found good is remembered, by
its SHA-256 and never as itself, until it expires. A changed book of partners has every remembered
token looked at again: those of a suspended partner, or of a key that was ended, stop at once.
Tokens travel in the Authorization header only; they are written nowhere.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from gateway.identity.binding import CERTIFICATE_MEMBER
from gateway.identity.errors import InvalidTokenError, Reason
from gateway.identity.partners import Book, Partner, PartnerDirectory
from gateway.identity.signed import MalformedError, read_unverified, seconds, sign, text

ALGORITHM = "EdDSA"
TYPE = "at+jwt"
REMEMBERED = 10_000
"""How many good tokens are remembered at most. Forged ones never are."""
LEEWAY_SECONDS = 30
"""How far the clocks of two replicas may be apart."""


class Caller(NamedTuple):
    """The partner that a request comes from, by its token."""

    id: str
    adapter: str
    kind: str
    key: str = ""
    """The id of the key that the token was asked with."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A token, which never shows itself, for whom it is, and the seconds that it is good for."""

    access_token: str = field(repr=False)
    expires_in: int
    caller: Caller


class _Seen(NamedTuple):
    """A token that was found good, under the book that it was last held against."""

    book: Book
    expires_at: float
    caller: Caller
    certificate: str | None = None
    """The thumbprint of the one certificate that it may be shown with, if it is bound."""


class AccessTokens:
    """Makes and checks the tokens of one issuer, whose `base_url` has no slash at its end."""

    def __init__(
        self,
        base_url: str,
        key: Ed25519PrivateKey,
        partners: PartnerDirectory,
        *,
        lifetime: int,
        remembered: int = REMEMBERED,
        now: Callable[[], float] = time.time,
        binds: bool = False,
    ) -> None:
        """`binds`: who has a certificate must show it with every token (RFC 8705)."""
        self.binds = binds
        self._base_url = base_url
        self._key = OKPKey.import_key(key)
        self._kid = self._key.thumbprint()
        self._partners = partners
        self._lifetime = lifetime
        self._remembered = remembered
        self._now = now
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys that tokens are signed with (RFC 7517)."""
        public = self._key.as_dict(private=False, kid=self._kid, alg=ALGORITHM, use="sig")
        return {"keys": [{name: str(value) for name, value in public.items()}]}

    def issue(
        self,
        partner: Partner,
        key_expires_at: float,
        key: str = "",
        certificate: str | None = None,
    ) -> Granted:
        """A token for a partner that proved itself; it never outlives the key it proved with.

        `certificate` is the thumbprint of the one that it may be shown with alone.
        """
        issued = int(self._now())
        expires = min(issued + self._lifetime, int(key_expires_at))
        claims: dict[str, object] = {
            "iss": self._base_url,
            "aud": self._base_url,
            "sub": partner.id,
            "client_id": partner.id,
            "client_key": key,
            "iat": issued,
            "exp": expires,
            "jti": secrets.token_urlsafe(16),
        }
        if certificate is not None:
            claims["cnf"] = {CERTIFICATE_MEMBER: certificate}
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": self._kid}
        caller = Caller(partner.id, partner.adapter, partner.kind, key)
        return Granted(sign(header, claims, self._key), expires - issued, caller)

    def verify(self, token: str, certificate: str | None = None) -> Caller:
        """The partner behind a token; `certificate` is the thumbprint of the connection's.

        Raises `InvalidTokenError`, or `IdentityUnavailableError` while it cannot be known.
        """
        book = self._partners.book()
        name = sha256(token.encode("utf-8", "surrogatepass")).digest()
        seen = self._seen.get(name)
        if seen is None:
            seen = self._examine(token, book)
            self._remember(name, seen)
        elif seen.expires_at <= self._now():
            del self._seen[name]
            raise InvalidTokenError(Reason.EXPIRED)
        elif seen.book is not book:
            seen = seen._replace(book=book, caller=_caller(book, seen.caller.id, seen.caller.key))
            self._seen[name] = seen
        else:
            self._seen.move_to_end(name)
        if seen.certificate is not None and seen.certificate != certificate:
            raise InvalidTokenError(Reason.CERTIFICATE)
        return seen.caller

    def _remember(self, name: bytes, seen: _Seen) -> None:
        self._seen[name] = seen
        if len(self._seen) > self._remembered:
            self._seen.popitem(last=False)

    def _examine(self, token: str, book: Book) -> _Seen:
        try:
            read = read_unverified(token)
        except MalformedError:
            raise InvalidTokenError(Reason.MALFORMED) from None
        if read.type != TYPE or read.kid != self._kid:
            raise InvalidTokenError(Reason.TYPE)
        if not read.is_signed_by(self._key, ALGORITHM):
            raise InvalidTokenError(Reason.SIGNATURE)
        claims, now = read.claims, self._now()
        issued, expires = seconds(claims, "iat"), seconds(claims, "exp")
        if text(claims, "iss") != self._base_url or text(claims, "aud") != self._base_url:
            raise InvalidTokenError(Reason.AUDIENCE)
        if issued is None or issued > now + LEEWAY_SECONDS:
            raise InvalidTokenError(Reason.ISSUED_AT)
        if expires is None or expires <= now:
            raise InvalidTokenError(Reason.EXPIRED)
        caller = _caller(book, text(claims, "sub"), text(claims, "client_key"))
        return _Seen(book, expires, caller, _bound_to(claims))


def _bound_to(claims: Mapping[str, object]) -> str | None:
    """The certificate that a token of ours names; one that cannot be read fits none."""
    confirmation = claims.get("cnf")
    if confirmation is None:
        return None
    named = confirmation.get(CERTIFICATE_MEMBER) if isinstance(confirmation, dict) else None
    return named if isinstance(named, str) else ""


def _caller(book: Book, partner_id: str | None, key: str | None) -> Caller:
    partner = book.partners.get(partner_id or "")
    if partner is None:
        raise InvalidTokenError(Reason.CLIENT_UNKNOWN)
    if partner.is_suspended:
        raise InvalidTokenError(Reason.SUSPENDED)
    if key and key not in partner.keys:
        raise InvalidTokenError(Reason.KEY_UNKNOWN)
    return Caller(partner.id, partner.adapter, partner.kind, key or "")
