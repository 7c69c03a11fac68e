"""A message that has arrived: what is known of it before and apart from its content.

`SealedIdentity` is the door between "who is this about" and the rest of the road: after stage 3
nothing but `minimise`, with a Permit, and the sealing of what is held, with a Hold, gets at names.
"""

from __future__ import annotations

import base64
import hmac
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from consent.columns import is_present
from gateway.audit.entries import Trace
from gateway.audit.promise import GroupPromise
from gateway.vault.keys import KeyProvider
from schemas.decisions import Hold, Outcome, Permit, Rule
from schemas.deliveries import Finding
from schemas.identifiers import PartialDate
from schemas.referral import AuthorityKind, EmergencyRequest, ProtectionRequest, Referral


class Sender(NamedTuple):
    """Who sent a message: from the credential, never from the URL or the body."""

    id: str
    adapter: str


class Arrival(NamedTuple):
    """One message's envelope inside the gateway.

    `reference` and `body` are keyed prints of the sender's own key and of what was sent, for
    recognising a repeat; `commitment` binds the bytes in entry and receipt under a salt that only
    the sender gets.
    """

    exchange: UUID
    sender: str
    reference: bytes
    body: bytes
    commitment: str
    received_at: datetime
    trace: Trace
    findings: tuple[str, ...]
    size: int
    number: bytes | None = None
    """The print of a second key that is taken once, where the sender's format gives one."""


class SubjectRef(NamedTuple):
    """A member inside the gateway: a keyed handle, or nothing where no BSN is known.

    The birth date decides whose agreement is asked; it leaves by minimisation alone.
    """

    handle: bytes | None
    birth: PartialDate | None = None


class StatedAuthority(NamedTuple):
    """What a message says of who may decide for a member: holders by place or by handle."""

    kind: AuthorityKind
    holders: tuple[int | bytes, ...]
    source: str
    as_of: date


class SealedIdentity:
    """A referral that only a Permit opens and only a Hold keeps."""

    __slots__ = ("_referral",)

    def __init__(self, referral: Referral) -> None:
        self._referral = referral

    def open(self, permit: Permit) -> Referral:
        """The referral, for the members that the permit names."""
        if not permit.members:
            raise ValueError("a permit for nobody opens nothing")
        return self._referral

    def keep(self, hold: Hold) -> bytes:
        """The referral's bytes, to be sealed while it waits."""
        if not hold.members:
            raise ValueError("a hold for nobody keeps nothing")
        return self._referral.model_dump_json(by_alias=True, exclude_none=True).encode()

    def sender_reference(self) -> bytes:
        """The sender's own key, to be sealed: it goes back to that sender alone."""
        return self._referral.reference.encode("ascii")

    def exception(self) -> ProtectionRequest | EmergencyRequest | None:
        """Who answers for an exceptional exchange, and why: to be sealed, and reviewed."""
        return self._referral.protection or self._referral.emergency

    def route_key(self) -> tuple[str | None, bool]:
        """The postcode, if there is one, and whether the address is secret; for stage 4 alone."""
        household = self._referral.household
        return household.postcode, household.address_is_secret

    def __contains__(self, path: object) -> bool:
        """Whether the message holds a field; its value stays inside."""
        return isinstance(path, str) and is_present(self._referral, path)

    def __repr__(self) -> str:
        return "SealedIdentity(****)"


class UnreadableRecord(NamedTuple):
    """A delivery's record that could not be read: refused by itself."""

    arrival: Arrival
    findings: tuple[Finding, ...]


class Recorded(NamedTuple):
    """What became of one message; in a group that is committed."""

    arrival: Arrival
    exchange: UUID
    outcome: Outcome
    rule: Rule
    field: str | None
    received_at: datetime
    findings: tuple[str, ...]
    entry: UUID
    leaf_hash: bytes
    group_index: int
    promise: GroupPromise
    origin: str
    is_repeat: bool = False


class Prints:
    """Keyed prints of references and bodies (design section 6, "Fingerprints")."""

    def __init__(self, keys: KeyProvider) -> None:
        self._key = keys.secret("prints/1")

    def reference(self, sender: str, reference: str) -> bytes:
        """The print of a sender's own key: 32 bytes."""
        return hmac.digest(self._key, f"reference\x00{sender}\x00{reference}".encode(), "sha256")

    def number(self, sender: str, number: str | None) -> bytes | None:
        """The print of a second key that a sender's format has; equal to no reference's."""
        if number is None:
            return None
        return hmac.digest(self._key, f"number\x00{sender}\x00{number}".encode(), "sha256")

    def body(self, sender: str, body: bytes) -> bytes:
        """The print of a body: 32 bytes, comparable for one sender only."""
        return hmac.digest(
            self._key, b"body\x00" + sender.encode("ascii") + b"\x00" + body, "sha256"
        )

    def running(self, sender: str) -> hmac.HMAC:
        """A print of a body that arrives in pieces."""
        return hmac.new(self._key, b"delivery\x00" + sender.encode("ascii") + b"\x00", "sha256")

    def salt(self, exchange: UUID) -> bytes:
        """The 16-byte salt of an exchange's body commitment, given to its sender alone."""
        return hmac.digest(self._key, b"salt\x00" + exchange.bytes, "sha256")[:16]

    def commitment(self, exchange: UUID, body: bytes) -> str:
        """HMAC-SHA256 of the body under the exchange's salt, in base64."""
        digest = hmac.digest(self.salt(exchange), body, "sha256")
        return base64.b64encode(digest).decode("ascii")
