"""The road of one status message: the same stages, on the case of an earlier exchange.

The casebook names the exchange that it pulled; the answer goes to the sender of that exchange and
to nobody else, under that sender's own reference, which only this road opens.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from consent.decide import Facts, decide
from consent.register import NOTHING_RECORDED
from gateway.exchange.arrivals import Arrival
from gateway.exchange.boxes import pack
from gateway.exchange.recording import (
    STATUS,
    Filed,
    Person,
    Verdict,
    bound_reference,
    bound_to,
    file_entry,
)
from gateway.exchange.rules import CompiledFlow, RuleBook
from gateway.store.groups import HELD, PURGED, REFUSED, WAITING, GroupRows, Original
from gateway.vault.boxes import Nonces
from schemas.casework import StatusMessage
from schemas.decisions import Permit, Refuse, Rule
from schemas.fields import MessageKind

_NEVER_HANDED_OVER = (HELD, REFUSED, PURGED)
UNKNOWN_EXCHANGE = Refuse(None, Rule.UNKNOWN_EXCHANGE, "statusbericht.uitwisselingId")


class ArrivedStatus(NamedTuple):
    """Stage 2: a status message by a known sender; it names no person (stage 3 has no work)."""

    arrival: Arrival
    message: StatusMessage


def translate(body: bytes) -> StatusMessage:
    """2. The canonical message from canonical JSON. Raises pydantic's `ValidationError`."""
    return StatusMessage.model_validate_json(body, by_alias=True, by_name=False)


def walk(
    status: ArrivedStatus,
    original: Original | None,
    owner: Person | None,
    book: RuleBook,
    group: UUID,
    rows: GroupRows,
    nonces: Nonces,
    now: datetime,
) -> Filed:
    """Stages 4 to 8 of one status message, into the rows of its group."""
    verdict, persons = _verdict(status, original, owner, book, rows, nonces, now)
    return file_entry(status.arrival, STATUS, verdict, persons, book, group, rows, now)


def _verdict(
    status: ArrivedStatus,
    original: Original | None,
    owner: Person | None,
    book: RuleBook,
    rows: GroupRows,
    nonces: Nonces,
    now: datetime,
) -> tuple[Verdict, list[Person]]:
    sender = status.arrival.sender
    # A case that was never this sender's is answered as one that does not exist.
    if original is None or original.recipient != sender or original.state in _NEVER_HANDED_OVER:
        return Verdict(UNKNOWN_EXCHANGE), []
    if owner is None or original.sealed_reference is None:
        return Verdict(UNKNOWN_EXCHANGE), []
    flow = book.table.find(sender, MessageKind.STATUS, original.sender)
    facts = Facts(None, frozenset(), 0, [NOTHING_RECORDED])
    decision = decide(book.table, flow, facts, book.suspended, now.date())
    if not isinstance(decision, Permit):
        return Verdict(decision, None if flow is None else flow.recipient), [owner]
    compiled = book.flows[decision.flow]
    verdict = _enqueue(status, original, owner, compiled, decision, rows, nonces, now)
    return verdict, [owner]


def _enqueue(
    status: ArrivedStatus,
    original: Original,
    owner: Person,
    flow: CompiledFlow,
    permit: Permit,
    rows: GroupRows,
    nonces: Nonces,
    now: datetime,
) -> Verdict:
    """6 to 8. Minimise, seal under the key of the person whom the case is about, and queue."""
    assert original.sealed_reference is not None  # noqa: S101  # checked before the decision
    bound = bound_reference(original.id.bytes)
    reference = owner.key.open(original.sealed_reference, bound).decode("ascii")
    content = flow.plan.status(status.message, reference, now.date())
    exchange = status.arrival.exchange
    box = owner.key.seal(pack(content.parts), bound_to(exchange.bytes, 0), nonces.take())
    rows.parts.append((exchange, 0, owner.id, owner.gate, box))
    rows.mailbox.setdefault(flow.flow.recipient, []).append(exchange)
    return Verdict(
        permit,
        flow.flow.recipient,
        WAITING,
        flow.unclaimed,
        owner.id,
        None,
        content.released,
        content.removed,
    )
