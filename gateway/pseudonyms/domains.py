"""Handles and pseudonyms: HMAC-SHA256 under keys derived per domain (invariant 6).

A handle leads from a BSN to a person's random subject id, through one index row; erasing the row
cuts every link. A pseudonym is made from the subject id, not from the BSN: no dictionary of BSNs
(90,909,090 of them, 40 s on one core) helps whoever obtains a domain key. A domain is a recipient,
a linkage group named in the protocol, and a key epoch.
"""

from __future__ import annotations

import base64
import hmac
from uuid import UUID

from gateway.vault.keys import KeyProvider
from schemas.identifiers import Bsn

_HANDLE = b"sluis-handle-v1\x00"
_PSEUDONYM = b"sluis-pseudonym-v1\x00"


class Handles:
    """From a BSN to the gateway's own handle."""

    def __init__(self, keys: KeyProvider) -> None:
        self._key = keys.secret("pseudonyms/gateway")

    def of(self, bsn: Bsn) -> bytes:
        """The 32-byte handle of a BSN."""
        return hmac.digest(self._key, _HANDLE + bsn.reveal().encode("ascii"), "sha256")


class Domain:
    """One recipient's pseudonyms within a linkage group and key epoch."""

    def __init__(self, keys: KeyProvider, recipient: str, linkage_group: str, epoch: int) -> None:
        self._key = keys.secret(f"pseudonyms/domain/{recipient}/{linkage_group}/{epoch}")

    def pseudonym(self, subject: UUID) -> str:
        """The person's identifier in this domain: 43 characters of base64url."""
        digest = hmac.digest(self._key, _PSEUDONYM + subject.bytes, "sha256")
        return base64.urlsafe_b64encode(digest)[:43].decode("ascii")
