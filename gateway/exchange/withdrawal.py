"""What a "no" does to messages that wait in a mailbox, in the transaction that records it.

Where every member must agree, the message goes as a whole; where the flow lets it be reduced, the
member's part goes, and with the applicant's part the message. A "no" to one category takes that
category out of the member's box. Releases look again in any case, since the gate was raised.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from consent.minimise import covers
from consent.protocol import HouseholdRule
from consent.register import CATEGORY_ALL
from gateway.audit.entries import EntryHead, Event, Trace, commitment, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.boxes import pack, unpack
from gateway.exchange.recording import bound_to
from gateway.exchange.rules import CompiledFlow, RuleBook
from gateway.store.consents import Affected, replace_box, waiting_with
from gateway.store.groups import Connection, Leaf, stored_keys
from gateway.store.ids import new_id
from gateway.store.mailbox import drop_members, purge_exchanges
from gateway.vault.boxes import CONTENT, DataKey, Nonces, Vault, WrappedKey


class Scope(NamedTuple):
    """What a decision is about."""

    purpose: str
    recipient: str
    category: str


async def reduce_waiting(
    connection: Connection,
    subject: UUID,
    scope: Scope,
    book: RuleBook,
    vault: Vault,
    trace: Trace,
    now: datetime,
) -> list[Leaf]:
    """Purge or reduce what waits about one person; the caller holds their gate, and commits.

    Gives the entries of what was taken out, which the caller appends to the log.
    """
    stored = await stored_keys(connection, [subject])
    if not stored:
        return []
    wrapped = WrappedKey(stored[0].epoch, stored[0].wrapped)
    key = vault.unwrap(subject, CONTENT, wrapped)
    purged: list[UUID] = []
    dropped: list[tuple[UUID, int]] = []
    leaves: list[Leaf] = []
    for one in await waiting_with(connection, subject, scope.recipient):
        flow = book.flows.get(one.flow or "")
        if flow is None or not _rests_on(flow, scope):
            continue
        if scope.category != CATEGORY_ALL:
            await replace_box(connection, one.exchange, one.member, _without(key, one, scope))
        elif _goes_whole(flow, one, subject):
            purged.append(one.exchange)
        else:
            dropped.append((one.exchange, one.member))
        leaves.append(_entry(key, subject, one, book, trace, now))
    if purged:
        await purge_exchanges(connection, purged)
    if dropped:
        await drop_members(connection, dropped)
    return leaves


def _rests_on(flow: CompiledFlow, scope: Scope) -> bool:
    rule = flow.flow
    return rule.locks.agreement.required and rule.purpose == scope.purpose


def _goes_whole(flow: CompiledFlow, one: Affected, subject: UUID) -> bool:
    household = flow.flow.locks.agreement.household
    return household is HouseholdRule.ALL or one.owner == subject


def _without(key: DataKey, one: Affected, scope: Scope) -> bytes:
    bound = bound_to(one.exchange.bytes, one.member)
    parts = unpack(one.member, key.open(one.box, bound))
    refused = frozenset({scope.category})
    kept = [part for part in parts if not covers(refused, part.category)]
    return key.seal(pack(kept), bound, Nonces().take())


def _entry(
    key: DataKey, subject: UUID, one: Affected, book: RuleBook, trace: Trace, now: datetime
) -> Leaf:
    entry_id, millis = new_id(), int(now.timestamp() * 1000)
    entry = write_entry(
        EntryHead(entry_id, Event.PURGE, trace, one.exchange, millis, millis),
        book.facts(one.flow),
        [commitment(key, entry_id, subject)],
        # Neutral: an entry must not tell its readers who said no.
        {"reason": "niet-meer-toegelaten", "sender": one.sender},
    )
    return Leaf(leaf_hash(entry), entry, [subject])
