"""Stage 8 for every kind of message: one entry, one exchange row, in the group's commit.

A refusal is recorded like a permit (invariant 5); a crash before the commit leaves none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from gateway.audit.entries import EntryHead, Event, commitment, field_names, write_entry
from gateway.audit.merkle import leaf_hash
from gateway.exchange.arrivals import Arrival
from gateway.exchange.persons import Person
from gateway.exchange.rules import RuleBook
from gateway.store.groups import BESCHERMD, REFUSED, GroupRows, Leaf
from gateway.store.ids import new_id
from gateway.vault import kept_forms
from schemas.decisions import Decision, Outcome, Permit, Refuse, Rule, outcome_of

OUTCOMES = (Outcome.ACCEPTED, Outcome.HELD, Outcome.REFUSED)
"""Outcomes by the number that an exchange row keeps."""
_OUTCOME_NUMBERS = {outcome: number for number, outcome in enumerate(OUTCOMES)}

REFERRAL, STATUS, UNREADABLE, NOTICE, ACCOUNTABILITY, PARTNER_UPDATE = 1, 2, 3, 4, 5, 6
"""Kinds of exchange, by the number that a row keeps."""


class Verdict(NamedTuple):
    """What stage 8 records besides the message's envelope.

    `owner` is the person under whose key the sender's own reference is sealed.
    """

    decision: Decision
    recipient: str | None = None
    state: int = REFUSED
    keeps: timedelta = timedelta(0)
    owner: UUID | None = None
    reference: bytes | None = None
    released: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    ground: str | None = None
    """The law that a referral was made under, empty where it stated none; None of other kinds."""


class Filed(NamedTuple):
    """Where one message's entry will stand."""

    decision: Decision
    entry: UUID
    leaf_hash: bytes
    group_index: int


bound_to, bound_reference = kept_forms.bound_to, kept_forms.bound_reference
"""Where a member's box, and a sender's own reference, open: the road's names for it."""


def bound_held(exchange: bytes) -> bytes:
    """The associated data of a held message."""
    return exchange + b"held"


def entry_of(
    arrival: Arrival,
    event: Event,
    verdict: Verdict,
    persons: Sequence[Person],
    book: RuleBook,
    now: datetime,
) -> tuple[UUID, Leaf]:
    """The entry of one decision: its id, and the leaf that is to be appended."""
    decision = verdict.decision
    entry_id = new_id()
    head = EntryHead(
        entry_id,
        event,
        arrival.trace,
        arrival.exchange,
        int(arrival.received_at.timestamp() * 1000),
        int(now.timestamp() * 1000),
    )
    entry = write_entry(
        head,
        book.facts(
            decision.flow,
            is_protected=isinstance(decision, Permit) and decision.is_protected,
            is_emergency=decision.rule is Rule.EMERGENCY,
        ),
        [commitment(person.key, entry_id, person.id) for person in persons],
        {
            "body": arrival.commitment,
            "decision": outcome_of(decision),
            "field": decision.field if isinstance(decision, Refuse) else None,
            "recipient": verdict.recipient,
            "released": field_names(verdict.released),
            "removed": field_names(verdict.removed),
            "rule": decision.rule,
            "sender": arrival.sender,
        },
    )
    return entry_id, Leaf(leaf_hash(entry), entry, [person.id for person in persons])


def file_entry(
    arrival: Arrival,
    kind: int,
    verdict: Verdict,
    persons: Sequence[Person],
    book: RuleBook,
    group: UUID,
    rows: GroupRows,
    now: datetime,
    *,
    is_protected: bool = False,
) -> Filed:
    """Write the entry and the exchange row into the group's rows.

    What is protected has its entry in the log of its own, whatever was decided (invariant 14).
    """
    decision = verdict.decision
    event = Event.UNREADABLE if kind == UNREADABLE else Event.DECISION
    entry_id, leaf = entry_of(arrival, event, verdict, persons, book, now)
    if is_protected:
        leaf = leaf._replace(series=BESCHERMD)
    usable_until = None
    if isinstance(decision, Permit) and decision.rule is Rule.EMERGENCY:
        usable_until = decision.until
    index = len(rows.leaves)
    rows.leaves.append(leaf)
    rows.exchanges.append(
        (
            arrival.exchange,
            kind,
            verdict.state,
            arrival.sender,
            verdict.recipient,
            decision.flow,
            _OUTCOME_NUMBERS[outcome_of(decision)],
            decision.rule,
            decision.field if isinstance(decision, Refuse) else None,
            book.protocol.digest,
            arrival.received_at,
            entry_id,
            group,
            index,
            arrival.findings,
            verdict.owner,
            verdict.reference,
            now + verdict.keeps,
            is_protected,
            usable_until,
            verdict.ground,
        )
    )
    return Filed(decision, entry_id, leaf.hash, index)
