"""Client authentication by a signed assertion: `private_key_jwt` (RFC 7521, RFC 7523).

Authlib walks the method (which client, which key, which order); the rules it leaves to its user
are here, and the ones that it holds loosely are tightened: the algorithm hangs on the key, `kid`
must name a key of this very client, `aud` must be this token endpoint or issuer and nothing else,
an assertion lives 300 seconds at most, and each `jti` is taken once over all replicas (NL GOV
Assurance profile for OAuth 2.0).
"""

from __future__ import annotations

import hmac
import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin  # type: ignore[import-untyped]  # it has no types
from authlib.oauth2.rfc7523 import (  # type: ignore[import-untyped]  # it has no types
    JWTBearerClientAssertion,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.identity.errors import IdentityUnavailableError, InvalidClientError, Reason
from gateway.identity.partners import KnownKey, Partner
from gateway.identity.signed import MalformedError, Unverified, read_unverified, seconds, text
from gateway.store.assertions import spend, sweep
from gateway.store.away import DATABASE_AWAY

LONGEST_SECONDS = 300
LEEWAY_SECONDS = 30
"""How far a partner's clock may be off."""
METHOD = "private_key_jwt"
GRANT = "client_credentials"

_TYPES = frozenset({"", "jwt", "client-authentication+jwt"})
_ID_CHARACTERS = range(22, 257)  # 16 bytes are 22 characters of base64url, the densest in use
_ID_DISTINCT = 8  # 22 characters of chance hold 8 different ones; a counter or padding does not
_SWEEP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Proof:
    """What an assertion proved: this partner, with this key, by this id; not yet that it is new."""

    partner: Partner
    key: KnownKey
    token_id: str = field(repr=False)
    expires_at: float
    key_id: str


class Client(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """A partner as Authlib asks after it: one grant, one way to prove itself, no scopes."""

    def __init__(self, partner: Partner) -> None:
        self.partner = partner

    def get_client_id(self) -> str:
        return self.partner.id

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == METHOD and endpoint == "token"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == GRANT


class PartnerAssertion(JWTBearerClientAssertion):  # type: ignore[misc]  # Authlib has no types
    """The examination of one assertion; made anew for each request, since it keeps the proof."""

    CLIENT_AUTH_METHOD = METHOD

    def __init__(self, audiences: Collection[str], now: Callable[[], float]) -> None:
        super().__init__(validate_jti=False, leeway=LEEWAY_SECONDS)
        self._audiences = audiences
        self._now = now
        self._read: Unverified | None = None
        self.proof: Proof | None = None

    def extract_assertion(self, assertion: str) -> tuple[dict[str, str], Mapping[str, object]]:
        """Read it strictly. What is returned is believed by nobody yet."""
        try:
            read = read_unverified(assertion)
        except MalformedError:
            raise InvalidClientError(Reason.MALFORMED) from None
        if read.type not in _TYPES or not read.kid:
            raise InvalidClientError(Reason.HEADER)
        self._read = read
        # Authlib looks the client up by `sub` next; here, so that its own messages are not needed.
        if text(read.claims, "sub") is None:
            raise InvalidClientError(Reason.MALFORMED)
        return {"kid": read.kid}, read.claims

    def resolve_client_public_key(self, client: Client) -> Client:
        """The client with all its keys: which is meant is decided with the header in hand."""
        return client

    def process_assertion_claims(self, assertion: str, resolve_key: Client) -> Any:
        """Hold the signature against the key that `kid` names, then the claims."""
        del assertion  # it was read by extract_assertion
        partner, read = resolve_key.partner, self._read
        assert read is not None  # noqa: S101 - Authlib extracts before it processes
        key = partner.keys.get(read.kid)
        if key is None:
            raise InvalidClientError(Reason.KEY_UNKNOWN)
        if read.algorithm != key.algorithm:
            raise InvalidClientError(Reason.ALGORITHM)
        if not read.is_signed_by(key.key, key.algorithm):
            raise InvalidClientError(Reason.SIGNATURE)
        # From here on it is the partner who speaks, and may be told what is wrong.
        if key.expires_at <= self._now():
            raise InvalidClientError(Reason.KEY_EXPIRED, partner.id)
        if partner.is_suspended:
            raise InvalidClientError(Reason.SUSPENDED, partner.id)
        broken = _broken_rule(read.claims, partner.id, self._audiences, self._now())
        if broken is not None:
            raise InvalidClientError(broken, partner.id)
        token_id, expires = text(read.claims, "jti"), seconds(read.claims, "exp")
        self.proof = Proof(partner, key, token_id or "", expires or 0.0, read.kid or "")
        return read.claims


class SpentAssertions:
    """Takes each assertion once, over all replicas. `key` keeps its id out of the database."""

    def __init__(
        self, engine: AsyncEngine, key: bytes, *, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._key = key
        self._elapsed = elapsed
        self._swept_at = -math.inf

    async def spend(self, proof: Proof) -> None:
        """Note its use, durably. Raises `InvalidClientError` if it is a replay.

        Raises `IdentityUnavailableError` when the database does not answer: the assertion may be
        spent then, so the partner signs another.
        """
        # An id is unique within its issuer (RFC 7519, 4.1.7); no partner id holds a zero byte.
        owned = f"{proof.partner.id}\0{proof.token_id}".encode()
        fingerprint = hmac.digest(self._key, owned, "sha256")
        until = datetime.fromtimestamp(proof.expires_at + LEEWAY_SECONDS, UTC)
        try:
            is_first = await spend(self._engine, fingerprint, until)
            if self._elapsed() - self._swept_at > _SWEEP_SECONDS:
                self._swept_at = self._elapsed()
                await sweep(self._engine)
        except DATABASE_AWAY as error:
            raise IdentityUnavailableError("assertions cannot be noted") from error
        if not is_first:
            raise InvalidClientError(Reason.REPLAYED, proof.partner.id)


def _broken_rule(
    claims: Mapping[str, object], partner: str, audiences: Collection[str], now: float
) -> Reason | None:
    """The first rule that the claims break (RFC 7523, 3); None if they keep them all."""
    issued, expires = seconds(claims, "iat"), seconds(claims, "exp")
    if text(claims, "iss") != partner or text(claims, "sub") != partner:
        return Reason.ISSUER
    if not _is_for(claims.get("aud"), audiences):
        return Reason.AUDIENCE
    if expires is None or expires + LEEWAY_SECONDS <= now:
        return Reason.EXPIRED
    if issued is None or issued > now + LEEWAY_SECONDS:
        return Reason.ISSUED_AT
    if expires - issued > LONGEST_SECONDS or expires > now + LONGEST_SECONDS + LEEWAY_SECONDS:
        return Reason.TOO_LONG
    if "nbf" in claims:
        not_before = seconds(claims, "nbf")
        if not_before is None or not_before > now + LEEWAY_SECONDS:
            return Reason.NOT_BEFORE
    return None if _is_chance(text(claims, "jti")) else Reason.TOKEN_ID


def _is_for(audience: object, ours: Collection[str]) -> bool:
    # An assertion that another server would take too could be carried from there to here.
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    return isinstance(audience, str) and audience in ours


def _is_chance(token_id: str | None) -> bool:
    """Whether an id may hold 16 bytes of chance: length and variety are all that one can see."""
    return (
        token_id is not None
        and len(token_id) in _ID_CHARACTERS
        and token_id.isascii()
        and token_id.isprintable()
        and len(set(token_id)) >= _ID_DISTINCT
    )
