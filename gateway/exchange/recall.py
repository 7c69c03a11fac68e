"""The recall (intrekking): who was handed something of a person before is told which use stops.

Never who withdrew or why. Where all members must agree, naming one would say who withdrew, so the
recall is of the whole exchange; where a message may be reduced, the recipient cannot obey without
knowing whose part goes, and is told the pseudonym that it knows anyway (ADR 0013). What was
recalled before is not recalled again: that would tell that one more withdrew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from consent.minimise import covers
from consent.protocol import Flow, HouseholdRule, ProtocolError, load
from consent.register import Standing
from gateway.audit.entries import Trace
from gateway.exchange.boxes import categories_of
from gateway.exchange.notices import ALL, Topic, add_notice, whom_of
from gateway.exchange.recording import bound_to
from gateway.exchange.rules import CompiledFlow, RuleBook
from gateway.store.groups import Connection
from gateway.store.mailbox import stored_parts
from gateway.store.notices import Earlier, NoticeRows, Told, notices_about, protocol_text
from gateway.vault.boxes import CONTENT, SealBrokenError, Vault, WrappedKey
from schemas.fields import FIELDS, PLACES, Place, Treatment
from schemas.notices import NoticeKind, Recall

NO = Standing(False)


class Scope(NamedTuple):
    """What a decision is about."""

    purpose: str
    recipient: str
    category: str


class Affected(NamedTuple):
    """A message that a "no" bears on; no flow where the protocol in force has it no more."""

    told: Told
    flow: CompiledFlow | None
    stand: Standing


async def flow_then(connection: Connection, digest: bytes, name: str | None) -> Flow | None:
    """The flow as the version had it that decided; None where that cannot be read any more."""
    text = await protocol_text(connection, digest)
    if text is None:
        return None
    try:
        flows = load(text).flows
    except ProtocolError:
        return None
    return next((flow for flow in flows if flow.id == name), None)


async def recall(
    connection: Connection,
    affected: Sequence[Affected],
    scope: Scope,
    subject: UUID,
    book: RuleBook,
    vault: Vault,
    trace: Trace,
    now: datetime,
    cause: UUID | None,
) -> NoticeRows:
    """The recalls of those of these messages that were handed over."""
    rows = NoticeRows()
    handed = [one for one in affected if one.told.released_at is not None and _stops(one, scope)]
    if scope.category != ALL:
        handed = await _with_category(connection, handed, scope.category, vault)
    if not handed:
        return rows
    exchanges = [one.told.exchange for one in handed]
    before = await notices_about(connection, exchanges)
    whom = await whom_of(connection, exchanges, vault)
    for one in handed:
        told = one.told
        member = told.member if _points_at_one(one, scope, subject) else None
        if any(_covers(earlier, told.exchange, scope.category, member) for earlier in before):
            continue
        name = None
        if member is not None and one.flow is not None:
            name = one.flow.domain.pseudonym(subject)
        message = Recall(
            exchange_id=told.exchange,
            purpose=scope.purpose,
            category=scope.category,
            member=name,
        )
        topic = Topic(
            NoticeKind.RECALL,
            told.exchange,
            told.recipient,
            told.flow,
            cause,
            scope.category,
            member,
        )
        persons = whom.get(told.exchange, [])
        add_notice(rows, topic, message, persons, book, trace, now, holder=told.owner)
    return rows


def _stops(one: Affected, scope: Scope) -> bool:
    """Whether the person stands at no on what was decided: one that is outweighed stops nothing."""
    if scope.category == ALL:
        return one.stand.given is not True
    return one.flow is None or scope.category in one.stand.refused


async def _with_category(
    connection: Connection, handed: Sequence[Affected], category: str, vault: Vault
) -> list[Affected]:
    """Those that held the category, or may have: where the content is gone the flow says so."""
    held: dict[UUID, bool] = {}
    for part in await stored_parts(connection, [one.told.exchange for one in handed]):
        place = bound_to(part.exchange.bytes, part.member)
        try:
            key = vault.unwrap(part.subject, CONTENT, WrappedKey(part.epoch, part.wrapped))
            names = categories_of([key.open(part.box, place)])
        except SealBrokenError:
            names = (category,)
        has = any(covers(frozenset({category}), name) for name in names)
        held[part.exchange] = held.get(part.exchange, False) or has
    return [one for one in handed if held.get(one.told.exchange, _admits(one.flow, category))]


def _admits(flow: CompiledFlow | None, category: str) -> bool:
    return flow is None or any(
        covers(frozenset({category}), FIELDS[path].category)
        for path, treatment in flow.flow.fields.items()
        if treatment is not Treatment.DROP
    )


def _points_at_one(one: Affected, scope: Scope, subject: UUID) -> bool:
    if one.flow is None:
        return False
    if one.flow.flow.locks.agreement.household is not HouseholdRule.REDUCE:
        return False
    if scope.category == ALL:
        return one.told.owner != subject
    return PLACES.get(scope.category) in (Place.MEMBER, Place.ZRM)


def _covers(earlier: Earlier, about: UUID, category: str, member: int | None) -> bool:
    """Whether an earlier notice stopped all of this use already."""
    if earlier.about != about or earlier.category is None:
        return False
    is_wider = earlier.category in (ALL, category, category.partition(".")[0])
    return is_wider and earlier.member in (None, member)
