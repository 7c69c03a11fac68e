"""Partners of a real gateway: registered in a database, and signing assertions of any quality."""

from __future__ import annotations

import base64
import hmac
import io
import json
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.identity.assertions import SpentAssertions
from gateway.identity.desk import TokenDesk
from gateway.identity.keys import read_public_key
from gateway.identity.partners import PartnerDirectory
from gateway.identity.tokens import AccessTokens
from gateway.store.partners import NewPartner, PartnerKey, register_partner
from gateway.telemetry import Telemetry

BASE = "http://127.0.0.1:8080"
ENDPOINT = f"{BASE}/oauth/token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

PrivateKey = ec.EllipticCurvePrivateKey | Ed25519PrivateKey | rsa.RSAPrivateKey


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def segment(value: object) -> str:
    return base64url(json.dumps(value).encode())


class Party:
    """A partner with its private key, which signs by `cryptography` alone, unlike the gateway."""

    def __init__(self, partner: str = "dwi", key: PrivateKey | None = None) -> None:
        self.id = partner
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.pem = self.key.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        self.public = read_public_key(self.pem)
        self.kid = self.public.kid

    def stored(self, *, valid: timedelta = timedelta(days=1)) -> PartnerKey:
        return PartnerKey(self.kid, self.public.jwk, datetime.now(UTC) + valid)

    async def register(
        self, engine: AsyncEngine, *, oin: str = "00000099000000001001", adapter: str = "dwi"
    ) -> None:
        new = NewPartner(self.id, f"Organisatie {self.id}", oin, adapter)
        await register_partner(engine, new, [self.stored()])

    def claims(self, **changes: object) -> dict[str, object]:
        """Good claims, with changes; a change to None leaves the claim out."""
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": self.id,
            "sub": self.id,
            "aud": ENDPOINT,
            "jti": secrets.token_urlsafe(24),
            "iat": now,
            "exp": now + 60,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def assertion(self, header: Mapping[str, object] | None = None, /, **changes: object) -> str:
        """A signed assertion; `header` changes the header, the rest the claims."""
        head = {"alg": self.public.algorithm, "kid": self.kid, "typ": "JWT", **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        return self.sign(f"{segment(head)}.{segment(self.claims(**changes))}")

    def sign(self, signed: str) -> str:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            # RFC 7518, 3.4: r and s one after the other, 32 bytes each, where others use DER.
            numbers = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(SHA256())))
            signature = b"".join(number.to_bytes(32, "big") for number in numbers)
        elif isinstance(self.key, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(SHA256()), 32)
            signature = self.key.sign(signed.encode(), pss, SHA256())
        else:
            signature = self.key.sign(signed.encode())
        return f"{signed}.{base64url(signature)}"

    def form(self, assertion: str | None = None, **changes: str) -> dict[str, str]:
        """A token request."""
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion() if assertion is None else assertion,
            **changes,
        }


def hmac_signed(header: Mapping[str, object], claims: Mapping[str, object], secret: bytes) -> str:
    """A token "signed" with HMAC, as one would with a public key for a secret."""
    signed = f"{segment(header)}.{segment(claims)}"
    return f"{signed}.{base64url(hmac.digest(secret, signed.encode(), 'sha256'))}"


def unsigned(header: Mapping[str, object], claims: Mapping[str, object]) -> str:
    """A token without a signature (RFC 7519, 6)."""
    return f"{segment(header)}.{segment(claims)}."


class Admission:
    """All that admits partners in one gateway process, on a clock that tests can set forward."""

    def __init__(self, engine: AsyncEngine, base_url: str = BASE, lifetime: int = 600) -> None:
        self.engine = engine
        self.ahead = 0.0
        self.elapsed_ahead = 0.0
        self.log = io.StringIO()
        self.telemetry = Telemetry(self.log)
        self.key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        self.partners = PartnerDirectory(engine, self.telemetry, elapsed=self.elapsed)
        self.tokens = AccessTokens(
            base_url, self.key, self.partners, lifetime=lifetime, now=self.now
        )
        self.spent = SpentAssertions(engine, b"k" * 32)
        self.desk = TokenDesk(
            base_url, self.partners, self.tokens, self.spent, self.telemetry, now=self.now
        )

    def now(self) -> float:
        return time.time() + self.ahead

    def elapsed(self) -> float:
        return time.monotonic() + self.elapsed_ahead

    async def __aenter__(self) -> Self:
        await self.partners.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.partners.stop()

    @property
    def logged(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]
