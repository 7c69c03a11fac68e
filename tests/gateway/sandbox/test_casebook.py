from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from gateway.client import AsyncSluis, Event, Unreachable
from gateway.sandbox.casebook import OutOfOrder, Tally, work_mailbox
from gateway.sandbox.casework import seeded_casework
from gateway.sandbox.dossiers import FolderDossiers, MemoryDossiers
from schemas.casework import CaseStatus, StatusMessage
from schemas.decisions import Rule
from tests.support.faults import Fault, Planned
from tests.support.gateway_simulator import GatewaySimulator

ACKNOWLEDGE = ("POST", "/v1/postvak/ontvangst")
STATUS = ("POST", "/v1/statusberichten")
PULL = ("GET", "/v1/postvak")
REFERRAL = "nl.sluis.aanmelding"
decide = seeded_casework(2013)


def _refer(simulator: GatewaySimulator, count: int) -> list[UUID]:
    ids = []
    for number in range(count):
        exchange = uuid4()
        simulator.exchanges[exchange] = ("dwi", f"DWI-{number}")
        simulator.put("casebook", "aanmelding", exchange, {"huishouden": {"leden": [{}]}})
        ids.append(exchange)
    return ids


def _expected(simulator: GatewaySimulator) -> int:
    """How many statuses follow on what stands in the casebook's mailbox."""
    events = [Event.model_validate(item) for item in simulator.mailboxes["casebook"].events]
    return sum(len(decide(event)) for event in events if event.is_referral)


async def test_all_is_kept_acknowledged_and_reported_on(
    casebook: AsyncSluis, simulator: GatewaySimulator
) -> None:
    ids = _refer(simulator, 25)
    store = MemoryDossiers()
    seen: list[int] = []

    tally = await work_mailbox(
        casebook, store, decide, page_size=10, on_progress=lambda t: seen.append(t.pages)
    )

    assert (tally.pages, tally.received[REFERRAL], tally.repeats) == (3, 25, 0)
    assert tally.acknowledged == 25
    assert all(store.has(exchange) for exchange in ids)
    assert tally.statuses.total() == _expected(simulator)
    assert len(simulator.mailboxes["dwi"].events) == _expected(simulator)
    assert tally.refused.total() == 0
    assert seen == [1, 1, 2, 2, 3, 3]
    assert await work_mailbox(casebook, store, decide) == Tally(pages=1)


async def test_statuses_of_one_case_arrive_in_their_order(
    casebook: AsyncSluis, simulator: GatewaySimulator
) -> None:
    (exchange,) = _refer(simulator, 1)

    def all_steps(event: Event) -> Sequence[StatusMessage]:
        steps = [CaseStatus.COORDINATION_CHECK, CaseStatus.ACTIVE, CaseStatus.CLOSED_REACHED]
        return [
            StatusMessage(
                reference=f"RIS-{n}", exchange_id=exchange, status=step, as_of=event.time.date()
            )
            for n, step in enumerate(steps)
        ]

    await work_mailbox(casebook, MemoryDossiers(), all_steps)

    told = [event["data"]["status"] for event in simulator.mailboxes["dwi"].events]
    assert told == ["ontvangen", "in-behandeling", "beeindigd"]


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("call", [PULL, ACKNOWLEDGE, STATUS])
async def test_an_interrupted_casebook_goes_on_and_doubles_nothing(
    casebook: AsyncSluis,
    simulator: GatewaySimulator,
    tmp_path: Path,
    call: tuple[str, str],
    after_effect: bool,
) -> None:
    ids = _refer(simulator, 12)
    # Each worker's call is tried four times; all of them must fail to stop the casebook.
    simulator.network.plan(*call, *[Planned(Fault.DROP, after_effect)] * 4 * 4)
    stops = 0
    while True:
        # A new store each time: what the folder does not hold, a crash would have lost.
        store = FolderDossiers(tmp_path / "casebook")
        try:
            tally = await work_mailbox(casebook, store, decide, page_size=5, concurrency=4)
        except Unreachable:
            stops += 1
            continue
        break

    assert stops >= 1
    kept = FolderDossiers(tmp_path / "casebook")
    assert kept.last_position == 12
    assert all(kept.has(exchange) for exchange in ids)
    assert list(kept.unreported()) == []
    assert simulator.mailboxes["casebook"].acknowledged == 12
    assert len(simulator.mailboxes["dwi"].events) == _expected(simulator)
    assert tally.refused.total() == 0


async def test_what_was_kept_but_not_acknowledged_is_counted_as_a_repeat(
    casebook: AsyncSluis, simulator: GatewaySimulator
) -> None:
    _refer(simulator, 3)
    store = MemoryDossiers()
    simulator.network.plan(*ACKNOWLEDGE, *[Planned(Fault.DROP)] * 4)
    with pytest.raises(Unreachable):
        await work_mailbox(casebook, store, decide)

    tally = await work_mailbox(casebook, store, decide)

    assert (tally.received.total(), tally.repeats, tally.acknowledged) == (0, 3, 3)


def _skip(events: list[dict[str, object]]) -> None:
    del events[1]


def _swap(events: list[dict[str, object]]) -> None:
    events[1], events[2] = events[2], events[1]


def _double(events: list[dict[str, object]]) -> None:
    events[2] = dict(events[1])


@pytest.mark.parametrize("spoil", [_skip, _swap, _double])
async def test_a_gap_or_a_double_in_a_page_is_never_acknowledged(
    casebook: AsyncSluis, simulator: GatewaySimulator, spoil: object
) -> None:
    _refer(simulator, 5)
    assert callable(spoil)
    spoil(simulator.mailboxes["casebook"].events)

    with pytest.raises(OutOfOrder):
        await work_mailbox(casebook, MemoryDossiers(), decide)

    assert simulator.mailboxes["casebook"].acknowledged == 0


async def test_a_gap_between_pages_is_seen_too(
    casebook: AsyncSluis, simulator: GatewaySimulator
) -> None:
    _refer(simulator, 4)
    store = MemoryDossiers()
    await work_mailbox(casebook, store, decide)
    _refer(simulator, 2)
    simulator.mailboxes["casebook"].acknowledged = 5

    with pytest.raises(OutOfOrder, match="position 6 came after 4"):
        await work_mailbox(casebook, store, decide)


async def test_a_position_that_is_given_to_another_message_is_seen(
    casebook: AsyncSluis, simulator: GatewaySimulator
) -> None:
    _refer(simulator, 2)
    store = MemoryDossiers()
    await work_mailbox(casebook, store, decide)
    box = simulator.mailboxes["casebook"]
    box.acknowledged = 0
    box.events[1]["id"] = str(uuid4())

    with pytest.raises(OutOfOrder, match="position 2 was another message before"):
        await work_mailbox(casebook, store, decide)


async def test_one_exchange_on_two_positions_is_seen(
    casebook: AsyncSluis, simulator: GatewaySimulator
) -> None:
    _refer(simulator, 2)
    store = MemoryDossiers()
    await work_mailbox(casebook, store, decide)
    _refer(simulator, 1)
    events = simulator.mailboxes["casebook"].events
    events[2]["id"] = events[0]["id"]

    with pytest.raises(OutOfOrder, match="repeats an earlier exchange"):
        await work_mailbox(casebook, store, decide)


async def test_a_tombstone_is_kept_and_not_reported_on(
    casebook: AsyncSluis, simulator: GatewaySimulator
) -> None:
    _refer(simulator, 1)
    simulator.put("casebook", "vervallen", uuid4(), {})

    tally = await work_mailbox(casebook, MemoryDossiers(), decide)

    assert tally.received == {REFERRAL: 1, "nl.sluis.vervallen": 1}
    assert simulator.mailboxes["casebook"].acknowledged == 2
    assert len(simulator.mailboxes["dwi"].events) == _expected(simulator)


async def test_a_refused_status_is_counted_and_stops_nothing(
    casebook: AsyncSluis, simulator: GatewaySimulator
) -> None:
    first, _ = _refer(simulator, 2)
    del simulator.exchanges[first]

    tally = await work_mailbox(casebook, MemoryDossiers(), decide)

    assert tally.refused[Rule.UNKNOWN_EXCHANGE] >= 1
    assert tally.statuses.total() >= 1


async def test_statuses_in_flight_are_bounded(
    casebook: AsyncSluis, simulator: GatewaySimulator
) -> None:
    _refer(simulator, 40)
    inside = 0
    most = 0
    send = casebook.send_status

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(casebook, name)

        async def send_status(self, message: StatusMessage) -> object:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            try:
                await asyncio.sleep(0.001)
                return await send(message)
            finally:
                inside -= 1

    await work_mailbox(Counting(), MemoryDossiers(), decide, concurrency=4)  # type: ignore[arg-type]

    assert 1 < most <= 4
