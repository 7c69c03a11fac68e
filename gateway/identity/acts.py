"""What a privacy officer signs when they decide on an exchange: an act, by name and key.

The bytes, where `00` is one zero byte and a moment is written as 20 ASCII characters:

    "sluis-officer-act-v1" 00 act 00 exchange (16 bytes) moment SHA-256 of what was decided (32)

What was decided is canonical JSON (RFC 8785), so that a signature under another decision, on
another exchange or of another moment does not verify.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.identity.approvals import APPROVERS, ROLE_NAMES, OfficerRole, cannot_sign
from gateway.store.lifecycle import StoredOfficer

_ACT = b"sluis-officer-act-v1\x00"

Sign = Callable[[bytes], bytes]
"""Makes an officer's signature; the key stays with whoever hands this in."""


class Act(StrEnum):
    """What an officer does."""

    REVIEW = "noodverstrekking-beoordelen"
    DECIDE = "inzagebesluit"
    READ = "beschermd-inzien"
    READ_CONTACTS = "veilig-contact-inzien"
    END_CONTACT = "veilig-contact-beeindigen"
    BREACH = "datalek-dossier"
    OPEN_NAMES = "namen-openen"
    REVIEW_ACCESS = "toegang-beoordelen"
    OPEN_ACCESS = "toegang-inzien"
    SEARCH = "logboek-zoeken"
    ERASE = "vernietiging-besluiten"
    ERASE_TOO = "vernietiging-meebesluiten"
    WITHDRAW_ERASURE = "vernietiging-intrekken"
    READ_ERASURE = "vernietiging-inzien"
    READ_PROOF = "bewijs-inzien"
    DRAFT_DOSSIER = "dossier-opstellen"
    RELEASE_DOSSIER = "dossier-vrijgeven"
    REFUSE_DOSSIER = "dossier-weigeren"
    SUCCEED = "opvolging-besluiten"
    SUCCEED_TOO = "opvolging-meebesluiten"
    END_SUCCESSION = "opvolging-beeindigen"
    RENEW_PSEUDONYMS = "pseudoniemwissel-besluiten"
    RENEW_PSEUDONYMS_TOO = "pseudoniemwissel-meebesluiten"
    KEEP_PSEUDONYMS = "pseudoniemwissel-intrekken"


class MayNotActError(Exception):
    """This officer may not do this; the message says why."""


def act_bytes(act: Act, exchange: UUID, moment: datetime, decided: Mapping[str, str]) -> bytes:
    """What the officer signs; `moment` in whole seconds."""
    written = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode("ascii")
    digest = hashlib.sha256(orjson.dumps(dict(decided), option=orjson.OPT_SORT_KEYS)).digest()
    return _ACT + act.encode() + b"\x00" + exchange.bytes + written + digest


def check_officer(officer: StoredOfficer | None, now: datetime) -> StoredOfficer:
    """A privacy officer under a mandate that stands. Raises `MayNotActError`."""
    if officer is None:
        raise MayNotActError("there is no officer with this ID")
    if officer.role != OfficerRole.PRIVACY_OFFICER:
        role = ROLE_NAMES[OfficerRole(officer.role)]
        raise MayNotActError(f"{officer.id} is {role}; a privacy officer decides on this")
    if (reason := cannot_sign(officer, now)) is not None:
        raise MayNotActError(reason)
    return officer


def may_look(officer: StoredOfficer | None, now: datetime) -> StoredOfficer:
    """Who may see figures and reviews: a privacy officer under mandate, or the FG, who supervises.

    Raises `MayNotActError`.
    """
    if officer is not None and officer.role == OfficerRole.FG:
        if (reason := cannot_sign(officer, now)) is not None:
            raise MayNotActError(reason)
        return officer
    return check_officer(officer, now)


def check_second(
    officer: StoredOfficer | None, first: StoredOfficer, now: datetime
) -> StoredOfficer:
    """Another person than who decided first, and one who may approve. Raises `MayNotActError`."""
    if officer is None:
        raise MayNotActError("there is no officer with this ID")
    if OfficerRole(officer.role) not in APPROVERS:
        role = ROLE_NAMES[OfficerRole(officer.role)]
        raise MayNotActError(f"{officer.id} is {role}, who advises and never decides")
    if _person(officer) == _person(first):
        raise MayNotActError("the second signature is another person's")
    if (reason := cannot_sign(officer, now)) is not None:
        raise MayNotActError(reason)
    return officer


def is_genuine_act(
    officer: StoredOfficer,
    act: Act,
    exchange: UUID,
    moment: datetime,
    decided: Mapping[str, str],
    signature: bytes,
) -> bool:
    """Whether the officer's registered key made this signature on this very decision."""
    signed = act_bytes(act, exchange, moment, decided)
    try:
        Ed25519PublicKey.from_public_bytes(officer.public_key).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _person(officer: StoredOfficer) -> str:
    # One person registered twice, under two ids and with two keys, still has one name.
    return " ".join(officer.name.casefold().split())


def signed_act(
    officer: StoredOfficer,
    act: Act,
    exchange: UUID,
    moment: datetime,
    decided: Mapping[str, str],
    sign: Sign,
) -> bytes:
    """The officer's signature, verified with the key that is registered.

    Raises `MayNotActError` where it is another key's.
    """
    signed = act_bytes(act, exchange, moment, decided)
    signature = sign(signed)
    try:
        Ed25519PublicKey.from_public_bytes(officer.public_key).verify(signature, signed)
    except InvalidSignature:
        raise MayNotActError(f"this is not the key that is registered for {officer.id}") from None
    return signature
