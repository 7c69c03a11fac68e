"""Opening what the gateway sealed for this partner: `data` as a compact JWE (RFC 7516).

The key stands beside `client.toml` as `encryption.pem`; its public half was registered with the
gateway. Which algorithms may open is said here and not by the token (RFC 8725, 3.1).
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.client.errors import Garbled, Misconfigured

ENCRYPTION_FILE = "encryption.pem"
SEALED_TYPE = "application/jose"
OpeningKey = ECKey | OKPKey | RSAKey
_MARK = b'"application/jose"'
_ENCRYPTION = "A256GCM"


def opening_key(path: Path) -> OpeningKey:
    """The private key in a PEM file of ours alone. Raises `Misconfigured`."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            pem = file.read(65_536)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read", "put the key there") from error
    if mode & 0o077:
        raise Misconfigured(f"{path} can be read or changed by others", f"chmod 600 {path}")
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Not `from`: a parser's error has no business near a key.
        raise Misconfigured(f"{path} holds no private key that can be read") from None
    for kind in (ECKey, OKPKey, RSAKey):
        try:
            return kind.import_key(key)  # type: ignore[arg-type]  # another kind raises
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
    raise Misconfigured(f"{path} holds another kind of key", "give P-256, P-384, X25519 or RSA")


def opened(content: bytes, key: OpeningKey | None) -> bytes:
    """One event, or a page of them, with every sealed `data` opened.

    Raises `Misconfigured` where something is sealed and no key is here, `Garbled` where it does
    not open with this one.
    """
    if _MARK not in content:
        return content
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        raise Garbled("the message is no JSON") from None
    if not isinstance(told, dict):
        raise Garbled("the message is no JSON object")
    events = told.get("berichten", [told])
    for event in events if isinstance(events, list) else []:
        if isinstance(event, dict) and event.get("datacontenttype") == SEALED_TYPE:
            event["data"] = _opened(event.get("data"), key)
            event["datacontenttype"] = "application/json"
    return json.dumps(told).encode()


def _opened(sealed: object, key: OpeningKey | None) -> object:
    if key is None:
        raise Misconfigured(
            "this mail is sealed for an encryption key that is not here",
            f"put its private half beside client.toml as {ENCRYPTION_FILE}",
        )
    if not isinstance(sealed, str):
        raise Garbled("sealed data are a text")
    algorithm = "RSA-OAEP-256" if isinstance(key, RSAKey) else "ECDH-ES+A256KW"
    try:
        found = jwe.decrypt_compact(sealed, key, algorithms=[algorithm, _ENCRYPTION]).plaintext
        return json.loads(found or b"")
    except (JoseError, ValueError, KeyError, TypeError, RecursionError):
        # A curve that the library does not know is a KeyError. Not `from`: none of these errors
        # has anything to say that may be said.
        raise Garbled("the data do not open with this encryption key") from None
