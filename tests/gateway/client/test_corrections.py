"""What waits, and putting right what was sent: with and without `await`, over a bad road too."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from gateway.client import AsyncSluis, Conflict, Declined, Event, Garbled, Sluis
from schemas.corrections import Correction, CorrectionKind
from schemas.decisions import Rule
from schemas.notices import Advice, CorrectionNotice, HeldReferral, Recall
from tests.support.faults import Fault, Planned
from tests.support.gateway_simulator import GatewaySimulator
from tests.support.parties import QUICK, registered
from tests.support.serving import served

CORRECT = ("POST", "/v1/correcties")


def held(number: int) -> HeldReferral:
    now = datetime.now(UTC)
    return HeldReferral(
        exchange_id=uuid4(),
        reference=f"DWI-{number}",
        rule=Rule.AGREEMENT_INCOMPLETE,
        since=now,
        ends_at=now + timedelta(days=42),
    )


def annulment(reference: str = "C-1", message: str = "DWI-1") -> Correction:
    return Correction(reference=reference, kind=CorrectionKind.ANNUL, message=message)


async def test_what_waits_comes_page_after_page(
    dwi: AsyncSluis, simulator: GatewaySimulator
) -> None:
    simulator.held = [held(number) for number in range(7)]
    found = [one.reference async for one in dwi.held(size=3)]
    assert found == [f"DWI-{number}" for number in range(7)]


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.UNAVAILABLE, Fault.TRUNCATE])
@pytest.mark.parametrize("after", [False, True])
async def test_a_correction_over_a_bad_road_is_one(
    dwi: AsyncSluis, simulator: GatewaySimulator, fault: Fault, after: bool
) -> None:
    simulator.exchanges[uuid4()] = ("dwi", "DWI-1")
    simulator.network.plan(*CORRECT, Planned(fault, after))

    receipt = await dwi.correct(annulment())

    report = await dwi.correction(receipt.correction_id)
    assert len(simulator.corrections) == 1
    assert report.is_done
    assert [one.recipient for one in report.recipients] == ["casebook"]


async def test_a_reference_that_was_taken_and_what_is_not_ours(
    dwi: AsyncSluis, simulator: GatewaySimulator
) -> None:
    simulator.exchanges[uuid4()] = ("dwi", "DWI-1")
    simulator.exchanges[uuid4()] = ("dwi", "DWI-2")
    await dwi.correct(annulment())
    with pytest.raises(Conflict):
        await dwi.correct(annulment(message="DWI-2"))
    with pytest.raises(Declined) as raised:
        await dwi.correct(annulment("C-2", "DWI-3"))
    assert raised.value.status == 404


async def test_without_await_it_is_the_same(simulator: GatewaySimulator, tmp_path: Path) -> None:
    simulator.held = [held(1)]
    simulator.exchanges[uuid4()] = ("dwi", "DWI-1")

    def work() -> None:
        with served(simulator.network) as base_url:
            simulator.base_url = base_url
            with Sluis(registered(simulator, tmp_path / "blocking", "dwi"), retrying=QUICK) as dwi:
                assert [one.reference for one in dwi.held()] == ["DWI-1"]
                receipt = dwi.correct(annulment())
                assert dwi.correction(receipt.correction_id).is_done

    await asyncio.to_thread(work)


def event(kind: str, **data: object) -> Event:
    return Event.model_validate(
        {
            "id": str(uuid4()),
            "source": "urn:sluis:proef",
            "type": f"nl.sluis.{kind}",
            "sequence": "1",
            "time": "2026-01-12T09:30:00Z",
            "data": data,
        }
    )


def test_each_notice_is_read_as_what_it_is() -> None:
    exchange = str(uuid4())
    recall = event("intrekking", uitwisselingId=exchange, doel="hulp", categorie="*")
    advice = event("kennisgeving", uitwisselingId=exchange, regel="niet-vrijgegeven")
    correction = event(
        "correctie", uitwisselingId=exchange, correctieId=exchange, soort="annulering"
    )
    assert isinstance(recall.notice(), Recall)
    assert isinstance(advice.notice(), Advice)
    assert isinstance(correction.notice(), CorrectionNotice)
    assert all(one.is_notice for one in (recall, advice, correction))
    assert event("aanmelding").notice() is None
    assert not event("aanmelding").is_notice


def test_a_notice_of_a_later_version_may_say_more_but_not_less() -> None:
    exchange = str(uuid4())
    more = event("intrekking", uitwisselingId=exchange, doel="hulp", categorie="*", later=1)
    assert isinstance(more.notice(), Recall)
    with pytest.raises(Garbled):
        event("intrekking", uitwisselingId=exchange).notice()
