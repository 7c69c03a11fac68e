"""Handing over until each entry is confirmed or named: nothing is dropped, whoever refuses what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.reports.projections import receiving
from gateway.reports.projections.receiving import (
    AwayError,
    Confirmed,
    InsecureReceiverError,
    Later,
    Projected,
    Rejected,
    Verdict,
    require_secure,
    settle,
)
from tests.gateway.reports.projections.logged import leaf, projected


@dataclass
class Fussy:
    """Refuses some entries, all together or by name, and falters at some calls."""

    refused: frozenset[int]
    names_them: bool = False
    falters: frozenset[int] = frozenset()
    calls: int = 0
    taken: set[int] = field(default_factory=set)
    kind: str = "proef"
    target: str = "hier"
    size: int = 0

    async def begin(self, confirmed: int) -> None:
        """Nothing to begin."""

    async def close(self) -> None:
        """Nothing to close."""

    async def deliver(self, batch: Sequence[Projected]) -> Verdict:
        self.calls += 1
        if self.calls in self.falters:
            return Later("status-503")
        places = [entry.read.leaf.position for entry in batch]
        bad = frozenset(n for n, place in enumerate(places) if place in self.refused)
        if self.names_them:
            self.taken |= {p for p in places if p not in self.refused}
            return Rejected("status-422", bad) if bad else Confirmed()
        if bad:
            return Rejected("partial-success")
        self.taken |= set(places)
        return Confirmed()


def batch(count: int) -> list[Projected]:
    return [projected(leaf(), number) for number in range(count)]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "_FALTERING", (0.0, 0.0, 0.0, 0.0))


@given(
    count=st.integers(2, 40),
    refused=st.frozensets(st.integers(0, 39), max_size=5),
    names_them=st.booleans(),
)
async def test_every_entry_is_confirmed_or_named_and_never_both(
    count: int, refused: frozenset[int], names_them: bool
) -> None:
    refused &= frozenset(range(count))
    receiver = Fussy(refused, names_them)
    entries = batch(count)
    if len(refused) == count:
        with pytest.raises(AwayError):
            await settle(receiver, entries)
        return
    parked = await settle(receiver, entries)
    assert {one.entry.read.leaf.position for one in parked} == refused
    assert receiver.taken == set(range(count)) - refused


async def test_a_receiver_that_refuses_everything_is_waited_for_and_not_believed() -> None:
    receiver = Fussy(frozenset(range(256)))
    with pytest.raises(AwayError) as told:
        await settle(receiver, batch(256))
    assert told.value.reason == "partial-success"
    assert receiver.calls < 40  # it was asked about a few, not about each


async def test_one_entry_alone_that_is_refused_is_waited_for() -> None:
    with pytest.raises(AwayError):
        await settle(Fussy(frozenset({0})), batch(1))


async def test_what_a_faltering_receiver_refuses_is_still_found() -> None:
    receiver = Fussy(frozenset({3}), falters=frozenset({3, 4, 6, 9}))
    parked = await settle(receiver, batch(16))
    assert [one.entry.read.leaf.position for one in parked] == [3]
    assert receiver.taken == set(range(16)) - {3}


async def test_later_is_later_at_once_while_nothing_was_refused() -> None:
    receiver = Fussy(frozenset(), falters=frozenset({1}))
    with pytest.raises(AwayError, match="status-503"):
        await settle(receiver, batch(4))
    assert receiver.calls == 1


@pytest.mark.parametrize(
    "address",
    ["https://collector.voorbeeld.nl:4318", "http://127.0.0.1:4318", "http://[::1]:4318",
     "http://localhost/v1/traces"],
)  # fmt: skip
def test_an_address_is_https_or_on_this_machine(address: str) -> None:
    assert require_secure(address) == address


@pytest.mark.parametrize(
    "address",
    ["http://collector.voorbeeld.nl", "http://10.0.0.7:4318", "http://127.0.0.1.voorbeeld.nl",
     "ftp://127.0.0.1", "https://", "collector:4318", "https://u:p@collector.voorbeeld.nl"],
)  # fmt: skip
def test_no_line_crosses_a_network_in_clear(address: str) -> None:
    with pytest.raises(InsecureReceiverError) as told:
        require_secure(address)
    assert address not in str(told.value)
