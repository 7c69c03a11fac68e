from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from gateway.client import (
    AsyncSluis,
    Conflict,
    Declined,
    Refused,
    Retrying,
    Sluis,
    Unacceptable,
    Unreachable,
)
from schemas.casework import CaseStatus, CloseReason, StatusMessage
from schemas.decisions import Outcome, Rule
from schemas.deliveries import DeliveryReport, DeliveryState
from schemas.identifiers import Bsn
from schemas.referral import Ground, Household, Member, Referral
from tests.support.faults import Fault, Planned
from tests.support.gateway_simulator import GatewaySimulator
from tests.support.parties import QUICK, registered
from tests.support.serving import served

REFER = ("POST", "/v1/aanmeldingen")
DELIVER = ("POST", "/v1/leveringen")

FAULTS = [
    pytest.param(Planned(fault, after), id=f"{fault.name.lower()}-{'after' if after else 'before'}")
    for fault in (Fault.DROP, Fault.UNAVAILABLE, Fault.BUSY, Fault.BAD_GATEWAY, Fault.TRUNCATE)
    for after in (False, True)
] + [pytest.param(Planned(Fault.DUPLICATE), id="duplicate")]


def referral(reference: str = "DWI-1", ground: Ground = Ground.PARTICIPATION_ACT) -> Referral:
    member = Member(bsn=Bsn("999990019"), surname="Maassen")
    return Referral(
        reference=reference,
        referred_on=date(2013, 12, 31),
        ground=ground,
        household=Household(postcode="1011AB", members=[member]),
    )


def delivery(folder: Path, households: int = 3, name: str = "levering.csv") -> Path:
    rows = [f"DWI-{n};2013-12-31;999990019;1980;ja" for n in range(households)]
    path = folder / name
    header = "kenmerk;aangemeld_op;bsn;geboortedatum;instemming"
    path.write_text("\r\n".join([header, *rows, ""]))
    return path


async def test_a_referral_is_answered_with_its_receipt(dwi: AsyncSluis) -> None:
    answer = await dwi.refer(referral())

    assert answer.decision is Outcome.ACCEPTED
    assert answer.rule is Rule.PERMITTED
    assert answer.receipt.log == "sluis.test/verwerkingen"


async def test_a_refusal_is_raised_with_its_answer(dwi: AsyncSluis) -> None:
    with pytest.raises(Refused) as caught:
        await dwi.refer(referral(ground=Ground.NONE))

    assert caught.value.answer.decision is Outcome.REFUSED
    assert caught.value.answer.rule is Rule.GROUND_NOT_ADMITTED
    assert caught.value.answer.receipt.promise.size == 1


async def test_a_repeated_referral_has_the_same_answer_and_other_content_is_a_conflict(
    dwi: AsyncSluis, simulator: GatewaySimulator
) -> None:
    first = await dwi.refer(referral())

    assert await dwi.refer(referral()) == first
    assert len(simulator.mailboxes["casebook"].events) == 1
    with pytest.raises(Conflict):
        await dwi.refer(referral(ground=Ground.DEBT_ASSISTANCE_ACT))


@pytest.mark.parametrize("planned", FAULTS)
async def test_a_referral_survives_each_fault_with_one_effect(
    dwi: AsyncSluis, casebook: AsyncSluis, simulator: GatewaySimulator, planned: Planned
) -> None:
    simulator.network.plan(*REFER, planned)

    answer = await dwi.refer(referral())

    assert [e.id for e in (await casebook.page()).events] == [answer.exchange_id]


@pytest.mark.parametrize("planned", FAULTS)
async def test_over_a_real_connection_too(
    simulator: GatewaySimulator, tmp_path: Path, planned: Planned
) -> None:
    with served(simulator.network) as base_url:
        simulator.base_url = base_url
        registered(simulator, tmp_path, "casebook")
        mine = registered(simulator, tmp_path, "dwi")
        for call in (REFER, DELIVER):
            simulator.network.plan(*call, planned)
        async with AsyncSluis(mine, retrying=QUICK) as dwi:
            await dwi.refer(referral("LOS-1"))
            await dwi.deliver(delivery(tmp_path, 5_000))

    assert len(simulator.mailboxes["casebook"].events) == 5_001


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_gateway_that_hangs_is_given_up_in_time(
    simulator: GatewaySimulator, tmp_path: Path, after_effect: bool
) -> None:
    with served(simulator.network) as base_url:
        simulator.base_url = base_url
        registered(simulator, tmp_path, "casebook")
        mine = registered(simulator, tmp_path, "dwi")
        slow = Planned(Fault.SLOW, after_effect, seconds=1)
        simulator.network.plan(*REFER, slow, slow)
        twice = Retrying(attempts=2, first=0.01)
        async with AsyncSluis(mine, retrying=twice, answer_within=0.2) as dwi:
            with pytest.raises(Unreachable, match="ReadTimeout"):
                await dwi.refer(referral())

    assert len(simulator.mailboxes["casebook"].events) == (1 if after_effect else 0)


async def test_a_delivery_is_reported_and_known_again(
    dwi: AsyncSluis, casebook: AsyncSluis, tmp_path: Path
) -> None:
    path = delivery(tmp_path)
    told: list[tuple[int, int]] = []

    first = await dwi.deliver(path, sent=lambda done, of: told.append((done, of)))
    again = await dwi.deliver(path)

    assert (first.accepted, first.is_repeat) == (3, False)
    assert (again.delivery_id, again.is_repeat) == (first.delivery_id, True)
    assert told == [(path.stat().st_size, path.stat().st_size)]


async def test_a_delivery_from_an_iterator_is_sent_once_and_not_repeated(
    dwi: AsyncSluis, casebook: AsyncSluis, simulator: GatewaySimulator, tmp_path: Path
) -> None:
    content = delivery(tmp_path).read_bytes()

    async def pieces() -> AsyncIterator[bytes]:
        yield content[:40]
        yield content[40:]

    simulator.network.plan(*DELIVER, Planned(Fault.DROP))
    with pytest.raises(Unreachable, match="after 1 attempt "):
        await dwi.deliver(pieces(), "text/csv")

    assert (await dwi.deliver(pieces(), "text/csv")).accepted == 3
    with pytest.raises(ValueError, match="media type"):
        await dwi.deliver(pieces())


async def test_a_delivery_that_is_too_big_or_of_another_kind_is_unacceptable(
    dwi: AsyncSluis, simulator: GatewaySimulator, tmp_path: Path
) -> None:
    simulator.max_bytes = 10
    with pytest.raises(Unacceptable, match="413"):
        await dwi.deliver(delivery(tmp_path))
    simulator.max_bytes = 10_000
    with pytest.raises(Unacceptable, match="415"):
        await dwi.deliver(delivery(tmp_path, name="levering.xml"))


async def test_a_no_that_comes_before_the_body_was_read_is_still_heard(
    simulator: GatewaySimulator, tmp_path: Path
) -> None:
    simulator.max_bytes = 10
    with served(simulator.network) as base_url:
        simulator.base_url = base_url
        mine = registered(simulator, tmp_path, "dwi")
        async with AsyncSluis(mine, retrying=QUICK) as dwi:
            with pytest.raises(Unacceptable, match="413"):
                await dwi.deliver(delivery(tmp_path, 200_000))

    assert simulator.network.count(*DELIVER) == 1


async def test_waiting_shows_progress_until_all_is_processed(
    dwi: AsyncSluis, casebook: AsyncSluis, simulator: GatewaySimulator, tmp_path: Path
) -> None:
    simulator.polls_until_done = 3
    seen: list[DeliveryReport] = []
    report = await dwi.deliver(delivery(tmp_path))

    done = await dwi.wait(report.delivery_id, seen.append, first=0.001)

    assert [item.state for item in seen] == [DeliveryState.PROCESSING] * 3 + [DeliveryState.DONE]
    assert done == seen[-1]


@pytest.mark.parametrize("households", [1, 999, 1000, 1001, 2500])
async def test_outcomes_come_all_and_in_order(
    dwi: AsyncSluis, casebook: AsyncSluis, tmp_path: Path, households: int
) -> None:
    report = await dwi.deliver(delivery(tmp_path, households))

    outcomes = [outcome async for outcome in dwi.outcomes(report.delivery_id)]

    assert [outcome.record for outcome in outcomes] == list(range(1, households + 1))
    assert outcomes[0].exchange_id is not None


async def test_a_delivery_of_another_partner_is_not_there(
    dwi: AsyncSluis, casebook: AsyncSluis, tmp_path: Path
) -> None:
    report = await dwi.deliver(delivery(tmp_path))

    with pytest.raises(Declined, match="404"):
        await casebook.report(report.delivery_id)


async def test_a_status_goes_back_to_the_sender(dwi: AsyncSluis, casebook: AsyncSluis) -> None:
    answer = await dwi.refer(referral())
    status = _status(answer.exchange_id)

    told = await casebook.send_status(status)

    assert told.decision is Outcome.ACCEPTED
    assert await casebook.send_status(status) == told
    events = (await dwi.page()).events
    assert len(events) == 1
    own = events[0].own_status()
    assert own is not None
    assert own.reference == "DWI-1"


async def test_a_status_on_an_unknown_exchange_is_refused(casebook: AsyncSluis) -> None:
    with pytest.raises(Refused) as caught:
        await casebook.send_status(_status(uuid4()))

    assert caught.value.answer.rule is Rule.UNKNOWN_EXCHANGE


def test_the_twin_without_await_does_the_same(simulator: GatewaySimulator, tmp_path: Path) -> None:
    with served(simulator.network) as base_url:
        simulator.base_url = base_url
        theirs = registered(simulator, tmp_path, "casebook")
        mine = registered(simulator, tmp_path, "dwi")
        with Sluis(mine, retrying=QUICK) as dwi, Sluis(theirs, retrying=QUICK) as casebook:
            report = dwi.wait(dwi.deliver(delivery(tmp_path, 2500)).delivery_id)
            outcomes = dwi.outcomes(report.delivery_id)
            pages = list(casebook.pages(size=1000))

            assert next(outcomes).record == 1  # one that is left half-way harms nobody
            assert [len(page.events) for page in pages] == [1000, 1000, 500]
            assert casebook.acknowledge(pages[-1].next_cursor) == 2500
            assert dwi.report(report.delivery_id) == report
            with pytest.raises(Refused):
                dwi.refer(referral("X", ground=Ground.NONE))
            first = pages[0].events[0].id
            assert casebook.send_status(_status(first)).decision is Outcome.ACCEPTED
            assert dwi.status_file().lines()[1].startswith(b"DWI-0;beeindigd")


def _status(exchange: UUID) -> StatusMessage:
    return StatusMessage(
        reference="RIS-1",
        exchange_id=exchange,
        status=CaseStatus.CLOSED_NOT_REACHED,
        as_of=date(2013, 12, 31),
        close_reason=CloseReason.WANTS_NO_CONTACT,
    )
