"""Tokens bound to a certificate (RFC 8705): who stole one has nothing without its owner's key.

TLS ends at a proxy before us, which verifies the client's certificate and says which it was in
`Client-Cert`: as RFC 9440 has it (`:base64 DER:`), or as a percent-encoded PEM, which is what nginx
can say. That proxy must set the header on every request, or remove it; anybody else could say
anything. So it is read only where the operator says that there is such a proxy.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

HEADER = b"client-cert"
CERTIFICATE_MEMBER = "x5t#S256"
"""Where a registered key, and a token's `cnf`, name a certificate."""
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_LONGEST = 32_768


def presented(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The thumbprint (`x5t#S256`) of the certificate on this connection; None where none is told.

    `headers` are raw, names in lower case. What is told twice, or cannot be read, is not told.
    """
    told = [value for name, value in headers if name == HEADER]
    if len(told) != 1 or len(told[0]) > _LONGEST:
        return None
    encoded = told[0].strip()
    if encoded[:1] == b":" and encoded[-1:] == b":" and len(encoded) > 2:
        encoded = encoded[1:-1]
    else:
        pem = unquote_to_bytes(encoded)
        if pem.count(_BEGIN) != 1 or pem.count(_END) != 1:
            return None
        encoded = b"".join(pem.partition(_BEGIN)[2].partition(_END)[0].split())
    try:
        der = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return None
    return None if not der else thumbprint(der)


def thumbprint(der: bytes) -> str:
    """SHA-256 of a certificate's DER, in base64url without padding (RFC 8705, 3.1)."""
    digest = hashlib.sha256(der).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
