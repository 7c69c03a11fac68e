"""Knocking at a partner's endpoint for the conformance script: as push does, or wrong on purpose.

The address is looked at as at every delivery (no private one unless the settings say so).
"""

from __future__ import annotations

import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.exchange.pushing_lane import MEDIA_TYPE
from gateway.exchange.pushing_outcome import Meaning
from gateway.exchange.pushing_road import EndpointAwayError, Limits, authorities, connect, looked_at
from gateway.identity.signatures import RequestSigner
from gateway.sandbox.conformance_push import Knock, Knocked, Wrong

_DECLINED = "antwoord-4"
"""A 4xx: the message was looked at and not taken; silence and a 5xx show nothing."""


def knocking(url: str, signer: RequestSigner, *, may_be_private: bool) -> Knock:
    """What brings a body to this address."""
    limits, tls = Limits(), authorities()

    async def knock(body: bytes, key: str, wrong: Wrong) -> Knocked:
        by = RequestSigner(Ed25519PrivateKey.generate()) if wrong is Wrong.OTHER_KEY else signer
        headers = by.headers(url, MEDIA_TYPE, key, body, int(time.time()))
        if wrong is Wrong.UNSIGNED:
            headers = {name: v for name, v in headers.items() if not name.startswith("Signature")}
        if wrong is Wrong.ALTERED:
            body = body.replace(b'"proef"', b'"anders"')
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii")
        try:
            target = await looked_at(url, may_be_private=may_be_private, within=limits.connect)
            line = await connect(target, limits, tls)
        except EndpointAwayError as away:
            return Knocked(False, False, away.reason)
        try:
            told = await line.post(lines, body)
        finally:
            line.close()
        if told.meaning is Meaning.TAKEN:
            return Knocked(True, True)
        return Knocked(False, told.reason.startswith(_DECLINED), told.reason)

    return knock
