"""For who has its mail brought (push): is this from the gateway, and which message is it?

Rules: HTTP Message Signatures (RFC 9421) over method, address, digest of the body (RFC 9530), media
type and idempotency key, with tag `sluis-push`, Ed25519, and good for five minutes. Nothing of a
request is to be used before `verify` gave it back.

    keys = keys_of(httpx.get(f"{base_url}/.well-known/jwks.json").json())
    brought = verify("POST", MY_URL, request.headers, body, keys)
    if brought.idempotency_key not in already_stored:
        store(brought)          # and only then answer 2xx

`MY_URL` is the address as it was registered, not what a proxy made of it. A message comes at least
once: under the same key it is the same message, to be answered 2xx and dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    MappingKeyResolver,
    algorithms,
)
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import BaseModel

from gateway.client.answers import read
from gateway.client.errors import SluisError
from gateway.client.mailbox import Event
from gateway.client.sealed import OpeningKey, opened

TAG = "sluis-push"
COVERED = ("@method", "@target-uri", "content-digest", "content-type", "idempotency-key")
MEDIA_TYPE = "application/cloudevents+json"
MAX_AGE = timedelta(minutes=5)
PROBE = "nl.sluis.proef"
"""The type of an event that only asks whether you answer: 2xx, and store nothing."""


class NotGenuine(SluisError):  # noqa: N818 - named for the fact, as are its kin
    """The request was not proven to be the gateway's, or not now: answer 401 and drop it."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A message that was brought, and the key under which it may come again."""

    idempotency_key: str
    event: Event | None
    """None for a probe."""


class _Kind(BaseModel):
    type: str


@dataclass(frozen=True, slots=True)
class _Request:
    """A request as the verifier reads it."""

    method: str
    url: str
    headers: dict[str, str]


def keys_of(jwks: Mapping[str, object]) -> dict[str, Ed25519PublicKey]:
    """The keys of the gateway's `/.well-known/jwks.json` by their id; other kinds are passed over.

    Fetch it once, over TLS, and again when a key id is not known (at most now and then).
    """
    found: dict[str, Ed25519PublicKey] = {}
    members = jwks.get("keys")
    for jwk in members if isinstance(members, list) else []:
        try:
            key = OKPKey.import_key(jwk).public_key
        except (JoseError, ValueError, KeyError, TypeError, AttributeError):
            continue
        if isinstance(key, Ed25519PublicKey) and isinstance(jwk.get("kid"), str):
            found[jwk["kid"]] = key
    return found


def verify(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    keys: Mapping[str, Ed25519PublicKey],
    opens: OpeningKey | None = None,
) -> Brought:
    """The message of a request, if the gateway sent it; `opens` opens what was sealed.

    Raises `NotGenuine`, or `Garbled` where what is signed is no event of this version.
    """
    request = _Request(method, url, {name.lower(): value for name, value in headers.items()})
    verifier = HTTPMessageVerifier(
        signature_algorithm=algorithms.ED25519,
        key_resolver=MappingKeyResolver(public_keys=keys, private_keys={}),
    )
    try:
        results = verifier.verify(
            request, max_age=MAX_AGE, expect_tag=TAG, require_components=COVERED, body=body
        )
    except HTTPMessageSignaturesException:
        # Not `from`: the library's message quotes the request.
        raise NotGenuine("the signature does not hold") from None
    if len(results) != 1 or "expires" not in results[0].parameters:
        raise NotGenuine("the signature is not of the gateway's profile")
    if request.headers["content-type"] != MEDIA_TYPE:
        raise NotGenuine("the media type is not that of an event")
    key = request.headers["idempotency-key"].strip('"')
    if read(_Kind, body).type == PROBE:
        return Brought(key, None)
    return Brought(key, read(Event, opened(body, opens)))
