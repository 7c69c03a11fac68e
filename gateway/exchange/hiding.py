"""An address becomes secret: what was said of the place before, and is here still, says it no more.

A hand-over that names a team is taken out, a correction loses the values that tell of a place, and
so do the message, accounts, statuses and partners' messages on the case, whether they wait or could
be pulled again (ADR 0029).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from gateway.audit.entries import Trace
from gateway.exchange.boxes import pack, unpack
from gateway.exchange.notices import GATEWAY, VALUES, Whom
from gateway.exchange.placing import hidden_of, hide
from gateway.exchange.purging import Purged, purge_leaf
from gateway.exchange.recording import ACCOUNTABILITY, PARTNER_UPDATE, STATUS, bound_to
from gateway.exchange.rectifying import hidden_with_address
from gateway.exchange.rules import RuleBook
from gateway.exchange.status import MOVED
from gateway.exchange.tools import GroupTools
from gateway.exchange.withdrawal import open_boxes
from gateway.store import placing as store
from gateway.store.consents import replace_boxes
from gateway.store.corrections import Subject
from gateway.store.groups import Connection, Leaf
from gateway.store.mailbox import purge_exchanges, stored_parts
from gateway.vault.boxes import Nonces
from schemas.notices import NoticeKind

_SAID = (STATUS, ACCOUNTABILITY, PARTNER_UPDATE)
_DISTRICT, _TEAM, _REASON = "stadsdeel", "wijkteam", "afsluitreden"


async def hide_place(
    connection: Connection,
    subject: Subject,
    whom: Sequence[Whom],
    book: RuleBook,
    tools: GroupTools,
    trace: Trace,
    now: datetime,
) -> list[Leaf]:
    """From now on nothing says where this is; gives the entries of what was taken out.

    The caller holds the gate of everybody concerned against releases, has written the line of the
    journal, and commits.
    """
    handles = tools.protected.handles
    if await hidden_of(connection, handles, [subject.exchange]):
        return []
    await hide(connection, handles, subject.exchange)
    boxes: list[tuple[UUID, int, bytes]] = []
    nonces = Nonces()
    corrections = await store.notices_here(connection, subject.exchange, NoticeKind.CORRECTION)
    of_flow = _names(book, subject.flow) | {_TEAM}
    for one in open_boxes(await stored_parts(connection, corrections), tools.vault):
        data, _, values = one.content.partition(VALUES)
        if values:
            exchange, member = one.stored.exchange, one.stored.member
            content = data + _without(values, of_flow)
            place = bound_to(exchange.bytes, member)
            boxes.append((exchange, member, one.key.seal(content, place, nonces.take())))
    said: dict[UUID, str | None] = {}
    if subject.owner is not None:
        parties = [one for one in (subject.sender, subject.recipient) if one is not None]
        said = await store.said_between(connection, subject.owner, _SAID, parties)
    said[subject.exchange] = subject.flow
    for one in open_boxes(await stored_parts(connection, sorted(said)), tools.vault):
        exchange, member = one.stored.exchange, one.stored.member
        names = _names(book, said[exchange]) | {_DISTRICT}
        content = _cut(member, one.content, names)
        if content != one.content:
            place = bound_to(exchange.bytes, member)
            boxes.append((exchange, member, one.key.seal(content, place, nonces.take())))
    await replace_boxes(connection, boxes)
    handovers = await store.notices_here(connection, subject.exchange, NoticeKind.HANDOVER)
    await purge_exchanges(connection, handovers)
    persons = [(one.subject, one.key) for one in whom]
    gone = [Purged(one, subject.flow, GATEWAY, subject.is_protected) for one in handovers]
    reason = "niet-meer-toegelaten"  # as of anything else: the log tells nobody who hides
    return [purge_leaf(one, persons, reason, book, trace, now) for one in gone]


def _names(book: RuleBook, flow: str | None) -> set[str]:
    """What a flow hides with an address; nothing goes by a flow that is no more."""
    compiled = book.flows.get(flow or "")
    hidden = {} if compiled is None else hidden_with_address(compiled.flow)
    return {name for names in hidden.values() for name in names}


def _without(values: bytes, names: set[str]) -> bytes:
    """The values of a correction without these; nothing at all where none is left."""
    told: dict[str, dict[str, Any]] = orjson.loads(values)
    kept = {
        place: left
        for place, of_place in told.items()
        if (left := {name: value for name, value in of_place.items() if name not in names})
    }
    return VALUES + orjson.dumps(kept) if kept else b""


def _cut(member: int, content: bytes, names: set[str]) -> bytes:
    """A box without these fields, and without a reason that tells of a move."""
    parts = []
    for part in unpack(member, content):
        values: dict[str, Any] = orjson.loads(b"{%b}" % part.fragment)
        kept = {
            name: value
            for name, value in values.items()
            if name not in names and not (name == _REASON and value in MOVED)
        }
        if kept == values:
            parts.append(part)
        elif kept:
            parts.append(part._replace(fragment=orjson.dumps(kept)[1:-1]))
    return pack(parts)
