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
_PROTECTED = b"sluis-protected-handle-v1\x00"
_PROOF = b"sluis-proof-handle-v1\x00"
_PSEUDONYM = b"sluis-pseudonym-v1\x00"


class Handles:
    """From a BSN to the gateway's own handle."""

    def __init__(self, keys: KeyProvider) -> None:
        self._state = hmac.new(keys.secret("pseudonyms/gateway"), _HANDLE, "sha256")

    def of(self, bsn: Bsn) -> bytes:
        """The 32-byte handle of a BSN."""
        state = self._state.copy()  # the key is taken in once
        state.update(bsn.reveal().encode("ascii"))
        return state.digest()


class ProtectedHandles:
    """From a person's handle to the one under which protected exchanges know them.

    Under another key, so that the person of a protected exchange and the same person of any other
    share no row: whoever looks for the one never meets the other (invariant 14).
    """

    def __init__(self, keys: KeyProvider) -> None:
        self._state = hmac.new(keys.secret("pseudonyms/protected"), _PROTECTED, "sha256")

    def of(self, handle: bytes) -> bytes:
        """The 32-byte handle that stands for this one on the protected side."""
        state = self._state.copy()
        state.update(handle)
        return state.digest()


class ProofHandles:
    """From a person's handle to the one under which proof of them outlives their erasure.

    Under another key, and in a table of its own: whoever looks for a person in anything else never
    meets it (invariant 10).
    """

    def __init__(self, keys: KeyProvider) -> None:
        self._state = hmac.new(keys.secret("pseudonyms/proof"), _PROOF, "sha256")

    def of(self, handle: bytes) -> bytes:
        """The 32-byte handle that stands for this one where proof is kept."""
        state = self._state.copy()
        state.update(handle)
        return state.digest()


class Domain:
    """One recipient's pseudonyms within a linkage group and key epoch."""

    def __init__(self, keys: KeyProvider, recipient: str, linkage_group: str, epoch: int) -> None:
        key = keys.secret(f"pseudonyms/domain/{recipient}/{linkage_group}/{epoch}")
        self._state = hmac.new(key, _PSEUDONYM, "sha256")

    def pseudonym(self, subject: UUID) -> str:
        """The person's identifier in this domain: 43 characters of base64url."""
        state = self._state.copy()
        state.update(subject.bytes)
        return base64.urlsafe_b64encode(state.digest())[:43].decode("ascii")
