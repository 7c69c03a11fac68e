"""Mail that goes over to a successor: statuses, as messages of their own with their entries.

Only what was never handed over, names nobody by a pseudonym, rests on no agreement, and is of the
version in force; and only where the successor's flow lets through exactly what its predecessor's
did. A message never changes its recipient: the old place in the mailbox stays, as a tombstone, and
whoever it is about reads in a dossier both that it was taken out and who got it.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import orjson

from consent.protocol import Flow, Protocol
from gateway.audit.access import new_trace
from gateway.audit.entries import EntryHead, Event, RuleFacts, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.boxes import status_data
from gateway.exchange.recording import STATUS, bound_to
from gateway.store import succession as store
from gateway.store.groups import DECIDED_COLUMNS, WAITING, Connection, Leaf, enqueue
from gateway.store.ids import new_id
from gateway.store.mailbox import purge_exchanges
from gateway.store.succession import StoredSuccession, WaitingStatus
from gateway.vault.boxes import CONTENT, Nonces, SealBrokenError, Vault, WrappedKey
from schemas.decisions import Outcome
from schemas.fields import MessageKind


class MovedMail(NamedTuple):
    """How many messages went over, and the entries that say so."""

    moved: int
    leaves: list[Leaf]


NO_MAIL = MovedMail(0, [])


async def move_mail(
    connection: Connection,
    vault: Vault,
    found: StoredSuccession,
    protocol: Protocol,
    now: datetime,
) -> MovedMail:
    """Each status that waits becomes a message of its own to the successor.

    Call with the rules to oneself. Of each there are two entries, to be appended last: it waits for
    the one no more, and for the other from now on.
    """
    waiting = await store.waiting_statuses(connection, found.predecessor, protocol.digest)
    flows = {one.id: one for one in protocol.flows}
    exchanges: list[tuple[object, ...]] = []
    parts: list[tuple[object, ...]] = []
    leaves: list[Leaf] = []
    moved: list[UUID] = []
    nonces, trace = Nonces(), new_trace()
    for one in waiting:
        flow = _same_flow(protocol, flows.get(one.flow or ""), found.successor)
        if flow is None:
            continue
        exchange, entry, gone = new_id(), new_id(), new_id()
        try:
            key = vault.unwrap(one.owner, CONTENT, WrappedKey(one.epoch, one.wrapped))
            content = key.open(one.box, bound_to(one.exchange.bytes, 0))
        except SealBrokenError:
            continue  # one that does not open stays where it is, and keeps no other from going
        box = key.seal(content, bound_to(exchange.bytes, 0), nonces.take())
        said = commitment(key, entry, one.owner)
        released = _fields_in(content)
        leaves += [
            _taken_out(one, commitment(key, gone, one.owner), gone, protocol, trace, now),
            _moved(one, exchange, entry, said, released, flow, found, protocol, trace, now),
        ]
        exchanges.append(_row(one, exchange, entry, flow, found, protocol, now))
        # Behind whatever changed since: the release decides on it anew.
        parts.append((exchange, 0, one.owner, -1, box))
        moved.append(one.exchange)
    if moved:
        await purge_exchanges(connection, moved)
        await connection.copy_records_to_table(
            "exchange", records=exchanges, columns=DECIDED_COLUMNS
        )
        await connection.copy_records_to_table(
            "part", records=parts, columns=("exchange", "member", "subject", "gate", "box")
        )
        await enqueue(connection, found.successor, [UUID(str(row[0])) for row in exchanges])
    return MovedMail(len(moved), leaves)


def _same_flow(protocol: Protocol, old: Flow | None, successor: str) -> Flow | None:
    """The successor's flow that lets through exactly what its predecessor's did; None if none."""
    if old is None or old.locks.agreement.required:
        return None
    for one in protocol.flows:
        is_alike = (one.sender, one.message, one.purpose) == (old.sender, old.message, old.purpose)
        if is_alike and one.recipient == successor and one.fields == old.fields:
            return None if one.locks.agreement.required else one
    return None


def _row(
    one: WaitingStatus,
    exchange: UUID,
    entry: UUID,
    flow: Flow,
    found: StoredSuccession,
    protocol: Protocol,
    now: datetime,
) -> tuple[object, ...]:
    return (
        exchange, STATUS, WAITING, one.sender, found.successor, flow.id, 0, one.rule, None,
        protocol.digest, now, entry, new_id(), 0, (), one.owner, None, one.expires_at, False, None,
        None,
    )  # fmt: skip


def _moved(
    one: WaitingStatus,
    exchange: UUID,
    entry: UUID,
    said: str,
    released: list[str],
    flow: Flow,
    found: StoredSuccession,
    protocol: Protocol,
    trace: Trace,
    now: datetime,
) -> Leaf:
    millis = int(now.timestamp() * 1000)
    facts = RuleFacts(
        flow=flow.id,
        activity=flow.processing_activity,
        protocol_version=protocol.version,
        protocol_digest=protocol.digest,
        locks={"opvolging": f"{found.ground}: {found.case_number}"},
    )
    written = write_entry(
        EntryHead(entry, Event.SUCCESSION, trace, exchange, millis, millis),
        facts,
        [said],
        {
            "about": str(one.exchange),
            # What it says of the decision is read as any decision's: for whoever it is about.
            "decision": Outcome.ACCEPTED,
            "field": None,
            "recipient": found.successor,
            "released": released,
            "removed": [],
            "rule": one.rule,
            "sender": one.sender,
            "step": "overgezet",
            "succession": str(found.id),
        },
    )
    return Leaf(leaf_hash(written), written, [one.owner])


def _taken_out(
    one: WaitingStatus, said: str, entry: UUID, protocol: Protocol, trace: Trace, now: datetime
) -> Leaf:
    """That it waits for its first recipient no more."""
    millis = int(now.timestamp() * 1000)
    flow = next(flow for flow in protocol.flows if flow.id == one.flow)
    facts = RuleFacts(
        flow=flow.id,
        activity=flow.processing_activity,
        protocol_version=protocol.version,
        protocol_digest=protocol.digest,
        locks={},
    )
    written = write_entry(
        EntryHead(entry, Event.PURGE, trace, one.exchange, millis, millis),
        facts,
        [said],
        {"reason": "opvolging", "sender": one.sender},
    )
    return Leaf(leaf_hash(written), written, [one.owner])


def _fields_in(content: bytes) -> list[str]:
    """The fields of a status that its box holds, by their paths."""
    return sorted(f"{MessageKind.STATUS}.{name}" for name in orjson.loads(status_data([content])))
