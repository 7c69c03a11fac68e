"""A sender's receipts held against the log, both ways: an omission on either side is named.

Every receipt must have its entry: the one with its leaf hash, which says what the receipt says. And
every decision that the log records on a message of this sender must have its receipt. An exchange
has one first decision; what is decided on it later (a held message set free) has none of its own.

Who compares has verified the log and holds the receipts; nothing here is asked of the gateway. An
entry of after the last one in the log at hand is waiting for a newer export, not missing. A receipt
accuses nobody unless the gateway signed it. Findings name exchanges, which are random ids, never
contents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from gateway.audit.entries import Event
from gateway.audit.entry import decode_entry
from gateway.audit.merkle import leaf_hash

DECISIONS = frozenset({Event.DECISION, Event.UNREADABLE})


class Held(NamedTuple):
    """What one receipt says, apart from its signature."""

    exchange: UUID
    entry: UUID
    leaf_hash: bytes
    series: str
    decision: str
    received_at: datetime
    is_promised: bool
    """Whether the gateway signed for it: without that, anybody could have written it."""


class Reported(NamedTuple):
    """What was told of one record of a delivery; it bears no promise."""

    exchange: UUID
    decision: str


class Kind(StrEnum):
    """What does not agree."""

    NO_PROMISE = "no-promise"
    NO_ENTRY = "no-entry"
    OTHER_ENTRY = "other-entry"
    OTHER_DECISION = "other-decision"
    TWO_ENTRIES = "two-entries"
    TWO_RECEIPTS = "two-receipts"
    NO_RECEIPT = "no-receipt"


class Finding(NamedTuple):
    """One thing that does not agree: which exchange, and where in which log, if it is there."""

    kind: Kind
    exchange: UUID
    log: str | None = None
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The outcome: how many agree, how many wait for a newer checkpoint, and what does not."""

    sender: str | None
    receipts: int
    records: int
    """Records of deliveries, of which the sender was told and got no receipt."""
    agreed: int
    waiting: int
    elsewhere: int
    """Receipts of another series, such as that of protected exchanges."""
    entries: int
    findings: tuple[Finding, ...]


class Placed(NamedTuple):
    """An entry as it lies in a verified log."""

    log: str
    place: int
    entry: bytes


class _Decided(NamedTuple):
    log: str
    place: int
    sender: str
    exchange: UUID
    entry: UUID
    leaf_hash: bytes
    decision: str


class NoSenderError(ValueError):
    """Whose receipts these are cannot be told from them: none has its entry here."""


def reconcile(
    receipts: Iterable[Held],
    reported: Iterable[Reported],
    placed: Iterable[Placed],
    series: frozenset[str],
    sender: str | None = None,
) -> Reconciled:
    """Hold receipts against the entries of verified volumes of these series.

    The sender is whose entries the receipts lead to, unless it is named. Raises `NoSenderError`
    where that tells of none or of several.
    """
    held, elsewhere, doubles = _by_exchange(receipts, series)
    told = {one.exchange: one.decision for one in reported}
    decided, latest = _decisions(placed)
    first: dict[UUID, _Decided] = {}
    for one in decided:
        first.setdefault(one.exchange, one)
    by_leaf = {one.leaf_hash: one for one in decided}
    led_to = [by_leaf[one.leaf_hash] for one in held.values() if one.leaf_hash in by_leaf]
    whose = sender or _sender([*led_to, *(first[one] for one in told if one in first)])
    findings = [Finding(Kind.TWO_RECEIPTS, exchange) for exchange in doubles]
    agreed = waiting = 0
    for receipt in held.values():
        found = _hold(receipt, by_leaf.get(receipt.leaf_hash), first.get(receipt.exchange))
        if found is None:
            agreed += 1
        elif found.kind is Kind.NO_ENTRY and receipt.received_at.timestamp() * 1000 > latest:
            waiting += 1
        else:
            findings.append(found)
    own = [one for one in decided if one.sender == whose]
    findings += _unexpected(own, first, held, told)
    return Reconciled(
        whose,
        len(held),
        len(told),
        agreed,
        waiting,
        elsewhere,
        len(own),
        tuple(sorted(findings, key=_order)),
    )


def _by_exchange(
    receipts: Iterable[Held], series: frozenset[str]
) -> tuple[dict[UUID, Held], int, set[UUID]]:
    """Each exchange's receipt; how many are of other series; who has two that differ."""
    held: dict[UUID, Held] = {}
    elsewhere: set[bytes] = set()
    doubles: set[UUID] = set()
    # Those that are signed for first: beside one of them, what nobody signed says nothing.
    for one in sorted(receipts, key=lambda one: not one.is_promised):
        if one.series not in series:
            elsewhere.add(one.leaf_hash)
        elif not one.is_promised:
            held.setdefault(one.exchange, one)
        elif held.setdefault(one.exchange, one).leaf_hash != one.leaf_hash:
            doubles.add(one.exchange)
    return held, len(elsewhere), doubles


def _decisions(placed: Iterable[Placed]) -> tuple[list[_Decided], int]:
    """The decisions in these entries, and the latest moment that any entry bears (ms)."""
    decided: list[_Decided] = []
    latest = 0
    for log, place, entry in placed:
        fields = decode_entry(entry)
        ended = fields.get("endTime")
        if isinstance(ended, int):
            latest = max(latest, ended)
        if fields.get("event") in DECISIONS and fields.get("exchange") is not None:
            decided.append(
                _Decided(
                    log,
                    place,
                    str(fields.get("sender")),
                    UUID(str(fields["exchange"])),
                    UUID(str(fields["id"])),
                    leaf_hash(entry),
                    str(fields.get("decision")),
                )
            )
    return decided, latest


def _sender(led_to: Iterable[_Decided]) -> str:
    senders = {one.sender for one in led_to}
    if len(senders) != 1:
        raise NoSenderError("the receipts lead to the entries of no one sender")
    return senders.pop()


def _hold(receipt: Held, entry: _Decided | None, other: _Decided | None) -> Finding | None:
    """What is wrong with one receipt, if something is."""
    if not receipt.is_promised:
        return Finding(Kind.NO_PROMISE, receipt.exchange)
    if entry is None:
        if other is None:
            return Finding(Kind.NO_ENTRY, receipt.exchange)
        return Finding(Kind.OTHER_ENTRY, receipt.exchange, other.log, other.place)
    if (entry.exchange, entry.entry, entry.decision) != (
        receipt.exchange,
        receipt.entry,
        receipt.decision,
    ):
        return Finding(Kind.OTHER_DECISION, receipt.exchange, entry.log, entry.place)
    return None


def _unexpected(
    own: Iterable[_Decided],
    first: dict[UUID, _Decided],
    held: dict[UUID, Held],
    told: dict[UUID, str],
) -> Iterator[Finding]:
    """Entries of the sender that no receipt accounts for, and a first decision made twice."""
    seen: set[bytes] = set()
    for one in own:
        if one.leaf_hash in seen:
            yield Finding(Kind.TWO_ENTRIES, one.exchange, one.log, one.place)
            continue
        seen.add(one.leaf_hash)
        begun = first[one.exchange]
        if begun is not one:
            # Only what was held can be decided on again, when it is set free.
            if begun.decision != "aangehouden":
                yield Finding(Kind.TWO_ENTRIES, one.exchange, one.log, one.place)
        elif one.exchange not in held and one.exchange not in told:
            yield Finding(Kind.NO_RECEIPT, one.exchange, one.log, one.place)
        elif told.get(one.exchange, one.decision) != one.decision:
            yield Finding(Kind.OTHER_DECISION, one.exchange, one.log, one.place)


def _order(finding: Finding) -> tuple[str, int, str]:
    return (finding.kind, -1 if finding.place is None else finding.place, str(finding.exchange))
