"""Deciding that one partner takes over from another, by two officers (ADR 0030).

The first officer decides, the second confirms; each signs who, what, why and from which day. Only
then does anything count, from the transaction of the confirmation on, which has the rules to itself
(invariant 2). The protocol must give the successor the flows that it would use: a decision opens no
flow. Waiting statuses go over as messages of their own, each with its entry, and only where the
successor's flow lets through exactly what its predecessor's did; whatever names a person by a
pseudonym, or rests on an agreement, stays and lapses as the protocol says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from consent.protocol import Protocol
from consent.register import amsterdam_day
from gateway.audit.access import new_trace
from gateway.audit.entries import EntryHead, Event, RuleFacts, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.oversight import OVERSIGHT
from gateway.exchange.succeeded_mail import NO_MAIL, move_mail
from gateway.exchange.successors import Carry
from gateway.identity.acts import (
    Act,
    MayNotActError,
    Sign,
    check_officer,
    check_second,
    is_genuine_act,
    signed_act,
)
from gateway.identity.approvals import whole_second
from gateway.store import succession as store
from gateway.store.groups import (
    VERWERKINGEN,
    Connection,
    Leaf,
    append_leaves,
)
from gateway.store.history import driver_of
from gateway.store.ids import new_id
from gateway.store.lifecycle import moment_of, officers_by_id
from gateway.store.rules import changing_rules, raise_generation
from gateway.store.succession import StoredSuccession
from gateway.vault.boxes import Vault
from schemas.fields import MessageKind


class UnknownSuccessionError(Exception):
    """There is no such decision, or it is not at this step; the message says which."""


class NotInProtocolError(Exception):
    """The protocol in force does not give the successor what the decision would carry over."""


class Wanted(NamedTuple):
    """A succession as an officer decides it."""

    predecessor: str
    successor: str
    ground: str
    case_number: str
    starts_on: date
    carries: frozenset[Carry]


class Confirmed(NamedTuple):
    """A decision that counts from now on, and how much mail went over with it."""

    decision: StoredSuccession
    moved: int


async def decide(
    engine: AsyncEngine, wanted: Wanted, protocol: Protocol, officer_id: str, sign: Sign
) -> StoredSuccession:
    """Record a privacy officer's decision; it counts for nothing before a second one confirms it.

    Raises `MayNotActError`, `NotInProtocolError`, and what the store raises.
    """
    check_protocol(protocol, wanted)
    async with engine.begin() as connection:
        now = whole_second(await moment_of(connection))
        officers = await officers_by_id(connection)
        officer = check_officer(officers.get(officer_id), now)
        id_ = new_id()
        signature = signed_act(officer, Act.SUCCEED, id_, now, _decided(wanted), sign)
        made = StoredSuccession(
            id_,
            wanted.predecessor,
            wanted.successor,
            wanted.ground,
            wanted.case_number,
            wanted.starts_on,
            sorted(wanted.carries),
            officer.id,
            now,
            signature,
        )
        raw = await driver_of(connection)
        await store.insert_decision(raw, made)
        await append_leaves(raw, VERWERKINGEN, [_step(made, "besloten", protocol, now)])
        return made


async def confirm(
    engine: AsyncEngine, vault: Vault, id_: UUID, protocol: Protocol, officer_id: str, sign: Sign
) -> Confirmed:
    """Confirm it as the second person: it counts, and mail goes over, once this commits.

    Raises `MayNotActError`, `UnknownSuccessionError` or `NotInProtocolError`.
    """
    async with changing_rules(engine) as connection:
        now = whole_second(await moment_of(connection))
        raw = await driver_of(connection)
        found = await _open(raw, id_)
        officers = await officers_by_id(connection)
        wanted = _wanted(found)
        first = check_officer(officers.get(found.decided_by), now)
        decided = _decided(wanted)
        if not is_genuine_act(first, Act.SUCCEED, id_, found.decided_at, decided, found.signature):
            raise MayNotActError("what stands there is not what the first officer signed")
        second = check_second(officers.get(officer_id), first, now)
        check_protocol(protocol, wanted)
        is_due = found.starts_on <= amsterdam_day(now)
        if Carry.MAIL in wanted.carries and not is_due:
            raise MayNotActError("mail goes over on the first day or after it: confirm it then")
        signature = signed_act(second, Act.SUCCEED_TOO, id_, now, decided, sign)
        await store.write_confirmation(raw, id_, second.id, now, signature)
        mail = NO_MAIL
        if Carry.MAIL in wanted.carries:
            mail = await move_mail(raw, vault, found, protocol, now)
        await raise_generation(connection)
        step = _step(found, "bevestigd", protocol, now, moved=mail.moved)
        await append_leaves(raw, VERWERKINGEN, [*mail.leaves, step])
        confirmed = found._replace(
            confirmed_by=second.id, confirmed_at=now, second_signature=signature
        )
        return Confirmed(confirmed, mail.moved)


async def end(
    engine: AsyncEngine, id_: UUID, protocol: Protocol, officer_id: str, sign: Sign
) -> StoredSuccession:
    """Let a decision count no longer; what went over stays. One officer narrows by themself.

    Raises `MayNotActError` or `UnknownSuccessionError`.
    """
    async with changing_rules(engine) as connection:
        now = whole_second(await moment_of(connection))
        raw = await driver_of(connection)
        found = await store.lock_decision(raw, id_)
        if found is None or found.ended_at is not None:
            raise UnknownSuccessionError("no decision that stands has this id")
        officers = await officers_by_id(connection)
        officer = check_officer(officers.get(officer_id), now)
        signed_act(officer, Act.END_SUCCESSION, id_, now, {}, sign)
        await store.end_decision(raw, id_, now)
        await raise_generation(connection)
        await append_leaves(raw, VERWERKINGEN, [_step(found, "beeindigd", protocol, now)])
        return found._replace(ended_at=now)


def check_protocol(protocol: Protocol, wanted: Wanted) -> None:
    """The protocol must name the successor's own flows. Raises `NotInProtocolError`."""
    new = wanted.successor
    statuses = [one for one in protocol.flows if one.message is MessageKind.STATUS]
    needs = {
        Carry.CASES: any(one.sender == new for one in statuses),
        Carry.REFERENCES: any(one.recipient == new for one in statuses),
        Carry.MAIL: any(one.recipient == new for one in statuses),
    }
    lacking = sorted(one for one in wanted.carries if not needs[one])
    if lacking:
        raise NotInProtocolError(
            f"protocol {protocol.version} gives {new} no flow of statuses for {', '.join(lacking)}"
        )


async def _open(connection: Connection, id_: UUID) -> StoredSuccession:
    found = await store.lock_decision(connection, id_)
    if found is None or found.ended_at is not None:
        raise UnknownSuccessionError("no decision that stands has this id")
    if found.confirmed_at is not None:
        raise UnknownSuccessionError("this decision was confirmed before")
    return found


def _step(
    found: StoredSuccession, step: str, protocol: Protocol, now: datetime, **more: object
) -> Leaf:
    """What officers decided, without who: that stands in the access log."""
    millis = int(now.timestamp() * 1000)
    facts = RuleFacts(
        flow=None,
        activity=OVERSIGHT,
        protocol_version=protocol.version,
        protocol_digest=protocol.digest,
        locks={},
    )
    entry = write_entry(
        EntryHead(new_id(), Event.SUCCESSION, new_trace(), None, millis, millis),
        facts,
        [],
        {
            "carries": list(found.carries),
            "case": found.case_number,
            "ground": found.ground,
            "predecessor": found.predecessor,
            "startsOn": found.starts_on.isoformat(),
            "step": step,
            "succession": str(found.id),
            "successor": found.successor,
            **more,
        },
    )
    return Leaf(leaf_hash(entry), entry, [])


def _wanted(found: StoredSuccession) -> Wanted:
    return Wanted(
        found.predecessor,
        found.successor,
        found.ground,
        found.case_number,
        found.starts_on,
        frozenset(map(Carry, found.carries)),
    )


def _decided(wanted: Wanted) -> dict[str, str]:
    carries: Sequence[str] = sorted(wanted.carries)
    return {
        "carries": ",".join(carries),
        "case": wanted.case_number,
        "from": wanted.starts_on.isoformat(),
        "ground": wanted.ground,
        "predecessor": wanted.predecessor,
        "successor": wanted.successor,
    }
