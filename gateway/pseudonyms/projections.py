"""Whom a projected log line is about: a pseudonym of the projection's own, that only we can open.

A line of Logboek Dataverwerkingen names its data subject by a code that is encrypted and, better,
pseudonymous (`dpl.core.data_subject_id`). Ours is the person's random subject id, encrypted
deterministically (AES-SIV, RFC 5297) under a key of the domain: one code a person within a domain,
none that two domains share (invariant 6), and no table that leads from codes to persons. Whoever
asks for the lines about a code gets it opened with the key; a made-up code opens to nobody. What an
erasure leaves is a code that leads to an id that leads nowhere.
"""

from __future__ import annotations

import base64
import binascii
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from gateway.vault.keys import KeyProvider

EPOCH = 1
CODE_LENGTH = 43
"""Characters of base64url: 16 bytes of synthetic IV and 16 of ciphertext."""
_LABEL = b"sluis-projection-v1\x00"


class ProjectedPseudonyms:
    """The codes of one domain, which receivers share that may know a person as the same."""

    def __init__(self, keys: KeyProvider, domain: str) -> None:
        place = f"pseudonyms/projection/{domain}/{EPOCH}"
        # Two halves: AES-256 for the synthetic IV and for the encryption.
        self._cipher = AESSIV(keys.secret(f"{place}/iv") + keys.secret(f"{place}/text"))
        self._bound_to = [_LABEL + domain.encode("utf-8")]
        self.id_type = f"urn:sluis:pseudoniem:{domain}"
        """What kind of code it is (`dpl.core.data_subject_id_type`)."""

    def of(self, subject: UUID) -> str:
        """The person's code: 43 characters of base64url."""
        sealed = self._cipher.encrypt(subject.bytes, self._bound_to)
        return base64.urlsafe_b64encode(sealed)[:CODE_LENGTH].decode("ascii")

    def subject_of(self, code: str) -> UUID | None:
        """Whom a code stands for; None for what is no code of this domain."""
        if len(code) != CODE_LENGTH:
            return None
        try:
            sealed = base64.b64decode(f"{code}=", altchars=b"-_", validate=True)
            subject = UUID(bytes=self._cipher.decrypt(sealed, self._bound_to))
        except (binascii.Error, InvalidTag, ValueError):
            return None
        # One spelling a code: the spare bits of the last character are zero.
        return subject if self.of(subject) == code else None
