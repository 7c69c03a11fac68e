"""What officers sign of a protocol, and what must stand before one may come in force.

A version needs the approval of the process owner (proceseigenaar) and of a privacy officer
(privacyfunctionaris) under a mandate that has not ended: two persons, each with an Ed25519 key of
their own. The FG's advice is attached, whatever it says, and never stands for an approval (GDPR
articles 38 and 39: who supervises does not decide). The bytes that are signed, where `00` is one
zero byte and a moment is written as 20 ASCII characters, 2026-11-02T09:30:00Z:

    approval   "sluis-protocol-approval-v1" 00 role 00 digest (32 bytes) moment
    advice     "sluis-protocol-advice-v1"   00 "fg" 00 digest (32 bytes) moment advice 00
               SHA-256 of the advice's text (32 bytes)

The digest is the SHA-256 of the protocol's text, so a signature under another text does not verify.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.store.lifecycle import StoredOfficer, StoredSignature

_APPROVAL = b"sluis-protocol-approval-v1\x00"
_ADVICE = b"sluis-protocol-advice-v1\x00"


class OfficerRole(StrEnum):
    """In which role an officer signs."""

    PROCESS_OWNER = "proceseigenaar"
    PRIVACY_OFFICER = "privacyfunctionaris"
    FG = "fg"


class AdviceKind(StrEnum):
    """What the FG advises."""

    POSITIVE = "positief"
    NEGATIVE = "negatief"
    CONDITIONAL = "met-voorwaarden"


APPROVERS = (OfficerRole.PROCESS_OWNER, OfficerRole.PRIVACY_OFFICER)
ROLE_NAMES = {
    OfficerRole.PROCESS_OWNER: "the process owner",
    OfficerRole.PRIVACY_OFFICER: "a privacy officer under mandate",
    OfficerRole.FG: "the FG",
}


class Approved(NamedTuple):
    """Which signatures a version came in force on."""

    approvals: tuple[StoredSignature, ...]
    advice: StoredSignature


class NotApprovedError(Exception):
    """The version may not come in force; `objections` says why, one line each."""

    def __init__(self, objections: list[str]) -> None:
        super().__init__("; ".join(objections))
        self.objections = objections


def approval_bytes(role: OfficerRole, digest: bytes, moment: datetime) -> bytes:
    """What an approver signs."""
    return _APPROVAL + role.encode() + b"\x00" + digest + _written(moment)


def advice_bytes(digest: bytes, moment: datetime, advice: AdviceKind, text: str) -> bytes:
    """What the FG signs."""
    head = _ADVICE + OfficerRole.FG.encode() + b"\x00" + digest + _written(moment)
    return head + advice.encode() + b"\x00" + hashlib.sha256(text.encode()).digest()


def whole_second(moment: datetime) -> datetime:
    """A moment as it can be signed."""
    return moment.astimezone(UTC).replace(microsecond=0)


def cannot_sign(officer: StoredOfficer, now: datetime) -> str | None:
    """Why an officer may sign nothing at this moment, if so."""
    if officer.ended_at is not None and officer.ended_at <= now:
        return f"{officer.id} is an officer no longer"
    if _has_lapsed(officer, now):
        return f"the mandate of {officer.id} ended on {officer.mandate_ends}"
    return None


def is_genuine(signature: StoredSignature, officer: StoredOfficer, digest: bytes) -> bool:
    """Whether the officer's registered key made this signature on this very text."""
    role = OfficerRole(officer.role)
    if signature.advice is None:
        signed = approval_bytes(role, digest, signature.signed_at)
    else:
        kind = AdviceKind(signature.advice)
        signed = advice_bytes(digest, signature.signed_at, kind, signature.advice_text or "")
    try:
        Ed25519PublicKey.from_public_bytes(officer.public_key).verify(signature.signature, signed)
    except InvalidSignature:
        return False
    return True


def check_approvals(
    digest: bytes,
    officers: Mapping[str, StoredOfficer],
    signatures: Sequence[StoredSignature],
    now: datetime,
) -> Approved:
    """Look at every signature again. Raises `NotApprovedError`."""
    objections: list[str] = []
    approvals: dict[OfficerRole, StoredSignature] = {}
    advice: StoredSignature | None = None
    for one in signatures:
        officer = officers[one.officer]
        role = OfficerRole(officer.role)
        if one.signed_at > now:
            objections.append(f"the signature of {officer.id} bears a moment that is yet to come")
        elif not is_genuine(one, officer, digest):
            objections.append(f"the signature of {officer.id} does not verify on this text")
        elif (reason := cannot_sign(officer, now)) is not None and role in APPROVERS:
            objections.append(reason)
        elif role is OfficerRole.FG and one.advice is not None:
            advice = one
        elif role in APPROVERS and one.advice is None:
            approvals[role] = one
        else:
            objections.append(f"{officer.id} signed what {ROLE_NAMES[role]} does not sign")
    lacking = [role for role in APPROVERS if role not in approvals]
    objections += [f"the approval of {ROLE_NAMES[role]} is missing" for role in lacking]
    if len(approvals) > len({_person(officers[one.officer]) for one in approvals.values()}):
        objections.append("both approvals are of one person")
    if advice is None:
        objections.append("the FG's advice is not attached")
    if objections or advice is None:
        raise NotApprovedError(objections)
    return Approved(tuple(approvals[role] for role in APPROVERS), advice)


def _person(officer: StoredOfficer) -> str:
    # One person registered twice, under two ids and with two keys, still has one name.
    return " ".join(officer.name.casefold().split())


def _has_lapsed(officer: StoredOfficer, now: datetime) -> bool:
    ends: date | None = officer.mandate_ends
    return ends is not None and now.astimezone(UTC).date() > ends


def _written(moment: datetime) -> bytes:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode("ascii")
