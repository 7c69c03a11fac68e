"""The life cycle of a protocol version: submitted, advised on, approved by two, put in force.

Each step is one transaction with its entry in the processing log, which names digest and version
and of an officer the key alone: no user stands in that log (invariant 11 by the key's id). What
was signed is looked at again, from the registered keys, in the transaction that puts a version in
force; a version whose moment lies ahead comes in force by itself (`begin_deciding`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from consent.protocol import Protocol
from gateway.audit.access import new_trace
from gateway.audit.entries import EntryHead, Event, RuleFacts, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.identity.approvals import (
    APPROVERS,
    ROLE_NAMES,
    AdviceKind,
    Approved,
    OfficerRole,
    advice_bytes,
    approval_bytes,
    cannot_sign,
    check_approvals,
    is_genuine,
    whole_second,
)
from gateway.store import lifecycle as store
from gateway.store.groups import Leaf
from gateway.store.ids import new_id
from gateway.store.lifecycle import StoredDraft, StoredOfficer, StoredSignature, UnknownOfficerError
from gateway.store.protocols import Placed, has_officers, is_known, place_version
from gateway.store.rules import changing_rules

UPKEEP = "urn:sluis:protocolbeheer"
"""The processing activity that entries of the life cycle name."""

Sign = Callable[[bytes], bytes]
"""Makes an officer's signature; the key stays with whoever hands this in."""


class MayNotSignError(Exception):
    """This officer may not sign this; the message says why."""


class Advice(NamedTuple):
    """What the FG advises, and why."""

    kind: AdviceKind
    text: str


async def submit(engine: AsyncEngine, protocol: Protocol) -> bool:
    """Keep a checked text as a draft; False where it was submitted before.

    Raises `VersionTakenError`.
    """
    async with engine.begin() as connection:
        version, digest = protocol.version, protocol.digest
        if not await store.insert_draft(connection, version, digest, protocol.text):
            return False
        await _log(connection, version, digest, {"step": "voorgelegd"})
        return True


async def sign_draft(
    engine: AsyncEngine, version: str, officer_id: str, sign: Sign, advice: Advice | None = None
) -> tuple[StoredDraft, StoredOfficer]:
    """Approve a draft, or attach the FG's advice; the signature is verified before it is kept.

    Raises `UnknownDraftError`, `UnknownOfficerError`, `MayNotSignError` or `AlreadySignedError`.
    """
    async with engine.begin() as connection:
        draft = await store.draft_of(connection, version)
        officers = await store.officers_by_id(connection)
        officer = officers.get(officer_id)
        if officer is None:
            raise UnknownOfficerError("there is no officer with this id")
        now = await store.moment_of(connection)
        _check_may_sign(officer, now, is_advice=advice is not None)
        signature = _signature(officer, draft, whole_second(now), sign, advice)
        if not is_genuine(signature, officer, draft.digest):
            raise MayNotSignError(f"this is not the key that is registered for {officer.id}")
        await store.insert_signature(connection, draft.digest, signature)
        details: dict[str, object] = {"role": officer.role}
        if advice is None:
            details["step"] = "goedgekeurd"
        else:
            details |= {"step": "geadviseerd", "advice": advice.kind}
        await _log(connection, version, draft.digest, details)
        return draft, officer


async def enforce(engine: AsyncEngine, protocol: Protocol, moment: datetime | None) -> Placed:
    """Put a version in force now, or from a moment to come; done again, it changes nothing.

    Where officers are registered it must be a draft that they approved. Raises `NotApprovedError`,
    `UnknownDraftError`, `VersionTakenError` or `MomentPassedError`.
    """
    version, digest = protocol.version, protocol.digest
    async with changing_rules(engine) as connection:
        approved = None
        if await has_officers(connection) and not await is_known(connection, digest):
            approved = await _approved(connection, version, digest)
        placed = await place_version(connection, version, digest, protocol.text, moment)
        if placed.is_change:
            await _log_enforced(connection, version, digest, placed, approved)
        return placed


async def _approved(connection: AsyncConnection, version: str, digest: bytes) -> Approved:
    draft = await store.draft_of(connection, version)
    if draft.digest != digest:
        raise store.UnknownDraftError("the draft under this version is another text")
    return check_approvals(
        digest,
        await store.officers_by_id(connection),
        await store.signatures_of(connection, digest),
        await store.moment_of(connection),
    )


def _check_may_sign(officer: StoredOfficer, now: datetime, *, is_advice: bool) -> None:
    role = OfficerRole(officer.role)
    if is_advice and role is not OfficerRole.FG:
        raise MayNotSignError(f"{officer.id} is {ROLE_NAMES[role]}; the FG alone advises")
    if not is_advice and role not in APPROVERS:
        raise MayNotSignError(f"{officer.id} is {ROLE_NAMES[role]}, who advises and never approves")
    if (reason := cannot_sign(officer, now)) is not None:
        raise MayNotSignError(reason)


def _signature(
    officer: StoredOfficer, draft: StoredDraft, moment: datetime, sign: Sign, advice: Advice | None
) -> StoredSignature:
    if advice is None:
        signed = approval_bytes(OfficerRole(officer.role), draft.digest, moment)
        return StoredSignature(officer.id, moment, sign(signed))
    signed = advice_bytes(draft.digest, moment, advice.kind, advice.text)
    return StoredSignature(officer.id, moment, sign(signed), advice.kind.value, advice.text)


async def _log_enforced(
    connection: AsyncConnection, version: str, digest: bytes, placed: Placed, by: Approved | None
) -> None:
    officers = await store.officers_by_id(connection)
    signed = () if by is None else by.approvals
    await _log(
        connection,
        version,
        digest,
        {
            "step": "van-kracht",
            "inForceFrom": int(placed.in_force_from.timestamp() * 1000),
            "keys": [officers[one.officer].key_id for one in signed],
            "advice": None if by is None else by.advice.advice,
        },
    )


async def _log(
    connection: AsyncConnection, version: str, digest: bytes, details: dict[str, object]
) -> None:
    now = int((await store.moment_of(connection)).timestamp() * 1000)
    facts = RuleFacts(
        flow=None, activity=UPKEEP, protocol_version=version, protocol_digest=digest, locks={}
    )
    trace = new_trace()
    head = EntryHead(new_id(), Event.PROTOCOL, trace, None, now, now)
    entry = write_entry(head, facts, [], details)
    await store.append_entries(connection, [Leaf(leaf_hash(entry), entry, [])])
