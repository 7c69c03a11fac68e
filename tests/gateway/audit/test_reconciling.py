"""Receipts and log are held against each other both ways, and what differs is named."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from gateway.audit.entry import encode_entry
from gateway.audit.merkle import leaf_hash
from gateway.audit.reconciling import (
    Finding,
    Held,
    Kind,
    NoSenderError,
    Placed,
    Reconciled,
    Reported,
    reconcile,
)

SERIES = "sluis/1/verwerkingen"
BEGUN = datetime(2026, 11, 22, 9, tzinfo=UTC)


def entry(n: int, **other: object) -> bytes:
    at = BEGUN + timedelta(seconds=n)
    fields: dict[str, object] = {
        "decision": "toegelaten",
        "endTime": int(at.timestamp() * 1000),
        "event": "besluit",
        "exchange": str(UUID(int=n)),
        "id": str(UUID(int=1000 + n)),
        "sender": "dwi" if n % 2 == 0 else "okt",
    }
    return encode_entry(fields | other)


def receipt(n: int, raw: bytes | None = None, **other: object) -> Held:
    told = entry(n) if raw is None else raw
    held = Held(
        UUID(int=n),
        UUID(int=1000 + n),
        leaf_hash(told),
        SERIES,
        str(json.loads(told)["decision"]),
        BEGUN + timedelta(seconds=n),
        True,
    )
    return held._replace(**other)  # type: ignore[arg-type]


def outcome(
    receipts: Sequence[Held],
    entries: Sequence[bytes],
    reported: Sequence[Reported] = (),
    sender: str | None = None,
) -> Reconciled:
    placed = [Placed(f"{SERIES}/2026", n, raw) for n, raw in enumerate(entries)]
    return reconcile(receipts, reported, placed, frozenset({SERIES}), sender)


LOG = [entry(n) for n in range(10)]
RECEIPTS = [receipt(n) for n in range(0, 10, 2)]


def test_what_agrees_is_counted_and_nothing_is_found() -> None:
    found = outcome([*RECEIPTS, RECEIPTS[0]], LOG)
    assert found == Reconciled("dwi", 5, 0, 5, 0, 0, 5, ())


def test_an_omitted_entry_is_named_by_its_exchange() -> None:
    found = outcome(RECEIPTS, [raw for n, raw in enumerate(LOG) if n != 4])
    assert found.findings == (Finding(Kind.NO_ENTRY, UUID(int=4)),)


def test_a_missing_receipt_is_named_with_the_place_of_its_entry() -> None:
    found = outcome([one for one in RECEIPTS if one.exchange != UUID(int=6)], LOG)
    assert found.findings == (Finding(Kind.NO_RECEIPT, UUID(int=6), f"{SERIES}/2026", 6),)


def test_another_senders_entries_need_no_receipt_of_this_one() -> None:
    assert outcome(RECEIPTS, LOG).findings == ()
    others = outcome([receipt(1)], LOG)
    assert (others.sender, len(others.findings)) == ("okt", 4)


def test_a_changed_entry_is_named_beside_the_one_that_was_promised() -> None:
    changed = [*LOG[:8], entry(8, decision="geweigerd"), LOG[9]]
    found = outcome(RECEIPTS, changed)
    assert [(one.kind, one.exchange, one.place) for one in found.findings] == [
        (Kind.OTHER_ENTRY, UUID(int=8), 8)
    ]


def test_an_entry_that_stands_twice_is_named_at_its_second_place() -> None:
    found = outcome(RECEIPTS, [*LOG, LOG[2]])
    assert found.findings == (Finding(Kind.TWO_ENTRIES, UUID(int=2), f"{SERIES}/2026", 10),)
    again = entry(2, id=str(UUID(int=77)))
    found = outcome(RECEIPTS, [*LOG, again])
    assert [one.kind for one in found.findings] == [Kind.TWO_ENTRIES]


def test_a_held_message_may_be_decided_on_again_without_a_second_receipt() -> None:
    held, freed = entry(0, decision="aangehouden"), entry(0, id=str(UUID(int=99)))
    found = outcome([receipt(0, held), *RECEIPTS[1:]], [held, *LOG[1:], freed])
    assert found.findings == ()


def test_a_receipt_that_says_otherwise_than_its_entry_is_named() -> None:
    found = outcome([RECEIPTS[0]._replace(decision="geweigerd"), *RECEIPTS[1:]], LOG)
    assert [one.kind for one in found.findings] == [Kind.OTHER_DECISION]


def test_a_receipt_that_nobody_signed_accuses_nobody() -> None:
    forged = receipt(40, is_promised=False, received_at=BEGUN)
    found = outcome([*RECEIPTS, forged], LOG)
    assert found.findings == (Finding(Kind.NO_PROMISE, UUID(int=40)),)


def test_two_receipts_of_one_exchange_that_differ_are_named() -> None:
    found = outcome([*RECEIPTS, receipt(0, leaf_hash=bytes(32))], LOG)
    assert [one.kind for one in found.findings] == [Kind.TWO_RECEIPTS]


def test_what_came_after_the_log_at_hand_waits() -> None:
    found = outcome([*RECEIPTS, receipt(12)], LOG)
    assert (found.findings, found.waiting) == ((), 1)


def test_receipts_of_another_series_are_counted_apart() -> None:
    found = outcome([*RECEIPTS, receipt(30, series="sluis/1/beschermd")], LOG)
    assert (found.findings, found.elsewhere) == ((), 1)


def test_records_of_a_delivery_account_for_their_entries() -> None:
    reported = [Reported(UUID(int=n), "toegelaten") for n in range(0, 10, 2)]
    assert outcome([], LOG, reported).findings == ()
    otherwise = [*reported[1:], Reported(UUID(int=0), "geweigerd")]
    assert [one.kind for one in outcome([], LOG, otherwise).findings] == [Kind.OTHER_DECISION]


def test_whose_receipts_they_are_must_follow_or_be_named() -> None:
    with pytest.raises(NoSenderError):
        outcome([receipt(50)], LOG)
    with pytest.raises(NoSenderError):
        outcome([receipt(0), receipt(1)], LOG)
    assert len(outcome([receipt(50)], LOG, sender="dwi").findings) == 5
